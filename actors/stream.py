"""Stream: one connection's worth of market data. It owns its socket, lives through its loss, and lets no hole pass in silence.

    Connecting ──▶ Live ──▶ Disconnected ──▶ Connecting ...      one life, however long the outage

Its promise: after an abort every subscription delivers again. It remembers what it is subscribed to, so a new life after a
crash does the same. It watches silence: a connection on which nothing arrives is cut, a subscription that is quiet among lively
ones is asked for again alone, and each time that was of no use it waits longer. An exchange that pings is not blamed for it.
Books are kept by `book.BookSync`; what needs a snapshot is told to the RecoveryManager.

Data goes from the socket to the topics in the reading task, without passing the mailbox: the mailbox is for what others want of
the stream.

What consumers are told, once per hole and subscription: Disconnected, then nothing, then Resumed, then Gap where ids say what
is missing, then data. A hole without Disconnected is a Gap alone. The time before the first data is no hole, unless no
connection can be opened: then it is Disconnected as well.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from attrs import define, field
from msgspec import structs

from actors.book import Applied, BookSync, Desynchronised, LocalBook, Stale, Synced, SyncState
from actors.errors import BadFrame
from actors.feeds import feed_topic
from actors.link import Link
from actors.link_state import LinkEvent
from actors.market import BookDelta, BookSnapshot, Disconnected, Feed, Gap, MarketEvent, Quote, Rejected, Resumed, Subscription, Trade
from actors.ports import Delivery, Endpoint, Exchange, Frame, Refusal, Role, Session, ShutdownNotice, Transport
from actors.protocol import (
    CONNECTIONS,
    ENDPOINTS,
    HEALTH,
    RECOVERY,
    STATES,
    ApplySnapshot,
    BookIncident,
    EndpointInForce,
    LinkReport,
    SetSubscriptions,
    StreamMessage,
    StreamStatus,
    Tick,
    Vitals,
)
from actors.reconnection import Reconnection
from actors.route import Route
from actors.stream_options import SILENCE, StreamOptions
from actors.vitals import Reading, Vital
from supervisor import Actor, Message

__all__ = ["FloodOfBadFrames", "Stream"]

REPEATED = 1_000
"""A trade's id that is further behind than this is no repetition: the exchange has begun anew."""
PINGS_MISSED = 3
"""Times the interval of the exchange's pings without any: the connection is dead."""


class FloodOfBadFrames(RuntimeError):
    """So many frames were unusable that the connection, or our understanding of it, is broken: this life ends."""


class _Remembered(Message, frozen=True):
    subscriptions: tuple[Subscription, ...]


