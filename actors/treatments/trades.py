"""A hole in a numbered feed: pages are fetched and handed over, until it is closed or there are no more."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define
from msgspec import structs

from actors.protocol import ApplyFill, TradesMissing
from actors.resilience import RecoveryKind
from actors.treatments.case import GivenUp, Means, Treatment, means

__all__ = ["MOST_PAGES", "TradesTreatment"]

MOST_PAGES = 100
"""Pages of one hole. What is still missing then is a Gap: to fetch it would take longer than it is worth."""
MOST_EMPTY = 3
"""Pages in a row with nothing on them. A first one may only mean that the exchange's archive is behind its stream."""


@define(eq=False)
class TradesTreatment(Treatment):
    """Goes through the hole from its beginning. The cursor stands before what is still missing, and survives a crash."""

    _pages: int = 0
    _empty: int = 0

    def means(self) -> Sequence[Means]:
        """Fetch on from where it stands. An attempt is what is fetched until something fails."""
        return (means(RecoveryKind.RETRY, "fill", self._fill, self.case.bounds),)

    def leave(self, *, cured: bool) -> None:
        """Nobody shall wait for what does not come: what is still missing is a Gap."""
        if not cured and self.case.missing is not None and self.case.stream is not None:
            self.case.stream.tell(ApplyFill(self.case.missing.subscription, (), last=True))

    async def _fill(self) -> bool:
        """Page after page; False: nothing came. Cancellation: may have happened; what was handed over is behind the cursor."""
        while (closed := await self._page()) is None:
            self._pages += 1
            if self._pages >= MOST_PAGES:
                raise GivenUp(f"more is missing than {MOST_PAGES} pages hold")
            if self.case.scope is not None:
                # An attempt's time is that of one page: what gets on is no failure, however long the hole is.
                self.case.scope.deadline = self.case.now() + self.case.bounds.each
        return closed

    async def _page(self) -> bool | None:
        """One page. True: the hole is closed; False: nothing came; None: some came. Cancellation: may have happened."""
        case, hole = self.case, self._hole()
        after = hole.after_id if case.cursor is None else max(case.cursor, hole.after_id)
        request = case.exchange.fill_request(hole.subscription, after, hole.before_id)
        if request is None:
            raise GivenUp(f"{case.exchange.venue} cannot be asked for {hole.subscription.feed.value} by id")
        response = await case.fetch(request)
        found = case.exchange.parse_fill(hole.subscription, response)
        arrived = case.now()
        # The newest word on the hole: it may have been reported anew while the answer was on its way.
        end = self._hole().before_id
        events = tuple(structs.replace(one, received=arrived) for one in found if after < one.sequence < end)
        beyond = bool(found) and found[-1].sequence >= end
        if not events:
            self._empty += 1
            if beyond or self._empty >= MOST_EMPTY:
                raise GivenUp(f"{case.exchange.venue} does not have what is missing after {after}")
            return False
        # A page that went past the end has all that the exchange has: what is missing still is not there.
        reached = events[-1].sequence
        closed = await case.ask_stream(ApplyFill(hole.subscription, events, beyond or reached + 1 >= end))
        case.cursor, self._empty = reached, 0  # only now: what the stream did not get is asked for again
        case.keep()
        return True if closed else None

    def _hole(self) -> TradesMissing:
        if self.case.missing is None:
            raise GivenUp("nobody says which ids are missing; a stream reports its holes itself")
        return self.case.missing
