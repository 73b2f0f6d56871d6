from __future__ import annotations

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.resilience.limiting.limiter_machine import LimiterMachine, Reservation
from actors.resilience.limiting.rolling_window import RollingWindow
from actors.resilience.limiting.token_bucket import TokenBucket


def test_without_windows_everything_goes_at_once() -> None:
    assert LimiterMachine().try_take(0.0) == 0.0


def test_the_strictest_window_decides() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0), RollingWindow(3, 100.0))
    for at in (0.0, 1.0, 2.0):
        limiter.try_take(at)
    assert limiter.try_take(3.0) == 97.0


def test_a_refused_call_is_recorded_in_no_window() -> None:
    narrow, wide = RollingWindow(1, 1.0), RollingWindow(3, 100.0)
    limiter = LimiterMachine(narrow, wide)
    limiter.try_take(0.0)
    limiter.try_take(0.0)
    assert (narrow.used(0.0), wide.used(0.0)) == (1, 1)


def test_a_ban_lets_nothing_through_before_its_end() -> None:
    limiter = LimiterMachine(RollingWindow(5, 1.0))
    limiter.ban_until(120.0)
    assert (limiter.try_take(0.0), limiter.try_take(120.0)) == (120.0, 0.0)


def test_a_shorter_ban_does_not_shorten_a_longer_one() -> None:
    limiter = LimiterMachine()
    limiter.ban_until(120.0)
    limiter.ban_until(60.0)
    assert limiter.delay(0.0) == 120.0


def test_asking_during_a_ban_forgets_no_event() -> None:
    window = RollingWindow(1, 10.0)
    limiter = LimiterMachine(window)
    limiter.try_take(0.0)
    limiter.ban_until(60.0)
    limiter.delay(1.0)
    assert window.used(1.0) == 1


def test_a_ban_without_end_waits_without_end() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    limiter.ban_until(math.inf)
    limiter.reserve()
    assert limiter.delay(0.0) == math.inf


def test_the_server_count_goes_to_the_window_of_that_length() -> None:
    second, minute = RollingWindow(100, 1.0), RollingWindow(6000, 60.0)
    LimiterMachine(second, minute).observe(0.0, 50, within=60.0)
    assert (second.used(0.0), minute.used(0.0)) == (0, 50)


def test_reservations_are_planned_one_after_the_other() -> None:
    limiter = LimiterMachine(RollingWindow(2, 1.0))
    delays = []
    for _ in range(5):
        delays.append(limiter.delay(0.0))
        limiter.reserve()
    assert delays == [0.0, 0.0, 1.0, 1.0, 2.0]


def test_a_reservation_goes_at_its_time() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    limiter.try_take(0.0)
    reservation = limiter.reserve()
    assert (limiter.claim(reservation, 0.5), limiter.claim(reservation, 1.0)) == (0.5, 0.0)


def test_nobody_overtakes_the_line() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    limiter.reserve()
    assert limiter.try_take(0.0) == 1.0


def test_a_place_in_the_line_keeps_a_later_one_back() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    limiter.reserve()
    later = limiter.reserve()
    assert limiter.claim(later, 0.0) == 1.0


def test_whoever_has_room_beside_those_before_need_not_wait_for_them() -> None:
    limiter = LimiterMachine(RollingWindow(2, 1.0))
    limiter.reserve()
    later = limiter.reserve()
    assert limiter.claim(later, 0.0) == 0.0


def test_those_behind_a_cancelled_reservation_move_up() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    first, second = limiter.reserve(), limiter.reserve()
    limiter.cancel(first)
    assert limiter.claim(second, 0.0) == 0.0


def test_a_cancel_after_the_claim_does_not_undo_the_call() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    reservation = limiter.reserve()
    limiter.claim(reservation, 0.0)
    limiter.cancel(reservation)
    assert limiter.delay(0.0) == 1.0


def test_a_reservation_cannot_be_claimed_twice() -> None:
    limiter = LimiterMachine()
    reservation = limiter.reserve()
    limiter.claim(reservation, 0.0)
    with pytest.raises(ValueError, match="was claimed or cancelled before"):
        limiter.claim(reservation, 0.0)


def test_a_call_that_was_made_late_counts_from_when_it_was_made() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    first, second = limiter.reserve(), limiter.reserve()
    limiter.claim(first, 0.5)
    assert limiter.claim(second, 1.0) == 0.5


def test_a_ban_holds_back_those_already_in_line() -> None:
    limiter = LimiterMachine()
    reservation = limiter.reserve()
    limiter.ban_until(60.0)
    assert limiter.claim(reservation, 0.0) == 60.0


def test_a_weight_that_no_window_takes_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="weight=6; expected 1 to 5"):
        LimiterMachine(RollingWindow(5, 1.0)).reserve(6)


def test_a_lower_priority_goes_first() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    limiter.reserve(priority=0)
    cancel_order = limiter.reserve(priority=-1)
    assert limiter.first is cancel_order


