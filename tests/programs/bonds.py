"""Links: who is tied to whom, and what becomes of one when the other ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from supervisor import ChildEnded, Exit, StartFailed
from supervisor.place import Place
from tests.programs.lives import Doom, LifeRecord
from tests.programs.paths import plain
from tests.programs.program import ActorNode, SupervisorNode

if TYPE_CHECKING:
    from tests.programs.journal import Journal

__all__ = ["Bonds"]

_WHOLE = "of the whole tree: "
"""A request to stop the tree is not handed on by a link: only that its life is over, and why."""
Key = tuple[str, int]
"""A life: its path and incarnation."""


@define(eq=False)
class Bonds:
    """The links between lives, by what the actors themselves did."""

    journal: Journal
    links: dict[Key, dict[Key, None]] = field(factory=dict)
    pulled: dict[str, str] = field(factory=dict)
    """Supervisors that must end, and because of whom."""
    once_pulled: set[str] = field(factory=set)

    def link(self, life: LifeRecord, place: Place) -> None:
        """A life links itself with the one at a place."""
        if place is life.context.place:
            return
        if place.life is None:
            life.exits_due.setdefault(place.path, []).append("NoSuchActor")  # who traps is told at once; others get the error
            return
        one, other = (life.path, life.incarnation), (place.path, place.life.incarnation)
        self.links.setdefault(one, {})[other] = None
        self.links.setdefault(other, {})[one] = None

    def unlink(self, life: LifeRecord, place: Place) -> None:
        life.exits_due.pop(place.path, None)
        key = (life.path, life.incarnation)
        for other in [other for other in self.links.get(key, {}) if other[0] == place.path]:
            self._cut(key, other)

    def _cut(self, one: Key, other: Key) -> None:
        self.links.get(one, {}).pop(other, None)
        self.links.get(other, {}).pop(one, None)

    def ended(self, event: ChildEnded | StartFailed) -> None:
        """A life is over: all it is linked with end too, or are told."""
        key = (event.path, event.incarnation)
        self.pulled.pop(event.path, None)
        self._check_own_end(event)
        for other in list(self.links.pop(key, {})):
            self._cut(key, other)
            if isinstance(self.journal.node(other[0]), SupervisorNode) and event.reason != "normal":
                self._pull(other[0], event)
            life = self.journal.lives.get(other[0])
            if life is None or life.incarnation != other[1] or life.over:
                continue
            if life.traps:
                life.exits_due.setdefault(event.path, []).append(event.reason)
                if event.cause is not None:
                    life.trapped.append(event.cause)
            elif event.reason != "normal" and life.doomed is None:
                life.doomed = Doom(event.path, event.reason, self._undisturbed(life))
                self.journal.seen.add("linked lives end together")

    def _pull(self, path: str, event: ChildEnded | StartFailed) -> None:
        """A supervisor ends because of a link: it stops its children by itself."""
        self.pulled[path] = event.path
        self.once_pulled.add(plain(path))
        self.journal.failed.add(plain(path))
        self.journal.fates.carry(event.reason)

    def _undisturbed(self, life: LifeRecord) -> bool:
        node: Any = self.journal.node(life.path)
        if not isinstance(node, ActorNode) or life.context.stopping or life.by_hand or node.ends:
            return False
        busy = life.starting or life.stopping or life.handling or life.active > node.guarded
        return not busy and not life.context.signals

    def _check_own_end(self, event: ChildEnded | StartFailed) -> None:
        life = self.journal.lives.get(event.path)
        if life is None or life.incarnation != event.incarnation:
            return
        if event.cause is not None and any(event.cause is error for error in life.trapped):
            self.journal.problem(f"{event.path} traps exits, but ends with that of whom it was linked with: {event.reason}")
        doom = life.doomed
        if doom is not None and doom.undisturbed and event.reason not in (doom.reason, doom.reason.replace(_WHOLE, "")):
            self.journal.problem(f"{event.path} ends with {event.reason}; {doom.path}, linked with it, with {doom.reason}")

    def hears(self, life: LifeRecord, signal: Exit) -> None:
        """A life is told of the end of another."""
        path, reason = signal.ref.path, str(signal.reason)
        if not life.traps:
            self.journal.problem(f"{life.path} hears {signal}, but traps no exits")
        key = (life.path, life.incarnation)
        linked = [other for other in self.links.get(key, {}) if other[0] == path]
        waiting = life.exits_due.get(path, [])
        due = waiting.pop(0) if waiting else None
        if due is not None and not reason.startswith(due):
            self.journal.problem(f"{life.path} hears {signal}, which ended with {due}")
        elif due is None and linked and reason == "normal":
            self._cut(key, linked[0])  # one that said it had nothing to do: no event tells of its end
        elif due is None:
            self.journal.problem(f"{life.path} hears {signal}, for which it has no link, or not any more")
        self.journal.seen.add("exit trapped")

    def check_may_act(self, life: LifeRecord) -> None:
        """A life is handed a message."""
        if life.doomed is not None:
            self.journal.problem(f"{life.path} handles a message, though {life.doomed.path}, linked with it, has ended")

    def check_quiet(self, life: LifeRecord) -> None:
        """All has come to rest, and this life goes on."""
        if life.doomed is not None:
            self.journal.problem(f"{life.path} lives on, though {life.doomed.path} ended, which it was linked with")
        if life.traps and any(life.exits_due.values()):
            self.journal.problem(f"{life.path} was not told of the end of {life.exits_due}")
