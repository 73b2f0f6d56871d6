"""From observations to figures."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.drills.observation import Observation, Seen, Trouble
from actors.drills.tally import SLACK, Back, back_at, duplicates, excess, longest_pauses, lost, middle, told_at

TRADES, QUOTES, BOOK = "trades:BTC/USDT", "quotes:BTC/USDT", "book:BTC/USDT"
ETH = "trades:ETH/USDT"


def seen(stream: str, *ids: int, at: float = 0.0, every: float = 1.0) -> list[Observation]:
    return [Seen(at + number * every, stream, one) for number, one in enumerate(ids)]


def test_a_number_that_is_missing_between_the_first_and_the_last_is_lost() -> None:
    assert lost(seen(TRADES, 5, 6, 9, 10)) == 2


def test_what_came_before_the_first_or_after_the_last_is_nobodys_loss() -> None:
    assert lost(seen(TRADES, 7)) == 0
    assert lost([]) == 0


def test_each_symbol_is_counted_by_its_own_numbers() -> None:
    assert lost([*seen(TRADES, 1, 3), *seen(ETH, 100, 104)]) == 1 + 3


def test_ids_of_books_and_quotes_may_skip() -> None:
    assert lost([*seen(QUOTES, 1, 50), *seen(BOOK, 1, 90)]) == 0


def test_a_trade_that_comes_late_is_not_lost_and_no_double() -> None:
    late = seen(TRADES, 1, 4, 2, 3, 5)
    assert (lost(late), duplicates(late)) == (0, 0)


def test_a_quote_or_book_that_is_no_newer_than_the_one_before_is_a_double() -> None:
    assert duplicates(seen(QUOTES, 10, 12, 12, 11, 13)) == 2
    assert duplicates(seen(BOOK, 10, 9)) == 1


def test_the_same_number_of_another_symbol_is_no_double() -> None:
    assert duplicates([*seen(TRADES, 1, 2), *seen(ETH, 1, 2)]) == 0


@settings(max_examples=60)
@given(
    length=st.integers(2, 40),
    dropped=st.sets(st.integers(1, 38), max_size=10),
    doubled=st.sets(st.integers(0, 39), max_size=10),
    order=st.randoms(use_true_random=False),
)
def test_whatever_was_dropped_and_doubled_is_counted_in_any_order(
    length: int, dropped: set[int], doubled: set[int], order: Random
) -> None:
    dropped = {one for one in dropped if one < length - 1}  # the first and the last are always there
    kept = [one for one in range(length) if one not in dropped]
    doubled &= set(kept)
    ids = [*kept, *sorted(doubled)]
    order.shuffle(ids)
    said = seen(TRADES, *ids)
    assert (lost(said), duplicates(said)) == (len(dropped), len(doubled))


MARKS = {TRADES: 10, QUOTES: 100}


def test_it_is_back_when_each_symbol_has_something_newer_than_the_fault() -> None:
    said = [Seen(1.0, QUOTES, 101), Seen(2.0, TRADES, 11)]
    assert back_at(said, MARKS) == Back(first=1.0, whole=2.0)


def test_the_symbol_that_comes_last_counts() -> None:
    said = [Seen(1.0, TRADES, 11), Seen(4.0, ETH, 6)]
    assert back_at(said, {TRADES: 10, ETH: 5}) == Back(4.0, 4.0)


def test_what_was_on_its_way_when_the_fault_hit_is_not_new() -> None:
    said = [Seen(0.1, TRADES, 10), Seen(0.1, QUOTES, 100), Seen(1.0, TRADES, 11), Seen(1.5, QUOTES, 102)]
    assert back_at(said, MARKS) == Back(1.0, 1.5)


def test_it_is_not_back_while_a_stream_is_dead() -> None:
    assert back_at(seen(TRADES, 11, 12, 13), MARKS) is None


def test_nobody_is_back_who_has_no_streams() -> None:
    assert back_at(seen(TRADES, 11), {}) is None


def test_the_first_trouble_tells() -> None:
    said: list[Observation] = [Seen(1.0, TRADES, 1), Trouble(3.0, TRADES, "closed"), Trouble(2.0, QUOTES, "closed")]
    assert told_at(said) == 2.0
    assert told_at(seen(TRADES, 1)) is None


def test_a_pause_is_measured_over_all_streams_of_a_symbol() -> None:
    said = [Seen(1.0, TRADES, 1), Seen(2.0, QUOTES, 1), Seen(2.5, TRADES, 2), Seen(4.5, BOOK, 2)]
    assert longest_pauses(said, 1.0, 5.0) == {"BTC/USDT": 2.0}


def test_a_pause_reaches_over_the_ends() -> None:
    assert longest_pauses(seen(TRADES, 1, at=4.0), 0.0, 5.0) == {"BTC/USDT": 4.0}
    assert longest_pauses(seen(TRADES, 1, at=1.0), 0.0, 5.0) == {"BTC/USDT": 4.0}


def test_a_pause_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="from 2 to 1"):
        longest_pauses([], 2, 1)


@settings(max_examples=60)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=30).map(sorted))
def test_the_longest_pause_is_between_its_share_and_the_whole(times: list[float]) -> None:
    pause = longest_pauses([Seen(at, TRADES, 1) for at in times], 0.0, 10.0)["BTC/USDT"]
    assert 10.0 / (len(times) + 1) - 1e-9 <= pause <= 10.0


def test_a_pause_no_longer_than_usual_is_no_gap() -> None:
    assert excess({"BTC/USDT": 0.1}, {"BTC/USDT": 0.1 + SLACK / 2}) == 0
    assert excess({"BTC/USDT": 0.3}, {"BTC/USDT": 0.1}) == 0


def test_a_gap_is_what_the_pause_is_longer_than_usual() -> None:
    before, during = {"BTC/USDT": 0.1, "ETH/USDT": 0.1}, {"BTC/USDT": 0.1, "ETH/USDT": 1.1}
    assert excess(before, during) == pytest.approx(1.0)


def test_a_symbol_that_is_silent_all_the_time_has_no_end_of_its_gap() -> None:
    assert excess({"BTC/USDT": 0.1}, {}) == math.inf


def test_the_median_takes_what_never_came_for_the_longest() -> None:
    assert middle([1.0, None, 2.0]) == 2.0
    assert middle([1.0, None, None]) is None
    assert middle([]) is None
