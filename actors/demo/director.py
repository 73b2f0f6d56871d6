"""Director: carries out the fault plan, phase by phase, and measures what becomes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import cast

import anyio
from attrs import define, field

from actors.demo.observer import Observer
from actors.demo.plan import Fault, Phase
from actors.demo.report import ENOUGH, PhaseResult
from actors.market import Subscription
from actors.protocol import SetSubscriptions
from actors.simulator.control import Control
from supervisor import Supervisor
from supervisor.testing import await_restart, kill

__all__ = ["Director"]

IMPACT_WITHIN = 10.0
"""Seconds until a fault must be seen by a consumer."""
RECOVERED_WITHIN = 15.0
"""Seconds from then until everything must deliver again."""
COMPARED_WITHIN = 20.0
"""Seconds that a phase waits for its comparisons."""
LOOK_EVERY = 0.05
POISON = SetSubscriptions(cast("tuple[Subscription, ...]", ("poison",)))
"""What a stream accepts by its type, and cannot digest: its handler raises."""


class _Trouble(Exception):
    """Something did not go as the plan says."""


@define(eq=False)
class Director:
    """Hurts the bot, and watches it recover.

    Args:
        control: of the simulated exchange.
        venue: the exchange's supervisor.
        observer: what is known.
        natives: {symbol: the exchange's own name}.
        streams: the stream endpoints' names, in order.
    """

    control: Control
    venue: Supervisor
    observer: Observer
    natives: dict[str, str]
    streams: Sequence[str]
    first: str = field(init=False, default="")
    """The endpoint that is made to refuse."""
    phase: Phase | None = field(init=False, default=None)
    """What is going on."""
    results: list[PhaseResult] = field(init=False, factory=list)

    async def run(self, phase: Phase) -> PhaseResult:
        """One phase: hurt, see the impact, wait for the recovery, collect comparisons. Cancellation: may have happened."""
        self.phase = phase
        await self.observer.look()
        before, began = self.observer.compared(), anyio.current_time()
        self.observer.note(f"── {phase.title}")
        recovered_in, trouble = None, ""
        try:
            await self._hurt(phase)
            recovered_in = anyio.current_time() - began if phase.fault is not Fault.NOTHING else None
            await self._afterwards(phase)
            await self._until(lambda: min(self._since(before).values()) >= ENOUGH, COMPARED_WITHIN, "")
        except _Trouble as error:
            trouble = str(error)
        result = PhaseResult(phase, None if trouble else recovered_in, self._since(before), trouble)
        self.results.append(result)
        return result

    async def _hurt(self, phase: Phase) -> None:
        """Inject the fault, and return when everything delivers again. Cancellation: may have happened."""
        holes, began = self.observer.holes(), anyio.current_time()
        await self._inject(phase)
        if phase.leaves_a_hole:
            seen = f"no consumer saw it within {IMPACT_WITHIN:g} s"
            await self._until(lambda: self.observer.holes() > holes, IMPACT_WITHIN, seen)
        await self._until(lambda: self.observer.flowing(began), RECOVERED_WITHIN, "not everything delivers again")
        if not phase.leaves_a_hole and self.observer.holes() > holes:
            raise _Trouble("consumers saw a hole where there should be none")

    async def _inject(self, phase: Phase) -> None:
        """Do what the phase says. Cancellation: may have happened."""
        match phase.fault:
            case Fault.ABORT:
                await self.control.abort()
            case Fault.STALL:
                await self.control.stall(seconds=phase.seconds)
            case Fault.CLOSE:
                await self.control.close()
            case Fault.GAP:
                await self.control.gap(phase.symbol)
            case Fault.REFUSE:
                status = await self.control.status()
                # The one in use: after the faults before, that may be any.
                used = Counter(connection.endpoint for connection in status.connections).most_common(1)
                number = used[0][0] if used else 1
                self.first = self.streams[number - 1]
                await self.control.refuse(number, abort=True)
            case Fault.POISON:
                streams = self.venue.supervisor("streams").supervisor("streams")
                streams.child(self.natives[phase.symbol]).tell(POISON)
            case Fault.KILL_MANAGER:
                manager = self.venue.supervisor("streams").child("stream manager")
                with anyio.move_on_after(RECOVERED_WITHIN) as waiting:
                    await await_restart(manager, kill(manager))
                if waiting.cancelled_caught:
                    raise _Trouble("the manager did not come back")
            case Fault.NOTHING:
                pass

    async def _afterwards(self, phase: Phase) -> None:
        """What else must come of it. Cancellation: may have happened."""
        if phase.fault is Fault.REFUSE:
            await self._until(lambda: "open" in self.breaker(), IMPACT_WITHIN, "the breaker did not open")
            await self.control.accept()
            await self._until(lambda: self.breaker()[-1] == "closed", 3 * IMPACT_WITHIN, "the breaker did not close again")

    def breaker(self) -> list[str]:
        """The states that the breaker of the endpoint that refused went through."""
        return [state for endpoint, state in self.observer.breakers if endpoint == self.first]

    def _since(self, before: dict[str, int]) -> dict[str, int]:
        return {symbol: count - before.get(symbol, 0) for symbol, count in self.observer.compared().items()}

    async def _until(self, condition: Callable[[], bool], within: float, trouble: str) -> None:
        """Look again and again until the condition holds. Without `trouble` it need not. Cancellation: may have happened."""
        with anyio.move_on_after(within):
            while True:
                await self.observer.look()
                if condition():
                    return
                await anyio.sleep(LOOK_EVERY)
        if trouble:
            raise _Trouble(trouble)
