"""What comes to one life beside its queue: timers, what monitors and watches see, and the exits it traps.

Signals are handled before what is queued, and never dropped for want of room. They end with the life they were meant for.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from supervisor.agenda import Timer
from supervisor.exits import ExitReason
from supervisor.messages import Down, Exit, Gone, Up
from supervisor.place import Place
from supervisor.ref import Ref

if TYPE_CHECKING:
    from supervisor.context import Context

__all__ = ["SIGNALS_PER_WATCH", "ActorTimer", "ExitSignal", "Monitor"]


class ActorTimer:
    """A timer of one life. Its message comes in the lane that is never dropped; at most one waits there at a time."""

    __slots__ = ("_context", "_due", "_interval", "_key", "_timer", "active", "message", "queued")

    def __init__(self, context: Context, delay: float, message: object, interval: float | None, key: object) -> None:
        self.message: object = message
        self.active: bool = True
        self.queued: bool = False
        self._context = context
        self._interval = interval
        self._key = key
        self._due = context.runtime.now() + delay
        self._timer: Timer = context.runtime.timekeeper.after(delay, self._fire)

    def cancel(self) -> bool:
        """Forget it. A tick that is queued already is not delivered. Returns whether it was still to come."""
        was, self.active = self.active, False
        self._context.runtime.timekeeper.cancel(self._timer)
        self._forget()
        return was

    def delivered(self) -> None:
        """Its message is being handled."""
        self.queued = False
        if self._interval is None:
            self.active = False
            self._forget()

    def put_off(self) -> None:
        """It was not to be handled yet: it comes again behind what waits now."""
        self.queued = False
        self._timer = self._context.runtime.timekeeper.after(0.0, self._fire)

    def _forget(self) -> None:
        if self._context.timers.get(self._key) is self:  # the key may be another's by now
            del self._context.timers[self._key]

    def _fire(self) -> None:
        if not self.active:
            return  # it was cancelled in the very moment in which it was due
        if not self.queued:
            self.queued = True
            self._context.deliver(self)
        if self._interval is not None and not self._context.draining:  # a drain would never end
            now = self._context.runtime.now()
            self._due += self._interval
            if self._due <= now:
                self._due = now + self._interval  # a loop that was blocked does not catch up on missed ticks
            self._timer = self._context.runtime.timekeeper.after(self._due - now, self._fire)


SIGNALS_PER_WATCH = 100
"""What of one `watch`, or of one place that it links with, may wait to be handled: past that the oldest goes. The incarnations
in the others show the gap."""


class Monitor:
    """One `monitor` or `watch` of one life. `cancel()` guarantees that nothing more of it is delivered."""

    __slots__ = ("_context", "_forever", "_place", "_waiting", "active")

    def __init__(self, context: Context, place: Place, *, forever: bool) -> None:
        self.active: bool = True
        self._context = context
        self._place = place
        self._forever = forever
        self._waiting: deque[_Notice] = deque()
        context.monitors[self] = None
        place.watchers[self] = None

    def cancel(self) -> None:
        """Stop watching."""
        self.active = False
        self._place.watchers.pop(self, None)
        self._context.monitors.pop(self, None)

    def life_began(self, place: Place, incarnation: int) -> None:
        if self._forever:
            self._deliver(Up(Ref(place), incarnation))

    def life_ended(self, place: Place, incarnation: int, reason: ExitReason | None) -> None:
        self._deliver(Down(Ref(place), incarnation, reason))
        if not self._forever:
            place.watchers.pop(self, None)

    def place_closed(self, place: Place) -> None:
        if self._forever:
            self._deliver(Gone(Ref(place)))
        # Nothing more may come of it, also if the place is opened again: `Gone` is the last. And kept, each child that ever was
        # watched would stay in memory.
        place.watchers.pop(self, None)
        self._context.monitors.pop(self, None)

    def _deliver(self, message: object) -> None:
        if len(self._waiting) >= SIGNALS_PER_WATCH:
            # Who hangs while what it watches flaps would otherwise fill the memory.
            self._context.drop(self._waiting.popleft())
        notice = _Notice(self, message)
        self._waiting.append(notice)
        self._context.deliver(notice)


class _Notice:
    """A signal on its way, dropped if its monitor is cancelled before it is handled."""

    __slots__ = ("_monitor", "message")

    def __init__(self, monitor: Monitor, message: object) -> None:
        self._monitor = monitor
        self.message = message

    @property
    def active(self) -> bool:
        return self._monitor.active

    def delivered(self) -> None:
        self._monitor._waiting.popleft()  # they are handled in order: it is the first
        if not self._monitor._forever:
            self._monitor.cancel()


class ExitSignal:
    """An `Exit` on its way."""

    __slots__ = ("message", "place")
    active = True

    def __init__(self, place: Place, reason: ExitReason) -> None:
        self.place: Place = place
        self.message: Exit = Exit(Ref(place), reason)

    def delivered(self) -> None: ...
