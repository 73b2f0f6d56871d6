"""Sync calls in worker threads: they cannot be interrupted, only left to themselves, and who does that counts them.

A thread that hangs in a socket ends when the socket lets go of it, and no earlier. So whoever does not want to wait longer
abandons the call: its result comes late and goes to nobody. `Abandoned` bounds how many of these there are at once, because
each is a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Generic, TypeVar, cast

import trio

from actors.errors import BulkheadFull
from actors.resilience.locking import new_lock

__all__ = ["Abandoned", "ThreadCall"]

R = TypeVar("R")


class Abandoned:
    """How many calls run that nobody waits for any more. Safe to use from any thread.

    Args:
        name: the policy's, for the error.
        limit: how many there may be.
    """

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._lock = new_lock()
        self._running = 0
        self._late = 0
        self._late_errors = 0

    @property
    def running(self) -> int:
        """Abandoned and not over yet."""
        return self._running

    @property
    def late(self) -> int:
        """Abandoned and over by now."""
        return self._late

    @property
    def late_errors(self) -> int:
        """Those of them that failed."""
        return self._late_errors

    def check(self) -> None:
        """Before a call is started.

        Raises:
            BulkheadFull: as many as may be run already. Nothing was started.
        """
        if self._running >= self._limit:
            raise BulkheadFull(
                self._name,
                self._limit,
                hint="calls that were given up still hang in their threads: give what they call a timeout of its own",
            )

    def left(self) -> None:
        """One more is left to itself."""
        with self._lock:
            self._running += 1

    def over(self, *, failed: bool) -> None:
        """One of them ended."""
        with self._lock:
            self._running -= 1
            self._late += 1
            self._late_errors += failed


class ThreadCall(Generic[R]):
    """One call in a worker thread, with a copy of this thread's context.

    Args:
        function: what to call, without arguments.
        answered: called in the worker thread when it is over and somebody still waits for it.
        late: called there instead when nobody does.
    """

    def __init__(
        self, function: Callable[[], R], answered: Callable[[ThreadCall[R]], object], late: Callable[[ThreadCall[R]], object]
    ) -> None:
        self._function = function
        self._answered = answered
        self._late = late
        self._lock = new_lock()
        self._abandoned = False
        self._over = False
        self._value: R | None = None
        self.error: BaseException | None = None
        """What it raised."""

    def start(self, name: str) -> None:
        """Start it; `name` is the thread's."""
        context = copy_context()
        # trio keeps idle threads for the next call, and needs no loop for that. They are daemons: a call that hangs does not
        # keep the process from ending.
        trio.lowlevel.start_thread_soon(lambda: context.run(self._run), self._deliver, name)

    def abandon(self) -> bool:
        """Wait for it no longer; False if it is over already, so that its outcome counts."""
        with self._lock:
            self._abandoned = not self._over
            return self._abandoned

    def result(self) -> R:
        """What it returned. To be asked for once, when it is over.

        Raises:
            BaseException: what it raised, the very same object.
        """
        if self.error is not None:
            error, self.error = self.error, None
            try:
                raise error
            finally:
                del error  # otherwise the error and this frame would hold each other
        return cast("R", self._value)

    def _run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:  # noqa: BLE001  # it is raised where somebody waits for it
            self.error = error

    def _deliver(self, _: object) -> None:
        with self._lock:
            self._over = True
            late = self._abandoned
        # Released before anybody is told: they may look at this call at once.
        (self._late if late else self._answered)(self)
