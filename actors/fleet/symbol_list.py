"""SymbolList: what an exchange trades, fetched now and then, and believed with care.

It is fetched again every hour, and before something is refused by a list that is older than a minute. Whatever was listed once
stays listed: what is halted is not in the list, and must not be taken from who has it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Iterable
from typing import Any

import anyio
from attrs import define, field

from actors.errors import BadFrame, ConnectFailed, ExchangeRefused
from actors.market import Subscription
from actors.ports import Exchange, RestResponse
from actors.rest_gate import OpenRest, fetch
from supervisor import Actor, ActorCrashed, AskTimeout, Backoff, MailboxFull, NoSuchActor

__all__ = ["SymbolList"]

LIST_EVERY = 3600.0
"""Seconds between two looks at the list."""
LIST_FRESH = 60.0
"""Seconds that the list is believed when it says that there is no such symbol."""
LIST_WITHIN = 2.0
"""Seconds that a `Want` waits for a fresh list; then the old one decides, well within the deadline of an ask."""


@define(eq=False)
class SymbolList:
    """The list that one actor keeps.

    Args:
        actor: on whose behalf it is fetched.
        exchange: knows how.
        open_rest: makes REST clients.
        fetched: called each time that it has been.
    """

    actor: Actor[Any]
    exchange: Exchange
    open_rest: OpenRest
    fetched: Callable[[], object]
    _symbols: frozenset[str] | None = field(init=False, default=None)
    """All that were listed in this life; None: that is not known yet."""
    _had: set[str] = field(init=False, factory=set)
    """Listed in an earlier life, for those that are subscribed."""
    _looked_at: float = field(init=False, default=-math.inf)
    _look: anyio.Event = field(init=False, factory=anyio.Event)
    """Set: fetch the list now."""
    _looked: anyio.Event = field(init=False, factory=anyio.Event)
    """Set when it has been fetched."""

    @property
    def known(self) -> bool:
        """It has been fetched."""
        return self._symbols is not None

    def had(self, natives: Iterable[str]) -> None:
        """These were listed before a restart."""
        self._had.update(natives)

    def lists(self, native: str) -> bool:
        """It is, or was, listed. Known only when the list is."""
        return native in self._had or (self._symbols is not None and native in self._symbols)

    def lacks(self, subscriptions: Iterable[Subscription]) -> list[Subscription]:
        """Those that the exchange does not have; none while that is not known."""
        if self._symbols is None:
            return []
        return [wanted for wanted in subscriptions if not self.lists(wanted.instrument.native)]

    def listed(self, subscriptions: Iterable[Subscription]) -> list[Subscription]:
        """Those that it has; none while that is not known."""
        subscriptions = list(subscriptions)
        lacked: Collection[Subscription] = set(self.lacks(subscriptions))
        return [wanted for wanted in subscriptions if wanted not in lacked] if self.known else []

    async def refresh(self) -> None:
        """Wait a moment for a fresh list, unless there is one. Cancellation: may have happened."""
        now = self.actor.context.runtime.now()
        if now - self._looked_at >= LIST_FRESH:
            self._looked_at, self._looked = now, anyio.Event()
            self._look.set()
            with anyio.move_on_after(LIST_WITHIN):
                await self._looked.wait()

    async def keep(self) -> None:
        """Fetch the list, and again when it is old. Cancellation: may have happened."""
        while True:
            fetched = await self._fetch()
            self._symbols = fetched if self._symbols is None else self._symbols | fetched
            self._looked_at, self._look = self.actor.context.runtime.now(), anyio.Event()
            self._looked.set()
            self.fetched()
            with anyio.move_on_after(LIST_EVERY):
                await self._look.wait()

    async def _fetch(self) -> frozenset[str]:
        """Fetch it, however long that takes. Cancellation: may have happened."""
        backoff, failures = Backoff(initial=1.0, maximum=60.0), 0
        async with self.open_rest() as rest:
            while True:
                try:
                    return self._some(await fetch(self.actor, self.exchange, self.exchange.symbols_request(), rest))
                except (ConnectFailed, ExchangeRefused, BadFrame, AskTimeout, ActorCrashed, MailboxFull, NoSuchActor) as error:
                    failures += 1
                    self.actor.context.log.warning("no list of symbols yet", error=str(error), failures=failures)
                    await anyio.sleep(backoff.delay(failures, random.random()))

    def _some(self, response: RestResponse) -> frozenset[str]:
        symbols = self.exchange.parse_symbols(response)
        if not symbols:
            # Maintenance: believed, it would take every subscription back for ever.
            raise BadFrame("the exchange says that it trades nothing", response.body)
        return symbols
