"""`Supervisor`: the handle on a running supervisor, for code outside the tree and inside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

import anyio
from attrs import frozen

from supervisor import decisions as d
from supervisor.branch import Branch, Slot
from supervisor.checks import check_kind
from supervisor.errors import ChildNotFound, NoSuchActor, SpecError, SupervisorError
from supervisor.exits import ExitReason, Shutdown
from supervisor.jobs.tasks import Tasks
from supervisor.mailbox import PendingReply
from supervisor.overflow import bounded_queue
from supervisor.parking import give_way, uninterrupted
from supervisor.pool import Pool, PoolHandle
from supervisor.portrait import kind_of, phase_of, portray
from supervisor.reader import Buffer
from supervisor.ref import Ref
from supervisor.registries.registry import DuplicateRegistry, Registry
from supervisor.registries.registry_view import RegistryView
from supervisor.restart import ALIVE, Phase
from supervisor.snapshot import TreeSnapshot
from supervisor.spec import (
    ActorSpec,
    ChildSpec,
    Conflate,
    Mailbox,
    Name,
    Overflow,
    SupervisorSpec,
    check_significance,
)
from supervisor.telemetry import EventStream
from supervisor.topics import Subscription, Topic, check_topic
from supervisor.tree import TURN, SupervisorLife

__all__ = ["ChildCount", "ChildInfo", "Supervisor"]

M = TypeVar("M")
K = TypeVar("K")
V = TypeVar("V")

EVENTS_HELD = 10_000


@frozen
class ChildInfo:
    """One child, as `which_children` lists it."""

    id: str
    kind: str
    phase: Phase
    incarnation: int
    ref: Ref[Any]
    info: object = None
    """What its present life said besides when it was ready: `task_status.started(info)`."""


@frozen
class ChildCount:
    """How many children a supervisor has."""

    specs: int
    """All it knows."""
    active: int
    """Those with a life."""
    supervisors: int
    workers: int


class Supervisor:
    """A running supervisor. Survives its restarts, as a ref does.

    Requests that change something are done by the supervisor, whoever asks and however long the asker waits: a caller that is
    cancelled while a child starts leaves nothing half done.
    """

    def __init__(self, branch: Branch) -> None:
        self._branch = branch
        self._runtime = branch.place.runtime

    @property
    def path(self) -> str:
        """Where in the tree."""
        return self._branch.place.path

    # ---- finding

    def ref(self, name: Name[M]) -> Ref[M]:
        """The ref of who has the name, as seen from this supervisor's children. Raises NoSuchActor."""
        check_kind(name, Name, f"{self.path}: ref()", "a Name, such as Name('account'), or child('account') by its id")
        return Ref(self._branch.names.find(name))

    def child(self, id: str) -> Ref[Any]:  # noqa: A002  # the word of the spec
        """The ref of a child. Raises ChildNotFound."""
        return Ref(self._slot(id).place)

    def supervisor(self, id: str) -> Supervisor:  # noqa: A002  # as above
        """The handle of a child that is a supervisor. Raises ChildNotFound."""
        slot = self._slot(id)
        if slot.branch is None:
            raise ChildNotFound(self.path, id, slot.place.kind)
        return slot.branch.handle

    def get_childspec(self, id: str) -> ChildSpec:  # noqa: A002  # as above
        """The spec of a child, as given; of a TEMPORARY one that was added, without what it was started with.

        Raises:
            ChildNotFound
        """
        return self._slot(id).spec

    def registry(self, declaration: Registry[K, V] | DuplicateRegistry[K, V]) -> RegistryView[K, V]:
        """A registry of this tree, to be read. An actor registers itself by `self.registry(...)`."""
        return self._runtime.registries.view(declaration)

    def pool(self, pool: Pool[M]) -> PoolHandle[M]:
        """The pool of that name, as seen from this supervisor's children. Raises NoSuchActor."""
        if not isinstance(pool, Pool):
            raise TypeError(f"pool() got {pool!r}; expected the name of a pool, such as Pool('workers')")
        branch = self._runtime.pools.get(self._branch.names.find(pool))
        if branch is None:
            raise NoSuchActor(f"the pool {pool.key!r}")  # an actor has that name
        return PoolHandle(branch)

    def tasks(self, id: str) -> Tasks:  # noqa: A002  # as above
        """Supervised tasks, as children of a dynamic supervisor that is a child of this one.

        Raises:
            ChildNotFound: there is no such supervisor.
            SpecError: it is not a dynamic one.
        """
        return Tasks(self.supervisor(id))

    # ---- changing

    @overload
    async def start_child(self, spec: ActorSpec[M]) -> Ref[M]: ...
    @overload
    async def start_child(self, spec: ChildSpec) -> Ref[Any]: ...
    async def start_child(self, spec: ChildSpec) -> Ref[Any]:
        """Add a child and wait until it is started. It comes last in start order.

        Returns:
            Its ref; the ref of a place without a life, if the child said `Ignore`.

        Raises:
            StartError: it did not start; it is not kept.
            ChildAlreadyStarted, ChildAlreadyPresent: that id is taken.
            MaxChildrenReached, NameTaken, SpecError
            NoSuchActor: the supervisor does not run.

        Cancellation: atomic; a child that had not started yet is stopped and forgotten.
        """
        if not isinstance(spec, ChildSpec):
            raise SpecError("start_child(spec)", spec, "a spec, such as ActorSpec('worker', Worker)")
        check_significance(spec, self._branch.spec.auto_shutdown, where=f"start_child at {self.path}")
        await self._take_turn()
        life = self._life()
        known = self._branch.slots.get(spec.id)
        if known is not None and isinstance(self._branch.spec, SupervisorSpec):
            await self._call(life, lambda call: d.Add(spec.id, spec, call))
            raise AssertionError("an id that is taken was added")
        slot = self._branch.add(spec)
        try:
            await self._call(life, lambda call: d.Add(slot.key, spec, call), abandon=slot.key)
        except SupervisorError:
            if slot.key not in life.machine.children and self._branch.slots.get(slot.key) is slot:
                self._branch.drop(slot.key)
            raise
        return Ref(slot.place)

    async def terminate_child(self, child: str | Ref[Any]) -> None:
        """Stop a child, with its grace, and do not restart it. A static child stays known; others are forgotten.

        Raises:
            ChildNotFound: it is none of this supervisor's.
            Unstopped: it was killed and still runs.
            AskedSelf: the caller is that child, or below it, and would wait for its own end.

        Cancellation: may have happened; the child is stopped in any case.
        """
        await self._take_turn()
        key = self._key(child, "terminate_child")
        slot = self._branch.slots.get(key)
        if slot is not None:
            Ref(slot.place)._refuse_below()
        await self._call(self._life(), lambda call: d.Terminate(key, call))

    async def restart_child(self, child: str | Ref[Any]) -> Ref[Any]:
        """Start a child that is stopped or parked, with a fresh budget.

        Raises:
            ChildNotFound, ChildRunning, ChildRestarting
            StartError: it did not start; it stays known.

        Cancellation: atomic; a life that had not started yet is stopped.
        """
        await self._take_turn()
        key = self._key(child, "restart_child")
        place = self._slot(key).place  # it may be gone again when the call returns
        await self._call(self._life(), lambda call: d.Resurrect(key, call), abandon=key)
        return Ref(place)

    async def delete_child(self, child: str | Ref[Any]) -> None:
        """Forget a child that is stopped or parked.

        Raises:
            ChildNotFound, ChildRunning, ChildRestarting

        Cancellation: may have happened.
        """
        await self._take_turn()
        key = self._key(child, "delete_child")
        await self._call(self._life(), lambda call: d.Delete(key, call))

    async def stop(self, reason: ExitReason | None = None) -> ExitReason:
        """Stop this supervisor and all below it, in order; what its own supervisor does then is up to the restart type.

        Returns:
            How it ended.

        Cancellation: may have happened; the tree stops in any case.
        """
        return await Ref(self._branch.place).stop(Shutdown() if reason is None else reason)

    async def wait(self) -> ExitReason:
        """Return when this supervisor's present life is over, with how it ended.

        Raises:
            NoSuchActor: it does not run.
            AskedSelf: the caller is below it, and would wait for its own end.

        Cancellation: atomic.
        """
        self._life()
        Ref(self._branch.place)._refuse_below()
        waiter = PendingReply(self.path, self._runtime.parker())
        self._branch.place.waiters[waiter] = False
        try:
            reason: ExitReason = await waiter.wait()
            return reason
        finally:
            self._branch.place.waiters.pop(waiter, None)

    # ---- looking

    def which_children(self) -> list[ChildInfo]:
        """The children, in start order."""
        found = []
        for key, slot in self._branch.slots.items():
            phase, incarnation = self._state(key)
            info = None if slot.life is None else slot.life.info
            found.append(ChildInfo(key, kind_of(slot.spec), phase, incarnation, Ref(slot.place), info))
        return found

    def count_children(self) -> ChildCount:
        """How many children there are, and how many of them live."""
        slots = self._branch.slots
        supervisors = sum(slot.branch is not None for slot in slots.values())
        active = sum(self._state(key)[0] in ALIVE for key in slots)
        return ChildCount(len(slots), active, supervisors, len(slots) - supervisors)

    def snapshot(self) -> TreeSnapshot:
        """Everything below this supervisor, as data."""
        return TreeSnapshot(tree_id=self._runtime.tree_id, at=self._runtime.now(), root=portray(self._branch))

    def events(self) -> EventStream:
        """The whole tree's events from now on, with `async for`. Bounded; ends with the tree."""
        runtime = self._runtime
        buffer = Buffer(bounded_queue(EVENTS_HELD, Overflow.DROP_OLDEST), runtime.parker())
        stream = EventStream(runtime.telemetry, buffer, self.path, runtime.now)
        if runtime.ended:
            stream.close()
        return stream

    def subscription(
        self, topic: Topic[M], *, capacity: int = 10_000, overflow: Overflow | Conflate = Overflow.DROP_OLDEST
    ) -> Subscription[M]:
        """What is published to the topic from now on, with `async for`. Ends with the tree.

        Args:
            topic: any topic of this tree.
            capacity: messages it holds for a slow reader.
            overflow: what happens past that. The reader is told what it missed, as `Skipped(count)`.

        Raises:
            SpecError: no capacity, or no policy.
        """
        check_topic(topic, f"{self.path}: subscription()")
        checked = Mailbox(capacity, overflow)
        buffer = Buffer(bounded_queue(checked.capacity, checked.overflow), self._runtime.parker())
        subscription = Subscription(self._runtime.topics, topic, buffer)
        if self._runtime.ended:
            subscription.close()
        return subscription

    @uninterrupted
    def publish(self, topic: Topic[M], message: M) -> int:
        """Hand a message to all who subscribe. Returns how many took it."""
        return self._runtime.topics.publish(topic, message)

    def __repr__(self) -> str:
        return f"<Supervisor {self.path} of {self._runtime.tree_id}>"

    # ---- the machinery

    async def _take_turn(self) -> None:
        """Let others run, now and then: what can be done at once is done without a wait, and who does much of it would hold the
        loop, and could not be cancelled. Cancellation: a checkpoint, now and then; nothing is done yet.
        """
        self._runtime.calls += 1
        if self._runtime.calls % TURN == 0:
            await give_way()

    def _life(self) -> SupervisorLife:
        if self._branch.life is None:
            raise NoSuchActor(self.path)
        return self._branch.life

    def _slot(self, key: str) -> Slot:
        try:
            return self._branch.slots[key]
        except KeyError:
            raise ChildNotFound(self.path, key) from None

    def _key(self, child: str | Ref[Any], verb: str) -> str:
        if isinstance(child, str):
            return child
        check_kind(child, Ref, f"{self.path}: {verb}()", "the id or the ref of a child, such as 'worker' or child('worker')")
        key = child.path.rpartition("/")[2]
        slot = self._branch.slots.get(key)
        if slot is None or slot.place is not child._place:
            raise ChildNotFound(self.path, child.path)
        return key

    def _state(self, key: str) -> tuple[Phase, int]:
        life = self._branch.life
        child = None if life is None else life.machine.children.get(key)
        return (Phase.STOPPED, 0) if child is None else (phase_of(self._branch.slots[key], child), child.life)

    @uninterrupted
    async def _call(self, life: SupervisorLife, request: Callable[[PendingReply], d.Event], abandon: str | None = None) -> None:
        """Have the machine do something and wait until it is done. Cancellation: see the callers."""
        call = PendingReply(self.path, self._runtime.parker())
        life.post(request(call))
        try:
            await call.wait()
        except BaseException:
            if abandon is not None and call.abandoned:  # the wait was cut, whatever by; else this is the answer
                await self._undo(life, abandon, call)
            raise

    async def _undo(self, life: SupervisorLife, key: str, call: PendingReply) -> None:
        """Wait until a start that nobody waits for is undone. Cancellation: shielded, until the child's end, at
        the latest a second after its kill.
        """
        life.post(d.Abandon(key, call))
        child = life.machine.children.get(key)
        if child is None or not child.undo or child.phase is not Phase.STOPPING:
            return  # nothing is undone: it had started, and if it stops, then for its group
        ended = PendingReply(self.path, self._runtime.parker())
        life.post(d.Terminate(key, ended))
        with anyio.CancelScope(shield=True):
            try:
                await ended.wait()
            except SupervisorError:
                return  # it does not end, and has been reported
