"""Binance's public REST, without I/O: requests with their weights, and what the answers mean.

An error is `{"code": -1121, "msg": "Invalid symbol."}` with an HTTP status of 400 or more; in front of the API
stand a firewall and nginx, whose errors (403, 410, 451, 502) are HTML.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from actors.errors import BadFrame, ExchangeRefused
from actors.exchanges.binance.symbols import VENUE
from actors.market import BookSnapshot, InstrumentId, Level
from actors.ports import RestRequest, RestResponse

__all__ = [
    "PING",
    "SERVER_TIME",
    "SYMBOLS",
    "depth_request",
    "depth_weight",
    "parse",
    "parse_depth",
    "parse_server_time",
    "parse_trading_symbols",
    "refusal",
    "used_weight",
]

PING = RestRequest("/api/v3/ping", weight=1)
SERVER_TIME = RestRequest("/api/v3/time", weight=1)
# The permission sets are nine tenths of the answer's megabytes.
SYMBOLS = RestRequest("/api/v3/exchangeInfo", {"symbolStatus": "TRADING", "showPermissionSets": "false"}, weight=20)

_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))
DEEPEST = _DEPTH_WEIGHTS[-1][0]
_USED_WEIGHT = "x-mbx-used-weight-1m"
_TRADING = "TRADING"
_SHOWN = 200

T = TypeVar("T")


class Depth(BookSnapshot, frozen=True, kw_only=True):
    last_id: int = field(name="lastUpdateId")
    bids: list[Level]
    asks: list[Level]


class ListedSymbol(Struct, frozen=True):
    symbol: str
    status: str


class ExchangeInfo(Struct, frozen=True):
    symbols: list[ListedSymbol]


class ServerTime(Struct, frozen=True):
    time_ms: int = field(name="serverTime")


class ErrorEnvelope(Struct, frozen=True):
    code: int
    msg: str


def depth_weight(limit: int) -> int:
    """What a snapshot of `limit` levels per side costs.

    Raises:
        ValueError: Binance gives 1 to 5000 levels.
    """
    if not 1 <= limit <= DEEPEST:
        raise ValueError(f"limit is {limit!r}, expected 1 to {DEEPEST} levels")
    return next(weight for most, weight in _DEPTH_WEIGHTS if limit <= most)


def depth_request(native: str, limit: int) -> RestRequest:
    """Asks for `limit` levels per side."""
    return RestRequest("/api/v3/depth", {"symbol": native, "limit": str(limit)}, weight=depth_weight(limit))


def parse_depth(instrument: InstrumentId, response: RestResponse) -> BookSnapshot:
    """Raises ExchangeRefused or BadFrame."""
    depth = parse(response, Depth)
    msgspec.structs.force_setattr(depth, "instrument", instrument)
    return depth


def parse_trading_symbols(response: RestResponse) -> frozenset[str]:
    """Native symbols in status TRADING. Raises ExchangeRefused or BadFrame."""
    return frozenset(s.symbol for s in parse(response, ExchangeInfo).symbols if s.status == _TRADING)


def parse_server_time(response: RestResponse) -> int:
    """Milliseconds since 1970. Raises ExchangeRefused or BadFrame."""
    return parse(response, ServerTime).time_ms


def used_weight(response: RestResponse) -> int | None:
    """What this address has spent in the running minute; None where the answer does not say."""
    text = response.headers.get(_USED_WEIGHT, "")
    return int(text) if text.isdecimal() else None


def parse(response: RestResponse, wanted: type[T]) -> T:
    """The answer as `wanted`. Raises ExchangeRefused or BadFrame."""
    refused = refusal(response)
    if refused is not None:
        raise refused
    try:
        return msgspec.json.decode(response.body, type=wanted)
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise BadFrame(f"not the answer that was asked for: {exc}", response.body) from exc


def refusal(response: RestResponse) -> ExchangeRefused | None:
    """The error that an answer is; None: it is none."""
    if response.status == HTTPStatus.OK:
        return None
    retry_after = _seconds(response.headers.get("retry-after", ""))
    try:
        error = msgspec.json.decode(response.body, type=ErrorEnvelope)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ExchangeRefused(response.status, 0, _plain(response.body), retry_after, venue=VENUE)
    return ExchangeRefused(response.status, error.code, error.msg, retry_after, venue=VENUE)


def _seconds(text: str) -> float | None:
    # Binance writes whole seconds. A date would need a clock to mean anything, and there is none here.
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text.strip()) else None


def _plain(body: bytes) -> str:
    """The words of an HTML page, short."""
    # Only the beginning is looked at: an error page can be long, and its title comes first.
    text = re.sub(r"<[^>]*>?", " ", body[: 10 * _SHOWN].decode("utf-8", "replace"))
    return " ".join(text.split())[:_SHOWN] or "no message"
