"""Timers and deadlines, without a clock: what is due when, and what comes next.

Timers of one delay are due in the order in which they were set, so each distinct delay has a queue, and only the queue's head
stands in the heap. A thousand asks with one timeout cost one heap entry, and cancelling a timer is a flag. A heap entry may be
early, never late: when it comes up and its queue's head is due later, it is put back.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable

__all__ = ["Agenda", "Timer"]


class Timer:
    """One thing to do at one time. `action` is None once it was done or cancelled. What waits may itself be the timer."""

    __slots__ = ("_queue", "action", "when")

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action
        self.when: float
        self._queue: _Queue

    @property
    def to_come(self) -> bool:
        return self.action is not None


class _Queue:
    """The timers of one delay, in order of their time."""

    __slots__ = ("cancelled", "delay", "timers")

    def __init__(self, delay: float) -> None:
        self.delay: float = delay
        self.timers: deque[Timer] = deque()
        self.cancelled: int = 0

    def trim(self) -> None:
        timers = self.timers
        while timers and timers[0].action is None:
            timers.popleft()
            self.cancelled -= 1
        while timers and timers[-1].action is None:
            timers.pop()
            self.cancelled -= 1
        if self.cancelled > len(timers) // 2:
            # Without this a long timeout that is nearly always cancelled would hold its dead timers for its whole length.
            self.timers = deque(timer for timer in timers if timer.action is not None)
            self.cancelled = 0


class Agenda:
    """A heap of queues of timers. Time is an argument, and must not run backwards.

    Every queue has one entry in the heap, never two: cancelled timers would pile up there.
    """

    def __init__(self) -> None:
        self._queues: dict[float, _Queue] = {}
        self._heap: list[tuple[float, int, _Queue]] = []
        self._sequence = 0
        self._empty = 0
        """Queues without timers, whose heap entries wait to come up."""

    def __len__(self) -> int:
        """How many timers are pending."""
        return sum(len(queue.timers) - queue.cancelled for queue in self._queues.values())

    def schedule(self, now: float, delay: float, action: Callable[[], None]) -> Timer:
        """Have `action` done once `delay` seconds after `now`. A delay of zero or less is due at once."""
        timer = Timer(action)
        self.put(timer, now, delay)
        return timer

    def put(self, timer: Timer, now: float, delay: float) -> bool:
        """Have a timer's action done once `delay` seconds after `now`.

        Returns:
            Whether it may be the next of all; False: it stands behind others of the same delay.
        """
        timer.when = now + delay if delay > 0.0 else now
        queue = self._queues.get(delay)
        if queue is not None:
            timer._queue, timers = queue, queue.timers
            timers.append(timer)
            if len(timers) > 1:
                return False
            self._empty -= 1
            return True
        queue = timer._queue = self._queues[delay] = _Queue(delay)
        queue.timers.append(timer)
        self._push(queue)
        return True

    def cancel(self, timer: Timer) -> bool:
        """Forget a timer; whether it was still pending."""
        if timer.action is None:
            return False
        timer.action = None
        queue = timer._queue
        timers = queue.timers
        # The two usual cases of a timeout that was not needed: one ask at a time, and several that are answered in turn.
        if not queue.cancelled and timers[0] is timer:
            timers.popleft()
        else:
            queue.cancelled += 1
            queue.trim()
        if not queue.timers:
            self._empty += 1
            if 2 * self._empty > len(self._heap) + 64:
                self._forget_empty_queues()
        return True

    def next_due(self) -> float | None:
        """When to call `take_due` next: never later than the next timer, now and then earlier."""
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: float) -> list[Callable[[], None]]:
        """The actions that are due, in order of their time."""
        due: list[Callable[[], None]] = []
        while self._heap and self._heap[0][0] <= now:
            when, _, queue = heapq.heappop(self._heap)
            # An early entry goes back first: what it stands for now may be due, but after what others stand for.
            if not queue.timers:
                self._empty -= 1
            elif queue.timers[0].when <= when:
                timer = queue.timers.popleft()
                assert timer.action is not None  # noqa: S101  # a queue's head is pending, or it is trimmed
                due.append(timer.action)
                timer.action = None
                queue.trim()
            if queue.timers:
                self._push(queue)
            else:
                del self._queues[queue.delay]
        return due

    def _forget_empty_queues(self) -> None:
        """Drop the heap entries of delays that nobody waits for: without this, timeouts that all differ and are nearly always
        cancelled would each hold an entry for their whole length."""
        for _, _, queue in self._heap:
            if not queue.timers:
                del self._queues[queue.delay]
        self._heap = [entry for entry in self._heap if entry[2].timers]
        heapq.heapify(self._heap)
        self._empty = 0

    def _push(self, queue: _Queue) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (queue.timers[0].when, self._sequence, queue))
