"""A bounded stream of results: a job per item, few at a time, and what each came to.

Between the input and the consumer there are never more than `at_most` items: at work, or done and not yet read. So a slow
consumer slows the input down, an endless input is no harm, and in input order a slow item holds back those behind it. Where the
supervisor may have fewer children than that, an item waits until a job of the stream's own has ended.

The input is read by a task of the consumer's own, because a slow input must not keep back a result that is ready.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, Generic, Self, TypeVar

import anyio

from supervisor.errors import JobTimeout, MaxChildrenReached
from supervisor.jobs.job import Job, Outcome, TimedOut
from supervisor.parking import Parker

__all__ = ["JobStream", "OnTimeout", "streaming"]

R = TypeVar("R")
T = TypeVar("T")


class OnTimeout(Enum):
    """What a stream does with an item that took too long. Its job is killed in either case."""

    KILL = "kill"
    """Its outcome is `TimedOut`, and the stream goes on."""
    RAISE = "raise"
    """The reader gets a `JobTimeout` instead."""


class JobStream(Generic[R]):
    """What the jobs come to, with `async for`: one `Outcome` per item. For one task, inside its `async with`.

    Args:
        begin: starts the job of an item.
        items: the input; read as far as there is room, and closed at the end if it is an async generator.
        at_most: items between the input and the reader.
        ordered: True: in the order of the input; False: as they are done.
        on_timeout: what becomes of an item that took too long.
        new_parker: makes places to sleep.
    """

    def __init__(
        self,
        begin: Callable[[Any], Awaitable[Job[R]]],
        items: Iterable[Any] | AsyncIterable[Any],
        *,
        at_most: int,
        ordered: bool,
        on_timeout: OnTimeout,
        new_parker: Callable[[], Parker],
    ) -> None:
        self._begin = begin
        self._items = items
        self._at_most = at_most
        self._ordered = ordered
        self._on_timeout = on_timeout
        self._reader = new_parker()
        self._puller = new_parker()
        self._jobs: dict[Job[R], None] = {}
        """Those not yet read, in the order of the input."""
        self._over: dict[Job[R], None] = {}
        """Those of them that are done, in that order."""
        self._ended = 0
        """How many have been done so far."""
        self._exhausted = False
        self._error: Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[R]:
        """The next outcome.

        Raises:
            JobTimeout: an item took too long, under `OnTimeout.RAISE`.
            MaxChildrenReached: no job could be started, with none of this stream at work: others have all the room.
            NoSuchActor: the supervisor does not run. Like the one before, it comes after the outcomes of what was started.
            Exception: what the input raised; likewise.
            RuntimeError: another task is reading.

        Cancellation: atomic.
        """
        while True:
            job = self._take()
            if job is not None:
                outcome = job.outcome
                if isinstance(outcome, TimedOut) and self._on_timeout is OnTimeout.RAISE:
                    raise JobTimeout(job.path, outcome.timeout)
                assert outcome is not None  # noqa: S101  # it is over
                return outcome
            if self._exhausted and not self._jobs:
                break
            if self._reader.parked:
                raise RuntimeError("another task is reading this stream already; each needs one of its own")
            await self._reader.park()
        error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopAsyncIteration

    async def pull(self) -> None:
        """Start a job for each item while there is room. Cancellation: closes the input; the jobs are for `close`."""
        try:
            source = aiter(self._items) if isinstance(self._items, AsyncIterable) else _each(self._items)
            try:
                while True:
                    while len(self._jobs) >= self._at_most:
                        await self._puller.park()
                    job = await self._begin_with_room(await anext(source))
                    self._jobs[job] = None
                    job.when_over(self._job_over)
            finally:
                close = getattr(source, "aclose", None)
                if close is not None:
                    await close()
        except StopAsyncIteration:
            pass
        except Exception as error:  # noqa: BLE001  # the reader's to raise; out of here it would come in a group
            self._error = error
        finally:
            self._exhausted = True
            self._reader.unpark()

    async def _begin_with_room(self, item: Any) -> Job[R]:
        """Start one, once there is room for it.

        Raises:
            MaxChildrenReached: there is none, and none will come of this stream's own.

        Cancellation: atomic.
        """
        while True:
            before = self._ended
            try:
                return await self._begin(item)
            except MaxChildrenReached:
                # One that ended during the attempt has made room since: its end is not to be waited for.
                if self._ended == before and len(self._jobs) == len(self._over):
                    raise
            while self._ended == before:
                await self._puller.park()

    async def close(self) -> None:
        """End the jobs that nobody will read: all are asked to stop, then waited for.

        Cancellation: shielded, for their grace.
        """
        self._error = None
        jobs, self._jobs = list(self._jobs), {}
        self._over.clear()
        for job in jobs:
            job.request_stop()
        for job in jobs:
            await job.end()

    def _take(self) -> Job[R] | None:
        if self._ordered:
            first = next(iter(self._jobs), None)
            if first not in self._over:
                return None
        else:
            first = next(iter(self._over), None)
        if first is None:
            return None
        del self._jobs[first], self._over[first]
        self._puller.unpark()
        return first

    def _job_over(self, job: Job[R]) -> None:
        if job in self._jobs:
            self._over[job] = None
            self._ended += 1
            self._reader.unpark()
            self._puller.unpark()


@asynccontextmanager
async def streaming(stream: JobStream[R]) -> AsyncIterator[JobStream[R]]:
    """Have a stream at work for as long as the block lasts.

    Cancellation: ends the jobs, shielded for their grace, before it goes on.
    """
    error: BaseException | None = None
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(stream.pull)
            try:
                yield stream
            except (anyio.get_cancelled_exc_class(), GeneratorExit):
                raise
            except BaseException as raised:  # noqa: BLE001  # raised again below: in here it would be wrapped in a group
                error = raised
            finally:
                group.cancel_scope.cancel()
    finally:
        await stream.close()
    if error is not None:
        raise error


async def _each(items: Iterable[T]) -> AsyncIterator[T]:
    """The items of a plain iterable. Cancellation: no checkpoint."""
    for item in items:
        yield item
