"""OKX's public REST, as the simulator answers it. Pure: an address in, an answer out.

    /api/v5/public/time   /api/v5/public/instruments   /api/v5/market/books   /api/v5/market/trades   /api/v5/market/ticker

Each path has a limit of its own within two seconds. An error has HTTP status 200 and a code; one too many has status 429.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from attrs import define, field

from actors.simulator.answers import HttpAnswer, Query, split_target
from actors.simulator.history import latest
from actors.simulator.market import Market
from actors.simulator.okx import wire
from actors.simulator.okx.book import LEVELS, PublishedBook
from actors.simulator.symbols import Symbol
from actors.simulator.tickers import DayTicker

__all__ = ["OkxRest"]

WITHIN = 2.0
"""Seconds for which a path's limit is."""
MOST_TRADES = 500
_NOT_FOUND = b"<html>\n<head><title>404 Not Found</title></head>\n<body><h1>404 Not Found</h1></body>\n</html>\n"

_Tell = Callable[[Query], bytes]


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@define(eq=False)
class OkxRest:
    """Answers for one market.

    Args:
        market: what is told of.
        books: {`BTC-USDT`: its book}.
        time_ms: the exchange's time now, milliseconds since 1970.
    """

    market: Market
    books: Mapping[str, PublishedBook]
    time_ms: Callable[[], int]
    _paths: dict[str, tuple[int, _Tell]] = field(init=False)
    _asked: dict[str, deque[float]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        paths: dict[str, tuple[int, _Tell]] = {
            "public/time": (10, lambda _: wire.answer([{"ts": str(self.time_ms())}])),
            "public/instruments": (20, self._instruments),
            "market/books": (40, self._book),
            "market/trades": (100, self._trades),
            "market/ticker": (20, self._ticker),
        }
        self._paths = {f"/api/v5/{name}": pair for name, pair in paths.items()}
        self._asked = {path: deque() for path in self._paths}

    def get(self, target: str, now: float) -> HttpAnswer:
        """Answer a GET request.

        Args:
            target: path and query.
            now: wall clock, seconds.
        """
        path, query = split_target(target)
        if path not in self._paths:
            return HttpAnswer(404, _NOT_FOUND, content_type="text/html")
        most, tell = self._paths[path]
        times = self._asked[path]
        while times and times[0] <= now - WITHIN:
            times.popleft()
        if len(times) >= most:
            return HttpAnswer(429, wire.answer([], "50011", "Too Many Requests"))
        times.append(now)
        try:
            return HttpAnswer(200, tell(query))
        except _Refused as exc:
            return HttpAnswer(200, wire.answer([], exc.code, exc.message))

    def _instruments(self, query: Query) -> bytes:
        if _text(query, "instType") != "SPOT":
            raise _Refused("51000", "Parameter instType error")
        return wire.answer(wire.instrument(symbol) for symbol in self.market.symbols)

    def _book(self, query: Query) -> bytes:
        book = self.books[wire.native(self._symbol(query))]
        return wire.answer([wire.book_row(book, min(_number(query, "sz", 1), LEVELS))])

    def _trades(self, query: Query) -> bytes:
        symbol, most = self._symbol(query), min(_number(query, "limit", 100), MOST_TRADES)
        found = latest(self.market.history(symbol.native).trades, most)
        return wire.answer(wire.trade(symbol, one) for one in reversed(found))

    def _ticker(self, query: Query) -> bytes:
        return wire.answer([wire.ticker(DayTicker.of(self.market, self._symbol(query), self.time_ms()))])

    def _symbol(self, query: Query) -> Symbol:
        named = _text(query, "instId")
        if not named:
            raise _Refused("50014", "Parameter instId can not be empty.")
        for symbol in self.market.symbols:
            if wire.native(symbol) == named:
                return symbol
        raise _Refused("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")


def _text(query: Query, name: str) -> str:
    return query.get(name, ("",))[0]


def _number(query: Query, name: str, default: int) -> int:
    text = _text(query, name)
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise _Refused("51000", f"Parameter {name} error")
    return int(text)
