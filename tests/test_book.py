from __future__ import annotations

import copy
import gzip
from bisect import bisect_right
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.book import (
    Applied,
    BookStatistics,
    BookSync,
    Buffered,
    Desynchronised,
    Ignored,
    LocalBook,
    Stale,
    Synced,
    SyncState,
)
from actors.market import Book, BookDelta, BookSnapshot, InstrumentId, Level, Quote

BTC = InstrumentId("binance", "BTCUSDT", "BTC/USDT")
WAITING, SYNCED = SyncState
Prices = dict[int, int]
"""{price: quantity}, as tests write levels; quantity 0 removes."""


def level(price: int, quantity: int) -> Level:
    return Decimal(price), Decimal(quantity)


def levels(prices: Prices) -> list[Level]:
    return [level(price, quantity) for price, quantity in prices.items()]


def delta(first_id: int, last_id: int, bids: Prices | None = None, asks: Prices | None = None) -> BookDelta:
    return BookDelta(first_id=first_id, last_id=last_id, bids=levels(bids or {}), asks=levels(asks or {}))


def snapshot(last_id: int, bids: Prices | None = None, asks: Prices | None = None) -> BookSnapshot:
    return BookSnapshot(last_id=last_id, bids=levels(bids or {99: 1}), asks=levels(asks or {101: 1}))


def sync(**limits: int) -> BookSync:
    return BookSync(LocalBook(BTC), **limits)


def synced(last_id: int = 10, **limits: int) -> BookSync:
    machine = sync(**limits)
    machine.snapshot(snapshot(last_id))
    return machine


# LocalBook


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


# BookSync while it waits


def test_a_delta_before_the_snapshot_is_buffered() -> None:
    assert sync().delta(delta(1, 5)) == Buffered()


def test_a_snapshot_that_misses_updates_before_the_buffer_is_stale() -> None:
    machine = sync()
    machine.delta(delta(12, 15))
    assert machine.snapshot(snapshot(10)) == Stale(10, 12)


def test_after_a_stale_snapshot_a_newer_one_synchronises() -> None:
    machine = sync()
    machine.delta(delta(12, 15))
    machine.snapshot(snapshot(10))
    assert machine.snapshot(snapshot(13)) == Synced(machine.book)


@pytest.mark.parametrize(
    ("last_id", "update_id"),
    [(10, 20), (11, 20), (13, 20), (15, 20), (18, 20), (20, 20), (25, 25)],
)
def test_what_the_snapshot_has_is_dropped_and_the_rest_applied(last_id: int, update_id: int) -> None:
    machine = sync()
    machine.delta(delta(11, 15))
    machine.delta(delta(16, 20))
    machine.snapshot(snapshot(last_id))
    assert (machine.state, machine.book.update_id) == (SYNCED, update_id)


def test_a_delta_that_the_snapshot_has_already_does_not_undo_it() -> None:
    machine = sync()
    machine.delta(delta(1, 5, {99: 7}))
    machine.snapshot(snapshot(8, {99: 1}))
    assert machine.book.best_bid == level(99, 1)


def test_a_snapshot_without_anything_buffered_synchronises() -> None:
    machine = sync()
    assert machine.snapshot(snapshot(10)) == Synced(machine.book)


def test_a_gap_in_the_buffer_makes_what_came_before_useless() -> None:
    machine = sync()
    machine.delta(delta(1, 5))
    machine.delta(delta(8, 9))
    assert machine.snapshot(snapshot(5)) == Stale(5, 8)


def test_a_delta_that_is_buffered_already_is_ignored() -> None:
    machine = sync()
    machine.delta(delta(1, 5))
    assert machine.delta(delta(1, 5)) == Ignored()


def test_of_too_many_buffered_deltas_the_oldest_are_dropped() -> None:
    machine = sync(buffer=3)
    for step in range(1, 6):
        machine.delta(delta(step, step))
    assert machine.snapshot(snapshot(1)) == Stale(1, 3)


def test_a_crossed_snapshot_is_no_book() -> None:
    machine = sync()
    machine.delta(delta(9, 12))
    assert machine.snapshot(snapshot(10, {100: 1}, {100: 1})) == Desynchronised(0, 11, "a crossed snapshot")


