from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.resilience.limiter_machine import LimiterMachine, Reservation, RollingWindow, seconds_until

TIMES = st.floats(0, 1e9)


def most_in_any_window(events: list[tuple[float, int]], within: float) -> int:
    """The largest weight in an interval of this length: one that begins at an event holds the most."""
    return max((sum(weight for at, weight in events if begin <= at < begin + within) for begin, _ in events), default=0)


# seconds_until


@given(TIMES, TIMES)
def test_whoever_waits_that_long_has_reached_the_moment(now: float, moment: float) -> None:
    assert now + seconds_until(moment, now) >= moment


def test_a_difference_that_rounds_down_is_made_longer() -> None:
    now, moment = 0.275, 1.773
    assert now + (moment - now) < moment
    assert now + seconds_until(moment, now) >= moment


def test_a_moment_that_has_passed_needs_no_wait() -> None:
    assert seconds_until(1.0, 2.0) == 0.0


# RollingWindow


def test_events_up_to_the_limit_go_at_once() -> None:
    window = RollingWindow(5, 1.0)
    assert [window.try_take(0.0) for _ in range(5)] == [0.0] * 5


def test_one_event_too_many_waits_for_the_oldest_to_leave() -> None:
    window = RollingWindow(2, 10.0)
    window.try_take(0.0)
    window.try_take(3.0)
    assert window.try_take(4.0) == 6.0


def test_an_event_exactly_as_old_as_the_window_has_left_it() -> None:
    window = RollingWindow(1, 10.0)
    window.try_take(0.0)
    assert window.try_take(10.0) == 0.0


def test_a_refused_event_is_not_recorded() -> None:
    window = RollingWindow(1, 10.0)
    window.try_take(0.0)
    window.try_take(5.0)
    assert window.used(5.0) == 1


def test_a_heavy_event_waits_until_enough_light_ones_have_left() -> None:
    window = RollingWindow(10, 60.0)
    for at in range(10):
        window.try_take(float(at))
    assert window.delay(10.0, weight=4) == 53.0


def test_asking_for_the_delay_records_nothing() -> None:
    window = RollingWindow(1, 10.0)
    window.delay(0.0)
    assert window.used(0.0) == 0


@pytest.mark.parametrize("weight", [0, 6])
def test_a_weight_that_can_never_go_is_refused(weight: int) -> None:
    with pytest.raises(ValueError, match=f"weight={weight}; expected 1 to 5, the limit"):
        RollingWindow(5, 1.0).delay(0.0, weight)


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="limit=0; expected a weight of 1 or more"):
        RollingWindow(0, 1.0)


@pytest.mark.parametrize("within", [0.0, -1.0, math.inf, math.nan])
def test_a_window_without_a_length_is_refused(within: float) -> None:
    with pytest.raises(ValueError, match="expected seconds above 0"):
        RollingWindow(1, within)


def test_what_the_server_has_counted_beyond_ours_fills_the_window() -> None:
    window = RollingWindow(100, 60.0)
    window.try_take(0.0, 10)
    window.observe(5.0, 95)
    assert window.delay(5.0, 10) == 55.0


def test_a_server_that_has_counted_less_changes_nothing() -> None:
    window = RollingWindow(100, 60.0)
    window.try_take(0.0, 10)
    window.observe(5.0, 3)
    assert window.used(5.0) == 10


def test_a_server_count_above_the_limit_fills_the_window_and_no_more() -> None:
    window = RollingWindow(100, 60.0)
    window.observe(0.0, 10**9)
    assert window.used(0.0) == 100


def test_a_copied_window_lives_on_its_own() -> None:
    window = RollingWindow(1, 1.0)
    window.copy().try_take(0.0)
    assert window.used(0.0) == 0


@given(
    st.integers(1, 6),
    st.floats(1e-3, 1e3),
    st.floats(0, 1e9),
    st.lists(st.tuples(st.floats(0, 500), st.integers(1, 6)), max_size=25),
)
def test_no_interval_ever_holds_more_than_the_limit(
    limit: int, within: float, now: float, arrivals: list[tuple[float, int]]
) -> None:
    window = RollingWindow(limit, within)
    went: list[tuple[float, int]] = []
    for pause, weight in arrivals:
        now += pause
        weight = min(weight, limit)
        delay = window.delay(now, weight)
        now += delay
        assert window.try_take(now, weight) == 0.0, "whoever waited exactly the delay may go"
        went.append((now, weight))
        assert len(window._events) <= limit
    assert most_in_any_window(went, within) <= limit


@given(st.integers(1, 5), st.lists(st.floats(0, 3), min_size=1, max_size=25))
def test_nobody_waits_longer_than_needed(limit: int, pauses: list[float]) -> None:
    window, now = RollingWindow(limit, 1.0), 0.0
    went: list[tuple[float, int]] = []
    for pause in pauses:
        now += pause
        delay = window.delay(now)
        if delay > 1e-6:  # of less, a thousandth is lost in rounding
            sooner = [*went, (now + delay * 0.999, 1)]
            assert most_in_any_window(sooner, 1.0) > limit
        now += delay
        window.try_take(now)
        went.append((now, 1))


