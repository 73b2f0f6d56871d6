"""One axis of time for what outlives loops and is used in threads.

A policy is often a module's global: it is used in one event loop after the other, and in threads. trio's clocks start anywhere,
and a virtual clock has nothing to do with the time of day, so an instant of one clock means nothing on another. Each clock
that a policy meets gets an offset when it is met first, and keeps it: the axis is that of the first clock, so that in a program
with one loop the policy's instants *are* those of the loop. The wall clock is never looked at.

A new clock goes on from where the one that was used last stands now. Not from the one that was met last: its loop may be long
over, and its clock, if it was a virtual one, has stood still since.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.resilience.locking import new_lock
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
        self._last: tuple[Callable[[], float], float] | None = None
        """The clock that was used last, with its offset. One attribute, so that threads find the two together."""
        self._lock = new_lock()

    def now(self) -> float:
        """Seconds on the policy's own axis."""
        if self._read is not None:
            return self._read()
        read = clock_here()
        return read() + self._offset(read)

    def here(self, moment: float) -> float:
        """An instant of the axis as time of the loop that runs now, for `anyio.sleep_until` and for people who look there."""
        return moment if self._read is not None else moment - self._offset(clock_here())

    def on_axis(self, moment: float) -> float:
        """An instant of the loop that runs now, on the policy's own axis."""
        return moment if self._read is not None else moment + self._offset(clock_here())

    def _offset(self, read: Callable[[], float]) -> float:
        last = self._last
        if last is not None and last[0] == read:
            return last[1]
        offset = self._offsets.get(read)
        if offset is None:
            offset = self._meet(read)
        self._last = (read, offset)
        return offset

    def _meet(self, read: Callable[[], float]) -> float:
        with self._lock:
            if read not in self._offsets:
                last = self._last
                self._offsets[read] = 0.0 if last is None else last[0]() + last[1] - read()
                if len(self._offsets) > KNOWN:
                    del self._offsets[next(one for one in self._offsets if last is None or one != last[0])]
            # Under the lock: the next thread that meets a clock must find one to go on from.
            self._last = (read, self._offsets[read])
            return self._offsets[read]