def test_a_crossed_snapshot_is_counted() -> None:
    machine = sync()
    machine.snapshot(snapshot(10, {100: 1}, {100: 1}))
    assert machine.statistics().desynchronised == 1


def test_after_a_crossed_snapshot_the_buffer_is_still_there() -> None:
    machine = sync()
    machine.delta(delta(9, 12))
    machine.snapshot(snapshot(10, {100: 1}, {100: 1}))
    machine.snapshot(snapshot(10))
    assert machine.book.update_id == 12


def test_a_buffered_delta_that_crosses_the_book_desynchronises() -> None:
    machine = sync()
    machine.delta(delta(11, 12, {150: 1}))
    machine.delta(delta(13, 14))
    assert machine.snapshot(snapshot(10)) == Desynchronised(10, 11, "a crossed book")


def test_what_follows_a_buffered_delta_that_crossed_is_buffered_again() -> None:
    machine = sync()
    machine.delta(delta(11, 12, {150: 1}))
    machine.delta(delta(13, 14))
    machine.snapshot(snapshot(10))
    machine.snapshot(snapshot(12))
    assert (machine.state, machine.book.update_id) == (SYNCED, 14)


# BookSync in step


@pytest.mark.parametrize(("first_id", "last_id"), [(11, 11), (11, 20), (10, 11), (1, 12)])
def test_a_delta_that_contains_the_next_id_is_applied(first_id: int, last_id: int) -> None:
    machine = synced(10)
    assert machine.delta(delta(first_id, last_id)) == Applied(machine.book)


@pytest.mark.parametrize(("first_id", "last_id"), [(10, 10), (5, 10), (1, 3)])
def test_a_delta_that_the_book_has_already_is_ignored(first_id: int, last_id: int) -> None:
    assert synced(10).delta(delta(first_id, last_id, {99: 7})) == Ignored()


def test_a_delta_beyond_the_next_id_shows_a_gap() -> None:
    machine = synced(10)
    assert (machine.delta(delta(12, 15)), machine.state) == (Desynchronised(10, 12, "a gap"), WAITING)


def test_the_delta_that_showed_the_gap_is_kept() -> None:
    machine = synced(10)
    machine.delta(delta(12, 15))
    machine.snapshot(snapshot(13))
    assert machine.book.update_id == 15


def test_while_it_waits_the_book_is_what_it_last_was() -> None:
    machine = synced(10)
    machine.delta(delta(12, 15, {99: 7}))
    assert machine.book.best_bid == level(99, 1)


def test_a_delta_that_crosses_the_book_desynchronises() -> None:
    machine = synced(10)
    assert (machine.delta(delta(11, 12, {101: 1})), machine.state) == (Desynchronised(10, 11, "a crossed book"), WAITING)


@pytest.mark.parametrize("last_id", [9, 10])
def test_a_snapshot_that_a_synced_book_is_past_is_ignored(last_id: int) -> None:
    machine = synced(10)
    assert (machine.snapshot(snapshot(last_id)), machine.statistics().ignored) == (Ignored(), 1)


def test_a_newer_snapshot_of_a_synced_book_is_taken() -> None:
    machine = synced(10)
    machine.snapshot(snapshot(12, {98: 4}))
    assert (machine.book.update_id, machine.book.best_bid) == (12, level(98, 4))


def test_a_hand_over_between_connections_needs_no_snapshot() -> None:
    machine = synced(10)
    outcomes = [machine.delta(delta(first, last)) for first, last in [(11, 12), (11, 12), (13, 14), (13, 14), (15, 15)]]
    assert [type(outcome) for outcome in outcomes] == [Applied, Ignored, Applied, Ignored, Applied]


def test_ids_that_stay_behind_have_begun_anew() -> None:
    machine = synced(1000, patience=3)
    outcomes = [machine.delta(delta(step, step)) for step in (1, 2, 3)]
    assert outcomes == [Ignored(), Ignored(), Desynchronised(1000, 3, "ids that began anew")]


