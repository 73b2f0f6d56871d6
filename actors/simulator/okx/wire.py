"""OKX's JSON, as the simulator writes it: events of channels, answers of REST. Numbers are text, and levels rows of four."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from actors.simulator.history import Aggregate
from actors.simulator.market import PriceLevel
from actors.simulator.okx.book import PublishedBook, short
from actors.simulator.symbols import Symbol
from actors.simulator.tickers import DayTicker, fixed
from actors.simulator.trades import RecentTrade

__all__ = [
    "BEST",
    "BOOKS",
    "CHANNELS",
    "CONNECTION",
    "TICKERS",
    "TRADES",
    "Row",
    "answer",
    "best_row",
    "book_row",
    "event",
    "instrument",
    "native",
    "notice",
    "stream_name",
    "ticker",
    "trade",
    "trade_of_aggregate",
    "update_row",
]

TRADES, BEST, BOOKS, TICKERS = CHANNELS = ("trades", "bbo-tbt", "books", "tickers")
CONNECTION = "a4d3ae55"

Row = Mapping[str, Any]


def native(symbol: Symbol) -> str:
    """`BTC-USDT`."""
    return f"{symbol.base}-{symbol.quote}"


def stream_name(channel: str, instrument: str) -> str:
    """What the simulator calls a subscription: `books:BTC-USDT`."""
    return f"{channel}:{instrument}"


def event(channel: str, symbol: Symbol, row: Row, action: str = "") -> bytes:
    content = {"arg": {"channel": channel, "instId": native(symbol)}, **({"action": action} if action else {}), "data": [row]}
    return msgspec.json.encode(content)


def book_row(book: PublishedBook, count: int, *, checksum: int | None = None) -> Row:
    """All of a book; with a checksum, as a stream's snapshot is."""
    bids, asks = book.levels(count)
    row = {"asks": _rows(asks), "bids": _rows(bids), "ts": str(book.time_ms), "seqId": book.seq_id}
    return row if checksum is None else {**row, "checksum": checksum, "prevSeqId": -1}


def update_row(
    book: PublishedBook, previous_id: int, bids: Sequence[PriceLevel], asks: Sequence[PriceLevel], checksum: int
) -> Row:
    return {
        "asks": _rows(asks),
        "bids": _rows(bids),
        "ts": str(book.time_ms),
        "checksum": checksum,
        "prevSeqId": previous_id,
        "seqId": book.seq_id,
    }


def best_row(seq_id: int, time_ms: int, bid: PriceLevel, ask: PriceLevel) -> Row:
    bids, asks = ([(short(price), short(quantity))] for price, quantity in (bid, ask))
    return {"asks": _rows(asks), "bids": _rows(bids), "ts": str(time_ms), "seqId": seq_id}


def trade(symbol: Symbol, one: RecentTrade) -> Row:
    """A single match, as REST tells it."""
    return _trade(symbol, one.id, one.price, one.quantity, one.time_ms, buyer_is_maker=one.buyer_is_maker)


def trade_of_aggregate(symbol: Symbol, one: Aggregate) -> Row:
    """All matches of an order at one price, as the channel tells them: the id is that of the last one."""
    row = _trade(symbol, one.last_id, one.price, one.quantity, one.time_ms, buyer_is_maker=one.buyer_is_maker)
    return {**row, "count": str(one.last_id - one.first_id + 1), "seqId": one.id}


def ticker(day: DayTicker) -> Row:
    candle = day.candle
    return {
        "instType": "SPOT",
        "instId": native(day.symbol),
        "last": short(fixed(candle.close)),
        "lastSz": short(day.last_quantity),
        "askPx": short(day.ask[0]),
        "askSz": short(day.ask[1]),
        "bidPx": short(day.bid[0]),
        "bidSz": short(day.bid[1]),
        "open24h": short(fixed(candle.open)),
        "high24h": short(fixed(candle.high)),
        "low24h": short(fixed(candle.low)),
        "volCcy24h": short(fixed(candle.quote_volume)),
        "vol24h": short(fixed(candle.volume)),
        "sodUtc0": short(fixed(candle.open)),
        "sodUtc8": short(fixed(candle.open)),
        "ts": str(day.now_ms),
    }


def instrument(symbol: Symbol) -> Row:
    return {
        "instType": "SPOT",
        "instId": native(symbol),
        "baseCcy": symbol.base,
        "quoteCcy": symbol.quote,
        "tickSz": "0.01",
        "lotSz": "0.00001",
        "minSz": "0.00001",
        "state": "live",
    }


def answer(rows: Iterable[Row], code: str = "0", message: str = "") -> bytes:
    """What REST answers."""
    return msgspec.json.encode({"code": code, "msg": message, "data": list(rows)})


def notice() -> bytes:
    """The service is going to be upgraded."""
    words = "The connection will soon be closed for a service upgrade. Please reconnect."
    return msgspec.json.encode({"event": "notice", "code": "64008", "msg": words, "connId": CONNECTION})


def _trade(symbol: Symbol, trade_id: int, price: str, quantity: str, time_ms: int, *, buyer_is_maker: bool) -> Row:
    return {
        "instId": native(symbol),
        "tradeId": str(trade_id),
        "px": short(price),
        "sz": short(quantity),
        "side": "sell" if buyer_is_maker else "buy",
        "ts": str(time_ms),
        "source": "0",
    }


def _rows(levels: Iterable[PriceLevel]) -> list[tuple[str, str, str, str]]:
    return [(price, quantity, "0", "0" if quantity == "0" else "1") for price, quantity in levels]
