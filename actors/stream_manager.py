"""StreamManager: makes the streams match what is wanted.

It remembers the wanted subscriptions and reconciles: whichever dies, a stream, this manager or the dynamic supervisor of the
streams, every subscription comes back.

What the exchange does not have is said to whoever asked and on the feed's topic, there again every 10 s, because who
subscribes later has not heard it. The others are untouched. The list of symbols is fetched again every hour, and before
something is refused by a list that is older than a minute; what was rejected and is listed by then is subscribed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection
from contextlib import suppress
from functools import partial

import anyio
from attrs import define, field

from actors.errors import BadFrame, ConnectFailed, ExchangeRefused
from actors.feeds import feed_topic
from actors.market import Rejected, Subscription
from actors.ports import Exchange, RestResponse, Transport
from actors.protocol import Repeat, SetSubscriptions, StreamManagerMessage, StreamMessage, Subscriptions, Tick, Unwant, Want
from actors.recovery_worker import OpenRest, fetch
from actors.stream import Stream
from actors.stream_options import StreamOptions
from supervisor import (
    Actor,
    ActorCrashed,
    ActorSpec,
    AskTimeout,
    Backoff,
    ChildNotFound,
    MailboxFull,
    Message,
    NoSuchActor,
    Phase,
    Supervisor,
)

__all__ = ["StreamManager"]

RECONCILE_EVERY = 2.0
"""Seconds between looks whether the streams are what is wanted; every change is acted on at once besides."""

REPEAT_EVERY = 10.0
"""Seconds between two times that a rejection is said."""

MOST_REJECTED = 1_000
"""Rejections that are remembered. Of more, the oldest are forgotten."""

LIST_EVERY = 3600.0
"""Seconds between two looks at the list of symbols."""

LIST_FRESH = 60.0
"""Seconds that the list is believed when it says that there is no such symbol."""

LIST_WITHIN = 2.0
"""Seconds that a `Want` waits for a fresh list; then the old one decides, well within the deadline of an ask."""


class _Wanted(Message, frozen=True):
    subscriptions: tuple[Subscription, ...]
    rejected: tuple[Rejected, ...]


@define(eq=False)
class StreamManager(Actor[StreamManagerMessage]):
    """Keeps one Stream per instrument under the dynamic supervisor before it.

    Args:
        exchange: the adapter.
        transport: opens channels.
        open_rest: makes REST clients.
        subscriptions: what is wanted from the start.
        options: for every stream.
        streams: the id of the dynamic supervisor.
    """

    exchange: Exchange
    transport: Transport
    open_rest: OpenRest
    subscriptions: tuple[Subscription, ...] = ()
    options: StreamOptions = field(factory=StreamOptions)
    streams: str = "streams"
    _wanted: dict[Subscription, None] = field(init=False, factory=dict)
    _rejected: dict[Subscription, Rejected] = field(init=False, factory=dict)
    """What would be wanted, if the exchange had it."""
    _symbols: frozenset[str] | None = field(init=False, default=None)
    """All that were listed in this life. What is halted is not listed, and must not be taken from who has it."""
    _looked_at: float = field(init=False, default=-math.inf)
    _look: anyio.Event = field(init=False, factory=anyio.Event)
    """Set: fetch the list now."""
    _looked: anyio.Event = field(init=False, factory=anyio.Event)
    """Set when it has been fetched."""
    _told: dict[str, tuple[Subscription, ...]] = field(init=False, factory=dict)

    async def on_start(self) -> None:
        """Recall what is wanted, and bring the streams back. Cancellation: may have happened."""
        remembered = self.recall(_Wanted)
        if remembered is None:
            self._wanted = dict.fromkeys(self.subscriptions)
        else:
            self._wanted = dict.fromkeys(remembered.subscriptions)
            self._rejected = {no.subscription: no for no in remembered.rejected}
        await self._reconcile()
        self.every(RECONCILE_EVERY, Tick())
        self.every(REPEAT_EVERY, Repeat())
        self.spawn(self._keep_symbols)

    async def receive(self, message: StreamManagerMessage) -> tuple[Rejected, ...] | tuple[Subscription, ...] | None:
        """Change what is wanted, or say what is. Cancellation: may have happened."""
        match message:
            case Want(subscriptions):
                if self._unknown(subscriptions):
                    await self._look_again()
                rejected = self._want(subscriptions)
                await self._reconcile()
                return rejected
            case Unwant(subscriptions):
                for unwanted in subscriptions:
                    self._wanted.pop(unwanted, None)
                    self._rejected.pop(unwanted, None)
                self._keep()
                await self._reconcile()
            case Subscriptions():
                return tuple(self._wanted)
            case Repeat():
                for no in self._rejected.values():
                    self.publish(feed_topic(no.subscription), no)
            case Tick():
                self._sort()
                await self._reconcile()
        return None

    def _want(self, subscriptions: Collection[Subscription]) -> tuple[Rejected, ...]:
        """Take these in, and answer which the exchange does not have."""
        unknown = self._unknown(subscriptions)
        for known in subscriptions:
            if known not in unknown:
                self._wanted[known] = None
                self._rejected.pop(known, None)
        rejected = tuple(self._reject(wanted) for wanted in unknown)
        self._keep()
        return rejected

    def _keep(self) -> None:
        self.remember(_Wanted(tuple(self._wanted), tuple(self._rejected.values())))

    async def _reconcile(self) -> None:
        """Make the streams match what is wanted. Cancellation: may have happened; the next look goes on."""
        wanted: dict[str, list[Subscription]] = {}
        for subscription in self._wanted:
            wanted.setdefault(subscription.instrument.native, []).append(subscription)
        supervisor = self._supervisor
        running = {child.id: child for child in supervisor.which_children()}
        for name, child in running.items():
            if name not in wanted:
                with suppress(ChildNotFound):  # it has ended meanwhile
                    await supervisor.terminate_child(child.ref)
                self._told.pop(name, None)
        for name, subscriptions in wanted.items():
            share = tuple(subscriptions)
            if name not in running:
                await supervisor.start_child(self._spec(name, share))
            elif self._told.get(name) == share or running[name].phase is Phase.GAVE_UP:
                continue
            elif not running[name].ref.tell(SetSubscriptions(share)):
                continue  # it had no room: the next look tells it again
            self._told[name] = share

    def _spec(self, name: str, subscriptions: tuple[Subscription, ...]) -> ActorSpec[StreamMessage]:
        start = partial(Stream, self.exchange, self.transport, subscriptions, self.options)
        return ActorSpec(name, start, backoff=Backoff(initial=0.2, maximum=10.0))

    # ---- what the exchange has

    def _unknown(self, subscriptions: Collection[Subscription]) -> list[Subscription]:
        """Those that the exchange does not have; none while that is not known."""
        if self._symbols is None:
            return []
        return [wanted for wanted in subscriptions if wanted.instrument.native not in self._symbols]

    def _reject(self, unknown: Subscription) -> Rejected:
        no = Rejected(subscription=unknown, reason=f"{self.exchange.venue} does not trade {unknown.instrument.canonical}")
        self._wanted.pop(unknown, None)
        self._rejected[unknown] = no
        if len(self._rejected) > MOST_REJECTED:
            del self._rejected[next(iter(self._rejected))]
        self.publish(feed_topic(unknown), no)
        return no

    def _sort(self) -> None:
        """Take back what was accepted before the symbols were known, and take in what was rejected and is listed now."""
        if self._symbols is None:
            return
        unknown = self._unknown(self._wanted)
        listed = [rejected for rejected in self._rejected if rejected.instrument.native in self._symbols]
        for subscription in unknown:
            no = self._reject(subscription)
            self.context.log.error("unknown instrument", subscription=str(subscription), reason=no.reason)
        for subscription in listed:
            self.context.log.info("listed now", subscription=str(subscription))
        if unknown or listed:
            self._want(listed)

    async def _look_again(self) -> None:
        """Wait a moment for a fresh list of symbols, unless there is one. Cancellation: may have happened."""
        now = self.context.runtime.now()
        if now - self._looked_at >= LIST_FRESH:
            self._looked_at, self._looked = now, anyio.Event()
            self._look.set()
            with anyio.move_on_after(LIST_WITHIN):
                await self._looked.wait()

    async def _keep_symbols(self) -> None:
        """Fetch the list of symbols, and again when it is old. Cancellation: may have happened."""
        while True:
            fetched = await self._fetch_symbols()
            self._symbols = fetched if self._symbols is None else self._symbols | fetched
            self._looked_at, self._look = self.context.runtime.now(), anyio.Event()
            self._looked.set()
            self.context.ref.tell(Tick())
            with anyio.move_on_after(LIST_EVERY):
                await self._look.wait()

    async def _fetch_symbols(self) -> frozenset[str]:
        """Fetch the list, however long that takes. Cancellation: may have happened."""
        backoff, failures = Backoff(initial=1.0, maximum=60.0), 0
        async with self.open_rest() as rest:
            while True:
                try:
                    return self._some_symbols(await fetch(self, self.exchange.symbols_request(), rest))
                except (ConnectFailed, ExchangeRefused, BadFrame, AskTimeout, ActorCrashed, MailboxFull, NoSuchActor) as error:
                    failures += 1
                    self.context.log.warning("no list of symbols yet", error=str(error), failures=failures)
                    await anyio.sleep(backoff.delay(failures, random.random()))

    def _some_symbols(self, response: RestResponse) -> frozenset[str]:
        symbols = self.exchange.parse_symbols(response)
        if not symbols:
            # Maintenance: believed, it would take every subscription back for ever.
            raise BadFrame("the exchange says that it trades nothing", response.body)
        return symbols

    @property
    def _supervisor(self) -> Supervisor:
        return self.context.supervisor.supervisor(self.streams)
