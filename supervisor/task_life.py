"""A life of a `TaskSpec`: one async function, cancelled when it is to stop."""

from __future__ import annotations

from supervisor.checks import must_await, takes_task_status
from supervisor.child import Life
from supervisor.exits import ExitReason, Failed, Normal, Shutdown
from supervisor.spec import TaskSpec

__all__ = ["TaskLife"]


class TaskLife(Life):
    """A life of a `TaskSpec`: one function."""

    __slots__ = ()
    _spec: TaskSpec

    async def _live(self) -> ExitReason:
        """Run the function. Cancellation: a stop and the kill cut it."""
        function = self._spec.run
        waits = takes_task_status(function)
        with self._cuttable() as scope:
            if waits:
                self._limit_start(self._spec.start_timeout)
                running = function(task_status=_TaskStatus(self))
            else:
                self._ready()
                running = function()
            del function  # a TEMPORARY task must not be what keeps its own arguments alive
            await must_await(running, f"TaskSpec({self._spec.id!r}).run")
        if self._crash_reason is not None:
            return self._crash_reason
        if scope.cancelled_caught:
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
