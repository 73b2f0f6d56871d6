"""Events asked for over REST: what was missed, and what a stream would deliver."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.errors import BadFrame, ExchangeRefused
from actors.exchanges.binance import Binance
from actors.market import (
    AggregateTrade,
    AveragePrice,
    Book,
    BookSnapshot,
    Candle,
    Feed,
    MarketEvent,
    MiniTicker,
    Quote,
    Subscription,
    Ticker24h,
    Trade,
)
from actors.ports import RestRequest, RestResponse

BINANCE = Binance.testnet()
BTC = BINANCE.instrument("BTC/USDT")
TRADES = Subscription(BTC, Feed.TRADES)
AGGREGATES = Subscription(BTC, Feed.AGGREGATES)
CANDLES = Subscription(BTC, Feed.CANDLES, "1m")
MINUTE = 1_700_000_040_000

DEPTH = b'{"lastUpdateId":1027024,"bids":[["4.0","431"]],"asks":[["4.1","12"],["4.2","1"]]}'
TRADE = b'{"id":%d,"price":"4.1","qty":"12","quoteQty":"48","time":1499865549590,"isBuyerMaker":true,"isBestMatch":true}'
AGGREGATE = b'[{"a":26129,"p":"0.01","q":"4.7","f":27781,"l":27782,"T":1498793709153,"m":true,"M":true}]'
TICKER = (
    b'{"symbol":"BNBBTC","lastPrice":"4","lastQty":"200","bidPrice":"3.9","bidQty":"100","askPrice":"4.1","askQty":"1",'
    b'"openPrice":"99","highPrice":"100","lowPrice":"0.1","volume":"8913.3","quoteVolume":"15.3","openTime":1,'
    b'"closeTime":1499869899040,"firstId":28385,"lastId":28460,"count":76}'
)
AVERAGE = b'{"mins":5,"price":"9.35","closeTime":1694061154503}'
CANDLE = b'[%d,"1","4","0.5","2","148",%d,"2434",308,"1756","28","0"]'
TWO_CANDLES = b"[%s,%s]" % (CANDLE % (MINUTE - 60_000, MINUTE - 1), CANDLE % (MINUTE, MINUTE + 59_999))
ANSWERS: dict[Subscription, tuple[bytes, type[MarketEvent]]] = {
    TRADES: (b"[%s,%s]" % (TRADE % 28457, TRADE % 28458), Trade),
    AGGREGATES: (AGGREGATE, AggregateTrade),
    Subscription(BTC, Feed.QUOTES): (DEPTH, Quote),
    Subscription(BTC, Feed.PARTIAL_BOOK, "10"): (DEPTH, Book),
    Subscription(BTC, Feed.BOOK): (DEPTH, BookSnapshot),
    CANDLES: (TWO_CANDLES, Candle),
    Subscription(BTC, Feed.TICKER): (TICKER, Ticker24h),
    Subscription(BTC, Feed.MINI_TICKER): (TICKER, MiniTicker),
    Subscription(BTC, Feed.AVERAGE_PRICE): (AVERAGE, AveragePrice),
}
SYMBOL = {"symbol": "BTCUSDT"}
REQUESTS = {
    TRADES: RestRequest("/api/v3/trades", {**SYMBOL, "limit": "10"}, weight=25),
    AGGREGATES: RestRequest("/api/v3/aggTrades", {**SYMBOL, "limit": "10"}, weight=4),
    Subscription(BTC, Feed.QUOTES): RestRequest("/api/v3/depth", {**SYMBOL, "limit": "1"}, weight=5),
    Subscription(BTC, Feed.PARTIAL_BOOK, "10"): RestRequest("/api/v3/depth", {**SYMBOL, "limit": "10"}, weight=5),
    Subscription(BTC, Feed.BOOK): RestRequest("/api/v3/depth", {**SYMBOL, "limit": "100"}, weight=5),
    CANDLES: RestRequest("/api/v3/klines", {**SYMBOL, "interval": "1m", "limit": "2"}, weight=2),
    Subscription(BTC, Feed.TICKER): RestRequest("/api/v3/ticker/24hr", SYMBOL, weight=2),
    Subscription(BTC, Feed.MINI_TICKER): RestRequest("/api/v3/ticker/24hr", {**SYMBOL, "type": "MINI"}, weight=2),
    Subscription(BTC, Feed.AVERAGE_PRICE): RestRequest("/api/v3/avgPrice", SYMBOL, weight=2),
}


def polled(subscription: Subscription, body: bytes, **headers: str) -> list[MarketEvent]:
    return list(BINANCE.parse_poll(subscription, RestResponse(200, body, headers)))


def decimals(*texts: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, texts))


def candles(body: bytes, **headers: str) -> list[Candle]:
    return [event for event in polled(CANDLES, body, **headers) if isinstance(event, Candle)]


@pytest.mark.parametrize("subscription", ANSWERS, ids=str)
def test_every_feed_can_be_polled(subscription: Subscription) -> None:
    body, kind = ANSWERS[subscription]

    events = polled(subscription, body)

    assert events
    assert all(isinstance(event, kind) and event.instrument == BTC for event in events)


@pytest.mark.parametrize("subscription", REQUESTS, ids=str)
def test_a_poll_asks_for_this(subscription: Subscription) -> None:
    assert BINANCE.poll_request(subscription, None) == REQUESTS[subscription]


@pytest.mark.parametrize(("subscription", "path"), [(TRADES, "historicalTrades"), (AGGREGATES, "aggTrades")], ids=str)
def test_a_poll_of_a_numbered_feed_goes_on_behind_the_last_id(subscription: Subscription, path: str) -> None:
    request = BINANCE.poll_request(subscription, 41)

    assert (request.path, request.params) == (f"/api/v3/{path}", {**SYMBOL, "fromId": "42", "limit": "1000"})


@pytest.mark.parametrize(("before", "limit"), [(43, "1"), (52, "10"), (5000, "1000"), (42, "1")])
def test_a_fill_asks_for_what_is_missing_and_no_more(before: int, limit: str) -> None:
    request = BINANCE.fill_request(TRADES, 41, before)

    assert request == RestRequest("/api/v3/historicalTrades", {**SYMBOL, "fromId": "42", "limit": limit}, weight=25)


def test_only_numbered_feeds_can_be_filled() -> None:
    assert {s.feed for s in ANSWERS if BINANCE.fill_request(s, 1, 3)} == {Feed.TRADES, Feed.AGGREGATES}
    with pytest.raises(BadFrame, match="no ids to ask for"):
        BINANCE.parse_fill(CANDLES, RestResponse(200, b"[]"))


def test_filled_trades_are_what_the_stream_would_have_said() -> None:
    (trade, later) = BINANCE.parse_fill(TRADES, RestResponse(200, ANSWERS[TRADES][0]))

    assert isinstance(trade, Trade)
    assert (trade.id, trade.price, trade.quantity) == (28457, Decimal("4.1"), Decimal(12))
    assert (trade.buyer_is_maker, trade.time_ms, trade.instrument) == (True, 1499865549590, BTC)
    assert later.sequence == trade.sequence + 1


def test_a_polled_quote_knows_the_update_at_which_it_stood() -> None:
    (quote,) = polled(Subscription(BTC, Feed.QUOTES), DEPTH)

    assert isinstance(quote, Quote)
    assert (quote.update_id, quote.bid, quote.bid_quantity) == (1027024, Decimal(4), Decimal(431))
    assert (quote.ask, quote.ask_quantity) == (Decimal("4.1"), Decimal(12))


def test_a_book_without_asks_has_no_quote() -> None:
    assert polled(Subscription(BTC, Feed.QUOTES), b'{"lastUpdateId":1,"bids":[["4.0","431"]],"asks":[]}') == []


def test_a_polled_candle_is_decoded() -> None:
    (candle, _) = candles(TWO_CANDLES)

    assert (candle.interval, candle.open_ms, candle.close_ms) == ("1m", MINUTE - 60_000, MINUTE - 1)
    assert (candle.open, candle.high, candle.low, candle.close) == decimals("1", "4", "0.5", "2")
    assert (candle.volume, candle.quote_volume) == decimals("148", "2434")
    assert candle.trades == 308


def test_a_closed_candle_counts_as_said_right_after_it() -> None:
    (closed, _) = candles(TWO_CANDLES)

    assert (closed.closed, closed.time_ms) == (True, MINUTE)


def test_a_candle_that_still_changes_counts_as_said_at_the_date_of_the_answer() -> None:
    (_, changing) = candles(TWO_CANDLES, date="Tue, 14 Nov 2023 22:14:30 GMT")

    assert (changing.closed, changing.time_ms) == (False, MINUTE + 30_000)


def test_in_its_first_second_a_candle_comes_after_the_one_before() -> None:
    closed, changing = candles(TWO_CANDLES, date="Tue, 14 Nov 2023 22:14:00 GMT")

    assert closed.sequence < changing.sequence


@pytest.mark.parametrize("date", ["", "soon", "Tue, 99 Nov 2023 22:14:30 GMT"])
def test_without_a_date_nobody_can_tell_when_it_was_said(date: str) -> None:
    (_, changing) = candles(TWO_CANDLES, date=date)

    assert changing.sequence == 0


def test_the_latest_candle_is_closed_once_its_time_is_over() -> None:
    (_, latest) = candles(TWO_CANDLES, date="Tue, 14 Nov 2023 22:15:01 GMT")

    assert (latest.closed, latest.time_ms) == (True, MINUTE + 60_000)


def test_a_polled_ticker_and_its_short_form_are_decoded() -> None:
    (ticker,) = polled(Subscription(BTC, Feed.TICKER), TICKER)
    (short,) = polled(Subscription(BTC, Feed.MINI_TICKER), TICKER)

    assert isinstance(ticker, Ticker24h)
    assert isinstance(short, MiniTicker)
    assert (ticker.open, ticker.high, ticker.low, ticker.last) == (short.open, short.high, short.low, short.last)
    assert (ticker.open, ticker.high, ticker.low, ticker.last) == decimals("99", "100", "0.1", "4")
    assert (ticker.bid, ticker.bid_quantity, ticker.ask, ticker.ask_quantity) == decimals("3.9", "100", "4.1", "1")
    assert (ticker.volume, short.quote_volume, ticker.time_ms) == (Decimal("8913.3"), Decimal("15.3"), 1499869899040)


def test_a_polled_average_says_over_what() -> None:
    (average,) = polled(Subscription(BTC, Feed.AVERAGE_PRICE), AVERAGE)

    assert isinstance(average, AveragePrice)
    assert (average.price, average.interval, average.time_ms) == (Decimal("9.35"), "5m", 1694061154503)


def test_a_refusal_says_at_which_exchange() -> None:
    refused = BINANCE.refusal(RestResponse(400, b'{"code":-1121,"msg":"Invalid symbol."}'))

    assert refused is not None
    assert (refused.venue, refused.exchange_code) == ("binance", -1121)


@settings(max_examples=60)
@given(st.sampled_from(list(ANSWERS)), st.integers(200, 500), st.data())
def test_no_answer_to_a_poll_raises_anything_else(subscription: Subscription, status: int, data: st.DataObject) -> None:
    body = ANSWERS[subscription][0]
    cut = data.draw(st.integers(0, len(body) - 1))
    damaged = body[:cut] + data.draw(st.binary(max_size=3)) + body[cut + 1 :]
    with suppress(BadFrame, ExchangeRefused):
        BINANCE.parse_poll(subscription, RestResponse(status, damaged, {"date": data.draw(st.text(max_size=20))}))
