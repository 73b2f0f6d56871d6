"""A supervisor's place in the tree, with a slot for each child.

Slots outlive the supervisor's lives, so that a restarted one finds its children's queues, names and remembered state where they
were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import define

from supervisor.accepts import accepted_types
from supervisor.actor import Actor
from supervisor.agenda import Timer
from supervisor.exits import ExitReason
from supervisor.names import Names
from supervisor.place import Place
from supervisor.pool import PoolSpec, PoolState
from supervisor.spec import ActorSpec, ChildSpec, DynamicSupervisorSpec, Name, SupervisorSpec
from supervisor.store import Store

if TYPE_CHECKING:
    from supervisor.child import Life
    from supervisor.handle import Supervisor
    from supervisor.tree import SupervisorLife

__all__ = ["Branch", "Slot", "close_all"]


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

    def open(self) -> None:
        """A life is to come.

        Raises:
            NameTaken: its name belongs to another.
        """
        if self.branch is None:
            self.place.open()
        else:
            self.branch.open()


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
        place.kind = "supervisor"
        self.names: Names = Names(names) if spec.scoped else names
        self.store: Store = store if spec.store is None else spec.store
        self.new_handle = new_handle
        self.handle: Supervisor = new_handle(self)
        self.slots: dict[str, Slot] = {}
        self.life: SupervisorLife | None = None
        self._numbers: dict[str, int] = {}
        self.pool: PoolState | None = PoolState(spec.size) if isinstance(spec, PoolSpec) else None
        if isinstance(spec, PoolSpec) and spec.name is not None:
            place.name = Name(spec.name.key)

    def open(self) -> None:
        """A life is to come. From now on a pool is found by its name.

        Raises:
            NameTaken: the name belongs to another.
        """
        self.place.open()
        if self.pool is not None and self.place.name is not None:
            self.place.runtime.pools[self.place] = self

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
            slot.open()
        if self.pool is not None:
            self.pool.renew()
            self.open()  # nobody opens the root's place, and that may be a pool with a name

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
        slot.open()
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
                below.place.runtime.pools.pop(below.place, None)

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
    todo = [slot]
    for current in todo:
        if current.place.closed:
            continue  # and so is all below: looked at again at each level, a deep tree's end would cost the square of its depth
        current.place.close()
        if current.branch is not None:
            todo.extend(current.branch.slots.values())


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
