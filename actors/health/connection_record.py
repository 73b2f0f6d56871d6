"""One connection's record: from the totals that a Stream counts to rates over rolling windows, without a clock.

Rule 1: totals are of the Stream's life. One that has fallen says that a new life began, which counts from 0.
Rule 2: rates of what is frequent (frames, bad frames) are over the last minute, of what is rare (losses, gaps, duplicates) over
the last five, and so is the uptime. A rate is over the whole window from the first report on: one loss in the first second of
a process is no storm. What the last minute alone saw of losses and gaps is kept, too: an outage that is over lowers quality,
but is no ill health any more.
Rule 3: latency is measured by two clocks, so only its excess over what is usual for this connection says something. The usual
is the median of samples of the last hour.
Rule 4: all is bounded: a window keeps about 60 samples, whatever the pace of the reports.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Protocol, TypeGuard

from attrs import define, field, frozen

from actors.health.quality import Measures, quality_of

__all__ = ["ConnectionFigures", "ConnectionRecord", "Totals", "Window"]

SAMPLES = 60
CREDIT = 30.0
"""Seconds of uptime that a connection nobody knows yet begins with: else its first second would make it useless."""
LATENCY_EVERY = 10.0
LATENCY_SAMPLES = 360
PLAUSIBLE = 3600.0
"""Seconds: what is more is no latency, but a recording that is played, or a clock that was never set."""
USUAL_FROM = 6
"""Samples of latency from which on there is a usual."""


class Totals(Protocol):
    """What a Stream counts, as totals of its life: `protocol.ConnectionVitals`."""

    @property
    def endpoint(self) -> str: ...
    @property
    def connected_since(self) -> float | None: ...
    @property
    def frames(self) -> int: ...
    @property
    def bad_frames(self) -> int: ...
    @property
    def gaps(self) -> int: ...
    @property
    def losses(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def latency(self) -> float | None: ...


COUNTED = ("frames", "bad_frames", "gaps", "losses", "duplicates")


@define
class Window:
    """What sums have grown by, within the last seconds; exact to a sample at its old end. Times must not go backwards.

    Args:
        within: seconds.
        samples: how many are kept.
    """

    within: float
    samples: int = SAMPLES
    _kept: deque[tuple[float, tuple[float, ...]]] = field(init=False, factory=deque)
    _last: tuple[float, tuple[float, ...]] | None = field(init=False, default=None)

    def add(self, now: float, sums: tuple[float, ...]) -> None:
        """Take in the sums at this moment."""
        self._last = (now, sums)
        if not self._kept or now - self._kept[-1][0] >= self.within / self.samples:
            self._kept.append(self._last)
        # The newest of those that are too old stays: the window begins with it.
        while len(self._kept) > 1 and self._kept[1][0] <= now - self.within:
            self._kept.popleft()

    def growth(self) -> tuple[float, ...]:
        """By how much each sum has grown; empty before the first."""
        if self._last is None:
            return ()
        return tuple(after - before for before, after in zip(self._kept[0][1], self._last[1], strict=True))

    @property
    def span(self) -> float:
        """Seconds between its first and its last sample."""
        return 0.0 if self._last is None else self._last[0] - self._kept[0][0]

    def __len__(self) -> int:
        return len(self._kept)


@frozen
class ConnectionFigures:
    """How a connection is doing. Rates by the windows' rule; times in seconds."""

    endpoint: str
    """Empty: it is not connected."""
    connected_for: float
    """Seconds that the present connection is open; 0: there is none."""
    frames_per_second: float
    latency: float | None
    """Median from the exchange's clock to arrival, as it was reported."""
    usual_latency: float | None
    duplicates: int
    """Within the window, and dropped."""
    gaps_lately: float
    """Per minute, over the last one."""
    losses_lately: float
    """Likewise."""
    lives: int
    """Of the Stream that were reported on."""
    measures: Measures
    quality: float


