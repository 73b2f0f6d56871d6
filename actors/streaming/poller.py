"""Poller: asks over REST for what a stream does not deliver, as long as the protocol fallback is in force."""

from __future__ import annotations

import math
from typing import Any

import anyio
from attrs import define, field
from msgspec.structs import force_setattr

from actors.delivery.route import POLLED, Route
from actors.delivery.routes import Routes
from actors.errors import BadFrame, ConnectFailed, ExchangeRefused
from actors.ports import Exchange, Rest
from actors.rest_gate import OpenRest, fetch
from supervisor import Actor, ActorCrashed, AskTimeout, MailboxFull, NoSuchActor

__all__ = ["Poller"]

PASSING = (ConnectFailed, ExchangeRefused, BadFrame, AskTimeout, ActorCrashed, MailboxFull, NoSuchActor)
"""What the next round may do better."""


@define(eq=False)
class Poller:
    """Polls one stream's subscriptions, one after the other.

    Args:
        actor: the stream, on whose behalf the gate is asked.
        exchange: what to ask.
        open_rest: makes the REST client.
        routes: of the subscriptions.
        interval: seconds from one round to the next.
    """

    actor: Actor[Any]
    exchange: Exchange
    open_rest: OpenRest
    routes: Routes
    interval: float
    answered: float = field(default=-math.inf, init=False)
    """When something was answered last."""
    failures: int = field(default=0, init=False)
    _scope: anyio.CancelScope = field(factory=anyio.CancelScope, init=False)

    def stop(self) -> None:
        """End after the next checkpoint."""
        self._scope.cancel()

    async def run(self) -> None:
        """Poll until stopped. Cancellation: may have happened."""
        with self._scope:
            async with self.open_rest() as rest:
                while True:
                    began = self._now()
                    for route in self.routes:
                        if self._needed(route, began):
                            await self._poll(route, rest)
                    await anyio.sleep(max(began + self.interval - self._now(), 0.1))

    def _needed(self, route: Route, now: float) -> bool:
        """Whether the stream does not deliver it anyhow."""
        return route.source == POLLED or route.since is not None or now - route.watched > self.interval

    async def _poll(self, route: Route, rest: Rest) -> None:
        request = self.exchange.poll_request(route.subscription, route.cursor())
        if request is None:
            return
        try:
            response = await fetch(self.actor, self.exchange, request, rest)
            events = self.exchange.parse_poll(route.subscription, response)
        except PASSING as error:
            self.failures += 1
            self.actor.context.log.info("poll failed", subscription=str(route.subscription), error=str(error))
            return
        now = self.answered = self._now()
        if self.routes.get(route.subscription) is route:  # it may have been given up meanwhile
            for event in events:
                force_setattr(event, "received", now)
            route.take(events, POLLED, now)

    def _now(self) -> float:
        return self.actor.context.runtime.now()
