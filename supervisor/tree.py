"""The nursery shell of the restart machine: it tells the machine what happened and carries out what the machine says.

A `Branch` is a supervisor's place: its slots outlive its lives, so that a restarted supervisor finds its children's queues,
names and remembered state where they were. A `SupervisorLife` is one life of it, with a machine of its own. It has no task: an
event is handled to completion in the task that raised it. Events that arise meanwhile, in this supervisor or another, wait in
one queue per tree, so that the depth of a tree never becomes depth of the Python stack.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import define

from supervisor import decisions as d
from supervisor.actor import Actor, accepted_types
from supervisor.agenda import Timer
from supervisor.child import UNSTOPPED_AFTER, ActorLife, Life, TaskLife, without_arguments
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
from supervisor.exits import ExitReason, Failed, Killed, Normal, Shutdown, is_abnormal
from supervisor.mailbox import PendingReply
from supervisor.names import Names
from supervisor.ref import Place, Ref
from supervisor.restart import Phase, RestartMachine, Stage
from supervisor.runtime import Runtime
from supervisor.spec import ActorSpec, ChildSpec, DynamicSupervisorSpec, Kill, Restart, SupervisorSpec, TaskSpec
from supervisor.store import Store

if TYPE_CHECKING:
    from supervisor.handle import Supervisor

__all__ = ["Branch", "EventQueue", "Slot", "SupervisorLife"]


_SHUTDOWN = Shutdown()


class EventQueue:
    """What is to be done in a tree, one thing after the other, each to completion."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._busy = False

    def put(self, action: Callable[[], None]) -> None:
        """Do it now, or after what is being done."""
        self._waiting.append(action)
        if self._busy:
            return
        self._busy = True
        try:
            while self._waiting:
                self._waiting.popleft()()
        finally:
            self._busy = False


@define(eq=False)
class Slot:
    """One child's spot under a supervisor."""

    key: str
    spec: ChildSpec
    place: Place
    given: ChildSpec | None = None
    """The static spec that it stands for; None for a child that came at run time."""
    branch: Branch | None = None
    """Its own children, if it is a supervisor."""
    life: Life | SupervisorLife | None = None
    timer: Timer | None = None
    """The delay before its restart."""
    ended_with: ExitReason | None = None
    """How its last life ended."""
    lives: int = 0
    """How many it has had, over all lives of its supervisor: two lives at one place never have one number."""


class Branch:
    """A supervisor's place in the tree.

    Args:
        spec: the supervisor's.
        place: where it is.
        names: the scope of names it stands in.
        store: where state is kept by default.
        new_handle: makes the handle that children get as `context.supervisor`.
    """

    def __init__(
        self,
        spec: SupervisorSpec | DynamicSupervisorSpec,
        place: Place,
        names: Names,
        store: Store,
        new_handle: Callable[[Branch], Supervisor],
    ) -> None:
        self.spec = spec
        self.place = place
        self.names = Names(names) if spec.scoped else names
        self.store = store if spec.store is None else spec.store
        self.new_handle = new_handle
        self.handle = new_handle(self)
        self.slots: dict[str, Slot] = {}
        self.life: SupervisorLife | None = None
        self._numbers: dict[str, int] = {}

    def prepare(self) -> None:
        """Make ready for a new life: a slot for each static child, nothing left of dynamic ones.

        Raises:
            NameTaken: a child's name belongs to another.
        """
        static = {child.id: child for child in self.spec.children} if isinstance(self.spec, SupervisorSpec) else {}
        for key, slot in list(self.slots.items()):
            if slot.given is None or slot.given is not static.get(key):
                self.drop(key)  # also one that was added under the id of a static child: that is another place
        self.slots = {key: self.slots.get(key) or self._new_slot(key, spec, given=spec) for key, spec in static.items()}
        for slot in self.slots.values():
            slot.place.open()

    def add(self, spec: ChildSpec) -> Slot:
        """A slot for a new child. Its key is its id; under a dynamic supervisor ids may repeat, and then get a number.

        Raises:
            NameTaken: its name belongs to another.
        """
        key = spec.id
        while isinstance(self.spec, DynamicSupervisorSpec) and key in self.slots:
            # Counting on from the last number, or each of many children of one id would look through all before it.
            number = self._numbers[spec.id] = self._numbers.get(spec.id, 1) + 1
            key = f"{spec.id}#{number}"
        slot = self._new_slot(key, spec)
        slot.place.open()
        self.slots[key] = slot
        return slot

    def drop(self, key: str) -> None:
        """Forget a child: close its place, and all below it."""
        slot = self.slots.pop(key, None)
        if slot is not None:
            close_all(slot)
            # What the tree's own memory holds is bounded by the places there are; a store that was given keeps it for later.
            memory = self.place.runtime.store
            for below in _all_below(slot):
                memory.drop(below.place.path)

    def _new_slot(self, key: str, spec: ChildSpec, given: ChildSpec | None = None) -> Slot:
        runtime, path = self.place.runtime, f"{self.place.path}/{key}"
        if isinstance(spec, ActorSpec):
            place = Place(runtime, path, spec.mailbox, _accepted_by(spec), self.names)
            place.name = spec.name
            return Slot(key, spec, place, given)
        place = Place(runtime, path, None, (), self.names)
        if isinstance(spec, SupervisorSpec | DynamicSupervisorSpec):
            return Slot(key, spec, place, given, Branch(spec, place, self.names, self.store, self.new_handle))
        return Slot(key, spec, place, given)


