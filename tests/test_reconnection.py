from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from actors.reconnection import Abandon, BackOff, Reconnect, Reconnection, Verdict
from supervisor.backoff import Backoff

RANDOM = st.floats(0, 1, exclude_max=True)
STABLE = 15.5
"""Seconds: half of 1 + 30."""


def fail(machine: Reconnection, times: int = 1) -> list[Verdict]:
    return [machine.failed(0.0, 0.5) for _ in range(times)]


def test_failed_attempts_wait_one_second_doubling_to_thirty() -> None:
    assert fail(Reconnection(), 7) == [Reconnect(s) for s in (1, 2, 4, 8, 16, 30, 30)]


@pytest.mark.parametrize(("random", "delay"), [(0.0, 3.6), (0.5, 4.0), (0.75, 4.2)])
def test_a_delay_is_spread_by_ten_percent(random: float, delay: float) -> None:
    machine = Reconnection()
    fail(machine, 2)
    assert machine.failed(0.0, random) == Reconnect(pytest.approx(delay))


def test_a_stable_link_that_is_lost_is_tried_again_at_once() -> None:
    machine = Reconnection()
    machine.connected(0.0)
    assert machine.lost(STABLE, 0.5, reason="reset") == Reconnect(0.0)


def test_after_the_retry_at_once_the_schedule_begins_at_its_beginning() -> None:
    machine = Reconnection()
    fail(machine, 5)
    machine.connected(0.0)
    machine.lost(STABLE, 0.5, reason="reset")
    assert fail(machine, 2) == [Reconnect(1.0), Reconnect(2.0)]


def test_a_link_that_lived_too_short_is_one_more_failure() -> None:
    machine = Reconnection()
    fail(machine, 2)
    machine.connected(0.0)
    assert machine.lost(STABLE - 0.01, 0.5, reason="reset") == Reconnect(4.0)


def test_a_link_that_is_accepted_and_dropped_waits_longer_each_time() -> None:
    machine, verdicts = Reconnection(), []
    for second in range(4):
        machine.connected(second)
        verdicts.append(machine.lost(second + 0.1, 0.5, reason="reset"))
    assert verdicts == [Reconnect(1), Reconnect(2), Reconnect(4), Reconnect(8)]


def test_a_second_connect_of_a_link_that_is_up_does_not_shorten_its_life() -> None:
    machine = Reconnection()
    machine.connected(0.0)
    machine.connected(STABLE - 1)
    assert machine.lost(STABLE, 0.5, reason="reset") == Reconnect(0.0)


def test_a_loss_without_a_link_is_a_failure() -> None:
    assert Reconnection().lost(1e6, 0.5, reason="reset") == Reconnect(1.0)


def test_a_failed_hand_over_does_not_end_the_life_of_the_link_that_is_up() -> None:
    machine = Reconnection()
    machine.connected(0.0)
    machine.failed(10.0, 0.5)
    assert machine.lost(STABLE, 0.5, reason="reset") == Reconnect(0.0)


def test_a_lost_link_is_not_up() -> None:
    machine = Reconnection()
    machine.connected(3.0)
    before = machine.connected_since
    machine.lost(4.0, 0.5, reason="reset")
    assert (before, machine.connected_since) == (3.0, None)


def test_a_ban_waits_its_own_time() -> None:
    assert Reconnection().failed(10.0, 0.9, until=190.0) == BackOff(180.0)


def test_a_ban_is_no_failure() -> None:
    machine = Reconnection()
    machine.failed(0.0, 0.5, until=180.0)
    assert machine.failures == 0


def test_a_breaker_that_an_operator_holds_open_waits_for_ever() -> None:
    assert Reconnection().failed(0.0, 0.5, until=math.inf) == BackOff(math.inf)


@pytest.mark.parametrize("until", [9.0, 10.0])
def test_a_time_that_has_passed_is_waited_by_the_schedule(until: float) -> None:
    assert Reconnection().failed(10.0, 0.5, until=until) == Reconnect(1.0)


def test_a_permanent_reason_abandons() -> None:
    assert Reconnection().failed(0.0, 0.5, permanent="no such instrument") == Abandon("no such instrument")


def test_too_many_failures_in_a_row_abandon() -> None:
    machine = Reconnection(Backoff(give_up_after=3))
    assert fail(machine, 3)[1:] == [Reconnect(2.0), Abandon("3 failures in a row, the last: no connection")]


def test_a_stable_link_between_failures_keeps_it_from_giving_up() -> None:
    machine = Reconnection(Backoff(give_up_after=3))
    fail(machine, 2)
    machine.connected(0.0)
    machine.lost(STABLE, 0.5, reason="reset")
    assert fail(machine) == [Reconnect(1.0)]


@pytest.mark.parametrize(("quality", "delay"), [(1.0, 1.0), (0.5, 1.5), (0.0, 2.0), (-3.0, 2.0), (7.0, 1.0)])
def test_a_poor_link_waits_longer(quality: float, delay: float) -> None:
    machine = Reconnection()
    machine.rate(quality)
    assert machine.failed(0.0, 0.5) == Reconnect(delay)


@given(st.integers(0, 100), RANDOM, st.floats(0, 1))
def test_no_wait_by_the_schedule_is_above_the_maximum(failures: int, random: float, quality: float) -> None:
    machine = Reconnection()
    machine.rate(quality)
    fail(machine, failures)
    verdict = machine.failed(0.0, random)
    assert isinstance(verdict, Reconnect)
    assert 0 < verdict.delay <= 30.0


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_whoever_waits_out_a_ban_is_not_early(now: float, until: float) -> None:
    verdict = Reconnection().failed(now, 0.5, until=until)
    assert isinstance(verdict, Reconnect) or now + verdict.delay >= until


class AnyLife(RuleBasedStateMachine):
    """Whatever happens to a link: after an unstable life or a failure it never comes back at once."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Reconnection(Backoff(give_up_after=5))
        self.now = 0.0
        self.since: float | None = None
        self.failures = 0

    @rule(seconds=st.sampled_from([0.1, 5.0, STABLE, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def connected(self) -> None:
        self.machine.connected(self.now)
        self.since = self.now if self.since is None else self.since

    @rule(random=RANDOM)
    def lost(self, random: float) -> None:
        stable = self.since is not None and self.now - self.since >= STABLE
        self.since = None
        verdict = self.machine.lost(self.now, random, reason="reset")
        if stable:
            self.failures = 0
            assert verdict == Reconnect(0.0)
        else:
            self.counted(verdict)

    @rule(random=RANDOM)
    def failed(self, random: float) -> None:
        self.counted(self.machine.failed(self.now, random))

    @rule(random=RANDOM)
    def banned(self, random: float) -> None:
        verdict = self.machine.failed(self.now, random, until=self.now + 60.0)
        assert isinstance(verdict, BackOff)
        assert verdict.delay == pytest.approx(60.0)

    def counted(self, verdict: Verdict) -> None:
        self.failures += 1
        assert self.machine.failures == self.failures
        if self.failures >= 5:
            assert isinstance(verdict, Abandon)
        else:
            assert isinstance(verdict, Reconnect)
            assert verdict.delay == pytest.approx(2 ** (self.failures - 1), rel=0.11)


AnyLife.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAnyLife = pytest.mark.slow(AnyLife.TestCase)
