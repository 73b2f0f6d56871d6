from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.analysis.history import History, Table


def test_a_series_is_what_was_added() -> None:
    table = Table(["lag"], 10)
    table.add(1.0, {"lag": 0.5})
    table.add(2.0, {"lag": 1.5})
    assert table.series("lag") == [(1.0, 0.5), (2.0, 1.5)]


def test_what_is_missing_is_left_out() -> None:
    table = Table(["lag", "backlog"], 10)
    table.add(1.0, {"lag": 0.5})
    assert (table.series("backlog"), table.series("nothing")) == ([], [])


def test_a_series_begins_where_one_likes() -> None:
    table = Table(["lag"], 10)
    for second in range(5):
        table.add(float(second), {"lag": 0.0})
    assert [at for at, _ in table.series("lag", 3.0)] == [3.0, 4.0]


@settings(max_examples=40)
@given(st.integers(1, 20), st.integers(0, 80))
def test_a_table_keeps_the_last_rows_and_no_more(rows: int, added: int) -> None:
    table = Table(["lag"], rows)
    for number in range(added):
        table.add(float(number), {"lag": float(number)})
    assert [value for _, value in table.series("lag")] == [float(number) for number in range(max(added - rows, 0), added)]
    assert len(table) == min(rows, added)


def test_rows_are_a_second_apart_at_least() -> None:
    history = History(["lag"])
    for number in range(100):
        history.add(number / 10, {"lag": 0.0})
    assert len(history.seconds) == 10


def test_a_minute_is_its_mean() -> None:
    history = History(["lag"])
    for second in range(61):
        history.add(float(second), {"lag": 1.0 if second < 30 else 3.0})
    assert history.minutes.series("lag") == [(30.0, pytest.approx(2.0))]


def test_each_minute_is_its_own_mean() -> None:
    history = History(["lag"])
    for second in range(121):
        history.add(float(second), {"lag": 1.0 if second < 60 else 3.0})
    assert [value for _, value in history.minutes.series("lag")] == [1.0, 3.0]


def test_what_is_not_finite_does_not_spoil_the_mean() -> None:
    history = History(["lag"])
    for second in range(61):
        history.add(float(second), {"lag": math.nan if second % 2 else 1.0})
    assert history.minutes.series("lag") == [(30.0, 1.0)]


def test_a_day_is_bounded() -> None:
    history = History(["lag"])
    for minute in range(3_000):
        history.add(minute * 60.0, {"lag": 0.0})
    assert (len(history.seconds), len(history.minutes)) == (600, 1_440)
