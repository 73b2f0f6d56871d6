"""Checker: a bot's strategy would stand here. It reads one instrument's feeds as a consumer does and keeps a tally."""

from __future__ import annotations

from attrs import astuple, define, field
from msgspec import Struct

from actors.demo.oracle import Oracle
from actors.feeds import feed_topic
from actors.market import Book, Disconnected, Feed, Gap, Quote, Rejected, Resumed, Subscription, Trade
from supervisor import Actor, Request

__all__ = ["Checker", "FeedTally", "Tally", "TallyOf"]


class FeedTally(Struct, frozen=True):
    """One feed as its consumer sees it."""

    events: int
    last_data: float
    """When its last event was read from the socket, by the loop's clock; 0: never."""
    last_hole: float
    """When its last hole began; 0: never."""
    holes: int
    gaps: int
    repaired: int
    """Gaps after which data came again."""

    @property
    def flows(self) -> bool:
        """Whether data came since the last hole."""
        return self.last_data > self.last_hole


class Tally(Struct, frozen=True):
    """One instrument as its consumer sees it."""

    feeds: dict[Subscription, FeedTally]
    compared: int
    agreed: int
    exact: int
    disagreed: tuple[str, ...]


class TallyOf(Request[Tally], frozen=True):
    """How is it going?"""


@define(eq=False)
class _Count:
    events: int = 0
    last_data: float = 0.0
    last_hole: float = 0.0
    holes: int = 0
    gaps: int = 0
    repaired: int = 0


Checked = Trade | Quote | Book | Disconnected | Resumed | Gap | Rejected | TallyOf


@define(eq=False)
class Checker(Actor[Checked]):
    """Consumes the feeds of one instrument.

    Args:
        subscriptions: its feeds.
    """

    subscriptions: tuple[Subscription, ...]
    _counts: dict[Feed, _Count] = field(init=False, factory=dict)
    _oracle: Oracle = field(init=False, factory=Oracle)

    async def on_start(self) -> None:
        """Subscribe. Cancellation: atomic."""
        for subscription in self.subscriptions:
            self._counts[subscription.feed] = _Count()
            self.subscribe(feed_topic(subscription))

    def receive(self, message: Checked) -> Tally | None:
        """Count one event."""
        match message:
            case Quote():
                self._count(Feed.QUOTES, message.received)
                self._oracle.quote(message)
            case Trade():
                self._count(Feed.TRADES, message.received)
            case Book():
                self._count(Feed.BOOK, message.received)
                self._oracle.book(message)
            case Disconnected() | Rejected() | Gap():
                self._hole(message.subscription.feed, gap=isinstance(message, Gap))
            case Resumed():
                self._oracle.forget()
            case TallyOf():
                return self._tally()
        return None

    def _count(self, feed: Feed, received: float) -> None:
        count = self._counts[feed]
        count.events += 1
        count.last_data = max(count.last_data, received)
        count.repaired = count.gaps

    def _hole(self, feed: Feed, *, gap: bool) -> None:
        count = self._counts[feed]
        count.last_hole = self.context.runtime.now()
        count.holes += 1
        count.gaps += gap
        self._oracle.forget()

    def _tally(self) -> Tally:
        feeds = {subscription: FeedTally(*astuple(self._counts[subscription.feed])) for subscription in self.subscriptions}
        oracle = self._oracle
        return Tally(feeds, oracle.compared, oracle.agreed, oracle.exact, tuple(oracle.disagreed))
