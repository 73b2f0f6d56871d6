"""What is told of a bot's health."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from actors.analysis.patterns import Diagnosis
from actors.fault_tolerance.questions import Answer
from actors.protocol import FallbackMoved
from actors.vitals import HealthLevel, worst

__all__ = ["HealthCheck", "SystemHealth", "VenueHealth", "health_of"]


@frozen
class VenueHealth:
    """How one exchange is doing."""

    level: HealthLevel
    components: Mapping[str, HealthLevel]
    diagnosis: Diagnosis | None
    """What is behind it; None: that is not known, because the HealthMonitor did not answer."""
    fallbacks: tuple[FallbackMoved, ...]
    """Those in force."""
    unanswered: Mapping[str, str] = field(factory=dict)
    """{actor: why it did not answer}. What it would have said is missing, and the level is at best UNKNOWN."""

    def __str__(self) -> str:
        known = [] if self.diagnosis is None else [self.diagnosis.pattern.value, *self.diagnosis.evidence]
        in_force = [f"{one.kind.value} {one.scope}".strip() + f" ({one.reason})" for one in self.fallbacks]
        parts = [self.level.value, f"diagnosis: {': '.join(known) or 'not known'}"]
        parts += [f"in force: {one}" for one in in_force]
        return "; ".join([*parts, *(f"{actor} does not answer: {why}" for actor, why in self.unanswered.items())])


@frozen
class SystemHealth:
    """How the bot is doing."""

    level: HealthLevel
    """The worst of its exchanges; UNKNOWN without one."""
    venues: Mapping[str, VenueHealth]

    def __str__(self) -> str:
        return "\n".join(f"{name}: {one}" for name, one in self.venues.items()) or "no exchange runs"


@frozen
class HealthCheck:
    """What came of asking everybody."""

    ok: bool
    """All have answered, and there was somebody to ask."""
    answers: Mapping[str, float | str]
    """{`venue/actor`: seconds to its answer, or why there was none}"""


def health_of(levels: Answer, diagnosis: Answer, fallbacks: Answer) -> VenueHealth:
    """What these answers say together. Of what is missing, the rest is not held back."""
    asked = {"health monitor": levels.silent or diagnosis.silent, "state manager": fallbacks.silent}
    unanswered = {actor: why for actor, why in asked.items() if why}
    components: dict[str, HealthLevel] = dict(levels.value or {})
    level = components.pop("", HealthLevel.UNKNOWN)
    if unanswered:
        level = worst((level, HealthLevel.UNKNOWN))
    return VenueHealth(level, components, diagnosis.value, fallbacks.value or (), unanswered)
