"""The states of a machine: what an opening, a half-opening, a closing and a time of the server make of each."""

from __future__ import annotations

import math

import pytest

from actors.errors import CircuitOpen
from actors.resilience.breaking.machine import BreakerConfig, BreakerMachine, BreakerState
from tests.resilience.breaking.breakers import CLOSED, HALF_OPEN, ISOLATED, OPEN, brought_to, opened, succeed
from tests.resilience.breaking.breakers import fail_machine as fail


def test_a_new_breaker_is_closed() -> None:
    assert BreakerMachine("rest").state(0.0) is CLOSED


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


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 27.0), (0.5, 30.0), (0.75, 31.5)])
def test_the_given_chance_spreads_the_opening(chance: float, wait: float) -> None:
    breaker = BreakerMachine("rest", BreakerConfig(open_jitter=0.1), chance)
    fail(breaker, 0.0, 5)
    assert breaker.retry_at(0.0) == pytest.approx(wait)