def test_a_delta_that_is_applied_ends_the_run_of_those_behind() -> None:
    machine = synced(1000, patience=3)
    for first in (1, 2, 1001, 3, 4):
        machine.delta(delta(first, first))
    assert machine.state is SYNCED


def test_ids_that_begin_anew_while_waiting_replace_the_buffer() -> None:
    machine = sync(patience=2)
    machine.delta(delta(1000, 1000))
    outcomes = [machine.delta(delta(step, step)) for step in (1, 2)]
    assert (outcomes, machine.snapshot(snapshot(1))) == ([Ignored(), Buffered()], Synced(machine.book))


def test_a_long_buffer_older_than_the_snapshot_is_no_new_beginning() -> None:
    machine = sync(patience=3)
    for step in range(1, 10):
        machine.delta(delta(step, step))
    assert machine.snapshot(snapshot(20)) == Synced(machine.book)


def test_a_reset_waits_for_a_snapshot_with_an_empty_buffer() -> None:
    machine = sync()
    machine.delta(delta(5, 5))
    machine.reset()
    assert machine.snapshot(snapshot(1)) == Synced(machine.book)


def test_everything_is_counted() -> None:
    machine = sync(buffer=2)
    for step in range(1, 5):
        machine.delta(delta(step, step))
    machine.snapshot(snapshot(1))
    machine.snapshot(snapshot(3))
    machine.delta(delta(4, 4))
    machine.delta(delta(5, 5))
    machine.delta(delta(9, 9))
    machine.delta(delta(11, 11))
    assert machine.statistics() == BookStatistics(
        state=WAITING, update_id=5, buffered=1, applied=2, ignored=2, dropped=3, desynchronised=1, stale=1
    )


