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


def check_books(agenda: Agenda) -> None:
    """What an agenda writes down about itself is so: it decides by that what it looks through and when."""
    queues = list(agenda._queues.values())
    assert {id(queue) for _, _, queue in agenda._heap} == {id(queue) for queue in queues}
    assert len(agenda._heap) == len(queues)
    assert agenda._empty == sum(not queue.timers for queue in queues)
    for queue in queues:
        assert queue.cancelled == sum(not timer.to_come for timer in queue.timers)
        assert not queue.timers or queue.timers[0].to_come
    assert len(agenda) == sum(timer.to_come for queue in queues for timer in queue.timers)


def test_a_new_agenda_has_no_empty_queue() -> None:
    check_books(Agenda())


@pytest.mark.parametrize("gone", ["a", "b", "c", "ba", "bc", "ac", "bac", "bca", "abc", "cba"])
def test_the_head_of_a_queue_is_pending_whichever_timers_are_cancelled(gone: str) -> None:
    log = Log()
    timers = {name: log.at(0.0, 1.0, name) for name in "abcd"}
    for number, name in enumerate(gone, 1):
        assert log.agenda.cancel(timers[name])
        assert len(log.agenda) == 4 - number
        check_books(log.agenda)
    assert log.until(1.0) == [name for name in "abcd" if name not in gone]


@pytest.mark.parametrize("gone", ["abc", "cba", "bac", "bca"])
def test_a_queue_whose_timers_are_all_cancelled_counts_as_empty_once(gone: str) -> None:
    log = Log()
    timers = {name: log.at(0.0, 1.0, name) for name in "abc"}
    for name in gone:
        log.agenda.cancel(timers[name])
    assert (log.agenda._empty, len(log.agenda), len(log.agenda._heap)) == (1, 0, 1)


def test_an_empty_queue_that_gets_a_timer_counts_as_empty_no_longer() -> None:
    log = Log()
    for delay in (1.0, 2.0, 3.0):
        log.agenda.cancel(log.at(0.0, delay, delay))
    assert log.agenda._empty == 3
    log.at(0.0, 2.0, "first")
    assert log.agenda._empty == 2
    log.at(0.5, 2.0, "second")  # behind the first: the queue was no longer empty
    assert log.agenda._empty == 2
    check_books(log.agenda)
    assert [log.until(now) for now in (1.9, 2.0, 2.5)] == [[], ["first"], ["second"]]


def test_an_empty_queue_is_forgotten_when_its_time_comes() -> None:
    log = Log()
    log.at(0.0, 3.0, "stays")
    for delay in (1.0, 2.0):
        log.agenda.cancel(log.at(0.0, delay, delay))
    assert [log.agenda._empty, log.agenda.next_due()] == [2, 1.0]
    assert log.until(1.0) == []
    assert [log.agenda._empty, log.agenda.next_due()] == [1, 2.0]
    assert log.until(2.0) == []
    assert [log.agenda._empty, log.agenda.next_due()] == [0, 3.0]
    check_books(log.agenda)


def test_a_queue_that_is_emptied_by_being_due_never_counted_as_empty() -> None:
    log = Log()
    log.agenda.cancel(log.at(0.0, 5.0, "cancelled"))
    log.at(0.0, 1.0, "a")
    assert log.until(1.0) == ["a"]
    assert log.agenda._empty == 1
    check_books(log.agenda)


def test_when_empty_queues_are_forgotten_none_is_left_and_the_others_are() -> None:
    log = Log()
    kept = [log.at(0.0, 30.0 + number, number) for number in range(5)]
    gone = [log.at(0.0, 100.0 + number, number) for number in range(200)]
    for timer in gone:
        log.agenda.cancel(timer)
    log.agenda._forget_empty_queues()
    assert [queue.delay for queue in log.agenda._queues.values()] == [30.0 + number for number in range(5)]
    assert log.agenda._empty == 0
    check_books(log.agenda)
    again = [log.at(0.0, 100.0 + number, number) for number in range(2)]  # of a delay that was forgotten
    assert len(log.agenda._heap) == 7
    assert log.until(30.0 + 4) == [0, 1, 2, 3, 4]
    assert [timer.to_come for timer in kept + again] == [False] * 5 + [True] * 2


def test_a_timer_that_stands_behind_another_of_its_delay_is_not_the_next_of_all() -> None:
    agenda = Agenda()
    timers = [Timer(print) for _ in range(4)]
    assert [agenda.put(timer, now, 1.0) for now, timer in enumerate(timers[:2])] == [True, False]
    for timer in timers[:2]:
        agenda.cancel(timer)
    assert agenda.put(timers[2], 2.0, 1.0)  # alone again
    assert agenda.put(timers[3], 2.0, 0.5)


@pytest.mark.item(176)
def test_the_books_are_right_and_the_heap_is_bounded_whatever_the_traffic() -> None:
    random, log, now = Random(1), Log(), 0.0
    timers: list[Timer] = []
    for step in range(3000):
        delay = random.choice((1.0, 1.0, 1.0, 5.0, random.random() * 50))
        timers.append(log.at(now, delay, step))
        for timer in random.sample(timers, min(len(timers), random.choice((0, 1, 1, 3)))):
            log.agenda.cancel(timer)
        if step % 100 == 99:
            timers = [timer for timer in timers if timer.to_come]
        if random.random() < 0.1:
            now += random.random()
            log.until(now)
        if step % 10 == 0:
            check_books(log.agenda)
        assert len(log.agenda._heap) <= 2 * len(log.agenda) + 64


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
        check_books(log.agenda)
