"""What the HealthMonitor is told and asked."""

from __future__ import annotations

from typing import Any

from actors.alert_rules import Alert, AlertKind
from actors.analysis.patterns import Diagnosis
from actors.errors import Severity
from actors.vitals import HealthLevel, Reading
from supervisor import Message, Request

__all__ = [
    "ActiveAlerts",
    "AlertMoved",
    "ConnectionVitals",
    "Diagnose",
    "HealthChanged",
    "HealthDetail",
    "HealthReport",
    "LinkQuality",
    "RaiseAlert",
    "Vitals",
]


class ConnectionVitals(Message, frozen=True):
    """What a Stream counts, as totals of its life; differences and rates are the monitor's."""

    endpoint: str
    """Where it is connected to; empty: it is not."""
    connected_since: float | None
    frames: int
    bad_frames: int
    gaps: int
    """Holes that could not be filled."""
    losses: int
    """Connections lost, and attempts refused."""
    duplicates: int
    latency: float | None = None
    """Median of exchange time to arrival of late, in seconds of the wall clock: the offset of the clocks is in it."""


class Vitals(Message, frozen=True):
    """One report of measurements of one component."""

    component: str
    readings: tuple[Reading, ...]
    critical: bool = True
    connection: ConnectionVitals | None = None
    sender: Any = None  # Ref[Any], to whom LinkQuality is told


class LinkQuality(Message, frozen=True):
    """How good a connection is judged to be, from 0 (useless) to 1 (flawless). Reconnection delays follow it."""

    score: float


class HealthReport(Request[dict[str, HealthLevel]], frozen=True):
    """The level of every component, and of the whole under the key `""`."""


class HealthDetail(Request[dict[str, Any]], frozen=True):
    """All that the monitor knows: levels, vitals per connection, quality, clock, lag, alerts, diagnosis, trends. For people
    and programs: plain types.
    """


class ActiveAlerts(Request[tuple[Alert, ...]], frozen=True):
    """The alerts that have not ended, gravest first."""


class RaiseAlert(Message, frozen=True):
    """Somebody else's alert, for the monitor to suppress, count and publish; the same key again is the same alert."""

    kind: AlertKind
    key: str
    severity: Severity
    text: str
    on: bool = True
    """False: it has ended."""


class AlertMoved(Message, frozen=True):
    """Published on ALERTS: an alert began, was repeated after its suppression, or ended."""

    alert: Alert
    venue: str


class Diagnose(Request[Diagnosis], frozen=True):
    """Which pattern fits what is going on."""


class HealthChanged(Message, frozen=True):
    """Published on HEALTH_CHANGES: a component went from one level to another."""

    component: str
    before: HealthLevel
    after: HealthLevel
    at: float
    venue: str
