"""Who is quiet for too long, and what to do about it.

1. A subscription is quiet when nothing came for its patience. Heartbeats and answers are no data.
2. If another one on the connection delivered meanwhile, the connection lives: the quiet one is asked for anew, alone.
3. If nothing at all came for as long as the least patient of them allows, the connection is of no use and is cut. If the
   exchange pings, it is not to blame: then the market may be quiet.
4. An exchange that pings and has not for three intervals is gone, however quiet the market is wont to be.
5. A look that comes late judges nobody: what held the loop up held up the reading, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

from actors.delivery.route import Route

__all__ = ["PINGS_MISSED", "AskAnew", "Cut", "Finding", "Fine", "Pulse", "judge", "next_look"]

PINGS_MISSED: Final = 3
"""Times the interval of the exchange's pings without any: the connection is dead."""
SOONEST: Final = 0.1
"""Seconds between two looks at least."""


@frozen
class Pulse:
    """How the connection is doing besides its data."""

    flowed: float
    """When data came last over it, or it was opened."""
    pinged: float
    """When the exchange pinged last over it; `-math.inf`: not yet."""
    ping_every: float
    """Seconds between its pings; `math.inf`: it does not ping."""


@frozen
class Fine:
    """Nobody is quiet for too long."""


@frozen
class AskAnew:
    """Others deliver, these do not."""

    routes: Sequence[Route]


@frozen
class Cut:
    """Nothing is delivered: try another connection."""

    reason: str
    quiet: Sequence[Route]
    blameless: bool
    """The exchange pings: no verdict on the endpoint."""


Finding = Fine | AskAnew | Cut


def judge(routes: Iterable[Route], pulse: Pulse, now: float) -> Finding:
    """Say what is to be done about silence."""
    quiet = [route for route in routes if now - route.watched >= route.patience]
    dead_after = PINGS_MISSED * pulse.ping_every
    lives = now - pulse.pinged < dead_after if math.isfinite(dead_after) else False
    enough = [route.patience for route in quiet]
    if not lives and math.isfinite(dead_after):
        enough.append(dead_after)
    silent = now - pulse.flowed
    if enough and silent >= min(enough):
        return Cut(f"nothing came for {silent:.1f} s", quiet, lives)
    return AskAnew(quiet) if quiet else Fine()


def next_look(routes: Iterable[Route], now: float, at_most: float) -> float:
    """Seconds until somebody may have been quiet for too long."""
    soonest = min((route.watched + route.patience for route in routes), default=math.inf)
    return min(max(soonest - now, SOONEST), at_most)
