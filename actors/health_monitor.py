"""HealthMonitor: how healthy each component is, from the vitals that they report.

The levels, their hysteresis and what a silence means are `vitals`. Its promise: a silent stream is DEGRADED within its time,
and one that no longer reports is UNKNOWN within its time to live.
"""

from __future__ import annotations

from attrs import define, field

from actors.protocol import HEALTH_CHANGES, HealthChanged, HealthMessage, HealthReport, Tick, Vitals
from actors.vitals import Health, HealthChange, HealthLevel, combine
from supervisor import Actor

__all__ = ["HealthMonitor"]

LOUD = frozenset({HealthLevel.DEGRADED, HealthLevel.UNHEALTHY, HealthLevel.CRITICAL})


@define(eq=False)
class HealthMonitor(Actor[HealthMessage]):
    """Keeps one health machine per component.

    Args:
        venue: whose components.
        ttl: seconds that a report counts.
        forget_after: seconds without a report after which a component is forgotten: it no longer exists.
        check_every: seconds between looks for what has not reported.
    """

    venue: str
    ttl: float = 10.0
    forget_after: float = 600.0
    check_every: float = 1.0
    _components: dict[str, Health] = field(init=False, factory=dict)
    _critical: dict[str, bool] = field(init=False, factory=dict)
    _reported: dict[str, float] = field(init=False, factory=dict)

    async def on_start(self) -> None:
        """Begin to check. Cancellation: atomic."""
        self.every(self.check_every, Tick())

    def receive(self, message: HealthMessage) -> dict[str, HealthLevel] | None:
        """Take a report in, or say how things are."""
        now = self.context.runtime.now()
        match message:
            case Vitals(component, readings, critical):
                health = self._components.get(component)
                if health is None:
                    health = self._components[component] = Health(component, ttl=self.ttl)
                self._critical[component], self._reported[component] = critical, now
                for change in health.report(readings, now):
                    self._tell(change)
            case Tick():
                for health in list(self._components.values()):
                    outlived = health.check(now)
                    if outlived is not None:
                        self._tell(outlived)
                    if now - self._reported[health.component] > self.forget_after:
                        del self._components[health.component], self._critical[health.component]
                        del self._reported[health.component]
            case HealthReport():
                levels = {name: health.level(now) for name, health in self._components.items()}
                vital = [name for name, counts in self._critical.items() if counts]
                return {"": combine(levels, critical=vital), **levels}
        return None

    def _tell(self, change: HealthChange) -> None:
        said = HealthChanged(change.component, change.before, change.after, change.at, self.venue)
        self.publish(HEALTH_CHANGES, said)
        log = self.context.log.warning if change.after in LOUD else self.context.log.info
        log("health changed", component=change.component, before=change.before.value, after=change.after.value)
