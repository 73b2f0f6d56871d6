"""How good a connection is, as one number: 1 is flawless, 0 useless.

    quality = uptime * 0.5^(losses / 0.6) * 0.5^gaps * 0.5^(bad / 0.02) / (1 + late)

    uptime   share of the time that it was connected
    losses   per minute: three in five minutes halve it
    gaps     holes per minute that could not be filled: one a minute halves it
    bad      share of frames that could not be used: two in a hundred halve it
    late     seconds that data takes longer than it usually does: one second halves it

A product, because each of them alone can make a connection useless, and none makes up for another. Latency counts against its
own usual: a far-away exchange is no bad connection, and the offset of the clocks, which is in every latency, cancels out.
"""

from __future__ import annotations

import math

from attrs import frozen

__all__ = ["FLAWLESS", "Measures", "quality_of"]

LOSSES_THAT_HALVE = 0.6
GAPS_THAT_HALVE = 1.0
BAD_SHARE_THAT_HALVES = 0.02
LATENESS_THAT_HALVES = 1.0


@frozen
class Measures:
    """What the quality of a connection is made of. All of it is 0 or more; what is not a number counts as nothing."""

    uptime: float = 1.0
    """Share of the time that it was connected, from 0 to 1."""
    losses: float = 0.0
    """Connections lost, and attempts refused, per minute."""
    gaps: float = 0.0
    """Holes per minute that could not be filled."""
    bad_share: float = 0.0
    """Share of frames that could not be used, from 0 to 1."""
    lateness: float = 0.0
    """Seconds that data takes longer than it usually does."""


FLAWLESS = Measures()


def quality_of(measures: Measures) -> float:
    """The quality, from 0 to 1. It never rises when one of the measures gets worse."""
    score = 1.0 if math.isnan(measures.uptime) else min(max(measures.uptime, 0.0), 1.0)
    score *= _halved(measures.losses, LOSSES_THAT_HALVE)
    score *= _halved(measures.gaps, GAPS_THAT_HALVE)
    score *= _halved(measures.bad_share, BAD_SHARE_THAT_HALVES)
    return score / (1.0 + _amount(measures.lateness) / LATENESS_THAT_HALVES)


def _halved(value: float, that_halves: float) -> float:
    return float(0.5 ** (_amount(value) / that_halves))


def _amount(value: float) -> float:
    return 0.0 if math.isnan(value) else max(value, 0.0)
