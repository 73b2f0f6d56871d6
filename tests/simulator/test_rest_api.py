"""Public REST: an address in, an answer out."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from actors.simulator.answers import HttpAnswer, split_target
from actors.simulator.limits import WeightMeter
from actors.simulator.market import Depth, Market, MarketMessage
from actors.simulator.rest_api import RestApi
from actors.simulator.symbols import Symbol, parse_symbol
from actors.simulator.synthetic import SyntheticMarket
from actors.simulator.trades import RecentTrade

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


def test_old_trades_are_found_by_id() -> None:
    latest = body("/api/v3/historicalTrades?symbol=BTCUSDT&limit=5")
    older = body(f"/api/v3/historicalTrades?symbol=BTCUSDT&fromId={latest[0]['id'] - 100}&limit=100")

    assert latest == body("/api/v3/trades?symbol=BTCUSDT&limit=5")
    assert [t["id"] for t in older] == list(range(latest[0]["id"] - 100, latest[0]["id"]))


def test_aggregates_are_found_by_id_and_by_time() -> None:
    latest = body("/api/v3/aggTrades?symbol=BTCUSDT&limit=100")
    first, last = latest[0], latest[-1]

    assert list(first) == ["a", "p", "q", "f", "l", "T", "m", "M"]
    assert body(f"/api/v3/aggTrades?symbol=BTCUSDT&fromId={first['a']}&limit=100") == latest
    within = body(f"/api/v3/aggTrades?symbol=BTCUSDT&startTime={first['T']}&endTime={last['T']}")
    assert within == latest
    assert body(f"/api/v3/aggTrades?symbol=BTCUSDT&startTime={first['T']}&limit=3") == latest[:3]
    assert body(f"/api/v3/aggTrades?symbol=BTCUSDT&endTime={last['T']}&limit=3") == latest[-3:]


def test_candles_are_rows_of_twelve_that_can_be_narrowed_down() -> None:
    rows = body("/api/v3/klines?symbol=BTCUSDT&interval=1m")

    assert len(rows) == 11  # ten minutes before the start, and the one that is going on
    assert [row[0] for row in rows[1:]] == [row[6] + 1 for row in rows[:-1]]
    assert {len(row) for row in rows} == {12}
    assert rows == body("/api/v3/uiKlines?symbol=BTCUSDT&interval=1m")
    assert rows[-3:] == body("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=3")
    assert rows[2:4] == body(f"/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=2&startTime={rows[2][0]}")
    assert rows[2:4] == body(f"/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime={rows[2][0]}&endTime={rows[3][0]}")


def test_prices_are_told_of_one_symbol_of_some_and_of_all() -> None:
    for path, keys in (
        ("ticker/price", {"symbol", "price"}),
        ("ticker/bookTicker", {"symbol", "bidPrice", "bidQty", "askPrice", "askQty"}),
    ):
        one = body(f"/api/v3/{path}?symbol=BTCUSDT")
        assert set(one) == keys
        assert body(f"/api/v3/{path}?symbols=%5B%22BTCUSDT%22%5D") == [one]
        assert [t["symbol"] for t in body(f"/api/v3/{path}")] == ["BTCUSDT", "ETHUSDT"]


def test_the_best_prices_are_the_top_of_the_book_and_the_price_is_the_last_trades() -> None:
    best, depth = body("/api/v3/ticker/bookTicker?symbol=BTCUSDT"), body("/api/v3/depth?symbol=BTCUSDT&limit=1")
    last = body("/api/v3/trades?symbol=BTCUSDT&limit=1")[0]

    assert [[best["bidPrice"], best["bidQty"]], [best["askPrice"], best["askQty"]]] == [depth["bids"][0], depth["asks"][0]]
    assert body("/api/v3/ticker/price?symbol=BTCUSDT")["price"] == last["price"]


def test_the_statistics_of_the_day_are_full_or_mini() -> None:
    full = body("/api/v3/ticker/24hr?symbol=BTCUSDT")
    mini = body("/api/v3/ticker/24hr?symbol=BTCUSDT&type=MINI")
    trades = body("/api/v3/trades?symbol=BTCUSDT&limit=1000")

    assert mini == {key: full[key] for key in mini}
    assert len(full) - len(mini) == 9
    assert (full["firstId"], full["lastId"], full["count"]) == (trades[0]["id"], trades[-1]["id"], len(trades))
    assert float(full["volume"]) == pytest.approx(sum(float(t["qty"]) for t in trades))
    assert float(full["highPrice"]) == max(float(t["price"]) for t in trades)
    assert full["closeTime"] - full["openTime"] == 86_400_000
    assert [t["symbol"] for t in body("/api/v3/ticker/24hr")] == ["BTCUSDT", "ETHUSDT"]


def test_the_average_price_says_of_how_many_minutes() -> None:
    average = body("/api/v3/avgPrice?symbol=BTCUSDT")

    assert (average["mins"], average["closeTime"]) == (5, body("/api/v3/trades?symbol=BTCUSDT&limit=1")[0]["time"])
    assert float(average["price"]) == pytest.approx(60_000, abs=5)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("klines?symbol=BTCUSDT", (400, -1102)),
        ("klines?symbol=BTCUSDT&interval=7m", (400, -1120)),
        ("klines?symbol=BTCUSDT&interval=1m&startTime=x", (400, -1100)),
        ("aggTrades?symbol=BTCUSDT&fromId=1&startTime=1", (400, -1128)),
        ("aggTrades?symbol=BTCUSDT&fromId=", (400, -1102)),
        ("historicalTrades", (400, -1102)),
        ("avgPrice", (400, -1102)),
        ("ticker/24hr?type=HUGE", (400, -1139)),
        ("ticker/price?symbol=BTCUSDT&symbols=%5B%22BTCUSDT%22%5D", (400, -1128)),
        ("ticker/bookTicker?symbol=NOPE", (400, -1121)),
    ],
)
def test_other_wrong_parameters_have_their_codes(target: str, expected: tuple[int, int]) -> None:
    assert error(f"/api/v3/{target}")[:2] == expected


@pytest.mark.parametrize(
    ("target", "weight"),
    [
        ("historicalTrades?symbol=BTCUSDT", 25),
        ("aggTrades?symbol=BTCUSDT", 4),
        ("klines?symbol=BTCUSDT&interval=1m", 2),
        ("uiKlines?symbol=BTCUSDT&interval=1m", 2),
        ("avgPrice?symbol=BTCUSDT", 2),
        ("ticker/24hr?symbol=BTCUSDT", 2),
        ("ticker/24hr?symbols=%5B%22BTCUSDT%22%5D", 2),
        ("ticker/24hr", 80),
        ("ticker/price?symbol=BTCUSDT", 2),
        ("ticker/price", 4),
        ("ticker/bookTicker?symbol=BTCUSDT", 2),
        ("ticker/bookTicker?symbols=%5B%22BTCUSDT%22%5D", 4),
    ],
)
def test_each_request_has_the_weight_that_is_documented(target: str, weight: int) -> None:
    assert get(f"/api/v3/{target}").headers["X-MBX-USED-WEIGHT-1M"] == str(weight)


def test_many_statistics_at_once_weigh_more() -> None:
    market = SyntheticMarket([], 1, 0)
    market.symbols = [Symbol(f"A{number}USDT", f"A{number}", "USDT") for number in range(101)]
    rest, used = api(market), []
    for minute, count in enumerate((20, 21, 100, 101)):
        names = msgspec.json.encode([symbol.native for symbol in market.symbols[:count]]).decode()
        # The type is wrong, so that nothing is computed; the weight counts all the same.
        answer = rest.get(f"/api/v3/ticker/24hr?type=HUGE&symbols={names}", NOON + minute * 60)
        used.append(answer.headers["X-MBX-USED-WEIGHT-1M"])

    assert used == ["2", "40", "40", "80"]


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
    assert all(isinstance(trade, RecentTrade) for trade in market.history("BTCUSDT").trades)
