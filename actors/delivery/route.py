"""Route: one subscription on its way from a connection to its topic, and what its consumers are told.

Once per hole: Disconnected, then nothing, then Resumed, then Filled or Gap where ids say what was missing, then data. A hole
without Disconnected is a Gap alone. The time before the first data is no hole, unless no connection can be opened: then it is
Disconnected as well.

Data may come over two connections at once, while one is handed over to the other, or from polling. What comes again is dropped:
it is known by its sequence, as long as it is of late (`MEMORY`): an exchange whose ids have begun anew must not be silenced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import define, field
from msgspec import structs

from actors.delivery.pace import Pace
from actors.market import (
    Disconnected,
    Feed,
    Gap,
    MarketEvent,
    Rejected,
    Resumed,
    Source,
    SourceChanged,
    Stale,
    Subscription,
)
from supervisor import Topic

__all__ = ["POLLED", "Publish", "Route"]

POLLED: Final = 0
"""The number of the source that is no connection."""
DOUBLINGS: Final = 3
"""How often the patience with a subscription is doubled at most."""
MEMORY: Final = 30.0
"""Seconds after the last delivery in which the same sequence over another connection is a repetition."""
LOSSY: Final = frozenset({Feed.TRADES, Feed.AGGREGATES})
"""Feeds of which every event counts: where ids do not show what was missed, any hole is a Gap."""

Publish = Callable[[Topic[Any], Any], object]


@define(eq=False)
class Route:
    """One subscription and how it is doing.

    Args:
        subscription: which.
        topic: where its consumers listen.
        publish: tells them.
        pace: how long it is normally quiet.
        watched: from when on silence counts.
    """

    subscription: Subscription
    topic: Topic[Any]
    publish: Publish
    pace: Pace
    watched: float
    """When data came last, though it be for a book out of step, or when it was asked for."""
    last_data: float = field(init=False)
    """When data was delivered last, or when we began to wait for the first."""
    since: float | None = field(init=False)
    """Since when it is interrupted; None while data flows."""
    told: bool = field(default=False, init=False)
    """Whether its consumers were told that it is interrupted."""
    last: MarketEvent | None = field(default=None, init=False)
    """What was delivered last."""
    source: int = field(default=-1, init=False)
    """Number of the connection that delivered last, POLLED, or -1 before anything was."""
    heard_over: int = field(default=-1, init=False)
    """The newest connection over which data came, though it be a repetition."""
    confirmed_over: int = field(default=-1, init=False)
    """The newest connection on which the exchange confirmed it."""
    fruitless: int = field(default=0, init=False)
    """How often it was asked for anew since data came last, over this connection or another."""
    refusals: int = field(default=0, init=False)
    """How often the exchange refused it on the present connection."""
    duplicates: int = field(default=0, init=False)
    gaps: int = field(default=0, init=False)
    gap: Gap | None = field(default=None, init=False)
    """Found while interrupted, and not said yet."""
    polled: bool = field(default=False, init=False)
    """Consumers were told that it is polled."""

    def __attrs_post_init__(self) -> None:
        self.last_data = self.since = self.watched

    @property
    def patience(self) -> float:
        """Seconds of silence after which it is asked for anew. Twice as many each time that was of no use: where nobody trades,
        nothing is to come, and every attempt costs a message or a connection."""
        return self.pace.limit * (1 << min(self.fruitless, DOUBLINGS))

    @property
    def out_of_step(self) -> bool:
        """A snapshot is needed."""
        return False

    # ---- data

    def take(self, events: Sequence[MarketEvent], source: int, now: float) -> None:
        """Data came. This is the hot path.

        Args:
            events: oldest first.
            source: the number of the connection, or POLLED.
            now: when they were read.
        """
        if source == self.source and self.since is None and source > POLLED:
            # As nearly always: what delivered last delivers again. The same as below, in fewer steps.
            self.watched = self.last_data = now
            self.fruitless = 0
            self.pace.arrived(now)
            for event in events:
                self.publish(self.topic, event)
                self.last = event
            return
        self.heard(source, now)
        for event in events:
            if (source != self.source or source == POLLED) and self._repeated(event, source, now):
                self._again(source, now)
            else:
                self.deliver(event, source, now)

    def heard(self, source: int, now: float) -> None:
        """Data came over a connection, of whatever use it is: the subscription is not silent there. Polling proves nothing."""
        if source == POLLED:
            return
        self.watched = now
        self.fruitless = 0
        self.pace.arrived(now)
        if source > self.heard_over:
            self.heard_over = source

    def deliver(self, event: MarketEvent, source: int, now: float) -> None:
        """One event for the consumers."""
        if self.since is not None:
            self.begin_again(event, now)
        if self.polled is not (source == POLLED):
            self._say_source(source)
        self.last_data, self.source, self.last = now, source, event
        self.publish(self.topic, event)

    def begin_again(self, event: MarketEvent, now: float) -> None:
        """The first event after an interruption."""
        self.resume(now)
        if self.last is not None and self.subscription.feed in LOSSY and event.sequence != self.last.sequence + 1:
            self.say_gap(self.last.sequence, event.sequence)

    def resume(self, now: float) -> None:
        """Data flows: say so, if it was interrupted."""
        since, self.since, self.told = self.since, None, False
        if since is not None:
            self.publish(self.topic, Resumed(subscription=self.subscription, outage=now - since))
            gap, self.gap = self.gap, None
            if gap is not None:
                self.publish(self.topic, gap)

    def _repeated(self, event: MarketEvent, source: int, now: float) -> bool:
        last = self.last
        if last is None or now - self.last_data > MEMORY:
            return False
        if source == self.source:
            return 0 < event.sequence < last.sequence  # polled again: what is as it was may be said again, nothing older
        if source == POLLED and self.since is None:
            return True  # the connection delivers, and what it delivers is newer
        return 0 < event.sequence <= last.sequence

    def _again(self, source: int, now: float) -> None:
        """What came is known: there is nothing to deliver, but data flows."""
        self.duplicates += 1
        if self.since is not None:
            self.resume(now)
            if source == POLLED and not self.polled:
                # Else what the next poll brings would be taken for older than what a connection delivers.
                self.source = source
                self._say_source(source)

    # ---- holes

    def interrupt(self, reason: str, now: float) -> None:
        """Data stops: say so."""
        if self.since is None:
            self.since = now
            self.tell(reason)

    def tell(self, reason: str) -> None:
        """There is no data: say so, unless it was said."""
        if self.since is not None and not self.told:
            self.told = True
            self.publish(self.topic, Disconnected(subscription=self.subscription, reason=reason))

    def say_gap(self, after_id: int, before_id: int) -> None:
        """What is between these two is lost. While interrupted it is kept for after Resumed: nothing comes before that."""
        self.gaps += 1
        gap = Gap(subscription=self.subscription, after_id=after_id, before_id=before_id)
        if self.since is None:
            self.publish(self.topic, gap)
        else:
            # Of several holes in one outage, one from the first loss to the last.
            self.gap = gap if self.gap is None else structs.replace(gap, after_id=self.gap.after_id)

    def reject(self, reason: str, now: float) -> None:
        """The exchange does not deliver it."""
        self.interrupt(reason, now)
        self.publish(self.topic, Rejected(subscription=self.subscription, reason=reason))

    def say_stale(self, now: float) -> None:
        """No data: the last known value again, with its age."""
        if self.since is not None and self.last is not None:
            age = now - self.last_data
            self.publish(self.topic, Stale(subscription=self.subscription, event=self.last, age=age))

    def begin_anew(self, now: float) -> None:
        """It is asked for, on whichever connection, after a time in which it was not."""
        self.refusals = 0
        self.watched = now
        self.pace.interrupted()
        self.hand_over(begins=False)

    def connected(self, number: int, now: float, *, alone: bool) -> None:
        """It is asked for on a fresh connection.

        Args:
            number: of the connection.
            now: when.
            alone: no other connection delivers.
        """
        self.refusals = 0
        if alone:
            self.watched = now

    def lost(self, reason: str, now: float) -> None:
        """The last connection is gone. What is between the last event and the next is no pause of the channel."""
        self.pace.interrupted()
        self.interrupt(reason, now)

    def hand_over(self, *, begins: bool) -> None:
        """Two connections deliver from now on, or no longer: what one of them lacks, the other may still bring."""

    def cursor(self) -> int | None:
        """The last id, where ids show what is missing; None elsewhere."""
        return None

    def look(self, now: float) -> None:
        """Time has passed."""

    def _say_source(self, source: int) -> None:
        self.polled = source == POLLED
        kind = Source.POLLING if self.polled else Source.STREAM
        reason = "the stream does not deliver" if self.polled else "the stream delivers again"
        self.publish(self.topic, SourceChanged(subscription=self.subscription, source=kind, reason=reason))

    # ---- for people

    def silence(self, now: float) -> float:
        """Seconds without delivered data, as a share of what is allowed."""
        return (now - self.last_data) / self.pace.limit
