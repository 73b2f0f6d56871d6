"""triotp: gen_server and supervisor on trio. A mailbox is a memory channel without a buffer: a cast waits until it is taken."""
# mypy: disable-error-code="import-not-found,import-untyped,misc"
# pyright: reportMissingImports=false
# (this runs in an environment of its own, which the type checkers do not see)

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import trio
from triotp import application, dynamic_supervisor, gen_server, mailbox, node, supervisor

from benchmarks.peers.floors import CRASHES, Crash, deque_and_call
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
    check,
    growth,
    main,
)

TELLS = 10_000
ASKS = 3_000
SWITCHES = 10_000
MANY = 5_000
FEWER = 2_000
"""Where a round must not take ten seconds."""
SERVER = sys.modules[__name__]
"""triotp's callbacks are functions of a module: those below."""
PLENTY = supervisor.options(max_restarts=1_000_000, max_seconds=1)


class State:
    """Of one server: how many messages it had, and an event for when it has had enough."""

    def __init__(self, expected: int = 0) -> None:
        self.handled, self.expected = 0, expected
        self.ready, self.done = trio.Event(), trio.Event()
        self.lives = 0


async def init(state: State) -> State:
    state.lives += 1
    state.ready.set()
    return state


async def handle_cast(message: object, state: State) -> tuple[object, State]:
    if message == "crash":
        raise Crash
    state.handled += 1
    if state.handled == state.expected:
        state.done.set()
    return gen_server.NoReply(), state


async def handle_call(message: object, caller: object, state: State) -> tuple[object, State]:
    state.handled += 1
    return gen_server.Reply(payload=state.handled), state


def on_a_node(body: Callable[[], Awaitable[Any]]) -> Any:
    """Run it as an application, as triotp wants it, which is not started again."""
    results: list[Any] = []

    async def start(_: object) -> None:
        with trio.fail_after(PATIENCE):
            results.append(await body())

    module = SimpleNamespace(__name__="case", start=start)
    once = supervisor.options(max_restarts=0, max_seconds=5)
    node.run(apps=[application.app_spec(module=module, start_arg=None, permanent=False, opts=once)])
    return results[0]


@asynccontextmanager
async def servers(*states: State) -> AsyncIterator[list[str]]:
    """A supervisor with one server for each state; the names of the servers."""
    names = [f"server-{number}" for number in range(len(states))]
    children = [
        supervisor.child_spec(id=name, task=gen_server.start, args=[SERVER, state, name])
        for name, state in zip(names, states, strict=True)
    ]
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.start, children, PLENTY)
        for state in states:
            await state.ready.wait()
        yield names
        nursery.cancel_scope.cancel()


