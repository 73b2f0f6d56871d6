"""The counts of a machine: failures in a row, and the rates of failed and slow calls in a window of calls or of time."""

from __future__ import annotations

from typing import Any

import pytest

from actors.resilience.breaking.machine import BreakerConfig, BreakerMachine, BreakerState
from tests.resilience.breaking.breakers import CLOSED, HALF_OPEN, OPEN, call, opened, succeed
from tests.resilience.breaking.breakers import fail_machine as fail

# Opening


@pytest.mark.parametrize(("failures", "state"), [(4, CLOSED), (5, OPEN)])
def test_five_failures_in_a_row_open_it(failures: int, state: BreakerState) -> None:
    breaker = BreakerMachine("rest")
    fail(breaker, 0.0, failures)
    assert breaker.state(0.0) is state


def test_a_success_between_failures_begins_the_count_anew() -> None:
    breaker = BreakerMachine("rest")
    fail(breaker, 0.0, 4)
    succeed(breaker, 0.0)
    fail(breaker, 0.0, 4)
    assert breaker.state(0.0) is CLOSED


def test_a_cancelled_call_is_no_verdict() -> None:
    breaker = BreakerMachine("rest")
    fail(breaker, 0.0, 4)
    breaker.release(breaker.acquire(0.0))
    assert breaker.statistics(0.0).consecutive_failures == 4


@pytest.mark.parametrize(("outcomes", "state"), [("fsfs", OPEN), ("fsss", CLOSED), ("fff", CLOSED), ("sffs", OPEN)])
def test_a_rate_of_failures_opens_it_from_the_minimum_of_calls_on(outcomes: str, state: BreakerState) -> None:
    config = BreakerConfig(failures=100, failure_rate=0.5, window=10, minimum_calls=4)
    breaker = BreakerMachine("rest", config)
    for outcome in outcomes:
        (fail if outcome == "f" else succeed)(breaker, 0.0)
    assert breaker.state(0.0) is state


def test_the_rate_looks_back_on_the_window_only() -> None:
    breaker = BreakerMachine("rest", BreakerConfig(failures=100, failure_rate=0.6, window=4, minimum_calls=4))
    for outcome in (fail, succeed, succeed, succeed, fail, fail):
        outcome(breaker, 0.0)
    assert breaker.statistics(0.0).failure_rate == 0.5


def test_there_is_no_rate_below_the_minimum_of_calls() -> None:
    breaker = BreakerMachine("rest", BreakerConfig(failure_rate=0.9, minimum_calls=2))
    fail(breaker, 0.0)
    assert breaker.statistics(0.0).failure_rate is None


def test_an_ignored_call_does_not_end_a_row_of_failures() -> None:
    breaker = BreakerMachine("rest")
    fail(breaker, 0.0, 4)
    breaker.record_ignored(breaker.acquire(0.0))
    fail(breaker, 0.0)
    assert breaker.state(0.0) is OPEN


@pytest.mark.parametrize(
    ("config", "outcomes", "why"),
    [
        ({"failures": 2}, "ff", "2 failures in a row"),
        ({"failures": 9, "failure_rate": 0.5, "minimum_calls": 4}, "sfsf", "2 of the last 4 calls failed"),
        ({"slow_after": 1.0, "slow_rate": 0.5, "minimum_calls": 2}, "sS", "1 of the last 2 calls were slow"),
    ],
)
def test_an_opening_says_which_limit_was_reached(config: dict[str, Any], outcomes: str, why: str) -> None:
    breaker = BreakerMachine("rest", BreakerConfig(**config))
    for outcome in outcomes:
        call(breaker, 0.0, 1.0 if outcome == "S" else 0.0, failed=outcome == "f")
    assert [moved.why for moved in breaker.drain_transitions()] == [why]


# A reset


def test_a_reset_of_a_closed_breaker_forgets_its_failures() -> None:
    breaker = BreakerMachine("rest")
    fail(breaker, 0.0, 4)
    breaker.reset(0.0)
    fail(breaker, 0.0, 4)
    assert breaker.state(0.0) is CLOSED


def test_a_reset_forgets_the_calls_in_the_window() -> None:
    breaker = BreakerMachine("rest", BreakerConfig(failure_rate=0.9, minimum_calls=10))
    fail(breaker, 0.0, 4)
    breaker.reset(0.0)
    statistics = breaker.statistics(0.0)
    assert (statistics.calls_in_window, statistics.failure_rate) == (0, None)


# Slow calls


@pytest.mark.parametrize(("seconds", "slow"), [(1.9, 0), (2.0, 1)])
def test_a_call_that_takes_as_long_as_the_bound_is_slow(seconds: float, slow: int) -> None:
    breaker = BreakerMachine("rest", BreakerConfig(slow_after=2.0))
    call(breaker, 0.0, seconds)
    assert breaker.statistics(10.0).slow == slow


@pytest.mark.parametrize(("quick", "state"), [(2, OPEN), (3, CLOSED)])
def test_a_rate_of_slow_calls_opens_it_though_they_succeed(quick: int, state: BreakerState) -> None:
    breaker = BreakerMachine("rest", BreakerConfig(slow_after=2.0, slow_rate=0.5, window=10, minimum_calls=4))
    for number in range(quick + 2):
        call(breaker, 10.0 * number, 0.1 if number < quick else 2.0)
    assert breaker.state(10.0 * quick + 12.0) is state


def test_a_slow_call_from_before_the_opening_is_not_counted_when_it_ends_half_open() -> None:
    breaker = BreakerMachine("rest", BreakerConfig(slow_after=2.0, slow_rate=1.0))
    slow = breaker.acquire(0.0)
    fail(breaker, 1.0, 5)
    breaker.record_success(slow, 32.0)
    statistics = breaker.statistics(32.0)
    assert (statistics.state, statistics.probes_in_flight, statistics.late) == (HALF_OPEN, 0, 1)


@pytest.mark.parametrize(("rate", "state"), [(None, HALF_OPEN), (0.5, OPEN)])
def test_a_slow_probe_is_a_failed_one_where_slowness_matters(rate: float | None, state: BreakerState) -> None:
    breaker = opened(slow_after=2.0, slow_rate=rate)
    call(breaker, 30.0, 2.0)
    assert breaker.state(32.0) is state


def test_a_call_that_seems_to_end_before_it_began_took_no_time() -> None:
    breaker = BreakerMachine("rest", BreakerConfig(slow_after=2.0))
    breaker.record_success(breaker.acquire(10.0), 9.999)
    assert breaker.statistics(10.0).slow == 0


# Time windows


def test_a_time_window_forgets_what_is_long_ago() -> None:
    breaker = BreakerMachine("rest", BreakerConfig(failures=100, failure_rate=0.5, window_seconds=60.0, minimum_calls=4))
    fail(breaker, 0.0, 3)
    fail(breaker, 60.0)
    assert (breaker.state(60.0), breaker.statistics(60.0).calls_in_window) == (CLOSED, 1)


def test_a_rate_over_a_time_window_opens_it() -> None:
    breaker = BreakerMachine("rest", BreakerConfig(failures=100, failure_rate=0.5, window_seconds=60.0, minimum_calls=4))
    succeed(breaker, 0.0, 2)
    fail(breaker, 50.0, 2)
    assert breaker.state(50.0) is OPEN


def test_in_a_time_window_the_minimum_of_calls_is_not_bound_by_the_count_window() -> None:
    assert BreakerConfig(window=10, window_seconds=60.0, minimum_calls=500).minimum_calls == 500
