"""The least code that could do the work, in the peer's own process: a deque and a call, threads, tasks of asyncio.

They are of the same kind as those of `benchmarks/floors.py` and `task_floors.py`, so that ratios can be compared across peers.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Protocol

from benchmarks.peers.harness import ASKERS, BURST, Latencies, Measured, Stopwatch, check

CALLS = 200_000
SWITCHES = 20_000
CRASHES = 200


class Handler:
    """What the actors do, too: count."""

    __slots__ = ("handled",)

    def __init__(self) -> None:
        self.handled = 0

    def receive(self, message: int) -> None:
        """Count."""
        self.handled += 1


def deque_and_call(receivers: int = 1, calls: int = CALLS) -> Measured:
    """Bursts go into the deque of each receiver, and come out of it one by one, each with a call."""
    stopwatch, boxes, handler = Stopwatch(), [deque[int]() for _ in range(receivers)], Handler()
    stopwatch.start()
    for _ in range(calls // (BURST * receivers)):
        for box in boxes:
            for number in range(BURST):
                box.append(number)
        for box in boxes:
            while box:
                handler.receive(box.popleft())
    measured = stopwatch.stop(calls)
    check(handler.handled, calls, "calls of the floor")
    return measured


def thread_switches(count: int = 4_000) -> Measured:
    """Two threads hand a token to each other: as often as two switches."""
    stopwatch, there, back = Stopwatch(), SimpleQueue[int](), SimpleQueue[int]()

    def other() -> None:
        for _ in range(count // 2):
            back.put(there.get())

    thread = threading.Thread(target=other)
    thread.start()
    stopwatch.start()
    for number in range(count // 2):
        there.put(number)
        back.get()
    measured = stopwatch.stop(count // 2)
    thread.join()
    return measured


def threads_started(count: int) -> Measured:
    """Threads that wait for the end."""
    stopwatch, end = Stopwatch(), threading.Event()
    threads = [threading.Thread(target=end.wait) for _ in range(count)]
    stopwatch.start()
    for thread in threads:
        thread.start()
    measured = stopwatch.stop(count)
    end.set()
    for thread in threads:
        thread.join()
    return measured


def thread_served(count: int = 4_000) -> Measured:
    """As many questions as there are askers are put to a thread at once; then all the answers are taken."""
    stopwatch, there, back = Stopwatch(), SimpleQueue[int](), SimpleQueue[int]()

    def serve() -> None:
        for _ in range(count):
            back.put(there.get())

    thread = threading.Thread(target=serve)
    thread.start()
    stopwatch.start()
    for _ in range(count // ASKERS):
        for number in range(ASKERS):
            there.put(number)
        for _ in range(ASKERS):
            back.get()
    measured = stopwatch.stop(count)
    thread.join()
    return measured


def threads_replaced(count: int = CRASHES) -> Latencies:
    """A thread that ends starts the next, which takes what comes after."""
    box, told, seconds, crashed = SimpleQueue[str](), threading.Event(), list[float](), 0.0

    def life() -> None:
        nonlocal crashed
        while (message := box.get()) != "end":
            if message == "crash":
                crashed = time.perf_counter()
                threading.Thread(target=life).start()
                return
            seconds.append(time.perf_counter() - crashed)
            told.set()

    threading.Thread(target=life).start()
    for _ in range(count):
        box.put("crash")
        box.put("next")
        told.wait()
        told.clear()
    box.put("end")
    return Latencies(seconds)


class Waiting(Protocol):
    """Where one task waits for another, on whatever loop."""

    async def wait(self) -> None:
        """Wait until it is opened. Cancellation: atomic."""

    def open(self) -> None:
        """Let who waits go on; somebody must wait."""


class Service:
    """Askers put their gates into a deque and wait; one task opens them.

    Args:
        new_gate: makes a gate of the loop that runs.
        count: questions in all.
    """

    def __init__(self, new_gate: Callable[[], Waiting], count: int) -> None:
        self.answered = Handler()
        self._new_gate = new_gate
        self._count = count
        self._queue: deque[Waiting] = deque()
        self._work = new_gate()
        self._idle = True

    async def serve(self) -> None:
        """Answer until all is answered. Cancellation: ends it."""
        queue, answered = self._queue, self.answered
        while answered.handled < self._count:
            await self._work.wait()
            self._idle = False
            while queue:
                answered.receive(0)
                queue.popleft().open()
            self._idle = True

    async def ask(self) -> None:
        """Ask one asker's share. Cancellation: ends it."""
        gate = self._new_gate()
        for _ in range(self._count // ASKERS):
            self._queue.append(gate)
            if self._idle:
                self._idle = False
                self._work.open()
            await gate.wait()


class Gate:
    """Where one task of asyncio waits for another."""

    __slots__ = ("_future",)

    async def wait(self) -> None:
        """Wait until it is opened. Cancellation: atomic."""
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._future

    def open(self) -> None:
        """Let who waits go on; somebody must wait."""
        self._future.set_result(None)


def asyncio_switches(count: int = SWITCHES) -> Measured:
    """Two tasks of asyncio wake each other: two switches are what a question and its answer need."""

    async def both() -> Measured:
        """Cancellation: both end."""
        here, there, stopwatch = Gate(), Gate(), Stopwatch()

        async def answer() -> None:
            """Cancellation: ends it."""
            for _ in range(count // 2):
                await there.wait()
                here.open()

        task = asyncio.create_task(answer())
        await asyncio.sleep(0)
        stopwatch.start()
        for _ in range(count // 2):
            there.open()
            await here.wait()
        measured = stopwatch.stop(count // 2)
        await task
        return measured

    return asyncio.run(both())


def asyncio_served(count: int = SWITCHES) -> Measured:
    """As many tasks as there are askers put their gates into a deque and wait; one task opens them."""

    async def served() -> Measured:
        """Cancellation: all end."""
        service, stopwatch = Service(Gate, count), Stopwatch()
        server = asyncio.create_task(service.serve())
        await asyncio.sleep(0)
        stopwatch.start()
        await asyncio.gather(*(service.ask() for _ in range(ASKERS)))
        measured = stopwatch.stop(count)
        await server
        check(service.answered.handled, count, "questions of the floor")
        return measured

    return asyncio.run(served())


def asyncio_started(count: int) -> Measured:
    """Tasks of asyncio that wait for the end."""

    async def started() -> Measured:
        """Cancellation: all end."""
        stopwatch, end, running = Stopwatch(), asyncio.Event(), Handler()

        async def wait() -> None:
            """Cancellation: ends it."""
            running.receive(0)
            await end.wait()

        stopwatch.start()
        tasks = [asyncio.create_task(wait()) for _ in range(count)]
        while running.handled < count:  # noqa: ASYNC110  # an event would be checked by each, as part of the floor
            await asyncio.sleep(0)
        measured = stopwatch.stop(count)
        end.set()
        await asyncio.gather(*tasks)
        return measured

    return asyncio.run(started())


class Crash(Exception):
    """What the actors raise, too."""


def asyncio_replaced(count: int = CRASHES) -> Latencies:
    """A task in a group of its own dies of a message, and its successor in a new group handles the next one."""

    async def replaced() -> Latencies:
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
                    async with asyncio.TaskGroup() as group:
                        group.create_task(life())
                except* Crash:
                    pass  # `continue` cannot stand here

        task = asyncio.create_task(supervise())
        for _ in range(3):
            await asyncio.sleep(0)
        for _ in range(count):
            queue.extend((True, False))
            gate.open()
            await told.wait()
        task.cancel()
        check(len(seconds), count, "crashes of the floor")
        return Latencies(seconds)

    return asyncio.run(replaced())


def asyncio_starts(count: int) -> partial[Measured]:
    """A floor that starts so many."""
    return partial(asyncio_started, count)
