"""OKX v5, as the simulator speaks it. Implements `Dialect`.

    /ws/v5/public     trades, bbo-tbt, books (400 levels) and tickers

Books begin with a snapshot and go on by name of the state before; their checksum is 0, as since June 2026, or a real one where
that is asked for. Events are made only where somebody is subscribed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from attrs import define, field

from actors.simulator.answers import HttpAnswer, Query
from actors.simulator.dialect import Refusal, Wanted
from actors.simulator.history import Aggregate, latest
from actors.simulator.market import BestPrices, BookChange, Market, MarketMessage
from actors.simulator.okx import wire
from actors.simulator.okx.book import LEVELS, PublishedBook
from actors.simulator.okx.requests import OkxRequests
from actors.simulator.okx.rest import OkxRest
from actors.simulator.symbols import Symbol
from actors.simulator.tickers import DayTicker
from actors.simulator.trades import RecentTrade

__all__ = ["OkxDialect"]

PATH = "/ws/v5/public"
ALIVE_MS = 60_000
"""After so long without a change, a book says that it is still there."""
DEEP = 10**6


@define(eq=False)
class OkxDialect:
    """One market by OKX's rules.

    Args:
        market: what is told of; it has not begun.
        time_ms: the exchange's time now, milliseconds since 1970.
        stream_limit: channels per connection.
        checksums: real ones, instead of 0.
    """

    market: Market
    time_ms: Callable[[], int]
    stream_limit: int
    checksums: bool = False
    _symbols: dict[str, Symbol] = field(init=False)
    """{`BTCUSDT`: symbol}"""
    _books: dict[str, PublishedBook] = field(init=False)
    _rest: OkxRest = field(init=False)
    _latest: dict[str, Aggregate] = field(init=False)
    """{`BTCUSDT`: the latest trade that was told}: the market may know of a later one, whose turn has not come."""
    _said: dict[str, int] = field(factory=dict, init=False)
    """{instrument: when its book said something last}"""

    def __attrs_post_init__(self) -> None:
        self._symbols = {symbol.native: symbol for symbol in self.market.symbols}
        self._books, self._latest = {}, {}
        for symbol in self.market.symbols:
            if past := latest(self.market.history(symbol.native).aggregates, 1):
                self._latest[symbol.native] = past[0]
            depth = self.market.depth(symbol.native, DEEP)
            if depth is not None:
                self._books[wire.native(symbol)] = PublishedBook.of(depth, self.market.epoch_ms)
        self._rest = OkxRest(self.market, self._books, self.time_ms)

    def rest(self, target: str, now: float) -> HttpAnswer:
        """See `Dialect`."""
        return self._rest.get(target, now)

    def session(self, path: str, query: Query, refused: Mapping[str, Refusal]) -> OkxRequests | None:
        """See `Dialect`."""
        if path.rstrip("/") != PATH:
            return None
        known = frozenset(wire.stream_name(channel, name) for channel in wire.CHANNELS for name in self._books)
        return OkxRequests(known, self.stream_limit, refused, self._begins)

    def frames(self, message: MarketMessage, wanted: Wanted) -> Iterable[tuple[str, bytes]]:
        """See `Dialect`."""
        symbol = self._symbols.get(message.native)
        match message.content:
            case _ if symbol is None:
                return ()
            case RecentTrade() as one:
                return self._trades(symbol, one, wanted)
            case BestPrices() as best:
                return self._best(symbol, best, message.time, wanted)
            case BookChange() as change:
                return self._changes(symbol, change, wanted)
            case _:
                return ()

    def book_streams(self, symbol: Symbol) -> Sequence[str]:
        """See `Dialect`."""
        return (wire.stream_name(wire.BOOKS, wire.native(symbol)),)

    def shutdown_event(self, time_ms: int) -> tuple[str, bytes]:
        """See `Dialect`."""
        return "notice", wire.notice()

    def ban_answer(self, status: int, until_ms: int, retry_after: int) -> HttpAnswer:
        """See `Dialect`. OKX names no time."""
        return HttpAnswer(status, wire.answer([], "50011", "Too Many Requests"))

    # ---- what a stream begins with

    def _begins(self, stream: str) -> bytes | None:
        channel, _, name = stream.partition(":")
        symbol = next(one for one in self.market.symbols if wire.native(one) == name)
        if channel == wire.TRADES:
            found = self._latest.get(symbol.native)
            return None if found is None else wire.event(channel, symbol, wire.trade_of_aggregate(symbol, found))
        if channel == wire.TICKERS:
            return wire.event(channel, symbol, self._ticker(symbol))
        book = self._books[name]
        if channel == wire.BEST:
            return wire.event(channel, symbol, wire.book_row(book, 1))
        checksum = book.checksum if self.checksums else 0
        return wire.event(channel, symbol, wire.book_row(book, LEVELS, checksum=checksum), "snapshot")

    # ---- what events of the market become

    def _trades(self, symbol: Symbol, trade: RecentTrade, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
        if not trade.ends:
            return  # all matches of one order at one price are one message
        stream = wire.stream_name(wire.TRADES, wire.native(symbol))
        whole = self._latest[symbol.native] = self.market.history(symbol.native).aggregates[-1]
        if stream in wanted.streams:
            yield stream, wire.event(wire.TRADES, symbol, wire.trade_of_aggregate(symbol, whole))

    def _best(self, symbol: Symbol, best: BestPrices, time: float, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
        stream = wire.stream_name(wire.BEST, wire.native(symbol))
        if stream in wanted.streams:
            time_ms = self.market.epoch_ms + int(time * 1000)
            yield stream, wire.event(wire.BEST, symbol, wire.best_row(best.update_id, time_ms, best.bid, best.ask))

    def _changes(self, symbol: Symbol, change: BookChange, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
        name = wire.native(symbol)
        stream, book = wire.stream_name(wire.BOOKS, name), self._books[name]
        told = stream in wanted.streams
        published = book.change(change, told=told)
        if published is not None or not told:
            self._said[name] = change.time_ms
        elif change.time_ms - self._said.get(name, change.time_ms) >= ALIVE_MS:
            self._said[name] = change.time_ms
            published = (book.seq_id, [], [])
        if published is not None:
            checksum = book.checksum if self.checksums else 0
            yield stream, wire.event(wire.BOOKS, symbol, wire.update_row(book, *published, checksum), "update")
        stream = wire.stream_name(wire.TICKERS, name)
        if stream in wanted.streams:
            yield stream, wire.event(wire.TICKERS, symbol, self._ticker(symbol))

    def _ticker(self, symbol: Symbol) -> wire.Row:
        return wire.ticker(DayTicker.of(self.market, symbol, self.time_ms()))
