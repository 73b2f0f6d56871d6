"""What REST tells of trades: found by id and by time, whole aggregates only, and bounded. Pure."""

from __future__ import annotations

import pytest

from actors.simulator.history import HISTORY, Aggregate, TradeHistory, between, from_id, latest
from actors.simulator.trades import RecentTrade

T = 1_700_000_000_000


def trade(number: int, *, aggregate: int | None = None, ends: bool = True, quantity: str = "1.00000000") -> RecentTrade:
    return RecentTrade(number, "10.00000000", quantity, T + number, False, number if aggregate is None else aggregate, ends)


def a_history(count: int = 10) -> TradeHistory:
    history = TradeHistory()
    for number in range(count):
        history.add(trade(number))
    return history


def ids(found: list[RecentTrade]) -> list[int]:
    return [one.id for one in found]


def test_the_latest_are_the_newest_oldest_first() -> None:
    assert ids(latest(a_history().trades, 3)) == [7, 8, 9]
    assert ids(latest(a_history().trades, 99)) == list(range(10))


@pytest.mark.parametrize(("first", "limit", "expected"), [(0, 2, [0, 1]), (8, 5, [8, 9]), (-5, 1, [0]), (10, 5, [])])
def test_from_an_id_on_are_the_oldest(first: int, limit: int, expected: list[int]) -> None:
    assert ids(from_id(a_history().trades, first, limit)) == expected


@pytest.mark.parametrize(
    ("start", "end", "limit", "expected"),
    [(2, 4, 10, [2, 3, 4]), (2, 4, 2, [2, 3]), (-9, 0, 10, [0]), (9, 99, 10, [9]), (5, 4, 10, []), (20, 30, 10, [])],
)
def test_between_two_times_both_count(start: int, end: int, limit: int, expected: list[int]) -> None:
    assert ids(between(a_history().trades, T + start, T + end, limit)) == expected


def test_so_much_is_kept_and_no_more() -> None:
    history = a_history(HISTORY + 5)

    assert (len(history.trades), len(history.aggregates)) == (HISTORY, HISTORY)
    assert history.trades[0].id == history.aggregates[0].id == 5


def test_the_fills_of_an_order_are_one_aggregate_once_all_are_known() -> None:
    history = TradeHistory()
    history.add(trade(1, aggregate=7))
    history.add(trade(2, aggregate=8, ends=False, quantity="0.25000000"))
    assert [one.id for one in history.aggregates] == [7]
    history.add(trade(3, aggregate=8, quantity="0.50000000"))

    assert history.aggregates[-1] == Aggregate(8, "10.00000000", "0.75000000", 2, 3, T + 3, False)


def test_candles_know_the_trades_from_before_they_were_asked_for_and_those_after() -> None:
    history = a_history(3)
    assert history.candles.klines("1m", T)[-1].count == 3
    history.add(trade(3))

    assert history.candles.klines("1m", T)[-1].count == 4
