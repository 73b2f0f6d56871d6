"""Streams that follow from the trades and the book: made only while somebody is subscribed to them. Pure.

    aggTrade                              when the last fill of an order is known
    depth                                 each full second, all changes since the last time
    depth5 depth10 depth20 (and @100ms)   each full second, or tenth of one
    kline_<interval>                      every two seconds, and once more when it is over; 1s: when it is over
    ticker miniTicker avgPrice            each second

The clock is the exchange's time of the symbol's own events, so a symbol of which nothing is heard says nothing here either.
What a recording brings itself, or has nothing to derive it from, is not made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from attrs import define, field

from actors.simulator import tickers, wire
from actors.simulator.candles import INTERVALS, close_of, open_of
from actors.simulator.dialect import Wanted
from actors.simulator.market import BookChange, Market, MarketMessage
from actors.simulator.symbols import Symbol
from actors.simulator.trades import RecentTrade

__all__ = ["DerivedStreams", "Maker"]

_PARTIAL = re.compile(r"depth(5|10|20)(@100ms)?")
_TENTH, _SECOND = 100, 1000


@define(eq=False)
class DerivedStreams:
    """What is derived from one market.

    Args:
        market: the source.
    """

    market: Market
    _changes: int = field(default=-1, init=False)
    _makers: dict[str, list[Maker]] = field(factory=dict, init=False)
    """{native symbol: who makes its streams}"""

    def makers(self, native: str, wanted: Wanted) -> Sequence[Maker]:
        """Who makes the streams of this symbol that are wanted."""
        if self._changes != wanted.changes:
            self._changes = wanted.changes
            self._plan(wanted)
        return self._makers.get(native, ())

    def frames(self, makers: Sequence[Maker], message: MarketMessage) -> Iterator[tuple[str, bytes]]:
        """What they make of this event."""
        now_ms = self.market.epoch_ms + int(message.time * 1000)
        for maker in makers:
            for data in maker.make(message, now_ms):
                yield maker.stream, data

    def _plan(self, wanted: Wanted) -> None:
        before = {maker.stream: maker for makers in self._makers.values() for maker in makers}
        self._makers = {}
        symbols = {symbol.stream: symbol for symbol in self.market.symbols}
        for stream in wanted.streams:
            name, _, kind = stream.partition("@")
            symbol = symbols.get(name)
            if symbol is None or self.market.plays(stream):
                continue
            maker = before.get(stream) or _maker(self.market, symbol, stream, kind)
            if maker is not None:
                self._makers.setdefault(symbol.native, []).append(maker)


@define(eq=False)
class Maker:
    """Makes one stream; what that is, each subclass says."""

    market: Market
    symbol: Symbol
    stream: str

    def make(self, message: MarketMessage, now_ms: int) -> Iterator[bytes]:
        """The events that a message of the market becomes."""
        raise NotImplementedError(f"{type(self).__name__} makes nothing")  # a kind without this is a mistake of ours


@define(eq=False)
class _Aggregates(Maker):
    def make(self, message: MarketMessage, now_ms: int) -> Iterator[bytes]:
        if isinstance(message.content, RecentTrade) and message.content.ends:
            aggregate = self.market.history(self.symbol.native).aggregates[-1]
            yield wire.aggregate_event(self.symbol, aggregate)


@define(eq=False)
class _Timed(Maker):
    """One event per slot of time, at the first event of the market after it."""

    every: int
    data: Callable[[Market, Symbol, int], bytes | None]
    _slot: int | None = field(default=None, init=False)

    def make(self, message: MarketMessage, now_ms: int) -> Iterator[bytes]:
        slot, before = now_ms // self.every, self._slot
        if slot == before:
            return
        self._slot = slot
        if before is not None:
            data = self.data(self.market, self.symbol, now_ms)
            if data is not None:
                yield data


@define(eq=False)
class _SlowBook(Maker):
    """Changes of the book, joined for a second."""

    _first_id: int = field(default=0, init=False)
    _last: BookChange | None = field(default=None, init=False)
    _bids: dict[str, str] = field(factory=dict, init=False)
    _asks: dict[str, str] = field(factory=dict, init=False)

    def make(self, message: MarketMessage, now_ms: int) -> Iterator[bytes]:
        change = message.content
        if not isinstance(change, BookChange):
            return
        last = self._last
        if last is not None and change.time_ms // _SECOND != last.time_ms // _SECOND:
            bids, asks = tuple(self._bids.items()), tuple(self._asks.items())
            joined = BookChange(last.time_ms, self._first_id, last.last_id, bids, asks)
            last = None
            yield wire.depth_event(self.symbol, joined)
        if last is None:
            self._first_id = change.first_id
            self._bids.clear()
            self._asks.clear()
        self._bids.update(change.bids)
        self._asks.update(change.asks)
        self._last = change


@define(eq=False)
class _Kline(Maker):
    interval: str
    _slot: int | None = field(default=None, init=False)

    def make(self, message: MarketMessage, now_ms: int) -> Iterator[bytes]:
        every = _SECOND if self.interval == "1s" else 2 * _SECOND
        slot, before = now_ms // every, self._slot
        if slot == before:
            return
        self._slot = slot
        if before is None:
            return
        # The one that the last event was about may be over since.
        told_from = open_of(self.interval, before * every)
        for candle in self.market.history(self.symbol.native).candles.klines(self.interval, now_ms):
            over = now_ms > close_of(self.interval, candle.open_ms)
            # Of seconds only those that are over are told: what is known of this one is no news.
            if candle.open_ms >= told_from and (over or self.interval != "1s"):
                yield tickers.kline_event(self.symbol, self.interval, candle, now_ms)


def _maker(market: Market, symbol: Symbol, stream: str, kind: str) -> Maker | None:
    """Who makes this stream; None where there is no such stream."""
    if match := _PARTIAL.fullmatch(kind):
        levels = int(match[1])
        return _Timed(market, symbol, stream, _TENTH if match[2] else _SECOND, _partial(levels))
    if kind.removeprefix("kline_") in INTERVALS and kind.startswith("kline_"):
        return _Kline(market, symbol, stream, kind.removeprefix("kline_"))
    match kind:
        case "aggTrade":
            return _Aggregates(market, symbol, stream)
        case "depth":
            return _SlowBook(market, symbol, stream)
        case "ticker":
            return _Timed(market, symbol, stream, _SECOND, _day)
        case "miniTicker":
            return _Timed(market, symbol, stream, _SECOND, _mini)
        case "avgPrice":
            return _Timed(market, symbol, stream, _SECOND, _average)
        case _:
            return None


def _partial(levels: int) -> Callable[[Market, Symbol, int], bytes | None]:
    def data(market: Market, symbol: Symbol, _now_ms: int) -> bytes | None:
        depth = market.depth(symbol.native, levels)
        return wire.depth_body(depth) if depth else None

    return data


def _day(market: Market, symbol: Symbol, now_ms: int) -> bytes | None:
    traded = market.history(symbol.native).trades
    return tickers.DayTicker.of(market, symbol, now_ms).event() if traded else None


def _mini(market: Market, symbol: Symbol, now_ms: int) -> bytes | None:
    traded = market.history(symbol.native).trades
    return tickers.DayTicker.of(market, symbol, now_ms).mini_event() if traded else None


def _average(market: Market, symbol: Symbol, now_ms: int) -> bytes | None:
    history = market.history(symbol.native)
    return tickers.average_event(symbol, history, now_ms) if history.trades else None
