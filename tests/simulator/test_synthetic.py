"""The synthetic market keeps its promises whatever the seed. Pure: no clock, no socket."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.simulator.market import Depth, MarketMessage
from actors.simulator.symbols import Symbol
from actors.simulator.synthetic import PAST, SymbolMarket, SyntheticMarket
from actors.simulator.trades import RecentTrade

BTC = Symbol("BTCUSDT", "BTC", "USDT")
XYZ = Symbol("XYZABC", "XYZ", "ABC")
Side = dict[Decimal, Decimal]


def a_market(seed: object = 1, symbol: Symbol = BTC) -> SymbolMarket:
    return SymbolMarket(symbol, Random(f"{seed}"), epoch_ms=1_700_000_000_000)


def kind(message: MarketMessage) -> str:
    return message.stream.partition("@")[2]


def decode(message: MarketMessage) -> Any:
    return msgspec.json.decode(message.data)


def side(levels: list[tuple[str, str]]) -> Side:
    return {Decimal(price): Decimal(quantity) for price, quantity in levels}


def change(book: Side, levels: list[tuple[str, str]]) -> None:
    for price, quantity in side(levels).items():
        if quantity:
            book[price] = quantity
        else:
            book.pop(price, None)  # it came and went within one event


def top(bids: Side, asks: Side) -> tuple[Decimal, ...]:
    bid, ask = max(bids), min(asks)
    return bid, bids[bid], ask, asks[ask]


def quote(event: Any) -> tuple[Decimal, ...]:
    return tuple(Decimal(str(event[key])) for key in "bBaA")


def first(market: SymbolMarket, count: int) -> Iterator[MarketMessage]:
    return itertools.islice(market.messages(), count)


@settings(max_examples=15, deadline=None)
@given(st.integers(), st.sampled_from([BTC, XYZ]))
def test_the_top_after_a_depth_event_is_what_the_last_quote_said(seed: int, symbol: Symbol) -> None:
    market = a_market(seed, symbol)
    start = market.depth(5000)
    bids, asks, book_id = side(start.bids), side(start.asks), start.last_id
    expected = top(bids, asks)
    compared = 0
    for message in first(market, 1500):
        event = decode(message)
        if kind(message) == "bookTicker":
            assert event["u"] > book_id  # sent before the depth event that covers it
            assert quote(event) != expected
            expected = quote(event)
        elif kind(message) == "depth@100ms":
            assert event["U"] == book_id + 1 <= event["u"]
            change(bids, event["b"])
            change(asks, event["a"])
            book_id = event["u"]
            assert top(bids, asks) == expected
            compared += 1

    assert compared > 50


@settings(max_examples=15, deadline=None)
@given(st.integers())
def test_trade_ids_count_up_by_one_and_time_never_goes_back(seed: int) -> None:
    market = a_market(seed)
    trade_id, time = market.trade_id, 0.0
    for message in first(market, 800):
        assert message.time >= time
        time = message.time
        if kind(message) == "trade":
            trade = decode(message)
            assert trade["t"] == trade_id + 1
            assert Decimal(str(trade["q"])) > 0
            trade_id += 1


def test_a_trade_happens_at_the_top_that_was_quoted_and_takes_from_it() -> None:
    market = a_market()
    start = market.depth(1)
    best = top(side(start.bids), side(start.asks))
    for message, after in itertools.pairwise(first(market, 2000)):
        event = decode(message)
        if kind(message) == "bookTicker":
            best = quote(event)
        elif kind(message) == "trade":
            price, quantity = (best[0], best[1]) if event["m"] else (best[2], best[3])
            assert Decimal(str(event["p"])) == price
            assert Decimal(str(event["q"])) <= quantity
            assert isinstance(message.content, RecentTrade)
            assert kind(after) == ("bookTicker" if message.content.ends else "trade")


def test_the_spread_stays_positive_and_narrow_and_the_book_deep() -> None:
    market = a_market()
    for message in first(market, 20_000):
        if kind(message) == "bookTicker":
            bid, _, ask, _ = quote(decode(message))
            assert 0 < ask - bid < Decimal("0.5")
    depth = market.depth(5000)

    assert min(len(depth.bids), len(depth.asks)) > 500
    assert depth.bids == sorted(depth.bids, key=lambda level: -Decimal(level[0]))
    assert depth.asks == sorted(depth.asks, key=lambda level: Decimal(level[0]))


def test_depth_belongs_to_the_last_message_that_was_drawn() -> None:
    market = a_market()
    before = market.depth(5000)
    bids, asks = side(before.bids), side(before.asks)
    for message in first(market, 500):
        if kind(message) == "depth@100ms":
            event = decode(message)
            change(bids, event["b"])
            change(asks, event["a"])
            now = market.depth(5000)
            assert (now.last_id, side(now.bids), side(now.asks)) == (event["u"], bids, asks)


def test_rates_are_lively() -> None:
    counts: Counter[str] = Counter()
    for message in a_market().messages():
        if message.time > 30:
            break
        counts[kind(message)] += 1

    assert 15 * 30 < counts["trade"] < 25 * 30
    assert 50 * 30 < counts["bookTicker"] < 70 * 30
    assert 290 <= counts["depth@100ms"] <= 300


def test_the_same_seed_gives_the_same_market_beside_any_others() -> None:
    def course(*symbols: Symbol) -> list[MarketMessage]:
        messages = SyntheticMarket(symbols, 7, 0).messages()
        return [m for m in itertools.islice(messages, 600) if m.stream.startswith("btcusdt")][:250]

    assert course(BTC) == course(XYZ, BTC)
    assert course(BTC) != list(itertools.islice(SyntheticMarket([BTC], 8, 0).messages(), 250))


def test_symbols_are_merged_in_order_of_time() -> None:
    times = [m.time for m in itertools.islice(SyntheticMarket([BTC, XYZ], 7, 0).messages(), 1000)]

    assert times == sorted(times)


def test_an_unknown_symbol_has_neither_depth_nor_trades() -> None:
    market = SyntheticMarket([BTC], 7, 0)

    assert market.depth("NOPE", 5) is None
    assert not market.history("NOPE").trades
    assert isinstance(market.depth("BTCUSDT", 5), Depth)


def test_the_latest_trades_are_kept_oldest_first() -> None:
    market = a_market()
    seen = [decode(m)["t"] for m in first(market, 500) if kind(m) == "trade"]

    assert [trade.id for trade in market.history.trades][PAST:] == seen


@pytest.mark.parametrize("limit", [1, 20])
def test_depth_has_no_more_levels_than_asked_for(limit: int) -> None:
    depth = a_market().depth(limit)

    assert (len(depth.bids), len(depth.asks)) == (limit, limit)
