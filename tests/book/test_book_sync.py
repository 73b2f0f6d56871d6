"""`BookSync`: when a book is in step with its stream, and how it comes back into step."""

from __future__ import annotations

import copy

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.book import Applied, BookStatistics, Buffered, Desynchronised, Ignored, Stale, Synced
from actors.market import BookDelta, BookSnapshot
from tests.book.support import SYNCED, WAITING, Prices, delta, level, levels, snapshot, sync, synced

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
