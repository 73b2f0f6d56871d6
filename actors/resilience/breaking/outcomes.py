"""How the last calls ended: over a number of calls, or over a stretch of time. Bounded, whatever the traffic is.

    CountWindow(100)    the last 100 calls
    TimeWindow(60.0)    the calls of the last 60 s, to a bucket of 3 s

A `TimeWindow` keeps counts of buckets, not calls: its memory does not depend on the traffic. A call leaves with the whole of
its bucket, so it counts for between 19 and 20 twentieths of the window. Times must not go backwards.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from attrs import define, field

__all__ = ["BUCKETS", "CountWindow", "OutcomeWindow", "TimeWindow"]

BUCKETS = 20
"""Buckets of a time window."""


class OutcomeWindow(Protocol):
    """What both windows can do. The counts are those of the last `record` or `expire`."""

    calls: int
    failures: int
    slow: int
    """Calls that took too long, whether they failed or not."""

    def record(self, now: float, failed: bool, slow: bool) -> None:
        """One more call has ended."""
        ...

    def expire(self, now: float) -> None:
        """Forget the calls that are no longer in the window at this moment."""
        ...

    def clear(self) -> None:
        """Forget all calls."""
        ...


@define
class CountWindow:
    """The last calls, however long ago they were.

    Args:
        size: how many.
    """

    size: int
    calls: int = field(default=0, init=False)
    failures: int = field(default=0, init=False)
    slow: int = field(default=0, init=False)
    _last: deque[int] = field(factory=deque, init=False)
    """1 for a failed call, 2 for a slow one, 3 for both; the oldest first."""

    def record(self, now: float, failed: bool, slow: bool) -> None:
        """One more call has ended. The time does not matter."""
        if self.calls == self.size:
            gone = self._last.popleft()
            if gone:
                self.failures -= gone & 1
                self.slow -= gone >> 1
        else:
            self.calls += 1
        self._last.append(failed + 2 * slow)
        self.failures += failed
        self.slow += slow

    def expire(self, now: float) -> None:
        """No call leaves because of time."""

    def clear(self) -> None:
        """Forget all calls."""
        self._last.clear()
        self.calls = self.failures = self.slow = 0


@define
class _Bucket:
    number: int
    """`time // width` of the calls in it."""
    calls: int = 0
    failures: int = 0
    slow: int = 0


@define
class TimeWindow:
    """The calls of the last seconds, however many they were.

    Args:
        seconds: how long a call counts.
    """

    seconds: float
    calls: int = field(default=0, init=False)
    failures: int = field(default=0, init=False)
    slow: int = field(default=0, init=False)
    _width: float = field(init=False)
    _buckets: deque[_Bucket] = field(factory=deque, init=False)
    """Those with calls in them, the oldest first; at most `BUCKETS`."""

    def __attrs_post_init__(self) -> None:
        self._width = self.seconds / BUCKETS

    def record(self, now: float, failed: bool, slow: bool) -> None:
        """One more call has ended, now."""
        self.expire(now)
        number = int(now // self._width)
        if not self._buckets or self._buckets[-1].number != number:
            self._buckets.append(_Bucket(number))
        bucket = self._buckets[-1]
        bucket.calls += 1
        self.calls += 1
        if failed:
            bucket.failures += 1
            self.failures += 1
        if slow:
            bucket.slow += 1
            self.slow += 1

    def expire(self, now: float) -> None:
        """Forget the buckets that are over."""
        over = now // self._width - BUCKETS
        while self._buckets and self._buckets[0].number <= over:
            gone = self._buckets.popleft()
            self.calls -= gone.calls
            self.failures -= gone.failures
            self.slow -= gone.slow

    def clear(self) -> None:
        """Forget all calls."""
        self._buckets.clear()
        self.calls = self.failures = self.slow = 0
