"""`BookSync` with deltas that name the state they follow, with snapshots in the stream, and with checksums."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from zlib import crc32

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.book import Applied, BookSync, Buffered, Desynchronised, Ignored, LocalBook, Stale, Synced
from actors.market import BookDelta, BookSnapshot, Level
from tests.book.support import BTC, SYNCED, WAITING, Prices, level, levels, snapshot, sync


def link(
    previous_id: int, last_id: int, bids: Prices | None = None, asks: Prices | None = None, checksum: int | None = None
) -> BookDelta:
    changed = {98: previous_id % 7 + 1} if bids is None and asks is None else (bids or {})
    return BookDelta(
        first_id=last_id,
        last_id=last_id,
        previous_id=previous_id,
        bids=levels(changed),
        asks=levels(asks or {}),
        checksum=checksum,
    )


def begun(last_id: int = 10, *, patience: int = 1000) -> BookSync:
    machine = sync(patience=patience)
    machine.replace(snapshot(last_id))
    return machine


# Deltas that name the state before


def test_a_delta_fits_the_book_whose_id_it_follows_however_far_it_leads() -> None:
    machine = begun(10)
    assert (machine.delta(link(10, 57)), machine.book.update_id) == (Applied(machine.book), 57)


@pytest.mark.parametrize(("previous_id", "last_id"), [(12, 15), (10_000, 10_001), (9, 12)])
def test_a_delta_that_follows_another_state_shows_a_gap(previous_id: int, last_id: int) -> None:
    machine = begun(10)
    assert machine.delta(link(previous_id, last_id)) == Desynchronised(10, last_id, "a gap")
    assert machine.state is WAITING


@pytest.mark.parametrize(("previous_id", "last_id"), [(5, 10), (2, 5)])
def test_a_delta_that_led_to_where_the_book_is_or_was_is_ignored(previous_id: int, last_id: int) -> None:
    assert begun(10).delta(link(previous_id, last_id, {99: 7})) == Ignored()


def test_a_delta_that_changes_nothing_and_leads_nowhere_is_a_sign_of_life() -> None:
    machine = begun(10)
    assert (machine.delta(link(10, 10, {})), machine.state) == (Ignored(), SYNCED)


def test_a_delta_that_leads_to_a_lower_id_begins_the_ids_anew() -> None:
    machine = begun(10)
    steps = [link(10, 15), link(15, 15, {}), link(15, 3), link(3, 5)]
    assert [type(machine.delta(step)) for step in steps] == [Applied, Ignored, Applied, Applied]
    assert machine.book.update_id == 5


def test_a_second_connection_that_repeats_a_new_beginning_changes_nothing() -> None:
    machine = begun(10)
    course = [link(10, 15), link(15, 3), link(3, 5)]
    for step in course:
        machine.delta(step)
    assert [machine.delta(step) for step in course] == [Ignored()] * 3


def test_ids_that_stay_behind_have_begun_anew_here_too() -> None:
    machine = begun(1000, patience=3)
    outcomes = [machine.delta(link(step, step + 1)) for step in (1, 2, 3)]
    assert outcomes == [Ignored(), Ignored(), Desynchronised(1000, 4, "ids that began anew")]


# Snapshots in the stream


def test_a_snapshot_in_the_stream_synchronises_at_once() -> None:
    machine = sync()
    assert (machine.replace(snapshot(10)), machine.state) == (Synced(machine.book), SYNCED)


def test_it_replaces_what_was_buffered_before_it() -> None:
    machine = sync()
    for step in range(20, 25):
        machine.delta(link(step, step + 1, {99: 9}))
    machine.replace(snapshot(10, {99: 1}))
    assert (machine.book.update_id, machine.book.best_bid) == (10, level(99, 1))


def test_what_was_buffered_and_continues_it_is_applied() -> None:
    machine = sync()
    for step in range(20, 25):
        machine.delta(link(step, step + 1))
    machine.replace(snapshot(22))
    assert machine.book.update_id == 25


def test_it_brings_a_synced_book_to_ids_that_began_anew() -> None:
    machine = begun(1000)
    machine.replace(snapshot(7))
    assert isinstance(machine.delta(link(7, 9)), Applied)


def test_the_same_state_again_is_a_sign_that_the_book_is_in_step() -> None:
    machine = begun(10)
    assert machine.replace(snapshot(10)) == Synced(machine.book)


def test_a_slower_connection_s_snapshot_does_not_throw_a_synced_book_back() -> None:
    machine = begun(10)
    machine.delta(link(10, 20))
    assert (machine.replace(snapshot(10)), machine.book.update_id) == (Ignored(), 20)


def test_two_connections_with_the_same_deltas_need_no_resynchronisation() -> None:
    machine = begun(10)
    old, new = [link(n, n + 3) for n in range(10, 40, 3)], [link(n, n + 3) for n in range(16, 46, 3)]
    for step in old[:3]:
        machine.delta(step)
    machine.replace(snapshot(16))
    for pair in itertools.zip_longest(old[3:], new):
        for step in filter(None, pair):
            machine.delta(step)
    assert (machine.book.update_id, machine.statistics().desynchronised) == (46, 0)


def test_a_snapshot_in_the_stream_continues_deltas_with_ranges_too() -> None:
    machine = sync()
    for step in (1, 6, 11):
        machine.delta(BookDelta(first_id=step, last_id=step + 4, bids=levels({98: step}), asks=[]))
    machine.replace(snapshot(7))
    assert (machine.book.update_id, machine.statistics().dropped) == (15, 1)


def test_a_snapshot_in_the_stream_lies_at_a_state_and_not_inside_a_delta() -> None:
    machine = sync()
    machine.snapshot(snapshot(12))
    machine.replace(snapshot(15))
    assert machine.delta(link(10, 20)) == Desynchronised(15, 20, "a gap")


def test_a_crossed_snapshot_in_the_stream_is_no_book() -> None:
    machine = sync()
    assert machine.replace(snapshot(10, {100: 1}, {100: 1})) == Desynchronised(0, 11, "a crossed snapshot")
    assert machine.state is WAITING


# Fetched snapshots, between the states that deltas name


def test_a_fetched_snapshot_may_lie_inside_the_delta_that_continues_it() -> None:
    machine = sync()
    machine.delta(link(10, 20, {98: 4}))
    machine.snapshot(snapshot(15))
    assert machine.book.update_id == 20


def test_a_delta_that_begins_before_a_fetched_snapshot_continues_it_once() -> None:
    machine = sync()
    machine.snapshot(snapshot(15))
    first, second = machine.delta(link(10, 20)), machine.delta(link(18, 25))
    assert (first, second) == (Applied(machine.book), Desynchronised(20, 25, "a gap"))


def test_a_fetched_snapshot_older_than_the_buffer_is_stale() -> None:
    machine = sync()
    machine.delta(link(10, 20))
    assert machine.snapshot(snapshot(9)) == Stale(9, 11)


def test_a_gap_in_the_chain_empties_the_buffer() -> None:
    machine = sync()
    assert [machine.delta(link(10, 20)), machine.delta(link(30, 40))] == [Buffered(), Buffered()]
    assert machine.snapshot(snapshot(25)) == Stale(25, 31)


def test_a_delta_that_is_buffered_already_is_ignored() -> None:
    machine = sync()
    machine.delta(link(10, 20))
    assert machine.delta(link(10, 20)) == Ignored()


def test_ids_that_begin_anew_make_the_buffer_useless() -> None:
    machine = sync()
    machine.delta(link(10, 20))
    machine.delta(link(20, 3))
    machine.delta(link(3, 5))
    assert machine.snapshot(snapshot(2)) == Stale(2, 4)


def test_signs_of_life_do_not_fill_the_buffer() -> None:
    machine = sync()
    machine.delta(link(10, 20))
    machine.delta(link(20, 20, {}))
    assert machine.statistics().buffered == 1


def test_of_too_many_buffered_links_the_oldest_are_dropped() -> None:
    machine = sync(buffer=3)
    for step in range(1, 6):
        machine.delta(link(step, step + 1))
    assert (machine.snapshot(snapshot(2)), machine.statistics().dropped) == (Stale(2, 4), 2)


# Checksums


def signed(number: int) -> int:
    return number - 2**32 if number >= 2**31 else number


def naive_checksum(bids: Sequence[Level], asks: Sequence[Level]) -> int:
    return crc32(repr((tuple(bids), tuple(asks))).encode())


def checked(*, buffer: int = 1000) -> BookSync:
    return BookSync(LocalBook(BTC), checksum=naive_checksum, buffer=buffer)


AFTER = naive_checksum(levels({99: 1, 98: 4}), levels({101: 1}))


@pytest.mark.parametrize("sent", [AFTER, signed(AFTER), AFTER - 2**32, None], ids=["unsigned", "signed", "lower", "none"])
def test_a_checksum_that_agrees_or_is_not_sent_is_no_matter(sent: int | None) -> None:
    machine = checked()
    machine.replace(snapshot(10))
    assert isinstance(machine.delta(link(10, 11, {98: 4}, checksum=sent)), Applied)


def test_a_wrong_checksum_desynchronises() -> None:
    machine = checked()
    machine.replace(snapshot(10))
    outcome = machine.delta(link(10, 11, {98: 4}, checksum=AFTER + 1))
    assert (outcome, machine.state) == (Desynchronised(10, 11, "a wrong checksum"), WAITING)


def test_a_sign_of_life_with_a_wrong_checksum_desynchronises() -> None:
    machine = checked()
    machine.replace(snapshot(10))
    assert machine.delta(link(10, 10, {}, checksum=1)) == Desynchronised(10, 10, "a wrong checksum")


def test_a_delta_with_a_range_is_held_against_its_checksum_too() -> None:
    machine = checked()
    machine.snapshot(snapshot(10))
    wrong = BookDelta(first_id=11, last_id=11, bids=levels({98: 4}), asks=[], checksum=AFTER + 1)
    assert machine.delta(wrong) == Desynchronised(10, 11, "a wrong checksum")


@pytest.mark.parametrize("taken", [BookSync.replace, BookSync.snapshot], ids=["in the stream", "fetched"])
def test_a_snapshot_with_a_wrong_checksum_is_no_book(taken: object) -> None:
    assert callable(taken)
    machine = checked()
    wrong = BookSnapshot(last_id=10, bids=levels({99: 1}), asks=levels({101: 1}), checksum=5)
    assert taken(machine, wrong) == Desynchronised(0, 11, "a wrong checksum")


def test_an_exchange_without_a_checksum_checks_nothing() -> None:
    machine = BookSync(LocalBook(BTC), checksum=lambda _bids, _asks: None)
    machine.replace(snapshot(10))
    assert isinstance(machine.delta(link(10, 11, checksum=5)), Applied)


def test_only_the_best_levels_are_given_to_the_checksum() -> None:
    given: list[tuple[Sequence[Level], Sequence[Level]]] = []

    def look(bids: Sequence[Level], asks: Sequence[Level]) -> int:
        given.append((bids, asks))
        return 7

    machine = BookSync(LocalBook(BTC), checksum=look, checked_levels=2)
    machine.replace(BookSnapshot(last_id=1, bids=levels({97: 1, 98: 1, 99: 1}), asks=levels({101: 1}), checksum=7))
    assert given == [((level(99, 1), level(98, 1)), (level(101, 1),))]


class TwoConnections(RuleBasedStateMachine):
    """An exchange whose ids go up by any number and sometimes begin anew, over two connections that lose deltas, lag, and begin
    again: a synced book is always one that the exchange had under the same id."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = checked(buffer=5)
        self.sides: dict[bool, Prices] = {True: {99: 1}, False: {101: 1}}
        self.now = 1000
        self.past: dict[int, BookSnapshot] = {}
        self.sent: list[BookDelta] = []
        self.places = [0, 0]
        self._note()

    def _note(self) -> BookSnapshot:
        sides = [levels(dict(sorted(self.sides[bid].items(), reverse=bid))) for bid in (True, False)]
        book = BookSnapshot(last_id=self.now, bids=sides[0], asks=sides[1], checksum=naive_checksum(*sides))
        self.past[self.now] = book
        return book

    @rule(is_bid=st.booleans(), offset=st.integers(1, 5), quantity=st.integers(0, 3), step=st.integers(-6, 9))
    def the_book_changes(self, is_bid: bool, offset: int, quantity: int, step: int) -> None:
        price = 100 - offset if is_bid else 100 + offset
        side = self.sides[is_bid]
        side[price] = quantity
        if not quantity:
            del side[price]
        before, self.now = self.now, self.now + (step * 50 if step < -4 else abs(step) + 1)
        while self.now in self.past:
            self.now += 1
        book = self._note()
        changed = {price: quantity}
        sides = (changed, {}) if is_bid else ({}, changed)
        self.sent.append(link(before, self.now, *sides, checksum=book.checksum))

    @rule()
    def nothing_changes(self) -> None:
        self.sent.append(link(self.now, self.now, {}, {}))

    @rule(connection=st.integers(0, 1), lost=st.integers(0, 9), count=st.integers(1, 8))
    def a_connection_delivers(self, connection: int, lost: int, count: int) -> None:
        start = self.places[connection] + max(0, lost - 7)
        for message in self.sent[start : start + count]:
            self.machine.delta(message)
        self.places[connection] = start + count

    @rule(connection=st.integers(0, 1), behind=st.integers(0, 4))
    def a_connection_begins_with_a_snapshot(self, connection: int, behind: int) -> None:
        place = max(0, len(self.sent) - behind)
        shown = self.sent[place].previous_id if place < len(self.sent) else self.now
        assert shown is not None
        self.machine.replace(self.past[shown])
        self.places[connection] = place

    @rule(data=st.data())
    def a_snapshot_is_fetched(self, data: st.DataObject) -> None:
        self.machine.snapshot(self.past[data.draw(st.sampled_from(list(self.past)[-6:]))])

    @invariant()
    def a_synced_book_is_what_the_exchange_had_at_its_id(self) -> None:
        book = self.machine.book
        if self.machine.state is SYNCED:
            then = self.past[book.update_id]
            assert book.best(100) == (tuple(then.bids), tuple(then.asks))

    @invariant()
    def a_snapshot_in_the_stream_of_now_brings_it_into_step_and_what_follows_fits(self) -> None:
        machine = copy.deepcopy(self.machine)
        outcome = machine.replace(self.past[self.now])
        assert isinstance(outcome, Synced | Ignored)
        if isinstance(outcome, Synced):
            assert isinstance(machine.delta(link(self.now, self.now + 10**6)), Applied)

    @invariant()
    def all_is_bounded(self) -> None:
        assert self.machine.statistics().buffered <= 6


TwoConnections.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestTwoConnections = pytest.mark.slow(TwoConnections.TestCase)
