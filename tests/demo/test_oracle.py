"""The oracle: a correct book always agrees with the quotes, a wrong one is caught."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from actors.demo.oracle import KEPT, Oracle
from actors.market import Book, Level, Quote


def quote(update_id: int, bid: int = 100, quantity: int = 1, ask: int = 101) -> Quote:
    one = Decimal(1)
    return Quote(update_id=update_id, bid=Decimal(bid), bid_quantity=Decimal(quantity), ask=Decimal(ask), ask_quantity=one)


def book(update_id: int, bid: int = 100, quantity: int = 1, ask: int = 101) -> Book:
    bids: tuple[Level, ...] = ((Decimal(bid), Decimal(quantity)), (Decimal(bid - 1), Decimal(9)))
    return Book(update_id=update_id, bids=bids, asks=((Decimal(ask), Decimal(1)), (Decimal(ask + 1), Decimal(9))))


@frozen
class Recorded:
    """A market's history: its quotes wherever the top changed, its books at some of the ids, in some order of arrival."""

    events: list[Quote | Book]


@st.composite
def histories(draw: st.DrawFn) -> Recorded:
    tops = draw(st.lists(st.tuples(st.integers(90, 99), st.integers(1, 5), st.integers(100, 110)), min_size=2, max_size=40))
    quotes: list[Quote | Book] = []
    books: list[Quote | Book] = []
    last = None
    for update_id, top in enumerate(tops, start=1):
        if top != last:
            quotes.append(quote(update_id, *top))
        if draw(st.booleans()):
            books.append(book(update_id, *top))
        last = top
    merged: list[Quote | Book] = []
    while quotes or books:
        source = quotes if books == [] or (quotes and draw(st.booleans())) else books
        merged.append(source.pop(0))
    return Recorded(merged)


def fed(events: list[Quote | Book]) -> Oracle:
    oracle = Oracle()
    for event in events:
        if isinstance(event, Quote):
            oracle.quote(event)
        else:
            oracle.book(event)
    return oracle


@given(histories())
def test_a_correct_book_always_agrees(history: Recorded) -> None:
    oracle = fed(history.events)
    assert oracle.agreed == oracle.compared


@given(histories(), st.data())
def test_a_correct_book_agrees_whatever_holes_there_are_if_they_are_told(history: Recorded, data: st.DataObject) -> None:
    oracle = Oracle()
    for event in history.events:
        match data.draw(st.sampled_from(["pass", "lose"])):
            case "lose":
                oracle.forget()
            case _ if isinstance(event, Quote):
                oracle.quote(event)
            case _:
                oracle.book(event)
    assert oracle.agreed == oracle.compared


@given(histories(), st.integers(1, 1000))
def test_a_wrong_book_never_agrees(history: Recorded, more: int) -> None:
    wrong: list[Quote | Book] = []
    for event in history.events:
        if isinstance(event, Book):
            (price, quantity), *rest = event.bids
            event = Book(update_id=event.update_id, bids=((price, quantity + more), *rest), asks=event.asks)
        wrong.append(event)
    oracle = fed(wrong)
    assert oracle.agreed == 0


def test_a_book_is_compared_with_the_last_quote_up_to_its_id() -> None:
    oracle = fed([quote(5), book(7), quote(8, quantity=2)])
    assert (oracle.compared, oracle.agreed, oracle.exact) == (1, 1, 0)


def test_a_quote_of_the_very_id_is_exact() -> None:
    assert fed([quote(5), quote(7, quantity=3), book(7, quantity=3), quote(8)]).exact == 1


def test_a_book_waits_for_a_later_quote() -> None:
    assert fed([quote(5), book(7)]).compared == 0


def test_a_quote_that_comes_after_the_book_and_is_of_before_it_is_the_one_that_counts() -> None:
    oracle = fed([quote(3), book(7, quantity=2), quote(5, quantity=2), quote(9)])
    assert (oracle.compared, oracle.agreed) == (1, 1)


def test_a_book_without_a_quote_before_it_is_not_compared() -> None:
    assert fed([book(5), quote(7)]).compared == 0


def test_after_a_hole_nothing_of_before_is_compared() -> None:
    oracle = fed([quote(5), book(6)])
    oracle.forget()
    oracle.quote(quote(9))
    assert oracle.compared == 0


@pytest.mark.parametrize("wrong", [book(6, bid=99), book(6, quantity=2), book(6, ask=102), Book(update_id=6, bids=(), asks=())])
def test_a_disagreement_is_named(wrong: Book) -> None:
    oracle = fed([quote(5), wrong, quote(7)])
    assert (oracle.compared, oracle.agreed) == (1, 0)
    assert "book 6" in oracle.disagreed[0]
    assert "quote 5" in oracle.disagreed[0]


def test_only_the_first_disagreements_are_kept_and_all_are_counted() -> None:
    oracle = fed([quote(1), *(book(number, bid=50) for number in range(2, 12)), quote(20)])
    assert (oracle.compared - oracle.agreed, len(oracle.disagreed)) == (10, 3)


def test_what_waits_is_bounded() -> None:
    oracle = fed([quote(1), *(book(number) for number in range(2, 2 * KEPT)), quote(10 * KEPT)])
    assert oracle.compared == KEPT


def test_books_before_and_after_a_resynchronisation_are_compared_alike() -> None:
    oracle = fed(list(itertools.chain([quote(1), book(2)], [book(9)], [quote(10)], [book(11), quote(12)])))
    assert (oracle.compared, oracle.agreed) == (3, 3)
