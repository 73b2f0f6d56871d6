"""Supervised tasks: async functions as children of a dynamic supervisor, and their results. Elixir's `Task.Supervisor`.

    start    unlinked: the job goes on whatever becomes of who started it
    run      linked: it ends with the wait for it
    stream   a bounded stream of results, for many items

Every job is a TEMPORARY child: it is stopped with its supervisor, listed, reported, and never restarted. For code outside the
tree, and for actors; an actor that waits long for a job should do so in a spawned task, or it handles no messages meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from supervisor.backoff import is_count
from supervisor.checks import refuse_coroutine
from supervisor.errors import SpecError
from supervisor.exits import Failed
from supervisor.jobs.job import Job, TimedOut, check_timeout
from supervisor.jobs.job_stream import JobStream, OnTimeout, streaming
from supervisor.spec import DynamicSupervisorSpec, Kill, Restart, TaskSpec

if TYPE_CHECKING:
    from supervisor.handle import Supervisor

__all__ = ["Tasks"]

R = TypeVar("R")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Tasks:
    """Jobs under one dynamic supervisor. Any number of these may share it.

    Args:
        supervisor: its handle. Its `max_children` bounds the jobs at work.

    Raises:
        SpecError: it is not a dynamic supervisor.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        spec = supervisor._branch.spec
        if not isinstance(spec, DynamicSupervisorSpec):
            expected = "the handle of a dynamic supervisor: DynamicSupervisorSpec('jobs')"
            raise SpecError("Tasks.supervisor", supervisor, expected)
        self.supervisor = supervisor

    async def start(
        self,
        function: Callable[[*Ts], Awaitable[R]],
        *args: *Ts,
        timeout: float | None = None,
        shutdown: float | Kill = 5.0,
    ) -> Job[R]:
        """Start a job that is linked to nobody. Its id is the function's name, and a number.

        Args:
            function: async; called with the arguments in a task of the tree.
            timeout: seconds that it may take; past them it is stopped, and `JobTimeout` is its result. None: no bound.
            shutdown: seconds of grace when it is to stop, or KILL.

        Raises:
            MaxChildrenReached: the supervisor has as many children as it may have.
            NoSuchActor: the supervisor does not run.

        Cancellation: atomic; a job whose start was cut is stopped.
        """
        job: Job[R] = self._job(timeout)
        await self._begin(job, function, args, shutdown)
        return job

    async def run(
        self,
        function: Callable[[*Ts], Awaitable[R]],
        *args: *Ts,
        timeout: float | None = None,
        shutdown: float | Kill = 5.0,
    ) -> R:
        """Run a job and wait for what it returns: as if the function were awaited here, but supervised there.

        Args:
            function, args, timeout, shutdown: as for `start`.

        Raises:
            Exception: what the function raised.
            JobTimeout: it took too long.
            ActorCrashed: somebody else ended it; `reason` says how.
            MaxChildrenReached, NoSuchActor: it could not be started.

        Cancellation: ends the job, shielded for its grace, before it goes on.
        """
        job: Job[R] = self._job(timeout)
        try:
            await self._begin(job, function, args, shutdown)
            outcome = await job._wait()
        except BaseException:
            await job.end()
            raise
        if isinstance(outcome, TimedOut):
            await job.end()  # nothing of it is left when this returns
        error = outcome.error if isinstance(outcome, Failed) else None
        try:
            if isinstance(error, Exception):
                raise error
            return job._value_of(outcome)
        finally:
            del error, outcome, job  # the error's traceback holds this frame: without this they would keep each other

    def stream(
        self,
        function: Callable[[T], Awaitable[R]],
        items: Iterable[T] | AsyncIterable[T],
        *,
        at_most: int = 8,
        ordered: bool = True,
        timeout: float | None = None,
        on_timeout: OnTimeout = OnTimeout.KILL,
        shutdown: float | Kill = 5.0,
    ) -> AbstractAsyncContextManager[JobStream[R]]:
        """A job per item, and what each came to: `async with tasks.stream(fetch, urls) as outcomes: async for ...`.

        Leaving the block stops the jobs that are still at work, and waits for their end.

        Args:
            function: async; called with one item.
            items: plain or async; read only as far as there is room.
            at_most: items at work, or done and not yet read. Fewer, if the supervisor's `max_children` leaves room for fewer:
                an item waits until a job of this stream has ended. With none of its own at work nothing is waited for:
                the reader gets `MaxChildrenReached` after the outcomes so far.
            ordered: True: outcomes in the order of the items; False: as they are done.
            timeout: seconds that each may take; past them its job is killed. None: no bound.
            on_timeout: what the reader gets for such an item.
            shutdown: seconds of grace for each job when it is to stop, or KILL.

        Raises:
            ValueError, TypeError: an argument that cannot be.
        """
        if not is_count(at_most, 1):
            raise ValueError(f"stream(at_most=) got {at_most!r}; expected a whole number from 1")
        if not isinstance(items, Iterable | AsyncIterable):
            raise TypeError(f"stream(items) got {items!r}; expected something to iterate over, plain or async")
        if not isinstance(on_timeout, OnTimeout):
            raise TypeError(f"stream(on_timeout=) got {on_timeout!r}; expected OnTimeout.KILL or OnTimeout.RAISE")
        _check_function(function)
        check_timeout(timeout)

        async def begin(item: T) -> Job[R]:
            """Start one. Cancellation: atomic."""
            job: Job[R] = self._job(timeout, kills=True)
            await self._begin(job, function, (item,), shutdown)
            return job

        parker = self.supervisor._runtime.parker
        return streaming(JobStream(begin, items, at_most=at_most, ordered=ordered, on_timeout=on_timeout, new_parker=parker))

    def _job(self, timeout: float | None, *, kills: bool = False) -> Job[Any]:
        check_timeout(timeout)
        return Job(self.supervisor._runtime, self.supervisor.path, timeout, kills=kills)

    async def _begin(
        self, job: Job[R], function: Callable[..., Awaitable[R]], args: tuple[Any, ...], shutdown: float | Kill
    ) -> None:
        """Have it at work. Cancellation: atomic; a job that had begun is stopped, for nobody would know of it."""
        _check_function(function)
        name = getattr(function, "__name__", "job")
        spec = TaskSpec(name, partial(job.work, function, args), restart=Restart.TEMPORARY, shutdown=shutdown)
        try:
            await self.supervisor.start_child(spec)
        except BaseException:
            await job.end()
            raise

    def __repr__(self) -> str:
        return f"<Tasks of {self.supervisor.path}>"


def _check_function(function: object) -> None:
    refuse_coroutine(function, "a job")
