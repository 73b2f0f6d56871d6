from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.agenda import Agenda, Timer


class Log:
    """An agenda whose actions write down their names."""

    def __init__(self) -> None:
        self.agenda = Agenda()
        self.done: list[object] = []

    def at(self, now: float, delay: float, name: object) -> Timer:
        return self.agenda.schedule(now, delay, lambda: self.done.append(name))

    def until(self, now: float) -> list[object]:
        self.done = []
        for action in self.agenda.take_due(now):
            action()
        return self.done


def test_timers_are_due_in_the_order_of_their_time() -> None:
    log = Log()
    for delay, name in [(3.0, "c"), (1.0, "a"), (2.0, "b")]:
        log.at(0.0, delay, name)
    assert log.until(2.0) == ["a", "b"]
    assert log.until(2.9) == []
    assert log.until(3.0) == ["c"]


def test_timers_of_one_delay_are_due_in_the_order_in_which_they_were_set() -> None:
    log = Log()
    for name in range(5):
        log.at(0.0, 1.0, name)
    assert log.until(1.0) == [0, 1, 2, 3, 4]


def test_timers_of_one_moment_are_due_in_the_order_in_which_they_were_set_whatever_their_delays() -> None:
    log = Log()
    for at, delay in [(0.0, 3.0), (1.0, 2.0), (2.0, 1.0)]:
        log.at(at, delay, at)
    assert log.until(3.0) == [0.0, 1.0, 2.0]


@pytest.mark.item(187)
def test_a_cancelled_timer_is_never_due() -> None:
    log = Log()
    timer = log.at(0.0, 1.0, "a")
    assert log.agenda.cancel(timer)
    assert not timer.to_come
    assert log.until(2.0) == []


@pytest.mark.item(187)
def test_cancelling_says_whether_the_timer_was_pending() -> None:
    log = Log()
    timer = log.at(0.0, 1.0, "a")
    log.until(1.0)
    assert not log.agenda.cancel(timer)
    again = log.at(1.0, 1.0, "b")
    assert [log.agenda.cancel(again), log.agenda.cancel(again)] == [True, False]


def test_a_delay_of_zero_or_less_is_due_at_once() -> None:
    log = Log()
    log.at(5.0, 0.0, "a")
    log.at(5.0, -3.0, "b")
    assert sorted(map(str, log.until(5.0))) == ["a", "b"]


def test_a_timer_behind_a_cancelled_one_does_not_overtake_an_earlier_one() -> None:
    log = Log()
    log.agenda.cancel(log.at(0.0, 1.0, "cancelled"))
    early = log.at(0.0, 1.0, "early")
    log.at(4.0, 1.0, "late")
    log.at(0.0, 3.0, "between")
    log.agenda.cancel(early)
    assert log.until(10.0) == ["between", "late"]


def test_a_cancelled_timer_between_two_is_passed_over() -> None:
    log = Log()
    timers = [log.at(at, 1.0, at) for at in (0.0, 0.5, 1.0)]
    log.agenda.cancel(timers[1])
    assert [log.until(now) for now in (1.0, 1.5, 2.0)] == [[0.0], [], [1.0]]


def test_the_next_time_is_never_later_than_the_next_timer() -> None:
    log = Log()
    assert log.agenda.next_due() is None
    first = log.at(0.0, 2.0, "a")
    log.at(0.0, 3.0, "b")
    assert log.agenda.next_due() == 2.0
    log.agenda.cancel(first)
    due = log.agenda.next_due()
    assert due is not None
    assert due <= 3.0


def test_a_thousand_timers_of_one_delay_cost_one_heap_entry() -> None:
    log = Log()
    for number in range(1000):
        log.at(number / 1000, 30.0, number)
    assert len(log.agenda._heap) == 1
    assert len(log.agenda) == 1000
    log.until(30.5)
    assert len(log.agenda._heap) == 1


@pytest.mark.item(176)
def test_timers_that_are_nearly_always_cancelled_leave_nothing_behind() -> None:
    log = Log()
    log.at(0.0, 30.0, "stays")
    for number in range(10_000):
        log.agenda.cancel(log.at(number / 1000, 30.0, number))
    queue = log.agenda._queues[30.0]
    assert len(queue.timers) + len(log.agenda._heap) < 150
    assert log.until(30.0) == ["stays"]


@pytest.mark.item(176)
def test_cancelled_timers_between_pending_ones_are_forgotten_too() -> None:
    log = Log()
    timers = [log.at(0.0, 30.0, number) for number in range(1000)]
    for timer in timers[1:-1]:
        log.agenda.cancel(timer)
    assert len(log.agenda._queues[30.0].timers) < 150
    assert log.until(30.0) == [0, 999]


