"""Limits that hold at any moment: never more than `limit` in any interval of `within` seconds.

A token bucket keeps an average. Its burst lets through nearly twice the limit in the first window, and the server
counts that window: a bucket of 5 messages per second sends 9 in the first one and is disconnected (S4). Here each
event is remembered until it is exactly `within` seconds old; at that moment it has left the window.

    RollingWindow    one limit
    LimiterMachine      several at once, bans, what the server says it has counted, and a queue

Theory of the queue. What counts is when a call is *made*, not when it was planned: a task that wakes up late is
inside a later window than planned. So a reservation records nothing. It holds a place in the line, `delay` plans
the line from the calls really made, and `claim` records the call at its true time. A reservation may go when
everybody before it could go at the same moment, so that one whose owner is slow does not stop the line.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from typing import NoReturn, Self

from attrs import define, field

__all__ = ["LimiterMachine", "Reservation", "RollingWindow", "seconds_until"]


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


def _refuse(what: str, value: object, expected: str) -> NoReturn:
    raise ValueError(f"a rate limit got {what}={value!r}; expected {expected}")


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
            _refuse("limit", self.limit, "a weight of 1 or more, for example limit=5")
        if not 0 < self.within < math.inf:
            _refuse("within", self.within, "seconds above 0, for example within=1.0")

    def used(self, now: float) -> int:
        """The weight in the window that ends now."""
        while self._events and self._events[0][0] <= now:
            self._used -= self._events.popleft()[1]
        return self._used

    def ready_at(self, now: float, weight: int = 1) -> float:
        """The first moment, `now` or later, at which this weight fits.

        Raises:
            ValueError: a weight that never fits, or is below 1.
        """
        if not 1 <= weight <= self.limit:
            _refuse("weight", weight, f"1 to {self.limit}, the limit: no more can ever go at once")
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
            self._record(now, weight)
        return delay

    def observe(self, now: float, used: int) -> None:
        """The server has counted this much by now. What we did not know of fills the window from now on.

        Less than our own count changes nothing: the server may reset at other times, or have calls still to come.
        """
        unknown = min(used, self.limit) - self.used(now)
        if unknown > 0:
            self._record(now, unknown)

    def copy(self) -> Self:
        """An independent window in the same state."""
        twin = copy.copy(self)
        twin._events = self._events.copy()
        return twin

    def _record(self, now: float, weight: int) -> None:
        self._events.append((now + self.within, weight))
        self._used += weight


@define(eq=False)
class Reservation:
    """A place in the line of a `LimiterMachine`. End it once, by a `claim` that returned 0 or by `cancel`."""

    weight: int
    at: float
    """When it may go, as planned last. Cancellations before it make it sooner; bans and late calls, later."""


@define(init=False)
class LimiterMachine:
    """Several limits at once, first come first served.

    Args:
        windows: each holds for every call, with the call's weight.
    """

    _windows: tuple[RollingWindow, ...]
    _line: list[Reservation]
    """Reservations not yet claimed, in order. As long as there are callers waiting."""
    _banned_until: float

    def __init__(self, *windows: RollingWindow) -> None:
        self._windows = windows
        self._line = []
        self._banned_until = -math.inf

    def delay(self, now: float, weight: int = 1) -> float:
        """Seconds until a call would have its turn if it queued now.

        Raises:
            ValueError: no window ever has room for this weight.
        """
        return seconds_until(self._plan(now, weight), now)

    def try_take(self, now: float, weight: int = 1) -> float:
        """Record a call and return 0 if it may go at once, the line included; else the seconds to wait.

        Raises:
            ValueError: as `delay`.
        """
        delay = self.delay(now, weight)
        if not delay:
            self._record(now, weight)
        return delay

    def reserve(self, now: float, weight: int = 1) -> Reservation:
        """Take the last place in the line. Claim it at its time, or cancel it.

        Raises:
            ValueError: as `delay`.
        """
        reservation = Reservation(weight, self._plan(now, weight))
        self._line.append(reservation)
        return reservation

    def claim(self, reservation: Reservation, now: float) -> float:
        """Record the reserved call and return 0 if it may go now; else the seconds to wait before the next claim.

        Raises:
            ValueError: it was claimed or cancelled before.
        """
        place = self._line.index(reservation)
        reservation.at = self._plan(now, reservation.weight, self._line[:place])
        delay = seconds_until(reservation.at, now)
        if not delay:
            del self._line[place]
            self._record(now, reservation.weight)
        return delay

    def cancel(self, reservation: Reservation) -> None:
        """Leave the line. Those behind move up. After a claim it changes nothing: the call was made."""
        if reservation in self._line:
            self._line.remove(reservation)

    def ban_until(self, until: float) -> None:
        """Let nothing through before this time, and never shorten a ban."""
        self._banned_until = max(self._banned_until, until)

    def observe(self, now: float, used: int, *, within: float) -> None:
        """The server says how much weight it has counted in its window of this length.

        A length that no window here has changes nothing: it is a limit we were not told to keep.
        """
        for window in self._windows:
            if window.within == within:
                window.observe(now, used)

    def _plan(self, now: float, weight: int, ahead: list[Reservation] | None = None) -> float:
        """When a call of this weight has its turn, if all those ahead of it go as soon as they can."""
        moment = max(now, self._banned_until)
        windows = self._windows
        ahead = self._line if ahead is None else ahead
        if ahead or moment > now:
            # Looking into the future forgets what leaves until then, so look with copies.
            windows = tuple(window.copy() for window in windows)
        for reservation in ahead:
            moment = _fit(windows, moment, reservation.weight)
            for window in windows:
                window._record(moment, reservation.weight)
        return _fit(windows, moment, weight)

    def _record(self, now: float, weight: int) -> None:
        for window in self._windows:
            window._record(now, weight)


def _fit(windows: tuple[RollingWindow, ...], moment: float, weight: int) -> float:
    """The first moment at which the weight fits all windows. Room once there stays, so the latest of them is it."""
    return max((window.ready_at(moment, weight) for window in windows), default=moment)
