"""A limit on the average: a burst at once, and then as fast as it is refilled.

For servers that count so themselves. Towards one that counts windows it lets through too much: in the first `within` seconds
the burst, and what is refilled meanwhile. `RollingWindow` never does.
"""

from __future__ import annotations

import copy
import math
from typing import Self

from attrs import define, field

from actors.resilience.limiting.window import Window, check_limit, refuse_limit

__all__ = ["TokenBucket"]


@define
class TokenBucket(Window):
    """At most `burst + limit * t / within` weight in any `t` seconds. Has the face of a `RollingWindow`.

    Args:
        limit: the weight that is refilled in `within` seconds.
        within: seconds.
        burst: the weight that a full bucket holds; None for `limit`.

    Raises:
        ValueError: a limit or a burst below 1, or a length that is not above 0.
    """

    limit: int
    within: float
    burst: int | None = None
    _full_at: float = field(default=-math.inf, init=False)
    """When the bucket was full last. What was taken is counted from there, in whole numbers: in a sum of many small refills
    there is a rounding error, for which the last of a burst would wait."""
    _taken: int = field(default=0, init=False)
    """What was taken since."""

    def __attrs_post_init__(self) -> None:
        check_limit(self.limit, self.within)
        if self.burst is not None and self.burst < 1:
            refuse_limit("burst", self.burst, "a weight of 1 or more, for example burst=5, or None for the limit")

    @property
    def heaviest(self) -> int:
        """What a full bucket holds."""
        return self.limit if self.burst is None else self.burst

    def used(self, now: float) -> int:
        """What is not refilled yet."""
        if self._refilled_at(self._taken) <= now:
            return 0
        return max(0, self._taken - math.floor((now - self._full_at) * self.limit / self.within))

    def has_room(self, now: float, weight: int) -> bool:
        """Whether this weight, which is a possible one, fits now."""
        return self._refilled_at(self._taken + weight - self.heaviest) <= now

    def ready_at(self, now: float, weight: int = 1) -> float:
        """The first moment, `now` or later, at which this weight fits.

        Raises:
            ValueError: a weight that never fits, or is below 1.
        """
        if not 1 <= weight <= self.heaviest:
            refuse_limit("weight", weight, f"1 to {self.heaviest}, the burst: no more can ever go at once")
        return max(now, self._refilled_at(self._taken + weight - self.heaviest))

    def copy(self) -> Self:
        """An independent bucket in the same state."""
        return copy.copy(self)

    def record(self, now: float, weight: int) -> None:
        """Take a weight for which there is room."""
        if self._refilled_at(self._taken) <= now:
            self._full_at, self._taken = now, 0
        self._taken += weight

    def _refilled_at(self, weight: int) -> float:
        """When this much of what was taken is refilled."""
        return self._full_at + weight * self.within / self.limit
