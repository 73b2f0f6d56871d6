"""How healthy a component is: from measurements to a level, without a clock.

    HEALTHY < WARNING < UNKNOWN < DEGRADED < UNHEALTHY < CRITICAL

1. Each measurement has thresholds, and the worst measurement of a report gives its *raw* level.
2. Hysteresis makes the level of the component from the raw ones: it falls to what the last `worse` reports all were at
   least, and rises to what the last `better` reports all were at most. A single odd reading moves nothing.
3. Silence is the exception: it falls at once. A silence as long as its limit has been watched for that long already, and
   waiting for a second report would break the promise that a silent stream is DEGRADED within its time.
4. A component whose last report is older than its time to live is UNKNOWN, on reading, without anyone acting.
5. A whole is as bad as its worst part; a part that is not critical pulls it down to DEGRADED and no further. UNKNOWN ranks
   before DEGRADED: not to know is worse than a warning, and no proof of trouble.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NoReturn

from attrs import define, field, frozen

__all__ = [
    "THRESHOLDS",
    "Health",
    "HealthChange",
    "HealthLevel",
    "Reading",
    "Thresholds",
    "Vital",
    "combine",
    "raw_level",
    "worst",
]

KEPT_CHANGES = 100
"""Changes of level that a component remembers."""


class HealthLevel(StrEnum):
    HEALTHY = "healthy"
    WARNING = "warning"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The larger, the worse."""
        return _RANK[self]


_RANK = {level: rank for rank, level in enumerate(HealthLevel)}


class Vital(StrEnum):
    """What is measured of a component."""

    SILENCE = "silence"
    """Seconds without data, as a share of the seconds that are allowed."""
    BAD_FRAMES = "bad_frames"
    """Share of frames that could not be used."""
    ERRORS = "errors"
    """Share of calls that failed."""
    RESTARTS = "restarts"
    """Restarts within the window of the restart intensity, as a share of those that are allowed."""
    LAG = "lag"
    """Seconds that the event loop or a mailbox is behind."""
    BACKLOG = "backlog"
    """How full a queue is, as a share of its capacity."""
    LATENCY = "latency"
    """Seconds that data takes longer than it usually does."""
    CLOCK = "clock"
    """Seconds that our wall clock and the exchange's are surely apart, in whichever direction."""
    GAPS = "gaps"
    """Holes per minute that could not be filled."""
    LOSSES = "losses"
    """Connections lost, and attempts refused, per minute."""


def _refuse(what: str, value: object, expected: str) -> NoReturn:
    raise ValueError(f"vitals got {what}={value!r}; expected {expected}")


@frozen
class Thresholds:
    """From which value on a measurement is how bad; `math.inf` for a level it never reaches.

    Raises:
        ValueError: they fall, or are not above 0.
    """

    warning: float
    degraded: float
    unhealthy: float = math.inf
    critical: float = math.inf

    def __attrs_post_init__(self) -> None:
        steps = (self.warning, self.degraded, self.unhealthy, self.critical)
        if not 0 < self.warning <= self.degraded <= self.unhealthy <= self.critical:
            _refuse("thresholds", steps, "numbers above 0 that do not fall, for example Thresholds(0.5, 1.0, 2.0, 4.0)")

    def level(self, value: float) -> HealthLevel:
        """The level of this value. A value that is not a number says nothing: UNKNOWN."""
        if math.isnan(value):
            return HealthLevel.UNKNOWN
        if value >= self.critical:
            return HealthLevel.CRITICAL
        if value >= self.unhealthy:
            return HealthLevel.UNHEALTHY
        if value >= self.degraded:
            return HealthLevel.DEGRADED
        return HealthLevel.WARNING if value >= self.warning else HealthLevel.HEALTHY


THRESHOLDS: Mapping[Vital, Thresholds] = MappingProxyType(
    {
        Vital.SILENCE: Thresholds(0.75, 1.0, 2.0, 4.0),
        Vital.BAD_FRAMES: Thresholds(0.001, 0.01, 0.05, 0.25),
        Vital.ERRORS: Thresholds(0.05, 0.2, 0.5, 0.9),
        Vital.RESTARTS: Thresholds(0.2, 0.5, 0.8, 1.0),
        Vital.LAG: Thresholds(0.25, 1.0, 5.0, 15.0),
        Vital.BACKLOG: Thresholds(0.5, 0.8, 0.95, 1.0),
        Vital.LATENCY: Thresholds(0.5, 2.0, 10.0),
        # An exchange refuses what is signed with a time that is a second ahead of its own.
        Vital.CLOCK: Thresholds(0.25, 1.0, 5.0),
        # One alone is a bad moment, and no ill health.
        Vital.GAPS: Thresholds(3.0, 10.0, 30.0),
        # Never worse by itself: a link that is lost often and delivers between is a nuisance; one that does not is silent.
        Vital.LOSSES: Thresholds(3.0, 6.0),
    }
)

AT_ONCE = frozenset({Vital.SILENCE})
"""Measurements that span time themselves and need no second report."""


@frozen
class Reading:
    """One measurement of one component.

    Args:
        vital: what was measured.
        value: as its vital says, or in its own unit if there is a limit.
        limit: what is allowed, in the unit of the value; the value is then read as a share of it.

    Raises:
        ValueError: a limit that is not above 0.
    """

    vital: Vital
    value: float
    limit: float = 1.0

    def __attrs_post_init__(self) -> None:
        if not self.limit > 0:
            _refuse("limit", self.limit, "a number above 0, for example Reading(Vital.SILENCE, 12.0, limit=30.0)")

    def level(self, thresholds: Mapping[Vital, Thresholds] = THRESHOLDS) -> HealthLevel:
        """How bad this measurement is by itself."""
        return thresholds[self.vital].level(self.value / self.limit)


