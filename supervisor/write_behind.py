"""Writing behind: what the loop puts is written by one thread, in batches, a short while later.

Three layers, the newest first; each `put` replaces the one of the same place below it, so that together they hold no more than
is stored:
    fresh    put since the last hand-over; only the loop's thread touches it
    handed   given to the thread
    batch    being written, or waiting to be tried again
What is in none of them is written. A hand-over happens between two steps of the loop's tasks, so that what was put without an
`await` in between is in one batch; a batch is written whole or not at all.

In virtual time a wait for the thread blocks the loop instead: the disk's time is none of the loop's, and a clock that jumps
when the loop is idle would jump past every deadline meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from functools import partial
from typing import Generic, TypeVar

import anyio
import anyio.lowlevel

from supervisor.parking import parker_type, threadsafe_caller, time_is_virtual

__all__ = ["CLOSES_WITHIN", "MISSING", "WriteBehind"]

K = TypeVar("K", bound=Hashable)

MISSING = object()
"""Nothing about it waits to be written."""
CLOSES_WITHIN = 30.0
"""Seconds after which a disk that does not answer is no longer waited for at the end."""
RETRY_FIRST, RETRY_MOST = 0.25, 5.0
"""Seconds until a batch that could not be written is tried again; doubled each time."""


class WriteBehind(Generic[K]):
    """The layers, and the thread.

    Args:
        write: called in the thread with one batch, {key: value, or None for what is deleted}; raises if nothing is written.
        finish: called in the thread, at its end.
        report: called in the loop with an error when writing begins to fail, and with None when all is written again.
        write_after: seconds that a put may wait for others, so that a burst is one batch.
    """

    def __init__(
        self,
        write: Callable[[dict[K, bytes | None]], None],
        finish: Callable[[], None],
        report: Callable[[Exception | None], object],
        write_after: float,
    ) -> None:
        self._write = write
        self._finish = finish
        self._report = report
        self._write_after = write_after
        self._fresh: dict[K, bytes | None] = {}
        self._noted = False
        """The thread knows that something is fresh."""
        self._call_soon: Callable[[Callable[[], object]], bool] | None = None
        self._asks = True
        """The thread asks for what is fresh, so that a burst costs the loop one call."""
        try:
            self._call_soon = threadsafe_caller()
            self._asks = not time_is_virtual()  # or the moment of the hand-over would differ from run to run
        except RuntimeError:
            """No loop runs: a script that looks into a store. Each put is handed over at once."""
        # What both threads touch, and only while they hold it:
        self._changed = threading.Condition()
        self._handed: dict[K, bytes | None] = {}
        self._batch: dict[K, bytes | None] = {}
        self._waiting = False
        """Something is fresh."""
        self._urgent = False
        """Somebody waits for it."""
        self._closing = False
        self._last = False
        """The attempt after which the thread ends has begun."""
        self._ended = False
        self._handovers = self._taken = self._attempted = self._written = 0
        """Hand-overs so far; those in the batch; those of the last attempt that is over; those that are durable."""
        self._attempts = 0
        self._error: Exception | None = None
        self._wakers: list[Callable[[], object]] = []
        self._thread = threading.Thread(target=self._run, name="oneforone store", daemon=True)
        self._thread.start()

    # ---- for the loop's thread

    def put(self, key: K, value: bytes | None) -> None:
        """Write this; None: delete."""
        self._fresh[key] = value
        if self._call_soon is None:
            self.hand_over()
        elif not self._noted:
            self._noted = True
            if not self._asks:
                self._call_soon(self.hand_over)
                return
            with self._changed:
                self._waiting = True
                self._changed.notify_all()

    def find(self, key: K) -> object:
        """What waits to be written there: bytes, None for a deletion, or MISSING."""
        if key in self._fresh:
            return self._fresh[key]
        with self._changed:
            return self._handed.get(key, self._batch.get(key, MISSING)) if self._handed else self._batch.get(key, MISSING)

    def pending(self) -> dict[K, bytes | None]:
        """All that waits to be written."""
        with self._changed:
            return {**self._batch, **self._handed, **self._fresh}

    def hand_over(self) -> None:
        """Give the thread what is fresh."""
        self._noted = False
        with self._changed:
            if self._fresh:
                self._handed.update(self._fresh)
                self._fresh = {}
                self._handovers += 1
            self._waiting = False
            self._changed.notify_all()

    async def flush(self) -> None:
        """Return when all that was put is durable.

        Raises:
            Exception: what `write` raised for it.

        Cancellation: may have happened.
        """
        await anyio.lowlevel.checkpoint()
        self.hand_over()
        with self._changed:
            target, before = self._handovers, self._attempts
            if self._written < target:
                self._urgent = True
                self._changed.notify_all()
        await self._until(
            lambda: self._written >= target or (self._attempted >= target and self._attempts > before) or self._ended
        )
        with self._changed:
            if self._written < target:
                raise self._error or TimeoutError(f"nothing was written within {CLOSES_WITHIN:g} s")

    async def close(self) -> bool:
        """Write what is left and end the thread; whether it ended in time.

        Raises:
            Exception: what `write` raised for it.

        Cancellation: shielded; a native `task.cancel()` is raised when it is done.
        """
        self.hand_over()
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        cut: BaseException | None = None
        with anyio.move_on_after(CLOSES_WITHIN, shield=True) as scope:
            while not self._ended:
                try:
                    await self._until(lambda: self._ended)
                except anyio.get_cancelled_exc_class() as error:
                    if scope.cancel_called:
                        raise
                    cut = error
                else:
                    break
        if cut is not None:
            raise cut
        if self._ended and self._written < self._handovers and self._error is not None:
            raise self._error
        return self._ended

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Return when the thread has made the condition true. Cancellation: atomic."""
        if time_is_virtual():
            with self._changed:
                self._changed.wait_for(condition, CLOSES_WITHIN)  # bounded, so that a broken disk does not hang a test
            return
        parker = parker_type()()
        waker = partial(threadsafe_caller(), parker.unpark)
        with self._changed:
            self._wakers.append(waker)
        try:
            # The waker's call comes in a later step of the loop: between this check and the parking none is missed.
            while not condition():
                await parker.park()
        finally:
            with self._changed:
                self._wakers.remove(waker)

    # ---- the thread

    def _run(self) -> None:
        pause, well = 0.0, True
        while self._take(pause):
            outcome: Exception | None = None
            try:
                self._write(self._batch)  # nobody else changes it
            except Exception as error:  # noqa: BLE001  # told to who flushes, and tried again
                outcome = error
            pause = 0.0 if outcome is None else min(max(2 * pause, RETRY_FIRST), RETRY_MOST)
            if (outcome is None) != well:
                well = not well
                self._tell(partial(self._report, outcome))
            self._settle(outcome)
        try:
            self._finish()
        except Exception as error:  # noqa: BLE001  # told to who closes
            self._error = self._error or error
        with self._changed:
            self._ended = True
            self._notify()

    def _take(self, pause: float) -> bool:
        """Wait for the next batch; False: there will be none."""
        with self._changed:
            if self._last:
                return False
            if pause:
                self._changed.wait_for(lambda: self._urgent or self._closing, pause)
            else:
                self._changed.wait_for(lambda: self._waiting or self._handed or self._urgent or self._closing)
                self._changed.wait_for(lambda: self._urgent or self._closing, self._write_after)
            ask = self._waiting and not self._urgent and not self._closing
        if ask and not self._tell(self.hand_over):
            self._closing = True  # the loop is gone, and with it whoever could put or close
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self._urgent or self._closing)
            self._batch = {**self._batch, **self._handed}
            self._handed = {}
            self._taken = self._handovers
            self._urgent = False
            self._last = self._closing
        return True

    def _settle(self, outcome: Exception | None) -> None:
        with self._changed:
            self._attempts += 1
            self._attempted = self._taken
            self._error = outcome
            if outcome is None:
                self._batch = {}
                self._written = self._taken
            self._notify()

    def _notify(self) -> None:
        self._changed.notify_all()
        for waker in self._wakers:
            waker()

    def _tell(self, action: Callable[[], object]) -> bool:
        """Have the loop do this; whether there is a loop that will."""
        return self._call_soon is not None and self._call_soon(action)
