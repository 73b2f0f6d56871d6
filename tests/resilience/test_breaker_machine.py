from __future__ import annotations

import math
from typing import Any

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.errors import CircuitOpen
from actors.resilience.breaking.config import BreakerOptions
from actors.resilience.breaking.machine import BreakerConfig, BreakerMachine, BreakerState, Permit, Transition
from actors.resilience.breaking.outcomes import BUCKETS
from supervisor import SpecError

CLOSED, OPEN, HALF_OPEN, ISOLATED, DISABLED, METRICS_ONLY = BreakerState


def fail(breaker: BreakerMachine, now: float, times: int = 1) -> None:
    for _ in range(times):
        breaker.record_failure(breaker.acquire(now), now)


def succeed(breaker: BreakerMachine, now: float, times: int = 1) -> None:
    for _ in range(times):
        breaker.record_success(breaker.acquire(now), now)


def opened(at: float = 0.0, **config: Any) -> BreakerMachine:
    """A breaker that five failures opened."""
    breaker = BreakerMachine("rest", BreakerConfig(**config))
    fail(breaker, at, breaker.config.failures)
    return breaker


# Opening


def test_a_new_breaker_is_closed() -> None:
    assert BreakerMachine("rest").state(0.0) is CLOSED


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


# Open


def test_an_open_breaker_refuses_and_says_until_when() -> None:
    with pytest.raises(CircuitOpen) as caught:
        opened(at=10.0).acquire(20.0)
    assert (caught.value.name, caught.value.until) == ("rest", 40.0)


@pytest.mark.parametrize(("now", "state"), [(29.999, OPEN), (30.0, HALF_OPEN), (1e6, HALF_OPEN)])
def test_an_opening_runs_out_by_itself(now: float, state: BreakerState) -> None:
    assert opened().state(now) is state


def test_each_opening_without_a_closing_between_lasts_longer() -> None:
    breaker, now, waits = opened(), 0.0, []
    for _ in range(6):
        waits.append(breaker.retry_at(now) - now)
        now = breaker.retry_at(now)
        fail(breaker, now)
    assert waits == [30, 60, 120, 240, 300, 300]


def test_after_a_closing_an_opening_lasts_as_long_as_the_first() -> None:
    breaker = opened()
    fail(breaker, 30.0)
    succeed(breaker, 90.0, 2)
    fail(breaker, 100.0, 5)
    assert breaker.retry_at(100.0) == 130.0


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


# The server's own time


def test_the_servers_time_opens_it_at_the_first_failure() -> None:
    breaker = BreakerMachine("rest")
    breaker.record_failure(breaker.acquire(0.0), 0.0, open_until=7.0)
    assert (breaker.state(6.9), breaker.state(7.0)) == (OPEN, HALF_OPEN)


def test_the_longer_of_the_own_wait_and_the_servers_time_holds() -> None:
    breaker = BreakerMachine("rest", BreakerConfig(failures=1))
    breaker.record_failure(breaker.acquire(0.0), 0.0, open_until=7.0)
    assert breaker.retry_at(0.0) == 30.0


def test_the_servers_time_is_heard_from_a_late_result_too() -> None:
    breaker = BreakerMachine("rest")
    slow = breaker.acquire(0.0)
    fail(breaker, 0.0, 5)
    breaker.record_failure(slow, 1.0, open_until=120.0)
    assert breaker.retry_at(1.0) == 120.0


def test_an_open_breaker_never_opens_sooner_for_a_server_time() -> None:
    breaker = opened()
    breaker.open_until(10.0, 0.0)
    assert breaker.retry_at(0.0) == 30.0


@pytest.mark.parametrize("until", [-1.0, 5.0, math.nan])
def test_a_server_time_that_has_passed_changes_nothing(until: float) -> None:
    breaker = BreakerMachine("rest")
    breaker.open_until(until, 5.0)
    assert breaker.state(5.0) is CLOSED


def test_a_server_time_does_not_lift_an_isolation() -> None:
    breaker = BreakerMachine("rest")
    breaker.isolate(0.0)
    breaker.open_until(10.0, 0.0)
    assert breaker.state(11.0) is ISOLATED


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


# The whole of it, as a table: what each event makes of each state. One failure opens it, one probe closes it.

