"""Route: one subscription on its way from a stream to its topic, and how it is doing."""

from __future__ import annotations

from typing import Any

from attrs import define

from actors.book import BookSync
from actors.market import Gap, Subscription
from supervisor import Topic

__all__ = ["Route"]


@define(eq=False)
class Route:
    """One subscription and how it is doing."""

    subscription: Subscription
    topic: Topic[Any]
    patience: float
    last_data: float
    """When data was delivered last, or when we began to wait for the first."""
    watched: float
    """From when on silence counts: when data came last, though it be for a book out of step, or the connection was opened."""
    since: float | None = None
    """Since when it is interrupted; None while data flows."""
    last_id: int | None = None
    """Of trades: the last one's id, so that a missing one is noticed."""
    sync: BookSync | None = None
    heard: bool = False
    """Of books: whether a delta came over the present connection. A snapshot from before would prove nothing."""
    gap: Gap | None = None
    """Found while interrupted; said after Resumed, because nothing comes before it."""
    renewed: float = 0.0
    """When it was asked for again last."""
    refusals: int = 0
    """How often the exchange refused it on the present connection."""
