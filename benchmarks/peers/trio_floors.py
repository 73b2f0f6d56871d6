"""The floors on trio, whatever its version, of the same kind as those of `floors.py`."""
# mypy: disable-error-code="misc,no-any-return,unused-ignore"
# (this runs in an environment of its own, whose trio has no types)

from __future__ import annotations

import time
from collections import deque

import trio

from benchmarks.peers.floors import CRASHES, Crash, Handler, Service
from benchmarks.peers.harness import ASKERS, Latencies, Measured, Stopwatch, check

SWITCHES = 10_000


def give_up(_: object) -> trio.lowlevel.Abort:
    """Who waits at a gate can be cancelled."""
    return trio.lowlevel.Abort.SUCCEEDED


class Gate:
    """Where one task waits for another."""

    __slots__ = ("_task",)

    async def wait(self) -> None:
        """Wait until it is opened. Cancellation: atomic."""
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(give_up)

    def open(self) -> None:
        """Let who waits go on; somebody must wait."""
        trio.lowlevel.reschedule(self._task)


async def settle() -> None:
    """Let tasks that were begun come to their first wait. Cancellation: a checkpoint."""
    for _ in range(3):
        await trio.lowlevel.checkpoint()


def switches() -> Measured:
    """Two tasks wake each other: two switches are what a question and its answer need."""

    async def both() -> Measured:
        """Cancellation: both end."""
        here, there, stopwatch = Gate(), Gate(), Stopwatch()

        async def answer() -> None:
            """Cancellation: ends it."""
            for _ in range(SWITCHES // 2):
                await there.wait()
                here.open()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            await settle()
            stopwatch.start()
            for _ in range(SWITCHES // 2):
                there.open()
                await here.wait()
            return stopwatch.stop(SWITCHES // 2)

    return trio.run(both)


def served() -> Measured:
    """As many tasks as there are askers put their gates into a deque and wait; one task opens them."""

    async def all_served() -> Measured:
        """Cancellation: all end."""
        service, stopwatch = Service(Gate, SWITCHES), Stopwatch()

        async with trio.open_nursery() as serving:
            serving.start_soon(service.serve)
            await settle()
            stopwatch.start()
            async with trio.open_nursery() as asking:
                for _ in range(ASKERS):
                    asking.start_soon(service.ask)
            measured = stopwatch.stop(SWITCHES)
        check(service.answered.handled, SWITCHES, "questions of the floor")
        return measured

    return trio.run(all_served)


def started(count: int) -> Measured:
    """A bare nursery with so many tasks that park."""

    async def all_started() -> Measured:
        """Cancellation: all end."""
        stopwatch, running = Stopwatch(), Handler()

        async def park() -> None:
            """Cancellation: ends it."""
            running.receive(0)
            await Gate().wait()

        async with trio.open_nursery() as nursery:
            stopwatch.start()
            for _ in range(count):
                nursery.start_soon(park)
            while running.handled < count:
                await trio.lowlevel.checkpoint()
            measured = stopwatch.stop(count)
            nursery.cancel_scope.cancel()
        return measured

    return trio.run(all_started)


def replaced() -> Latencies:
    """A task in a nursery of its own dies of a message, and its successor in a new nursery handles the next one."""

    async def all_replaced() -> Latencies:
        """Cancellation: all end."""
        queue, gate, told, seconds, crashed = deque[bool](), Gate(), Gate(), list[float](), 0.0

        async def life() -> None:
            """Cancellation: ends it."""
            nonlocal crashed
            while True:
                while queue:
                    if queue.popleft():
                        crashed = time.perf_counter()
                        raise Crash
                    seconds.append(time.perf_counter() - crashed)
                    told.open()
                await gate.wait()

        async def supervise() -> None:
            """Cancellation: ends it."""
            while True:
                try:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(life)
                except* Crash:  # also a bare one, which trio raised before 0.22
                    pass

        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise)
            await settle()
            for _ in range(CRASHES):
                queue.extend((True, False))
                gate.open()
                await told.wait()
            nursery.cancel_scope.cancel()
        check(len(seconds), CRASHES, "crashes of the floor")
        return Latencies(seconds)

    return trio.run(all_replaced)
