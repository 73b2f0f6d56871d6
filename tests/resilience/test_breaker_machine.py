from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.errors import CircuitOpen
from actors.resilience.breaker_machine import BreakerConfig, BreakerState, BreakerMachine, Permit, Transition
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
    breaker = BreakerMachine("rest", BreakerConfig(minimum_calls=2))
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
    breaker = BreakerMachine("rest", BreakerConfig(minimum_calls=1))
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
        Transition("rest", CLOSED, OPEN, 1.0),
        Transition("rest", OPEN, HALF_OPEN, 31.0),
        Transition("rest", HALF_OPEN, CLOSED, 100.0),
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
            ("failure_rate", value, "a share above 0, up to 1, or None, for example failure_rate=0.5")
            for value in [0.0, -0.1, 1.1, 50, math.nan, math.inf, True, "0.5"]
        ],
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
    @rule(data=st.data(), kind=st.sampled_from(["success", "failure", "banned", "release", "leak"]))
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
            case "release":
                self.breaker.release(permit)
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
            assert step.before is not step.after
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


AnyUse.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAnyUse = pytest.mark.slow(AnyUse.TestCase)
