"""One limit that holds at any moment: never more than `limit` in any interval of `within` seconds.

A token bucket keeps an average. Its burst lets through nearly twice the limit in the first window, and the server
counts that window: a bucket of 5 messages per second sends 9 in the first one and is disconnected (S4). Here each
event is remembered until it is exactly `within` seconds old; at that moment it has left the window.
"""

from __future__ import annotations

import copy
from collections import deque
from typing import Self

from attrs import define, field

from actors.resilience.limiting.window import Window, check_limit, refuse_weight

__all__ = ["RollingWindow"]


@define
class RollingWindow(Window):
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
        check_limit(self.limit, self.within)

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

    def copy(self) -> Self:
        """An independent window in the same state."""
        twin = copy.copy(self)
        twin._events = self._events.copy()
        return twin

    def record(self, now: float, weight: int) -> None:
        """Count an event for which there is room."""
        self._events.append((now + self.within, weight))
        self._used += weight
