"""A count that several threads can raise at once without a lock, and without losing one."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from actors.resilience.locking import new_lock

__all__ = ["Tally"]


class Tally:
    """`tally.add()` counts one more; `tally.value()` is the count.

    A step of `itertools.count` is one call into C, which threads cannot interleave, and costs what `+= 1` does, which they can.
    The count cannot be looked at without a step of it, so steps for looking are counted too, and taken off.
    """

    __slots__ = ("_count", "_lock", "_looks", "add")

    def __init__(self) -> None:
        self._count = itertools.count()
        self._lock = new_lock()
        self._looks = 0
        self.add: Callable[[], int] = self._count.__next__
        """Count one more. What it returns means nothing."""

    def value(self) -> int:
        """How often `add` was called."""
        with self._lock:
            counted = next(self._count) - self._looks
            self._looks += 1
            return counted
