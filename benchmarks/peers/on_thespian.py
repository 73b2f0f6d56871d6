"""thespian on its simpleSystemBase: all actors in the caller's thread, and every tell runs to its end before it returns."""
# mypy: disable-error-code="import-not-found,import-untyped,misc"
# pyright: reportMissingImports=false
# (this runs in an environment of its own, which the type checkers do not see)

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from thespian.actors import Actor, ActorAddress, ActorExitRequest, ActorSystem

from benchmarks.peers.floors import deque_and_call
from benchmarks.peers.harness import (
    BURST,
    PATIENCE,
    RECEIVERS,
    SENDERS,
    Cannot,
    Measured,
    Plan,
    Round,
    Stopwatch,
    Table,
    check,
    growth,
    main,
)

BASE = "simpleSystemBase"
TELLS = 20_000
ASKS = 5_000
MANY = 5_000
LOGS = {"version": 1, "disable_existing_loggers": False}


@dataclass
class Go:
    """Tell this actor so many times."""

    to: ActorAddress
    times: int


class Counter(Actor):
    """Counts, and answers the two questions."""

    handled = 0

    def receiveMessage(self, message: object, sender: ActorAddress) -> None:  # noqa: N802  # thespian's name
        if message == "total?":
            self.send(sender, self.handled)
        elif message == "there?":
            self.send(sender, "here")
        elif isinstance(message, int):
            self.handled += 1


class Sender(Actor):
    """Tells another."""

    def receiveMessage(self, message: object, sender: ActorAddress) -> None:  # noqa: N802  # thespian's name
        if isinstance(message, Go):
            for number in range(message.times):
                self.send(message.to, number)
            self.send(sender, "told")


@contextmanager
def system(base: str) -> Iterator[Any]:
    opened = ActorSystem(base, logDefs=LOGS)
    try:
        yield opened
    finally:
        opened.shutdown()


def until(actors: Any, counter: ActorAddress, expected: int) -> None:
    """Messages of one sender come in order, those of different senders may still be under way."""
    end = time.monotonic() + PATIENCE
    total = actors.ask(counter, "total?", PATIENCE)
    while (total == "told" or (isinstance(total, int) and total < expected)) and time.monotonic() < end:
        total = actors.ask(counter, "total?", PATIENCE)
    check(total, expected, "messages handled")


def tell_1_1(base: str, tells: int) -> Measured:
    with system(base) as actors:
        counter, stopwatch = actors.createActor(Counter), Stopwatch()
        check(actors.ask(counter, "there?", PATIENCE), "here", "the answer")
        stopwatch.start()
        for _ in range(tells // BURST):
            for number in range(BURST):
                actors.tell(counter, number)
        until(actors, counter, tells)
        return stopwatch.stop(tells)


def tell_10_1(base: str, tells: int) -> Measured:
    with system(base) as actors:
        counter, stopwatch = actors.createActor(Counter), Stopwatch()
        senders = [actors.createActor(Sender) for _ in range(SENDERS)]
        check(actors.ask(counter, "there?", PATIENCE), "here", "the answer")
        stopwatch.start()
        for sender in senders:
            actors.tell(sender, Go(counter, tells // SENDERS))
        until(actors, counter, tells)
        return stopwatch.stop(tells)


def tell_1_1000(base: str, each: int) -> Measured:
    with system(base) as actors:
        counters, stopwatch = [actors.createActor(Counter) for _ in range(RECEIVERS)], Stopwatch()
        stopwatch.start()
        for counter in counters:
            for number in range(each):
                actors.tell(counter, number)
        for counter in counters:
            until(actors, counter, each)
        return stopwatch.stop(RECEIVERS * each)


def ask_in_turn(base: str, asks: int) -> Measured:
    with system(base) as actors:
        counter, stopwatch = actors.createActor(Counter), Stopwatch()
        check(actors.ask(counter, "there?", PATIENCE), "here", "the answer")
        stopwatch.start()
        for _ in range(asks):
            check(actors.ask(counter, "there?", PATIENCE), "here", "the answer")
        return stopwatch.stop(asks)


def start(base: str, count: int) -> Measured:
    with system(base) as actors:
        stopwatch = Stopwatch()
        stopwatch.start()
        counters = [actors.createActor(Counter) for _ in range(count)]
        check(actors.ask(counters[-1], "there?", PATIENCE), "here", "the answer")
        return stopwatch.stop(count)


def memory(count: int) -> Measured:
    grown: list[Measured] = []
    with system(BASE) as actors, growth(count, grown):
        counters = [actors.createActor(Counter) for _ in range(count)]
        check(actors.ask(counters[-1], "there?", PATIENCE), "here", "the answer")
    return grown[0]


def stop(count: int) -> Measured:
    with system(BASE) as actors:
        counters, stopwatch = [actors.createActor(Counter) for _ in range(count)], Stopwatch()
        check(actors.ask(counters[-1], "there?", PATIENCE), "here", "the answer")
        stopwatch.start()
        for counter in counters:
            actors.tell(counter, ActorExitRequest())
        measured = stopwatch.stop(count)
        check(actors.ask(counters[-1], "there?", 0), None, "the answer of one that is stopped")
        return measured


def on(base: str, body: Callable[[str, int], Round], count: int) -> Callable[[], Round]:
    return partial(body, base, count)


LIVES_ON = "an exception is logged, the message tried again and sent back as poison, and the actor lives on as it is"
ONE_ANSWER = "ask takes the next answer of any actor, so one thread has one question open"
HERE = "in the caller's thread: a tell runs the actor before it returns"
ALONE = "no supervisor: top-level actors"
TABLE: Table = {
    "tell-1-1": Plan(on(BASE, tell_1_1, TELLS), deque_and_call, HERE),
    "tell-10-1": Plan(on(BASE, tell_10_1, TELLS), deque_and_call, "in the caller's thread"),
    "tell-1-1000": Plan(on(BASE, tell_1_1000, BURST), partial(deque_and_call, RECEIVERS), HERE, at_most=3),
    "ask-in-turn": Plan(on(BASE, ask_in_turn, ASKS), deque_and_call, f"{HERE}; the floor is a call"),
    "ask-100": Cannot(ONE_ANSWER),
    "crash": Cannot(LIVES_ON),
    "start-5k": Plan(on(BASE, start, MANY), note=ALONE),
    "start-100k": Plan(on(BASE, start, 100_000), note=ALONE, at_most=1, warm=False),
    "memory": Plan(partial(memory, MANY), note=ALONE, at_most=3, fresh=True),
    "stop": Plan(partial(stop, MANY), note=ALONE, at_most=3, warm=False),
}

if __name__ == "__main__":
    main("thespian", "thespian", "benchmarks.peers.on_thespian", TABLE)
