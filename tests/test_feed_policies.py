"""What a slow reader loses of each feed, and what it is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from actors.feeds import books, candles, policy_of, quotes, trades
from actors.market import (
    AggregateTrade,
    Book,
    Candle,
    Disconnected,
    Feed,
    InstrumentId,
    Quote,
    Resumed,
    Subscription,
    Trade,
)
from supervisor import Conflate, Overflow, Skipped, SupervisorSpec, Topic, open_supervisor
from supervisor.overflow import bounded_queue

BTC = InstrumentId("binance", "BTCUSDT", "BTC/USDT")
ETH = InstrumentId("binance", "ETHUSDT", "ETH/USDT")
ONE = Decimal(1)


def quote(number: int, instrument: InstrumentId = BTC) -> Quote:
    return Quote(instrument=instrument, update_id=number, bid=ONE, bid_quantity=ONE, ask=ONE, ask_quantity=ONE)


def trade(number: int) -> Trade:
    return Trade(instrument=BTC, id=number, price=ONE, quantity=ONE, buyer_is_maker=True, time_ms=0)


def aggregate(number: int) -> AggregateTrade:
    return AggregateTrade(
        instrument=BTC, id=number, price=ONE, quantity=ONE, first_trade_id=1, last_trade_id=1, buyer_is_maker=True, time_ms=0
    )


def book(number: int) -> Book:
    return Book(instrument=BTC, update_id=number, bids=((ONE, ONE),), asks=())


def candle(open_ms: int, time_ms: int, *, closed: bool = False) -> Candle:
    return Candle(
        instrument=BTC,
        interval="1m",
        open_ms=open_ms,
        close_ms=open_ms + 59_999,
        open=ONE,
        high=ONE,
        low=ONE,
        close=ONE,
        volume=ONE,
        quote_volume=ONE,
        trades=1,
        closed=closed,
        time_ms=time_ms,
    )


def wanted(feed: Feed, instrument: InstrumentId = BTC) -> Subscription:
    return Subscription(instrument, feed)


def left(feed: Feed, *events: object, capacity: int = 3) -> list[Any]:
    """What a reader that has not read yet would find."""
    queue = bounded_queue(capacity, policy_of(feed))
    for event in events:
        queue.offer(event)
    return list(queue)


@pytest.mark.parametrize("feed", Feed)
def test_every_feed_has_a_policy(feed: Feed) -> None:
    policy = policy_of(feed)
    assert policy is Overflow.DROP_OLDEST if feed in (Feed.TRADES, Feed.AGGREGATES) else isinstance(policy, Conflate)


@pytest.mark.parametrize(("feed", "make"), [(Feed.TRADES, trade), (Feed.AGGREGATES, aggregate)], ids=["trades", "aggregates"])
def test_of_what_has_happened_nothing_is_replaced_and_beyond_the_capacity_the_oldest_goes(feed: Feed, make: Any) -> None:
    assert left(feed, *map(make, range(1, 6))) == [make(3), make(4), make(5)]


def test_a_quote_replaces_the_one_of_its_symbol_that_waits() -> None:
    assert left(Feed.QUOTES, quote(1), quote(7, ETH), quote(2), quote(3)) == [quote(3), quote(7, ETH)]


def test_the_newest_book_is_what_waits() -> None:
    assert left(Feed.BOOK, *map(book, range(1, 50))) == [book(49)]


def test_of_each_candle_its_last_word_waits() -> None:
    minute = 60_000
    seen = [candle(0, 1), candle(0, 2), candle(0, minute, closed=True), candle(minute, minute + 1), candle(minute, minute + 2)]
    assert left(Feed.CANDLES, *seen) == [seen[2], seen[4]]


def test_no_quote_is_put_before_a_marker_that_came_earlier() -> None:
    down, up = Disconnected(subscription=wanted(Feed.QUOTES), reason="x"), Resumed(subscription=wanted(Feed.QUOTES), outage=1.0)
    found = left(Feed.QUOTES, quote(1), quote(2), down, up, quote(3), quote(4), capacity=10)
    assert found == [quote(2), down, up, quote(4)]


def test_the_markers_of_one_symbol_part_no_quotes_of_another() -> None:
    down = Disconnected(subscription=wanted(Feed.QUOTES, ETH), reason="x")
    assert left(Feed.QUOTES, quote(1), down, quote(2)) == [quote(2), down]


def test_in_a_mailbox_that_hears_several_feeds_no_trade_is_replaced() -> None:
    assert left(Feed.QUOTES, trade(1), quote(1), trade(2), quote(2), capacity=10) == [trade(1), quote(2), trade(2)]


def test_two_readers_do_not_share_a_policy() -> None:
    assert policy_of(Feed.QUOTES) is not policy_of(Feed.QUOTES)


CASES: dict[str, tuple[Feed, Topic[Any], list[Any], list[Any]]] = {
    "trades": (Feed.TRADES, trades(BTC), [trade(n) for n in range(1, 101)], [Skipped(90), *map(trade, range(91, 101))]),
    "quotes": (Feed.QUOTES, quotes(BTC), [quote(n) for n in range(1, 101)], [quote(100)]),
    "books": (Feed.BOOK, books(BTC), [book(n) for n in range(1, 101)], [book(100)]),
    "candles": (
        Feed.CANDLES,
        candles(BTC),
        [candle(n, n) for n in range(20)],
        [Skipped(10), *(candle(n, n) for n in range(10, 20))],
    ),
}


@pytest.mark.anyio
@pytest.mark.parametrize("case", CASES)
async def test_a_reader_that_comes_late_finds_what_its_feed_is_about(case: str) -> None:
    feed, topic, events, expected = CASES[case]
    async with open_supervisor(SupervisorSpec("bot")) as root:
        reader = root.subscription(topic, capacity=10, overflow=policy_of(feed))
        for event in events:
            root.publish(topic, event)
        found = [await anext(reader) for _ in expected]
        assert found == expected
        assert len(reader) == 0


def test_a_flapping_connection_leaves_no_more_than_the_capacity() -> None:
    queue = bounded_queue(10, policy_of(Feed.QUOTES))
    for number in range(1, 101):
        queue.offer(quote(number))
        queue.offer(Disconnected(subscription=wanted(Feed.QUOTES), reason=str(number)))
    assert len(queue) == 10
    assert [event.reason for event in queue if isinstance(event, Disconnected)] == ["96", "97", "98", "99", "100"]
