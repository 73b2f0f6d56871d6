"""Alerts: what they are, and what the HealthMonitor itself raises one for. Pure.

    link FAILING or FAILED                        connection    `link <name>`
    component UNHEALTHY or CRITICAL               performance   `health <name>`
    event loop or clock DEGRADED or worse         system        `event loop`, `clock`
    the exchange has banned our address           system        `ban`
    outage, own network, one endpoint             system        `diagnosis`
    incident escalated                            recovery      `recovery <kind> <subject>`

Everybody else raises by `RaiseAlert`; so does the RecoveryManager for an incident that it gives up, under the same key, because
it alone can tell that from one that lapsed. When one is said, and when it is held back, is `alert_book`.
"""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen
from msgspec import Struct

from actors.analysis.patterns import Diagnosis, Pattern
from actors.errors import Severity
from actors.link_state import LinkPhase
from actors.vitals import HealthLevel

__all__ = [
    "Alert",
    "AlertKind",
    "Finding",
    "ban_finding",
    "diagnosis_finding",
    "found_again",
    "level_finding",
    "link_finding",
    "recovery_finding",
]

SYSTEM_COMPONENTS = frozenset({"event loop", "clock"})
"""Components that are ourselves: DEGRADED is bad enough, because all that we see of others passes through them."""

_LINKS = {LinkPhase.FAILED: Severity.ERROR, LinkPhase.FAILING: Severity.WARNING}
_LEVELS = {HealthLevel.CRITICAL: Severity.CRITICAL, HealthLevel.UNHEALTHY: Severity.ERROR}
_SYSTEM_LEVELS = {**_LEVELS, HealthLevel.DEGRADED: Severity.WARNING}
_PATTERNS = {
    Pattern.EXCHANGE_OUTAGE: Severity.CRITICAL,
    Pattern.OWN_NETWORK: Severity.CRITICAL,
    Pattern.ONE_ENDPOINT: Severity.WARNING,
}
"""The others have alerts of their own."""


_FOUND_AGAIN = ("link ", "health ", "event loop", "clock", "ban", "diagnosis")
"""Beginnings of the keys of alerts whose reasons last, and are looked at again and again."""


class AlertKind(StrEnum):
    CONNECTION = "connection"
    PERFORMANCE = "performance"
    SYSTEM = "system"
    RECOVERY = "recovery"


class Alert(Struct, frozen=True):
    """Something that a person may want to know."""

    kind: AlertKind
    key: str
    """What makes two of them the same: `link BTCUSDT`."""
    severity: Severity
    text: str
    since: float
    """When it began, in seconds of the loop's clock."""
    count: int = 1
    """How often it was raised, the suppressed times included."""
    suppressed: int = 0
    """How often it was raised without being said."""
    ended: float | None = None


@frozen
class Finding:
    """What a rule says about one alert."""

    kind: AlertKind
    key: str
    severity: Severity | None
    """None: there is no reason for it any more."""
    text: str = ""


def found_again(key: str) -> bool:
    """Whether a HealthMonitor that begins anew finds the reason of this alert again, if it is still there."""
    return key.startswith(_FOUND_AGAIN)


def link_finding(link: str, phase: LinkPhase) -> Finding:
    """Whether a link in this state is worth an alert."""
    return Finding(AlertKind.CONNECTION, f"link {link}", _LINKS.get(phase), f"link {link} is {phase.value}")


def level_finding(component: str, level: HealthLevel) -> Finding | None:
    """Whether a component at this level is worth an alert; None: UNKNOWN proves neither."""
    if level is HealthLevel.UNKNOWN:
        return None
    text = f"{component} is {level.value}"
    if component in SYSTEM_COMPONENTS:
        return Finding(AlertKind.SYSTEM, component, _SYSTEM_LEVELS.get(level), text)
    return Finding(AlertKind.PERFORMANCE, f"health {component}", _LEVELS.get(level), text)


def ban_finding(venue: str, seconds: float) -> Finding:
    """Whether our address is banned, for so many seconds still."""
    severity = Severity.ERROR if seconds > 0 else None
    return Finding(AlertKind.SYSTEM, "ban", severity, f"{venue} refuses our address for {seconds:.0f} s")


def diagnosis_finding(diagnosis: Diagnosis) -> Finding:
    """Whether a pattern is worth an alert of its own."""
    what = diagnosis.pattern.value.replace("_", " ") + (f" ({diagnosis.subject})" if diagnosis.subject else "")
    text = ": ".join([what, *diagnosis.evidence[:1]])
    return Finding(AlertKind.SYSTEM, "diagnosis", _PATTERNS.get(diagnosis.pattern), text)


def recovery_finding(kind: str, subject: str, *, ok: bool, escalated: bool, reason: str) -> Finding | None:
    """Whether the end of an incident is worth an alert; None: that is for others to say."""
    if not (ok or escalated):
        return None
    severity = None if ok else Severity.CRITICAL
    return Finding(AlertKind.RECOVERY, f"recovery {kind} {subject}", severity, f"{kind} {subject} was given up: {reason}")
