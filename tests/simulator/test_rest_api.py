"""Public REST: an address in, an answer out."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from actors.simulator.limits import WeightMeter
from actors.simulator.market import Depth, Market, MarketMessage, RecentTrade
from actors.simulator.rest_api import HttpAnswer, RestApi, split_target
from actors.simulator.symbols import parse_symbol
from actors.simulator.synthetic import SyntheticMarket

BTC, ETH = (s for s in map(parse_symbol, ("BTC/USDT", "ETH/USDT")) if s)
NOON = 1_700_000_000.0


def a_market() -> SyntheticMarket:
    market = SyntheticMarket([BTC, ETH], 3, 1_600_000_000_000)
    for _ in itertools.islice(market.messages(), 500):
        pass
    return market


def api(market: Market | None = None, limit: int = 6000) -> RestApi:
    return RestApi(market or a_market(), WeightMeter(limit), lambda: 1_600_000_000_123)


def get(target: str) -> HttpAnswer:
    return api().get(target, NOON)


def body(target: str) -> Any:
    answer = get(target)
    assert answer.status == 200
    return msgspec.json.decode(answer.body)


def error(target: str) -> tuple[int, int, str]:
    answer = get(target)
    said = msgspec.json.decode(answer.body)
    return answer.status, said["code"], said["msg"]


def test_ping_and_time_are_answered() -> None:
    assert body("/api/v3/ping") == {}
    assert body("/api/v3/time") == {"serverTime": 1_600_000_000_123}


def test_the_symbols_are_listed() -> None:
    info = body("/api/v3/exchangeInfo?symbolStatus=TRADING&showPermissionSets=false")

    assert [(s["symbol"], s["status"], s["baseAsset"], s["quoteAsset"]) for s in info["symbols"]] == [
        ("BTCUSDT", "TRADING", "BTC", "USDT"),
        ("ETHUSDT", "TRADING", "ETH", "USDT"),
    ]


@pytest.mark.parametrize("query", ["symbol=ETHUSDT", "symbols=%5B%22ETHUSDT%22%5D"])
def test_one_symbol_may_be_asked_for(query: str) -> None:
    assert [s["symbol"] for s in body(f"/api/v3/exchangeInfo?{query}")["symbols"]] == ["ETHUSDT"]


@pytest.mark.parametrize(("query", "levels"), [("", 100), ("&limit=5", 5), ("&limit=9999", 1000)])
def test_depth_has_as_many_levels_as_asked_for(query: str, levels: int) -> None:
    depth = body(f"/api/v3/depth?symbol=BTCUSDT{query}")

    assert len(depth["bids"]) == pytest.approx(levels, abs=60 if levels == 1000 else 0)
    assert depth["lastUpdateId"] > 0
    assert float(depth["bids"][0][0]) < float(depth["asks"][0][0])


def test_trades_are_the_latest_ones_oldest_first() -> None:
    trades = body("/api/v3/trades?symbol=BTCUSDT&limit=5")

    assert [t["id"] for t in trades] == list(range(trades[0]["id"], trades[0]["id"] + 5))
    assert sorted(trades[0]) == ["id", "isBestMatch", "isBuyerMaker", "price", "qty", "quoteQty", "time"]


@pytest.mark.parametrize("path", ["depth", "trades"])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")),
        ("symbol=", (400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")),
        ("symbol=NOPE", (400, -1121, "Invalid symbol.")),
        (
            "symbol=btcusdt",
            (400, -1100, "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'."),
        ),
        (
            "symbol=BTCUSDT&limit=x",
            (400, -1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."),
        ),
        ("symbol=BTCUSDT&limit=0", (400, -1130, "Data sent for parameter 'limit' is not valid.")),
    ],
)
def test_a_wrong_parameter_is_answered_as_the_exchange_does(path: str, query: str, expected: tuple[int, int, str]) -> None:
    assert error(f"/api/v3/{path}?{query}") == expected


def test_a_list_of_symbols_must_be_a_list() -> None:
    assert error("/api/v3/exchangeInfo?symbols=BTCUSDT")[:2] == (400, -1100)


@pytest.mark.parametrize("target", ["/", "/api/v3/nope", "/api/v1/ping", "//evil/api/v3/ping"])
def test_an_unknown_path_is_a_web_page(target: str) -> None:
    answer = get(target)

    assert (answer.status, answer.content_type) == (404, "text/html")


def test_every_answer_tells_the_weight_that_was_used() -> None:
    rest = api()
    used = [
        rest.get(target, NOON).headers["X-MBX-USED-WEIGHT-1M"]
        for target in ("/api/v3/ping", "/api/v3/depth?symbol=BTCUSDT&limit=5000", "/api/v3/depth?symbol=NOPE")
    ]

    assert used == ["1", "251", "256"]


def test_too_much_weight_is_refused_with_the_seconds_to_wait() -> None:
    rest = api(limit=2)
    for _ in range(2):
        assert rest.get("/api/v3/ping", 119.5).status == 200
    refused = rest.get("/api/v3/ping", 119.5)

    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert msgspec.json.decode(refused.body)["code"] == -1003
    assert rest.get("/api/v3/ping", 120.0).status == 200


class BooklessMarket(SyntheticMarket):
    def depth(self, native: str, limit: int) -> Depth | None:
        return None


def test_a_book_that_is_not_known_is_a_server_error() -> None:
    answer = api(BooklessMarket([BTC], 1, 0)).get("/api/v3/depth?symbol=BTCUSDT", NOON)

    assert (answer.status, msgspec.json.decode(answer.body)["code"]) == (503, -1001)


def test_a_target_is_split_and_decoded() -> None:
    assert split_target("/stream?streams=a%40trade%2Fb@trade&x=") == (
        "/stream",
        {"streams": ["a@trade/b@trade"], "x": [""]},
    )
    assert split_target("/ws/a%40trade") == ("/ws/a@trade", {})


def test_a_market_is_what_the_server_needs() -> None:
    market: Market = a_market()

    assert isinstance(next(market.messages()), MarketMessage)
    assert all(isinstance(trade, RecentTrade) for trade in market.trades("BTCUSDT", 3))
