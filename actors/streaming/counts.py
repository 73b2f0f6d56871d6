"""StreamVitals: what a stream counts, and what it reports of it."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Any

from attrs import define, field

from actors.delivery.route import POLLED
from actors.delivery.routes import Routes
from actors.protocol import ConnectionVitals, Vitals
from actors.streaming.link import Link
from actors.vitals import Reading, Vital
from supervisor import Context

__all__ = ["StreamVitals"]

SAMPLES = 30
"""Latencies that a median is made of: one per beat."""


@define(eq=False)
class StreamVitals:
    """Totals of one life."""

    frames: int = 0
    bad_frames: int = 0
    _reported: tuple[int, int] = field(default=(0, 0), init=False)
    _latencies: deque[float] = field(factory=lambda: deque(maxlen=SAMPLES), init=False)
    _delivered: bool = field(default=False, init=False)
    """Something was delivered in this life."""

    def report(self, name: str, context: Context, link: Link, routes: Routes, now: float) -> Vitals:
        """What the HealthMonitor is told at this beat."""
        frames, bad = self.frames - self._reported[0], self.bad_frames - self._reported[1]
        self._reported = (self.frames, self.bad_frames)
        readings = [Reading(Vital.BAD_FRAMES, bad / frames if frames else 0.0)]
        if len(routes):
            self._delivered = self._delivered or any(route.last is not None for route in routes)
            share = max(route.silence(now) for route in routes)
            readings.append(Reading(Vital.SILENCE, share))
            if not self._delivered and share < 1.0:
                readings.clear()  # nothing came yet, and nothing need have come: that is not known to be healthy
        self._sample(context, routes)
        serving = link.serving
        connection = ConnectionVitals(
            endpoint="" if serving is None else serving.endpoint.name,
            connected_since=None if serving is None else serving.opened,
            frames=self.frames,
            bad_frames=self.bad_frames,
            gaps=routes.gaps,
            losses=link.losses,
            duplicates=routes.duplicates,
            latency=median(self._latencies) if self._latencies else None,
        )
        return Vitals(name, tuple(readings), connection=connection, sender=context.ref)

    def status(self, link: Link, routes: Routes) -> dict[str, Any]:
        """How the stream is doing, for people and programs."""
        serving = link.serving
        return {
            "frames": self.frames,
            "bad_frames": self.bad_frames,
            "endpoint": None if serving is None else serving.endpoint.name,
            "connections": len(link.open),
            "losses": link.losses,
            "hand_overs": link.hand_overs,
            "subscriptions": len(routes),
            "interrupted": [str(route.subscription) for route in routes if route.since is not None],
            "polled": [str(route.subscription) for route in routes if route.source == POLLED],
            "duplicates": routes.duplicates,
            "gaps": routes.gaps,
            "pauses": {str(route.subscription): route.pace.learned for route in routes},
        }

    def _sample(self, context: Context, routes: Routes) -> None:
        """One latency per beat: of what came last and says when it was made."""
        newest = max((route for route in routes if route.last is not None), key=lambda route: route.last_data, default=None)
        made = None if newest is None else getattr(newest.last, "time_ms", None)
        if newest is not None and newest.last is not None and made is not None:
            self._latencies.append(context.wall_clock(newest.last.received) - made / 1000)
