"""One supervised job: an async function at work as a TEMPORARY child, and what it came to.

A job is linked to nobody: who started it may go, and may leave the result unread. The result is held by the `Job` alone; the
tree keeps none of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, Generic, TypeVar

import anyio
from attrs import frozen

from supervisor.agenda import Timer
from supervisor.backoff import is_number
from supervisor.checks import must_await, name_of
from supervisor.errors import ActorCrashed, AskedSelf, JobTimeout, NoSuchActor, Unstopped
from supervisor.exits import ExitReason, Killed, Shutdown
from supervisor.parking import Parker, uninterrupted
from supervisor.place import CURRENT_PLACE, Place
from supervisor.ref import Ref
from supervisor.runtime import Runtime

__all__ = ["Done", "Job", "Outcome", "TimedOut", "check_timeout"]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_UNSET: Final = object()
OVERDUE_AFTER = 1.0
"""Seconds after its kill at which nobody waits any longer for a job that still runs; the tree reports it then."""


@frozen
class Done(Generic[R_co]):
    """The job returned this."""

    value: R_co


@frozen
class TimedOut:
    """The job had no result in time, and was ended."""

    timeout: float
    """Seconds it had."""


Outcome = Done[R] | TimedOut | ExitReason
"""What a job came to. `Failed(error)`: it raised. Another exit reason: somebody ended it before it was done."""


def check_timeout(timeout: float | None) -> None:
    """Refuse what is no number of seconds: deep in the machinery it would stop every timer of the tree."""
    if timeout is not None and (not is_number(timeout) or timeout <= 0):
        raise ValueError(f"timeout= got {timeout!r}; expected seconds above 0, such as 5.0, or None")


class Job(Generic[R]):
    """A function at work under a dynamic supervisor. Made by `Tasks.start`.

    Args:
        runtime: the tree's.
        path: of its supervisor, until it has one of its own.
        timeout: seconds that it may take; None: as many as it likes.
        kills: whether it is killed past that, instead of stopped with its grace.
    """

    __slots__ = (
        "_kills",
        "_on_over",
        "_outcome",
        "_over",
        "_path",
        "_place",
        "_runtime",
        "_timeout",
        "_timer",
        "_value",
        "_waiters",
    )

    def __init__(self, runtime: Runtime, path: str, timeout: float | None, *, kills: bool = False) -> None:
        self._runtime = runtime
        self._path = path
        self._timeout = timeout
        self._kills = kills
        self._place: Place | None = None
        self._outcome: Outcome[R] | None = None
        self._value: Any = _UNSET
        self._over = False
        self._on_over: Callable[[Job[R]], None] | None = None
        self._timer: Timer | None = None
        self._waiters: dict[Parker, None] = {}

    @property
    def path(self) -> str:
        """Where in the tree."""
        return self._path

    @property
    def outcome(self) -> Outcome[R] | None:
        """What it came to; None while it is at work."""
        return self._outcome

    @uninterrupted
    async def result(self, timeout: float | None = None) -> R:
        """Wait for what the function returns. Any number of tasks may wait, and ask again.

        Args:
            timeout: seconds from now after which the job is ended, for all who wait; None: wait as long as it takes.

        Raises:
            ActorCrashed: it raised, and that is the `__cause__`; or somebody ended it. `reason` says how.
            JobTimeout: this timeout has passed, or the job's own. Nothing comes of it any more.
            AskedSelf: the job would wait for itself.

        Cancellation: atomic; the job goes on.
        """
        check_timeout(timeout)
        timer = None
        if timeout is not None and self._outcome is None:
            timer = self._runtime.timekeeper.after(timeout, partial(self._expire, timeout))
        try:
            outcome = await self._wait()
        finally:
            if timer is not None:
                self._runtime.timekeeper.cancel(timer)
        return self._value_of(outcome)

    async def shutdown(self) -> Outcome[R] | None:
        """Stop the job, if it is at work, with its grace.

        Returns:
            What it came to; None if it was stopped by this, and came to nothing.

        Raises:
            AskedSelf: the job would wait for its own end.
            Unstopped: it was killed and still runs.

        Cancellation: may have happened; the job is stopped in any case.
        """
        ours = self._outcome is None
        if self._place is not None and not self._over:
            with suppress(NoSuchActor):  # it has just ended by itself
                await Ref(self._place).stop()
        return None if ours and isinstance(self._outcome, Shutdown | Killed) else self._outcome

    def __repr__(self) -> str:
        state = "at work" if self._outcome is None else type(self._outcome).__name__  # not the value: it may be a secret
        return f"<Job {self._path}, {state}>"

    # ---- its life, as a watcher of its place

    @uninterrupted
    async def work(self, function: Callable[..., Awaitable[R]], args: tuple[Any, ...]) -> None:
        """The task itself. Cancellation: a stop and the kill cut the function."""
        place = CURRENT_PLACE.get()
        assert place is not None  # noqa: S101  # this is what a TaskSpec runs
        self._place, self._path = place, place.path
        place.watchers[self] = None
        if self._timeout is not None:
            self._timer = self._runtime.timekeeper.after(self._timeout, partial(self._expire, self._timeout))
        running = must_await(function(*args), f"the job {name_of(function)}")
        del function, args  # nobody needs them again, and they may be large
        self._value = await running

    def life_began(self, place: Place, incarnation: int) -> None: ...

    def life_ended(self, place: Place, incarnation: int, reason: ExitReason) -> None:
        self._settle(reason if self._value is _UNSET else Done(self._value))
        self._value = _UNSET
        self._end_waiting()

    def place_closed(self, place: Place) -> None: ...

    # ---- for Tasks and JobStream

    def when_over(self, tell: Callable[[Job[R]], None]) -> None:
        """Call this when the job no longer runs, now if that is so; of one that does not end, a second after its kill."""
        if self._over:
            tell(self)
        else:
            self._on_over = tell

    def request_stop(self) -> None:
        """Ask it to end, if it is at work."""
        if self._place is not None and self._place.life is not None and not self._over:
            self._place.life.request_stop(Shutdown())

    async def end(self) -> None:
        """Stop it and wait for its end.

        Cancellation: shielded, for its grace and a second more; a job that does not end has been reported then.
        """
        if self._place is None or self._over:
            return
        with anyio.CancelScope(shield=True):
            with suppress(NoSuchActor, Unstopped, AskedSelf):
                await Ref(self._place).stop()

    async def _wait(self) -> Outcome[R]:
        """What it came to. Cancellation: atomic."""
        if self._outcome is None and self._place is not None and CURRENT_PLACE.get() is self._place:
            raise AskedSelf(self._path)
        parker = self._runtime.parker()
        self._waiters[parker] = None
        try:
            while self._outcome is None:
                await parker.park()
        finally:
            self._waiters.pop(parker, None)
        return self._outcome

    def _value_of(self, outcome: Outcome[R]) -> R:
        if isinstance(outcome, Done):
            value: R = outcome.value
            return value
        if isinstance(outcome, TimedOut):
            raise JobTimeout(self._path, outcome.timeout)
        raise ActorCrashed(self._path, outcome)

    def _expire(self, timeout: float) -> None:
        """Its time is over: that is its outcome, whatever it does from now on."""
        if self._outcome is not None:
            return
        self._settle(TimedOut(timeout))
        life = None if self._place is None else self._place.life
        if life is not None and self._kills:
            life.kill()
        elif life is not None:
            life.request_stop(Shutdown(f"no result within {timeout:g} s"))
        if self._kills:
            self._timer = self._runtime.timekeeper.after(OVERDUE_AFTER, self._end_waiting)

    def _settle(self, outcome: Outcome[R]) -> None:
        if self._timer is not None:
            self._runtime.timekeeper.cancel(self._timer)
            self._timer = None
        if self._outcome is None:
            self._outcome = outcome
            for waiter in self._waiters:
                waiter.unpark()

    def _end_waiting(self) -> None:
        self._over = True
        tell, self._on_over = self._on_over, None
        if tell is not None:
            tell(self)
