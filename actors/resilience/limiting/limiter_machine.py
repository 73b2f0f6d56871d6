"""Several limits at once, bans, what the server says it has counted, and a queue with priorities.

Theory of the queue. What counts is when a call is *made*, not when it was planned: a task that wakes up late is
inside a later window than planned. So a reservation records nothing. It holds a place in the line, `delay` plans
the line from the calls really made, and `claim` records the call at its true time. A reservation may go when
everybody before it could go at the same moment, so that one whose owner is slow does not stop the line.

What it costs. To plan for a place is to walk all of the line ahead of it. So nobody plans when they queue: who is first
claims, which walks nothing, and sleeps that long; the others sleep until they are first. Only who asks for a `delay`
walks the line, and the end of that walk is kept until the line changes elsewhere than at its end: a thousand who ask
and queue in one go walk it once.
"""

from __future__ import annotations

import math

from attrs import define, field

from actors.resilience.limiting.line import Line
from actors.resilience.limiting.window import Window, refuse_weight, seconds_until

__all__ = ["LimiterMachine", "Reservation"]


@define(eq=False)
class Reservation:
    """A place in the line of a `LimiterMachine`. End it once, by a `claim` that returned 0 or by `cancel`."""

    weight: int
    priority: int = 0
    """Lower goes first."""
    number: int = field(default=-1, init=False)


@define
class _Plan:
    """How the windows are when the line has gone, each as soon as they can."""

    windows: tuple[Window, ...]
    moment: float
    """When the last of them goes."""
    first: float = math.inf
    """When the first of them goes. Until then, to plan anew would give the same."""
    planned: int = 0
    """How many of the line are in it."""


