"""One life of one child: its task, its scope, its readiness, its grace, its end. What it does meanwhile is for `actor_life` and
`task_life`.

A life has a task as soon as it has something to wait for or to handle; until then it is only an object. In the task at most one
cancel scope is open at a time: around `on_start` and the handlers, or a TaskSpec's function, and later around `on_stop`. Where
nothing waits but the life itself, for messages, there is none: it is woken instead. Spawned tasks have a scope each.

A stop cancels `on_start`, spawned tasks and a TaskSpec's function at once; a message in hand may finish, and then `on_stop`
runs; both share one grace. Then whatever runs is cancelled, and a second later whoever still runs is reported. A life is over
when its task and all its spawned tasks have ended, and not before: its supervisor hears of the end as the task's last act, so
two lives of one child never overlap. Only an actor that sleeps, with nothing to tidy up, is ended from outside: its task, if it
has one, wakes to nothing. The nursery keeps all of them out of reach of what is cancelled around the tree.

How a life ended is decided here, where it happened: by what was asked of it, not by the type of what was raised.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol, TypeVar, cast

import anyio
from attrs import evolve

from supervisor.agenda import Timer
from supervisor.errors import Hung, StrayCancellation
from supervisor.events import HookFailed
from supervisor.exits import ExitReason, Failed, Ignore, Killed, Normal, Shutdown, is_fatal
from supervisor.parking import stack_of, uninterrupted
from supervisor.place import CURRENT_PLACE, Place
from supervisor.runtime import Runtime
from supervisor.spawned import Spawned, read_exit
from supervisor.spec import ActorSpec, ChildSpec, Kill, TaskSpec

__all__ = ["BEGINNINGS", "UNSTOPPED_AFTER", "Life", "LifeListener", "ignores", "path_in", "without_arguments"]

UNSTOPPED_AFTER = 1.0
"""Seconds after its kill at which a life that still runs is reported."""
SELF_ENDED_GRACE = 5.0
"""Seconds that `on_stop` may take when a life with `shutdown=KILL` ends by itself."""


async def _started_already(*_: object, **__: object) -> Any:
    raise AssertionError("a TEMPORARY child is started once; what it was started with is not kept")


S = TypeVar("S", bound=ChildSpec)


def without_arguments(spec: S) -> S:
    """The same spec without what the child is started with, which may be large and is not needed again."""
    if isinstance(spec, ActorSpec):
        return evolve(spec, start=cast("Any", _started_already))
    if isinstance(spec, TaskSpec):
        return evolve(spec, run=_started_already)
    return spec


def ignores(reason: ExitReason) -> bool:
    """Whether a life said that there is nothing to do."""
    return isinstance(reason, Failed) and isinstance(reason.error, Ignore)


def path_in(frame: FrameType) -> str | None:
    """The path of the life that a frame is the beginning of."""
    return frame.f_locals["self"].place.path if frame.f_code in BEGINNINGS else None


class LifeListener(Protocol):
    """Who is told how a life goes: its supervisor."""

    @property
    def crowded(self) -> bool:
        """Whether so much was done in one go that other tasks are to have their turn."""
        ...

    def life_started(self, life: Life) -> None: ...

    def life_ignored(self, life: Life) -> None: ...

    def life_ended(self, life: Life, reason: ExitReason) -> None: ...

    def life_overdue(self, life: Life, stack: str) -> None: ...


class Life:
    """What actors and tasks have in common.

    Args:
        key: the child's key in its supervisor.
        spec: how it starts and stops.
        place: where it lives.
        incarnation: the number of this life, from 1.
        listener: its supervisor.
    """

    __slots__ = (
        "_crash_reason", "_fatal", "_kill_reason", "_listener", "_over", "_overdue", "_scope", "_spec", "_started",
        "_stop_reason", "_task", "_timers", "began_at", "incarnation", "info", "key", "last_message", "last_state", "place",
        "runtime",
    )  # fmt: skip

    def __init__(
        self, key: str, spec: ActorSpec[Any] | TaskSpec, place: Place, incarnation: int, listener: LifeListener
    ) -> None:
        self.key: str = key
        self.place: Place = place
        self.incarnation: int = incarnation
        self.began_at: float = 0.0
        self.runtime: Runtime = place.runtime
        self._spec = spec
        self._listener = listener
        self._scope: anyio.CancelScope | None = None
        """What can be cut now: what is done in the life's own task, where that may wait for anything."""
        self._stop_reason: ExitReason | None = None
        self._kill_reason: ExitReason | None = None
        self._crash_reason: ExitReason | None = None
        self._fatal: ExitReason | None = None
        """A KeyboardInterrupt or the like from beside: nothing that comes later may hide it."""
        self._started = False
        self._over = False
        self._overdue = False
        self.info: object = None
        """What it said besides when it was ready."""
        self.last_message: str | None = None
        """What an actor that crashed had in hand, for the report."""
        self.last_state: str | None = None
        """The actor that crashed, for the report."""
        self._timers: dict[str, Timer] | None = None
        self._task: Any = None

    # ---- from the supervisor

    def begin(self) -> None:
        """Begin to live."""
        self.began_at = self.runtime.now()
        self.place.life = self
        self._run()

    def request_stop(self, reason: ExitReason) -> None:
        """Ask it to end, with its grace. Asking again changes nothing."""
        if self._overdue and not self._over:
            self._report_unstopped()  # it was killed before and did not end: whoever asks now is told at once
        if self._over or self._stop_reason is not None:
            return
        self._stop_reason = reason
        if isinstance(self._spec.shutdown, Kill):
            self.kill()
            return
        self._start_grace(self._spec.shutdown)
        self._soft_stop()

    def kill(self, reason: ExitReason | None = None) -> None:
        """End it now."""
        if self._over or self._kill_reason is not None:
            return
        self._kill_reason = reason or self._crash_reason or Killed()
        self._set_timer("unstopped", UNSTOPPED_AFTER, self._report_unstopped)
        self._cancel_background()
        self._cut()

    def crash(self, error: BaseException) -> None:
        """End it as if it had raised this."""
        self._interrupt(Failed(error))

    def wake(self) -> None:
        """Have it look whether there is something to do: a task's own function does that by itself."""

    def drain(self) -> None:
        """End it when it has handled what is queued: a task has no queue."""
        self.request_stop(Shutdown())

    def linked_ended(self, place: Place, reason: ExitReason) -> None:
        """A life that it is linked with is over: it ends in the same way, unless all was well there."""
        if not isinstance(reason, Normal) and not is_fatal(reason):  # what is fatal ends the tree in any case
            self._interrupt(reason)

    def forget_arguments(self) -> None:
        """Hold on no longer to what it was started with: it will not be started again."""
        self._spec = without_arguments(self._spec)

    @property
    def ready(self) -> bool:
        """Whether it has started."""
        return self._started

    @property
    def ending(self) -> bool:
        """Whether it is to end, whoever wanted it: all that is left is a message in hand and `on_stop`."""
        return not (self._stop_reason is None and self._crash_reason is None and self._kill_reason is None)

    # ---- what subclasses do

    async def _live(self) -> ExitReason:
        """Be alive; how it ended. `Ignore` may be raised out of it.

        Cancellation: the kill cuts it.
        """
        raise AssertionError("each kind of life says how it lives")

    def _soft_stop(self) -> None:
        self._cut()

    def _cut(self) -> None:
        """Cancel what is done now. Before its task runs there is nothing: it looks first whether it is to begin at all."""
        if self._scope is not None:
            self._scope.cancel()

    def _cuttable(self) -> anyio.CancelScope:
        """A scope for what is done next. Cut already, if a kill came first."""
        scope = self._scope = self.runtime.new_scope()
        if self._kill_reason is not None:
            scope.cancel()
        return scope

    def _cancel_background(self) -> None: ...

    def _has_background(self) -> bool:
        """Whether something of the life runs beside its task."""
        return False

    async def _background_ended(self) -> None:
        """Return when nothing of the life runs any more. Cancellation: shielded."""

    def _stacks(self) -> list[str]:
        """Where its tasks are, as text."""
        return [stack_of(self._task)]

    def _release(self, reason: ExitReason) -> None: ...

    # ---- the task

    def _run(self) -> None:
        """Start its task."""
        self._task = self.runtime.spawn(self._main, name=self.place.path)

    @uninterrupted
    async def _main(self) -> None:
        """The whole of the life. Cancellation: becomes the reason that it ended with; nothing leaves it."""
        CURRENT_PLACE.set(self.place)
        if self._task is None:
            self._task = self.runtime.current_task()
        try:
            # A life that was asked to stop before its task ran does not begin at all.
            if self.ending and not self._started:
                reason = self._kill_reason or self._stop_reason or self._crash_reason
            else:
                reason = await self._live()
        except BaseException as error:  # noqa: BLE001  # nothing may reach the nursery: it would take the siblings along
            reason = self._read(error)
        self._scope = None
        if self._over:
            self._task = None
            return  # it was ended while this task slept
        if self._has_background():
            self._cancel_background()
            await self._all_ended()
        self._task = None
        self._end(reason)

    def _end(self, reason: ExitReason | None) -> None:
        """The life is over: its last act."""
        reason = self._verdict(reason)
        self._over = True
        if self._timers:
            for timer in self._timers.values():
                self.runtime.timekeeper.cancel(timer)
        self._timers = None
        self._release(reason)
        if not ignores(reason):
            self._listener.life_ended(self, reason)
        elif self._started:
            self._listener.life_ended(self, Normal())  # too late to say that there is nothing to do: it is done
        else:
            self._listener.life_ignored(self)

    async def _all_ended(self) -> None:
        """Return when nothing of the life runs any more.

        Cancellation: shielded; a native `task.cancel()` is not heeded, because a life whose end is not reported hangs its tree.
        """
        while True:
            try:
                return await self._background_ended()
            except anyio.get_cancelled_exc_class():
                continue

    def _verdict(self, reason: ExitReason | None) -> ExitReason:
        """How it ended, all things considered: a fatal error from beside, then its own failure, then the kill."""
        if self._fatal is not None:
            return self._fatal
        if self._kill_reason is not None and not isinstance(reason, Failed):
            return self._kill_reason
        return Killed() if reason is None else reason

    def _ready(self) -> None:
        """The life is ready: once."""
        if self._timers:
            self._cancel_timer("start")
        if not self._started and self._stop_reason is None and self._kill_reason is None:
            self._started = True
            self._listener.life_started(self)

    def _read(self, error: BaseException) -> ExitReason:
        """The exit reason of what left the life. A cancellation that none of our scopes asked for is a crash."""
        reason = read_exit(error, self.place.path)
        if self._kill_reason is None or is_fatal(reason):
            return reason
        if isinstance(reason, Failed) and not isinstance(reason.error, StrayCancellation):
            self._report_hook(repr(reason.error), "what the kill cut")
        return self._kill_reason

    def _interrupt(self, reason: ExitReason) -> None:
        """End the life from beside: a background task failed, the mailbox overflowed."""
        if self._over:
            return
        if is_fatal(reason) and self._fatal is None:
            self._fatal = reason
        if self._crash_reason is None and self._stop_reason is None:
            self._crash_reason = reason
            self._start_grace(self._own_grace())
            self._cut()

    def _own_grace(self) -> float:
        """The grace of a life that ends by itself: it was not asked for with `KILL`, so it may tidy up."""
        return SELF_ENDED_GRACE if isinstance(self._spec.shutdown, Kill) else self._spec.shutdown

    def _report_hook(self, error: str, hook: str = "on_stop") -> None:
        self.runtime.emit(HookFailed(path=self.place.path, at=self.runtime.now(), hook=hook, error=error))

    def _limit_start(self, limit: float) -> None:
        self._set_timer("start", limit, lambda: self.kill(Failed(Hung(self.place.path, "its start", limit))))

    def _start_grace(self, grace: float) -> None:
        if grace < math.inf:
            self._set_timer("grace", grace, self.kill)

    def _set_timer(self, name: str, delay: float, action: Callable[[], None]) -> None:
        timers = self._timers
        if timers is None:
            timers = self._timers = {}
        if name not in timers:
            timers[name] = self.runtime.timekeeper.after(delay, action)

    def _cancel_timer(self, name: str) -> None:
        timer = self._timers.pop(name, None) if self._timers else None
        if timer is not None:
            self.runtime.timekeeper.cancel(timer)

    def _report_unstopped(self) -> None:
        if self._over:
            return
        self._overdue = True
        self._listener.life_overdue(self, "\n".join(self._stacks()))


BEGINNINGS = {Life._main.__code__, Spawned._run.__code__}
"""The functions with which begins what a life does: those of its tasks, and what is done for it in another's."""
