"""Binance's candles, 24 h statistics and average prices, as REST and as streams tell them. Pure."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from attrs import frozen

from actors.simulator.candles import DAY, MINUTE, Candle, close_of
from actors.simulator.history import TradeHistory
from actors.simulator.market import Market, PriceLevel
from actors.simulator.symbols import Symbol

__all__ = ["DayTicker", "average_body", "average_event", "kline_event", "kline_row"]

AVERAGED = 5
"""Minutes of an average price."""
_NOTHING = ("0.00000000", "0.00000000")


def fixed(value: Decimal) -> str:
    return f"{value:.8f}"


def kline_row(interval: str, candle: Candle) -> list[object]:
    return [
        candle.open_ms,
        *map(fixed, (candle.open, candle.high, candle.low, candle.close, candle.volume)),
        close_of(interval, candle.open_ms),
        fixed(candle.quote_volume),
        candle.count,
        fixed(candle.taker_volume),
        fixed(candle.taker_quote_volume),
        "0",
    ]


def kline_event(symbol: Symbol, interval: str, candle: Candle, now_ms: int) -> bytes:
    close_ms = close_of(interval, candle.open_ms)
    kline = {
        "t": candle.open_ms,
        "T": close_ms,
        "s": symbol.native,
        "i": interval,
        "f": candle.first_id,
        "L": candle.last_id,
        "o": fixed(candle.open),
        "c": fixed(candle.close),
        "h": fixed(candle.high),
        "l": fixed(candle.low),
        "v": fixed(candle.volume),
        "n": candle.count,
        "x": now_ms > close_ms,
        "q": fixed(candle.quote_volume),
        "V": fixed(candle.taker_volume),
        "Q": fixed(candle.taker_quote_volume),
        "B": "0",
    }
    return msgspec.json.encode({"e": "kline", "E": now_ms, "s": symbol.native, "k": kline})


@frozen
class DayTicker:
    """The last 24 hours of a symbol.

    Args:
        symbol: which.
        now_ms: the exchange's time.
        candle: the 24 hours as one; all zeros where nobody traded.
        last_quantity: of the last trade.
        bid: the best one.
        ask: the best one.
    """

    symbol: Symbol
    now_ms: int
    candle: Candle
    last_quantity: str
    bid: PriceLevel
    ask: PriceLevel

    @classmethod
    def of(cls, market: Market, symbol: Symbol, now_ms: int) -> DayTicker:
        history = market.history(symbol.native)
        candle = history.candles.since(now_ms - DAY) or Candle.flat(now_ms - DAY, Decimal(0))
        last, depth = history.last, market.depth(symbol.native, 1)
        bid = depth.bids[0] if depth and depth.bids else _NOTHING
        ask = depth.asks[0] if depth and depth.asks else _NOTHING
        return cls(symbol, now_ms, candle, last.quantity if last else _NOTHING[1], bid, ask)

    @property
    def _change(self) -> tuple[str, str, str]:
        """Price change, the same in percent, and the weighted average price."""
        change, begin = self.candle.close - self.candle.open, self.candle.open
        percent = change / begin * 100 if begin else Decimal(0)
        average = self.candle.quote_volume / self.candle.volume if self.candle.volume else Decimal(0)
        return fixed(change), f"{percent:.3f}", fixed(average)

    def body(self, kind: str) -> dict[str, object]:
        """The answer of REST, `FULL` or `MINI`."""
        candle = self.candle
        change, percent, average = self._change
        mini: dict[str, object] = {
            "symbol": self.symbol.native,
            "openPrice": fixed(candle.open),
            "highPrice": fixed(candle.high),
            "lowPrice": fixed(candle.low),
            "lastPrice": fixed(candle.close),
            "volume": fixed(candle.volume),
            "quoteVolume": fixed(candle.quote_volume),
            "openTime": self.now_ms - DAY,
            "closeTime": self.now_ms,
            "firstId": candle.first_id,
            "lastId": candle.last_id,
            "count": candle.count,
        }
        if kind == "MINI":
            return mini
        return {
            **mini,
            "priceChange": change,
            "priceChangePercent": percent,
            "weightedAvgPrice": average,
            # The trade before these 24 hours is not kept.
            "prevClosePrice": fixed(candle.open),
            "lastQty": self.last_quantity,
            "bidPrice": self.bid[0],
            "bidQty": self.bid[1],
            "askPrice": self.ask[0],
            "askQty": self.ask[1],
        }

    def event(self) -> bytes:
        candle = self.candle
        change, percent, average = self._change
        return msgspec.json.encode(
            {
                "e": "24hrTicker",
                "E": self.now_ms,
                "s": self.symbol.native,
                "p": change,
                "P": percent,
                "w": average,
                "x": fixed(candle.open),
                "c": fixed(candle.close),
                "Q": self.last_quantity,
                "b": self.bid[0],
                "B": self.bid[1],
                "a": self.ask[0],
                "A": self.ask[1],
                "o": fixed(candle.open),
                "h": fixed(candle.high),
                "l": fixed(candle.low),
                "v": fixed(candle.volume),
                "q": fixed(candle.quote_volume),
                "O": self.now_ms - DAY,
                "C": self.now_ms,
                "F": candle.first_id,
                "L": candle.last_id,
                "n": candle.count,
            }
        )

    def mini_event(self) -> bytes:
        candle = self.candle
        return msgspec.json.encode(
            {
                "e": "24hrMiniTicker",
                "E": self.now_ms,
                "s": self.symbol.native,
                "c": fixed(candle.close),
                "o": fixed(candle.open),
                "h": fixed(candle.high),
                "l": fixed(candle.low),
                "v": fixed(candle.volume),
                "q": fixed(candle.quote_volume),
            }
        )


def average_body(history: TradeHistory, now_ms: int) -> bytes:
    price, closed_ms = _average(history, now_ms)
    return msgspec.json.encode({"mins": AVERAGED, "price": price, "closeTime": closed_ms})


def average_event(symbol: Symbol, history: TradeHistory, now_ms: int) -> bytes:
    price, closed_ms = _average(history, now_ms)
    event = {"e": "avgPrice", "E": now_ms, "s": symbol.native, "i": f"{AVERAGED}m", "w": price, "T": closed_ms}
    return msgspec.json.encode(event)


def _average(history: TradeHistory, now_ms: int) -> tuple[str, int]:
    """The average price, and when the last trade was; the last price where nobody traded for so long."""
    last = history.last
    if last is None:
        return _NOTHING[0], 0
    candle = history.candles.since(now_ms - AVERAGED * MINUTE)
    if candle is None or not candle.volume:
        return fixed(Decimal(last.price)), last.time_ms
    return fixed(candle.quote_volume / candle.volume), last.time_ms