@define(init=False)
class LimiterMachine:
    """Several limits at once; lower priorities first, and among equals first come first served.

    Args:
        windows: each holds for every call, with the call's weight.
    """

    _windows: tuple[Window, ...]
    _heaviest: float
    _line: Line[Reservation]
    """Reservations not yet claimed. As long as there are callers waiting."""
    _banned_until: float
    _plan: _Plan | None

    def __init__(self, *windows: Window) -> None:
        self._windows = windows
        self._heaviest = min((window.heaviest for window in windows), default=math.inf)
        self._line = Line()
        self._banned_until = -math.inf
        self._plan = None

    @property
    def windows(self) -> tuple[Window, ...]:
        """The limits, in the order in which they were given."""
        return self._windows

    @property
    def waiting(self) -> int:
        """How many stand in the line."""
        return len(self._line)

    @property
    def first(self) -> Reservation | None:
        """Whose turn is next. Everybody else may sleep until they are first, or cancel."""
        return self._line.first

    @property
    def banned_until(self) -> float:
        """Nothing goes before this time."""
        return self._banned_until

    def ready_at(self, now: float, weight: int = 1, priority: int = 0) -> float:
        """When a call would have its turn if it queued now, and all those ahead of it went as soon as they can.

        Raises:
            ValueError: no window ever has room for this weight, or it is below 1.
        """
        self.check(weight)
        windows, moment = self._after(now, self._line.ahead_of(priority))
        return _fit(windows, moment, weight)

    def delay(self, now: float, weight: int = 1, priority: int = 0) -> float:
        """Seconds until a call would have its turn if it queued now. Raises ValueError as `ready_at`."""
        return seconds_until(self.ready_at(now, weight, priority), now)

    def take(self, now: float, weight: int = 1, priority: int = 0) -> bool:
        """Record a call if nobody is ahead of it and it may go at once. Never walks the line.

        Raises:
            ValueError: as `ready_at`.
        """
        if not 1 <= weight <= self._heaviest:
            refuse_weight(weight, self._heaviest)
        line = self._line
        if now < self._banned_until or (line and line.ahead_of(priority)):
            return False
        windows = self._windows
        for window in windows:
            if not window.has_room(now, weight):
                return False
        for window in windows:
            window.record(now, weight)
        self._plan = None
        return True

    def try_take(self, now: float, weight: int = 1, priority: int = 0) -> float:
        """Record a call and return 0 if it may go at once, the line included; else the seconds to wait.

        Raises:
            ValueError: as `ready_at`.
        """
        delay = self.delay(now, weight, priority)
        if not delay:
            self._record(now, weight)
        return delay

    def reserve(self, weight: int = 1, priority: int = 0) -> Reservation:
        """Take the last place of this priority in the line. Claim it when it is first, or cancel it.

        Raises:
            ValueError: as `ready_at`.
        """
        reservation = Reservation(weight, priority)
        self.join(reservation)
        return reservation

    def join(self, reservation: Reservation) -> None:
        """As `reserve`, for who has made the reservation already, and so can cancel whatever comes between.

        Raises:
            ValueError: as `ready_at`.
        """
        self.check(reservation.weight)
        self._changed(self._line.join(reservation))

    def claim(self, reservation: Reservation, now: float) -> float:
        """Record the reserved call and return 0 if it may go now; else the seconds to wait before the next claim.

        Cancellations ahead of it make it sooner; bans and late calls, later.

        Raises:
            ValueError: it was claimed or cancelled before.
        """
        place = self._line.place(reservation)
        if place < 0:
            raise ValueError(f"{reservation!r} was claimed or cancelled before; expected one that stands in the line")
        windows, moment = self._after(now, place)
        delay = seconds_until(_fit(windows, moment, reservation.weight), now)
        if not delay:
            self._line.remove(place)
            self._record(now, reservation.weight)
        return delay

    def cancel(self, reservation: Reservation) -> bool:
        """Leave the line, and say whether it stood there. Those behind move up.

        After a claim it changes nothing: the call was made.
        """
        place = self._line.place(reservation)
        if place < 0:
            return False
        self._line.remove(place)
        self._changed(place)
        return True

    def ban_until(self, until: float) -> None:
        """Let nothing through before this time, and never shorten a ban."""
        if until > self._banned_until:
            self._banned_until = until
            self._plan = None

    def lift_ban(self) -> None:
        """Forget the ban: an operator knows better."""
        self._banned_until = -math.inf
        self._plan = None

    def observe(self, now: float, used: int, *, within: float) -> None:
        """The server says how much weight it has counted in its window of this length.

        A length that no window here has changes nothing: it is a limit we were not told to keep.
        """
        for window in self._windows:
            if window.within == within:
                window.observe(now, used)
        self._plan = None

    def check(self, weight: int) -> None:
        """Refuse a weight that can never go.

        Raises:
            ValueError: as `ready_at`.
        """
        if not 1 <= weight <= self._heaviest:
            refuse_weight(weight, self._heaviest)

    def _after(self, now: float, ahead: int) -> tuple[tuple[Window, ...], float]:
        """The windows when so many of the line have gone as soon as they can, and when the last of them has."""
        moment = max(now, self._banned_until)
        if not ahead and moment <= now:
            return self._windows, now
        # Looking into the future forgets what leaves until then, so look with copies.
        plan, whole = self._plan, ahead == len(self._line) > 0
        if plan is None or now > plan.first or not whole:
            plan = _Plan(tuple(window.copy() for window in self._windows), moment)
        for reservation in self._line.between(plan.planned, ahead):
            plan.moment = _fit(plan.windows, plan.moment, reservation.weight)
            plan.first = min(plan.first, plan.moment)
            for window in plan.windows:
                window.record(plan.moment, reservation.weight)
        plan.planned = ahead
        if whole:
            self._plan = plan
        return plan.windows, plan.moment

    def _changed(self, place: int) -> None:
        if self._plan is not None and place < self._plan.planned:
            self._plan = None

    def _record(self, now: float, weight: int) -> None:
        for window in self._windows:
            window.record(now, weight)
        self._plan = None


def _fit(windows: tuple[Window, ...], moment: float, weight: int) -> float:
    """The first moment at which the weight fits all windows. Room once there stays, so the latest of them is it."""
    return max((window.ready_at(moment, weight) for window in windows), default=moment)