def test_a_queue_knows_how_many_of_its_timers_are_cancelled() -> None:  # what is forgotten when is decided by it
    log = Log()
    timers = [log.at(0.0, 30.0, number) for number in range(200)]
    queue = log.agenda._queues[30.0]
    Random(1).shuffle(timers)
    for timer in timers:
        log.agenda.cancel(timer)
        assert queue.cancelled == sum(not one.to_come for one in queue.timers)


@pytest.mark.item(176)
def test_cancelled_timers_whose_delays_all_differ_leave_nothing_behind() -> None:
    log = Log()
    for number in range(10_000):
        log.agenda.cancel(log.at(0.0, 30.0 + number / 1e6, number))
    assert len(log.agenda._heap) < 150
    assert len(log.agenda._queues) < 150
    assert len(log.agenda) == 0


def test_pending_timers_survive_when_cancelled_ones_are_forgotten() -> None:
    log = Log()
    timers = [log.at(0.0, 30.0 + number, number) for number in range(300)]
    for timer in timers[3:]:
        log.agenda.cancel(timer)
    assert len(log.agenda._heap) < 150
    assert log.until(100.0) == [0, 1, 2]


def test_the_order_survives_when_cancelled_timers_are_forgotten() -> None:
    log = Log()
    numbers = list(range(500))
    Random(1).shuffle(numbers)
    timers = {number: log.at(0.0, 30.0 + number, number) for number in numbers}
    for number in numbers[:400]:
        log.agenda.cancel(timers[number])
    assert log.until(1000.0) == sorted(numbers[400:])


@pytest.mark.item(176)
def test_the_heap_holds_at_most_two_entries_a_pending_timer_and_some() -> None:
    log = Log()
    timers = [log.at(0.0, 30.0 + number, number) for number in range(1000)]
    for timer in timers:
        log.agenda.cancel(timer)
        assert len(log.agenda._heap) <= 2 * len(log.agenda) + 64


class Sweeping(Agenda):
    """Counts how often it looks through all that it holds for what is cancelled."""

    sweeps = 0

    def _forget_empty_queues(self) -> None:
        self.sweeps += 1
        super()._forget_empty_queues()


def test_cancelling_timers_whose_delays_all_differ_seldom_looks_at_all_of_them() -> None:
    agenda = Sweeping()
    timers = [agenda.schedule(0.0, 30.0 + number, print) for number in range(5000)]
    for timer in timers:
        agenda.cancel(timer)
    for number in range(5000):
        agenda.cancel(agenda.schedule(0.0, 30.0 + number, print))
    assert agenda.sweeps < 100


def test_cancelling_timers_of_one_delay_seldom_looks_at_all_of_them() -> None:
    log = Log()
    timers = [log.at(0.0, 30.0, number) for number in range(5000)]
    queue = log.agenda._queues[30.0]
    heaps = [queue.timers]
    for timer in timers[1:-1]:
        log.agenda.cancel(timer)
        if queue.timers is not heaps[-1]:
            heaps.append(queue.timers)  # kept, so that a new one cannot be taken for an old one
    assert len(heaps) < 20


@pytest.mark.item(176)
def test_an_agenda_that_is_done_holds_nothing() -> None:
    log = Log()
    for number in range(100):
        log.at(0.0, number / 10, number)
    assert log.until(100.0) == list(range(100))
    assert (log.agenda._heap, log.agenda._queues, len(log.agenda)) == ([], {}, 0)


moves = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from([1.0, 1.0, 1.0, 2.0, 0.5, 0.0, -1.0])),
        st.tuples(st.just("cancel"), st.integers(0, 7)),
        st.tuples(st.just("pass"), st.sampled_from([0.25, 0.25, 0.0, 1.0, 5.0])),
    ),
    min_size=20,
    max_size=60,
)


@given(moves)
def test_any_sequence_is_as_with_a_sorted_list(moves: list[tuple[str, float]]) -> None:
    log, now = Log(), 0.0
    timers: list[Timer] = []
    pending: dict[int, float] = {}  # the model: which timer is due when
    for verb, value in moves:
        if verb == "set":
            pending[len(timers)] = now + max(value, 0.0)
            timers.append(log.at(now, value, len(timers)))
        elif verb == "cancel" and timers:
            number = max(len(timers) - 1 - int(value), 0)  # a recent one: most of the others are no longer pending
            assert log.agenda.cancel(timers[number]) == (number in pending)
            pending.pop(number, None)
        elif verb == "pass":
            now += value
            due = [number for number, when in pending.items() if when <= now]
            times = [pending.pop(number) for number in due]
            done = log.until(now)
            assert sorted(map(int, done)) == due
            assert [timers[int(number)].when for number in done] == sorted(times)
        assert len(log.agenda) == len(pending)
        assert [timer.to_come for timer in timers] == [number in pending for number in range(len(timers))]
        following = log.agenda.next_due()
        assert not pending or (following is not None and following <= min(pending.values()))