def close_all(slot: Slot) -> None:
    """Close a place and all below it."""
    for below in _all_below(slot):
        below.place.close()


def _all_below(slot: Slot) -> list[Slot]:
    """A slot and all below it, without recursion."""
    found = [slot]
    for current in found:
        if current.branch is not None:
            found.extend(current.branch.slots.values())
    return found


def _accepted_by(spec: ActorSpec[Any]) -> tuple[type, ...] | None:
    """What the actors of a spec accept, where that can be known before there is one."""
    start = getattr(spec.start, "func", spec.start)
    if isinstance(start, type) and issubclass(start, Actor):
        try:
            return accepted_types(start)
        except Exception:  # noqa: BLE001  # said again when the life starts, where it is that child's failure alone
            return None
    return None


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
        self.place = branch.place
        self.runtime: Runtime = branch.place.runtime
        self.incarnation = incarnation
        self.began_at = self.runtime.now()
        self.machine = RestartMachine(branch.spec, branch.place.path)
        self._listener = listener
        self._queue = queue
        self._killed = False
        self._over = False
        self._ready = False
        self._timers: list[Timer] = []
        self._unstopped: dict[str, str] = {}
        """Children that were killed and still run, with their stacks."""
        self._overdue = False

    @property
    def ready(self) -> bool:
        """Whether all its children have been started."""
        return self._ready

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

    def kill(self, reason: ExitReason | None = None) -> None:
        """End all below, now and at once."""
        if not self._killed and not self._over:
            self._killed = True
            self._timers.append(self.runtime.timekeeper.after(UNSTOPPED_AFTER, self._report_unstopped))
            self.post(d.StopSupervisor(Killed() if reason is None else reason))
            self._queue.put(self._kill_children)

    def post(self, event: d.Event) -> None:
        """Tell the machine what happened, now or when what is being handled is done."""
        self._queue.put(lambda: self._handle(event))

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
        self._unstopped.pop(life.key, None)
        if child is not None and child.life == life.incarnation:
            self._report_end(child.phase, child.spec, life, reason)
        life.place.life_ended(life.incarnation, reason)
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
            case d.Wait(key, life, delay):
                slot = self.branch.slots[key]
                slot.timer = self.runtime.timekeeper.after(delay, lambda: self.post(d.Due(key, life)))
            case d.Cancel(key):
                self._cancel_timer(self.branch.slots.get(key))
            case d.Close(key, forget):
                self._close(key, forget=forget)
            case d.Answer(call, key, error):
                self._answer(call, key, error)
            case d.Restarting() | d.GaveUp():
                self._report(effect)
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
        assert isinstance(call, PendingReply)  # noqa: S101
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

    def _kill_children(self) -> None:
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

    def _is_current(self, life: Life | SupervisorLife) -> bool:
        child = self.machine.children.get(life.key)
        return child is not None and child.life == life.incarnation and child.phase is Phase.STARTING

    # ---- reports

    def _report_end(self, phase: Phase, spec: ChildSpec, life: Life | SupervisorLife, reason: ExitReason) -> None:
        at, cause = self.runtime.now(), reason.error if isinstance(reason, Failed) else None
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
