"""What Binance's REST tells of the market: one method per path. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec
from attrs import frozen

from actors.simulator import tickers, wire
from actors.simulator.candles import INTERVALS
from actors.simulator.history import between, from_id, latest
from actors.simulator.market import Depth, Market
from actors.simulator.parameters import Parameters, Refused
from actors.simulator.symbols import Symbol

__all__ = ["MarketData"]

DEEPEST = 5000
MOST = 1000
"""Entries in an answer."""
_FOREVER = 2**63


@frozen
class MarketData:
    """Answers about one market. Every method raises Refused where the request is wrong.

    Args:
        market: what is told of.
        time_ms: the exchange's time now, milliseconds since 1970.
        weight_limit: what `exchangeInfo` says.
    """

    market: Market
    time_ms: Callable[[], int]
    weight_limit: int

    def exchange_info(self, asked: Parameters) -> bytes:
        return wire.exchange_info(asked.wanted(), self.time_ms(), self.weight_limit)

    def depth(self, asked: Parameters) -> bytes:
        return wire.depth_body(self._book(asked.symbol(), min(asked.limit(100), DEEPEST)))

    def trades(self, asked: Parameters) -> bytes:
        history = self.market.history(asked.symbol().native)
        return wire.trades_body(latest(history.trades, _most(asked)))

    def historical_trades(self, asked: Parameters) -> bytes:
        history, first = self.market.history(asked.symbol().native), asked.number("fromId")
        most = _most(asked)
        return wire.trades_body(latest(history.trades, most) if first is None else from_id(history.trades, first, most))

    def aggregates(self, asked: Parameters) -> bytes:
        entries, most = self.market.history(asked.symbol().native).aggregates, _most(asked)
        first, start, end = (asked.number(name) for name in ("fromId", "startTime", "endTime"))
        if first is not None:
            if start is not None or end is not None:
                raise Refused(400, -1128, "Combination of optional parameters invalid.")
            return wire.aggregates_body(from_id(entries, first, most))
        if start is None and end is None:
            return wire.aggregates_body(latest(entries, most))
        if start is None:
            # The newest ones up to then, as nothing says where to begin.
            return wire.aggregates_body(between(entries, 0, end or 0, len(entries))[-most:])
        return wire.aggregates_body(between(entries, start, _FOREVER if end is None else end, most))

    def klines(self, asked: Parameters) -> bytes:
        symbol, interval = asked.symbol(), asked.text("interval")
        if not interval:
            raise Refused(400, -1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.")
        if interval not in INTERVALS:
            raise Refused(400, -1120, "Invalid interval.")
        start, end, most = asked.number("startTime"), asked.number("endTime"), _most(asked)
        candles = [
            candle
            for candle in self.market.history(symbol.native).candles.klines(interval, self.time_ms())
            if (start or 0) <= candle.open_ms <= (_FOREVER if end is None else end)
        ]
        chosen = candles[-most:] if start is None else candles[:most]
        return msgspec.json.encode([tickers.kline_row(interval, candle) for candle in chosen])

    def average_price(self, asked: Parameters) -> bytes:
        return tickers.average_body(self.market.history(asked.symbol().native), self.time_ms())

    def day_tickers(self, asked: Parameters) -> bytes:
        kind = asked.text("type", "FULL")
        if kind not in ("FULL", "MINI"):
            raise Refused(400, -1139, "Invalid ticker type.")
        return _each(asked, lambda symbol: tickers.DayTicker.of(self.market, symbol, self.time_ms()).body(kind))

    def prices(self, asked: Parameters) -> bytes:
        return _each(asked, lambda symbol: {"symbol": symbol.native, "price": self._price(symbol)})

    def best_prices(self, asked: Parameters) -> bytes:
        return _each(asked, self._best)

    def _best(self, symbol: Symbol) -> dict[str, str]:
        book = self._book(symbol, 1)
        (bid, bid_quantity), (ask, ask_quantity) = book.bids[0], book.asks[0]
        return {"symbol": symbol.native, "bidPrice": bid, "bidQty": bid_quantity, "askPrice": ask, "askQty": ask_quantity}

    def _price(self, symbol: Symbol) -> str:
        last = self.market.history(symbol.native).last
        return tickers.fixed(Decimal(last.price if last else 0))

    def _book(self, symbol: Symbol, limit: int) -> Depth:
        depth = self.market.depth(symbol.native, limit)
        if depth is None:
            raise Refused(503, -1001, "Internal error; unable to process your request. Please try again.")
        return depth


def _each(asked: Parameters, tell: Callable[[Symbol], object]) -> bytes:
    """About each symbol that is asked for; a list, unless a single one is named by `symbol`."""
    told = [tell(symbol) for symbol in asked.wanted()]
    return msgspec.json.encode(told[0] if asked.one else told)


def _most(asked: Parameters) -> int:
    return min(asked.limit(500), MOST)
