"""A book that is out of step: a snapshot by REST, or another subscription where the stream itself sends one."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
from msgspec import structs

from actors.market import Feed, InstrumentId, Subscription
from actors.protocol import ApplySnapshot, BookInStep, Renew, Resubscribe
from actors.resilience import RecoveryKind
from actors.treatments.case import GivenUp, Means, Treatment, instrument_of, means

__all__ = ["BookTreatment"]

SETTLES = 2.0
"""Seconds for a renewed connection to be made and subscribed, before a snapshot of it can fit."""


class BookTreatment(Treatment):
    """Snapshots until one fits. One that keeps getting out of step is given another connection first."""

    def means(self) -> Sequence[Means]:
        """Ask for a snapshot; where that is of no use, another connection."""
        bounds = self.case.bounds
        if self.case.exchange.snapshot_request(self._instrument) is None:
            asked = means(RecoveryKind.RETRY, "resubscribe", self._resubscribe, bounds, max(bounds.attempts // 2, 1))
            return self.stronger((asked, means(RecoveryKind.RESTART, "renew the connection", self._renew, bounds)))
        fetched = means(RecoveryKind.RETRY, "snapshot", self._fetch, bounds)
        if self.case.strength < 2:
            return (fetched,)
        # A snapshot is needed in any case, so the stronger means comes before it, once.
        return means(RecoveryKind.RESTART, "renew the connection", self._renew, bounds, 1), fetched

    @property
    def _instrument(self) -> InstrumentId:
        found = instrument_of(self.case.exchange, self.case.kind, self.case.subject)
        if found is None:
            raise GivenUp(f"{self.case.subject!r} is no instrument here; expected {self.case.exchange.venue}:BASE/QUOTE")
        return found

    async def _in_step(self) -> bool:
        """Cancellation: may have happened."""
        return await self.case.ask_stream(BookInStep(self._instrument))

    async def _fetch(self) -> bool:
        """One snapshot, fetched and handed over. Cancellation: may have happened."""
        case, instrument = self.case, self._instrument
        if await self._in_step():
            return True
        request = case.exchange.snapshot_request(instrument)
        if request is None:
            return False
        response = await case.fetch(request)
        snapshot = case.exchange.parse_snapshot(instrument, response)
        return await case.ask_stream(ApplySnapshot(structs.replace(snapshot, received=case.now())))

    async def _resubscribe(self) -> bool:
        """Have the stream ask anew, and see whether that helps. Cancellation: may have happened."""
        if await self._in_step():
            return True
        await self.case.ask_stream(Resubscribe(Subscription(self._instrument, Feed.BOOK)))
        return await self.case.seen(self._in_step, self.case.bounds.each * 0.6)

    async def _renew(self) -> bool:
        """Another connection. Cancellation: may have happened."""
        if await self._in_step():
            return True
        await self.case.tell_stream(Renew(f"the book of {self._instrument} does not stay in step"))
        if self.case.exchange.snapshot_request(self._instrument) is not None:
            # The present connection delivers until the other one does, and ids fit together across both: no reason to wait.
            return await self._fetch()
        await anyio.sleep(SETTLES)
        return await self.case.seen(self._in_step, self.case.bounds.each * 0.3)
