"""Asks the exchange what time it is, again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
from attrs import define, field

from actors.errors import BadFrame, ConnectFailed, ExchangeRefused
from actors.health.clock_offset import ClockOffset
from actors.ports import Exchange, Rest, RestRequest, RestResponse
from actors.rest_gate import OpenRest, fetch
from supervisor import Actor, ActorCrashed, AskTimeout, MailboxFull, NoSuchActor

__all__ = ["probe_clock"]

QUESTIONS = 3
"""In a row: the first one may have to open a connection, and says little."""

_NO_ANSWER = (ConnectFailed, ExchangeRefused, BadFrame, AskTimeout, ActorCrashed, MailboxFull, NoSuchActor)


async def probe_clock(actor: Actor[Any], exchange: Exchange, open_rest: OpenRest, clock: ClockOffset, every: float) -> None:
    """Ask for the exchange's time, for as long as the life lasts; returns at once where it cannot be asked.

    Args:
        actor: for whom.
        exchange: knows how to ask.
        open_rest: makes the REST client.
        clock: takes the answers in.
        every: seconds between two rounds.

    Cancellation: may have happened.
    """
    request = exchange.time_request()
    if request is None:
        return
    async with open_rest() as rest:
        watch = _Stopwatch(rest, actor.context.runtime.now)
        while True:
            for _ in range(QUESTIONS):
                try:
                    theirs = exchange.parse_time(await fetch(actor, exchange, request, watch)) / 1000
                except _NO_ANSWER as error:
                    actor.context.log.debug("no time", error=str(error))
                    break
                wall = actor.context.wall_clock
                clock.add(wall(watch.sent), wall(watch.received), theirs, watch.received)
            await anyio.sleep(every)


@define
class _Stopwatch:
    """A REST client that notes when the question left and the answer came: the wait for leave is no part of the round trip."""

    rest: Rest
    now: Callable[[], float]
    sent: float = field(init=False, default=0.0)
    received: float = field(init=False, default=0.0)

    async def get(self, base_url: str, request: RestRequest) -> RestResponse:
        """As the client's own. Cancellation: may have happened."""
        self.sent = self.now()
        response = await self.rest.get(base_url, request)
        self.received = self.now()
        return response
