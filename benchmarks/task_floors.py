"""The floors that are tasks: they wake each other, park, die and are begun again, without anybody's supervision."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NoReturn

from benchmarks.floors import settle
from benchmarks.loops import Gate, Loop
from benchmarks.rounds import Measured, Stopwatch, must

__all__ = ["parked_tasks", "restarted_by_hand", "served_by_hand", "task_switches"]


class Crash(Exception):
    """What the hand-written life dies of."""


def _end() -> NoReturn:
    """End the block of a group, and with it the group's tasks."""
    raise Crash


async def task_switches(loop: Loop, count: int) -> Measured:
    """Two tasks that wake each other: so many switches. Cancellation: both end."""
    here, there, answered, stopwatch = loop.gate(), loop.gate(), 0, Stopwatch()

    async def answer() -> None:
        """Cancellation: ends it."""
        nonlocal answered
        for _ in range(count // 2):
            await there.wait()
            answered += 1
            here.open()

    async with loop.group() as group:
        loop.start(group, answer)
        await settle(loop)
        stopwatch.start()
        for _ in range(count // 2):
            there.open()
            await here.wait()
        measured = stopwatch.stop(count)
    must(2 * answered, count, "task switches")
    return measured


async def served_by_hand(loop: Loop, askers: int, count: int) -> Measured:
    """Askers put their gates into a deque and wait; one task opens them. Cancellation: all end."""
    queue, work, answered, stopwatch = deque[Gate](), loop.gate(), 0, Stopwatch()
    idle = True

    async def serve() -> None:
        """Cancellation: ends it."""
        nonlocal answered, idle
        while answered < count:
            await work.wait()
            idle = False
            while queue:
                answered += 1
                queue.popleft().open()
            idle = True

    async def ask() -> None:
        """Cancellation: ends it."""
        nonlocal idle
        gate = loop.gate()
        for _ in range(count // askers):
            queue.append(gate)
            if idle:
                idle = False
                work.open()
            await gate.wait()

    async with loop.group() as group:
        loop.start(group, serve)
        await settle(loop)
        stopwatch.start()
        async with loop.group() as asking:
            for _ in range(askers):
                loop.start(asking, ask)
        measured = stopwatch.stop(count)
    must(answered, count, "served by hand")
    return measured


async def parked_tasks(loop: Loop, count: int, look: Callable[[], float]) -> tuple[Measured, float, Measured]:
    """Tasks in a nursery that park at once. Cancellation: all end.

    Returns:
        What starting them took, what `look` said while they were parked, what ending them took.
    """
    parked, stopwatch, seen = 0, Stopwatch(), 0.0
    started = stopped = Measured(count, 0.0)

    async def park() -> None:
        """Cancellation: ends it."""
        nonlocal parked
        parked += 1
        await loop.gate().wait()

    try:
        stopwatch.start()
        async with loop.group() as group:
            for _ in range(count):
                loop.start(group, park)
            while parked < count:
                await loop.pause()
            started, seen = stopwatch.stop(count), look()
            stopwatch.start()
            _end()
    except* Crash:
        stopped = stopwatch.stop(count)
    return started, seen, stopped


async def restarted_by_hand(loop: Loop, count: int, now: Callable[[], float]) -> Sequence[float]:
    """A task in a nursery of its own dies of a message, and its successor in a new nursery handles the next one.

    Cancellation: ends it.

    Returns:
        Seconds from each crash to that.
    """
    queue, gate, done, times, begun = deque[bool](), loop.gate(), loop.gate(), list[float](), list[float]()
    crashed = 0.0

    async def life() -> None:
        """Cancellation: ends it."""
        nonlocal crashed
        begun.append(now())
        while True:
            while queue:
                if queue.popleft():
                    crashed = now()
                    raise Crash
                times.append(now() - crashed)
                done.open()
            await gate.wait()

    async def supervise() -> None:
        """Cancellation: ends it."""
        while True:
            try:
                async with loop.group() as group:
                    loop.start(group, life)
            except* Crash:
                begun.clear()

    try:
        async with loop.group() as group:
            loop.start(group, supervise)
            while not begun:
                await loop.pause()
            for _ in range(count):
                queue.extend((True, False))
                gate.open()
                await done.wait()
            _end()
    except* Crash:
        must(len(times), count, "restarted by hand")
    return times
