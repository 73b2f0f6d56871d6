"""Binance's public REST, as the simulator answers it. Pure: an address in, an answer out.

    /api/v3/ping   /api/v3/time   /api/v3/exchangeInfo   /api/v3/depth   /api/v3/trades

Anything else is a web page with status 404, as on the real exchange: a client must cope with errors that are not JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from attrs import define, field, frozen

from actors.simulator import wire
from actors.simulator.limits import WeightMeter
from actors.simulator.market import Market
from actors.simulator.symbols import Symbol

__all__ = ["HttpAnswer", "RestApi", "split_target"]

_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))
_DEEPEST = 5000
_NOT_FOUND = b"<html>\n<head><title>404 Not Found</title></head>\n<body><h1>404 Not Found</h1></body>\n</html>\n"

Query = Mapping[str, Sequence[str]]


@frozen
class HttpAnswer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(factory=dict)
    content_type: str = "application/json;charset=UTF-8"


class _Refused(Exception):
    """An error of the API: status, code and words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@define(eq=False)
class RestApi:
    """Answers for one market.

    Args:
        market: what is told of.
        weights: what was spent.
        time_ms: the exchange's time now, milliseconds since 1970.
    """

    market: Market
    weights: WeightMeter
    time_ms: Callable[[], int]

    def get(self, target: str, now: float) -> HttpAnswer:
        """Answer a GET request.

        Args:
            target: path and query.
            now: wall clock, seconds.
        """
        path, query = split_target(target)
        answers: dict[str, tuple[Callable[[Query], int], Callable[[Query], bytes]]] = {
            "/api/v3/ping": (lambda _: 1, lambda _: b"{}"),
            "/api/v3/time": (lambda _: 1, lambda _: b'{"serverTime":%d}' % self.time_ms()),
            "/api/v3/exchangeInfo": (lambda _: 20, self._exchange_info),
            "/api/v3/depth": (_depth_weight, self._depth),
            "/api/v3/trades": (lambda _: 25, self._trades),
        }
        if path not in answers:
            return HttpAnswer(404, _NOT_FOUND, content_type="text/html")
        weigh, answer = answers[path]
        try:
            wait = self.weights.spend(weigh(query), now)
            if wait is not None:
                return self._too_much(wait)
            return HttpAnswer(200, answer(query), self._used())
        except _Refused as exc:
            return HttpAnswer(exc.status, _error(exc.code, exc.message), self._used())

    def _used(self) -> dict[str, str]:
        used = str(self.weights.used)
        return {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}

    def _too_much(self, wait: float) -> HttpAnswer:
        message = f"Too much request weight used; current limit is {self.weights.limit} request weight per 1 MINUTE."
        return HttpAnswer(429, _error(-1003, message), {**self._used(), "Retry-After": f"{wait:.0f}"})

    def _exchange_info(self, query: Query) -> bytes:
        symbols: Sequence[Symbol] = self.market.symbols
        if "symbol" in query:
            symbols = [self._symbol(query)]
        elif "symbols" in query:
            symbols = [self._find(native) for native in _symbol_list(query["symbols"][0])]
        return wire.exchange_info(symbols, self.time_ms(), self.weights.limit)

    def _depth(self, query: Query) -> bytes:
        depth = self.market.depth(self._symbol(query).native, min(_limit(query, 100), _DEEPEST))
        if depth is None:
            raise _Refused(503, -1001, "Internal error; unable to process your request. Please try again.")
        return wire.depth_body(depth)

    def _trades(self, query: Query) -> bytes:
        return wire.trades_body(self.market.trades(self._symbol(query).native, min(_limit(query, 500), 1000)))

    def _symbol(self, query: Query) -> Symbol:
        native = query.get("symbol", [""])[0]
        if not native:
            raise _Refused(400, -1102, _malformed("symbol"))
        if not re.fullmatch(r"[A-Z0-9\-_.]{1,20}", native):
            raise _Refused(400, -1100, _illegal("symbol", "^[A-Z0-9-_.]{1,20}$"))
        return self._find(native)

    def _find(self, native: str) -> Symbol:
        for symbol in self.market.symbols:
            if symbol.native == native:
                return symbol
        raise _Refused(400, -1121, "Invalid symbol.")


def split_target(target: str) -> tuple[str, dict[str, list[str]]]:
    """Path and query of a request, both percent-decoded."""
    # A path may begin with two slashes, which urlsplit would take for a host.
    parts = urlsplit("/" + target.lstrip("/"))
    return unquote(parts.path), parse_qs(parts.query, keep_blank_values=True)


def _depth_weight(query: Query) -> int:
    limit = _limit(query, 100)
    return next((weight for most, weight in _DEPTH_WEIGHTS if limit <= most), _DEPTH_WEIGHTS[-1][1])


def _limit(query: Query, default: int) -> int:
    text = query.get("limit", [str(default)])[0]
    if not text:
        raise _Refused(400, -1102, _malformed("limit"))
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise _Refused(400, -1100, _illegal("limit", "^[0-9]{1,20}$"))
    if int(text) == 0:
        raise _Refused(400, -1130, "Data sent for parameter 'limit' is not valid.")
    return int(text)


def _symbol_list(text: str) -> list[str]:
    try:
        return msgspec.json.decode(text, type=list[str])
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise _Refused(400, -1100, _illegal("symbols", '^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$')) from exc


def _malformed(name: str) -> str:
    return f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


def _illegal(name: str, legal: str) -> str:
    return f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."


def _error(code: int, message: str) -> bytes:
    return msgspec.json.encode({"code": code, "msg": message})
