"""One limit, whatever it is that it counts."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NoReturn, Self

__all__ = ["Window", "check_limit", "refuse_limit", "refuse_weight", "seconds_until"]


def seconds_until(moment: float, now: float) -> float:
    """The wait from `now` to `moment`, such that `now + wait >= moment` holds in floating point too; 0 if it passed.

    The plain difference can be one rounding error short. Whoever slept exactly that long would be refused once more.
    """
    if moment <= now:
        return 0.0
    wait = moment - now
    while now + wait < moment:
        wait = math.nextafter(wait, math.inf)
    return wait


def refuse_limit(what: str, value: object, expected: str) -> NoReturn:
    """Raise ValueError for a number of a rate limit."""
    raise ValueError(f"a rate limit got {what}={value!r}; expected {expected}")


def refuse_weight(weight: object, heaviest: float) -> NoReturn:
    """Raise ValueError for a weight that never fits."""
    refuse_limit("weight", weight, f"1 to {heaviest}, the limit: no more can ever go at once")


def check_limit(limit: int, within: float) -> None:
    """Refuse a limit below 1, or a length that is not above 0, with a ValueError."""
    if limit < 1:
        refuse_limit("limit", limit, "a weight of 1 or more, for example limit=5")
    if not 0 < within < math.inf:
        refuse_limit("within", within, "seconds above 0, for example within=1.0")


class Window(ABC):
    """One limit. Times must not go backwards."""

    __slots__ = ()

    within: float
    """Seconds."""

    @property
    @abstractmethod
    def heaviest(self) -> int:
        """The weight that can go at once when nothing has gone before."""

    @abstractmethod
    def used(self, now: float) -> int:
        """The weight that counts now."""

    @abstractmethod
    def ready_at(self, now: float, weight: int = 1) -> float:
        """The first moment, `now` or later, at which this weight fits. Once there is room, it stays until somebody takes it.

        Raises:
            ValueError: a weight that never fits, or is below 1.
        """

    @abstractmethod
    def has_room(self, now: float, weight: int) -> bool:
        """Whether this weight, which is a possible one, fits now."""

    @abstractmethod
    def record(self, now: float, weight: int) -> None:
        """Count a call that is made, and for which there is room."""

    @abstractmethod
    def copy(self) -> Self:
        """An independent one in the same state."""

    def delay(self, now: float, weight: int = 1) -> float:
        """Seconds until this weight fits; after exactly that long it does. Raises ValueError as `ready_at`."""
        return seconds_until(self.ready_at(now, weight), now)

    def try_take(self, now: float, weight: int = 1) -> float:
        """Record a call if it fits and return 0; else return the seconds to wait and record nothing.

        Raises:
            ValueError: as `ready_at`.
        """
        delay = self.delay(now, weight)
        if not delay:
            self.record(now, weight)
        return delay

    def observe(self, now: float, used: int) -> None:
        """The server has counted this much by now. What we did not know of counts from now on.

        Less than our own count changes nothing: the server may reset at other times, or have calls still to come.
        """
        unknown = min(used, self.heaviest) - self.used(now)
        if unknown > 0:
            self.record(now, unknown)
