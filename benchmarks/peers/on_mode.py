"""mode-streaming: services on asyncio. It has no mailboxes: an actor is a Service with an asyncio.Queue and one task."""
# mypy: disable-error-code="import-not-found,import-untyped,misc,untyped-decorator"
# pyright: reportMissingImports=false
# (this runs in an environment of its own, which the type checkers do not see)

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from mode import OneForOneSupervisor, Service

from benchmarks.peers.floors import (
    CRASHES,
    Crash,
    asyncio_replaced,
    asyncio_served,
    asyncio_starts,
    asyncio_switches,
    deque_and_call,
)
from benchmarks.peers.harness import (
    ASKERS,
    BURST,
    PATIENCE,
    RECEIVERS,
    SENDERS,
    Latencies,
    Measured,
    Plan,
    Round,
    Stopwatch,
    Table,
    check,
    growth,
    main,
)

TELLS = 100_000
ASKS = 10_000
MANY = 5_000
MANY_MORE = 100_000


class Counter(Service):
    """Takes its queue's messages one by one; a future among them is answered."""

    def __init__(self, expected: int = 0) -> None:
        super().__init__()
        self.queue: asyncio.Queue[object] = asyncio.Queue()
        self.expected, self.handled, self.lives = expected, 0, 0
        self.fell, self.took = 0.0, 0.0
        self.done = asyncio.Event()

    async def on_start(self) -> None:
        """Cancellation: there is no checkpoint."""
        self.lives += 1

    @Service.task
    async def take(self) -> None:
        """Cancellation: ends it."""
        get = self.queue.get
        while not self.should_stop:
            self.receive(await get())

    def receive(self, message: object) -> None:
        if isinstance(message, str):
            self.crash_or_tell(message)
        self.handled += 1
        if isinstance(message, asyncio.Future):
            message.set_result(self.handled)
        if self.handled == self.expected:
            self.done.set()

    def crash_or_tell(self, message: str) -> None:
        """Crash, or note how long that took."""
        if message == "crash":
            self.fell = time.perf_counter()
            raise Crash
        self.took = time.perf_counter() - self.fell

    def ask(self) -> asyncio.Future[int]:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.queue.put_nowait(answer)
        return answer


def supervisor_of(counters: list[Counter]) -> OneForOneSupervisor:
    supervisor = OneForOneSupervisor(max_restarts=1e6, over=1.0)
    supervisor.add(*counters)
    return supervisor


@asynccontextmanager
async def supervised(*counters: Counter) -> AsyncIterator[None]:
    """Cancellation: they are stopped."""
    supervisor = supervisor_of(list(counters))
    await supervisor.start()
    await asyncio.sleep(0.01)  # until its own task waits: a crash before that is seen five seconds later
    try:
        yield
    finally:
        await supervisor.stop()


