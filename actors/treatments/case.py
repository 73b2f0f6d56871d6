"""What a treatment works with: one incident, and the ways to the stream, to the exchange and to the managers."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import anyio
from attrs import define, field, frozen

from actors.errors import UnknownInstrument
from actors.incidents import IncidentKind
from actors.incidents.strategies import Bounds
from actors.market import Feed, InstrumentId, Subscription, split_instrument
from actors.ports import Exchange, Rest, RestRequest, RestResponse
from actors.protocol import STREAMS, FindStream, StreamMessage, StreamOf, TradesMissing
from actors.resilience import RecoveryAction, RecoveryKind
from actors.rest_gate import fetch
from supervisor import Actor, NoSuchActor, Ref
from supervisor.messages import Asks

__all__ = ["Case", "GivenUp", "Means", "NobodyThere", "Treatment", "instrument_of", "means"]

R = TypeVar("R")

LOOK_EVERY = 0.5
"""Seconds between two looks whether something is cured."""
ASK_WITHIN = 5.0
"""Seconds that an actor of our own may take for an answer."""


class NobodyThere(Exception):
    """There is nobody left to work for."""


class GivenUp(Exception):
    """There is no way to cure it. Who needs it has been told."""


@frozen
class Means:
    """One thing that can be tried."""

    action: RecoveryAction
    """Its name, and how often it is tried."""
    run: Callable[[], Awaitable[bool]]
    """True: it is cured. False: not yet. May raise what the actors and the exchange do."""


def means(kind: RecoveryKind, name: str, run: Callable[[], Awaitable[bool]], bounds: Bounds, attempts: int = 0) -> Means:
    """Something to try, in the way the incident's bounds say.

    Args:
        kind: RETRY asks for the same again, RESTART begins something anew, FALLBACK goes another way.
        name: for logs.
        run: does it.
        bounds: of the incident.
        attempts: how often at most; 0: as often as the incident allows.
    """
    action = RecoveryAction(
        kind, name=name, attempts=attempts or bounds.attempts, within=bounds.each, backoff=bounds.pauses, idempotent=True
    )
    return Means(action, run)


def instrument_of(exchange: Exchange, kind: IncidentKind, subject: str) -> InstrumentId | None:
    """The instrument that a book's or a feed's incident is about; None where it is about none."""
    if kind is IncidentKind.TRADES:
        subject = subject.partition(":")[2]
    elif kind is not IncidentKind.BOOK:
        return None
    try:
        venue, canonical = split_instrument(subject)
        return exchange.instrument(canonical) if venue == exchange.venue else None
    except UnknownInstrument:
        return None


@define(eq=False)
class Case:
    """One incident, as its treatment sees it."""

    actor: Actor[Any]
    exchange: Exchange
    rest: Rest
    bounds: Bounds
    kind: IncidentKind
    subject: str
    reason: str
    strength: int = 0
    """How many of the milder means are left out."""
    stream: Ref[StreamMessage] | None = None
    """Who reported it; None: it is looked for."""
    missing: TradesMissing | None = None
    """Of TRADES: the hole as it was reported last."""
    cursor: int | None = None
    """Of TRADES: the last id that is no longer missing. It survives the worker's life."""
    forced: bool = False
    """Of LINK: another endpoint was put in force for it, which has to be taken back. It survives the worker's life."""
    keep: Callable[[], None] = field(default=lambda: None, repr=False)
    """Remembers the cursor, and what was put in force."""
    held: float = 0.0
    """Seconds that were waited for leave."""
    scope: anyio.CancelScope | None = None
    """The present attempt's."""
    _waits_since: float | None = None

    def now(self) -> float:
        """Seconds of the loop's clock."""
        return self.actor.context.runtime.now()

    def waited(self) -> float:
        """Seconds that were waited for leave until now: they are no part of any attempt."""
        return self.held + (0.0 if self._waits_since is None else self.now() - self._waits_since)

    # ---- the exchange

    async def fetch(self, request: RestRequest) -> RestResponse:
        """One REST request, through the gate. While it waits for leave, the attempt's clock stands still: a ban burns none.

        Raises:
            ConnectFailed: there was no answer.
            AskTimeout, ActorCrashed, NoSuchActor, MailboxFull: the ConnectionManager did not answer.

        Cancellation: may have happened.
        """
        scope, self._waits_since = self.scope, self.now()
        left = math.inf if scope is None else scope.deadline - self._waits_since
        if scope is not None:
            scope.deadline = math.inf

        def granted() -> None:
            if self._waits_since is not None:
                self.held, self._waits_since = self.waited(), None
                if scope is not None:
                    scope.deadline = self.now() + left

        try:
            return await fetch(self.actor, self.exchange, request, _Announcing(self.rest, granted))
        finally:
            granted()

    # ---- the stream

    async def ask_stream(self, request: Asks[StreamMessage, R]) -> R:
        """Ask the stream that it is about.

        Raises:
            NobodyThere: there is none.
            AskTimeout, ActorCrashed, MailboxFull: it did not answer.

        Cancellation: may have happened.
        """
        stream = await self.find_stream()
        try:
            return await stream.ask(request, ASK_WITHIN)
        except NoSuchActor:
            raise NobodyThere("the stream is gone") from None

    async def tell_stream(self, message: StreamMessage) -> None:
        """Tell it something. Raises NobodyThere. Cancellation: may have happened."""
        (await self.find_stream()).tell(message)

    async def find_stream(self) -> Ref[StreamMessage]:
        """Who reported it, or who is responsible. Raises NobodyThere. Cancellation: may have happened."""
        if self.stream is None:
            manager = self.actor.lookup(STREAMS)
            name, instrument = self.subject.rpartition("/")[2], instrument_of(self.exchange, self.kind, self.subject)
            if instrument is not None:
                wanted = Subscription(instrument, Feed.BOOK) if self.missing is None else self.missing.subscription
                name = await manager.ask(StreamOf(wanted), ASK_WITHIN)
            self.stream = await manager.ask(FindStream(name), ASK_WITHIN) if name else None
            if self.stream is None:
                raise NobodyThere(f"there is no stream for {self.subject}")
        return self.stream

    async def seen(self, look: Callable[[], Awaitable[bool]], within: float) -> bool:
        """Look again and again until it is cured, or the time is over. Cancellation: may have happened."""
        until = self.now() + within
        while self.now() < until:
            if await look():
                return True
            await anyio.sleep(LOOK_EVERY)
        return False


@define(eq=False)
class Treatment:
    """How incidents of one kind are treated."""

    case: Case

    def means(self) -> Sequence[Means]:
        """What can be tried, the mildest first."""
        raise NotImplementedError(f"{type(self).__name__} has no means")  # a kind without this is a mistake of ours

    def leave(self, *, cured: bool) -> None:
        """It is over, also where it was cut off: undo what was only for the time of the treatment, tell who waits in vain."""

    def stronger(self, found: Sequence[Means]) -> Sequence[Means]:
        """The same without the milder ones that were of no use before; the strongest stays."""
        return found[min(self.case.strength, len(found) - 1) :]


@frozen
class _Announcing:
    """A REST client that says when its request is really made."""

    rest: Rest
    begins: Callable[[], None]

    async def get(self, base_url: str, request: RestRequest) -> RestResponse:
        """As that of the client. Cancellation: may have happened."""
        self.begins()
        return await self.rest.get(base_url, request)