class AnyStream(RuleBasedStateMachine):
    """An exchange, and a stream of it that loses and repeats deltas: a synced book is always one the exchange had."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = sync(buffer=5)
        self.exchange: dict[bool, Prices] = {True: {99: 1}, False: {101: 1}}
        self.past: list[dict[bool, Prices]] = [{side: dict(known) for side, known in self.exchange.items()}]
        self.sent: list[BookDelta] = []
        self.pending: list[tuple[bool, int, int]] = []

    @rule(is_bid=st.booleans(), offset=st.integers(1, 6), quantity=st.integers(0, 3))
    def a_level_changes(self, is_bid: bool, offset: int, quantity: int) -> None:
        price = 100 - offset if is_bid else 100 + offset
        side = self.exchange[is_bid]
        side[price] = quantity
        if not quantity:
            del side[price]
        self.pending.append((is_bid, price, quantity))
        self.past.append({side: dict(known) for side, known in self.exchange.items()})

    @rule(arrives=st.sampled_from([True, True, True, False]))
    def a_delta_is_sent(self, arrives: bool) -> None:
        if not self.pending:
            return
        last_id = len(self.past) - 1
        sides: dict[bool, Prices] = {True: {}, False: {}}
        for is_bid, price, quantity in self.pending:
            sides[is_bid][price] = quantity
        sent = delta(last_id - len(self.pending) + 1, last_id, sides[True], sides[False])
        self.pending.clear()
        self.sent.append(sent)
        if arrives:
            self.machine.delta(sent)

    @rule(data=st.data())
    def a_delta_comes_again(self, data: st.DataObject) -> None:
        if self.sent:
            self.machine.delta(data.draw(st.sampled_from(self.sent[-6:])))

    @rule(data=st.data())
    def a_snapshot_comes(self, data: st.DataObject) -> None:
        last_id = data.draw(st.integers(max(0, len(self.past) - 8), len(self.past) - 1))
        then = self.past[last_id]
        self.machine.snapshot(BookSnapshot(last_id=last_id, bids=levels(then[True]), asks=levels(then[False])))

    @invariant()
    def a_synced_book_is_what_the_exchange_had_at_its_id(self) -> None:
        book = self.machine.book
        if self.machine.state is SYNCED:
            then, view = self.past[book.update_id], book.view(100)
            assert dict(view.bids) == then[True]
            assert dict(view.asks) == then[False]

    @invariant()
    def an_answer_that_is_neither_late_nor_crossed_would_synchronise_it(self) -> None:
        last_id = len(self.past) - 1
        now = BookSnapshot(last_id=last_id, bids=levels(self.exchange[True]), asks=levels(self.exchange[False]))
        assert isinstance(copy.deepcopy(self.machine).snapshot(now), Synced | Ignored)

    @invariant()
    def the_buffer_is_bounded(self) -> None:
        assert self.machine.statistics().buffered <= 5


AnyStream.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestAnyStream = pytest.mark.slow(AnyStream.TestCase)


# Recorded traffic


class WireDelta(BookDelta, frozen=True, kw_only=True):
    first_id: int = msgspec.field(name="U")
    last_id: int = msgspec.field(name="u")
    bids: list[Level] = msgspec.field(name="b")
    asks: list[Level] = msgspec.field(name="a")


class WireQuote(Quote, frozen=True, kw_only=True):
    update_id: int = msgspec.field(name="u")
    bid: Decimal = msgspec.field(name="b")
    bid_quantity: Decimal = msgspec.field(name="B")
    ask: Decimal = msgspec.field(name="a")
    ask_quantity: Decimal = msgspec.field(name="A")


class WireSnapshot(BookSnapshot, frozen=True, kw_only=True):
    last_id: int = msgspec.field(name="lastUpdateId")


class Combined(msgspec.Struct):
    stream: str
    data: msgspec.Raw


def replay(file: Path) -> Iterator[BookDelta | BookSnapshot | Quote]:
    with gzip.open(file) as lines:
        for line in lines:
            raw = line.split(b" ", 1)[1]
            if not raw.startswith(b'{"stream"'):
                yield msgspec.json.decode(raw, type=WireSnapshot)
                continue
            frame = msgspec.json.decode(raw, type=Combined)
            if frame.stream.endswith("@depth@100ms"):
                yield msgspec.json.decode(frame.data, type=WireDelta)
            elif frame.stream.endswith("@bookTicker"):
                yield msgspec.json.decode(frame.data, type=WireQuote)


@pytest.fixture
def traffic(recorded: Path) -> list[BookDelta | BookSnapshot | Quote]:
    return list(replay(recorded / "binance-btcusdt" / "spot_btcusdt_20240808.gz"))


@pytest.mark.slow
def test_the_top_of_a_recorded_book_is_always_what_the_exchange_quoted(
    traffic: list[BookDelta | BookSnapshot | Quote],
) -> None:
    quotes = [event for event in traffic if isinstance(event, Quote)]
    ids = [quote.update_id for quote in quotes]
    machine, compared, wrong = sync(), 0, []
    for event in traffic:
        if isinstance(event, BookSnapshot):
            machine.snapshot(event)
        elif isinstance(event, BookDelta):
            machine.delta(event)
            place = bisect_right(ids, machine.book.update_id)
            if machine.state is SYNCED and place:
                quote = quotes[place - 1]
                compared += 1
                if machine.book.top != ((quote.bid, quote.bid_quantity), (quote.ask, quote.ask_quantity)):
                    wrong.append((machine.book.update_id, machine.book.top, quote))
    assert (compared, wrong) == (3448, [])


@pytest.mark.slow
def test_recorded_traffic_with_a_hole_is_desynchronised_once_and_brought_back_by_a_snapshot(
    traffic: list[BookDelta | BookSnapshot | Quote],
) -> None:
    machine, lost, witness = sync(), [], sync()
    for count, event in enumerate(traffic):
        if isinstance(event, BookSnapshot):
            machine.snapshot(event)
            witness.snapshot(event)
        elif isinstance(event, BookDelta):
            witness.delta(event)
            if not 20_000 < count < 20_100:
                outcome = machine.delta(event)
                if isinstance(outcome, Desynchronised):
                    lost.append(outcome)
        if count == 20_500:
            view = witness.book.view(5000)
            assert machine.state is WAITING
            machine.snapshot(BookSnapshot(last_id=view.update_id, bids=list(view.bids), asks=list(view.asks)))
    assert len(lost) == 1
    assert machine.book.view(1000) == witness.book.view(1000)
