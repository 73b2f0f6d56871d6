"""Stream: one connection's worth of market data. It owns its sockets, lives through their loss, and passes no hole in silence.

    Connecting ──▶ Live ──▶ Disconnected ──▶ Connecting ...      one life, however long the outage

Its promise: after an abort every subscription delivers again. It remembers what it is subscribed to, so a new life after a
crash does the same. The way to the exchange is `link`; what becomes of an event is `delivery`, where the rules stand: what is
silence, what consumers are told, how holes in numbered events are filled, how a book is kept in step.

Data goes from the socket to the topics in the reading task, without passing the mailbox: the mailbox is for what others want of
the stream. While the protocol fallback is in force, it is polled besides.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from attrs import define, field

from actors.delivery.cursors import Cursors
from actors.delivery.line import Hole
from actors.delivery.numbered import NumberedRoute
from actors.delivery.route import Route
from actors.delivery.routes import Routes
from actors.delivery.watch import AskAnew, Cut, Pulse, judge, next_look
from actors.errors import BadFrame, ConnectFailed
from actors.incidents import IncidentKind
from actors.link_state import LinkEvent
from actors.market import InstrumentId, MarketEvent, Subscription
from actors.ports import Ack, Delivery, Endpoint, Exchange, Frame, Heartbeat, Refusal, Role, ShutdownNotice, Transport
from actors.protocol import (
    CONNECTIONS,
    ENDPOINTS,
    FALLBACKS,
    HEALTH,
    LEASES,
    RECOVERY,
    STATES,
    ApplyFill,
    ApplySnapshot,
    BookIncident,
    BookInStep,
    EndpointInForce,
    FallbackKind,
    FallbackMoved,
    LastKnown,
    LinkQuality,
    LinkReport,
    Look,
    ManagerStarted,
    Renew,
    Resubscribe,
    SayStale,
    SetSubscriptions,
    StreamMessage,
    StreamStatus,
    Tick,
    TradesMissing,
    Trouble,
)
from actors.reconnection import Reconnection
from actors.rest_gate import OpenRest
from actors.stream_options import StreamOptions
from actors.streaming.connection import LinkConnection
from actors.streaming.counts import StreamVitals
from actors.streaming.link import Link, LinkOptions
from actors.streaming.poller import Poller
from supervisor import Actor, Message, NoSuchActor

__all__ = ["FloodOfBadFrames", "Stream"]

LATE: Final = 0.5
"""Seconds after its time at which a look comes late."""
RESTRICTED: Final = 451
"""The HTTP status of an exchange that may not serve where we are."""
UNWANTED: Final = "it is no longer wanted"
CURSORS_LAST: Final = 300.0
"""Seconds after which the ids of an earlier life are of no use: what was missed since is more than anyone would fill."""


class FloodOfBadFrames(RuntimeError):
    """So many frames were unusable that the connection, or our understanding of it, is broken: this life ends."""


class _Remembered(Message, frozen=True):
    subscriptions: tuple[Subscription, ...]


class _Cursors(Message, frozen=True):
    """Where numbered feeds were, so that a later life sees what it has missed."""

    ids: dict[str, int]
    at: float
    """In seconds since 1970: the loop's clock means nothing to the next process."""


