"""The transitions of a machine: those an operator decides, and what it tells of each."""

from __future__ import annotations

import math

import pytest

from actors.errors import CircuitOpen
from actors.resilience.breaking.machine import BreakerConfig, BreakerMachine, BreakerState, Transition
from tests.resilience.breaking.breakers import CLOSED, DISABLED, HALF_OPEN, ISOLATED, METRICS_ONLY, OPEN, opened, succeed
from tests.resilience.breaking.breakers import fail_machine as fail

# The operator


def test_an_isolated_breaker_refuses_for_ever() -> None:
    breaker = BreakerMachine("rest")
    breaker.isolate(0.0)
    with pytest.raises(CircuitOpen) as caught:
        breaker.acquire(1e9)
    assert caught.value.until == math.inf


def test_a_reset_closes_an_isolated_breaker() -> None:
    breaker = BreakerMachine("rest")
    breaker.isolate(0.0)
    breaker.reset(1.0)
    assert breaker.state(1.0) is CLOSED


def test_a_disabled_breaker_lets_everything_pass_and_records_nothing() -> None:
    breaker = BreakerMachine("rest")
    breaker.disable(0.0)
    fail(breaker, 0.0, 100)
    succeed(breaker, 0.0, 100)
    statistics = breaker.statistics(0.0)
    assert (statistics.state, statistics.failures, statistics.successes) == (DISABLED, 0, 0)


def test_metrics_only_records_and_lets_everything_pass() -> None:
    breaker = BreakerMachine("rest", BreakerConfig(failure_rate=0.5))
    breaker.observe_only(0.0)
    fail(breaker, 0.0, 100)
    statistics = breaker.statistics(0.0)
    assert (statistics.state, statistics.failure_rate) == (METRICS_ONLY, 1.0)


# What it tells


def test_the_retry_time_of_a_closed_breaker_is_now() -> None:
    assert BreakerMachine("rest").retry_at(3.0) == 3.0


def test_transitions_are_stamped_with_the_moment_they_were_due() -> None:
    breaker = opened(at=1.0)
    succeed(breaker, 100.0, 2)
    assert breaker.drain_transitions() == [
        Transition("rest", CLOSED, OPEN, 1.0, "5 failures in a row"),
        Transition("rest", OPEN, HALF_OPEN, 31.0, "its time ran out"),
        Transition("rest", HALF_OPEN, CLOSED, 100.0, "2 probes succeeded"),
    ]


def test_a_drained_transition_is_not_told_twice() -> None:
    breaker = opened()
    breaker.drain_transitions()
    assert breaker.drain_transitions() == []


def test_transitions_that_nobody_drains_are_bounded() -> None:
    breaker = BreakerMachine("rest")
    for _ in range(100):
        breaker.isolate(0.0)
        breaker.reset(0.0)
    assert len(breaker.drain_transitions()) == 64


def test_a_copy_lives_on_its_own() -> None:
    breaker = BreakerMachine("rest")
    fail(breaker.copy(), 0.0, 5)
    assert breaker.state(0.0) is CLOSED


# Audit


@pytest.mark.parametrize(
    ("verb", "after", "why"),
    [
        ("isolate", ISOLATED, "isolated"),
        ("disable", DISABLED, "disabled"),
        ("observe_only", METRICS_ONLY, "only observed"),
        ("reset", CLOSED, "reset"),
    ],
)
def test_what_an_operator_does_is_told_with_his_name(verb: str, after: BreakerState, why: str) -> None:
    breaker = opened()
    breaker.drain_transitions()
    getattr(breaker, verb)(1.0, by="anna")
    assert breaker.drain_transitions() == [Transition("rest", OPEN, after, 1.0, why, "anna")]


def test_what_an_operator_does_is_told_though_the_state_stays() -> None:
    breaker = BreakerMachine("rest")
    breaker.reset(1.0, by="anna")
    assert breaker.drain_transitions() == [Transition("rest", CLOSED, CLOSED, 1.0, "reset", "anna")]


def test_who_is_refused_by_an_isolated_breaker_learns_who_isolated_it() -> None:
    breaker = BreakerMachine("rest")
    breaker.isolate(0.0, by="anna: maintenance")
    with pytest.raises(CircuitOpen) as caught:
        breaker.acquire(1.0)
    assert (caught.value.hint, caught.value.retry_after) == (
        "isolated by anna: maintenance; only a reset lets calls pass",
        None,
    )


def test_metrics_only_tells_once_that_it_would_have_opened() -> None:
    breaker = BreakerMachine("rest")
    breaker.observe_only(0.0)
    breaker.drain_transitions()
    fail(breaker, 1.0, 20)
    assert breaker.drain_transitions() == [
        Transition("rest", METRICS_ONLY, METRICS_ONLY, 1.0, "would have opened: 5 failures in a row")
    ]


def test_who_is_refused_learns_the_state_the_last_failure_and_how_long_to_wait() -> None:
    breaker = BreakerMachine("rest", BreakerConfig(failures=1))
    breaker.record_failure(breaker.acquire(0.0), 0.0, reason="ConnectFailed: no route")
    with pytest.raises(CircuitOpen) as caught:
        breaker.acquire(10.0)
    assert (caught.value.state, caught.value.retry_after, caught.value.last) == ("open", 20.0, "ConnectFailed: no route")


def test_a_closing_forgets_the_last_failure() -> None:
    breaker = BreakerMachine("rest", BreakerConfig(failures=1))
    breaker.record_failure(breaker.acquire(0.0), 0.0, reason="ConnectFailed: no route")
    breaker.reset(1.0)
    breaker.open_until(100.0, 1.0)
    with pytest.raises(CircuitOpen) as caught:
        breaker.acquire(2.0)
    assert caught.value.last is None
