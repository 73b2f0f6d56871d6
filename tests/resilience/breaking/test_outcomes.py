from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.resilience.breaking.outcomes import BUCKETS, CountWindow, OutcomeWindow, TimeWindow

CALLS = st.lists(st.tuples(st.integers(0, 400), st.booleans(), st.booleans()), max_size=60)


def counts(window: OutcomeWindow) -> tuple[int, int, int]:
    return window.calls, window.failures, window.slow


@pytest.mark.parametrize("window", [CountWindow(3), TimeWindow(60.0)])
def test_a_new_window_is_empty(window: OutcomeWindow) -> None:
    assert counts(window) == (0, 0, 0)


@pytest.mark.parametrize("window", [CountWindow(3), TimeWindow(60.0)])
def test_a_call_can_be_failed_and_slow_at_once(window: OutcomeWindow) -> None:
    window.record(0.0, failed=True, slow=True)
    assert counts(window) == (1, 1, 1)


@pytest.mark.parametrize("window", [CountWindow(3), TimeWindow(60.0)])
def test_a_cleared_window_is_as_a_new_one(window: OutcomeWindow) -> None:
    window.record(0.0, failed=True, slow=True)
    window.clear()
    window.record(0.0, failed=False, slow=False)
    assert counts(window) == (1, 0, 0)


def test_a_count_window_forgets_the_oldest_call() -> None:
    window = CountWindow(2)
    window.record(0.0, failed=True, slow=True)
    window.record(0.0, failed=False, slow=True)
    window.record(0.0, failed=False, slow=False)
    assert counts(window) == (2, 0, 1)


@pytest.mark.parametrize(("later", "calls"), [(56.9, 1), (57.1, 1), (60.0, 0), (1e9, 0)])
def test_a_call_counts_for_the_time_of_the_window(later: float, calls: int) -> None:
    window = TimeWindow(60.0)
    window.record(0.0, failed=True, slow=False)
    window.expire(later)
    assert window.calls == calls


def test_a_call_leaves_a_time_window_with_its_bucket() -> None:
    window = TimeWindow(60.0)
    window.record(2.9, failed=True, slow=False)
    window.expire(60.0)
    assert window.calls == 0


def test_the_memory_of_a_time_window_does_not_depend_on_the_traffic() -> None:
    window = TimeWindow(60.0)
    for number in range(10_000):
        window.record(number / 10, failed=False, slow=False)
    assert len(window._buckets) == BUCKETS


@settings(max_examples=settings().max_examples * 40 // 100)
@given(CALLS, st.integers(1, 8))
def test_a_count_window_counts_what_a_list_counts(calls: list[tuple[int, bool, bool]], size: int) -> None:
    window = CountWindow(size)
    for at, failed, slow in calls:
        window.record(float(at), failed, slow)
    last = calls[-size:]
    assert counts(window) == (len(last), sum(failed for _, failed, _ in last), sum(slow for _, _, slow in last))


@settings(max_examples=settings().max_examples * 40 // 100)
@given(CALLS, st.integers(0, 100))
def test_a_time_window_counts_what_a_list_counts(calls: list[tuple[int, bool, bool]], later: int) -> None:
    window, calls = TimeWindow(100.0), sorted(calls)
    for at, failed, slow in calls:
        window.record(float(at), failed, slow)
    now = later + (calls[-1][0] if calls else 0)
    window.expire(float(now))
    width = 100 // BUCKETS
    last = [call for call in calls if now // width - call[0] // width < BUCKETS]
    assert counts(window) == (len(last), sum(failed for _, failed, _ in last), sum(slow for _, _, slow in last))
