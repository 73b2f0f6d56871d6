"""Numbered events in order, whoever brings them."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from actors.delivery.line import ANEW, Hole, Line
from actors.market import MarketEvent
from tests.delivery.support import trade


def ids(events: list[MarketEvent] | tuple[MarketEvent, ...] | object) -> list[int]:
    assert isinstance(events, list | tuple)
    return [event.sequence for event in events]


def test_what_continues_is_handed_out_at_once() -> None:
    line = Line()
    assert [ids(line.take(trade(number), 0.0)) for number in (7, 8, 9)] == [[7], [8], [9]]


def test_a_hole_holds_back_what_comes_after_it() -> None:
    line = Line(last_id=5)
    assert ids(line.take(trade(8), 3.0)) == []
    assert ids(line.take(trade(9), 4.0)) == []
    assert (line.hole, line.since) == (Hole(5, 8), 3.0)


def test_a_hole_that_is_filled_is_handed_out_in_order() -> None:
    line = Line(last_id=5)
    for number in (8, 9):
        line.take(trade(number), 0.0)
    assert ids(line.fill([trade(6), trade(7)], 1.0)) == [6, 7, 8, 9]
    assert (line.hole, line.since, line.last_id) == (None, None, 9)


def test_what_comes_again_is_dropped_and_counted() -> None:
    line = Line(last_id=5)
    assert ids(line.take(trade(5), 0.0)) == []
    line.take(trade(8), 0.0)
    line.take(trade(8), 0.0)
    assert line.duplicates == 2


def test_a_fetched_event_that_we_have_is_no_duplicate_of_the_exchange() -> None:
    line = Line(last_id=5)
    line.take(trade(7), 0.0)
    assert ids(line.fill([trade(4), trade(5), trade(6)], 1.0)) == [6, 7]
    assert line.duplicates == 0


def test_a_hole_that_is_given_up_is_told_of_before_what_follows() -> None:
    line = Line(last_id=5)
    for number in (8, 9, 12):
        line.take(trade(number), 0.0)
    pieces = line.give_up()
    assert [(piece.gap, ids(piece.events)) for piece in pieces] == [(Hole(5, 8), [8, 9]), (Hole(9, 12), [12])]
    assert (line.last_id, line.since) == (12, None)


def test_ids_that_begin_anew_are_believed() -> None:
    line = Line(last_id=5_000_000)
    line.take(trade(5_000_002), 0.0)
    assert ids(line.take(trade(1), 0.0)) == [1]
    assert (line.hole, line.last_id) == (None, 1)
    assert ANEW < 5_000_000


def test_more_than_the_most_is_full() -> None:
    line = Line(most=2, last_id=0)
    for number in (5, 6):
        line.take(trade(number), 0.0)
    assert not line.full
    line.take(trade(7), 0.0)
    assert line.full


@given(st.integers(0, 2**32), st.integers(1, 60), st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_two_connections_that_each_lose_some_deliver_everything_once_and_in_order_once_the_rest_is_fetched(
    seed: int, count: int, first_loses: float, second_loses: float
) -> None:
    chance = random.Random(seed)
    one = [number for number in range(1, count + 1) if chance.random() >= first_loses]
    two = [number for number in range(1, count + 1) if chance.random() >= second_loses]
    line, out = Line(last_id=0), []
    while one or two:
        source = chance.choice([part for part in (one, two) if part])
        out += ids(line.take(trade(source.pop(0)), 0.0))
    while line.hole is not None:
        hole = line.hole
        out += ids(line.fill([trade(number) for number in range(hole.after_id + 1, hole.before_id)], 1.0))
    assert out == list(range(1, len(out) + 1))
    assert line.since is None


@given(st.lists(st.integers(1, 40), max_size=120), st.integers(0, 3))
def test_whatever_comes_ids_only_go_up_and_every_hole_is_told_of(numbers: list[int], every: int) -> None:
    line, last = Line(), None
    for turn, number in enumerate(numbers):
        for out in ids(line.take(trade(number), float(turn))):
            assert last is None or out == last + 1
            last = out
        if every and turn % (every * 7) == 0:
            for piece in line.give_up():
                assert piece.gap is not None
                assert last is None or piece.gap.after_id == last
                for out in ids(list(piece.events)):
                    assert last is None or out > last
                    last = out
        assert (line.since is None) == (line.hole is None)
