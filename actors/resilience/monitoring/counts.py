"""Counts in bounded space: how many lately, and which are the most common."""

from __future__ import annotations

from collections import deque

from attrs import frozen

__all__ = ["BUCKETS", "ErrorCount", "RateWindow", "TopCounts"]

BUCKETS = 60
"""Steps of a rate's window."""


class RateWindow:
    """How many there were lately. Time is counted in steps: `number` is the time, divided by the step and rounded down."""

    __slots__ = ("_buckets", "_count")

    def __init__(self) -> None:
        self._buckets: deque[list[int]] = deque()
        """[number, count], oldest first; at most `BUCKETS`."""
        self._count = 0

    def add(self, number: int) -> None:
        """One more. A number below the last one is taken for that: threads read the clock before they come here."""
        buckets = self._buckets
        if buckets and number <= buckets[-1][0]:
            buckets[-1][1] += 1
        else:
            self.count(number)
            buckets.append([number, 1])
        self._count += 1

    def count(self, number: int) -> int:
        """How many there were in the last `BUCKETS` steps, the present one included."""
        buckets = self._buckets
        while buckets and buckets[0][0] <= number - BUCKETS:
            self._count -= buckets.popleft()[1]
        return self._count


@frozen
class ErrorCount:
    """How often one error came."""

    name: str
    count: int
    over: int
    """By how much the count may be too high; 0: it is exact."""


class TopCounts:
    """Which names are the most common, in bounded space.

    Args:
        names: how many are kept.
    """

    __slots__ = ("_counts", "_names", "dropped")

    def __init__(self, names: int) -> None:
        self._names = names
        self._counts: dict[str, list[int]] = {}
        """{name: [count, by how much it may be too high]}"""
        self.dropped: int = 0
        """How often a name had to make room."""

    def add(self, name: str) -> None:
        """One more of this name."""
        found = self._counts.get(name)
        if found is not None:
            found[0] += 1
        elif len(self._counts) < self._names:
            self._counts[name] = [1, 0]
        else:
            rarest = min(self._counts, key=lambda name: self._counts[name][0])
            least = self._counts.pop(rarest)[0]
            self._counts[name] = [least + 1, least]
            self.dropped += 1

    def top(self, most: int) -> tuple[ErrorCount, ...]:
        """The most common, the most common first; of equals the one that came first."""
        ordered = sorted(self._counts.items(), key=lambda item: -item[1][0])
        return tuple(ErrorCount(name, count, over) for name, (count, over) in ordered[:most])