def test_within_one_priority_who_came_first_goes_first() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    line = [limiter.reserve(priority=priority) for priority in (1, 0, 1, 0)]
    went = []
    for now in range(4):
        went.append(line.index(limiter.first))
        limiter.claim(line[went[-1]], float(now))
    assert went == [1, 3, 0, 2]


def test_a_lower_priority_takes_room_past_the_line_of_higher_ones() -> None:
    limiter = LimiterMachine(RollingWindow(2, 1.0))
    limiter.take(0.0)
    limiter.reserve(2, priority=1)
    assert (limiter.take(0.0, 1, priority=1), limiter.take(0.0, 1, priority=0)) == (False, True)


def test_a_delay_counts_only_those_who_would_be_ahead() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    limiter.take(0.0)
    limiter.reserve(priority=0)
    limiter.reserve(priority=2)
    assert [limiter.delay(0.0, priority=priority) for priority in (-1, 0, 1, 2)] == [1.0, 2.0, 2.0, 3.0]


@pytest.mark.parametrize("weight", [0, 6])
def test_a_weight_that_can_never_go_is_not_taken(weight: int) -> None:
    limiter = LimiterMachine(RollingWindow(5, 1.0), RollingWindow(9, 1.0))
    with pytest.raises(ValueError, match=f"weight={weight}; expected 1 to 5"):
        limiter.take(0.0, weight)


def test_a_reservation_that_was_refused_stands_in_no_line() -> None:
    limiter = LimiterMachine(RollingWindow(5, 1.0))
    with pytest.raises(ValueError, match="weight=6"):
        limiter.join(Reservation(6))
    assert limiter.waiting == 0


def test_who_asks_a_thousand_times_while_queueing_walks_the_line_once() -> None:
    limiter = LimiterMachine(Counted(1, 1.0))
    for _ in range(1000):
        limiter.delay(0.0)
        limiter.reserve()
    assert limiter.windows[0].copies + sum(window.copies for window in Counted.made) <= 3


def test_whoever_is_first_claims_without_walking_the_line() -> None:
    limiter = LimiterMachine(Counted(1000, 1.0))
    line = [limiter.reserve() for _ in range(1000)]
    assert [limiter.claim(one, 0.0) for one in line] == [0.0] * 1000
    assert limiter.windows[0].copies == 0


def test_room_that_has_come_since_is_taken_without_asking_for_a_delay() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    assert [limiter.take(at) for at in (0.0, 0.5, 1.0)] == [True, False, True]


def test_a_delay_counts_those_who_are_late() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    limiter.take(0.0)
    limiter.reserve()
    assert [limiter.delay(now) for now in (0.0, 1.0, 1.5)] == [2.0, 1.0, 1.0]


def test_a_delay_counts_who_went_past_the_line() -> None:
    limiter = LimiterMachine(RollingWindow(2, 1.0))
    limiter.reserve(priority=1)
    before = limiter.delay(0.0, priority=1)
    limiter.take(0.0, priority=0)
    assert (before, limiter.delay(0.0, priority=1)) == (0.0, 1.0)


class Counted(RollingWindow):
    """Counts how often it was copied to look ahead."""

    copies = 0
    made: list[Counted] = []

    def copy(self) -> Counted:
        self.copies += 1
        twin = super().copy()
        twin.copies = 0
        self.made.append(twin)
        return twin


STEP = 0.25
"""All times are multiples of it, so that the model can try them one after the other, and floats are exact."""


class Model:
    """Windows as plain lists of what went, and nothing remembered: each question is answered by going through all of it."""

    def __init__(self) -> None:
        self.strict: dict[tuple[int, float], list[tuple[float, int]]] = {(3, 1.0): [], (5, 7.0): []}
        self.bucket: list[tuple[float, int]] = []

    def copy(self) -> Model:
        twin = Model()
        twin.strict = {limit: list(events) for limit, events in self.strict.items()}
        twin.bucket = list(self.bucket)
        return twin

    def used(self, limit: tuple[int, float], now: float) -> int:
        return sum(weight for at, weight in self.strict[limit] if at + limit[1] > now)

    def tokens(self, now: float) -> float:
        """A bucket of 3 that is refilled with 4 in 8 seconds."""
        level, last = 3.0, -math.inf
        for at, weight in self.bucket:
            level, last = min(3.0, level + (at - last) * 0.5) - weight, at
        return min(3.0, level + (now - last) * 0.5)

    def fits(self, now: float, weight: int) -> bool:
        return self.tokens(now) >= weight and all(self.used(limit, now) + weight <= limit[0] for limit in self.strict)

    def record(self, now: float, weight: int) -> None:
        self.bucket.append((now, weight))
        for events in self.strict.values():
            events.append((now, weight))

    def moment(self, now: float, weights: list[int]) -> float:
        """When the last of them goes, if each goes as soon as it can."""
        twin = self.copy()
        for weight in weights:
            while not twin.fits(now, weight):
                now += STEP
            twin.record(now, weight)
        return now


