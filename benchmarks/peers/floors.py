"""The least code that could do the work, in the peer's own process: a deque and a call, threads, tasks of asyncio."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from functools import partial
from queue import SimpleQueue

from benchmarks.peers.harness import BURST, Latencies, Measured, Stopwatch, check

CALLS = 200_000
SWITCHES = 20_000
CRASHES = 200


class Handler:
    """What the actors do, too: count."""

    __slots__ = ("handled",)

    def __init__(self) -> None:
        self.handled = 0

    def receive(self, message: int) -> None:
        self.handled += 1


def deque_and_call(calls: int = CALLS) -> Measured:
    """Bursts go into a deque, and come out of it one by one, each with a call."""
    stopwatch, box, handler = Stopwatch(), deque[int](), Handler()
    put, take, receive = box.append, box.popleft, handler.receive
    stopwatch.start()
    for _ in range(calls // BURST):
        for number in range(BURST):
            put(number)
        while box:
            receive(take())
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


def threads_replaced(count: int = CRASHES) -> Latencies:
    """A thread that ends starts the next, which tells us."""
    told = threading.Event()
    seconds = []

    def first() -> None:
        threading.Thread(target=told.set).start()

    for _ in range(count):
        began = time.perf_counter()
        threading.Thread(target=first).start()
        told.wait()
        seconds.append(time.perf_counter() - began)
        told.clear()
    return Latencies(seconds)


def asyncio_switches(count: int = SWITCHES) -> Measured:
    """Two tasks of asyncio take turns: as often as two switches, which is what a question and its answer need."""

    async def turns() -> None:
        for _ in range(count // 2):
            await asyncio.sleep(0)

    async def both() -> Measured:
        stopwatch = Stopwatch()
        stopwatch.start()
        await asyncio.gather(turns(), turns())
        return stopwatch.stop(count // 2)

    return asyncio.run(both())


def asyncio_started(count: int) -> Measured:
    """Tasks of asyncio that wait for the end."""

    async def started() -> Measured:
        stopwatch, end, running = Stopwatch(), asyncio.Event(), Handler()

        async def wait() -> None:
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
    """A task of asyncio takes what makes it raise; who awaits it starts the next, which takes what comes after."""

    async def replaced() -> Latencies:
        box, handled, seconds = asyncio.Queue[str](), asyncio.Event(), list[float]()

        async def life() -> None:
            while True:
                if await box.get() == "crash":
                    raise Crash
                handled.set()

        async def watch() -> None:
            for _ in range(count):
                try:
                    await asyncio.create_task(life())
                except Crash:
                    continue
            last = asyncio.create_task(life())
            await handled.wait()
            last.cancel()

        watcher = asyncio.create_task(watch())
        await asyncio.sleep(0)
        for _ in range(count):
            began = time.perf_counter()
            box.put_nowait("crash")
            box.put_nowait("next")
            await handled.wait()
            seconds.append(time.perf_counter() - began)
            if len(seconds) < count:
                handled.clear()
        await watcher
        return Latencies(seconds)

    return asyncio.run(replaced())


def asyncio_starts(count: int) -> partial[Measured]:
    return partial(asyncio_started, count)
