"""Where the calls of a rate limiter pass: the limiter's machine, with a lock, a clock and sleepers.

Theory of operation:

* The machine decides. A call that finds room takes the lock once, and looks at the clock once.
* Who is first in the line sleeps until its time and then looks again. The others sleep until they are first, or their patience
  ends. Whoever leaves the line, in whatever way, wakes who is first then: so nothing is lost when a wake-up and a cancellation
  cross. Nobody is let through while asleep: what counts is when a call is made.
* A loop that is blocked keeps its place, and holds up those of other threads behind it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from attrs import define, field, frozen

from actors.errors import LimitReached
from actors.resilience.clock import Clock
from actors.resilience.limiting.limiter_machine import LimiterMachine, Reservation
from actors.resilience.limiting.window import Window, seconds_until
from actors.resilience.locking import new_lock
from actors.resilience.waiting import TaskWaiter, ThreadWaiter, Waiter, in_a_loop, refuse_to_block
from supervisor.parking import uninterrupted

__all__ = ["Gate", "LimiterStatistics"]

ROUNDING = 1e-6
"""Seconds. Of less, nothing may be left when it is added to a loop's clock: who sleeps that long would not get any further."""


@frozen(kw_only=True)
class LimiterStatistics:
    """What a limiter has done so far, and how it is now."""

    taken: int
    """Calls that were let through."""
    waited: int
    """How many of them had to wait."""
    waited_seconds: float
    """How long those waited, together."""
    refused: int
    """Calls that were not let through: the line was full, or the wait too long."""
    cancelled: int
    """Calls that were cancelled while they waited."""
    bans: int
    """Bans, and how often one was made longer."""
    waiting: int
    """Calls that wait now."""
    longest_line: int
    """The most calls that ever waited at once."""
    banned_for: float
    """Seconds for which nothing goes; 0 without a ban."""
    used: tuple[int, ...]
    """The weight that counts now, for each window."""


@define(eq=False)
class _Turn(Reservation):
    """The place of somebody who sleeps."""

    waiter: Waiter = field(kw_only=True)
    began: float = 0.0
    until: float = math.inf
    """When its patience ends."""