class AnyUse(RuleBasedStateMachine):
    """Whatever callers do, late, cancelled, banned or told by the server: the machine does what the model does."""

    def __init__(self) -> None:
        super().__init__()
        self.limiter = LimiterMachine(RollingWindow(3, 1.0), RollingWindow(5, 7.0), TokenBucket(4, 8.0, burst=3))
        self.model = Model()
        self.now = 1000.0
        self.line: list[Reservation] = []
        self.banned_until = 0.0

    def delay(self, weight: int, ahead: list[Reservation]) -> float:
        return self.model.moment(max(self.now, self.banned_until), [*(one.weight for one in ahead), weight]) - self.now

    def ahead_of(self, priority: int) -> list[Reservation]:
        return [one for one in self.line if one.priority <= priority]

    @rule(steps=st.integers(0, 12))
    def time_passes(self, steps: int) -> None:
        self.now += steps * STEP

    @rule(weight=st.integers(1, 3), priority=st.integers(-1, 1))
    def ask(self, weight: int, priority: int) -> None:
        assert self.limiter.delay(self.now, weight, priority) == self.delay(weight, self.ahead_of(priority))

    @invariant()
    def who_came_last_would_wait_as_long_as_the_model_says(self) -> None:
        # After every step, as this is what is remembered from one to the next.
        assert self.limiter.delay(self.now, 1, priority=1) == self.delay(1, self.line)

    @rule(weight=st.integers(1, 3), priority=st.integers(-1, 1))
    def take(self, weight: int, priority: int) -> None:
        may = not self.ahead_of(priority) and self.now >= self.banned_until and self.model.fits(self.now, weight)
        assert self.limiter.take(self.now, weight, priority) == may
        if may:
            self.model.record(self.now, weight)

    @rule(weight=st.integers(1, 3), priority=st.integers(-1, 1))
    def try_take(self, weight: int, priority: int) -> None:
        expected = self.delay(weight, self.ahead_of(priority))
        assert self.limiter.try_take(self.now, weight, priority) == expected
        if not expected:
            self.model.record(self.now, weight)

    @rule(weight=st.integers(1, 3), priority=st.integers(-1, 1))
    def reserve(self, weight: int, priority: int) -> None:
        self.line.append(self.limiter.reserve(weight, priority))
        self.line.sort(key=lambda one: one.priority)  # which keeps the order of equals
        assert self.limiter.first is self.line[0]

    @precondition(lambda self: self.line)
    @rule(place=st.integers(0, 99))
    def claim(self, place: int) -> None:
        one = self.line[place % len(self.line)]
        expected = self.delay(one.weight, self.line[: place % len(self.line)])
        assert self.limiter.claim(one, self.now) == expected
        if not expected:
            self.line.remove(one)
            self.model.record(self.now, one.weight)

    @precondition(lambda self: self.line)
    @rule()
    def the_first_waits_its_time_and_goes(self) -> None:
        self.now += self.limiter.claim(self.line[0], self.now)
        if self.limiter.first is self.line[0]:
            assert self.limiter.claim(self.line[0], self.now) == 0.0
        self.model.record(self.now, self.line.pop(0).weight)

    @precondition(lambda self: self.line)
    @rule(place=st.integers(0, 99))
    def cancel(self, place: int) -> None:
        one = self.line.pop(place % len(self.line))
        assert (self.limiter.cancel(one), self.limiter.cancel(one)) == (True, False)
        assert self.limiter.waiting == len(self.line)

    @rule(steps=st.integers(-4, 12))
    def ban(self, steps: int) -> None:
        self.limiter.ban_until(self.now + steps * STEP)
        self.banned_until = max(self.banned_until, self.now + steps * STEP)

    @rule(used=st.integers(0, 9))
    def the_server_says(self, used: int) -> None:
        self.limiter.observe(self.now, used, within=7.0)
        unknown = min(used, 5) - self.model.used((5, 7.0), self.now)
        if unknown > 0:
            self.model.strict[(5, 7.0)].append((self.now, unknown))

    def teardown(self) -> None:
        for (limit, within), events in self.model.strict.items():
            for begin, _ in events:
                assert sum(weight for at, weight in events if begin <= at < begin + within) <= limit
        for at, (begin, _) in enumerate(self.model.bucket):
            for end in range(at, len(self.model.bucket)):
                taken = sum(weight for _, weight in self.model.bucket[at : end + 1])
                assert taken <= 3 + (self.model.bucket[end][0] - begin) * 0.5


AnyUse.TestCase.settings = settings(max_examples=settings().max_examples * 30 // 100, stateful_step_count=30, deadline=None)
TestAnyUse = pytest.mark.slow(AnyUse.TestCase)
