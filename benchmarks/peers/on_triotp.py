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
from benchmarks.peers.trio_floors import replaced, served, started, switches

TELLS = 10_000
ASKS = 3_000
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
        self.lives, self.crashed, self.took = 0, 0.0, 0.0


async def init(state: State) -> State:
    """Cancellation: there is no checkpoint."""
    state.lives += 1
    state.ready.set()
    return state


async def handle_cast(message: object, state: State) -> tuple[object, State]:
    """Cancellation: there is no checkpoint."""
    if isinstance(message, str):
        crash_or_tell(message, state)
    state.handled += 1
    if state.handled == state.expected:
        state.done.set()
    return gen_server.NoReply(), state


def crash_or_tell(message: str, state: State) -> None:
    """Crash, or note how long that took."""
    if message == "crash":
        state.crashed = time.perf_counter()
        raise Crash
    state.took = time.perf_counter() - state.crashed


async def handle_call(message: object, caller: object, state: State) -> tuple[object, State]:
    """Cancellation: there is no checkpoint."""
    state.handled += 1
    return gen_server.Reply(payload=state.handled), state


def on_a_node(body: Callable[[], Awaitable[Any]]) -> Any:
    """Run it as an application, as triotp wants it, which is not started again."""
    results: list[Any] = []

    async def start(_: object) -> None:
        """Cancellation: ends it."""
        with trio.fail_after(PATIENCE):
            results.append(await body())

    module = SimpleNamespace(__name__="case", start=start)
    once = supervisor.options(max_restarts=0, max_seconds=5)
    node.run(apps=[application.app_spec(module=module, start_arg=None, permanent=False, opts=once)])
    return results[0]


@asynccontextmanager
async def servers(*states: State) -> AsyncIterator[list[str]]:
    """A supervisor with one server for each state; the names of the servers. Cancellation: they end."""
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
    """Cancellation: what it opened ends."""
    state, stopwatch = State(TELLS), Stopwatch()
    async with servers(state) as (name,):
        stopwatch.start()
        for _ in range(TELLS // BURST):
            for number in range(BURST):
                await gen_server.cast(name, number)
        await state.done.wait()
        return stopwatch.stop(TELLS)


async def tell_10_1() -> Measured:
    """Cancellation: what it opened ends."""
    state, stopwatch = State(TELLS), Stopwatch()

    async def sender(name: str) -> None:
        """Cancellation: ends it."""
        for number in range(TELLS // SENDERS):
            await gen_server.cast(name, number)

    async with servers(state) as (name,), trio.open_nursery() as nursery:
        stopwatch.start()
        for _ in range(SENDERS):
            nursery.start_soon(sender, name)
        await state.done.wait()
        return stopwatch.stop(TELLS)


async def tell_1_1000() -> Measured:
    """Cancellation: what it opened ends."""
    stopwatch, states = Stopwatch(), [State(BURST) for _ in range(RECEIVERS)]
    async with servers(*states) as names:
        stopwatch.start()
        for name in names:
            for number in range(BURST):
                await gen_server.cast(name, number)
        for state in states:
            await state.done.wait()
        return stopwatch.stop(RECEIVERS * BURST)


async def ask_in_turn() -> Measured:
    """Cancellation: what it opened ends."""
    stopwatch = Stopwatch()
    async with servers(State()) as (name,):
        stopwatch.start()
        for number in range(ASKS):
            check(await gen_server.call(name, number), number + 1, "the answer")
        return stopwatch.stop(ASKS)


async def ask_100() -> Measured:
    """Cancellation: what it opened ends."""
    stopwatch, state = Stopwatch(), State()

    async def asker(name: str) -> None:
        """Cancellation: ends it."""
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
    """Between two lives there is no mailbox: a caller has to try again. Cancellation: cuts it."""
    while True:
        try:
            await gen_server.cast(name, "next")
        except (mailbox.MailboxDoesNotExist, trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()
        else:
            return


async def crash() -> Latencies:
    """Cancellation: what it opened ends."""
    state, seconds = State(1), list[float]()
    async with servers(state) as (name,):
        for _ in range(CRASHES):
            state.handled, state.done = 0, trio.Event()
            await gen_server.cast(name, "crash")
            await cast_when_there(name)
            await state.done.wait()
            seconds.append(state.took)
        check(state.lives, CRASHES + 1, "lives")
    return Latencies(seconds)


@asynccontextmanager
async def pool() -> AsyncIterator[str]:
    """A supervisor whose children are started one by one. Cancellation: what is in it ends."""
    async with trio.open_nursery() as nursery:
        yield await nursery.start(dynamic_supervisor.start, PLENTY)
        nursery.cancel_scope.cancel()


async def start_children(into: str, states: list[State]) -> None:
    """Cancellation: cuts it."""
    for number, state in enumerate(states):
        child = supervisor.child_spec(id=f"{number}", task=gen_server.start, args=[SERVER, state])
        await dynamic_supervisor.start_child(into, child)
    for state in states:
        await state.ready.wait()


async def start() -> Measured:
    """Cancellation: what it opened ends."""
    states, stopwatch = [State() for _ in range(MANY)], Stopwatch()
    async with pool() as into:
        stopwatch.start()
        await start_children(into, states)
        return stopwatch.stop(MANY)


async def memory() -> Measured:
    """Cancellation: what it opened ends."""
    grown: list[Measured] = []
    states = [State() for _ in range(FEWER)]
    async with pool() as into:
        with growth(FEWER, grown):
            await start_children(into, states)
    return grown[0]


async def stop() -> Measured:
    """Cancellation: what it opened ends."""
    stopwatch = Stopwatch()
    async with pool() as into:
        await start_children(into, [State() for _ in range(FEWER)])
        stopwatch.start()
    return stopwatch.stop(FEWER)


WAITS = "a cast waits until it is taken: mailboxes have no buffer"
TABLE: Table = {
    "tell-1-1": Plan(partial(on_a_node, tell_1_1), deque_and_call, WAITS),
    "tell-10-1": Plan(partial(on_a_node, tell_10_1), deque_and_call, WAITS),
    "tell-1-1000": Plan(partial(on_a_node, tell_1_1000), partial(deque_and_call, RECEIVERS), WAITS, at_most=2, warm=False),
    "ask-in-turn": Plan(partial(on_a_node, ask_in_turn), switches, "the floor is two switches between tasks"),
    "ask-100": Plan(partial(on_a_node, ask_100), served, "the floor is 100 tasks and a server, by hand"),
    "crash": Plan(partial(on_a_node, crash), replaced, "no mailbox between two lives: the sender tries until there is one"),
    "start-5k": Plan(partial(on_a_node, start), partial(started, MANY), at_most=2, warm=False),
    "start-100k": Cannot("at the pace of start-5k, more than a minute for each round"),
    "memory": Plan(partial(on_a_node, memory), at_most=3, fresh=True),
    "stop": Plan(partial(on_a_node, stop), at_most=3, warm=False),
}

if __name__ == "__main__":
    main("triotp", "triotp", "benchmarks.peers.on_triotp", TABLE)
