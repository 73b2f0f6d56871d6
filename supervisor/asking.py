"""Who waits for whose answer: debug mode's search for circles of asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.errors import AskCycle
from supervisor.mailbox import PendingReply

if TYPE_CHECKING:
    from supervisor.place import Place

__all__ = ["Asking"]


class Asking:
    """The asks of one tree whose askers wait in a handler. Bounded by those asks."""

    def __init__(self) -> None:
        self._waiting: dict[Place, dict[PendingReply, Place]] = {}

    def __len__(self) -> int:
        """How many askers wait."""
        return len(self._waiting)

    def begin(self, asker: Place, asked: Place, reply: PendingReply) -> None:
        """An ask begins.

        Raises:
            AskCycle: it would close a circle, so that it would never be answered.
        """
        came_from: dict[Place, Place] = {asked: asker}
        todo = [asked]
        while todo:
            place = todo.pop()
            if place is asker:
                circle = [came_from[asker]]
                while circle[-1] is not asker:
                    circle.append(came_from[circle[-1]])
                raise AskCycle(tuple(one.path for one in reversed(circle)))
            for other, following in self._waiting.get(place, {}).items():
                # An answer that is there, or that may be given from elsewhere, does not wait for the handler's end.
                if other.pending and not other.deferred and following not in came_from:
                    came_from[following] = place
                    todo.append(following)
        self._waiting.setdefault(asker, {})[reply] = asked

    def end(self, asker: Place, reply: PendingReply) -> None:
        """An ask is over."""
        asks = self._waiting.get(asker, {})
        asks.pop(reply, None)
        if not asks:
            self._waiting.pop(asker, None)
