"""NumberedRoute: events whose ids count up by one. What is missing is seen at once, and fetched if it can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import define, field

from actors.delivery.cursors import Cursors
from actors.delivery.line import Hole, Line
from actors.delivery.route import POLLED, Route
from actors.market import Filled, MarketEvent, Subscription

__all__ = ["NumberedRoute"]

LARGEST: Final = 10_000
"""Events missing; of a larger hole nothing is fetched: it would take longer than anyone waits."""
OTHER_FIRST: Final = 1.0
"""Seconds that a hole waits for the other connection during a hand-over, before it is fetched."""


@define(eq=False)
class NumberedRoute(Route):
    """A route of trades.

    Args:
        missing: asks for what a hole lacks; called again and again while it is open.
        fillable: whether the exchange can be asked for it.
        hold_for: seconds that what came after a hole is held back for it.
        cursors: where it was, if another stream carried it before.
    """

    missing: Callable[[Subscription, Hole], object]
    fillable: bool
    hold_for: float
    cursors: Cursors = field(factory=Cursors)
    line: Line = field(factory=Line)
    double: bool = field(default=False, init=False)
    """Two connections deliver."""

    def take(self, events: Sequence[MarketEvent], source: int, now: float) -> None:
        """Hand out what continues the line; hold back what does not. This is the hot path."""
        line = self.line
        if source == self.source and len(events) == 1 and line.since is None and self.since is None and source > POLLED:
            number = events[0].sequence
            if line.last_id is not None and number == line.last_id + 1:
                # As nearly always. The same as below, in fewer steps.
                self.watched = self.last_data = now
                self.fruitless = 0
                self.pace.arrived(now)
                line.last_id, self.last = number, events[0]
                self.publish(self.topic, events[0])
                return
        self.heard(source, now)
        if self.line.last_id is None:
            self.line.last_id = self.cursors.find(self.subscription, now)
        for event in events:
            for ready in self.line.take(event, now):
                self.deliver(ready, source, now)
        if self.line.since is not None:
            self.look(now, asked=self.line.since < now)

    def fill(self, events: Sequence[MarketEvent], now: float, *, last: bool) -> bool:
        """What was missing came.

        Args:
            events: oldest first.
            now: when.
            last: there is no more to come.

        Returns:
            Whether the hole is closed, or nobody waits for it any more.
        """
        hole = self.line.hole
        ready = self.line.fill(events, now)
        if ready and hole is not None:
            self.resume(now)
            before = min(hole.before_id, ready[-1].sequence + 1)
            self.publish(self.topic, Filled(subscription=self.subscription, after_id=hole.after_id, before_id=before))
        for event in ready:
            self.deliver(event, self.source, now)
        if last and self.line.since is not None:
            self.give_up(now)
        return self.line.since is None

    def look(self, now: float, *, asked: bool = False) -> None:
        """See whether a hole is still worth waiting for.

        Args:
            now: when.
            asked: it was asked for already, and will be again at the next beat.
        """
        hole, since = self.line.hole, self.line.since
        if hole is None or since is None:
            return
        waits = self.double or (self.fillable and hole.before_id - hole.after_id <= LARGEST)
        if not waits or self.line.full or now - since >= self.hold_for:
            self.give_up(now)
        elif self.fillable and not asked and (not self.double or now - since >= OTHER_FIRST):
            self.missing(self.subscription, hole)

    def give_up(self, now: float) -> None:
        """Nobody fills the hole: say so, and go on."""
        for piece in self.line.give_up():
            self.resume(now)
            if piece.gap is not None:
                self.say_gap(piece.gap.after_id, piece.gap.before_id)
            for event in piece.events:
                self.deliver(event, self.source, now)

    def begin_again(self, event: MarketEvent, now: float) -> None:
        """Ids tell what was missed."""
        self.resume(now)

    def hand_over(self, *, begins: bool) -> None:
        """While two connections deliver, one may bring what the other has not yet."""
        self.double = begins

    def cursor(self) -> int | None:
        """The last id that was handed out."""
        return self.line.last_id
