"""xoscar: actors of a pool. All of them are in one process here: the main pool, without sub-pools."""
# mypy: disable-error-code="import-not-found,import-untyped,misc"
# pyright: reportMissingImports=false
# (this runs in an environment of its own, which the type checkers do not see)

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import xoscar

from benchmarks.peers.floors import asyncio_served, asyncio_starts, asyncio_switches, deque_and_call
from benchmarks.peers.harness import (
    ASKERS,
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

TELLS = 20_000
ASKS = 5_000
MANY = 5_000
MANY_MORE = 100_000


class Counter(xoscar.Actor):
    """Counts."""

    def __init__(self) -> None:
        super().__init__()
        self.handled = 0

    def add(self, message: object) -> int:
        self.handled += 1
        return self.handled

    def total(self) -> int:
        return self.handled


class Sender(xoscar.Actor):
    """Tells one other so many times."""

    async def go(self, uid: str, at: str, times: int) -> None:
        """Cancellation: cuts it."""
        to = await xoscar.actor_ref(uid=uid, address=at)
        for number in range(times):
            await to.add.tell(number)


@asynccontextmanager
async def pool() -> AsyncIterator[str]:
    """One process; the address at which its actors are. Cancellation: what is in it ends."""
    opened = await xoscar.create_actor_pool("127.0.0.1", n_process=0)
    async with opened:
        yield opened.external_address


async def create(kind: type, at: str, count: int) -> list[Any]:
    """Cancellation: cuts it."""
    return [await xoscar.create_actor(kind, uid=f"{kind.__name__}-{number}", address=at) for number in range(count)]


async def found(kind: type, at: str, count: int) -> list[Any]:
    """The same, with references that know that the actor is in this process: several times as fast. Cancellation: cuts it."""
    return [await xoscar.actor_ref(uid=ref.uid, address=at) for ref in await create(kind, at, count)]


async def until(counter: Any, expected: int) -> None:
    """A tell is a task of its own: the last ones may still wait for their turn. Cancellation: cuts it."""
    while await counter.total() < expected:  # noqa: ASYNC110  # the actor counts and does nothing else, as all others
        await asyncio.sleep(0)
    check(await counter.total(), expected, "messages handled")


async def tell_1_1() -> Measured:
    """Cancellation: what it opened ends."""
    stopwatch = Stopwatch()
    async with pool() as at:
        (counter,) = await found(Counter, at, 1)
        stopwatch.start()
        for _ in range(TELLS // BURST):
            for number in range(BURST):
                await counter.add.tell(number)
        await until(counter, TELLS)
        return stopwatch.stop(TELLS)


async def tell_10_1() -> Measured:
    """Cancellation: what it opened ends."""
    stopwatch = Stopwatch()
    async with pool() as at:
        (counter,) = await found(Counter, at, 1)
        senders = await found(Sender, at, SENDERS)
        stopwatch.start()
        await asyncio.gather(*(sender.go(counter.uid, at, TELLS // SENDERS) for sender in senders))
        await until(counter, TELLS)
        return stopwatch.stop(TELLS)


async def tell_1_1000() -> Measured:
    """Cancellation: what it opened ends."""
    stopwatch = Stopwatch()
    async with pool() as at:
        counters = await found(Counter, at, RECEIVERS)
        stopwatch.start()
        for counter in counters:
            for number in range(BURST):
                await counter.add.tell(number)
        for counter in counters:
            await until(counter, BURST)
        return stopwatch.stop(RECEIVERS * BURST)


async def ask_in_turn() -> Measured:
    """Cancellation: what it opened ends."""
    stopwatch = Stopwatch()
    async with pool() as at:
        (counter,) = await found(Counter, at, 1)
        stopwatch.start()
        for number in range(ASKS):
            check(await counter.add(number), number + 1, "the answer")
        return stopwatch.stop(ASKS)


async def ask_100() -> Measured:
    """Cancellation: what it opened ends."""
    stopwatch = Stopwatch()

    async def asker(counter: Any) -> None:
        """Cancellation: ends it."""
        for number in range(ASKS // ASKERS):
            await counter.add(number)

    async with pool() as at:
        (counter,) = await found(Counter, at, 1)
        stopwatch.start()
        await asyncio.gather(*(asker(counter) for _ in range(ASKERS)))
        measured = stopwatch.stop(ASKS)
        check(await counter.total(), ASKS, "questions answered")
        return measured


async def start(count: int) -> Measured:
    """Cancellation: what it opened ends."""
    stopwatch = Stopwatch()
    async with pool() as at:
        stopwatch.start()
        counters = await create(Counter, at, count)
        measured = stopwatch.stop(count)
        check(await counters[-1].add("there?"), 1, "the last one's answer")
        return measured


async def memory() -> Measured:
    """Cancellation: what it opened ends."""
    grown: list[Measured] = []
    async with pool() as at:
        await create(Sender, at, 1)
        with growth(MANY, grown):
            counters = await create(Counter, at, MANY)
        check(await counters[-1].add("there?"), 1, "the last one's answer")
    return grown[0]


async def stop() -> Measured:
    """Cancellation: what it opened ends."""
    stopwatch = Stopwatch()
    async with pool() as at:
        counters = await create(Counter, at, MANY)
        stopwatch.start()
        for counter in counters:
            await xoscar.destroy_actor(counter)
        measured = stopwatch.stop(MANY)
        check(await xoscar.has_actor(counters[-1]), False, "an actor there that was destroyed")
        return measured


def run(body: Callable[[], Awaitable[Round]]) -> Round:
    async def within() -> Round:
        """Cancellation: as the case's own."""
        async with asyncio.timeout(PATIENCE):
            return await body()

    return asyncio.run(within())


SWITCH, SERVED = "the floor is two switches between tasks", "the floor is 100 tasks and a server, by hand"
POOL = "no supervisor: actors of the main pool"
TABLE: Table = {
    "tell-1-1": Plan(partial(run, tell_1_1), deque_and_call, "one process, local references; each tell is a task and a yield"),
    "tell-10-1": Plan(partial(run, tell_10_1), deque_and_call, "one process, local references"),
    "tell-1-1000": Plan(
        partial(run, tell_1_1000), partial(deque_and_call, RECEIVERS), "one process, local references", at_most=2
    ),
    "ask-in-turn": Plan(partial(run, ask_in_turn), asyncio_switches, f"a local reference: a call without a task; {SWITCH}"),
    "ask-100": Plan(partial(run, ask_100), asyncio_served, f"a local reference: a call without a task; {SERVED}"),
    "crash": Cannot("an exception goes to the caller, and the actor lives on as it is; only whole processes are recovered"),
    "start-5k": Plan(partial(run, partial(start, MANY)), asyncio_starts(MANY), POOL, at_most=3),
    "start-100k": Plan(partial(run, partial(start, MANY_MORE)), asyncio_starts(MANY_MORE), POOL, at_most=1, warm=False),
    "memory": Plan(partial(run, memory), note=POOL, at_most=3, fresh=True),
    "stop": Plan(partial(run, stop), note=f"{POOL}, destroyed one after another", at_most=3, warm=False),
}

if __name__ == "__main__":
    main("xoscar", "xoscar", "benchmarks.peers.on_xoscar", TABLE)
