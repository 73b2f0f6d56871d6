"""Binance's JSON, as the simulator writes it: stream events and REST bodies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from actors.simulator.history import Aggregate
from actors.simulator.market import BookChange, Depth, PriceLevel
from actors.simulator.symbols import Symbol
from actors.simulator.trades import RecentTrade

__all__ = [
    "aggregate_event",
    "aggregates_body",
    "combined",
    "depth_body",
    "depth_event",
    "exchange_info",
    "quote_event",
    "shutdown_event",
    "trade_event",
    "trades_body",
]

_STEP = "0.00000001"


def combined(stream: str, data: bytes) -> bytes:
    """An event in the envelope of the combined streams."""
    return b'{"stream":"%s","data":%s}' % (stream.encode(), data)


def trade_event(symbol: Symbol, trade: RecentTrade) -> bytes:
    maker = "true" if trade.buyer_is_maker else "false"
    return (
        f'{{"e":"trade","E":{trade.time_ms},"s":"{symbol.native}","t":{trade.id},"p":"{trade.price}",'
        f'"q":"{trade.quantity}","T":{trade.time_ms},"m":{maker},"M":true}}'
    ).encode()


def quote_event(symbol: Symbol, update_id: int, bid: PriceLevel, ask: PriceLevel) -> bytes:
    return (f'{{"u":{update_id},"s":"{symbol.native}","b":"{bid[0]}","B":"{bid[1]}","a":"{ask[0]}","A":"{ask[1]}"}}').encode()


def depth_event(symbol: Symbol, change: BookChange) -> bytes:
    return (
        f'{{"e":"depthUpdate","E":{change.time_ms},"s":"{symbol.native}","U":{change.first_id},"u":{change.last_id},'
        f'"b":{_levels(change.bids)},"a":{_levels(change.asks)}}}'
    ).encode()


def shutdown_event(time_ms: int) -> bytes:
    return b'{"e":"serverShutdown","E":%d}' % time_ms


def depth_body(depth: Depth) -> bytes:
    return msgspec.json.encode({"lastUpdateId": depth.last_id, "bids": depth.bids, "asks": depth.asks})


def trades_body(trades: Iterable[RecentTrade]) -> bytes:
    return msgspec.json.encode(
        [
            {
                "id": trade.id,
                "price": trade.price,
                "qty": trade.quantity,
                "quoteQty": f"{Decimal(trade.price) * Decimal(trade.quantity):.8f}",
                "time": trade.time_ms,
                "isBuyerMaker": trade.buyer_is_maker,
                "isBestMatch": True,
            }
            for trade in trades
        ]
    )


def aggregate_event(symbol: Symbol, aggregate: Aggregate) -> bytes:
    event = {"e": "aggTrade", "E": aggregate.time_ms, "s": symbol.native}
    return msgspec.json.encode({**event, **_aggregate(aggregate)})


def aggregates_body(aggregates: Iterable[Aggregate]) -> bytes:
    return msgspec.json.encode([_aggregate(aggregate) for aggregate in aggregates])


def _aggregate(aggregate: Aggregate) -> dict[str, object]:
    return {
        "a": aggregate.id,
        "p": aggregate.price,
        "q": aggregate.quantity,
        "f": aggregate.first_id,
        "l": aggregate.last_id,
        "T": aggregate.time_ms,
        "m": aggregate.buyer_is_maker,
        "M": True,
    }


def exchange_info(symbols: Iterable[Symbol], time_ms: int, weight_limit: int) -> bytes:
    limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_limit}
    return msgspec.json.encode(
        {
            "timezone": "UTC",
            "serverTime": time_ms,
            "rateLimits": [limit],
            "exchangeFilters": [],
            "symbols": [_listing(symbol) for symbol in symbols],
        }
    )


def _listing(symbol: Symbol) -> dict[str, object]:
    return {
        "symbol": symbol.native,
        "status": "TRADING",
        "baseAsset": symbol.base,
        "baseAssetPrecision": 8,
        "quoteAsset": symbol.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "pegInstructionsAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": _STEP, "maxPrice": "1000000.00000000", "tickSize": _STEP},
            {"filterType": "LOT_SIZE", "minQty": _STEP, "maxQty": "900000.00000000", "stepSize": _STEP},
            {
                "filterType": "NOTIONAL",
                "minNotional": "5.00000000",
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


def _levels(levels: Sequence[PriceLevel]) -> str:
    return "[" + ",".join(f'["{price}","{quantity}"]' for price, quantity in levels) + "]"