@define
class ConnectionRecord:
    """What is known of one connection. Times must not go backwards.

    Args:
        short: seconds of the window of what is frequent.
        long: seconds of the window of what is rare.
    """

    short: float = 60.0
    long: float = 300.0
    lives: int = field(init=False, default=0)
    _sums: dict[str, float] = field(init=False, factory=lambda: dict.fromkeys(COUNTED, 0.0))
    _seen: dict[str, int] = field(init=False, factory=dict)
    _up: float = field(init=False, default=0.0)
    """Seconds that it was connected, in all."""
    _began: float | None = field(init=False, default=None)
    _reported: float = field(init=False, default=-math.inf)
    _last: Totals | None = field(init=False, default=None)
    _frequent: Window = field(init=False)
    _rare: Window = field(init=False)
    _latencies: deque[float] = field(init=False, factory=lambda: deque(maxlen=LATENCY_SAMPLES))
    _sampled: float = field(init=False, default=-math.inf)
    _usual: float | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._frequent, self._rare = Window(self.short), Window(self.long)

    def take(self, totals: Totals, now: float) -> bool:
        """Take in what was reported; whether a new life of the Stream reports."""
        anew = self._last is None or any(getattr(totals, name) < self._seen[name] for name in COUNTED)
        if self._began is None:
            self._began = now
            self._add_to_windows(now)
        if anew:
            self.lives += 1
            self._seen = dict.fromkeys(COUNTED, 0)
        for name in COUNTED:
            count = getattr(totals, name)
            self._sums[name] += count - self._seen[name]
            self._seen[name] = count
        if totals.connected_since is not None and self._reported > -math.inf:
            self._up += max(now - max(self._reported, totals.connected_since), 0.0)
        self._reported, self._last = now, totals
        self._add_to_windows(now)
        self._take_latency(totals.latency, now)
        return anew

    def figures(self) -> ConnectionFigures | None:
        """How it is doing, as of the last report; None before the first."""
        last = self._last
        if last is None:
            return None
        frames, bad, gaps_lately, losses_lately = self._frequent.growth()
        gaps, losses, duplicates, up = self._rare.growth()
        minutes = self.long / 60.0
        measures = Measures(
            uptime=min((up + CREDIT) / (self._rare.span + CREDIT), 1.0),
            losses=losses / minutes,
            gaps=gaps / minutes,
            bad_share=bad / frames if frames else 0.0,
            lateness=self._lateness(last.latency),
        )
        since = last.connected_since
        return ConnectionFigures(
            endpoint=last.endpoint,
            connected_for=0.0 if since is None else max(self._reported - since, 0.0),
            frames_per_second=frames / self._frequent.span if self._frequent.span > 0 else 0.0,
            latency=last.latency,
            usual_latency=self._usual,
            duplicates=round(duplicates),
            gaps_lately=gaps_lately / (self.short / 60.0),
            losses_lately=losses_lately / (self.short / 60.0),
            lives=self.lives,
            measures=measures,
            quality=quality_of(measures),
        )

    def _add_to_windows(self, now: float) -> None:
        sums = self._sums
        self._frequent.add(now, (sums["frames"], sums["bad_frames"], sums["gaps"], sums["losses"]))
        self._rare.add(now, (sums["gaps"], sums["losses"], sums["duplicates"], self._up))

    def _take_latency(self, latency: float | None, now: float) -> None:
        if not _plausible(latency) or now - self._sampled < LATENCY_EVERY:
            return
        self._sampled = now
        self._latencies.append(latency)
        if len(self._latencies) >= USUAL_FROM:
            self._usual = median(self._latencies)

    def _lateness(self, latency: float | None) -> float:
        return max(latency - self._usual, 0.0) if self._usual is not None and _plausible(latency) else 0.0


def _plausible(latency: float | None) -> TypeGuard[float]:
    return latency is not None and abs(latency) <= PLAUSIBLE  # not a number is not
