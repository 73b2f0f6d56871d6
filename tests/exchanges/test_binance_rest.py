"""Requests with their weights, and what answers mean."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import BadFrame, ExchangeRefused
from actors.exchanges.binance import Binance, rest
from actors.market import BookSnapshot
from actors.ports import RestRequest, RestResponse

BINANCE = Binance.testnet()
BTC = BINANCE.instrument("BTC/USDT")
DEPTH = b'{"lastUpdateId":1027024,"bids":[["4.00000000","431.00000000"]],"asks":[["4.00000200","12.00000000"]]}'
SYMBOLS = (
    b'{"timezone":"UTC","serverTime":1565246363776,"rateLimits":[],"symbols":['
    b'{"symbol":"ETHBTC","status":"TRADING","baseAsset":"ETH"},{"symbol":"OLDBTC","status":"BREAK"}]}'
)


def test_a_snapshot_is_asked_for_with_all_levels() -> None:
    assert BINANCE.snapshot_request(BTC) == RestRequest("/api/v3/depth", {"symbol": "BTCUSDT", "limit": "5000"}, weight=250)


@pytest.mark.parametrize(
    ("limit", "weight"), [(1, 5), (100, 5), (101, 25), (500, 25), (501, 50), (1000, 50), (1001, 250), (5000, 250)]
)
def test_a_snapshot_costs_what_its_depth_costs(limit: int, weight: int) -> None:
    request = Binance.testnet(depth_limit=limit).snapshot_request(BTC)

    assert (request.params["limit"], request.weight) == (str(limit), weight)


def test_symbols_cost_twenty() -> None:
    assert (BINANCE.symbols_request().path, BINANCE.symbols_request().weight) == ("/api/v3/exchangeInfo", 20)


def test_a_snapshot_is_parsed() -> None:
    book = BINANCE.parse_snapshot(BTC, RestResponse(200, DEPTH))

    assert isinstance(book, BookSnapshot)
    assert (book.instrument, book.last_id) == (BTC, 1027024)
    assert book.bids == [(Decimal(4), Decimal(431))]
    assert book.asks == [(Decimal("4.000002"), Decimal(12))]


def test_only_symbols_that_are_traded_count() -> None:
    assert BINANCE.parse_symbols(RestResponse(200, SYMBOLS)) == {"ETHBTC"}


def test_the_servers_time_is_in_milliseconds() -> None:
    assert rest.parse_server_time(RestResponse(200, b'{"serverTime":1499827319559}')) == 1499827319559


def test_an_error_has_status_code_and_words() -> None:
    answer = RestResponse(400, b'{"code":-1121,"msg":"Invalid symbol."}')

    with pytest.raises(ExchangeRefused) as refused:
        BINANCE.parse_snapshot(BTC, answer)
    assert (refused.value.status, refused.value.exchange_code, refused.value.message) == (400, -1121, "Invalid symbol.")
    assert refused.value.retry_after is None


@pytest.mark.parametrize("status", [418, 429])
@pytest.mark.parametrize(("header", "seconds"), [("30", 30.0), (" 2.5 ", 2.5), ("soon", None), ("", None), ("-1", None)])
def test_a_limit_says_how_long_to_wait(status: int, header: str, seconds: float | None) -> None:
    answer = RestResponse(status, b'{"code":-1003,"msg":"Too much."}', {"retry-after": header})

    with pytest.raises(ExchangeRefused) as refused:
        BINANCE.parse_symbols(answer)
    assert refused.value.retry_after == seconds


def test_a_web_page_instead_of_an_answer_is_told_in_its_words() -> None:
    page = b"<html>\r\n<head><title>403 Forbidden</title></head><body><hr>nginx</body></html>" + b" " * 10_000

    with pytest.raises(ExchangeRefused) as refused:
        BINANCE.parse_snapshot(BTC, RestResponse(403, page))
    assert (refused.value.exchange_code, refused.value.message) == (0, "403 Forbidden nginx")


@pytest.mark.parametrize(("headers", "used"), [({"x-mbx-used-weight-1m": "27"}, 27), ({}, None)])
def test_the_weight_that_was_used_is_read_from_the_answer(headers: dict[str, str], used: int | None) -> None:
    assert rest.used_weight(RestResponse(200, b"{}", headers)) == used


@given(st.integers(100, 599), st.binary() | st.just(DEPTH[:-3]) | st.just(b"[" * 5000), st.text(max_size=5))
def test_no_answer_raises_anything_else(status: int, body: bytes, retry_after: str) -> None:
    answer = RestResponse(status, body, {"retry-after": retry_after})

    with pytest.raises((BadFrame, ExchangeRefused)):
        BINANCE.parse_snapshot(BTC, answer)
    with pytest.raises((BadFrame, ExchangeRefused)):
        BINANCE.parse_symbols(answer)
