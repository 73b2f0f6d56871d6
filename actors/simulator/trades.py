"""A trade, as every market tells it."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["RecentTrade"]


class RecentTrade(Struct, frozen=True, gc=False):
    id: int
    price: str
    quantity: str
    time_ms: int
    buyer_is_maker: bool
    aggregate_id: int
    """Of the taker's order at this price, of which this is one fill; they count up by one."""
    ends: bool = True
    """Whether it is the last fill of its aggregate."""
