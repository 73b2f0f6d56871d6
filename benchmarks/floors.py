"""The floors: the least code that could do the same, on the same loop. No checks, no bounds, no restarts."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Protocol

from benchmarks.loops import Loop
from benchmarks.rounds import Measured, Stopwatch, must

__all__ = ["BURST", "deque_and_await", "deque_and_call", "hand_over", "heap_of_deadlines", "settle"]

BURST = 100
"""Messages that are sent before their receiver gets its turn."""


class Carried(Protocol):
    """A message."""

    @property
    def number(self) -> int: ...


class Hand:
    """What handles, where nobody supervises it."""

    def __init__(self) -> None:
        self.handled = 0

    def receive(self, message: Carried) -> None:
        """Count."""
        self.handled += message.number

    async def receive_later(self, message: Carried) -> None:
        """Count. Cancellation: there is no checkpoint."""
        self.handled += message.number


async def settle(loop: Loop) -> None:
    """Let a task that was begun come to its first wait: twice, as trio chooses at random who is first.

    Cancellation: a checkpoint.
    """
    await loop.pause()
    await loop.pause()


# ---- messages


def deque_and_call(message: Carried, count: int, receivers: int = 1) -> Measured:
    """Append a burst to the deque of each receiver, then call each one's handler for each message."""
    hand, queues = Hand(), [deque[Carried]() for _ in range(receivers)]
    stopwatch = Stopwatch()
    stopwatch.start()
    for _ in range(count // (BURST * receivers)):
        for queue in queues:
            for _ in range(BURST):
                queue.append(message)
        for queue in queues:
            while queue:
                hand.receive(queue.popleft())
    measured = stopwatch.stop(count)
    must(hand.handled, count, "deque and call")
    return measured


async def deque_and_await(message: Carried, count: int) -> Measured:
    """The same for one receiver, whose handler is awaited. Cancellation: there is no checkpoint."""
    hand, queue, stopwatch = Hand(), deque[Carried](), Stopwatch()
    stopwatch.start()
    for _ in range(count // BURST):
        for _ in range(BURST):
            queue.append(message)
        while queue:
            await hand.receive_later(queue.popleft())
    measured = stopwatch.stop(count)
    must(hand.handled, count, "deque and await")
    return measured


async def hand_over(loop: Loop, message: Carried, count: int, capacity: int) -> Measured:
    """One task fills a deque and waits while it is full, another empties it. Cancellation: both end."""
    hand, queue, room, filled, stopwatch = Hand(), deque[Carried](), loop.gate(), loop.gate(), Stopwatch()

    async def empty() -> None:
        """Cancellation: ends it."""
        while hand.handled < count:
            await filled.wait()
            while queue:
                hand.receive(queue.popleft())
            room.open()

    async with loop.group() as group:
        loop.start(group, empty)
        await settle(loop)
        stopwatch.start()
        for _ in range(count):
            if len(queue) == capacity:
                filled.open()
                await room.wait()
            queue.append(message)
        filled.open()
        await room.wait()
        measured = stopwatch.stop(count)
    must(hand.handled, count, "hand over")
    return measured


# ---- timers

Entry = tuple[float, int, list[Callable[[], None] | None]]
"""When, its number, and what is called then; None: it was cancelled."""


def heap_of_deadlines(pending: int, count: int) -> tuple[Measured, Measured, Measured]:
    """Deadlines in a heap, among others that are pending; a cancelled one is marked, and left where it is.

    Returns:
        What setting one takes, cancelling one, setting one and calling it when it is due.
    """
    calls, stopwatch = 0, Stopwatch()
    heap: list[Entry] = []
    entry: Entry

    def call() -> None:
        nonlocal calls
        calls += 1

    for number in range(pending):
        entry = (1e6 + number, number, [call])
        heapq.heappush(heap, entry)
    entries: list[Entry] = []
    stopwatch.start()
    for number in range(count):
        entry = (1e6 + number, pending + number, [call])
        heapq.heappush(heap, entry)
        entries.append(entry)
    setting = stopwatch.stop(count)
    stopwatch.start()
    for entry in entries:
        entry[2][0] = None
    cancelling = stopwatch.stop(count)
    stopwatch.start()
    for number in range(count):
        entry = (number * 1e-6, number, [call])
        heapq.heappush(heap, entry)
    while heap[0][0] < 1.0:
        due = heapq.heappop(heap)[2][0]
        if due is not None:
            due()
    firing = stopwatch.stop(count)
    must(calls, count, "heap of deadlines")
    return setting, cancelling, firing
