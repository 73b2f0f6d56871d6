"""One axis of time for what outlives loops and is used in threads.

A policy is often a module's global: it is used in one event loop after the other, and in threads. trio's clocks start anywhere,
and a virtual clock has nothing to do with the time of day, so an instant of one clock means nothing on another. Each clock
that a policy meets gets an offset when it is met first, and keeps it: the axis is that of the first clock, so that in a program
with one loop the policy's instants *are* those of the loop. The wall clock is never looked at.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from supervisor.parking import clock_here

__all__ = ["Clock"]

KNOWN = 16
"""Clocks whose offsets are remembered. Of more, those met first are forgotten: their loops are over."""


class Clock:
    """What time it is, on an axis that does not jump when the loop changes. Safe to use from any thread.

    Args:
        read: the only clock there is, for tests and simulations; None for that of the loop that runs, or `time.monotonic`.
    """

    __slots__ = ("_last", "_lock", "_offsets", "_read")

    def __init__(self, read: Callable[[], float] | None = None) -> None:
        self._read = read
        self._offsets: dict[Callable[[], float], float] = {}
        self._last: Callable[[], float] | None = None
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds on the policy's own axis."""
        if self._read is not None:
            return self._read()
        read = clock_here()
        offset = self._offsets.get(read)
        return read() + (self._meet(read) if offset is None else offset)

    def here(self, moment: float) -> float:
        """An instant of the axis as time of the loop that runs now, for `anyio.sleep_until` and for people who look there."""
        return moment if self._read is not None else moment - self._offsets.get(clock_here(), 0.0)

    def on_axis(self, moment: float) -> float:
        """An instant of the loop that runs now, on the policy's own axis."""
        if self._read is not None:
            return moment
        self.now()
        return moment + self._offsets.get(clock_here(), 0.0)

    def _meet(self, read: Callable[[], float]) -> float:
        with self._lock:
            if read not in self._offsets:
                last = self._last
                self._offsets[read] = 0.0 if last is None else last() + self._offsets[last] - read()
                if len(self._offsets) > KNOWN:
                    del self._offsets[next(iter(self._offsets))]
            self._last = read
            return self._offsets[read]
