"""What the demo watches: consumers, supervision events, breakers, health, recoveries; gathered in one place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import anyio
from attrs import define, field

from actors.demo.checker import Checked, Tally, TallyOf
from actors.protocol import BREAKERS, HEALTH_CHANGES, RECOVERIES, BreakerMoved, HealthChanged, Recovered
from actors.vitals import HealthLevel
from supervisor import Event, MailboxOverflow, Name, RestartScheduled, Supervisor

__all__ = ["Observer"]


@define(eq=False)
class Observer:
    """Everything that is known of a running demo.

    Args:
        checkers: {symbol: the name of its checker}.
    """

    checkers: Mapping[str, Name[Checked]]
    root: Supervisor = field(init=False)
    """The tree; set when it is open."""
    tallies: dict[str, Tally] = field(factory=dict)
    restarts: Counter[str] = field(factory=Counter)
    """{path: restarts}; bounded by the tree."""
    breakers: list[tuple[str, str]] = field(factory=list)
    """(endpoint, state) for each move; a run has a handful."""
    health: dict[str, HealthLevel] = field(factory=dict)
    recovered: int = 0
    """Recoveries that succeeded."""
    last_events: list[str] = field(factory=list)

    def sink(self, event: Event) -> None:
        """An event sink: counts what matters."""
        match event:
            case RestartScheduled():
                self.restarts[event.path] += 1
                self.note(f"{event.path.removeprefix('bot/')} restarts: {event.reason}")
            case MailboxOverflow():
                self.note(f"{event.path} overflows")

    def note(self, line: str) -> None:
        """Keep a line for the view."""
        self.last_events = [*self.last_events[-7:], line[:110]]

    async def watch(self) -> None:
        """Follow the tree's own topics, for ever. Cancellation: atomic."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._follow_breakers)
            group.start_soon(self._follow_health)
            group.start_soon(self._follow_recoveries)

    async def look(self) -> None:
        """Ask every checker for its tally. Cancellation: may have happened."""
        for symbol, name in self.checkers.items():
            self.tallies[symbol] = await self.root.ref(name).ask(TallyOf())

    def flowing(self, since: float) -> bool:
        """Whether every subscription has delivered after its last hole, and after this time."""
        feeds = [feed for tally in self.tallies.values() for feed in tally.feeds.values()]
        return all(feed.flows and feed.last_data > since for feed in feeds)

    def holes(self) -> int:
        """How many holes all consumers have seen."""
        return sum(feed.holes for tally in self.tallies.values() for feed in tally.feeds.values())

    def compared(self) -> dict[str, int]:
        """{symbol: comparisons so far}."""
        return {symbol: tally.compared for symbol, tally in self.tallies.items()}

    def silent(self, since: float) -> list[str]:
        """The subscriptions that have delivered nothing after this time."""
        feeds = [pair for tally in self.tallies.values() for pair in tally.feeds.items()]
        return [str(subscription) for subscription, feed in feeds if feed.last_data <= since]

    async def _follow_breakers(self) -> None:
        async for moved in self.root.subscription(BREAKERS):
            if isinstance(moved, BreakerMoved):
                self.breakers.append((moved.endpoint, moved.after))
                self.note(f"breaker of {moved.endpoint}: {moved.before} → {moved.after}")

    async def _follow_health(self) -> None:
        async for change in self.root.subscription(HEALTH_CHANGES):
            if isinstance(change, HealthChanged):
                self.health[change.component] = change.after

    async def _follow_recoveries(self) -> None:
        async for recovered in self.root.subscription(RECOVERIES):
            if isinstance(recovered, Recovered):
                self.recovered += recovered.ok
