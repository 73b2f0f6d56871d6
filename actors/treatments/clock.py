"""Our clock and the exchange's are apart: only a person, or the machine's time service, can set it. It is measured again."""

from __future__ import annotations

from collections.abc import Sequence

from actors.resilience import RecoveryKind
from actors.treatments.case import GivenUp, Means, Treatment, means

__all__ = ["BEARABLE", "ClockTreatment"]

BEARABLE = 1.0
"""Seconds that the clocks may be apart. An exchange refuses a signed request whose time is further ahead than that."""


class ClockTreatment(Treatment):
    """Measures until the offset is bearable. Until then whoever signs is refused, and an alert says so when it is given up."""

    def means(self) -> Sequence[Means]:
        """Measure."""
        return (means(RecoveryKind.RETRY, "measure", self._measure, self.case.bounds),)

    async def _measure(self) -> bool:
        """Cancellation: may have happened."""
        exchange, context = self.case.exchange, self.case.actor.context
        request = exchange.time_request()
        if request is None:
            raise GivenUp(f"{exchange.venue} cannot be asked for its time")
        before = self.case.waited()
        began = context.runtime.now()
        response = await self.case.fetch(request)
        arrived = context.runtime.now()
        theirs = exchange.parse_time(response) / 1000
        sent = began + self.case.waited() - before
        # It was read between sending and arrival, and nobody knows when: half of that is all the error there can be.
        return abs(theirs - context.wall_clock((sent + arrived) / 2)) <= BEARABLE + (arrived - sent) / 2
