"""Where a measurement is going: a robust line through its past, with an honest answer where there is none. Pure.

The slope is Theil and Sen's: the median of the slopes between all pairs of points. Up to 29 % of the points may be arbitrarily
wrong before it can be led astray. So that a long series does not cost its square, it is first made into at most `POINTS`
points, each the median of its neighbours.

Confidence: what the line rises by over the span, as a share of that and of how far the points scatter about it. A line through
noise has little, an exact one has 1. Below a half it is Flat: to call that a trend would be to guess.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from statistics import median

from attrs import frozen

from actors.vitals import Thresholds

__all__ = ["Falling", "Flat", "NotEnoughData", "Rising", "Trend", "trend"]

POINTS = 30
WANTED = 10
"""Points below which nothing is said."""
CERTAIN_FROM = 0.5
SCATTER = 2 * 1.4826
"""The median distance from a line, times this, is two standard deviations of normal noise."""
FLOOR = 1e-9
"""A rise that is this share of the values themselves is an error of rounding."""


@frozen
class NotEnoughData:
    """There is no answer, and this is why."""

    given: int
    wanted: int


@frozen
class Flat:
    """It goes nowhere, as far as one can tell."""

    level: float
    """Where it is."""


@frozen
class _Slope:
    rate: float
    """Per second."""
    level: float
    """Where the line is at the last point."""
    threshold: float | None
    """The next one in its way; None: there is none."""
    crosses_in: float | None
    """Seconds from the last point until it is there, if it goes on like this."""
    confidence: float
    """From a half to 1."""


@frozen
class Rising(_Slope):
    """It grows."""


@frozen
class Falling(_Slope):
    """It gets less."""


Trend = NotEnoughData | Flat | Rising | Falling


def trend(points: Iterable[tuple[float, float]], thresholds: Thresholds | None = None) -> Trend:
    """The trend of a series.

    Args:
        points: (when, value), oldest first; what is not finite is left out.
        thresholds: which values matter.
    """
    finite = [(at, value) for at, value in points if math.isfinite(at) and math.isfinite(value)]
    times = {at for at, _ in finite}
    if len(times) < WANTED:
        return NotEnoughData(len(times), WANTED)
    few = _thinned(finite)
    slopes = [(later[1] - sooner[1]) / (later[0] - sooner[0]) for sooner, later in combinations(few, 2) if later[0] > sooner[0]]
    rate = median(slopes)
    last = few[-1][0]
    level = median(value + rate * (last - at) for at, value in few)
    scatter = SCATTER * median(abs(value + rate * (last - at) - level) for at, value in few)
    rise = abs(rate) * (last - few[0][0])
    size = max(abs(value) for _, value in few)
    # The line ends where the last point is, and that is where seconds are counted from: `few` may end a little before.
    level += rate * (finite[-1][0] - last)
    if not math.isfinite(rise + level) or rise <= FLOOR * size or rise < CERTAIN_FROM * (rise + scatter):
        return Flat(median(value for _, value in few))
    threshold = _next(level, rate, thresholds)
    crosses = None if threshold is None else max((threshold - level) / rate, 0.0)
    kind = Rising if rate > 0 else Falling
    return kind(rate, level, threshold, crosses, rise / (rise + scatter))


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `POINTS` points: medians of neighbours."""
    if len(points) <= POINTS:
        return list(points)
    edges = [round(number * len(points) / POINTS) for number in range(POINTS + 1)]
    groups = [points[begin:end] for begin, end in pairwise(edges)]
    return [(median(at for at, _ in group), median(value for _, value in group)) for group in groups]


def _next(level: float, rate: float, thresholds: Thresholds | None) -> float | None:
    if thresholds is None:
        return None
    steps = (thresholds.warning, thresholds.degraded, thresholds.unhealthy, thresholds.critical)
    if rate > 0:
        return next((step for step in steps if level < step < math.inf), None)
    return next((step for step in reversed(steps) if level >= step and step < math.inf), None)
