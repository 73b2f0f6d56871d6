"""Streams that follow from others: made while they are wanted, and true to what they follow from. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.simulator.binance import BinanceDialect
from actors.simulator.dialect import Wanted
from actors.simulator.limits import WeightMeter
from actors.simulator.market import Market
from actors.simulator.replay import ReplayMarket
from actors.simulator.symbols import Symbol
from actors.simulator.synthetic import SyntheticMarket
from tests.simulator.test_replay import T, trade_line

BTC, ETH = Symbol("BTCUSDT", "BTC", "USDT"), Symbol("ETHUSDT", "ETH", "USDT")
START = 1_700_000_000_000


def a_market() -> SyntheticMarket:
    return SyntheticMarket([BTC, ETH], 5, START)


def a_dialect(market: Market) -> BinanceDialect:
    return BinanceDialect(market, WeightMeter(6000), lambda: START, 1024)


def played(*streams: str, seconds: float = 10.0, market: Market | None = None) -> Iterator[tuple[float, str, Any]]:
    """What is said of these streams: (market seconds, stream, event)."""
    market = market or a_market()
    dialect, wanted = a_dialect(market), Wanted(streams, 1)
    for message in itertools.takewhile(lambda m: m.time < seconds, market.messages()):
        for stream, data in dialect.frames(message, wanted):
            if stream in streams:
                yield message.time, stream, msgspec.json.decode(data)


def events(stream: str, seconds: float = 10.0) -> list[Any]:
    return [event for _, _, event in played(stream, seconds=seconds)]


def test_nothing_is_made_that_nobody_wants() -> None:
    market = a_market()
    dialect = a_dialect(market)
    for message in itertools.islice(market.messages(), 2000):
        assert list(dialect.frames(message, Wanted())) == [(message.stream, message.data)]


def test_a_stream_is_made_from_when_it_is_wanted_until_it_is_not() -> None:
    market = a_market()
    dialect, wanted, kinds = a_dialect(market), Wanted(), []
    for number, message in enumerate(itertools.islice(market.messages(), 3000)):
        if number in (1000, 2000):
            wanted = Wanted(["btcusdt@aggTrade"] if number == 1000 else [], wanted.changes + 1)
        kinds += [number for stream, _ in dialect.frames(message, wanted) if stream == "btcusdt@aggTrade"]

    assert kinds
    assert 1000 <= min(kinds) <= max(kinds) < 2000


def test_aggregates_count_by_one_and_cover_every_trade_once() -> None:
    market = a_market()
    found = list(played("btcusdt@trade", "btcusdt@aggTrade", market=market))
    trades = {event["t"]: event for _, stream, event in found if stream.endswith("@trade")}
    made = [event for _, stream, event in found if stream.endswith("@aggTrade")]

    assert [event["a"] for event in made] == list(range(made[0]["a"], made[0]["a"] + len(made)))
    assert [event["f"] for event in made[1:]] == [event["l"] + 1 for event in made[:-1]]
    assert any(event["f"] < event["l"] for event in made)
    for event in made:
        fills = [trades[number] for number in range(event["f"], event["l"] + 1)]
        assert {(fill["p"], fill["T"], fill["m"]) for fill in fills} == {(event["p"], event["T"], event["m"])}
        assert sum(round(float(fill["q"]) * 1e8) for fill in fills) == round(float(event["q"]) * 1e8)
    assert list(made[0]) == ["e", "E", "s", "a", "p", "q", "f", "l", "T", "m", "M"]


def test_rest_and_stream_agree_on_every_aggregate_and_every_trade() -> None:
    market = a_market()
    found = list(played("btcusdt@trade", "btcusdt@aggTrade", market=market))
    dialect = a_dialect(market)

    def rest(path: str) -> list[Any]:
        return msgspec.json.decode(dialect.rest(f"/api/v3/{path}", 0.0).body)

    made = [event for _, stream, event in found if stream.endswith("@aggTrade")]
    told = rest(f"aggTrades?symbol=BTCUSDT&limit=1000&fromId={made[0]['a']}")
    assert [{key: event[key] for key in "apqflTmM"} for event in made] == told[: len(made)]

    trades = [event for _, stream, event in found if stream.endswith("@trade")]
    told = rest(f"historicalTrades?symbol=BTCUSDT&limit=1000&fromId={trades[0]['t']}")
    streamed = [(event["t"], event["p"], event["q"], event["T"], event["m"], event["M"]) for event in trades]
    keys = ("id", "price", "qty", "time", "isBuyerMaker", "isBestMatch")
    assert streamed == [tuple(trade[key] for key in keys) for trade in told[: len(trades)]]


def test_the_slow_book_says_once_a_second_what_the_fast_one_says() -> None:
    found = list(played("btcusdt@depth", "btcusdt@depth@100ms"))
    slow = [event for _, stream, event in found if stream == "btcusdt@depth"]
    fast = [event for _, stream, event in found if stream == "btcusdt@depth@100ms"]

    assert len(slow) == 9
    assert [event["U"] for event in slow[1:]] == [event["u"] + 1 for event in slow[:-1]]
    for event in slow:
        within = [one for one in fast if event["U"] <= one["U"] and one["u"] <= event["u"]]
        assert 5 <= len(within) <= 10
        for side in "ba":
            joined = {price: quantity for one in within for price, quantity in one[side]}
            assert dict(event[side]) == joined


@pytest.mark.parametrize(("stream", "number"), [("depth5", 9), ("depth10@100ms", 99), ("depth20@100ms", 99)])
def test_the_best_levels_are_those_of_rest(stream: str, number: int) -> None:
    market = a_market()
    dialect, wanted, count = a_dialect(market), Wanted([f"btcusdt@{stream}"], 1), 0
    levels = int(stream.removeprefix("depth").partition("@")[0])
    for message in itertools.takewhile(lambda m: m.time < 10, market.messages()):
        for name, data in dialect.frames(message, wanted):
            if name in wanted.streams:
                assert data == dialect.rest(f"/api/v3/depth?symbol=BTCUSDT&limit={levels}", count * 60.0).body
                count += 1

    assert count == pytest.approx(number, abs=1)


def test_the_last_word_on_a_candle_is_that_it_is_over_and_agrees_with_rest() -> None:
    market = SyntheticMarket([BTC], 5, START)
    found = [event for _, _, event in played("btcusdt@kline_1m", seconds=130.0, market=market)]
    over = [event["k"] for event in found if event["k"]["x"]]
    told = msgspec.json.decode(a_dialect(market).rest("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1000", 0.0).body)
    rows = {row[0]: row for row in told}

    assert [kline["t"] for kline in over] == [START // 60_000 * 60_000 + n * 60_000 for n in range(len(over))]
    assert len(over) == 2
    assert 60 <= len(found) <= 70
    for kline in over:
        assert rows[kline["t"]] == [kline[key] for key in ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q")] + ["0"]
    assert list(over[0]) == "t T s i f L o c h l v n x q V Q B".split()  # noqa: SIM905 -- as documented


def test_of_seconds_only_those_that_are_over_are_told() -> None:
    told = [event["k"] for event in events("btcusdt@kline_1s")]

    assert all(kline["x"] for kline in told)
    assert [kline["t"] for kline in told] == [told[0]["t"] + n * 1000 for n in range(9)]


def test_the_statistics_of_the_day_agree_with_rest() -> None:
    market = a_market()
    *_, (_, _, last), (_, _, mini) = list(played("btcusdt@ticker", "btcusdt@miniTicker", market=market, seconds=5.0))
    names = {
        "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "c": "lastPrice", "Q": "lastQty",
        "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume", "F": "firstId",
        "L": "lastId", "n": "count", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty", "x": "prevClosePrice",
    }  # fmt: skip
    again = a_market()
    dialect = a_dialect(again)
    for message in again.messages():
        if START + int(message.time * 1000) == last["E"]:
            break
    told = msgspec.json.decode(dialect.rest("/api/v3/ticker/24hr?symbol=BTCUSDT", 0.0).body)

    assert {key: last[key] for key in names} == {key: told[name] for key, name in names.items()}
    assert {**last, **mini} == {**last, "e": "24hrMiniTicker"}
    assert list(last) == "e E s p P w x c Q b B a A o h l v q O C F L n".split()  # noqa: SIM905 -- as documented
    assert list(mini) == "e E s c o h l v q".split()  # noqa: SIM905 -- as documented


def test_the_average_price_is_that_of_five_minutes() -> None:
    market = a_market()
    told = [event for _, _, event in played("btcusdt@avgPrice", market=market, seconds=5.0)]
    within = [t for t in market.history("BTCUSDT").trades if told[-1]["E"] - 300_000 <= t.time_ms <= told[-1]["T"]]
    volume = sum(float(t.quantity) for t in within)

    assert len(told) == 4
    assert float(told[-1]["w"]) == pytest.approx(sum(float(t.price) * float(t.quantity) for t in within) / volume, rel=1e-6)
    assert list(told[-1]) == ["e", "E", "s", "i", "w", "T"]


def test_what_does_not_exist_says_nothing() -> None:
    assert not list(played("btcusdt@nope", "btcusdt@depth7", "btcusdt@kline_7m", "nope@ticker", "!ticker@arr"))


def test_a_recording_is_played_as_it_is_and_the_rest_is_derived(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.simulator.replay.SURVEY", 3000)  # its snapshot is among them
    market = ReplayMarket.open(recorded / "binance-btcusdt" / "spot_btcusdt_20240808.gz")
    streams = ("btcusdt@trade", "btcusdt@aggTrade", "btcusdt@depth", "btcusdt@kline_1m", "btcusdt@depth5@100ms")
    found = list(played(*streams, seconds=20.0, market=market))
    by_stream = {name: [event for _, stream, event in found if stream == name] for name in streams}

    assert [event["t"] for event in by_stream["btcusdt@trade"]] == [event["a"] for event in by_stream["btcusdt@aggTrade"]]
    slow = by_stream["btcusdt@depth"]
    assert [event["U"] for event in slow[1:]] == [event["u"] + 1 for event in slow[:-1]]
    assert 18 <= len(slow) <= 20
    assert by_stream["btcusdt@kline_1m"]
    assert all(len(event["bids"]) == len(event["asks"]) == 5 for event in by_stream["btcusdt@depth5@100ms"])


def test_what_a_recording_brings_itself_is_not_made_again(recorded: Path) -> None:
    market = ReplayMarket.open(recorded / "binance-multi" / "BINANCE.ws.1.0")
    streams = ("nknusdt@aggTrade", "nknusdt@kline_1m", "nknusdt@trade", "nknusdt@depth5")
    found = [stream for _, stream, _ in played(*streams, seconds=60.0, market=market)]

    assert (found.count("nknusdt@aggTrade"), found.count("nknusdt@kline_1m"), found.count("nknusdt@trade")) == (1, 1, 0)
    assert found.count("nknusdt@depth5") > 10
    assert len(market.history("NKNUSDT").aggregates) == 1


def test_what_a_recording_has_beside_its_source_comes_once(tmp_path: Path) -> None:
    aggregate = {"e": "aggTrade", "a": 5, "p": "1.0", "q": "4.0", "f": 1, "l": 2, "T": T, "m": True}
    line = b"%d " % ((T + 20) * 10**6) + msgspec.json.encode({"stream": "btcusdt@aggTrade", "data": aggregate})
    path = tmp_path / "recording"
    path.write_bytes(b"\n".join([trade_line(T, 1), trade_line(T + 10, 2), line]))
    found = list(played("btcusdt@aggTrade", market=ReplayMarket.open(path)))

    assert [event for _, _, event in found] == [aggregate]
