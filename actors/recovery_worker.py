"""RecoveryWorker: cures one incident, then ends. This version cures one kind: a book that is out of step gets a snapshot.

An outage is no crash: what the network or the exchange refuses is tried again here, by a schedule and a bounded number of
times.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any

import anyio
from attrs import define, field
from msgspec import structs

from actors.errors import BadFrame, ConnectFailed, ExchangeRefused
from actors.market import InstrumentId
from actors.ports import Exchange, Rest, RestRequest, RestResponse
from actors.protocol import CONNECTIONS, ApplySnapshot, Denied, LeaseEnded, LeaseOutcome, RequestWeight, StreamMessage, Tick
from supervisor import Actor, ActorCrashed, AskTimeout, Backoff, MailboxFull, NoSuchActor, Ref, Shutdown, Stop

__all__ = ["STREAM_GONE", "OpenRest", "RecoveryWorker", "fetch"]

OpenRest = Callable[[], AbstractAsyncContextManager[Rest]]
"""Makes a REST client for as long as it is needed."""

LEAST_WAIT = 0.05
"""Seconds between two requests for leave, whatever the answer says."""

BANS: Mapping[int, float] = MappingProxyType({429: 60.0, 418: 120.0})
"""{status: seconds for which our address is banned where `Retry-After` does not say}: the minute over which weight is counted,
and the shortest ban of Binance. Another endpoint is no way round: the ban is of the address, and grows with every request."""
LONGEST_WAIT = 7 * 86_400.0
"""Seconds; what asks for more is no answer. The longest ban is of three days."""
STREAM_GONE = Shutdown("the stream is gone")
"""How a worker ends that has nobody left to work for."""

_TRIED_AGAIN = (ConnectFailed, ExchangeRefused, BadFrame, AskTimeout, ActorCrashed, MailboxFull)


@define(eq=False)
class RecoveryWorker(Actor[Tick]):
    """Fetches a snapshot and hands it to the stream, until the stream says that the book is in step.

    Args:
        exchange: the adapter.
        open_rest: makes the REST client.
        instrument: whose book.
        stream: who keeps it.
        attempts: how often it tries; then it ends with `Shutdown`, and the manager decides.
        backoff: the pause between attempts.
    """

    exchange: Exchange
    open_rest: OpenRest
    instrument: InstrumentId
    stream: Ref[StreamMessage]
    attempts: int = 8
    backoff: Backoff = field(default=Backoff(initial=0.25, maximum=10.0))

    async def on_start(self) -> None:
        """Begin. Cancellation: atomic."""
        self.spawn(self._resynchronise)

    def receive(self, message: Tick) -> None:
        """Nothing is asked of a worker."""

    async def _resynchronise(self) -> None:
        """Try until the book is in step. Ends the life. Cancellation: may have happened."""
        trouble = "the snapshots were older than what the stream has seen"
        async with self.open_rest() as rest:
            for attempt in range(1, self.attempts + 1):
                try:
                    if await self._attempt(rest):
                        raise Stop
                except _TRIED_AGAIN as error:
                    trouble = str(error)
                    self.context.log.info("attempt failed", attempt=attempt, error=trouble)
                except NoSuchActor:
                    raise Stop(STREAM_GONE) from None
                await anyio.sleep(self.backoff.delay(attempt, random.random()))
        raise Stop(Shutdown(f"gave up after {self.attempts} attempts: {trouble}"))

    async def _attempt(self, rest: Rest) -> bool:
        """One snapshot, fetched and handed over. Cancellation: may have happened."""
        response = await fetch(self, self.exchange.snapshot_request(self.instrument), rest)
        snapshot = self.exchange.parse_snapshot(self.instrument, response)
        return await self.stream.ask(ApplySnapshot(structs.replace(snapshot, received=self.context.runtime.now())))


async def fetch(actor: Actor[Any], request: RestRequest, rest: Rest) -> RestResponse:
    """One REST request, through the gate of the ConnectionManager: waits for leave, reports how it went.

    Raises:
        ConnectFailed: there was no answer.
        AskTimeout, ActorCrashed, NoSuchActor, MailboxFull: the ConnectionManager did not answer.

    Cancellation: may have happened.
    """
    connections, now = actor.lookup(CONNECTIONS), actor.context.runtime.now
    lease = await connections.ask(RequestWeight(request.weight, actor.context.ref))
    while isinstance(lease, Denied):
        await anyio.sleep(max(lease.until - now(), LEAST_WAIT))
        lease = await connections.ask(RequestWeight(request.weight, actor.context.ref))
    try:
        response = await rest.get(lease.endpoint.url, request)
    except ConnectFailed as error:
        connections.tell(LeaseOutcome(lease.id, error=error.reason))
        raise
    banned = response.status in BANS
    if banned or response.status >= 500:
        wait = _seconds(response.headers.get("retry-after", "")) or BANS.get(response.status, 0.0)
        until = now() + wait if wait > 0 else None
        connections.tell(LeaseOutcome(lease.id, error=f"HTTP {response.status}", open_until=until, banned=banned))
    else:
        connections.tell(LeaseOutcome(lease.id))
        connections.tell(LeaseEnded(lease.id))
    return response


def _seconds(text: str) -> float:
    """The seconds that a Retry-After names; 0 where it names none, or a date."""
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < LONGEST_WAIT else 0.0
