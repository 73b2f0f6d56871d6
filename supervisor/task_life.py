"""A life of a `TaskSpec`: one async function, cancelled when it is to stop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import Parameter, signature
from typing import Any

from supervisor.child import Life
from supervisor.exits import ExitReason, Failed, Normal, Shutdown
from supervisor.spec import TaskSpec

__all__ = ["TaskLife"]


class TaskLife(Life):
    """A life of a `TaskSpec`: one function."""

    _spec: TaskSpec

    async def _live(self) -> ExitReason:
        """Run the function. Cancellation: a stop and the kill cut it."""
        function = self._spec.run
        waits = _takes_task_status(function)
        with self._soft_scope:
            if waits:
                self._limit_start(self._spec.start_timeout)
                running = function(task_status=_TaskStatus(self))
            else:
                self._ready()
                running = function()
            del function  # a TEMPORARY task must not be what keeps its own arguments alive
            await running
        if self._crash_reason is not None:
            return self._crash_reason
        if self._soft_scope.cancelled_caught:
            return self._stop_reason or Shutdown()
        if waits and not self._started and self._stop_reason is None:
            return Failed(RuntimeError(f"{self.place.path} returned without calling task_status.started()"))
        return Normal()


class _TaskStatus:
    """What a task calls when it is ready; anyio's and trio's signature."""

    def __init__(self, life: TaskLife) -> None:
        self._life = life
        self._called = False

    def started(self, value: object = None) -> None:
        if self._called:
            raise RuntimeError("task_status.started() was called twice")
        self._called = True
        self._life.info = value
        self._life._ready()


def _takes_task_status(function: Callable[..., Any]) -> bool:
    if isinstance(function, partial) and "task_status" in function.keywords:
        return False
    try:
        parameter = signature(function).parameters.get("task_status")
    except (TypeError, ValueError):
        return False  # a callable that does not show its signature: it cannot ask for what we would not know to give
    return parameter is not None and parameter.kind is not Parameter.POSITIONAL_ONLY