@define(eq=False)
class Stream(Actor[StreamMessage]):
    """One connection and its subscriptions.

    Args:
        exchange: the adapter.
        transport: opens channels.
        subscriptions: what to subscribe to, until told otherwise.
        options: how patient it is.
    """

    exchange: Exchange
    transport: Transport
    subscriptions: tuple[Subscription, ...] = ()
    options: StreamOptions = field(factory=StreamOptions)
    _routes: dict[Subscription, Route] = field(init=False, factory=dict)
    _trades: dict[str, Route] = field(init=False, factory=dict)
    _quotes: dict[str, Route] = field(init=False, factory=dict)
    _books: dict[str, Route] = field(init=False, factory=dict)
    _session: Session | None = field(init=False, default=None)
    _link: Link = field(init=False)
    _bad: deque[float] = field(init=False)
    _frames: int = field(init=False, default=0)
    _bad_frames: int = field(init=False, default=0)
    _connected_at: float = field(init=False, default=0.0)
    _last_data: float | None = field(init=False, default=None)
    """When data came last over the present connection. Answers are no data: an endpoint that only answers is dead."""
    _delivered: bool = field(init=False, default=False)
    """Something was delivered in this life."""
    _blameless: bool = field(init=False, default=False)
    """The present connection was cut for its silence although the exchange pinged: no verdict on the endpoint."""
    _reported: tuple[int, int] = field(init=False, default=(0, 0))

    async def on_start(self) -> None:
        """Recall the subscriptions and begin to connect. Does not wait for the network. Cancellation: atomic."""
        self._bad = deque(maxlen=self.options.bad_frames)
        remembered = self.recall(_Remembered)
        self._set(self.subscriptions if remembered is None else remembered.subscriptions)
        for route in self._routes.values():
            route.told = self.context.incarnation > 1  # by the life before this one, when its connection or itself ended
        self._link = Link(
            exchange=self.exchange,
            transport=self.transport,
            connections=self.lookup(CONNECTIONS),
            holder=self.context.ref,
            listener=self,
            now=self.context.runtime.now,
            reconnection=Reconnection(self.options.reconnect),
        )
        self.subscribe(ENDPOINTS)
        self.every(self.options.beat, Tick())
        self.spawn(self._link.run)

    async def on_stop(self, reason: object) -> None:
        """Say that the data stops. Cancellation: atomic."""
        for route in self._routes.values():
            self._interrupt(route, f"the stream ended: {reason}")

    def receive(self, message: StreamMessage) -> bool | dict[str, Any] | None:
        """Do what others want of the stream."""
        match message:
            case SetSubscriptions(subscriptions):
                self._set(subscriptions)
            case ApplySnapshot(snapshot):
                return self._apply_snapshot(snapshot)
            case EndpointInForce(role, _, venue):
                if role is Role.STREAM and venue == self.exchange.venue and self._link.endpoint is None:
                    self._link.hurry()
            case Tick():
                self._look_after()
            case StreamStatus():
                return self._status()
        return None

    # ---- what is subscribed

    def _set(self, subscriptions: tuple[Subscription, ...]) -> None:
        now = self._now()
        gone = [route for wanted, route in self._routes.items() if wanted not in subscriptions]
        new = [self._new_route(wanted, now) for wanted in subscriptions if wanted not in self._routes]
        for route in gone:
            self._interrupt(route, "it is no longer wanted")
            del self._routes[route.subscription], self._by_feed(route.subscription)[route.subscription.instrument.native]
        for route in new:
            self._routes[route.subscription] = route
            self._by_feed(route.subscription)[route.subscription.instrument.native] = route
        self.remember(_Remembered(subscriptions))
        if self._session is not None:
            self._say(self._session.unsubscribe([route.subscription for route in gone]))
            self._say(self._session.subscribe([route.subscription for route in new]))

    def _new_route(self, wanted: Subscription, now: float) -> Route:
        patience = self.options.silence.get(wanted.feed, SILENCE[wanted.feed])
        sync = BookSync(LocalBook(wanted.instrument)) if wanted.feed is Feed.BOOK else None
        return Route(wanted, feed_topic(wanted), patience, last_data=now, watched=now, since=now, sync=sync)

    def _by_feed(self, wanted: Subscription) -> dict[str, Route]:
        return {Feed.TRADES: self._trades, Feed.QUOTES: self._quotes, Feed.BOOK: self._books}[wanted.feed]

    def _say(self, frames: Any) -> None:
        for frame in frames:
            self._link.say(frame)

    # ---- what the link says

    def link_up(self, session: Session, endpoint: Endpoint) -> None:
        """A fresh connection: ask for everything."""
        self._session, self._connected_at, self._last_data, self._blameless = session, self._now(), None, False
        for route in self._routes.values():
            route.watched, route.heard, route.refusals = self._connected_at, False, 0
        self._say(session.subscribe(list(self._routes)))
        self._report(LinkEvent.CONNECTED, endpoint)

    def link_refused(self, endpoint: Endpoint, reason: str) -> None:
        """An attempt failed: who has not heard it yet must not wait for data in silence."""
        for route in self._routes.values():
            self._tell(route, f"cannot connect: {reason}")
        self._report(LinkEvent.REFUSED, endpoint)

    def link_waits(self, until: float, reason: str) -> None:
        self.context.log.debug("no lease", until=until, reason=reason)

    def link_lost(self, endpoint: Endpoint, reason: str) -> None:
        """The connection is over: say so to all who listen."""
        self.link_ended(reason)
        if not self._blameless:
            self._report(LinkEvent.LOST, endpoint)

    def link_ended(self, reason: str) -> None:
        """This life is over, or its connection: say so to all who listen."""
        self._session = None
        for route in self._routes.values():
            self._interrupt(route, reason)

    def link_frame(self, session: Session, frame: Frame) -> None:
        """One frame, on its way to its topic. This is the hot path."""
        self._frames += 1
        try:
            event = session.receive(frame)
        except BadFrame as error:
            self._count_bad(error)
            return
        if isinstance(event, Delivery):
            self._last_data = frame.arrived
            for one in event.events:
                self._take(one)
        elif isinstance(event, Refusal):
            self._refused(session, event)
        elif isinstance(event, ShutdownNotice):
            self._link.cut("the exchange announced that it will close the connection")

    def _take(self, event: MarketEvent) -> None:
        if isinstance(event, Trade):
            self._deliver_trade(event)
        elif isinstance(event, Quote):
            route = self._quotes.get(event.instrument.native)
            if route is not None:
                self._deliver(route, event, event.received)
        elif isinstance(event, BookDelta):
            self._deliver_delta(event)

    # ---- delivery

    def _deliver(self, route: Route, event: Any, received: float) -> None:
        route.last_data = route.watched = received
        route.fruitless = 0
        if route.since is not None:
            self._resume(route)
        self.publish(route.topic, event)

    def _deliver_trade(self, trade: Trade) -> None:
        route = self._trades.get(trade.instrument.native)
        if route is None:
            return
        last = route.last_id
        if last is None or trade.id > last or last - trade.id > REPEATED:
            route.last_id = trade.id
        if last is not None and trade.id > last + 1:
            self._gap(route, last, trade.id)
        self._deliver(route, trade, trade.received)

    def _deliver_delta(self, delta: BookDelta) -> None:
        route = self._books.get(delta.instrument.native)
        if route is None or route.sync is None:
            return
        outcome = route.sync.delta(delta)
        if isinstance(outcome, Applied):
            route.heard = True
            self._deliver(route, outcome.book.view(self.options.book_levels), delta.received)
            return
        first, route.heard = not route.heard, True
        # The feed is not silent. But nothing was delivered, and health must see a book that stays out of step.
        route.watched = delta.received
        route.fruitless = 0
        if isinstance(outcome, Desynchronised):
            self._gap(route, outcome.after_id, outcome.before_id)
            self._need_snapshot(route)
        elif first and route.sync.state is SyncState.WAITING:
            self._need_snapshot(route)  # data flows, but there is no book yet

    def _apply_snapshot(self, snapshot: BookSnapshot) -> bool:
        route = self._books.get(snapshot.instrument.native)
        if route is None or route.sync is None or self._session is None or not route.heard:
            return True  # nobody wants it now: when data flows again, it is asked for anew
        match route.sync.snapshot(snapshot):
            case Synced(book):
                self._deliver(route, book.view(self.options.book_levels), self._now())
                return True
            case Stale() | Desynchronised():
                return False
            case _:
                return True

    def _need_snapshot(self, route: Route) -> None:
        self.lookup(RECOVERY).tell(BookIncident(route.subscription.instrument, self.context.ref))

    def _resume(self, route: Route) -> None:
        self._delivered = True
        since, route.since, route.told = route.since, None, False
        outage = 0.0 if since is None else self._now() - since
        self.publish(route.topic, Resumed(subscription=route.subscription, outage=outage))
        gap, route.gap = route.gap, None
        if gap is not None:
            self.publish(route.topic, gap)

    def _interrupt(self, route: Route, reason: str) -> None:
        """Data stops: say so."""
        if route.since is None:
            route.since = self._now()
            self._tell(route, reason)

    def _tell(self, route: Route, reason: str) -> None:
        """There is no data: say so, unless it was said."""
        if not route.told:
            route.told = True
            self.publish(route.topic, Disconnected(subscription=route.subscription, reason=reason))

    def _gap(self, route: Route, after_id: int, before_id: int) -> None:
        gap = Gap(subscription=route.subscription, after_id=after_id, before_id=before_id)
        if route.since is None:
            self.publish(route.topic, gap)
        else:
            # Of several holes in one outage, one from the first loss to the last.
            route.gap = gap if route.gap is None else structs.replace(gap, after_id=route.gap.after_id)

    def _refused(self, session: Session, refusal: Refusal) -> None:
        """One bad subscription has a whole request refused, so each is asked for once more, alone."""
        reason = f"{refusal.message} (code {refusal.code})"
        if not refusal.subscriptions:
            self.context.log.warning("request refused", reason=reason)
        for wanted in refusal.subscriptions:
            route = self._routes.get(wanted)
            frames = [] if route is None else session.subscribe([wanted])
            if route is None or not frames:
                continue  # not wanted any more; or refused was something else, and it is still subscribed
            route.refusals += 1
            if route.refusals == 1:
                self._say(frames)
                continue
            self.context.log.error("subscription refused", subscription=str(wanted), reason=reason)
            session.unsubscribe([wanted])  # what is not said is not asked for: wanted again, it must be said
            del self._routes[wanted], self._by_feed(wanted)[wanted.instrument.native]
            self._interrupt(route, reason)
            self.publish(route.topic, Rejected(subscription=wanted, reason=reason))

    # ---- looking after itself

    def _look_after(self) -> None:
        now, session, endpoint = self._now(), self._session, self._link.endpoint
        if session is not None and endpoint is not None:
            quiet = [route for route in self._routes.values() if now - route.watched >= route.patience_now]
            flowed = self._connected_at if self._last_data is None else self._last_data
            dead_after = PINGS_MISSED * self.exchange.limits.server_ping
            lives = now - self._link.pinged_at < dead_after
            enough = min([route.patience_now for route in quiet] + ([] if lives else [dead_after]), default=math.inf)
            if self._link.pinged_at >= now - self.options.beat:
                self._report(LinkEvent.PINGED, endpoint)
            if now - flowed >= enough:
                self._give_up(quiet, endpoint, f"nothing came for {now - flowed:.1f} s", blameless=lives)
            else:
                for route in quiet:
                    self._ask_again(session, route, now)
            if self._last_data is not None and self._last_data > now - self.options.beat:
                self._report(LinkEvent.DATA, endpoint)
            for route in self._books.values():
                if route.heard and route.sync is not None and route.sync.state is SyncState.WAITING:
                    self._need_snapshot(route)
        self._report_vitals(now)

    def _give_up(self, quiet: list[Route], endpoint: Endpoint, reason: str, *, blameless: bool) -> None:
        """Nothing is delivered: try another connection."""
        self._blameless = blameless
        for route in quiet:
            route.fruitless += 1
        self._report(LinkEvent.SILENT, endpoint)
        self._link.cut(reason)

    def _ask_again(self, session: Session, route: Route, now: float) -> None:
        """Others deliver, this one does not: subscribe it anew, alone."""
        self._interrupt(route, f"quiet for {now - route.watched:.1f} s")
        self.context.log.warning("subscription quiet", subscription=str(route.subscription))
        route.watched = now
        route.fruitless += 1
        self._say(session.unsubscribe([route.subscription]))
        self._say(session.subscribe([route.subscription]))

    def _report_vitals(self, now: float) -> None:
        frames, bad = self._frames - self._reported[0], self._bad_frames - self._reported[1]
        self._reported = (self._frames, self._bad_frames)
        readings = [Reading(Vital.BAD_FRAMES, bad / frames if frames else 0.0)]
        if self._routes:
            share = max((now - route.last_data) / route.patience for route in self._routes.values())
            readings.append(Reading(Vital.SILENCE, share))
            if not self._delivered and share < 1.0:
                readings.clear()  # nothing came yet, and nothing need have come: that is not known to be healthy
        self.lookup(HEALTH).tell(Vitals(self._name, tuple(readings)))

    def _count_bad(self, error: BadFrame) -> None:
        now = self._now()
        self._bad_frames += 1
        if not self._bad or now - self._bad[-1] >= 1.0:
            # Sampled: a flood of bad frames must not become a flood of lines.
            self.context.log.warning("bad frame", reason=error.reason, sample=error.sample, so_far=self._bad_frames)
        self._bad.append(now)
        if len(self._bad) == self._bad.maxlen and now - self._bad[0] < self.options.bad_frames_within:
            raise FloodOfBadFrames(f"{len(self._bad)} unusable frames within {now - self._bad[0]:.1f} s") from error

    def _report(self, event: LinkEvent, endpoint: Endpoint) -> None:
        self.lookup(STATES).tell(LinkReport(self._name, event, endpoint.name))

    def _status(self) -> dict[str, Any]:
        return {
            "frames": self._frames,
            "bad_frames": self._bad_frames,
            "endpoint": None if self._link.endpoint is None else self._link.endpoint.name,
            "subscriptions": len(self._routes),
            "interrupted": [str(route.subscription) for route in self._routes.values() if route.since is not None],
        }

    @property
    def _name(self) -> str:
        return self.context.path.rpartition("/")[2]

    def _now(self) -> float:
        return self.context.runtime.now()
