"""Who waits, in the order in which they go: by priority, the lower number first, and among equals first come first served."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Generic, Protocol, TypeVar

__all__ = ["Line", "Waiting"]


class Waiting(Protocol):
    """Somebody who can stand in a line: once, in one line."""

    priority: int
    number: int
    """The line's own; -1 for who does not stand in it."""


W = TypeVar("W", bound=Waiting)


class Line(Generic[W]):
    """A queue with priorities, from whose middle one can leave. Finding a place takes a bisection.

    There is no ageing: as long as lower numbers come, higher ones wait.
    """

    __slots__ = ("_entries", "_next")

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, W]] = []
        """[(priority, number, who)], sorted. Numbers differ, so that who waits is never compared."""
        self._next = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def first(self) -> W | None:
        """Whose turn is next."""
        return self._entries[0][2] if self._entries else None

    def ahead_of(self, priority: int) -> int:
        """How many would stand ahead of who came now with this priority."""
        return bisect_left(self._entries, (priority, self._next))

    def join(self, who: W) -> int:
        """Stand behind all of the same priority. How many are ahead."""
        who.number = self._next
        self._next += 1
        entry = (who.priority, who.number, who)
        if not self._entries or self._entries[-1] < entry:
            self._entries.append(entry)
            return len(self._entries) - 1
        insort(self._entries, entry)
        return self.place(who)

    def place(self, who: W) -> int:
        """How many are ahead; -1: who does not stand in this line."""
        if who.number < 0:
            return -1
        return bisect_left(self._entries, (who.priority, who.number))

    def remove(self, place: int) -> W:
        """Take away who stands there: 0 is the first."""
        who = self._entries.pop(place)[2]
        who.number = -1
        return who

    def between(self, place: int, end: int) -> list[W]:
        """Those from one place up to another, in order."""
        return [who for _, _, who in self._entries[place:end]]