EVENTS = ["succeeds", "fails", "cancelled", "ignored", "31 s pass", "server", "isolate", "disable", "observe", "reset"]
TABLE = """
    CLOSED        CLOSED        OPEN          CLOSED        CLOSED        CLOSED        OPEN          ISOLATED      DISABLED      METRICS_ONLY  CLOSED
    OPEN          -             -             -             -             HALF_OPEN     OPEN          ISOLATED      DISABLED      METRICS_ONLY  CLOSED
    HALF_OPEN     CLOSED        OPEN          HALF_OPEN     HALF_OPEN     HALF_OPEN     OPEN          ISOLATED      DISABLED      METRICS_ONLY  CLOSED
    ISOLATED      -             -             -             -             ISOLATED      ISOLATED      ISOLATED      DISABLED      METRICS_ONLY  CLOSED
    DISABLED      DISABLED      DISABLED      DISABLED      DISABLED      DISABLED      DISABLED      ISOLATED      DISABLED      METRICS_ONLY  CLOSED
    METRICS_ONLY  METRICS_ONLY  METRICS_ONLY  METRICS_ONLY  METRICS_ONLY  METRICS_ONLY  METRICS_ONLY  ISOLATED      DISABLED      METRICS_ONLY  CLOSED
"""  # noqa: E501  # a table is read in one piece
ROWS = [line.split() for line in TABLE.strip().splitlines()]


def brought_to(state: BreakerState) -> BreakerMachine:
    """A breaker in this state at 100 s, which it has just entered."""
    breaker = BreakerMachine("rest", BreakerConfig(failures=1, successes=1))
    match state:
        case BreakerState.OPEN:
            fail(breaker, 100.0)
        case BreakerState.HALF_OPEN:
            fail(breaker, 70.0)
        case BreakerState.ISOLATED:
            breaker.isolate(100.0)
        case BreakerState.DISABLED:
            breaker.disable(100.0)
        case BreakerState.METRICS_ONLY:
            breaker.observe_only(100.0)
    assert breaker.state(100.0) is state
    return breaker


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        pytest.param(BreakerState[row[0]], event, BreakerState[cell], id=f"{row[0]}-{event}")
        for row in ROWS
        for event, cell in zip(EVENTS, row[1:], strict=True)
        if cell != "-"
    ],
)
def test_what_each_event_makes_of_each_state(before: BreakerState, event: str, after: BreakerState) -> None:
    breaker, now = brought_to(before), 100.0
    match event:
        case "succeeds":
            succeed(breaker, now)
        case "fails":
            fail(breaker, now)
        case "cancelled":
            breaker.release(breaker.acquire(now))
        case "ignored":
            breaker.record_ignored(breaker.acquire(now))
        case "31 s pass":
            now = 131.0
        case "server":
            breaker.open_until(150.0, now)
        case "isolate":
            breaker.isolate(now)
        case "disable":
            breaker.disable(now)
        case "observe":
            breaker.observe_only(now)
        case "reset":
            breaker.reset(now)
    assert breaker.state(now) is after


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


# Slow calls


def call(breaker: BreakerMachine, began: float, seconds: float, *, failed: bool = False) -> None:
    permit = breaker.acquire(began)
    (breaker.record_failure if failed else breaker.record_success)(permit, began + seconds)


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


# Time


def test_a_time_that_goes_back_by_a_hair_undoes_nothing() -> None:
    breaker = opened()
    breaker.acquire(30.0)
    assert (breaker.state(29.999), breaker.statistics(29.999).probes_in_flight) == (HALF_OPEN, 1)


def test_what_is_told_late_happens_at_the_latest_time_that_was_told() -> None:
    breaker = BreakerMachine("rest")
    breaker.state(100.0)
    fail(breaker, 99.999, 5)
    assert (breaker.drain_transitions()[0].at, breaker.retry_at(99.999)) == (100.0, 130.0)


