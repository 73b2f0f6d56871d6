from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.resilience.limiting.rolling_window import RollingWindow
from actors.resilience.limiting.window import seconds_until

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