def worst(levels: Iterable[HealthLevel], default: HealthLevel = HealthLevel.UNKNOWN) -> HealthLevel:
    """The worst of these levels; `default` of none."""
    return max(levels, key=_RANK.__getitem__, default=default)


def raw_level(readings: Iterable[Reading], thresholds: Mapping[Vital, Thresholds] = THRESHOLDS) -> HealthLevel:
    """The level of one report: that of its worst measurement, UNKNOWN without any. What is not a number says nothing."""
    levels = (reading.level(thresholds) for reading in readings)
    return worst(level for level in levels if level is not HealthLevel.UNKNOWN)


def combine(levels: Mapping[str, HealthLevel], *, critical: Collection[str]) -> HealthLevel:
    """The level of a whole from those of its parts: the worst wins, UNKNOWN without parts.

    Args:
        levels: {part: its level}.
        critical: the parts that the whole cannot do without. The others pull it down to DEGRADED at most.
    """
    return worst(level if part in critical else _capped(level) for part, level in levels.items())


def _capped(level: HealthLevel) -> HealthLevel:
    return level if level.rank <= HealthLevel.DEGRADED.rank else HealthLevel.DEGRADED


@frozen
class HealthChange:
    """A component went from one level to another."""

    component: str
    before: HealthLevel
    after: HealthLevel
    at: float


@define
class Health:
    """One component's level over time. Times must not go backwards.

    Args:
        component: its name.
        ttl: seconds that a report counts.
        worse: reports in a row that it takes to fall.
        better: reports in a row that it takes to rise.
        thresholds: which value is how bad.

    Raises:
        ValueError: a count below 1, or a time to live that is not above 0.
    """

    component: str
    ttl: float = field(default=30.0, kw_only=True)
    worse: int = field(default=2, kw_only=True)
    better: int = field(default=3, kw_only=True)
    thresholds: Mapping[Vital, Thresholds] = field(default=THRESHOLDS, kw_only=True)
    history: deque[HealthChange] = field(factory=lambda: deque(maxlen=KEPT_CHANGES), init=False)
    """The last changes, oldest first."""
    _level: HealthLevel = field(default=HealthLevel.UNKNOWN, init=False)
    _raw: deque[HealthLevel] = field(init=False)
    """The raw levels of the last reports."""
    _reported: float = field(default=-math.inf, init=False)

    def __attrs_post_init__(self) -> None:
        for name in ("worse", "better"):
            if getattr(self, name) < 1:
                _refuse(name, getattr(self, name), f"a count of 1 or more, for example {name}=2")
        if not self.ttl > 0:
            _refuse("ttl", self.ttl, "seconds above 0, for example ttl=30.0")
        self._raw = deque(maxlen=max(self.worse, self.better))

    def level(self, now: float) -> HealthLevel:
        """The level at this moment; UNKNOWN if the last report is older than its time to live."""
        return self._level if now <= self._reported + self.ttl else HealthLevel.UNKNOWN

    def report(self, readings: Iterable[Reading], now: float) -> tuple[HealthChange, ...]:
        """Take in one report of measurements and return the changes of level, oldest first: first what time alone has made of
        the level since the last report, then what this one makes of it.

        The first report after UNKNOWN gives the level by itself: there is nothing to be cautious about. A report without a
        single number says nothing and is none.
        """
        changes = [self.check(now)]
        readings = tuple(readings)
        raw = raw_level(readings, self.thresholds)
        if raw is not HealthLevel.UNKNOWN:
            self._reported = now
            self._raw.append(raw)
            changes.append(self._go(self._judged(raw, readings), now))
        return tuple(change for change in changes if change is not None)

    def check(self, now: float) -> HealthChange | None:
        """Let time pass: a report that has outlived its time to live makes the level UNKNOWN, from that moment on."""
        if self._level is HealthLevel.UNKNOWN or self.level(now) is not HealthLevel.UNKNOWN:
            return None
        self._raw.clear()
        return self._go(HealthLevel.UNKNOWN, self._reported + self.ttl)

    def _judged(self, raw: HealthLevel, readings: Iterable[Reading]) -> HealthLevel:
        """The level after a report whose own level is `raw`."""
        if self._level is HealthLevel.UNKNOWN:
            return raw
        at_once = raw_level((reading for reading in readings if reading.vital in AT_ONCE), self.thresholds)
        settled = self._settled()
        return settled if at_once is HealthLevel.UNKNOWN else worst([settled, at_once])

    def _settled(self) -> HealthLevel:
        """The level that hysteresis makes of the last reports."""
        last = list(self._raw)
        if len(last) >= self.worse:
            surely = min(last[-self.worse :], key=_RANK.__getitem__)
            if surely.rank > self._level.rank:
                return surely
        if len(last) >= self.better:
            at_most = worst(last[-self.better :])
            if at_most.rank < self._level.rank:
                return at_most
        return self._level

    def _go(self, after: HealthLevel, now: float) -> HealthChange | None:
        if after is self._level:
            return None
        change = HealthChange(self.component, self._level, after, now)
        self._level = after
        self.history.append(change)
        return change
