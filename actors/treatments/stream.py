"""A stream that was parked because it crashed too often: it is started again, with growing pauses."""

from __future__ import annotations

from collections.abc import Sequence

from actors.protocol import STREAMS, FindStream, RestartStream
from actors.resilience import RecoveryKind
from actors.treatments.case import ASK_WITHIN, Means, NobodyThere, Treatment, means

__all__ = ["StreamTreatment"]

SETTLES = 5.0
"""Seconds that it has to live. One that is parked again later comes back as the same incident, with a longer pause."""


class StreamTreatment(Treatment):
    """Its subject is the stream's path, or its name."""

    def means(self) -> Sequence[Means]:
        """Start it."""
        return (means(RecoveryKind.RESTART, "restart", self._restart, self.case.bounds),)

    async def _restart(self) -> bool:
        """Cancellation: may have happened."""
        manager, name = self.case.actor.lookup(STREAMS), self.case.subject.rpartition("/")[2]
        place = await manager.ask(FindStream(name), ASK_WITHIN)
        if place is None:
            raise NobodyThere(f"there is no stream {name}")
        if not await manager.ask(RestartStream(name), ASK_WITHIN):
            return False

        async def down() -> bool:
            """Cancellation: a checkpoint."""
            return not place.alive

        return not await self.case.seen(down, SETTLES)
