"""The nursery shell of the restart machine: it tells the machine what happened and carries out what the machine says.

A `SupervisorLife` is one life of a supervisor, with a machine of its own. It has no task: an event is handled to completion in
the task that raised it. Events that arise meanwhile, in this supervisor or another, wait in one queue per tree, so that the
depth of a tree never becomes depth of the Python stack.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

from supervisor import decisions as d
from supervisor.actor_life import ActorLife
from supervisor.agenda import Timer
from supervisor.branch import Branch, Slot, close_all
from supervisor.child import UNSTOPPED_AFTER, Life, without_arguments
from supervisor.errors import ChildAlreadyStarted, NameTaken
from supervisor.events import (
    ChildEnded,
    ChildGaveUp,
    ChildStarted,
    LifeUnstopped,
    RestartScheduled,
    StartFailed,
    SupervisorGaveUp,
)
from supervisor.exits import ExitReason, Failed, Killed, Normal, Shutdown, error_of, is_abnormal
from supervisor.mailbox import PendingReply
from supervisor.parking import uninterrupted
from supervisor.place import Place
from supervisor.ref import Ref
from supervisor.restart import Phase, RestartMachine, Stage
from supervisor.runtime import Runtime
from supervisor.spec import ActorSpec, ChildSpec, Kill, Restart, TaskSpec
from supervisor.task_life import TaskLife

__all__ = ["EventQueue", "SupervisorLife"]

_SHUTDOWN = Shutdown()


TURN = 64
"""Things done in a tree in one go, before lives that could begin or end at once do so in a task, for others to have their turn.
Each is some 10 µs."""


class EventQueue:
    """What is to be done in a tree, one thing after the other, each to completion."""

    __slots__ = ("_busy", "_waiting", "done")

    def __init__(self) -> None:
        self.done: int = 0
        """How many were done in one go, until now."""
        self._waiting: deque[tuple[Callable[[Any], None], Any]] = deque()
        self._busy = False

    @uninterrupted
    def put(self, action: Callable[[Any], None], argument: Any) -> None:
        """Do it now, or after what is being done."""
        waiting = self._waiting
        waiting.append((action, argument))
        if self._busy:
            return
        self._busy = True
        try:
            while waiting:
                action, argument = waiting.popleft()
                self.done += 1
                action(argument)
        finally:
            self._busy, self.done = False, 0


class SupervisorLife:
    """One life of a supervisor.

    Args:
        key: its key in its own supervisor.
        branch: its place.
        incarnation: the number of this life, from 1.
        listener: its supervisor, or the root's shell.
        queue: the tree's queue of events.
    """

    def __init__(self, key: str, branch: Branch, incarnation: int, listener: Any, queue: EventQueue) -> None:
        self.key = key
        self.branch = branch
        self.place: Place = branch.place
        self.runtime: Runtime = branch.place.runtime
        self.incarnation = incarnation
        self.began_at: float = self.runtime.now()
        self.info: object = None
        self.last_message: str | None = None  # a supervisor handles no messages
        self.last_state: str | None = None
        self.machine: RestartMachine = RestartMachine(branch.spec, branch.place.path)
        self._listener = listener
        self._queue = queue
        self._killed = False
        self._over = False
        self._tree_ending = False
        """The whole tree is being stopped, up to the root."""
        self._ready = False
        self._timers: list[Timer] = []
        self._unstopped: dict[str, str] = {}
        """Children that were killed and still run, with their stacks."""
        self._overdue = False

    @property
    def ready(self) -> bool:
        """Whether all its children have been started."""
        return self._ready

    @property
    def crowded(self) -> bool:
        """Whether so much was done in one go that other tasks are to have their turn."""
        return self._queue.done > TURN

    # ---- from above

    def begin(self) -> None:
        """Start the children."""
        self.place.life = self
        self.branch.life = self
        try:
            self.branch.prepare()
        except NameTaken as error:
            self._finish(Failed(error))
            return
        for key, child in self.machine.children.items():
            child.life = self.branch.slots[key].lives
        self.post(d.Begin())

    def request_stop(self, reason: ExitReason) -> None:
        """Stop the children in order, then end with this reason."""
        if self._over:
            return
        if self._overdue:
            self._report_unstopped()  # it could not stop before: whoever asks now is told at once
        grace = self.branch.spec.shutdown
        if isinstance(grace, Kill):
            self.kill()
            return
        if grace < math.inf and self.machine.stage is not Stage.STOPPING:
            self._timers.append(self.runtime.timekeeper.after(grace, self.kill))
        self.post(d.StopSupervisor(reason))

    def crash(self, error: BaseException) -> None:
        """Stop the children in order, then fail with this error."""
        self.post(d.StopSupervisor(Failed(error)))

    def wake(self) -> None:
        """A supervisor has no queue to look at."""

    def drain(self) -> None:
        """Stop the children in order: a supervisor has no queue."""
        self.request_stop(Shutdown())

    def linked_ended(self, place: Place, reason: ExitReason) -> None:
        """A life that it is linked with is over: it stops its children and ends in the same way, unless all was well there."""
        if not isinstance(reason, Normal):
            self.post(d.StopSupervisor(reason))

    def kill(self) -> None:
        """End all below, now and at once."""
        if not self._killed and not self._over:
            self._killed = True
            self._timers.append(self.runtime.timekeeper.after(UNSTOPPED_AFTER, self._report_unstopped))
            self.post(d.StopSupervisor(Killed()))
            self._queue.put(self._kill_children, None)

    def post(self, event: d.Event) -> None:
        """Tell the machine what happened, now or when what is being handled is done."""
        self._queue.put(self._handle, event)

    # ---- from below

    def life_started(self, life: Life | SupervisorLife) -> None:
        if self._is_current(life):
            now = self.runtime.now()
            self.runtime.emit(
                ChildStarted(path=life.place.path, at=now, incarnation=life.incarnation, took=now - life.began_at)
            )
            life.place.life_began(life)
            if isinstance(life, Life) and self.machine.children[life.key].spec.restart is Restart.TEMPORARY:
                self._forget_arguments(life)
        self.post(d.Started(life.key, life.incarnation))

    def life_ignored(self, life: Life) -> None:
        slot = self.branch.slots.get(life.key)
        if slot is not None and slot.life is life:
            slot.life, slot.ended_with = None, Normal()
        life.place.life_ended(life.incarnation, Normal())
        self.post(d.Ignored(life.key, life.incarnation))

    def life_ended(self, life: Life | SupervisorLife, reason: ExitReason) -> None:
        slot = self.branch.slots.get(life.key)
        child = self.machine.children.get(life.key)
        if slot is not None and slot.life is life:
            slot.life, slot.ended_with = None, reason
        if self._unstopped:
            self._unstopped.pop(life.key, None)
        if child is not None and child.life == life.incarnation:
            self._report_end(child.phase, child.spec, life, reason)
        life.place.life_ended(life.incarnation, reason)
        if slot is not None and self.machine.stage is Stage.STOPPING and self._tree_ends():
            close_all(slot)  # no life will follow: who still asks is told so, instead of waiting out its grace
        self.post(d.Ended(life.key, life.incarnation, reason))

    def life_overdue(self, life: Life | SupervisorLife, stack: str) -> None:
        now = self.runtime.now()
        self.runtime.emit(LifeUnstopped(path=life.place.path, at=now, incarnation=life.incarnation, stack=stack))
        life.place.life_overdue(stack)
        self._unstopped[life.key] = stack
        self.post(d.Overdue(life.key, life.incarnation, stack))

    # ---- the machine's word

    def _handle(self, event: d.Event) -> None:
        for effect in self.machine.decide(event, self.runtime.now(), self.runtime.random.random()):
            self._carry_out(effect)
        if self._unstopped and self.machine.stage is Stage.STOPPING and not self._overdue:
            self._check_unstopped()

    def _carry_out(self, effect: d.Effect) -> None:
        match effect:
            case d.StartLife(key, life):
                self._start_life(self.branch.slots[key], life)
            case d.StopLife(key, _):
                slot_life = self.branch.slots[key].life
                if slot_life is not None:
                    slot_life.request_stop(_SHUTDOWN)
            case d.Restarting() | d.GaveUp():
                self._report(effect)
            case d.Wait(key, life, delay):
                slot = self.branch.slots[key]
                slot.timer = self.runtime.timekeeper.after(delay, lambda: self.post(d.Due(key, life)))
            case d.Cancel(key):
                self._cancel_timer(self.branch.slots.get(key))
            case d.Close(key, forget):
                self._close(key, forget=forget)
            case d.Answer(call, key, error):
                self._answer(call, key, error)
            case d.Ready():
                self._ready = True
                self._listener.life_started(self)
            case d.Finish(reason):
                self._finish(Killed() if self._killed and not isinstance(reason, Failed) else reason)

    def _start_life(self, slot: Slot, incarnation: int) -> None:
        slot.timer, slot.lives = None, incarnation
        try:
            slot.place.open()
        except NameTaken as error:
            slot.ended_with = Failed(error)
            at, path = self.runtime.now(), slot.place.path
            self.runtime.emit(StartFailed(path=path, at=at, incarnation=incarnation, reason=str(error), cause=error))
            self.post(d.Ended(slot.key, incarnation, slot.ended_with))
            return
        life: Life | SupervisorLife
        if slot.branch is not None:
            life = SupervisorLife(slot.key, slot.branch, incarnation, self, self._queue)
        elif isinstance(slot.spec, ActorSpec):
            store = self.branch.store if slot.spec.store is None else slot.spec.store
            life = ActorLife(slot.key, slot.spec, slot.place, incarnation, self, self.branch.handle, store)
        elif isinstance(slot.spec, TaskSpec):
            life = TaskLife(slot.key, slot.spec, slot.place, incarnation, self)
        else:
            raise AssertionError(f"nobody knows how to start {slot.spec!r}")
        slot.life = life
        life.begin()

    def _close(self, key: str, *, forget: bool) -> None:
        slot = self.branch.slots.get(key)
        if slot is None:
            return
        self._cancel_timer(slot)
        if forget:
            self.branch.drop(key)
        else:
            close_all(slot)

    def _answer(self, call: object, key: str, error: Exception | None) -> None:
        assert isinstance(call, PendingReply)  # noqa: S101  # the shell makes no other
        slot = self.branch.slots.get(key)
        if isinstance(error, ChildAlreadyStarted) and slot is not None:
            error.ref = Ref(slot.place)
        if error is not None:
            call.fail(error)
        else:
            call.give(None)

    def _finish(self, reason: ExitReason) -> None:
        self._over = True
        for timer in self._timers:
            self.runtime.timekeeper.cancel(timer)
        for slot in self.branch.slots.values():
            self._cancel_timer(slot)
        self.branch.life = None
        self._listener.life_ended(self, reason)

    def _kill_children(self, _: None) -> None:
        for slot in list(self.branch.slots.values()):
            if slot.life is not None:
                slot.life.kill()

    def _check_unstopped(self) -> None:
        """Who waits for this supervisor's end must not wait in silence for a child that does not end."""
        alive = {key for key, slot in self.branch.slots.items() if slot.life is not None}
        if alive and alive <= self._unstopped.keys():
            self._report_unstopped()

    def _report_unstopped(self) -> None:
        if not self._over:
            self._overdue = True
            self._listener.life_overdue(self, "\n".join(f"{key}:\n{stack}" for key, stack in self._unstopped.items()))

    def _forget_arguments(self, life: Life) -> None:
        """A TEMPORARY child is never started again: what it was started with is let go, or it would be kept for nothing."""
        slot, child = self.branch.slots.get(life.key), self.machine.children.get(life.key)
        if slot is not None and child is not None and slot.given is None:
            slot.spec = child.spec = without_arguments(slot.spec)
            life.forget_arguments()

    def _cancel_timer(self, slot: Slot | None) -> None:
        if slot is not None and slot.timer is not None:
            self.runtime.timekeeper.cancel(slot.timer)
            slot.timer = None

    def _tree_ends(self) -> bool:
        """Whether the whole tree is being stopped, up to the root. It never takes that back."""
        life: Any = self
        stopping: list[SupervisorLife] = []
        while isinstance(life, SupervisorLife) and not life._tree_ending:
            if life.machine.stage is not Stage.STOPPING:
                return False
            stopping.append(life)
            life = life._listener
        for above in stopping:
            above._tree_ending = True  # asked again at each level, a deep tree's end would cost the square of its depth
        return True

    def _is_current(self, life: Life | SupervisorLife) -> bool:
        child = self.machine.children.get(life.key)
        return child is not None and child.life == life.incarnation and child.phase is Phase.STARTING

    # ---- reports

    def _report_end(self, phase: Phase, spec: ChildSpec, life: Life | SupervisorLife, reason: ExitReason) -> None:
        at, cause = self.runtime.now(), error_of(reason)
        path, number = life.place.path, life.incarnation
        if phase is Phase.STARTING:
            self.runtime.emit(StartFailed(path=path, at=at, incarnation=number, reason=str(reason), cause=cause))
            return
        self.runtime.emit(
            ChildEnded(
                path=path,
                at=at,
                incarnation=number,
                reason=str(reason),
                abnormal=is_abnormal(reason),
                restart=spec.restart.value,
                cause=cause,
                message=life.last_message,
                state=life.last_state,
            )
        )

    def _report(self, effect: d.Restarting | d.GaveUp) -> None:
        at, path = self.runtime.now(), f"{self.place.path}/{effect.key}"
        reason = str(effect.reason)
        if isinstance(effect, d.Restarting):
            self.runtime.emit(
                RestartScheduled(
                    path=path,
                    at=at,
                    reason=reason,
                    delay=effect.delay,
                    failures=effect.failures,
                    in_window=effect.in_window,
                )
            )
        elif effect.escalates:
            self.runtime.emit(
                SupervisorGaveUp(path=self.place.path, at=at, child=effect.key, reason=reason, limit=effect.limit)
            )
        else:
            self.runtime.emit(ChildGaveUp(path=path, at=at, reason=reason, limit=effect.limit))
