"""All that a HealthMonitor knows, in plain types: for people, dashboards and JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import asdict
from msgspec import structs

from actors.alert_rules import Alert
from actors.analysis.patterns import Diagnosis
from actors.health.alert_book import AlertBook
from actors.health.clock_offset import ClockOffset
from actors.health.component_chart import Chart, trend_as_data
from actors.vitals import HealthLevel

__all__ = ["alerts_as_data", "charts_as_data", "clock_as_data", "diagnoses_as_data", "trends_as_data"]

CHANGES_SHOWN = 10
TRENDS_SHOWN = 20
"""Components whose trends are reckoned: a line through a history is not free."""


def charts_as_data(charts: Mapping[str, Chart], now: float) -> dict[str, Any]:
    """Every component: its level, what it measured last, its connection, its last changes of level."""
    return {name: _chart(chart, now) for name, chart in charts.items()}


def _chart(chart: Chart, now: float) -> dict[str, Any]:
    changes = list(chart.health.history)[-CHANGES_SHOWN:]
    return {
        "level": chart.health.level(now).value,
        "critical": chart.critical,
        "reported_ago": now - chart.reported,
        "vitals": {
            reading.vital.value: {"value": reading.value, "limit": reading.limit, "level": reading.level().value}
            for reading in chart.readings
        },
        "connection": None if chart.figures is None else asdict(chart.figures),
        "changes": [{"before": one.before.value, "after": one.after.value, "at": one.at} for one in changes],
    }


def trends_as_data(charts: Mapping[str, Chart], always: Iterable[str], now: float) -> dict[str, Any]:
    """Where things are going: of the components in `always`, and of the worst of those that are not healthy."""
    levels = {name: chart.health.level(now) for name, chart in charts.items()}
    ill = sorted(
        (name for name, level in levels.items() if level is not HealthLevel.HEALTHY), key=lambda name: -levels[name].rank
    )
    names = dict.fromkeys([*(name for name in always if name in charts), *ill])
    found = {name: charts[name].trends() for name in list(names)[:TRENDS_SHOWN]}
    return {name: {vital: trend_as_data(one) for vital, one in trends.items()} for name, trends in found.items()}


def clock_as_data(clock: ClockOffset, now: float) -> dict[str, Any] | None:
    """How far the exchange's clock is from ours; None: not known."""
    estimate = clock.estimate(now)
    return None if estimate is None else {**asdict(estimate), "times_set": clock.steps}


def alerts_as_data(book: AlertBook) -> dict[str, Any]:
    """Alerts that are on, and the last that have ended."""
    return {
        "active": [_alert(alert) for alert in book.active()],
        "ended": [_alert(alert) for alert in book.ended()],
        "dropped": book.dropped,
    }


def _alert(alert: Alert) -> dict[str, Any]:
    return {**structs.asdict(alert), "kind": alert.kind.value, "severity": alert.severity.name.lower()}


def diagnoses_as_data(diagnoses: Iterable[tuple[float, Diagnosis]]) -> list[dict[str, Any]]:
    """Diagnoses, each with the time when it was made."""
    return [{"at": at, **_diagnosis(diagnosis)} for at, diagnosis in diagnoses]


def _diagnosis(diagnosis: Diagnosis) -> dict[str, Any]:
    words = {"pattern": diagnosis.pattern.value, "action": diagnosis.action.value, "evidence": list(diagnosis.evidence)}
    return {**structs.asdict(diagnosis), **words}
