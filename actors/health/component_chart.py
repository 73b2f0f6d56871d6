"""One component's chart: its level, its connection's record and its history, from the reports it sends. Without a clock."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from attrs import define, field, frozen

from actors.analysis.forecast import NotEnoughData, Trend, trend
from actors.analysis.history import History
from actors.health.connection_record import ConnectionFigures, ConnectionRecord, Totals
from actors.vitals import THRESHOLDS, Health, HealthChange, HealthLevel, Reading, Vital, combine

__all__ = ["Chart", "Taken", "levels_of", "trend_as_data"]

TELL_FROM = 0.02
"""By how much the quality must have changed to be told again."""
TREND_OVER = 600.0
"""Seconds of history that a trend is made of."""
CONNECTION_COLUMNS = (Vital.SILENCE.value, Vital.LATENCY.value, Vital.LOSSES.value, "quality", "frames_per_second")

_THRESHOLDS = {vital.value: thresholds for vital, thresholds in THRESHOLDS.items()}


@frozen
class Taken:
    """What followed from a report."""

    changes: tuple[HealthChange, ...]
    quality: float | None
    """The quality to tell the connection's owner; None: as told before."""


@define
class Chart:
    """What is known of one component. Times must not go backwards.

    Args:
        health: its levels.
        critical: whether the whole cannot do without it.
    """

    health: Health
    critical: bool = True
    reported: float = field(init=False, default=0.0)
    """When it reported last."""
    readings: tuple[Reading, ...] = field(init=False, default=())
    """What it reported last, and what follows from its totals."""
    record: ConnectionRecord | None = field(init=False, default=None)
    """None: it has no connection."""
    figures: ConnectionFigures | None = field(init=False, default=None)
    """Its connection's, as of the last report."""
    history: History | None = field(init=False, default=None)
    """None: it has not measured anything yet."""
    _told: float = field(init=False, default=1.0)

    def take(self, readings: Iterable[Reading], totals: Totals | None, now: float) -> Taken:
        """Take one report in.

        Args:
            readings: what it measured itself.
            totals: what its connection has counted; None: nothing is said of one.
            now: the time.
        """
        own = tuple(readings)
        quality, derived = (None, ()) if totals is None else self._take_totals(totals, now)
        # A report without a measurement says that nothing is known yet. What we make of the totals is no reason to know better.
        self.readings = (*own, *derived) if own else ()
        self.reported = now
        self._keep(now)
        return Taken(self.health.report(self.readings, now), quality)

    def trends(self) -> dict[str, Trend]:
        """Where its measurements are going, by the last ten minutes; without those of which too little is known."""
        if self.history is None:
            return {}
        found: dict[str, Trend] = {}
        for name in self.history.columns:
            points = self.history.seconds.series(name, self.reported - TREND_OVER)
            if points:
                found[name] = trend(points, _THRESHOLDS.get(name))
        return found

    def _take_totals(self, totals: Totals, now: float) -> tuple[float | None, tuple[Reading, ...]]:
        if self.record is None:
            self.record = ConnectionRecord()
        if self.record.take(totals, now):
            self._told = 1.0  # a new life begins with the best opinion of its connection
        figures = self.figures = self.record.figures()
        if figures is None:
            raise AssertionError("a record that has just been reported to has figures")
        measures = figures.measures
        derived = [Reading(Vital.LOSSES, figures.losses_lately), Reading(Vital.GAPS, figures.gaps_lately)]
        if figures.usual_latency is not None:
            derived.append(Reading(Vital.LATENCY, measures.lateness))
        quality = figures.quality
        if abs(quality - self._told) < TELL_FROM:
            return None, tuple(derived)
        self._told = quality
        return quality, tuple(derived)

    def _keep(self, now: float) -> None:
        values: dict[str, float] = {reading.vital.value: reading.value / reading.limit for reading in self.readings}
        if self.figures is not None:
            values |= {"quality": self.figures.quality, "frames_per_second": self.figures.frames_per_second}
        if not values:
            return
        if self.history is None:
            self.history = History(tuple(values) if self.figures is None else CONNECTION_COLUMNS)
        self.history.add(now, values)


def levels_of(charts: Mapping[str, Chart], own: Collection[str], now: float) -> dict[str, HealthLevel]:
    """The level of every component, and of the whole under the key `""`.

    Args:
        charts: {component: its chart}.
        own: components that are the monitor's own: that our loop runs is no proof that anything else does.
        now: the time.
    """
    levels = {name: chart.health.level(now) for name, chart in charts.items()}
    vital = [name for name, chart in charts.items() if chart.critical]
    whole = combine(levels, critical=vital) if any(name not in own for name in levels) else HealthLevel.UNKNOWN
    return {"": whole, **levels}


def trend_as_data(found: Trend) -> dict[str, Any]:
    """A trend in plain types."""
    if isinstance(found, NotEnoughData):
        return {"trend": "not enough data", "given": found.given, "wanted": found.wanted}
    names = [name for name in ("level", "rate", "threshold", "crosses_in", "confidence") if hasattr(found, name)]
    return {"trend": type(found).__name__.lower(), **{name: getattr(found, name) for name in names}}
