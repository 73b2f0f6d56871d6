from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.resilience.limiting.rolling_window import RollingWindow
from actors.resilience.limiting.token_bucket import TokenBucket


def went_within(window: TokenBucket | RollingWindow, seconds: float) -> int:
    """How many go before that time, if each goes as soon as it can."""
    now, went = 0.0, 0
    while (now := now + window.delay(now)) < seconds:
        window.try_take(now)
        went += 1
    return went


def test_a_full_bucket_lets_the_burst_go_at_once() -> None:
    bucket = TokenBucket(5, 1.0)
    assert [bucket.try_take(0.0) for _ in range(6)] == [0.0] * 5 + [0.2]


def test_a_burst_of_one_spaces_calls_evenly() -> None:
    bucket = TokenBucket(4, 1.0, burst=1)
    assert [bucket.try_take(at) for at in (0.0, 0.0, 0.25, 0.25)] == [0.0, 0.25, 0.0, 0.25]


def test_at_the_first_window_a_bucket_lets_through_nearly_twice_what_a_strict_one_does() -> None:
    assert (went_within(TokenBucket(5, 1.0), 1.0), went_within(RollingWindow(5, 1.0), 1.0)) == (9, 5)


def test_a_bucket_that_was_left_alone_is_full_and_no_fuller() -> None:
    bucket = TokenBucket(2, 1.0)
    bucket.try_take(0.0, 2)
    assert [bucket.try_take(100.0) for _ in range(3)] == [0.0, 0.0, 0.5]


def test_a_heavy_call_waits_until_enough_is_refilled() -> None:
    bucket = TokenBucket(10, 10.0)
    bucket.try_take(0.0, 10)
    assert bucket.delay(1.0, 4) == 3.0


def test_a_refused_call_takes_nothing() -> None:
    bucket = TokenBucket(1, 1.0)
    bucket.try_take(0.0)
    bucket.try_take(0.5)
    assert bucket.used(0.5) == 1


def test_what_is_refilled_counts_no_more() -> None:
    bucket = TokenBucket(4, 4.0)
    bucket.try_take(0.0, 3)
    assert [bucket.used(now) for now in (0.0, 0.5, 1.0, 2.5, 3.0)] == [3, 3, 2, 1, 0]


@pytest.mark.parametrize("weight", [0, 4])
def test_a_weight_that_can_never_go_is_refused(weight: int) -> None:
    with pytest.raises(ValueError, match=f"weight={weight}; expected 1 to 3, the burst"):
        TokenBucket(5, 1.0, burst=3).delay(0.0, weight)


@pytest.mark.parametrize(
    ("limit", "within", "burst", "what"),
    [(0, 1.0, None, "limit=0"), (1, 0.0, None, "within=0.0"), (1, math.inf, None, "within=inf"), (1, 1.0, 0, "burst=0")],
)
def test_a_bucket_that_cannot_work_is_refused(limit: int, within: float, burst: int | None, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        TokenBucket(limit, within, burst)


def test_what_the_server_has_counted_beyond_ours_is_taken_from_the_bucket() -> None:
    bucket = TokenBucket(10, 10.0)
    bucket.try_take(0.0, 2)
    bucket.observe(0.0, 9)
    assert (bucket.used(0.0), bucket.delay(0.0, 2)) == (9, 1.0)


def test_a_server_that_has_counted_less_changes_nothing() -> None:
    bucket = TokenBucket(10, 10.0)
    bucket.try_take(0.0, 5)
    bucket.observe(0.0, 3)
    assert bucket.used(0.0) == 5


def test_a_server_count_above_the_burst_empties_the_bucket_and_no_more() -> None:
    bucket = TokenBucket(10, 10.0)
    bucket.observe(0.0, 10**9)
    assert bucket.delay(0.0) == 1.0


def test_a_copied_bucket_lives_on_its_own() -> None:
    bucket = TokenBucket(1, 1.0)
    bucket.copy().try_take(0.0)
    assert bucket.used(0.0) == 0


@pytest.mark.parametrize("now", [0.1, 1e9, 1.7e9 + 0.1])
def test_the_last_of_a_burst_does_not_wait_for_a_rounding_error(now: float) -> None:
    bucket = TokenBucket(7, 0.3)
    assert [bucket.try_take(now) for _ in range(7)] == [0.0] * 7


@given(
    st.integers(1, 6),
    st.floats(1e-3, 1e3),
    st.integers(1, 6),
    st.floats(0, 1e9),
    st.lists(st.tuples(st.floats(0, 500), st.integers(1, 6)), max_size=25),
)
def test_no_interval_holds_more_than_the_burst_and_what_is_refilled_in_it(
    limit: int, within: float, burst: int, now: float, arrivals: list[tuple[float, int]]
) -> None:
    bucket = TokenBucket(limit, within, burst)
    went: list[tuple[float, int]] = []
    for pause, weight in arrivals:
        now += pause
        weight = min(weight, burst)
        now += bucket.delay(now, weight)
        assert bucket.try_take(now, weight) == 0.0, "whoever waited exactly the delay may go"
        went.append((now, weight))
    for first, (begin, _) in enumerate(went):
        for last in range(first, len(went)):
            end = went[last][0]
            allowed = burst + (end - begin + 1e-6 * max(1.0, end * 1e-6)) * limit / within
            assert sum(weight for _, weight in went[first : last + 1]) <= allowed


@given(st.integers(1, 5), st.lists(st.floats(0, 3), min_size=1, max_size=25))
def test_nobody_waits_longer_than_needed(limit: int, pauses: list[float]) -> None:
    bucket, now = TokenBucket(limit, 1.0), 0.0
    for pause in pauses:
        now += pause
        delay = bucket.delay(now)
        if delay > 1e-6:
            assert bucket.copy().try_take(now + delay * 0.999) > 0
        now += delay
        bucket.try_take(now)
