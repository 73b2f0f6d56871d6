"""A link that has failed although it reconnects: another connection, then another endpoint."""

from __future__ import annotations

from collections.abc import Sequence

from actors.link_state import LinkPhase
from actors.protocol import STATES, FallbackKind, FallbacksInForce, ForceFallback, LinkStates, Renew
from actors.resilience import RecoveryKind
from actors.treatments.case import ASK_WITHIN, Means, NobodyThere, Treatment, means

__all__ = ["LinkTreatment"]

DOWN = frozenset({LinkPhase.FAILING, LinkPhase.FAILED})


class LinkTreatment(Treatment):
    """Its subject is the link's name, which is its stream's."""

    def means(self) -> Sequence[Means]:
        """A new connection, if need be by hand-over; then the same at another endpoint."""
        bounds = self.case.bounds
        return self.stronger(
            (
                means(RecoveryKind.RESTART, "renew the connection", self._renew, bounds, 2),
                means(RecoveryKind.FALLBACK, "another endpoint", self._move, bounds),
            )
        )

    def leave(self, *, cured: bool) -> None:
        """From now on the evidence decides on the endpoint again."""
        if self.case.forced:
            self.case.forced = False
            self.case.actor.lookup(STATES).tell(ForceFallback(FallbackKind.ENDPOINT, "", None))

    async def _well(self) -> bool:
        """Cancellation: may have happened."""
        phases = await self.case.actor.lookup(STATES).ask(LinkStates(), ASK_WITHIN)
        phase = phases.get(self.case.subject.rpartition("/")[2])
        if phase is None:
            raise NobodyThere(f"there is no link {self.case.subject}")
        return phase not in DOWN

    async def _renew(self) -> bool:
        """Cancellation: may have happened."""
        if await self._well():
            return True
        await self.case.tell_stream(Renew(self.case.reason))
        return await self.case.seen(self._well, self.case.bounds.each * 0.6)

    async def _move(self) -> bool:
        """Cancellation: may have happened; `leave` takes the force back."""
        if await self._well():
            return True
        states = self.case.actor.lookup(STATES)
        in_force = await states.ask(FallbacksInForce(), ASK_WITHIN)
        # Where another one is used already, there is nothing to force, and to take it back would take back an operator's word.
        if not self.case.forced and not any(moved.kind is FallbackKind.ENDPOINT for moved in in_force):
            self.case.forced = True  # before the ask: one that is cut off, or crashes, may have been heard
            self.case.keep()
            await states.ask(ForceFallback(FallbackKind.ENDPOINT, "", True), ASK_WITHIN)
        return await self._renew()
