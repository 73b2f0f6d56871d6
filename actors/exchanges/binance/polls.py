"""What a stream would deliver, asked for over REST, while there is no stream.

A polled event has a sequence that can be compared with the stream's, so that neither is delivered twice nor an old one after a
newer one:

* A quote is the best level of a depth answer (weight 5): `ticker/bookTicker` (2) does not say at which update id it stood.
* The time of a candle is not in the answer. A closed one gets the first millisecond after it: the stream says later than that
  that it is closed. For one that is still changing it is the `Date` of the answer, which the server cuts to whole seconds, so
  that it is never ahead of what the stream says; without a date it is 0, "cannot be told".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from email.utils import parsedate_to_datetime

from msgspec import Struct, field
from msgspec.structs import force_setattr

from actors.exchanges.binance import fills, rest
from actors.exchanges.binance.streams import BinancePartialBook
from actors.market import AveragePrice, Candle, Feed, MarketEvent, MiniTicker, Quote, Subscription, Ticker24h
from actors.ports import RestRequest, RestResponse

__all__ = ["POLLED_LEVELS", "parse_poll", "poll_request"]

POLLED_LEVELS = 100
"""Levels per side of a polled book: all that weight 5 gives. The 5000 of a snapshot would cost 250 each time."""

_LIGHT = 2


class OldTicker(Ticker24h, frozen=True, kw_only=True, gc=False):
    open: Decimal = field(name="openPrice")
    high: Decimal = field(name="highPrice")
    low: Decimal = field(name="lowPrice")
    last: Decimal = field(name="lastPrice")
    volume: Decimal
    quote_volume: Decimal = field(name="quoteVolume")
    bid: Decimal = field(name="bidPrice")
    bid_quantity: Decimal = field(name="bidQty")
    ask: Decimal = field(name="askPrice")
    ask_quantity: Decimal = field(name="askQty")
    time_ms: int = field(name="closeTime")


class OldMiniTicker(MiniTicker, frozen=True, kw_only=True, gc=False):
    open: Decimal = field(name="openPrice")
    high: Decimal = field(name="highPrice")
    low: Decimal = field(name="lowPrice")
    last: Decimal = field(name="lastPrice")
    volume: Decimal
    quote_volume: Decimal = field(name="quoteVolume")
    time_ms: int = field(name="closeTime")


class Average(Struct, frozen=True):
    minutes: int = field(name="mins")
    price: Decimal
    time_ms: int = field(name="closeTime")


# Open time, open, high, low, close, volume, close time, quote volume, trades; three more are of no use here.
Row = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal, int, Decimal, int, object, object, object]


def poll_request(subscription: Subscription, after_id: int | None) -> RestRequest:
    """Asks for what this subscription would deliver; of a numbered feed for what follows `after_id`, if that is known."""
    symbol = {"symbol": subscription.instrument.native}
    match subscription.feed:
        case Feed.TRADES | Feed.AGGREGATES:
            after = None if after_id is None else fills.fill_request(subscription, after_id)
            return after or fills.latest_request(subscription)
        case Feed.BOOK:
            return rest.depth_request(subscription.instrument.native, POLLED_LEVELS)
        case Feed.PARTIAL_BOOK:
            return rest.depth_request(subscription.instrument.native, int(subscription.option))
        case Feed.QUOTES:
            return rest.depth_request(subscription.instrument.native, 1)
        case Feed.CANDLES:
            # Two: the one that has just been closed must not stay open for ever.
            params = {**symbol, "interval": subscription.option, "limit": "2"}
            return RestRequest("/api/v3/klines", params, weight=_LIGHT)
        case Feed.TICKER:
            return RestRequest("/api/v3/ticker/24hr", symbol, weight=_LIGHT)
        case Feed.MINI_TICKER:
            return RestRequest("/api/v3/ticker/24hr", {**symbol, "type": "MINI"}, weight=_LIGHT)
        case Feed.AVERAGE_PRICE:
            return RestRequest("/api/v3/avgPrice", symbol, weight=_LIGHT)


def parse_poll(subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
    """Oldest first; of a whole book one BookSnapshot. Raises ExchangeRefused or BadFrame."""
    events = _PARSERS[subscription.feed](subscription, response)
    for event in events:
        force_setattr(event, "instrument", subscription.instrument)
    return events


def _book(subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
    return [rest.parse_depth(subscription.instrument, response)]


def _quote(_subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
    book = rest.parse(response, BinancePartialBook)
    if not (book.bids and book.asks):
        return []  # a side without orders has no best one
    (bid, bid_quantity), (ask, ask_quantity) = book.bids[0], book.asks[0]
    quote = Quote(update_id=book.update_id, bid=bid, bid_quantity=bid_quantity, ask=ask, ask_quantity=ask_quantity)
    return [quote]


def _candles(subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
    now_ms = _date_ms(response)
    rows = rest.parse(response, list[Row])
    return [_candle(subscription.option, row, now_ms, newest=row is rows[-1]) for row in rows]


def _candle(interval: str, row: Row, now_ms: int, *, newest: bool) -> Candle:
    open_ms, opened, high, low, last, volume, close_ms, quote_volume, trades, *_ = row
    closed = not newest or close_ms < now_ms
    so_far = max(now_ms, open_ms + 1) if now_ms else 0
    return Candle(
        interval=interval,
        open_ms=open_ms,
        close_ms=close_ms,
        open=opened,
        high=high,
        low=low,
        close=last,
        volume=volume,
        quote_volume=quote_volume,
        trades=trades,
        closed=closed,
        time_ms=close_ms + 1 if closed else so_far,
    )


def _date_ms(response: RestResponse) -> int:
    """When the answer was made, milliseconds since 1970, cut to a second; 0 where it does not say."""
    try:
        date = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return 0
    return max(0, int(date.replace(tzinfo=date.tzinfo or UTC).timestamp())) * 1000


def _average(_subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
    average = rest.parse(response, Average)
    return [AveragePrice(price=average.price, interval=f"{average.minutes}m", time_ms=average.time_ms)]


_PARSERS: Mapping[Feed, Callable[[Subscription, RestResponse], Sequence[MarketEvent]]] = {
    Feed.TRADES: fills.parse_events,
    Feed.AGGREGATES: fills.parse_events,
    Feed.BOOK: _book,
    Feed.PARTIAL_BOOK: lambda _subscription, response: [rest.parse(response, BinancePartialBook)],
    Feed.QUOTES: _quote,
    Feed.CANDLES: _candles,
    Feed.TICKER: lambda _subscription, response: [rest.parse(response, OldTicker)],
    Feed.MINI_TICKER: lambda _subscription, response: [rest.parse(response, OldMiniTicker)],
    Feed.AVERAGE_PRICE: _average,
}