def test_a_call_that_seems_to_end_before_it_began_took_no_time() -> None:
    breaker = BreakerMachine("rest", BreakerConfig(slow_after=2.0))
    breaker.record_success(breaker.acquire(10.0), 9.999)
    assert breaker.statistics(10.0).slow == 0


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 27.0), (0.5, 30.0), (0.75, 31.5)])
def test_the_given_chance_spreads_the_opening(chance: float, wait: float) -> None:
    breaker = BreakerMachine("rest", BreakerConfig(open_jitter=0.1), chance)
    fail(breaker, 0.0, 5)
    assert breaker.retry_at(0.0) == pytest.approx(wait)


# Ignored


def test_an_ignored_probe_gives_its_permit_back_and_has_no_verdict() -> None:
    breaker = opened(successes=1)
    breaker.record_ignored(breaker.acquire(30.0))
    statistics = breaker.statistics(30.0)
    assert (statistics.state, statistics.probes_in_flight, statistics.ignored) == (HALF_OPEN, 0, 1)


def test_an_ignored_call_does_not_end_a_row_of_failures() -> None:
    breaker = BreakerMachine("rest")
    fail(breaker, 0.0, 4)
    breaker.record_ignored(breaker.acquire(0.0))
    fail(breaker, 0.0)
    assert breaker.state(0.0) is OPEN


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


def test_the_options_are_the_fields_of_the_configuration() -> None:
    assert set(BreakerOptions.__annotations__) == {field.name for field in attrs.fields(BreakerConfig)}


