"""OKX's public REST, without I/O: requests with their weights, and what the answers mean.

An answer is `{"code": "0", "msg": "", "data": [...]}`, and an error is one whose code is another, with HTTP status 200 as a
rule. In front of the API stands a firewall, whose errors are HTML.

OKX has no weights: each path has a limit of its own within 2 s, and they do not know of each other. Here they share WEIGHT, and
a request weighs what keeps its path within its limit even when nothing else is asked: 200 / 40 for `market/books`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from actors.errors import BadFrame, ExchangeRefused
from actors.exchanges.okx.channels import quote_of, snapshot_of, ticker_of, trade_of
from actors.exchanges.okx.symbols import VENUE
from actors.exchanges.okx.wire import Answer, WireBook, WireTicker, WireTrade
from actors.market import BookSnapshot, Feed, InstrumentId, MarketEvent, Subscription
from actors.ports import RestRequest, RestResponse

__all__ = [
    "HEAVIEST",
    "SERVER_TIME",
    "SYMBOLS",
    "WEIGHT",
    "WITHIN",
    "parse_book",
    "parse_poll",
    "parse_server_time",
    "parse_trading_symbols",
    "poll_request",
    "refusal",
]

WEIGHT = 200
WITHIN = 2.0
"""Seconds in which WEIGHT may be spent."""


def _weight(requests: int) -> int:
    """Of a path that takes so many requests within 2 s."""
    return WEIGHT // requests


SERVER_TIME = RestRequest("/api/v5/public/time", weight=_weight(10))
SYMBOLS = RestRequest("/api/v5/public/instruments", {"instType": "SPOT"}, weight=_weight(20))
HEAVIEST = max(SERVER_TIME.weight, SYMBOLS.weight)

LEVELS = 400
"""Per side, of a book: as many as the stream has."""
MOST_TRADES = 500
LATEST_TRADES = 10
"""What a first poll brings: who polls wants to see what is, not a history."""

_LIVE = "live"
_SHOWN = 200

T = TypeVar("T")


class Instrument(Struct, frozen=True):
    native: str = field(name="instId")
    state: str


class ServerTime(Struct, frozen=True):
    time_ms: int = field(name="ts")


def poll_request(subscription: Subscription, after_id: int | None) -> RestRequest | None:
    """Asks for what this subscription would deliver; None: it cannot be asked."""
    native = {"instId": subscription.instrument.native}
    match subscription.feed:
        case Feed.TRADES:
            limit = LATEST_TRADES if after_id is None else MOST_TRADES
            return RestRequest("/api/v5/market/trades", {**native, "limit": str(limit)}, weight=_weight(100))
        case Feed.QUOTES:
            return RestRequest("/api/v5/market/books", {**native, "sz": "1"}, weight=_weight(40))
        case Feed.BOOK:
            return RestRequest("/api/v5/market/books", {**native, "sz": str(LEVELS)}, weight=_weight(40))
        case Feed.TICKER:
            return RestRequest("/api/v5/market/ticker", native, weight=_weight(20))
        case _:
            return None


def parse_poll(subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
    """Oldest first; of a whole book one BookSnapshot. Raises ExchangeRefused or BadFrame."""
    parse_feed = _PARSERS.get(subscription.feed)
    return () if parse_feed is None else parse_feed(subscription.instrument, response)


def parse_book(instrument: InstrumentId, response: RestResponse) -> BookSnapshot:
    """Raises ExchangeRefused or BadFrame."""
    book = _one(response, _parse(response, list[WireBook]))
    return snapshot_of(instrument, book, book.ts if book.seq_id is None else book.seq_id)


def parse_trading_symbols(response: RestResponse) -> frozenset[str]:
    """Native symbols in state live. Raises ExchangeRefused or BadFrame."""
    return frozenset(one.native for one in _parse(response, list[Instrument]) if one.state == _LIVE)


def parse_server_time(response: RestResponse) -> int:
    """Milliseconds since 1970. Raises ExchangeRefused or BadFrame."""
    return _one(response, _parse(response, list[ServerTime])).time_ms


def refusal(response: RestResponse) -> ExchangeRefused | None:
    """The error that an answer is; None: it is none."""
    retry_after = _seconds(response.headers.get("retry-after", ""))
    try:
        answer = msgspec.json.decode(response.body, type=Answer)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        if response.status == HTTPStatus.OK:
            return None
        return ExchangeRefused(response.status, 0, _plain(response.body), retry_after, venue=VENUE)
    if answer.code == "0" and response.status == HTTPStatus.OK:
        return None
    code = int(answer.code) if answer.code.isdecimal() else answer.code
    return ExchangeRefused(response.status, code, answer.msg or "no message", retry_after, venue=VENUE)


def _trades(instrument: InstrumentId, response: RestResponse) -> Sequence[MarketEvent]:
    # The newest is the first there.
    trades = sorted(_parse(response, list[WireTrade]), key=lambda trade: trade.trade_id)
    return [trade_of(instrument, trade) for trade in trades]


def _quotes(instrument: InstrumentId, response: RestResponse) -> Sequence[MarketEvent]:
    quote = quote_of(instrument, _one(response, _parse(response, list[WireBook])))
    return () if quote is None else (quote,)


_PARSERS: Mapping[Feed, Callable[[InstrumentId, RestResponse], Sequence[MarketEvent]]] = {
    Feed.TRADES: _trades,
    Feed.QUOTES: _quotes,
    Feed.BOOK: lambda instrument, response: (parse_book(instrument, response),),
    Feed.TICKER: lambda instrument, response: (ticker_of(instrument, _one(response, _parse(response, list[WireTicker]))),),
}


def _one(response: RestResponse, found: Sequence[T]) -> T:
    if not found:
        raise BadFrame("not the answer that was asked for: it is empty", response.body)
    return found[0]


def _parse(response: RestResponse, wanted: type[T]) -> T:
    refused = refusal(response)
    if refused is not None:
        raise refused
    try:
        answer = msgspec.json.decode(response.body, type=Answer)
        return msgspec.json.decode(answer.data, type=wanted, strict=False)
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise BadFrame(f"not the answer that was asked for: {exc}", response.body) from exc


def _seconds(text: str) -> float | None:
    # A date would need a clock to mean anything, and there is none here.
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text.strip()) else None


def _plain(body: bytes) -> str:
    """The words of an HTML page, short."""
    # Only the beginning is looked at: an error page can be long, and its title comes first.
    text = re.sub(r"<[^>]*>?", " ", body[: 10 * _SHOWN].decode("utf-8", "replace"))
    return " ".join(text.split())[:_SHOWN] or "no message"
