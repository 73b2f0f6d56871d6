"""Candles: what a naive count of the same trades says. Pure."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.simulator.candles import DAY, INTERVALS, MINUTE, SECOND, SECONDS_KEPT, Candle, Candles, close_of, open_of
from actors.simulator.trades import RecentTrade

NOON = 1_700_049_600_000  # 2023-11-15, a Wednesday, 12:00 UTC


def candles(*trades: tuple[int, str, str, bool]) -> Candles:
    """Of (milliseconds after noon, price, quantity, whether the buyer is the maker)."""
    made = Candles()
    for number, (after, price, quantity, maker) in enumerate(trades, start=100):
        made.add(RecentTrade(number, price, quantity, NOON + after, maker, number))
    return made


def test_a_candle_sums_what_was_traded_within_it() -> None:
    made = candles((0, "10", "1", True), (20_000, "12", "2", False), (40_000, "9", "3", True), (59_999, "11", "4", False))

    assert made.klines("1m", NOON + 59_999) == [
        Candle(
            NOON,
            open=Decimal(10),
            high=Decimal(12),
            low=Decimal(9),
            close=Decimal(11),
            volume=Decimal(10),
            quote_volume=Decimal(105),
            taker_volume=Decimal(6),
            taker_quote_volume=Decimal(68),
            count=4,
            first_id=100,
            last_id=103,
        )
    ]


def test_where_nobody_traded_it_is_flat_at_the_price_before() -> None:
    made = candles((0, "10", "1", True), (3 * MINUTE, "12", "2", False)).klines("1m", NOON + 4 * MINUTE)

    assert [(one.open_ms - NOON, one.count, one.open, one.close) for one in made] == [
        (0, 1, 10, 10),
        (MINUTE, 0, 10, 10),
        (2 * MINUTE, 0, 10, 10),
        (3 * MINUTE, 1, 12, 12),
        (4 * MINUTE, 0, 12, 12),
    ]
    assert (made[1].first_id, made[1].last_id, made[1].volume) == (-1, -1, 0)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2 * 3600 * SECOND), st.integers(1, 99), st.integers(1, 9)), min_size=1, max_size=60),
    st.sampled_from(["1m", "3m", "15m", "1h", "1d", "1w", "1M"]),
)
def test_every_interval_says_what_a_naive_count_says(trades: list[tuple[int, int, int]], interval: str) -> None:
    made = candles(*((after, str(price), str(quantity), False) for after, price, quantity in sorted(trades)))
    found = made.klines(interval, NOON + 2 * 3600 * SECOND)

    naive: dict[int, list[tuple[int, int, int]]] = {}
    for one in sorted(trades):
        naive.setdefault(open_of(interval, NOON + one[0]), []).append(one)
    assert {one.open_ms: (one.open, one.high, one.low, one.close, one.volume, one.count) for one in found if one.count} == {
        begin: (
            within[0][1],
            max(price for _, price, _ in within),
            min(price for _, price, _ in within),
            within[-1][1],
            sum(quantity for _, _, quantity in within),
            len(within),
        )
        for begin, within in naive.items()
    }
    assert [one.open_ms for one in found[1:]] == [close_of(interval, one.open_ms) + 1 for one in found[:-1]]


@pytest.mark.parametrize(
    ("interval", "begin", "end"),
    [
        ("1s", NOON, NOON + 999),
        ("15m", NOON, NOON + 15 * MINUTE - 1),
        ("1d", NOON - DAY // 2, NOON + DAY // 2 - 1),
        ("1w", NOON - 2 * DAY - DAY // 2, NOON + 4 * DAY + DAY // 2 - 1),  # from Monday to Sunday
        ("1M", 1_698_796_800_000, 1_701_388_799_999),  # November has 30 days
    ],
)
def test_an_interval_begins_and_ends_by_the_calendar(interval: str, begin: int, end: int) -> None:
    assert open_of(interval, NOON + 123) == begin
    assert close_of(interval, begin) == end


def test_a_trade_whose_own_time_is_earlier_counts_into_the_newest_candle() -> None:
    made = candles((MINUTE, "10", "1", True), (MINUTE - 1, "12", "1", True)).klines("1m", NOON + MINUTE)

    assert [(one.open_ms - NOON, one.count) for one in made] == [(MINUTE, 2)]


def test_the_time_since_a_moment_is_one_candle() -> None:
    made = candles((0, "10", "1", True), (10_000, "12", "2", False), (70_000, "9", "3", True))
    since = made.since(NOON + 5_000)
    assert since is not None

    assert (since.open, since.high, since.low, since.close, since.volume, since.count) == (12, 12, 9, 9, 5, 2)
    assert made.since(NOON + 100_000) is None


def test_beyond_the_seconds_that_are_kept_minutes_tell() -> None:
    made = candles(*((second * SECOND, "10", "1", True) for second in range(SECONDS_KEPT + 60)))
    since = made.since(NOON)
    assert since is not None

    assert since.count == SECONDS_KEPT + 60


def test_no_interval_is_missing() -> None:
    assert list(INTERVALS) == "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M".split()  # noqa: SIM905 -- as documented