async def tell_1_1() -> Measured:
    """Cancellation: what it opened ends."""
    counter, stopwatch = Counter(TELLS), Stopwatch()
    async with supervised(counter):
        stopwatch.start()
        for _ in range(TELLS // BURST):
            for number in range(BURST):
                counter.queue.put_nowait(number)
            await asyncio.sleep(0)
        await counter.done.wait()
        return stopwatch.stop(TELLS)


async def tell_10_1() -> Measured:
    """Cancellation: what it opened ends."""
    counter, stopwatch = Counter(TELLS), Stopwatch()

    async def sender() -> None:
        """Cancellation: ends it."""
        for _ in range(TELLS // SENDERS // BURST):
            for number in range(BURST):
                counter.queue.put_nowait(number)
            await asyncio.sleep(0)

    async with supervised(counter):
        stopwatch.start()
        await asyncio.gather(*(sender() for _ in range(SENDERS)))
        await counter.done.wait()
        return stopwatch.stop(TELLS)


async def tell_1_1000() -> Measured:
    """Cancellation: what it opened ends."""
    stopwatch, counters = Stopwatch(), [Counter(BURST) for _ in range(RECEIVERS)]
    async with supervised(*counters):
        stopwatch.start()
        for counter in counters:
            for number in range(BURST):
                counter.queue.put_nowait(number)
        for counter in counters:
            await counter.done.wait()
        return stopwatch.stop(RECEIVERS * BURST)


async def ask_in_turn() -> Measured:
    """Cancellation: what it opened ends."""
    counter, stopwatch = Counter(), Stopwatch()
    async with supervised(counter):
        stopwatch.start()
        for number in range(ASKS):
            check(await counter.ask(), number + 1, "the answer")
        return stopwatch.stop(ASKS)


async def ask_100() -> Measured:
    """Cancellation: what it opened ends."""
    counter, stopwatch = Counter(), Stopwatch()

    async def asker() -> None:
        """Cancellation: ends it."""
        for _ in range(ASKS // ASKERS):
            await counter.ask()

    async with supervised(counter):
        stopwatch.start()
        await asyncio.gather(*(asker() for _ in range(ASKERS)))
        check(counter.handled, ASKS, "questions answered")
        return stopwatch.stop(ASKS)


async def crash() -> Latencies:
    """Cancellation: what it opened ends."""
    counter, seconds = Counter(1), list[float]()
    async with supervised(counter):
        for _ in range(CRASHES):
            counter.handled = 0
            counter.done.clear()
            counter.queue.put_nowait("crash")
            counter.queue.put_nowait("next")
            await counter.done.wait()
            seconds.append(counter.took)
        check(counter.lives, CRASHES + 1, "lives")
    return Latencies(seconds)


async def start(count: int) -> Measured:
    """Cancellation: what it opened ends."""
    counters, stopwatch = [Counter() for _ in range(count)], Stopwatch()
    supervisor = OneForOneSupervisor(max_restarts=1e6, over=1.0)
    stopwatch.start()
    supervisor.add(*counters)
    await supervisor.start()
    measured = stopwatch.stop(count)
    check(sum(counter.lives for counter in counters), count, "actors started")
    await supervisor.stop()
    return measured


async def memory() -> Measured:
    """Cancellation: what it opened ends."""
    grown: list[Measured] = []
    with growth(MANY, grown):
        supervisor = supervisor_of([Counter() for _ in range(MANY)])
        await supervisor.start()
        await asyncio.sleep(0.05)  # the tasks run until they wait
    await supervisor.stop()
    return grown[0]


async def stop() -> Measured:
    """Cancellation: what it opened ends."""
    counters, stopwatch = [Counter() for _ in range(MANY)], Stopwatch()
    supervisor = supervisor_of(counters)
    await supervisor.start()
    await asyncio.sleep(0.05)
    stopwatch.start()
    await supervisor.stop()
    measured = stopwatch.stop(MANY)
    check(sum(counter.should_stop for counter in counters), MANY, "actors stopped")
    return measured


def run(body: Callable[[], Awaitable[Round]]) -> Round:
    async def within() -> Round:
        """Cancellation: as the case's own."""
        async with asyncio.timeout(PATIENCE):
            return await body()

    return asyncio.run(within())


QUEUE = "an asyncio queue in a Service; a yield after 100"
SWITCH, SERVED = "the floor is two switches between tasks", "the floor is 100 tasks and a server, by hand"
TABLE: Table = {
    "tell-1-1": Plan(partial(run, tell_1_1), deque_and_call, QUEUE),
    "tell-10-1": Plan(partial(run, tell_10_1), deque_and_call, QUEUE),
    "tell-1-1000": Plan(
        partial(run, tell_1_1000), partial(deque_and_call, RECEIVERS), "an asyncio queue in each Service", at_most=3
    ),
    "ask-in-turn": Plan(partial(run, ask_in_turn), asyncio_switches, f"a future in the queue; {SWITCH}"),
    "ask-100": Plan(partial(run, ask_100), asyncio_served, f"a future in the queue; {SERVED}"),
    "crash": Plan(partial(run, crash), asyncio_replaced, "OneForOneSupervisor"),
    "start-5k": Plan(partial(run, partial(start, MANY)), asyncio_starts(MANY)),
    "start-100k": Plan(partial(run, partial(start, MANY_MORE)), asyncio_starts(MANY_MORE), at_most=1, warm=False),
    "memory": Plan(partial(run, memory), at_most=3, fresh=True),
    "stop": Plan(partial(run, stop), at_most=3, warm=False),
}

if __name__ == "__main__":
    main("mode", "mode-streaming", "benchmarks.peers.on_mode", TABLE)