async def tell_1_1() -> Measured:
    state, stopwatch = State(TELLS), Stopwatch()
    async with servers(state) as (name,):
        stopwatch.start()
        for _ in range(TELLS // BURST):
            for number in range(BURST):
                await gen_server.cast(name, number)
        await state.done.wait()
        return stopwatch.stop(TELLS)


async def tell_10_1() -> Measured:
    state, stopwatch = State(TELLS), Stopwatch()

    async def sender(name: str) -> None:
        for number in range(TELLS // SENDERS):
            await gen_server.cast(name, number)

    async with servers(state) as (name,), trio.open_nursery() as nursery:
        stopwatch.start()
        for _ in range(SENDERS):
            nursery.start_soon(sender, name)
        await state.done.wait()
        return stopwatch.stop(TELLS)


async def tell_1_1000() -> Measured:
    each, stopwatch = TELLS // RECEIVERS, Stopwatch()
    states = [State(each) for _ in range(RECEIVERS)]
    async with servers(*states) as names:
        stopwatch.start()
        for number in range(each):
            for name in names:
                await gen_server.cast(name, number)
        for state in states:
            await state.done.wait()
        return stopwatch.stop(TELLS)


async def ask_in_turn() -> Measured:
    stopwatch = Stopwatch()
    async with servers(State()) as (name,):
        stopwatch.start()
        for number in range(ASKS):
            check(await gen_server.call(name, number), number + 1, "the answer")
        return stopwatch.stop(ASKS)


async def ask_100() -> Measured:
    stopwatch, state = Stopwatch(), State()

    async def asker(name: str) -> None:
        for number in range(ASKS // ASKERS):
            await gen_server.call(name, number)

    async with servers(state) as (name,):
        stopwatch.start()
        async with trio.open_nursery() as nursery:
            for _ in range(ASKERS):
                nursery.start_soon(asker, name)
        check(state.handled, ASKS, "questions answered")
        return stopwatch.stop(ASKS)


async def cast_when_there(name: str) -> None:
    """Between two lives there is no mailbox: a caller has to try again."""
    while True:
        try:
            await gen_server.cast(name, "next")
        except (mailbox.MailboxDoesNotExist, trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()
        else:
            return


async def crash() -> Latencies:
    state, seconds = State(1), list[float]()
    async with servers(state) as (name,):
        for _ in range(CRASHES):
            state.handled, state.done = 0, trio.Event()
            began = time.perf_counter()
            await gen_server.cast(name, "crash")
            await cast_when_there(name)
            await state.done.wait()
            seconds.append(time.perf_counter() - began)
        check(state.lives, CRASHES + 1, "lives")
    return Latencies(seconds)


@asynccontextmanager
async def pool() -> AsyncIterator[str]:
    """A supervisor whose children are started one by one."""
    async with trio.open_nursery() as nursery:
        yield await nursery.start(dynamic_supervisor.start, PLENTY)
        nursery.cancel_scope.cancel()


async def start_children(into: str, states: list[State]) -> None:
    for number, state in enumerate(states):
        child = supervisor.child_spec(id=f"{number}", task=gen_server.start, args=[SERVER, state])
        await dynamic_supervisor.start_child(into, child)
    for state in states:
        await state.ready.wait()


async def start() -> Measured:
    states, stopwatch = [State() for _ in range(MANY)], Stopwatch()
    async with pool() as into:
        stopwatch.start()
        await start_children(into, states)
        return stopwatch.stop(MANY)


async def memory() -> Measured:
    grown: list[Measured] = []
    states = [State() for _ in range(FEWER)]
    async with pool() as into:
        with growth(FEWER, grown):
            await start_children(into, states)
    return grown[0]


async def stop() -> Measured:
    stopwatch = Stopwatch()
    async with pool() as into:
        await start_children(into, [State() for _ in range(FEWER)])
        stopwatch.start()
    return stopwatch.stop(FEWER)


def switches() -> Measured:
    """Two tasks of trio take turns: as often as two switches, which is what a question and its answer need."""

    async def turns() -> None:
        for _ in range(SWITCHES // 2):
            await trio.lowlevel.checkpoint()

    async def both() -> Measured:
        stopwatch = Stopwatch()
        stopwatch.start()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(turns)
            nursery.start_soon(turns)
        return stopwatch.stop(SWITCHES // 2)

    return trio.run(both)  # type: ignore[no-any-return, unused-ignore]  # the trio of this environment has no types


def tasks_started() -> Measured:
    """A bare nursery."""

    async def started() -> Measured:
        stopwatch, states = Stopwatch(), [State() for _ in range(MANY)]

        async def wait(state: State) -> None:
            state.ready.set()
            await state.done.wait()

        async with trio.open_nursery() as nursery:
            stopwatch.start()
            for state in states:
                nursery.start_soon(wait, state)
            for state in states:
                await state.ready.wait()
            measured = stopwatch.stop(MANY)
            nursery.cancel_scope.cancel()
        return measured

    return trio.run(started)  # type: ignore[no-any-return, unused-ignore]  # the trio of this environment has no types


def tasks_replaced() -> Latencies:
    """A bare nursery by hand: the task takes what makes it raise, the next takes what comes after."""

    async def replaced() -> Latencies:
        give, take = trio.open_memory_channel(10)
        told: list[trio.Event] = []
        seconds: list[float] = []

        async def life() -> None:
            async for message in take:
                if message == "crash":
                    raise Crash
                told[-1].set()

        async def watch() -> None:
            while True:
                try:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(life)
                except Crash:
                    continue

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await trio.lowlevel.checkpoint()
            for _ in range(CRASHES):
                told.append(trio.Event())
                began = time.perf_counter()
                give.send_nowait("crash")
                give.send_nowait("next")
                await told[-1].wait()
                seconds.append(time.perf_counter() - began)
            nursery.cancel_scope.cancel()
        return Latencies(seconds)

    return trio.run(replaced)  # type: ignore[no-any-return, unused-ignore]  # the trio of this environment has no types


WAITS = "a cast waits until it is taken: mailboxes have no buffer"
TABLE: Table = {
    "tell-1-1": Plan(partial(on_a_node, tell_1_1), deque_and_call, WAITS),
    "tell-10-1": Plan(partial(on_a_node, tell_10_1), deque_and_call, WAITS),
    "tell-1-1000": Plan(partial(on_a_node, tell_1_1000), deque_and_call, WAITS),
    "ask-in-turn": Plan(partial(on_a_node, ask_in_turn), switches, "the floor is two switches between tasks"),
    "ask-100": Plan(partial(on_a_node, ask_100), switches, "the floor is two switches between tasks"),
    "crash": Plan(
        partial(on_a_node, crash), tasks_replaced, "no mailbox between two lives: the sender tries until there is one"
    ),
    "start-5k": Plan(partial(on_a_node, start), tasks_started, at_most=2, warm=False),
    "start-100k": Cannot("at the pace of start-5k, more than a minute for each round"),
    "memory": Plan(partial(on_a_node, memory), at_most=3, fresh=True),
    "stop": Plan(partial(on_a_node, stop), at_most=3, warm=False),
}

if __name__ == "__main__":
    main("triotp", "triotp", "benchmarks.peers.on_triotp", TABLE)