COUNTS = [0, -1, 1.5, True, "5", None]
TIMES = [0, -1.0, math.nan, math.inf, True, "30", None, 10**400]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *[("failures", value, "a count of 1 or more, for example failures=5") for value in COUNTS],
        *[("window", value, "a count of 1 or more, for example window=100") for value in COUNTS],
        *[("minimum_calls", value, "a count from 1 to window=100, for example minimum_calls=20") for value in [*COUNTS, 101]],
        *[("probes", value, "a count of 1 or more, for example probes=1") for value in COUNTS],
        *[("successes", value, "a count of 1 or more, for example successes=2") for value in COUNTS],
        *[("open_for", value, "seconds above 0, for example open_for=30.0") for value in TIMES],
        *[("probe_within", value, "seconds above 0, for example probe_within=60.0") for value in TIMES],
        *[("ask_again", value, "seconds above 0, for example ask_again=1.0") for value in TIMES],
        *[
            ("open_maximum", value, "seconds, no less than open_for=30.0, for example open_maximum=300.0")
            for value in [*TIMES, 29.9]
        ],
        *[
            ("open_factor", value, "a number of 1 or more, for example open_factor=2.0")
            for value in [0.5, -2, math.nan, math.inf, True, "2", None]
        ],
        *[
            (name, value, f"a share above 0, up to 1, or None, for example {name}=0.5")
            for name in ("failure_rate", "slow_rate")
            for value in [0.0, -0.1, 1.1, 50, math.nan, math.inf, True, "0.5"]
        ],
        *[
            (name, value, f"seconds above 0, or None, for example {name}=60.0")
            for name in ("slow_after", "window_seconds")
            for value in TIMES
            if value is not None
        ],
        *[
            ("open_jitter", value, "a share from 0 to 1, for example open_jitter=0.1")
            for value in [-0.1, 1.1, math.nan, True, "0.1", None]
        ],
        *[("hint_maximum", value, "seconds above 0, for example hint_maximum=259200.0") for value in TIMES],
        ("slow_rate", 0.5, "None where slow_after is None, as no call is slow then; for example slow_after=2.0"),
    ],
)
def test_a_wrong_configuration_is_refused(name: str, value: Any, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        BreakerConfig(**{name: value})
    assert (caught.value.field, caught.value.value) == (f"BreakerConfig.{name}", value)
    assert str(caught.value) == f"BreakerConfig.{name} is {value!r}; expected {expected}"


def test_the_bounds_themselves_can_be_configured() -> None:
    assert BreakerConfig(failure_rate=1.0, window=5, minimum_calls=5, open_factor=1.0, open_maximum=30.0)


class AnyUse(RuleBasedStateMachine):
    """Whatever callers, cancellations, operators and time do to it."""

    def __init__(self) -> None:
        super().__init__()
        config = BreakerConfig(
            failures=3, failure_rate=0.5, window=6, minimum_calls=4, probes=2, successes=3, probe_within=40.0
        )
        self.breaker = BreakerMachine("rest", config)
        self.now = 0.0
        self.held: list[Permit] = []
        self.last: BreakerState = CLOSED

    @rule(seconds=st.sampled_from([0.0, 0.5, 5.0, 30.0, 40.0, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def acquire(self) -> None:
        state = self.breaker.state(self.now)
        retry_at = self.breaker.retry_at(self.now)
        if retry_at == self.now:
            assert state not in {OPEN, ISOLATED}
            self.held.append(self.breaker.acquire(self.now))
        else:
            assert state in {OPEN, HALF_OPEN, ISOLATED}
            with pytest.raises(CircuitOpen) as refused:
                self.breaker.acquire(self.now)
            assert refused.value.until == retry_at > self.now

    @precondition(lambda self: self.held)
    @rule(data=st.data(), kind=st.sampled_from(["success", "failure", "banned", "ignored", "release", "leak"]))
    def a_call_ends(self, data: st.DataObject, kind: str) -> None:
        permit = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        before = self.breaker.state(self.now)
        match kind:
            case "success":
                self.breaker.record_success(permit, self.now)
                assert self.breaker.state(self.now) is not OPEN or before in {OPEN, CLOSED}
            case "failure":
                self.breaker.record_failure(permit, self.now)
            case "banned":
                self.breaker.record_failure(permit, self.now, open_until=self.now + 400.0)
                if before not in {ISOLATED, DISABLED, METRICS_ONLY}:
                    assert self.breaker.retry_at(self.now) >= self.now + 400.0
            case "release" | "ignored":
                (self.breaker.release if kind == "release" else self.breaker.record_ignored)(permit)
                assert self.breaker.state(self.now) is before

    @rule(verb=st.sampled_from(["isolate", "disable", "observe_only", "reset"]))
    def the_operator_decides(self, verb: str) -> None:
        getattr(self.breaker, verb)(self.now)

    @invariant()
    def no_more_probes_than_allowed_are_in_flight(self) -> None:
        assert self.breaker.statistics(self.now).probes_in_flight <= self.breaker.config.probes

    @invariant()
    def transitions_form_a_chain_in_order_of_time(self) -> None:
        for step in self.breaker.drain_transitions():
            assert step.before is self.last
            assert step.before is not step.after or step.why.startswith("would have opened")
            assert step.at <= self.now
            self.last = step.after
        assert self.last is self.breaker.state(self.now)

    @invariant()
    def an_open_breaker_lets_a_probe_through_in_the_end(self) -> None:
        if self.breaker.state(self.now) is not ISOLATED:
            assert self.breaker.copy().acquire(self.now + 1e6)

    @invariant()
    def reading_changes_nothing(self) -> None:
        assert self.breaker.statistics(self.now) == self.breaker.statistics(self.now)


AnyUse.TestCase.settings = settings(max_examples=settings().max_examples * 20 // 100, stateful_step_count=30, deadline=None)
TestAnyUse = pytest.mark.slow(AnyUse.TestCase)


class Naive:
    """The same breaker, without a memory: a list of all that happened, of which everything is worked out anew each time."""

    def __init__(self, config: BreakerConfig) -> None:
        self.config = config
        self.happened: list[tuple[float, str, int]] = []

    def at(self, now: float) -> Naive:
        """Work it out until now."""
        self.state, self.until, self.openings, self.epoch = CLOSED, 0.0, 0, 0
        self.ended: list[tuple[float, bool, bool]] = []
        self.probes: dict[int, float] = {}
        self.passed = 0
        self.told = False
        self.permits: dict[int, tuple[int, float]] = {}
        self.moves: list[tuple[BreakerState, BreakerState, float]] = []
        self.counts = dict.fromkeys(["successes", "failures", "slow", "ignored", "released", "refused", "late"], 0)
        for at, what, number in [*self.happened, (now, "nothing", 0)]:
            self.time_passes(at)
            self.happens(at, what, number)
        return self

    def time_passes(self, now: float) -> None:
        if self.state is HALF_OPEN and self.probes and now >= min(self.probes.values()) + self.config.probe_within:
            self.open(min(self.probes.values()) + self.config.probe_within)
        if self.state is OPEN and now >= self.until:
            self.enter(HALF_OPEN, self.until)

    def happens(self, now: float, what: str, number: int) -> None:
        match what:
            case "isolate" | "disable" | "observe_only" | "reset":
                self.openings = 0 if what == "reset" else self.openings
                self.enter({"isolate": ISOLATED, "disable": DISABLED, "observe_only": METRICS_ONLY, "reset": CLOSED}[what], now)
            case "acquire":
                if self.refuses(now):
                    self.counts["refused"] += 1
                    return
                self.permits[number] = (self.epoch, now)
                if self.state is HALF_OPEN:
                    self.probes[number] = now
            case "ignored" | "released":
                self.counts[what] += self.state is not DISABLED
                if self.permits[number][0] == self.epoch:
                    self.probes.pop(number, None)
            case "successes" | "failures" | "banned":
                if self.state is not DISABLED:
                    self.ends(now, number, failed=what != "successes")
                if what == "banned" and self.state not in {ISOLATED, DISABLED, METRICS_ONLY}:
                    if self.state is not OPEN:
                        self.openings += 1
                        self.enter(OPEN, now)
                        self.until = now + 400.0
                    self.until = max(self.until, now + 400.0)

    def ends(self, now: float, number: int, *, failed: bool) -> None:
        epoch, began = self.permits[number]
        slow = self.config.slow_after is not None and now - began >= self.config.slow_after
        self.counts["failures" if failed else "successes"] += 1
        self.counts["slow"] += slow
        if epoch != self.epoch:
            self.counts["late"] += 1
        elif self.state is HALF_OPEN:
            if self.probes.pop(number, None) is None:
                return
            if failed or (slow and self.config.slow_rate is not None):
                self.open(now)
                return
            self.passed += 1
            if self.passed == self.config.successes:
                self.openings = 0
                self.enter(CLOSED, now)
        else:
            self.ended.append((now, failed, slow))
            if self.too_bad(now) and self.state is CLOSED:
                self.open(now)
            elif self.too_bad(now) and not self.told:
                self.told = True
                self.moves.append((METRICS_ONLY, METRICS_ONLY, now))

    def too_bad(self, now: float) -> bool:
        calls, failures, slow = self.within(now)
        enough = self.config.rated and calls >= self.config.minimum_calls
        return (
            self.in_a_row() >= self.config.failures
            or (enough and self.config.failure_rate is not None and failures / calls >= self.config.failure_rate)
            or (enough and self.config.slow_rate is not None and slow / calls >= self.config.slow_rate)
        )

    def in_a_row(self) -> int:
        row = 0
        for _, failed, _ in reversed(self.ended):
            if not failed:
                break
            row += 1
        return row

    def within(self, now: float) -> tuple[int, int, int]:
        seconds = self.config.window_seconds
        if not self.config.rated:
            return 0, 0, 0
        if seconds is None:
            last = self.ended[-self.config.window :]
        else:
            width = seconds / BUCKETS
            last = [one for one in self.ended if now // width - one[0] // width < BUCKETS]
        return len(last), sum(failed for _, failed, _ in last), sum(slow for _, _, slow in last)

    def refuses(self, now: float) -> bool:
        return self.retry_at(now) > now

    def retry_at(self, now: float) -> float:
        match self.state:
            case BreakerState.OPEN:
                return self.until
            case BreakerState.ISOLATED:
                return math.inf
            case BreakerState.HALF_OPEN if len(self.probes) == self.config.probes:
                return now + self.config.ask_again
        return now

    def open(self, now: float) -> None:
        wait = self.config.open_for
        for _ in range(self.openings):
            wait = min(wait * self.config.open_factor, self.config.open_maximum)
        self.openings += 1
        self.enter(OPEN, now)
        self.until = now + wait

    def enter(self, state: BreakerState, now: float) -> None:
        if state is not self.state:
            self.moves.append((self.state, state, now))
        self.state = state
        self.epoch += 1
        self.ended, self.probes, self.passed, self.told = [], {}, 0, False


COMMON = {"failures": 4, "probes": 2, "successes": 2, "probe_within": 40.0, "open_maximum": 100.0}
CONFIGS = [
    BreakerConfig(**COMMON),
    BreakerConfig(**COMMON, failure_rate=0.5, window=6, minimum_calls=3),
    BreakerConfig(**COMMON, failure_rate=0.5, window_seconds=20.0, minimum_calls=3),
    BreakerConfig(**COMMON, slow_after=5.0, slow_rate=0.5, failure_rate=0.75, window=4, minimum_calls=2),
    BreakerConfig(**COMMON, slow_after=5.0, slow_rate=0.5, window_seconds=20.0, minimum_calls=2),
]


class LikeANaiveOne(RuleBasedStateMachine):
    """Whatever happens, the machine says what a list of everything that happened says."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.number = 0
        self.held: dict[int, Permit] = {}
        self.moved: list[tuple[BreakerState, BreakerState, float]] = []

    @initialize(config=st.sampled_from(CONFIGS))
    def begin(self, config: BreakerConfig) -> None:
        self.breaker, self.naive = BreakerMachine("rest", config), Naive(config)

    @rule(seconds=st.sampled_from([0.0, 0.25, 1.0, 5.0, 20.0, 40.0, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(hair=st.sampled_from([1e-9, 0.5, 30.0]))
    def another_thread_is_late(self, hair: float) -> None:
        self.breaker.state(self.now - hair)

    @rule(times=st.integers(1, 4))
    def acquire(self, times: int) -> None:
        for _ in range(times):
            self.number += 1
            self.naive.happened.append((self.now, "acquire", self.number))
            # Half of the callers look at the door first, as the shell does.
            permit = self.breaker.door if self.number % 2 else None
            given = permit or self.breaker.try_acquire(self.now)
            if isinstance(given, Permit):
                self.held[self.number] = given

    @precondition(lambda self: self.held)
    @rule(data=st.data(), end=st.sampled_from(["successes", "failures", "failures", "banned", "ignored", "released"]))
    def a_call_ends(self, data: st.DataObject, end: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.held)))
        permit = self.held.pop(number)
        self.naive.happened.append((self.now, end, number))
        match end:
            case "successes":
                shared = not permit.number and self.breaker.config.window_seconds is None
                self.breaker.record_success(permit, -math.inf if shared else self.now)
            case "failures" | "banned":
                self.breaker.record_failure(permit, self.now, self.now + 400.0 if end == "banned" else None)
            case "ignored":
                self.breaker.record_ignored(permit)
            case "released":
                self.breaker.release(permit)

    @rule(verb=st.sampled_from(["isolate", "disable", "observe_only", "reset"]))
    def the_operator_decides(self, verb: str) -> None:
        self.naive.happened.append((self.now, verb, 0))
        getattr(self.breaker, verb)(self.now)

    @invariant()
    def both_say_the_same(self) -> None:
        if not hasattr(self, "breaker"):
            return
        naive, found = self.naive.at(self.now), self.breaker.statistics(self.now)
        self.moved += [(moved.before, moved.after, moved.at) for moved in self.breaker.drain_transitions()]
        assert self.moved == naive.moves
        assert (found.state, found.epoch, found.openings) == (naive.state, naive.epoch, naive.openings)
        assert (found.retry_at, found.probes_in_flight) == (naive.retry_at(self.now), len(naive.probes))
        assert (found.consecutive_failures, found.calls_in_window) == (naive.in_a_row(), naive.within(self.now)[0])
        assert {name: getattr(found, name) for name in naive.counts} == naive.counts
        calls, failures, slow = naive.within(self.now)
        enough = naive.config.rated and calls >= naive.config.minimum_calls
        assert found.failure_rate == (failures / calls if enough else None)
        assert found.slow_rate == (slow / calls if enough else None)

    @invariant()
    def the_permit_for_all_is_there_exactly_while_nothing_has_to_be_asked(self) -> None:
        if not hasattr(self, "breaker"):
            return
        naive = self.naive.at(self.now)
        open_door = naive.state is CLOSED and naive.config.slow_after is None
        assert (self.breaker.door is not None) == open_door
        assert (self.breaker.calm is not None) == (open_door and not naive.config.rated and naive.in_a_row() == 0)


LikeANaiveOne.TestCase.settings = settings(
    max_examples=settings().max_examples * 60 // 100, stateful_step_count=40, deadline=None
)
TestLikeANaiveOne = pytest.mark.slow(LikeANaiveOne.TestCase)
