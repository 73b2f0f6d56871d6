"""`LocalBook`: levels, as snapshots and deltas set them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.book import LocalBook
from actors.market import Book, BookDelta, BookSnapshot
from tests.book.support import BTC, Prices, delta, level, levels, snapshot


def test_an_empty_book_has_no_top() -> None:
    assert LocalBook(BTC).top == (None, None)


def test_the_top_is_the_highest_bid_and_the_lowest_ask() -> None:
    book = LocalBook(BTC)
    book.load(snapshot(1, {98: 5, 99: 1}, {101: 2, 102: 7}))
    assert book.top == (level(99, 1), level(101, 2))


def test_a_delta_sets_adds_and_removes_levels() -> None:
    book = LocalBook(BTC)
    book.load(snapshot(1, {98: 5, 99: 1}, {101: 2, 102: 7}))
    book.apply(delta(2, 3, {99: 0, 98: 6, 97: 4}, {100: 3, 102: 8}))
    assert book.view() == Book(
        instrument=BTC, update_id=3, bids=tuple(levels({98: 6, 97: 4})), asks=tuple(levels({100: 3, 101: 2, 102: 8}))
    )


def test_taking_away_an_unknown_level_changes_nothing() -> None:
    book = LocalBook(BTC)
    book.load(snapshot(1))
    book.apply(delta(2, 2, {50: 0}, {150: 0}))
    assert book.levels == (1, 1)


def test_a_price_is_the_same_however_many_zeros_it_has() -> None:
    book = LocalBook(BTC)
    book.load(BookSnapshot(last_id=1, bids=[(Decimal("99.10"), Decimal(1))], asks=[]))
    book.apply(BookDelta(first_id=2, last_id=2, bids=[(Decimal("99.1"), Decimal(0))], asks=[]))
    assert book.levels == (0, 0)


def test_an_empty_level_of_a_snapshot_is_no_level() -> None:
    book = LocalBook(BTC)
    book.load(snapshot(1, {99: 0}, {101: 0}))
    assert book.levels == (0, 0)


def test_a_view_is_as_deep_as_asked() -> None:
    book = LocalBook(BTC)
    book.load(snapshot(1, {97: 1, 98: 1, 99: 1}, {101: 1, 102: 1, 103: 1}))
    view = book.view(2)
    assert (view.bids, view.asks) == (tuple(levels({99: 1, 98: 1})), tuple(levels({101: 1, 102: 1})))


def test_a_view_says_when_its_last_update_was_read() -> None:
    book = LocalBook(BTC)
    book.apply(BookDelta(first_id=1, last_id=1, bids=[], asks=[], received=12.5))
    assert book.view().received == 12.5


def test_of_too_many_levels_the_worst_are_forgotten() -> None:
    book = LocalBook(BTC, depth=2)
    book.load(snapshot(1, {97: 1, 98: 1, 99: 1}, {101: 1, 102: 1, 103: 1}))
    book.apply(delta(2, 2, {100: 1}, {}))
    view = book.view()
    assert (view.bids, view.asks) == (tuple(levels({100: 1, 99: 1})), tuple(levels({101: 1, 102: 1})))


def test_a_forgotten_level_that_is_named_again_is_known_again() -> None:
    book = LocalBook(BTC, depth=2)
    book.load(snapshot(1, {97: 1, 98: 1, 99: 1}, {101: 1}))
    book.apply(delta(2, 2, {98: 0, 97: 3}))
    assert book.view().bids == tuple(levels({99: 1, 97: 3}))


@pytest.mark.parametrize(("bid", "ask", "crossed"), [(99, 101, False), (100, 100, True), (101, 99, True)])
def test_a_book_is_crossed_when_a_bid_reaches_an_ask(bid: int, ask: int, crossed: bool) -> None:
    book = LocalBook(BTC)
    book.load(snapshot(1, {bid: 1}, {ask: 1}))
    assert book.crossed is crossed


def test_a_book_with_one_side_is_not_crossed() -> None:
    book = LocalBook(BTC)
    book.load(BookSnapshot(last_id=1, bids=levels({99: 1}), asks=[]))
    assert not book.crossed


SIDES = st.dictionaries(st.integers(1, 30), st.integers(0, 3), max_size=8)


@settings(max_examples=50)
@given(SIDES, st.lists(st.tuples(SIDES, SIDES), max_size=10), st.integers(1, 12))
def test_a_book_is_what_its_changes_say(start: Prices, changes: list[tuple[Prices, Prices]], depth: int) -> None:
    book = LocalBook(BTC, depth)
    book.load(snapshot(1, start or {1: 1}, start or {1: 1}))
    model = [{p: q for p, q in (start or {1: 1}).items() if q} for _ in range(2)]
    for step, change in enumerate((({}, {}), *changes), start=2):
        book.apply(delta(step, step, *change))
        for side, (known, news) in enumerate(zip(model, change, strict=True)):
            known.update(news)
            best = sorted((p for p, q in known.items() if q), reverse=side == 0)[:depth]
            model[side] = {p: known[p] for p in best}
        view = book.view(100)
        assert [list(view.bids), list(view.asks)] == [levels(side) for side in model]
        assert book.levels == (len(model[0]), len(model[1]))
