"""StreamManager: makes the streams match what is wanted.

It remembers the wanted subscriptions and reconciles: whichever dies, a stream, this manager or the dynamic supervisor of the
streams, every subscription comes back. What the exchange does not have is said to whoever asked, and on the feed's topic; the
others are untouched.
"""

from __future__ import annotations

import random
from contextlib import suppress
from functools import partial

import anyio
from attrs import define, field

from actors.errors import BadFrame, ConnectFailed, ExchangeRefused
from actors.feeds import feed_topic
from actors.market import Rejected, Subscription
from actors.ports import Exchange, RestRequest, RestResponse, Transport
from actors.protocol import SetSubscriptions, StreamManagerMessage, StreamMessage, Subscriptions, Tick, Unwant, Want
from actors.recovery_worker import OpenRest, fetch
from actors.stream import Stream, StreamOptions
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


class _Wanted(Message, frozen=True):
    subscriptions: tuple[Subscription, ...]


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
    _symbols: frozenset[str] | None = field(init=False, default=None)
    _told: dict[str, tuple[Subscription, ...]] = field(init=False, factory=dict)

    async def on_start(self) -> None:
        """Recall what is wanted, and bring the streams back. Cancellation: may have happened."""
        remembered = self.recall(_Wanted)
        self._wanted = dict.fromkeys(self.subscriptions if remembered is None else remembered.subscriptions)
        await self._reconcile()
        self.every(RECONCILE_EVERY, Tick())
        self.spawn(self._learn_symbols)

    async def receive(self, message: StreamManagerMessage) -> tuple[Rejected, ...] | tuple[Subscription, ...] | None:
        """Change what is wanted, or say what is. Cancellation: may have happened."""
        match message:
            case Want(subscriptions):
                rejected = self._reject(subscriptions)
                refused = {no.subscription for no in rejected}
                self._wanted.update(dict.fromkeys(wanted for wanted in subscriptions if wanted not in refused))
                await self._changed()
                return rejected
            case Unwant(subscriptions):
                for unwanted in subscriptions:
                    self._wanted.pop(unwanted, None)
                await self._changed()
            case Subscriptions():
                return tuple(self._wanted)
            case Tick():
                self._drop_unknown()
                await self._reconcile()
        return None

    async def _changed(self) -> None:
        """Cancellation: may have happened."""
        self.remember(_Wanted(tuple(self._wanted)))
        await self._reconcile()

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

    def _reject(self, subscriptions: tuple[Subscription, ...]) -> tuple[Rejected, ...]:
        if self._symbols is None:
            return ()
        venue = self.exchange.venue
        return tuple(
            Rejected(subscription=wanted, reason=f"{venue} does not trade {wanted.instrument.canonical}")
            for wanted in subscriptions
            if wanted.instrument.native not in self._symbols
        )

    def _drop_unknown(self) -> None:
        """Take back what was accepted before the symbols were known."""
        unknown = self._reject(tuple(self._wanted))
        for rejected in unknown:
            self.context.log.error("unknown instrument", subscription=str(rejected.subscription), reason=rejected.reason)
            self._wanted.pop(rejected.subscription)
            self.publish(feed_topic(rejected.subscription), rejected)
        if unknown:
            self.remember(_Wanted(tuple(self._wanted)))

    async def _learn_symbols(self) -> None:
        """Fetch the list of symbols, however long that takes. Cancellation: may have happened."""
        backoff, failures = Backoff(initial=1.0, maximum=60.0), 0
        async with self.open_rest() as rest:
            while True:
                try:
                    response: RestResponse = await fetch(self, self._request, rest)
                    self._symbols = self._some_symbols(response)
                except (ConnectFailed, ExchangeRefused, BadFrame, AskTimeout, ActorCrashed, MailboxFull, NoSuchActor) as error:
                    failures += 1
                    self.context.log.warning("no list of symbols yet", error=str(error), failures=failures)
                    await anyio.sleep(backoff.delay(failures, random.random()))
                else:
                    self.context.ref.tell(Tick())
                    return

    def _some_symbols(self, response: RestResponse) -> frozenset[str]:
        symbols = self.exchange.parse_symbols(response)
        if not symbols:
            # Maintenance: believed, it would take every subscription back for ever.
            raise BadFrame("the exchange says that it trades nothing", response.body)
        return symbols

    @property
    def _request(self) -> RestRequest:
        return self.exchange.symbols_request()

    @property
    def _supervisor(self) -> Supervisor:
        return self.context.supervisor.supervisor(self.streams)