class Gate:
    """Lets calls through as the windows allow. For tasks of any loop and for threads, all at once.

    Args:
        name: for errors.
        windows: each holds for every call.
        waiting: the most calls that wait.
        patience: the most seconds that one waits, or None.
        clock: the only clock there is, for tests.
    """

    __slots__ = (
        "_bans",
        "_cancelled",
        "_last",
        "_lock",
        "_longest_line",
        "_machine",
        "_name",
        "_patience",
        "_read",
        "_refused",
        "_taken",
        "_time",
        "_waited",
        "_waited_seconds",
        "_waiting",
    )

    def __init__(
        self, name: str, windows: tuple[Window, ...], waiting: int, patience: float | None, clock: Callable[[], float] | None
    ) -> None:
        self._name = name
        self._waiting = waiting
        self._patience = patience
        self._machine = LimiterMachine(*windows)
        self._time = Clock(clock)
        self._read = self._time.now
        self._last = -math.inf
        self._lock = new_lock()
        self._taken = self._waited = self._refused = self._cancelled = self._bans = self._longest_line = 0
        self._waited_seconds = 0.0

    def check(self, weight: int) -> None:
        """Refuse a weight that can never go, with a ValueError."""
        self._machine.check(weight)

    @uninterrupted
    def took(self, weight: int, priority: int) -> bool:
        """Count a call if it may be made now.

        Raises:
            ValueError: no window ever has room for this weight.
        """
        with self._lock:
            now = self._now()
            if self._machine.take(now, weight, priority):
                self._taken += 1
                return True
            return False

    def refuse(self, weight: int, priority: int) -> LimitReached:
        """The error for a call that will not wait."""
        with self._lock:
            wait = self._machine.delay(self._now(), weight, priority)
            self._refused += 1
        return LimitReached(self._name, wait)

    def delay(self, weight: int, priority: int) -> float:
        """Seconds until a call would have its turn if it queued now."""
        with self._lock:
            return self._machine.delay(self._now(), weight, priority)

    def wait(self, weight: int, priority: int) -> None:
        """Sleep in this thread until a call may be made, and count it.

        Raises:
            LimitReached: too many wait, or it would be longer than the patience.
            RuntimeError: an event loop runs in this thread.
        """
        waiter = ThreadWaiter()
        turn = _Turn(weight, priority, waiter=waiter)
        try:
            pause = self._join(turn)
            if pause and in_a_loop():
                refuse_to_block(f"the rate limit {self._name}", "`await limiter.atake()`, an async function, or a thread")
            while pause:
                waiter.sleep(pause)
                pause = self._look(turn)
        except BaseException as error:
            self._leave(turn, error)
            raise

    async def await_turn(self, weight: int, priority: int) -> None:
        """As `wait`, for a task.

        Cancellation: atomic; the place in the line is given back, and those behind move up at once.
        """
        waiter = TaskWaiter()
        turn = _Turn(weight, priority, waiter=waiter)
        try:
            pause = self._join(turn)
            while pause:
                await waiter.sleep(pause)
                pause = self._look(turn)
        except BaseException as error:
            self._leave(turn, error)
            raise

    def observe(self, used: int, within: float) -> None:
        """The server has counted this much. Who waits and would lose patience is refused at once."""
        with self._lock:
            self._machine.observe(self._now(), used, within=within)
            first = self._machine.first
        self._wake(first)

    def ban_until(self, moment: float) -> None:
        """Let nothing through before this time of the loop's clock. Who would lose patience is refused at once."""
        self._ban(self._time.on_axis(moment))

    def ban_for(self, seconds: float) -> None:
        """As `ban_until`, from now on."""
        self._ban(self._time.now() + seconds)

    def statistics(self) -> LimiterStatistics:
        """What was done so far."""
        with self._lock:
            now, machine = self._now(), self._machine
            return LimiterStatistics(
                taken=self._taken,
                waited=self._waited,
                waited_seconds=self._waited_seconds,
                refused=self._refused,
                cancelled=self._cancelled,
                bans=self._bans,
                waiting=machine.waiting,
                longest_line=self._longest_line,
                banned_for=max(0.0, machine.banned_until - now),
                used=tuple(window.used(now) for window in machine.windows),
            )

    def _now(self) -> float:
        """Never backwards: clocks of several loops and threads differ by rounding, and virtual ones by more."""
        now = self._read()
        if now < self._last:
            return self._last
        self._last = now
        return now

    def _ban(self, until: float) -> None:
        with self._lock:
            if until > max(self._machine.banned_until, self._now()):
                self._bans += 1
            self._machine.ban_until(until)
            first = self._machine.first
        self._wake(first)

    def lift_ban(self) -> None:
        """Forget the ban; who waits for its end looks again at once."""
        with self._lock:
            self._machine.lift_ban()
            first = self._machine.first
        self._wake(first)

    @uninterrupted
    def _join(self, turn: _Turn) -> float:
        """Stand in the line; as `_look`. Room that has come meanwhile is taken at once."""
        machine, refused = self._machine, -1.0
        with self._lock:
            now = turn.began = self._now()
            if machine.take(now, turn.weight, turn.priority):
                self._taken += 1
                return 0.0
            if self._patience is not None:
                turn.until = now + self._patience + ROUNDING
            full = machine.waiting >= self._waiting
            if full or turn.until < math.inf:
                ready_at = machine.ready_at(now, turn.weight, turn.priority)
                if full or ready_at > turn.until:
                    refused = seconds_until(ready_at, now)
            if refused < 0:
                machine.join(turn)
                self._longest_line = max(self._longest_line, machine.waiting)
        if refused >= 0:
            raise LimitReached(self._name, refused)
        return self._look(turn)

    @uninterrupted
    def _look(self, turn: _Turn) -> float:
        """Seconds to sleep before the next look; 0: the call may be made, and is counted.

        Raises:
            LimitReached: its turn would come after its patience has ended.
        """
        machine, pause, refused, first = self._machine, math.inf, -1.0, None
        with self._lock:
            now = self._now()
            if machine.first is turn:
                pause = machine.claim(turn, now)
                if not pause:
                    self._taken += 1
                    self._waited += 1
                    self._waited_seconds += now - turn.began
                    first = machine.first
                elif now + pause > turn.until:
                    refused = pause
            elif now < turn.until:
                pause = turn.until - now
            else:
                refused = machine.delay(now, turn.weight, turn.priority)
        self._wake(first)
        if refused >= 0:
            raise LimitReached(self._name, refused)
        return max(pause, ROUNDING) if pause else 0.0

    @uninterrupted
    def _leave(self, turn: _Turn, error: BaseException) -> None:
        with self._lock:
            was_first = self._machine.first is turn
            self._machine.cancel(turn)
            first = self._machine.first if was_first else None
            if isinstance(error, Exception):
                self._refused += 1
            else:
                self._cancelled += 1
        self._wake(first)

    @uninterrupted
    def _wake(self, first: Reservation | None) -> None:
        """Have who is first look again. Where nobody sleeps any more, the place is given up."""
        while isinstance(first, _Turn) and not first.waiter.wake():
            with self._lock:
                self._machine.cancel(first)
                first = self._machine.first
