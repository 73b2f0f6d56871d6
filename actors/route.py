"""Route: one subscription on its way from a stream to its topic, and how it is doing."""

from __future__ import annotations

from typing import Any, Final

from attrs import define

from actors.book import BookSync
from actors.market import Gap, Subscription
from supervisor import Topic

__all__ = ["Route"]

DOUBLINGS: Final = 3
"""How often the patience with a subscription is doubled at most."""


@define(eq=False)
class Route:
    """One subscription and how it is doing."""

    subscription: Subscription
    topic: Topic[Any]
    patience: float
    """Seconds that it may be quiet."""
    last_data: float
    """When data was delivered last, or when we began to wait for the first."""
    watched: float
    """From when on silence counts: when data came last, though it be for a book out of step, or it was asked for."""
    since: float | None = None
    """Since when it is interrupted; None while data flows."""
    told: bool = False
    """Whether its consumers were told that it is interrupted."""
    last_id: int | None = None
    """Of trades: the last one's id, so that a missing one is noticed."""
    sync: BookSync | None = None
    heard: bool = False
    """Of books: whether a delta came over the present connection. A snapshot from before would prove nothing."""
    gap: Gap | None = None
    """Found while interrupted; said after Resumed, because nothing comes before it."""
    fruitless: int = 0
    """How often it was asked for anew since data came last, over this connection or another."""
    refusals: int = 0
    """How often the exchange refused it on the present connection."""

    @property
    def patience_now(self) -> float:
        """Seconds of silence after which it is asked for anew. Twice as many each time that was of no use: where nobody trades,
        nothing is to come, and every attempt costs a connection."""
        return self.patience * (1 << min(self.fruitless, DOUBLINGS))
