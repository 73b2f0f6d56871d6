"""OKX's REST: requests, weights and answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.errors import Action, BadFrame, Category, ExchangeRefused, classify
from actors.exchanges.okx import LIMITS, Okx
from actors.market import BookSnapshot, Feed, Quote, Subscription, Ticker24h, Trade
from actors.ports import Exchange, RestResponse

OKX = Okx.production()
BTC = OKX.instrument("BTC/USDT")
LEVELS = {"bids": [["100.5", "2", "0", "1"]], "asks": [["100.6", "0.5", "0", "1"]], "ts": "1791369351001", "seqId": 77}
TRADE = {"instId": "BTC-USDT", "side": "sell", "sz": "0.00001", "source": "0", "px": "29963.2", "ts": "1654161646974"}


def answer(*data: Any, code: str = "0", msg: str = "", status: int = 200) -> RestResponse:
    return RestResponse(status, msgspec.json.encode({"code": code, "msg": msg, "data": list(data)}))


def subscription(feed: Feed) -> Subscription:
    return Subscription(BTC, feed)


def test_only_live_instruments_are_listed() -> None:
    rows = [
        {"instId": f"{name}-USDT", "state": state, "tickSz": "0.1"} for name, state in [("BTC", "live"), ("ETH", "suspend")]
    ]
    assert OKX.parse_symbols(answer(*rows)) == {"BTC-USDT"}


def test_the_clock_is_read() -> None:
    assert OKX.parse_time(answer({"ts": "1597026383085"})) == 1597026383085


@pytest.mark.parametrize(
    ("feed", "after_id", "path", "params"),
    [
        (Feed.TRADES, None, "trades", {"limit": "10"}),
        (Feed.TRADES, 7, "trades", {"limit": "500"}),
        (Feed.QUOTES, 7, "books", {"sz": "1"}),
        (Feed.BOOK, None, "books", {"sz": "400"}),
        (Feed.TICKER, None, "ticker", {}),
    ],
)
def test_each_feed_can_be_polled(feed: Feed, after_id: int | None, path: str, params: dict[str, str]) -> None:
    request = OKX.poll_request(subscription(feed), after_id)
    assert request is not None
    assert (request.path, request.params) == (f"/api/v5/market/{path}", {"instId": "BTC-USDT", **params})


@pytest.mark.parametrize(
    ("request_made", "most"),
    [
        (OKX.poll_request(subscription(Feed.TRADES), None), 100),
        (OKX.poll_request(subscription(Feed.BOOK), None), 40),
        (OKX.poll_request(subscription(Feed.TICKER), None), 20),
        (OKX.symbols_request(), 20),
        (OKX.time_request(), 10),
    ],
    ids=["trades", "books", "ticker", "instruments", "time"],
)
def test_weights_keep_each_path_within_its_own_limit_of_two_seconds(request_made: Any, most: int) -> None:
    assert LIMITS.weight_within == 2.0
    assert LIMITS.weight // request_made.weight == most


def test_polled_trades_are_in_order_oldest_first() -> None:
    events = OKX.parse_poll(subscription(Feed.TRADES), answer({**TRADE, "tradeId": "9"}, {**TRADE, "tradeId": "8"}))
    assert [event.sequence for event in events] == [8, 9]
    assert isinstance(events[0], Trade)
    assert (events[0].price, events[0].buyer_is_maker, events[0].instrument) == (Decimal("29963.2"), True, BTC)


def test_a_polled_quote_is_the_top_of_a_book_with_its_id() -> None:
    (quote,) = OKX.parse_poll(subscription(Feed.QUOTES), answer(LEVELS))
    assert isinstance(quote, Quote)
    assert (quote.update_id, quote.bid, quote.ask_quantity) == (77, Decimal("100.5"), Decimal("0.5"))


def test_a_polled_book_without_bids_has_no_quote() -> None:
    assert not OKX.parse_poll(subscription(Feed.QUOTES), answer({**LEVELS, "bids": []}))


def test_a_polled_book_is_a_snapshot_with_the_ids_of_the_stream() -> None:
    (book,) = OKX.parse_poll(subscription(Feed.BOOK), answer(LEVELS))
    assert book == BookSnapshot(
        instrument=BTC, last_id=77, bids=[(Decimal("100.5"), Decimal(2))], asks=[(Decimal("100.6"), Decimal("0.5"))]
    )


def test_a_polled_ticker_is_read() -> None:
    keys = ("last", "lastSz", "askPx", "askSz", "bidPx", "bidSz", "open24h", "high24h", "low24h", "volCcy24h", "vol24h", "ts")
    (ticker,) = OKX.parse_poll(subscription(Feed.TICKER), answer({key: str(n) for n, key in enumerate(keys, 1)}))
    assert isinstance(ticker, Ticker24h)
    found = [int(number) for number in (ticker.last, ticker.bid, ticker.quote_volume, ticker.volume, ticker.time_ms)]
    assert found == [1, 5, 10, 11, 12]


def test_what_is_not_offered_is_not_polled() -> None:
    assert OKX.poll_request(subscription(Feed.CANDLES), None) is None
    assert not OKX.parse_poll(subscription(Feed.CANDLES), answer())


def test_books_are_not_fetched_and_trades_not_filled() -> None:
    exchange: Exchange = OKX
    assert exchange.snapshot_request(BTC) is None
    assert exchange.fill_request(subscription(Feed.TRADES), 1, 5) is None


@pytest.mark.parametrize(
    ("response", "status", "code", "message"),
    [
        (answer(code="51001", msg="Instrument ID doesn't exist."), 200, 51001, "Instrument ID doesn't exist."),
        (answer(code="50011", msg="Too Many Requests", status=429), 429, 50011, "Too Many Requests"),
        (answer(code="1", status=200), 200, 1, "no message"),
        (RestResponse(403, b"<html><title>403 Forbidden</title></html>"), 403, 0, "403 Forbidden"),
        (RestResponse(502, b""), 502, 0, "no message"),
    ],
)
def test_an_error_is_told_by_its_code_whatever_the_status(response: RestResponse, status: int, code: int, message: str) -> None:
    with pytest.raises(ExchangeRefused) as caught:
        OKX.parse_time(response)
    found = caught.value
    assert (found.status, found.exchange_code, found.message, found.venue) == (status, code, message, "okx")


def test_an_error_is_classified_by_okx_s_own_codes() -> None:
    refused = OKX.refusal(answer(code="50011", msg="Too Many Requests"))
    assert refused is not None
    found = classify(refused)
    assert (found.category, found.action) == (Category.RATE_LIMIT, Action.WAIT)


def test_the_time_to_wait_is_read_where_it_is_given() -> None:
    refused = OKX.refusal(RestResponse(429, b"", {"retry-after": "3"}))
    assert refused is not None
    assert refused.retry_after == 3.0


def test_an_answer_that_is_no_error_is_none() -> None:
    assert OKX.refusal(answer({"ts": "1"})) is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"code":"0","data":[]}', b'{"code":"0","data":[{}]}', b'{"code":"0","data":{}}']
)
def test_what_cannot_be_read_is_a_bad_frame(body: bytes) -> None:
    with pytest.raises(BadFrame, match="not the answer that was asked for"):
        OKX.parse_time(RestResponse(200, body))


def test_nobody_says_what_was_spent() -> None:
    exchange: Exchange = OKX
    assert exchange.used_weight(answer()) is None