@define(eq=False)
class Stream(Actor[StreamMessage]):
    """One connection and its subscriptions.

    Args:
        exchange: the adapter.
        transport: opens channels.
        subscriptions: what to subscribe to, until told otherwise.
        options: how patient it is.
        open_rest: makes the REST client for polling; None: it cannot poll.
        cursors: where numbered feeds were on other streams; all of a venue share them.
    """

    exchange: Exchange
    transport: Transport
    subscriptions: tuple[Subscription, ...] = ()
    options: StreamOptions = field(factory=StreamOptions)
    open_rest: OpenRest | None = None
    cursors: Cursors = field(factory=Cursors)
    _routes: Routes = field(init=False)
    _link: Link = field(init=False)
    _vitals: StreamVitals = field(init=False, factory=StreamVitals)
    _poller: Poller | None = field(init=False, default=None)
    _bad: deque[float] = field(init=False)
    _stale: bool = field(init=False, default=False)
    """The cache fallback is in force."""
    _looks_at: float = field(init=False, default=math.inf)
    """When the next look is due; one that comes much later judges nobody."""

    async def on_start(self) -> None:
        """Recall the subscriptions and begin to connect. Does not wait for the network. Cancellation: atomic."""
        self._bad = deque(maxlen=self.options.bad_frames)
        self._routes = Routes(self.exchange, self.options, self.publish, self._missing, self._need_snapshot, self.cursors)
        self._link = Link(
            exchange=self.exchange,
            transport=self.transport,
            connections=self.lookup(CONNECTIONS),
            holder=self.context.ref,
            listener=self,
            now=self.context.runtime.now,
            reconnection=Reconnection(self.options.reconnect),
            options=LinkOptions(self.options.settle_within, self.options.spare),
        )
        remembered = self.recall(_Remembered)
        self._set(self.subscriptions if remembered is None else remembered.subscriptions)
        for route in self._routes:
            route.told = self.context.incarnation > 1  # by the life before this one, when its connection or itself ended
        self._recall_cursors()
        self.subscribe(ENDPOINTS)
        self.subscribe(FALLBACKS)
        self.subscribe(LEASES)
        self.every(self.options.beat, Tick())
        self.spawn(self._link.run)

    async def on_stop(self, reason: object) -> None:
        """Say that the data stops. Cancellation: atomic."""
        for route in self._routes:
            route.interrupt(f"the stream ended: {reason}", self._now())

    def receive(self, message: StreamMessage) -> bool | dict[str, Any] | MarketEvent | None:
        """Do what others want of the stream."""
        match message:
            case Tick():
                self._beat()
            case Look():
                self._look()
            case SetSubscriptions(subscriptions, reason):
                self._set(subscriptions, reason or UNWANTED)
            case ApplySnapshot(snapshot):
                route = self._routes.book(snapshot.instrument)
                return route is None or self._link.serving is None or route.apply_snapshot(snapshot, self._now())
            case ApplyFill(subscription, events, last):
                numbered = self._routes.get(subscription)
                return not isinstance(numbered, NumberedRoute) or numbered.fill(events, self._now(), last=last)
            case BookInStep(instrument):
                book = self._routes.book(instrument)
                return book is None or not book.out_of_step
            case Resubscribe(subscription):
                wanted = self._routes.get(subscription)
                if wanted is not None and self._link.serving is not None:
                    self._ask_anew(self._link.serving, [wanted])
                return True
            case LastKnown(subscription):
                known = self._routes.get(subscription)
                return None if known is None else known.last
            case StreamStatus():
                return self._vitals.status(self._link, self._routes)
            case _:
                self._hear(message)
        return None

    def _hear(self, message: StreamMessage) -> None:
        """What the managers say to all streams."""
        match message:
            case EndpointInForce(role, _, venue):
                if role is Role.STREAM and venue == self.exchange.venue and self._link.serving is None:
                    self._link.hurry()
            case ManagerStarted(venue):
                if venue == self.exchange.venue:
                    self._link.tell_held()
            case Renew(reason):
                self._link.renew(reason)
            case LinkQuality(score):
                self._link.reconnection.rate(score)
            case FallbackMoved():
                if message.venue == self.exchange.venue and message.scope in ("", self._name):
                    self._fall_back(message)
            case SayStale():
                self._say_stale()

    # ---- what is subscribed

    def _set(self, subscriptions: Sequence[Subscription], reason: str = UNWANTED) -> None:
        new, gone = self._routes.set(subscriptions, self._now(), reason)
        self.remember(_Remembered(tuple(subscriptions)))
        for connection in self._delivering():
            self._say(connection, connection.session.unsubscribe([route.subscription for route in gone]))
            self._subscribe(connection, [route.subscription for route in new])

    def _delivering(self) -> list[LinkConnection]:
        return [one for one in (self._link.serving, self._link.joining) if one is not None]

    def _say(self, connection: LinkConnection, frames: Sequence[str]) -> None:
        for frame in frames:
            connection.say(frame)

    def _ask_anew(self, connection: LinkConnection, routes: Sequence[Route]) -> None:
        """Subscribe these anew, and nothing else."""
        wanted = [route.subscription for route in routes]
        self._say(connection, connection.session.unsubscribe(wanted))
        self._subscribe(connection, wanted)

    def _subscribe(self, connection: LinkConnection, wanted: Sequence[Subscription]) -> None:
        frames = connection.session.subscribe(wanted)
        if frames:
            self._routes.asked(wanted, connection.number, self._now())
            self._say(connection, frames)

    # ---- what the link says

    def link_up(self, connection: LinkConnection, *, alone: bool) -> None:
        """A fresh connection: ask for everything."""
        self._routes.connected(connection.number, self._now(), alone=alone)
        self._subscribe(connection, self._routes.subscriptions)
        if alone:
            self._report(LinkEvent.CONNECTED, connection.endpoint)
        self._look_soon()

    def link_settled(self, connection: LinkConnection) -> bool:
        """Every subscription that delivers over the old connection does so over the new one, or is confirmed and quiet."""
        return self._routes.settled(connection.number, self._now())

    def link_replaced(self, old: LinkConnection) -> None:
        """One connection is left: what is missing now will not come over the other."""
        self._routes.hand_over_ended()

    def link_refused(self, endpoint: Endpoint, error: ConnectFailed) -> None:
        """An attempt failed: who has not heard it yet must not wait for data in silence."""
        for route in self._routes:
            route.tell(f"cannot connect: {error.reason}")
        self._report(LinkEvent.REFUSED, endpoint)
        if error.status == RESTRICTED:
            # No endpoint and no waiting cures where we are.
            trouble = Trouble(IncidentKind.ENDPOINT, endpoint.name, error.reason, str(error.status))
            self.lookup(RECOVERY).tell(trouble)

    def link_waits(self, until: float, reason: str) -> None:
        """There is no lease."""
        self.context.log.debug("no lease", until=until, reason=reason)
        self._report(LinkEvent.WAITS, None)

    def link_lost(self, connection: LinkConnection, reason: str) -> None:
        """The connection is over: say so to all who listen."""
        self._routes.lost(reason, self._now())
        if not connection.blameless:
            self._report(LinkEvent.LOST, connection.endpoint)

    def link_ended(self, reason: str) -> None:
        """This life is over: say so to all who listen, and where it was."""
        self._routes.lost(reason, self._now())
        self._keep_cursors()

    def link_frame(self, connection: LinkConnection, frame: Frame) -> None:
        """One frame, on its way to its topic. This is the hot path."""
        self._vitals.frames += 1
        try:
            inbound = connection.session.receive(frame)
        except BadFrame as error:
            self._count_bad(error)
            return
        if isinstance(inbound, Delivery):
            connection.last_data = frame.arrived
            route = self._routes.get(inbound.subscription)
            if route is not None:
                route.take(inbound.events, connection.number, frame.arrived)
        elif isinstance(inbound, Ack):
            self._routes.confirmed(inbound.subscriptions, connection.number, frame.arrived)
        elif isinstance(inbound, Heartbeat):
            connection.pinged = frame.arrived
        elif isinstance(inbound, Refusal):
            self._refused(connection, inbound)
        elif isinstance(inbound, ShutdownNotice):
            self.context.log.warning("the exchange announced a shutdown", endpoint=connection.endpoint.name)
            if connection is self._link.serving:
                self._link.renew("the exchange announced that it will close the connection")
            else:
                connection.leave("the exchange announced that it will close it")  # a spare, or one that was about to serve

    def _refused(self, connection: LinkConnection, refusal: Refusal) -> None:
        """One bad subscription has a whole request refused, so each is asked for once more, alone."""
        reason = f"{refusal.message} (code {refusal.code})"
        if not refusal.subscriptions:
            self.context.log.warning("request refused", reason=reason)
        for wanted in refusal.subscriptions:
            route = self._routes.get(wanted)
            frames = [] if route is None else connection.session.subscribe([wanted])
            if route is None or not frames:
                continue  # not wanted any more; or refused was something else, and it is still subscribed
            route.refusals += 1
            if route.refusals == 1:
                self._say(connection, frames)
                continue
            self.context.log.error("subscription refused", subscription=str(wanted), reason=reason)
            connection.session.unsubscribe([wanted])  # what is not said is not asked for: wanted again, it must be said
            self._routes.refused(route, reason, self._now())

    def _ask_again(self, now: float) -> None:
        """What the exchange refused may be allowed by now. Without a connection it waits for one."""
        again = [] if self._link.serving is None else [route.subscription for route in self._routes.ask_again(now)]
        for connection in self._delivering() if again else ():
            for wanted in again:
                self._subscribe(connection, [wanted])  # each alone: one that is bad spoils a request

    def _ask_the_unanswered(self, now: float) -> None:
        """A request that got lost is made again."""
        serving = self._link.serving
        unanswered = [] if serving is None else self._routes.unanswered(serving.number, now)
        if serving is not None and unanswered:
            self.context.log.warning("not confirmed", subscriptions=len(unanswered), first=str(unanswered[0].subscription))
            self._ask_anew(serving, unanswered)

    # ---- looking after itself

    def _beat(self) -> None:
        now, serving = self._now(), self._link.serving
        if serving is not None:
            if serving.pinged >= now - self.options.beat:
                self._report(LinkEvent.PINGED, serving.endpoint)
            if serving.last_data is not None and serving.last_data > now - self.options.beat:
                self._report(LinkEvent.DATA, serving.endpoint)
        if self._poller is not None and self._poller.answered > now - self._poller.interval - self.options.beat:
            self._report(LinkEvent.POLLED, None if serving is None else serving.endpoint)
        for route in self._routes:
            route.look(now)
        self._ask_again(now)
        self._ask_the_unanswered(now)
        self._keep_cursors()
        self.lookup(HEALTH).tell(self._vitals.report(self._name, self.context, self._link, self._routes, now))
        self._look_soon()

    def _look_soon(self) -> None:
        now = self._now()
        # Without a connection there is nothing to look at; and who is quiet then would be looked at ten times a second.
        due = now + (self.options.beat if self._link.serving is None else next_look(self._routes, now, self.options.beat))
        if self._looks_at <= due:
            return  # one comes before that: set anew at every beat, it would never come
        self._looks_at = due
        self.after(due - now, Look(), key="look")

    def _look(self) -> None:
        """See who is quiet for too long."""
        now, serving = self._now(), self._link.serving
        late, self._looks_at = now - self._looks_at, math.inf
        if late > LATE:
            self._routes.excuse(late)  # what held us up held up the reading, too
        elif serving is not None:
            limits = self.exchange.limits
            flowed = serving.opened if serving.last_data is None else serving.last_data
            pulse = Pulse(flowed, serving.pinged, min(limits.server_ping, limits.client_ping))
            match judge(self._routes, pulse, now):
                case Cut(reason, quiet, blameless):
                    for route in quiet:
                        route.fruitless += 1
                    self._report(LinkEvent.SILENT, serving.endpoint)
                    self._link.cut(reason, blameless=blameless)
                case AskAnew(quiet):
                    self._wake(serving, quiet, now)
                case _:
                    pass
        self._look_soon()

    def _wake(self, connection: LinkConnection, quiet: Sequence[Route], now: float) -> None:
        """Others deliver, these do not: subscribe them anew."""
        for route in quiet:
            route.interrupt(f"quiet for {now - route.watched:.1f} s", now)
            route.pace.asked_anew(now)
            route.watched = now
            route.fruitless += 1
            self.context.log.warning("subscription quiet", subscription=str(route.subscription))
        self._ask_anew(connection, quiet)

    def _count_bad(self, error: BadFrame) -> None:
        now = self._now()
        self._vitals.bad_frames += 1
        if not self._bad or now - self._bad[-1] >= 1.0:
            # Sampled: a flood of bad frames must not become a flood of lines.
            so_far = self._vitals.bad_frames
            self.context.log.warning("bad frame", reason=error.reason, sample=error.sample, so_far=so_far)
        self._bad.append(now)
        if len(self._bad) == self._bad.maxlen and now - self._bad[0] < self.options.bad_frames_within:
            raise FloodOfBadFrames(f"{len(self._bad)} unusable frames within {now - self._bad[0]:.1f} s") from error

    # ---- holes and books

    def _missing(self, subscription: Subscription, hole: Hole) -> None:
        self._tell_recovery(TradesMissing(subscription, hole.after_id, hole.before_id, self.context.ref))

    def _need_snapshot(self, instrument: InstrumentId) -> None:
        self._tell_recovery(BookIncident(instrument, self.context.ref))

    def _tell_recovery(self, incident: TradesMissing | BookIncident) -> None:
        with suppress(NoSuchActor):  # where streams are many, it starts seconds after the first; and this is said at each beat
            self.lookup(RECOVERY).tell(incident)

    def _keep_cursors(self) -> None:
        ids = self._routes.cursors()
        if ids:
            self.remember(_Cursors(ids, self.context.wall_clock(self._now())), key="cursors")

    def _recall_cursors(self) -> None:
        kept = self.recall(_Cursors, key="cursors")
        if kept is not None and self._now() - self.context.loop_clock(kept.at) < CURSORS_LAST:
            self._routes.go_on(kept.ids)

    # ---- fallbacks

    def _fall_back(self, moved: FallbackMoved) -> None:
        if moved.kind is FallbackKind.CACHE and moved.scope:
            began, self._stale = moved.on and not self._stale, moved.on
            if began:
                self._say_stale()
        elif moved.kind is FallbackKind.PROTOCOL and moved.scope and self.open_rest is not None:
            if moved.on and self._poller is None:
                self._poller = Poller(self, self.exchange, self.open_rest, self._routes, moved.interval)
                self.spawn(self._poller.run)
            elif self._poller is not None:
                self._poller.interval = moved.interval
                if not moved.on:
                    self._poller.stop()
                    self._poller = None
                    if self._link.serving is None:
                        self._routes.lost("polling ended", self._now())

    def _say_stale(self) -> None:
        if self._stale:
            for route in self._routes:
                route.say_stale(self._now())
            self.after(self.options.stale_every, SayStale(), key="stale")

    # ---- what others are told

    def _report(self, event: LinkEvent, endpoint: Endpoint | None) -> None:
        name = "" if endpoint is None else endpoint.name
        self.lookup(STATES).tell(LinkReport(self._name, event, name, self._routes.poll_weight))

    @property
    def _name(self) -> str:
        return self.context.path.rpartition("/")[2]

    def _now(self) -> float:
        return self.context.runtime.now()
