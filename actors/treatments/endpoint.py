"""An endpoint that is out of use: the ConnectionManager probes it, until its breaker has closed."""

from __future__ import annotations

from collections.abc import Sequence

from actors.protocol import CONNECTIONS, EndpointStates, Probe
from actors.resilience import BreakerState, RecoveryKind
from actors.treatments.case import ASK_WITHIN, Means, NobodyThere, Treatment, means

__all__ = ["EndpointTreatment"]


class EndpointTreatment(Treatment):
    """Its subject is the endpoint's name."""

    def means(self) -> Sequence[Means]:
        """Probe it, with growing pauses. The breaker decides when a probe is allowed."""
        return (means(RecoveryKind.RETRY, "probe", self._probe, self.case.bounds),)

    async def _well(self) -> bool:
        """Cancellation: may have happened."""
        known = await self.case.actor.lookup(CONNECTIONS).ask(EndpointStates(), ASK_WITHIN) or {}
        if self.case.subject not in known:
            raise NobodyThere(f"there is no endpoint {self.case.subject}")
        return str(known[self.case.subject].get("breaker", "")) == BreakerState.CLOSED.value

    async def _probe(self) -> bool:
        """Cancellation: may have happened."""
        if await self._well():
            return True
        self.case.actor.lookup(CONNECTIONS).tell(Probe(self.case.subject))
        return await self.case.seen(self._well, self.case.bounds.each * 0.6)
