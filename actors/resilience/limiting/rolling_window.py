"""One limit that holds at any moment: never more than `limit` in any interval of `within` seconds.

A token bucket keeps an average. Its burst lets through nearly twice the limit in the first window, and the server
counts that window: a bucket of 5 messages per second sends 9 in the first one and is disconnected (S4). Here each
event is remembered until it is exactly `within` seconds old; at that moment it has left the window.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from typing import NoReturn, Protocol, Self

from attrs import define, field

__all__ = ["RollingWindow", "Window", "refuse_limit", "refuse_weight", "seconds_until"]


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


class Window(Protocol):
    """One limit. Times must not go backwards."""

    @property
    def within(self) -> float:
        """Seconds."""
        ...

    @property
    def heaviest(self) -> int:
        """The weight that can go at once when nothing has gone before."""
        ...

    def used(self, now: float) -> int:
        """The weight that counts now."""
        ...

    def ready_at(self, now: float, weight: int = 1) -> float:
        """The first moment, `now` or later, at which this weight fits. Once there is room, it stays until somebody takes it.

        Raises:
            ValueError: a weight that never fits, or is below 1.
        """
        ...

    def has_room(self, now: float, weight: int) -> bool:
        """Whether this weight, which is a possible one, fits now."""
        ...

    def record(self, now: float, weight: int) -> None:
        """Count a call that is made."""
        ...

    def observe(self, now: float, used: int) -> None:
        """The server has counted this much by now."""
        ...

    def copy(self) -> Self:
        """An independent one in the same state."""
        ...


@define
class RollingWindow:
    """At most `limit` weight in any `within` seconds. Remembers at most `limit` events. Times must not go backwards.

    Args:
        limit: the weight allowed in one window.
        within: the window's length in seconds.

    Raises:
        ValueError: a limit below 1, or a length that is not above 0.
    """

    limit: int
    within: float
    _events: deque[tuple[float, int]] = field(factory=deque, init=False)
    """[(when it leaves the window, weight)], oldest first."""
    _used: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        if self.limit < 1:
            refuse_limit("limit", self.limit, "a weight of 1 or more, for example limit=5")
        if not 0 < self.within < math.inf:
            refuse_limit("within", self.within, "seconds above 0, for example within=1.0")

    @property
    def heaviest(self) -> int:
        """The limit."""
        return self.limit

    def used(self, now: float) -> int:
        """The weight in the window that ends now."""
        while self._events and self._events[0][0] <= now:
            self._used -= self._events.popleft()[1]
        return self._used

    def has_room(self, now: float, weight: int) -> bool:
        """Whether this weight, which is a possible one, fits now."""
        if self._used + weight <= self.limit:
            return True  # whatever has left since only makes more room
        return self.used(now) + weight <= self.limit

    def ready_at(self, now: float, weight: int = 1) -> float:
        """The first moment, `now` or later, at which this weight fits.

        Raises:
            ValueError: a weight that never fits, or is below 1.
        """
        if not 1 <= weight <= self.limit:
            refuse_weight(weight, self.limit)
        excess = self.used(now) + weight - self.limit
        moment = now
        for leaves, left in self._events:
            if excess <= 0:
                break
            moment, excess = leaves, excess - left
        return moment

    def delay(self, now: float, weight: int = 1) -> float:
        """Seconds until this weight fits; after exactly that long it does. Raises ValueError as `ready_at`."""
        return seconds_until(self.ready_at(now, weight), now)

    def try_take(self, now: float, weight: int = 1) -> float:
        """Record an event if it fits and return 0; else return the seconds to wait and record nothing.

        Raises:
            ValueError: as `ready_at`.
        """
        delay = self.delay(now, weight)
        if not delay:
            self.record(now, weight)
        return delay

    def observe(self, now: float, used: int) -> None:
        """The server has counted this much by now. What we did not know of fills the window from now on.

        Less than our own count changes nothing: the server may reset at other times, or have calls still to come.
        """
        unknown = min(used, self.limit) - self.used(now)
        if unknown > 0:
            self.record(now, unknown)

    def copy(self) -> Self:
        """An independent window in the same state."""
        twin = copy.copy(self)
        twin._events = self._events.copy()
        return twin

    def record(self, now: float, weight: int) -> None:
        """Count an event for which there is room."""
        self._events.append((now + self.within, weight))
        self._used += weight
