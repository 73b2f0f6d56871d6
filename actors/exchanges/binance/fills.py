"""Numbered events by their ids: what a stream has missed, asked for over REST."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from attrs import frozen
from msgspec import field
from msgspec.structs import force_setattr

from actors.errors import BadFrame
from actors.exchanges.binance import rest
from actors.exchanges.binance.streams import BinanceAggregate
from actors.market import Feed, MarketEvent, Subscription, Trade
from actors.ports import RestRequest, RestResponse

__all__ = ["LATEST", "MOST", "WEIGHT", "fill_request", "latest_request", "parse_events"]

MOST = 1000
"""Events in one answer."""
LATEST = 10
"""Events that a first poll brings. Their weight is that of a thousand; who polls wants to see what is, not a history."""

WEIGHT = 25
"""Of trades; aggregates cost less."""


class OldTrade(Trade, frozen=True, kw_only=True, gc=False):
    id: int
    price: Decimal
    quantity: Decimal = field(name="qty")
    buyer_is_maker: bool = field(name="isBuyerMaker")
    time_ms: int = field(name="time")


@frozen
class _Numbered:
    """How one numbered feed is asked for."""

    by_id: str
    """Path that takes `fromId`, inclusive."""
    latest: str
    weight: int
    parse: Callable[[RestResponse], Sequence[MarketEvent]]


_NUMBERED: Mapping[Feed, _Numbered] = {
    # The market-data-only host has no historicalTrades; it is the last in the order of endpoints.
    Feed.TRADES: _Numbered(
        "/api/v3/historicalTrades", "/api/v3/trades", WEIGHT, lambda response: rest.parse(response, list[OldTrade])
    ),
    Feed.AGGREGATES: _Numbered(
        "/api/v3/aggTrades", "/api/v3/aggTrades", 4, lambda response: rest.parse(response, list[BinanceAggregate])
    ),
}


def fill_request(subscription: Subscription, after_id: int, before_id: int | None = None) -> RestRequest | None:
    """Asks for what follows `after_id`, up to but not including `before_id`; None: the feed is not numbered."""
    feed = _NUMBERED.get(subscription.feed)
    if feed is None:
        return None
    missing = MOST if before_id is None else before_id - after_id - 1
    limit = max(1, min(MOST, missing))
    params = {"symbol": subscription.instrument.native, "fromId": str(after_id + 1), "limit": str(limit)}
    return RestRequest(feed.by_id, params, weight=feed.weight)


def latest_request(subscription: Subscription) -> RestRequest:
    """Asks for the latest events of a numbered feed."""
    feed = _NUMBERED[subscription.feed]
    params = {"symbol": subscription.instrument.native, "limit": str(LATEST)}
    return RestRequest(feed.latest, params, weight=feed.weight)


def parse_events(subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
    """Oldest first. Raises ExchangeRefused or BadFrame."""
    feed = _NUMBERED.get(subscription.feed)
    if feed is None:
        raise BadFrame(f"{subscription} has no ids to ask for", response.body)
    events = feed.parse(response)
    for event in events:
        force_setattr(event, "instrument", subscription.instrument)
    return events
