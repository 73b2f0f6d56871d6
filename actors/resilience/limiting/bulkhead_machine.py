"""Who is inside a bulkhead and who waits: no clock, no task, no lock.

Theory of operation:

* A *holder* is whoever calls: a task, or a thread. Who is inside already may enter again, as deep as it likes, for one slot:
  otherwise a function that calls itself would wait for itself.
* A slot that becomes free is handed to the first in the line there and then. So nobody overtakes, and as long as somebody
  waits no slot is free.
* A slot that was handed to somebody who gives up in the same moment is handed on by `cancel`: none gets lost.
"""

from __future__ import annotations

from collections.abc import Hashable

from attrs import define, field

from actors.resilience.limiting.line import Line

__all__ = ["BulkheadMachine", "Place"]


@define(eq=False)
class Place:
    """A place in the line of a `BulkheadMachine`. It ends by a slot, or by `cancel`."""

    holder: Hashable
    priority: int = 0
    """Lower goes first."""
    number: int = field(default=-1, init=False)
    granted: bool = field(default=False, init=False)
    """Whether it has got a slot: the holder is inside."""


@define(init=False)
class BulkheadMachine:
    """So many holders inside at once; the others wait in a line.

    Args:
        limit: how many, 1 or more.
    """

    _limit: int
    _inside: dict[Hashable, int]
    """{holder: how often it has entered}"""
    _line: Line[Place]
    peak: int
    """The most that were ever inside at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = {}
        self._line = Line()
        self.peak = 0

    @property
    def limit(self) -> int:
        """How many may be inside at once."""
        return self._limit

    @property
    def in_use(self) -> int:
        """How many are inside. More than the limit only after that was made smaller."""
        return len(self._inside)

    @property
    def waiting(self) -> int:
        """How many stand in the line."""
        return len(self._line)

    def is_inside(self, holder: Hashable) -> bool:
        """Whether it has entered, and not left as often."""
        return holder in self._inside

    def enter(self, holder: Hashable) -> bool:
        """Go in, if it is inside already or a slot is free."""
        inside = self._inside
        if holder in inside:
            inside[holder] += 1
            return True
        in_use = len(inside)
        if in_use >= self._limit:
            return False
        inside[holder] = 1
        if in_use >= self.peak:
            self.peak = in_use + 1
        return True

    def join(self, place: Place) -> None:
        """Stand in the line, after `enter` refused."""
        self._line.join(place)

    def leave(self, holder: Hashable) -> list[Place]:
        """Go out, as often as in. Who has got a slot by that.

        Raises:
            ValueError: it is not inside.
        """
        depth = self._inside.get(holder, 0)
        if not depth:
            raise ValueError(f"{holder!r} leaves a bulkhead in which it is not; expected one `leave` for each `enter`")
        if depth > 1:
            self._inside[holder] = depth - 1
            return []
        del self._inside[holder]
        return self._hand_out() if self._line else []

    def cancel(self, place: Place) -> list[Place]:
        """Give up a place, or the slot that it has got. Who has got a slot by that."""
        if place.granted:
            place.granted = False
            return self.leave(place.holder)
        at = self._line.place(place)
        if at >= 0:
            self._line.remove(at)
        return []

    def resize(self, limit: int) -> list[Place]:
        """Allow so many at once. Who has got a slot by that. Nobody is put out: of too many, the next ones leave first."""
        self._limit = limit
        return self._hand_out()

    def _hand_out(self) -> list[Place]:
        granted = []
        while self._line and len(self._inside) < self._limit:
            place = self._line.remove(0)
            place.granted = True
            self._inside[place.holder] = 1
            granted.append(place)
        self.peak = max(self.peak, len(self._inside))
        return granted
