"""What places and lives have: state that is remembered, keys in registries, keys in pools, a queue that is drained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field
from msgspec import Struct

from supervisor import ChildEnded, DuplicateRegistry, Registry, Shutdown, StateDiscarded, StateRestored
from supervisor.exits import ExitReason
from supervisor.mailbox import message_of
from supervisor.place import Place
from supervisor.restart import Phase
from tests.programs.lives import LifeRecord
from tests.programs.mail import Letter, Mail

if TYPE_CHECKING:
    from tests.programs.journal import Journal

__all__ = ["REGISTRIES", "Directory", "Drains", "Memories", "Memory"]

REGISTRIES: dict[str, Any] = {"unique": Registry("programs"), "duplicate": DuplicateRegistry("programs, many")}


class Memory(Struct, frozen=True):
    """What is remembered."""

    number: int


@define(eq=False)
class Memories:
    """What each place remembers, by the calls that its lives have made."""

    journal: Journal
    known: dict[Place, dict[str, int]] = field(factory=dict)
    aside: dict[Place, dict[str, int]] = field(factory=dict)
    count: int = 0

    def new(self, life: LifeRecord, key: str) -> Memory:
        """Something to remember."""
        self.count += 1
        self.known.setdefault(life.context.place, {})[key] = self.count
        return Memory(self.count)

    def forget(self, life: LifeRecord, key: str) -> None:
        self.known.get(life.context.place, {}).pop(key, None)

    def check(self, life: LifeRecord, found: dict[str, Memory]) -> None:
        """A life recalls everything."""
        expected = self.known.get(life.context.place, {})
        numbers = {key: memory.number for key, memory in found.items()}
        if numbers != expected:
            self.journal.problem(f"{life.path} recalls {numbers} in life {life.incarnation}; remembered was {expected}")
        if life.starting and expected:
            self.journal.seen.add("recalled by a later life")

    def event(self, event: StateDiscarded | StateRestored) -> None:
        """State that kills life after life is set aside, or comes back."""
        place = self.journal.lives[event.path].context.place
        if isinstance(event, StateDiscarded):
            self.aside[place] = self.known.pop(place, {})
        else:
            self.known[place] = self.known.get(place, {}) | self.aside.pop(place, {})


@define(eq=False)
class Directory:
    """Who has registered what, and which member of a pool has which key."""

    journal: Journal
    holders: dict[str, LifeRecord] = field(factory=dict)
    """Of the unique registry."""
    members: dict[tuple[Place, int, int], str] = field(factory=dict)

    def holder(self, key: str) -> LifeRecord | None:
        life = self.holders.get(key)
        return life if life is not None and not life.over and ("unique", key) in life.keys else None

    def registers(self, life: LifeRecord, kind: str, key: str, *, refused: bool) -> None:
        """A life has tried to register a key."""
        if kind == "unique":
            holder = self.holder(key)
            if refused is (holder is None):
                self.journal.problem(f"{life.path} registers {key!r}, refused: {refused}; but it belongs to {holder}")
            if not refused:
                self.holders[key] = life
        if not refused:
            life.keys.add((kind, key))
            self.journal.seen.add("registered")

    def check(self, life: LifeRecord) -> None:
        """What is found belongs to lives that are not over, and everybody is found. Called by any life."""
        for kind, declaration in REGISTRIES.items():
            for key, ref, value in life.context.runtime.registries.view(declaration).select(lambda *_: True):
                owner = self.journal.lives.get(ref.path)
                if owner is None or owner.incarnation != value or owner.over or (kind, key) not in owner.keys:
                    self.journal.problem(f"{kind} key {key!r} is {ref.path}'s, of life {value}; there lives {owner}")

    def ended(self, event: ChildEnded) -> None:
        """A life is over, and nobody has been told yet."""
        life = self.journal.lives.get(event.path)
        if life is None or not life.keys or life.incarnation != event.incarnation:
            return
        for kind, declaration in REGISTRIES.items():
            view = life.context.runtime.registries.view(declaration)
            left = view.select(lambda _, value, owner=life: value == owner.incarnation)
            left = [key for key, ref, _ in left if ref == life.context.ref]
            if left:
                self.journal.problem(f"{event.path} has ended in life {life.incarnation} and still has the {kind} keys {left}")

    def check_quiet(self, life: LifeRecord) -> None:
        """All has come to rest, and this life goes on."""
        for kind, key in life.keys:
            found = life.context.runtime.registries.view(REGISTRIES[kind]).lookup(key)
            if (life.context.ref, life.incarnation) not in found:
                self.journal.problem(f"{life.path} has registered the {kind} key {key!r}, found are {found}")

    def check_member(self, pool: Any, key: int) -> Any:
        """The member of a pool that has a key: always the same, while the pool has this size."""
        ref = pool.member(key)
        known = self.members.setdefault((pool._branch.place, pool.size, key), ref.path)
        members = [one.path for one in pool.members()]
        if ref.path != known or ref.path not in members or len(members) != pool.size:
            self.journal.problem(f"{key} is {ref.path}'s, of {members}; it was {known}'s")
        self.journal.seen.add("pool")
        return ref


@define(eq=False)
class Drains:
    """Which lives are drained, and what they still have to handle."""

    journal: Journal
    owed: dict[tuple[Place, int], list[Letter]] = field(factory=dict)

    def begin(self, place: Place) -> None:
        """Somebody drains the life at a place."""
        if place.life is None or place.inbox is None or (place, place.life.incarnation) in self.owed:
            return
        queued = [message_of(item) for item in place.items]
        letters = [message.letter for message in queued if isinstance(message, Mail)]
        self.owed[place, place.life.incarnation] = letters
        self.journal.seen.add("drain")
        if letters:
            self.journal.seen.add("drain of a queue")

    def draining(self, place: Place | None) -> bool:
        return place is not None and place.life is not None and (place, place.life.incarnation) in self.owed

    def stops(self, life: LifeRecord, reason: ExitReason) -> None:
        """A life stops. If that is because it is drained, it has handled all that was queued."""
        letters = self.owed.get((life.context.place, life.incarnation), [])
        above = life.context.supervisor._branch.life
        if not letters or reason != Shutdown() or life.doomed is not None or above is None:
            return
        child = above.machine.children.get(life.path.rpartition("/")[2])
        if child is None or child.phase is not Phase.RUNNING:
            return  # its supervisor stops it
        left = [one.number for one in letters if not (one.handled or one.dead or one.outcome)]
        if left:
            self.journal.problem(f"{life.path} was drained, and has not handled the messages {left}")
