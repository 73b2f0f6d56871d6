"""The spawned tasks of one life, and how what leaves a task of a life is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import anyio

from supervisor.checks import must_await, name_of, refuse_coroutine
from supervisor.errors import StrayCancellation
from supervisor.exits import ExitReason, Failed, classify
from supervisor.parking import stack_of, uninterrupted
from supervisor.place import Place

__all__ = ["Spawned", "Spawner", "read_exit"]


class Spawner(Protocol):
    """A life that has spawned tasks."""

    def spawned_failed(self, reason: ExitReason) -> None:
        """One of them ended the life."""
        ...


class _Task:
    """One spawned task."""

    __slots__ = ("own", "scope")

    def __init__(self, scope: anyio.CancelScope) -> None:
        self.scope = scope
        self.own: Any = None


class Spawned:
    """The spawned tasks of one life.

    Args:
        place: where it lives.
        life: told when one of them ends it.
    """

    __slots__ = ("_life", "_parker", "_tasks", "place")

    def __init__(self, place: Place, life: Spawner) -> None:
        self.place: Place = place
        self._life = life
        self._parker = place.runtime.parker()
        self._tasks: dict[_Task, None] = {}

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def spawn(self, function: Callable[..., Awaitable[object]], args: tuple[Any, ...]) -> None:
        """Run a function in a task of the tree."""
        refuse_coroutine(function, f"{self.place.path}: spawn()")
        task = _Task(self.place.runtime.new_scope())
        self._tasks[task] = None
        name = f"{self.place.path} {getattr(function, '__name__', 'task')}"
        self.place.runtime.spawn(self._run, task, function, args, name=name)

    def cancel(self) -> None:
        """End them all."""
        for task in self._tasks:
            task.scope.cancel()

    def stacks(self) -> list[str]:
        """Where they are, as text."""
        return [stack_of(task.own) for task in self._tasks]

    async def ended(self) -> None:
        """Return when none is left.

        Cancellation: atomic.
        """
        while self._tasks:
            await self._parker.park()

    @uninterrupted
    async def _run(self, task: _Task, function: Callable[..., Awaitable[object]], args: tuple[Any, ...]) -> None:
        """Run a task to its end, and say how it ended. Cancellation: ends it; nothing leaves it."""
        task.own = self.place.runtime.current_task()
        reason: ExitReason | None = None
        try:
            with task.scope:
                await must_await(function(*args), f"{self.place.path}: spawn({name_of(function)})")
        except BaseException as error:  # noqa: BLE001  # the task's last act is to say how it ended
            reason = read_exit(error, self.place.path)
        del self._tasks[task]
        if not self._tasks:
            self._parker.unpark()
        if reason is not None:
            self._life.spawned_failed(reason)


def read_exit(error: BaseException, path: str) -> ExitReason:
    """The exit reason of what left a task of a life, where no cancellation of ours is left.

    A cancellation is a crash, alone or in a group: read as any other `BaseException` it would end the whole tree.
    """
    if isinstance(error, Exception) and not isinstance(error, BaseExceptionGroup):
        return classify(error)  # the usual crash: no loop's cancellation is an `Exception`
    cancelled = anyio.get_cancelled_exc_class()
    if isinstance(error, BaseExceptionGroup):
        stray, rest = error.split(cancelled)
        return classify(error) if stray is None else Failed(StrayCancellation(path)) if rest is None else classify(rest)
    return Failed(StrayCancellation(path)) if isinstance(error, cancelled) else classify(error)
