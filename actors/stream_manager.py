"""StreamManager: makes the streams match what is wanted.

It remembers who wants what (`wants`), where it was placed (`packing`) and what the exchange does not have, and reconciles:
whichever dies, a stream, this manager or the dynamic supervisor of the streams, every subscription comes back.

What the exchange does not have is said to whoever asked and on the feed's topic, there again every 10 s, because who
subscribes later has not heard it. The others are untouched. What was rejected and is listed by a later list is subscribed.

Of the fallbacks two are its own: while RATE is in force it merges, and what PARTIAL gives up it takes off the streams, and
brings it back when that is lifted. A fallback that is not said again is over: who puts it in force says it every 5 s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from attrs import define, field

from actors.delivery.cursors import Cursors
from actors.errors import UnknownInstrument
from actors.feeds import feed_topic
from actors.fleet.fleet import Fleet
from actors.fleet.packing import Packing
from actors.fleet.subscribing import subscription_to
from actors.fleet.symbol_list import SymbolList
from actors.fleet.wants import WantRecord, Wants
from actors.market import Rejected, Subscription
from actors.ports import Exchange, Transport
from actors.protocol import (
    FALLBACKS,
    FallbackKind,
    FallbackMoved,
    FindStream,
    Repeat,
    RestartStream,
    StreamManagerMessage,
    StreamMessage,
    StreamOf,
    Subscriptions,
    SubscriptionTo,
    Tick,
    Unwant,
    Want,
)
from actors.rest_gate import OpenRest
from actors.stream import Stream
from actors.stream_options import StreamOptions
from supervisor import Actor, Down, Gone, Message, Monitor, Ref, SpecError, Topic, Up

__all__ = ["StreamManager"]

RECONCILE_EVERY = 2.0
"""Seconds between looks whether the streams are what is wanted; every change is acted on at once besides."""

REPEAT_EVERY = 10.0
"""Seconds between two times that a rejection is said."""

MOST_REJECTED = 1_000
"""Rejections that are remembered. Of more, the oldest are forgotten."""

SAID_FOR = 15.0
"""Seconds after which a fallback that was not said again is over."""

_AboutStreams = Ref[StreamMessage] | Subscription | SpecError | UnknownInstrument | str | bool | None
"""What is answered about the streams."""


class _Remembered(Message, frozen=True):
    tree: str
    """Of which tree: another one is another process, and its wanters are gone."""
    wants: tuple[WantRecord, ...]
    rejected: tuple[Rejected, ...]
    begun: tuple[Subscription, ...]
    """What was wanted from the start: a spec that has been changed since counts."""
    listed: tuple[str, ...]
    """Native symbols of what is subscribed, as far as they were listed."""
    given_up: tuple[str, ...]


@define(eq=False)
class StreamManager(Actor[StreamManagerMessage]):
    """Keeps the Streams under the dynamic supervisor before it.

    Args:
        exchange: the adapter.
        transport: opens channels.
        open_rest: makes REST clients.
        subscriptions: what is wanted from the start.
        options: for every stream.
        streams: the id of the dynamic supervisor.
        instruments_per_stream: 1: a fault hits one instrument alone. More: fewer connections.
        start: makes a stream's actor; None: a Stream.

    Raises:
        SpecError: `instruments_per_stream` is no count.
    """

    exchange: Exchange
    transport: Transport
    open_rest: OpenRest
    subscriptions: tuple[Subscription, ...] = ()
    options: StreamOptions = field(factory=StreamOptions)
    streams: str = "streams"
    instruments_per_stream: int = 1
    start: Callable[[tuple[Subscription, ...]], Actor[StreamMessage]] | None = None
    _wants: Wants = field(init=False, factory=Wants)
    _rejected: dict[Subscription, Rejected] = field(init=False, factory=dict)
    """What is wanted in vain: the exchange does not have it."""
    _symbols: SymbolList = field(init=False)
    _packing: Packing = field(init=False)
    _fleet: Fleet = field(init=False)
    _watched: dict[str, Monitor] = field(init=False, factory=dict)
    """{path: of an actor that wants something}"""
    _given_up: frozenset[str] = field(init=False, default=frozenset())
    """What PARTIAL takes off the streams, as texts."""
    _why: str = field(init=False, default="")
    _partial_until: float = field(init=False, default=-math.inf)
    _merge_until: float = field(init=False, default=-math.inf)
    _down: tuple[str, ...] = field(init=False, default=())
    """Streams that are down, as RATE says."""

    def __attrs_post_init__(self) -> None:
        self._packing = Packing(self.exchange.limits.subscriptions, self.instruments_per_stream)

    async def on_start(self) -> None:
        """Recall what is wanted, and bring the streams back. Cancellation: may have happened."""
        self._symbols = SymbolList(self, self.exchange, self.open_rest, lambda: self.context.ref.tell(Tick()))
        self._fleet = Fleet(self, self.context.supervisor.supervisor(self.streams), self._new_stream())
        self._recall()
        self._packing.recall(self._fleet.recalled())
        self.subscribe(FALLBACKS)
        await self._reconcile()
        self.every(RECONCILE_EVERY, Tick())
        self.every(REPEAT_EVERY, Repeat())
        self.spawn(self._symbols.keep)

    async def receive(self, message: StreamManagerMessage) -> tuple[Rejected, ...] | tuple[Subscription, ...] | _AboutStreams:
        """Change what is wanted, or say what is. Cancellation: may have happened."""
        match message:
            case Want(subscriptions, holder, by):
                if self._symbols.lacks(subscriptions):
                    await self._symbols.refresh()
                rejected = self._want(subscriptions, holder, by)
                await self._reconcile()
                return rejected
            case Unwant(subscriptions, holder, by):
                for subscription in subscriptions:
                    self._wants.let_go(subscription, by if holder is None else holder.path)
                await self._changed()
            case Gone(ref):
                self._watched.pop(ref.path, None)
                if self._wants.gone(ref.path):
                    await self._changed()
            case Subscriptions():
                return self._wanted
            case StreamOf() | FindStream() | RestartStream() | SubscriptionTo():
                return await self._about_streams(message)
            case FallbackMoved():
                await self._hear(message)
            case Repeat():
                for no in self._rejected.values():
                    self.publish(feed_topic(no.subscription), no)
            case Tick():
                self._sort()
                self._expire()
                await self._reconcile()
                self._fleet.report_parked()
            case Down() | Up():
                pass  # a wanter's place lives on, and so does what it wants
        return None

    async def _about_streams(self, request: StreamOf | FindStream | RestartStream | SubscriptionTo) -> _AboutStreams:
        """What others ask about the streams. Cancellation: atomic."""
        match request:
            case StreamOf(subscription):
                return "" if str(subscription) in self._given_up else self._packing.of(subscription)
            case FindStream(name):
                return self._fleet.find(name)
            case RestartStream(name):
                return await self._fleet.revive(name)
            case SubscriptionTo(topic):
                try:
                    return subscription_to(self.exchange, Topic(topic))
                except (SpecError, UnknownInstrument) as error:
                    return error

    # ---- who wants what

    @property
    def _wanted(self) -> tuple[Subscription, ...]:
        """All that is wanted, and not in vain."""
        return tuple(wanted for wanted in self._wants.all if wanted not in self._rejected)

    def _want(self, subscriptions: Iterable[Subscription], holder: Ref[Any] | None, by: str) -> tuple[Rejected, ...]:
        """Take these in, and answer which the exchange does not have."""
        path = by if holder is None else holder.path
        if holder is not None and path not in self._watched:
            self._watched[path] = self.watch(holder)
        subscriptions = tuple(dict.fromkeys(subscriptions))
        unknown = set(self._symbols.lacks(subscriptions))
        for subscription in subscriptions:
            if subscription in unknown:
                self._wants.want_once(subscription, path)  # whoever asks again and again still wants it once
            else:
                self._wants.want(subscription, path)
                self._rejected.pop(subscription, None)
        rejected = tuple(self._reject(subscription) for subscription in subscriptions if subscription in unknown)
        self._keep()
        return rejected

    async def _changed(self) -> None:
        """Less is wanted. Cancellation: may have happened."""
        self._rejected = {wanted: no for wanted, no in self._rejected.items() if wanted in self._wants}
        self._keep()
        await self._reconcile()

    def _reject(self, unknown: Subscription) -> Rejected:
        no = Rejected(subscription=unknown, reason=f"{self.exchange.venue} does not trade {unknown.instrument.canonical}")
        self._rejected[unknown] = no
        if len(self._rejected) > MOST_REJECTED:
            oldest = next(iter(self._rejected))
            del self._rejected[oldest]
            self._wants.forget(oldest)
        self.publish(feed_topic(unknown), no)
        return no

    def _sort(self) -> None:
        """Take back what was accepted before the symbols were known, and take in what was rejected and is listed now."""
        unknown, listed = self._symbols.lacks(self._wanted), self._symbols.listed(self._rejected)
        for subscription in unknown:
            no = self._reject(subscription)
            self.context.log.error("unknown instrument", subscription=str(subscription), reason=no.reason)
        for subscription in listed:
            self.context.log.info("listed now", subscription=str(subscription))
            del self._rejected[subscription]
        if unknown or listed:
            self._keep()

    def _keep(self) -> None:
        natives = {wanted.instrument.native for wanted in self._wanted}
        listed = tuple(sorted(native for native in natives if self._symbols.lists(native)))
        tree, rejected = self.context.runtime.tree_id, tuple(self._rejected.values())
        given_up = tuple(sorted(self._given_up))
        self.remember(_Remembered(tree, self._wants.records(), rejected, self.subscriptions, listed, given_up))

    def _recall(self) -> None:
        remembered = self.recall(_Remembered)
        begun: tuple[Subscription, ...] = ()
        if remembered is not None:
            same, begun = remembered.tree == self.context.runtime.tree_id, remembered.begun
            self._wants.recall(remembered.wants, inherited=not same)
            if same:
                self._symbols.had(remembered.listed)
                self._given_up, self._partial_until = frozenset(remembered.given_up), self._now() + SAID_FOR
            for subscription in set(begun).difference(self.subscriptions):
                self._wants.let_go(subscription)
            if not same:
                for subscription in begun:
                    if subscription in self._wants and subscription in self.subscriptions:
                        self._wants.want(subscription)  # in the place of the process before
            self._rejected = {no.subscription: no for no in remembered.rejected if no.subscription in self._wants}
        for subscription in self.subscriptions:
            if subscription not in begun:
                self._wants.want(subscription)
        self._keep()

    # ---- fallbacks

    async def _hear(self, moved: FallbackMoved) -> None:
        """What is given up, and whether to merge. Cancellation: may have happened."""
        if moved.venue != self.exchange.venue:
            return
        until = self._now() + SAID_FOR if moved.on else -math.inf
        if moved.kind is FallbackKind.RATE:
            self._merge_until, self._down = until, moved.detail
        elif moved.kind is FallbackKind.PARTIAL:
            self._partial_until = until
            self._give_up(moved.detail if moved.on else (), moved.reason)
        else:
            return
        await self._reconcile()

    def _give_up(self, given_up: Iterable[str], reason: str) -> None:
        before, self._given_up, self._why = self._given_up, frozenset(given_up), reason
        if self._given_up != before:
            self.context.log.warning("given up for others", subscriptions=len(self._given_up), reason=reason)
            self._keep()

    def _expire(self) -> None:
        if self._given_up and self._now() >= self._partial_until:
            self._give_up((), "it was not said again")

    # ---- streams

    async def _reconcile(self) -> None:
        """Make the streams match what is wanted. Cancellation: may have happened; the next look goes on."""
        if self._now() < self._merge_until:
            self._packing.merge(self._wanted, self._down)
        else:
            self._packing.place(self._wanted)
        why = f"given up for what matters more: {self._why}"
        await self._fleet.match(self._packing.streams, lambda wanted: str(wanted) not in self._given_up, why)

    def _new_stream(self) -> Callable[[tuple[Subscription, ...]], Actor[StreamMessage]]:
        if self.start is not None:
            return self.start
        cursors = Cursors()
        return lambda share: Stream(self.exchange, self.transport, share, self.options, self.open_rest, cursors)

    def _now(self) -> float:
        return self.context.runtime.now()
