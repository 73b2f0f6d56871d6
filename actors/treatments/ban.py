"""The exchange has banned our address: it is waited out, and nothing is sent meanwhile; then one light request."""

from __future__ import annotations

from collections.abc import Sequence

from actors.ports import RestRequest
from actors.resilience import RecoveryKind
from actors.treatments.case import Means, Treatment, means

__all__ = ["BanTreatment"]


class BanTreatment(Treatment):
    """The gate gives no leave before the ban is over, and knows it from every answer that said so."""

    def means(self) -> Sequence[Means]:
        """Wait for leave, and ask for the least."""
        return (means(RecoveryKind.RETRY, "a light request", self._ask, self.case.bounds),)

    async def _ask(self) -> bool:
        """Cancellation: may have happened."""
        exchange = self.case.exchange
        request: RestRequest | None = exchange.time_request()
        response = await self.case.fetch(exchange.symbols_request() if request is None else request)
        refused = exchange.refusal(response)
        if refused is not None:
            raise refused
        return True
