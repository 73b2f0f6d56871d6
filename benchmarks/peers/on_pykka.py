"""pykka: an actor is a thread with a queue. It has no supervisors: `crash` is written by hand."""
# mypy: disable-error-code="import-not-found,import-untyped,misc"
# pyright: reportMissingImports=false
# (this runs in an environment of its own, which the type checkers do not see)

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pykka

from benchmarks.peers.floors import (
    CRASHES,
    Crash,
    deque_and_call,
    thread_served,
    thread_switches,
    threads_replaced,
    threads_started,
)
from benchmarks.peers.harness import (
    ASKERS,
    BURST,
    PATIENCE,
    RECEIVERS,
    SENDERS,
    Cannot,
    Latencies,
    Measured,
    Plan,
    Stopwatch,
    Table,
    WorkNotDone,
    check,
    growth,
    main,
)

TELLS = 20_000
ASKS = 4_000
MANY = 1000
"""Threads at a time: more than that is more than many a container allows."""


class Counter(pykka.ThreadingActor):
    """Counts, and says when it has counted enough."""

    def __init__(self, expected: int, done: threading.Event) -> None:
        super().__init__()
        self.handled, self.expected, self.done = 0, expected, done

    def on_receive(self, message: object) -> int:
        self.handled += 1
        if self.handled == self.expected:
            self.done.set()
        return self.handled


class Sender(pykka.ThreadingActor):
    """Tells one other so many times."""

    def __init__(self, to: pykka.ActorRef[Counter], times: int) -> None:
        super().__init__()
        self.to, self.times = to, times

    def on_receive(self, message: object) -> None:
        for number in range(self.times):
            self.to.tell(number)


@contextmanager
def stopped_at_the_end() -> Iterator[None]:
    try:
        yield
    finally:
        pykka.ActorRegistry.stop_all()


def wait(done: threading.Event, what: str) -> None:
    if not done.wait(PATIENCE):
        raise WorkNotDone(f"{what}: not all were handled in {PATIENCE:.0f} s")


def tell_1_1() -> Measured:
    with stopped_at_the_end():
        stopwatch, done = Stopwatch(), threading.Event()
        counter = Counter.start(TELLS, done)
        stopwatch.start()
        for _ in range(TELLS // BURST):
            for number in range(BURST):
                counter.tell(number)
        wait(done, "tell-1-1")
        return stopwatch.stop(TELLS)


def tell_10_1() -> Measured:
    with stopped_at_the_end():
        stopwatch, done = Stopwatch(), threading.Event()
        counter = Counter.start(TELLS, done)
        senders = [Sender.start(counter, TELLS // SENDERS) for _ in range(SENDERS)]
        stopwatch.start()
        for sender in senders:
            sender.tell("go")
        wait(done, "tell-10-1")
        return stopwatch.stop(TELLS)


def tell_1_1000() -> Measured:
    with stopped_at_the_end():
        stopwatch, ends = Stopwatch(), [threading.Event() for _ in range(RECEIVERS)]
        counters = [Counter.start(BURST, end) for end in ends]
        stopwatch.start()
        for counter in counters:
            for number in range(BURST):
                counter.tell(number)
        for end in ends:
            wait(end, "tell-1-1000")
        return stopwatch.stop(RECEIVERS * BURST)


def ask_in_turn() -> Measured:
    with stopped_at_the_end():
        stopwatch, counter = Stopwatch(), Counter.start(0, threading.Event())
        stopwatch.start()
        for number in range(ASKS):
            check(counter.ask(number), number + 1, "the answer")
        return stopwatch.stop(ASKS)


def ask_100() -> Measured:
    with stopped_at_the_end():
        stopwatch, counter = Stopwatch(), Counter.start(0, threading.Event())
        stopwatch.start()
        for _ in range(ASKS // ASKERS):
            pykka.get_all([counter.ask(number, block=False) for number in range(ASKERS)])
        measured = stopwatch.stop(ASKS)
        check(counter.ask("and one"), ASKS + 1, "answers")
        return measured


class Place:
    """Where the actor of the moment is found: what a supervisor would keep."""

    def __init__(self) -> None:
        self.started, self.handled = threading.Event(), threading.Event()
        self.lives, self.crashed, self.took = 1, 0.0, 0.0
        self.ref = Fragile.start(self)


class Fragile(pykka.ThreadingActor):
    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place

    def on_receive(self, message: object) -> None:
        if message == "crash":
            self.place.crashed = time.perf_counter()
            raise Crash
        self.place.took = time.perf_counter() - self.place.crashed
        self.place.handled.set()

    def on_failure(self, *failure: object) -> None:
        self.place.lives += 1
        self.place.ref = Fragile.start(self.place)
        self.place.started.set()


def crash() -> Latencies:
    with stopped_at_the_end():
        place, seconds = Place(), list[float]()
        for _ in range(CRASHES):
            place.started.clear()
            place.handled.clear()
            place.ref.tell("crash")
            wait(place.started, "the restart")
            place.ref.tell("next")
            wait(place.handled, "the next message")
            seconds.append(place.took)
        check(place.lives, CRASHES + 1, "lives")
        return Latencies(seconds)


def start(count: int = MANY) -> Measured:
    with stopped_at_the_end():
        stopwatch = Stopwatch()
        stopwatch.start()
        refs = [Counter.start(0, threading.Event()) for _ in range(count)]
        measured = stopwatch.stop(count)
        check(sum(ref.is_alive() for ref in refs), count, "actors alive")
        return measured


def memory(count: int = MANY) -> Measured:
    with stopped_at_the_end():
        grown: list[Measured] = []
        with growth(count, grown):
            refs = [Counter.start(0, None) for _ in range(count)]
            check(sum(ref.ask("there?") for ref in refs), count, "actors alive")
        return grown[0]


def stop(count: int = MANY) -> Measured:
    for _ in range(count):
        Counter.start(0, threading.Event())
    stopwatch = Stopwatch()
    stopwatch.start()
    stopped = pykka.ActorRegistry.stop_all()
    measured = stopwatch.stop(count)
    check(stopped.count(True), count, "actors stopped")
    return measured


NO_SUPERVISOR = f"no supervisor: {MANY:,} actors by themselves, as each is a thread"
TABLE: Table = {
    "tell-1-1": Plan(tell_1_1, deque_and_call, "actors are threads: no yield after a burst"),
    "tell-10-1": Plan(tell_10_1, deque_and_call),
    "tell-1-1000": Plan(tell_1_1000, partial(deque_and_call, RECEIVERS), at_most=2, warm=False),
    "ask-in-turn": Plan(ask_in_turn, thread_switches, "the floor is two switches between threads"),
    "ask-100": Plan(
        ask_100, thread_served, "100 futures at once, from one thread; the floor is the same with two queues and a thread"
    ),
    "crash": Plan(crash, threads_replaced, "no supervisor: a new actor is started by hand in on_failure"),
    "start-5k": Plan(start, partial(threads_started, MANY), NO_SUPERVISOR),
    "start-100k": Cannot("each actor is a thread"),
    "memory": Plan(memory, note=f"{NO_SUPERVISOR}; stacks count as far as they were touched", at_most=3, fresh=True),
    "stop": Plan(stop, note=NO_SUPERVISOR),
}

if __name__ == "__main__":
    main("pykka", "pykka", "benchmarks.peers.on_pykka", TABLE)
