"""The slots of a bulkhead: its machine, with a lock, a clock and sleepers.

Theory of operation:

* Who finds a free slot takes the lock once, and no clock is looked at. Who waits is handed a slot by who leaves, and woken.
* A wake-up and a cancellation can cross: who gives up says so to the machine, and a slot that it had got by then is handed on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable

from attrs import define, field, frozen

from actors.errors import BulkheadFull
from actors.resilience.clock import Clock
from actors.resilience.limiting.bulkhead_machine import BulkheadMachine, Place
from actors.resilience.locking import new_lock
from actors.resilience.waiting import TaskWaiter, ThreadWaiter, Waiter, in_a_loop, refuse_to_block
from supervisor.parking import uninterrupted

__all__ = ["BulkheadStatistics", "Slots"]

ROUNDING = 1e-6
"""Seconds. Of less, nothing may be left when it is added to a loop's clock: who sleeps that long would not get any further."""


@frozen(kw_only=True)
class BulkheadStatistics:
    """What a bulkhead has done so far, and how it is now."""

    limit: int
    """How many calls it allows at once now."""
    in_use: int
    """How many are inside now."""
    peak: int
    """The most that were ever inside at once."""
    waiting: int
    """Calls that wait now."""
    longest_queue: int
    """The most calls that ever waited at once."""
    entered: int
    """Calls that were let in, with those of who was inside already."""
    waited: int
    """How many of them had to wait."""
    waited_seconds: float
    """How long those waited, together."""
    refused: int
    """Calls that were not let in: the queue was full, or the patience at its end."""
    cancelled: int
    """Calls that were cancelled while they waited."""


@define(eq=False)
class _Sleeper(Place):
    """The place of somebody who sleeps."""

    waiter: Waiter = field(kw_only=True)
    began: float = 0.0


class Slots:
    """So many holders inside at once, tasks of any loop and threads.

    Args:
        name: for errors.
        limit: how many.
        queue: the most that wait.
        patience: the most seconds that one waits, or None.
        clock: the only clock there is, for tests.
    """

    __slots__ = (
        "_cancelled",
        "_entered",
        "_lock",
        "_longest_queue",
        "_machine",
        "_name",
        "_patience",
        "_queue",
        "_refused",
        "_time",
        "_waited",
        "_waited_seconds",
    )

    def __init__(self, name: str, limit: int, queue: int, patience: float | None, clock: Callable[[], float] | None) -> None:
        self._name = name
        self._queue = queue
        self._patience = patience
        self._machine = BulkheadMachine(limit)
        self._time = Clock(clock)
        self._lock = new_lock()
        self._entered = self._waited = self._refused = self._cancelled = self._longest_queue = 0
        self._waited_seconds = 0.0

    @uninterrupted
    def enter(self, holder: Hashable) -> bool:
        """Go in, if the holder is inside already or a slot is free."""
        with self._lock:
            if self._machine.enter(holder):
                self._entered += 1
                return True
            return False

    @uninterrupted
    def leave(self, holder: Hashable) -> None:
        """Go out, as often as in."""
        with self._lock:
            granted = self._machine.leave(holder)
        if granted:
            self._wake(granted)

    def wait(self, holder: Hashable, priority: int) -> None:
        """Sleep in this thread until there is a slot.

        Raises:
            BulkheadFull: too many wait, or its patience has ended.
            RuntimeError: an event loop runs in this thread.
        """
        waiter = ThreadWaiter()
        place = _Sleeper(holder, priority, waiter=waiter)
        try:
            pause = self._join(place)
            if pause and in_a_loop():
                refuse_to_block(f"the bulkhead {self._name}", "`async with`, an async function, or a thread")
            while pause:
                waiter.sleep(pause)
                pause = self._look(place)
        except BaseException as error:
            self._give_up(place, error)
            raise

    async def await_slot(self, holder: Hashable, priority: int) -> None:
        """As `wait`, for a task.

        Cancellation: atomic; the place is given up, and a slot that was handed over at that moment is handed on.
        """
        waiter = TaskWaiter()
        place = _Sleeper(holder, priority, waiter=waiter)
        try:
            pause = self._join(place)
            while pause:
                await waiter.sleep(pause)
                pause = self._look(place)
        except BaseException as error:
            self._give_up(place, error)
            raise

    @uninterrupted
    def _join(self, place: _Sleeper) -> float:
        """Stand in the queue; as `_look`. A slot that has become free meanwhile is taken at once."""
        machine = self._machine
        place.began = self._time.now()
        with self._lock:
            if machine.enter(place.holder):
                place.granted = True
                self._entered += 1
                return 0.0
            waiting = machine.waiting
            full = waiting >= self._queue or self._patience == 0
            if not full:
                machine.join(place)
                self._longest_queue = max(self._longest_queue, waiting + 1)
        if full:
            raise BulkheadFull(self._name, machine.limit, waiting)
        return math.inf if self._patience is None else self._patience

    @uninterrupted
    def _look(self, place: _Sleeper) -> float:
        """Seconds to sleep before the next look; 0: it has a slot.

        Raises:
            BulkheadFull: its patience has ended.
        """
        waited, patience, machine = self._time.now() - place.began, self._patience, self._machine
        with self._lock:
            if place.granted:
                self._entered += 1
                self._waited += 1
                self._waited_seconds += waited
                return 0.0
            if patience is None:
                return math.inf
            if waited < patience:
                return max(patience - waited, ROUNDING)
            machine.cancel(place)  # now, so that it gets no slot which it would have to hand on
            waiting = machine.waiting
        raise BulkheadFull(self._name, machine.limit, waiting)

    @uninterrupted
    def _give_up(self, place: _Sleeper, error: BaseException) -> None:
        with self._lock:
            granted = self._machine.cancel(place)
            if isinstance(error, Exception):
                self._refused += 1
            else:
                self._cancelled += 1
        self._wake(granted)

    @uninterrupted
    def resize(self, limit: int) -> None:
        """Allow so many at once from now on."""
        with self._lock:
            granted = self._machine.resize(limit)
        self._wake(granted)

    def statistics(self) -> BulkheadStatistics:
        """What it has done so far, and how it is now."""
        with self._lock:
            machine = self._machine
            return BulkheadStatistics(
                limit=machine.limit,
                in_use=machine.in_use,
                peak=machine.peak,
                waiting=machine.waiting,
                longest_queue=self._longest_queue,
                entered=self._entered,
                waited=self._waited,
                waited_seconds=self._waited_seconds,
                refused=self._refused,
                cancelled=self._cancelled,
            )

    @uninterrupted
    def _wake(self, granted: list[Place]) -> None:
        """Wake those who have got a slot. Where nobody sleeps any more, the slot is handed on."""
        while granted:
            place = granted.pop(0)
            if isinstance(place, _Sleeper) and not place.waiter.wake():
                with self._lock:
                    granted += self._machine.cancel(place)