# LimiterMachine


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
    limiter.reserve(0.0)
    assert limiter.delay(0.0) == math.inf


def test_the_server_count_goes_to_the_window_of_that_length() -> None:
    second, minute = RollingWindow(100, 1.0), RollingWindow(6000, 60.0)
    LimiterMachine(second, minute).observe(0.0, 50, within=60.0)
    assert (second.used(0.0), minute.used(0.0)) == (0, 50)


def test_reservations_are_planned_one_after_the_other() -> None:
    limiter = LimiterMachine(RollingWindow(2, 1.0))
    assert [limiter.reserve(0.0).at for _ in range(5)] == [0.0, 0.0, 1.0, 1.0, 2.0]


def test_a_reservation_goes_at_its_time() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    limiter.try_take(0.0)
    reservation = limiter.reserve(0.25)
    assert (limiter.claim(reservation, 0.5), limiter.claim(reservation, 1.0)) == (0.5, 0.0)


def test_nobody_overtakes_the_line() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    limiter.reserve(0.0)
    assert limiter.try_take(0.0) == 1.0


def test_a_place_in_the_line_keeps_a_later_one_back() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    limiter.reserve(0.0)
    later = limiter.reserve(0.0)
    assert limiter.claim(later, 0.0) == 1.0


def test_whoever_has_room_beside_those_before_need_not_wait_for_them() -> None:
    limiter = LimiterMachine(RollingWindow(2, 1.0))
    limiter.reserve(0.0)
    later = limiter.reserve(0.0)
    assert limiter.claim(later, 0.0) == 0.0


def test_those_behind_a_cancelled_reservation_move_up() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    first, second = limiter.reserve(0.0), limiter.reserve(0.0)
    limiter.cancel(first)
    assert limiter.claim(second, 0.0) == 0.0


def test_a_cancel_after_the_claim_does_not_undo_the_call() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    reservation = limiter.reserve(0.0)
    limiter.claim(reservation, 0.0)
    limiter.cancel(reservation)
    assert limiter.delay(0.0) == 1.0


def test_a_reservation_cannot_be_claimed_twice() -> None:
    limiter = LimiterMachine()
    reservation = limiter.reserve(0.0)
    limiter.claim(reservation, 0.0)
    with pytest.raises(ValueError, match="not in list"):
        limiter.claim(reservation, 0.0)


def test_a_call_that_was_made_late_counts_from_when_it_was_made() -> None:
    limiter = LimiterMachine(RollingWindow(1, 1.0))
    first, second = limiter.reserve(0.0), limiter.reserve(0.0)
    limiter.claim(first, 0.5)
    assert limiter.claim(second, 1.0) == 0.5


def test_a_ban_holds_back_those_already_in_line() -> None:
    limiter = LimiterMachine()
    reservation = limiter.reserve(0.0)
    limiter.ban_until(60.0)
    assert limiter.claim(reservation, 0.0) == 60.0


def test_a_weight_that_no_window_takes_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="weight=6; expected 1 to 5"):
        LimiterMachine(RollingWindow(5, 1.0)).reserve(0.0, 6)


class AnyUse(RuleBasedStateMachine):
    """Whatever callers do, late, cancelled or banned, no window is ever overfull and everybody has their turn."""

    def __init__(self) -> None:
        super().__init__()
        self.limiter = LimiterMachine(RollingWindow(3, 1.0), RollingWindow(5, 7.0))
        self.now = 1000.0
        self.line: list[Reservation] = []
        self.went: list[tuple[float, int]] = []
        self.banned_until = 0.0

    @rule(seconds=st.floats(0, 3))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(weight=st.integers(1, 3))
    def take(self, weight: int) -> None:
        if not self.limiter.try_take(self.now, weight):
            self.record(weight)

    @rule(weight=st.integers(1, 3))
    def reserve(self, weight: int) -> None:
        self.line.append(self.limiter.reserve(self.now, weight))

    @precondition(lambda self: self.line)
    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.line) - 1))
        if not self.limiter.claim(self.line[place], self.now):
            self.record(self.line.pop(place).weight)

    @precondition(lambda self: self.line)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.limiter.cancel(self.line.pop(data.draw(st.integers(0, len(self.line) - 1))))

    @rule(seconds=st.floats(-1, 3))
    def ban(self, seconds: float) -> None:
        self.limiter.ban_until(self.now + seconds)
        self.banned_until = max(self.banned_until, self.now + seconds)

    @invariant()
    def the_first_in_line_goes_after_exactly_its_wait(self) -> None:
        if self.line:
            wait = self.limiter.claim(self.line[0], self.now)
            self.now += wait
            if wait:
                assert self.limiter.claim(self.line[0], self.now) == 0.0
            self.record(self.line.pop(0).weight)

    def record(self, weight: int) -> None:
        assert self.now >= self.banned_until
        self.went.append((self.now, weight))
        assert most_in_any_window(self.went, 1.0) <= 3
        assert most_in_any_window(self.went, 7.0) <= 5


AnyUse.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAnyUse = pytest.mark.slow(AnyUse.TestCase)
