"""Where the tasks of a tree run: one nursery per root, out of reach of what is cancelled around it.

A stop enters a tree as a request, never as a cancellation, so that it is ordered. On trio the nursery stands in a task of its
own, shielded, and whatever is started there stands under that one shield; a scope for each life would cost as much as its task.
On asyncio a task belongs to nobody but the loop: nothing that is cancelled around the tree reaches it, and the nursery only has
to know which of its tasks still run. anyio's task group would cost more than the task itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from contextvars import Context
from types import TracebackType
from typing import Any, Protocol, Self

import trio

from supervisor.parking import uninterrupted

__all__ = ["Nursery", "open_nursery"]

Function = Callable[..., Coroutine[Any, Any, None]]
_Work = tuple[Function, tuple[Any, ...], Context]


class Nursery(Protocol):
    """Where the tasks of a tree run."""

    def start(self, function: Function, *args: Any, name: str, context: Context) -> object:
        """Run a function in a task of its own. It must not raise: the first that does ends all others.

        Args:
            function: what to run, with `args`.
            name: the task's.
            context: the context variables that it sees, copied.

        Returns:
            The task, where it is known before it runs; else None.
        """
        ...


def open_nursery() -> AbstractAsyncContextManager[Nursery]:
    """A nursery on the loop that runs now. Leaving waits for all its tasks."""
    return _TrioNursery() if trio.lowlevel.in_trio_run() else _AsyncioNursery()


class _TrioNursery:
    """Classes, not generators: Ctrl-C that struck inside contextlib would leave a nursery that nobody closes."""

    def __init__(self) -> None:
        self._outside = trio.open_nursery()
        self._begun, self._over = trio.Event(), trio.Event()

    @uninterrupted
    async def __aenter__(self) -> Self:
        """Cancellation: shielded."""
        outside = await self._outside.__aenter__()
        outside.start_soon(self._hold, name="the tree's nursery")
        try:
            with trio.CancelScope(shield=True):
                await self._begun.wait()
        except BaseException as error:  # Ctrl-C
            self._over.set()
            if not await self._outside.__aexit__(type(error), error, error.__traceback__):
                raise
        return self

    @uninterrupted
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """Cancellation: heeded when no task runs."""
        self._over.set()
        return await self._outside.__aexit__(kind, error, traceback)

    def start(self, function: Function, *args: Any, name: str, context: Context) -> None:
        context.run(self._start_soon, function, *args, name=name)

    @uninterrupted
    async def _hold(self) -> None:
        """The task in which the nursery stands. Cancellation: shielded, until it is over."""
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as inside:
                self._start_soon = inside.start_soon
                self._begun.set()
                await self._over.wait()


class _AsyncioNursery:
    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], _Work] = {}
        """What runs, and what it was begun with."""
        self._errors: list[BaseException] = []
        self._loop = asyncio.get_running_loop()
        self._owner = asyncio.current_task()

    async def __aenter__(self) -> Self:
        """Cancellation: atomic."""
        return self

    def start(self, function: Function, *args: Any, name: str, context: Context) -> object:
        return self._begin((function, args, context), name)

    def _begin(self, work: _Work, name: str) -> asyncio.Task[None]:
        function, args, context = work
        # Not `context=`: a task factory that was written before 3.11 takes none.
        task = context.run(self._loop.create_task, function(*args), name=name)
        self._tasks[task] = work  # the loop itself holds a task weakly
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        work = self._tasks.pop(task)
        if task.cancelled():
            # Nothing that runs here lets a cancellation out: it came before the first step, as when asyncio.run() cancels all
            # tasks, and was no more than that step. A life that never says how it ended would hang its tree.
            if not self._errors:
                self._begin(work, task.get_name())
            return
        error = task.exception()
        if error is not None:
            self._errors.append(error)
            for other in self._tasks:
                other.cancel()
            if self._owner is not None:
                self._owner.cancel()  # as a nursery does: its block must not go on without what it stands on

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Cancellation: heeded when no task runs."""
        cut: asyncio.CancelledError | None = None
        while self._tasks:
            try:
                await asyncio.wait(self._tasks)
            except asyncio.CancelledError as cancelled:
                cut = cancelled
        if self._errors:
            raise BaseExceptionGroup("tasks of the tree raised", self._errors)
        if cut is not None:
            raise cut
