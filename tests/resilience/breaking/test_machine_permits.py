"""The permits of a machine: those of probes, those from before an epoch, and the one that is for all."""

from __future__ import annotations

import pytest

from actors.errors import CircuitOpen
from actors.resilience.breaking.machine import BreakerConfig, BreakerMachine, BreakerState, Permit
from tests.resilience.breaking.breakers import CLOSED, HALF_OPEN, OPEN, brought_to, opened, succeed
from tests.resilience.breaking.breakers import fail_machine as fail

# Half-open


def test_a_probe_in_flight_keeps_the_others_out() -> None:
    breaker = opened()
    breaker.acquire(30.0)
    with pytest.raises(CircuitOpen) as caught:
        breaker.acquire(31.0)
    assert caught.value.until == 32.0


def test_as_many_probes_as_configured_are_in_flight_at_once() -> None:
    breaker = opened(probes=3)
    for _ in range(3):
        breaker.acquire(30.0)
    with pytest.raises(CircuitOpen):
        breaker.acquire(30.0)


@pytest.mark.parametrize(("successes", "state"), [(1, HALF_OPEN), (2, CLOSED)])
def test_two_successful_probes_close_it(successes: int, state: BreakerState) -> None:
    breaker = opened()
    succeed(breaker, 30.0, successes)
    assert breaker.state(30.0) is state


def test_a_failed_probe_opens_it_again() -> None:
    breaker = opened()
    succeed(breaker, 30.0)
    fail(breaker, 31.0)
    assert breaker.state(31.0) is OPEN


def test_successes_before_a_failed_probe_are_forgotten() -> None:
    breaker = opened()
    succeed(breaker, 30.0)
    fail(breaker, 31.0)
    succeed(breaker, 91.0)
    assert breaker.state(91.0) is HALF_OPEN


def test_a_cancelled_probe_gives_its_place_back() -> None:
    breaker = opened()
    breaker.release(breaker.acquire(30.0))
    assert breaker.acquire(30.0)


def test_a_cancelled_probe_leaves_it_half_open() -> None:
    breaker = opened()
    breaker.release(breaker.acquire(30.0))
    assert breaker.state(30.0) is HALF_OPEN


def test_a_probe_that_reports_twice_counts_once() -> None:
    breaker = opened()
    probe = breaker.acquire(30.0)
    breaker.record_success(probe, 31.0)
    breaker.record_success(probe, 31.0)
    assert breaker.state(31.0) is HALF_OPEN


def test_a_probe_that_never_reports_is_written_off_as_a_failure() -> None:
    breaker = opened(probe_within=10.0)
    breaker.acquire(30.0)
    assert (breaker.state(39.9), breaker.state(40.0), breaker.retry_at(40.0)) == (HALF_OPEN, OPEN, 100.0)


def test_a_probe_that_was_written_off_is_counted() -> None:
    breaker = opened(probe_within=10.0)
    breaker.acquire(30.0)
    assert breaker.statistics(1e6).written_off == 1


def test_a_probe_written_off_long_ago_leaves_room_for_the_next() -> None:
    breaker = opened(probe_within=10.0)
    breaker.acquire(30.0)
    assert breaker.acquire(1e6)


# Epochs


def test_a_late_failure_does_not_judge_the_probe() -> None:
    breaker = BreakerMachine("rest")
    slow = breaker.acquire(0.0)
    fail(breaker, 0.0, 5)
    breaker.record_failure(slow, 30.0)
    assert breaker.state(30.0) is HALF_OPEN


def test_a_late_success_does_not_close_it() -> None:
    breaker = BreakerMachine("rest", BreakerConfig(successes=1))
    slow = breaker.acquire(0.0)
    fail(breaker, 0.0, 5)
    breaker.record_success(slow, 30.0)
    assert breaker.state(30.0) is HALF_OPEN


def test_a_late_release_does_not_free_a_probe() -> None:
    breaker = BreakerMachine("rest")
    slow = breaker.acquire(0.0)
    fail(breaker, 0.0, 5)
    breaker.acquire(30.0)
    breaker.release(slow)
    assert breaker.statistics(30.0).probes_in_flight == 1


def test_a_late_result_is_counted() -> None:
    breaker = BreakerMachine("rest")
    slow = breaker.acquire(0.0)
    fail(breaker, 0.0, 5)
    breaker.record_success(slow, 30.0)
    statistics = breaker.statistics(30.0)
    assert (statistics.successes, statistics.failures, statistics.late) == (1, 5, 1)


@pytest.mark.parametrize("after", [state for state in BreakerState if state is not CLOSED])
@pytest.mark.parametrize("end", ["success", "failure", "ignored", "release"])
def test_a_late_result_changes_nothing_but_counts(after: BreakerState, end: str) -> None:
    breaker = brought_to(after)
    probe = breaker.acquire(100.0) if after is HALF_OPEN else None
    before = breaker.statistics(100.0)
    late = Permit(before.epoch - 1, 1, 0.0)
    match end:
        case "success":
            breaker.record_success(late, 101.0)
        case "failure":
            breaker.record_failure(late, 101.0)
        case "ignored":
            breaker.record_ignored(late)
        case "release":
            breaker.release(late)
    now = breaker.statistics(101.0)
    assert (now.state, now.epoch, now.openings, now.consecutive_failures) == (
        before.state,
        before.epoch,
        before.openings,
        before.consecutive_failures,
    )
    assert now.probes_in_flight == (probe is not None)


# Ignored


def test_an_ignored_probe_gives_its_permit_back_and_has_no_verdict() -> None:
    breaker = opened(successes=1)
    breaker.record_ignored(breaker.acquire(30.0))
    statistics = breaker.statistics(30.0)
    assert (statistics.state, statistics.probes_in_flight, statistics.ignored) == (HALF_OPEN, 0, 1)


# The permit that needs no asking


def test_a_quiet_breaker_has_a_permit_for_all() -> None:
    breaker = BreakerMachine("rest")
    assert breaker.door is not None
    assert breaker.calm is breaker.door


def test_a_failure_ends_the_calm_and_a_success_restores_it() -> None:
    breaker = BreakerMachine("rest")
    before = breaker.calm
    assert before is not None
    breaker.record_failure(before, 0.0)
    assert (breaker.calm, breaker.door) == (None, before)
    breaker.record_success(before, 0.0)
    assert breaker.calm is before


def test_each_epoch_has_a_permit_of_its_own() -> None:
    breaker = BreakerMachine("rest")
    before = breaker.calm
    breaker.reset(0.0)
    assert breaker.calm is not before


@pytest.mark.parametrize("state", [state for state in BreakerState if state is not CLOSED])
def test_there_is_no_permit_for_all_in_any_other_state(state: BreakerState) -> None:
    breaker = brought_to(state)
    assert (breaker.door, breaker.calm) == (None, None)


def test_there_is_no_calm_while_a_rate_is_counted() -> None:
    breaker = BreakerMachine("rest", BreakerConfig(failure_rate=0.5))
    assert breaker.calm is None
    assert breaker.door is not None


def test_calls_that_are_timed_must_ask() -> None:
    assert BreakerMachine("rest", BreakerConfig(slow_after=1.0)).door is None
