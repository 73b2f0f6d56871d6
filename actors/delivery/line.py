"""Line: numbered events in order, whoever brings them.

    take      events as they come, over one connection or two, or fetched. What continues the line is handed out at once
    hole      an event that does not continue the line opens a hole: it is held back, with all that come after it
    closed    when the missing ones come, all that is in order again is handed out
    given up  otherwise: the hole becomes a Gap, and what was held back follows it

Invariant: ids handed out only go up, by one, except after a gap that was given up and after ids that began anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, field, frozen

from actors.market import MarketEvent

__all__ = ["ANEW", "Hole", "Line", "Piece"]

ANEW = 1_000
"""An id that is further behind than this is no repetition: the exchange has begun anew."""


@frozen
class Hole:
    """What is missing."""

    after_id: int
    before_id: int
    """The first id that we have again."""


@frozen
class Piece:
    """Events in a row, and the hole before them that nobody could fill."""

    events: Sequence[MarketEvent]
    gap: Hole | None = None


@define(eq=False)
class Line:
    """One subscription's numbered events.

    Args:
        most: events that are held back at most; with more, the hole is given up.
    """

    most: int = 10_000
    last_id: int | None = None
    """Of what was handed out last."""
    duplicates: int = field(default=0, init=False)
    since: float | None = field(default=None, init=False)
    """Since when there is a hole."""
    _held: dict[int, MarketEvent] = field(factory=dict, init=False)

    @property
    def hole(self) -> Hole | None:
        """The first hole; None without one."""
        if not self._held or self.last_id is None:
            return None
        return Hole(self.last_id, min(self._held))

    @property
    def full(self) -> bool:
        """More than `most` are held back."""
        return len(self._held) > self.most

    def take(self, event: MarketEvent, now: float) -> Sequence[MarketEvent]:
        """Take one in; what can be handed out now, in order."""
        number, last = event.sequence, self.last_id
        if last is None or number == last + 1:
            self.last_id = number
            if not self._held:
                return (event,)
            return (event, *self._continue())
        if number <= last:
            if last - number <= ANEW:
                self.duplicates += 1
                return ()
            self._held.clear()
            self.since, self.last_id = None, number
            return (event,)
        if number in self._held:
            self.duplicates += 1
        self._held[number] = event
        self.since = now if self.since is None else self.since
        return ()

    def fill(self, events: Iterable[MarketEvent], now: float) -> Sequence[MarketEvent]:
        """Take in what was fetched; what can be handed out now. What we have already is passed over."""
        handed_out: list[MarketEvent] = []
        for event in events:
            if self.last_id is None or event.sequence > self.last_id:
                handed_out += self.take(event, now)
        return handed_out

    def give_up(self) -> Sequence[Piece]:
        """Stop waiting: all that is held back, in pieces, each after the gap that nobody filled."""
        pieces = []
        while (hole := self.hole) is not None:
            first = self._held.pop(hole.before_id)
            self.last_id = hole.before_id
            pieces.append(Piece((first, *self._continue()), hole))
        self.since = None
        return pieces

    def _continue(self) -> list[MarketEvent]:
        """What was held back and continues the line now."""
        ready = []
        last = self.last_id
        while last is not None and (event := self._held.pop(last + 1, None)) is not None:
            ready.append(event)
            last = self.last_id = last + 1
        if not self._held:
            self.since = None
        else:
            self._forget_old(last)
        return ready

    def _forget_old(self, last: int | None) -> None:
        for number in [number for number in self._held if last is not None and number <= last]:
            del self._held[number]
            self.duplicates += 1
        if not self._held:
            self.since = None
