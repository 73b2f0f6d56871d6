from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.health.clock_offset import ClockEstimate, ClockOffset

BEGAN = 1.7e9


def ask(clock: ClockOffset, now: float, *, offset: float, there: float = 0.05, back: float = 0.05) -> None:
    """One question and answer, with an exchange whose clock is so far ahead of ours."""
    sent = BEGAN + now
    assert clock.add(sent, sent + there + back, sent + there + offset, now)


def estimated(clock: ClockOffset, now: float) -> ClockEstimate:
    estimate = clock.estimate(now)
    assert estimate is not None
    return estimate


def test_nothing_is_known_before_the_first_answer() -> None:
    assert ClockOffset().estimate(0.0) is None


def test_half_of_the_round_trip_is_taken_off() -> None:
    clock = ClockOffset()
    ask(clock, 0.0, offset=3.0, there=0.2, back=0.2)
    assert estimated(clock, 0.0).offset == pytest.approx(3.0, abs=1e-6)


def test_the_shortest_round_trips_are_believed() -> None:
    clock = ClockOffset()
    for number in range(3):
        ask(clock, float(number), offset=1.0, there=0.01, back=0.01)
    for number in range(3, 9):
        ask(clock, float(number), offset=1.0, there=0.0, back=0.9)
    estimate = estimated(clock, 9.0)
    assert (estimate.offset, estimate.answers) == (pytest.approx(1.0, abs=1e-3), 3)


def test_an_answer_that_is_too_old_is_worth_nothing() -> None:
    clock = ClockOffset(within=900.0)
    ask(clock, 0.0, offset=1.0)
    assert clock.estimate(901.0) is None


def test_one_answer_that_does_not_fit_is_doubted() -> None:
    clock = ClockOffset()
    for number in range(5):
        ask(clock, float(number), offset=0.0)
    ask(clock, 5.0, offset=60.0)
    assert estimated(clock, 5.0).offset == pytest.approx(0.0, abs=1e-3)


def test_the_second_in_a_row_means_that_a_clock_was_set() -> None:
    clock = ClockOffset()
    for number in range(5):
        ask(clock, float(number), offset=0.0)
    for number in range(5, 7):
        ask(clock, float(number), offset=60.0)
    assert (estimated(clock, 7.0).offset, clock.steps) == (pytest.approx(60.0, abs=1e-3), 1)


@pytest.mark.parametrize(("sent", "received", "theirs"), [(2.0, 1.0, 1.5), (1.0, 2.0, math.nan), (1.0, math.inf, 1.5)])
def test_an_answer_that_cannot_be_is_none(sent: float, received: float, theirs: float) -> None:
    clock = ClockOffset()
    assert not clock.add(sent, received, theirs, 0.0)
    assert clock.estimate(0.0) is None


def test_clocks_are_surely_apart_by_what_the_round_trip_does_not_explain() -> None:
    assert ClockEstimate(-2.0, 0.5, 3).surely == 1.5
    assert ClockEstimate(0.2, 0.5, 3).surely == 0.0


@settings(max_examples=60)
@given(
    st.floats(-1e4, 1e4),
    st.lists(st.tuples(st.floats(0, 2), st.floats(0, 2)), min_size=1, max_size=40),
)
def test_the_truth_is_within_the_uncertainty_however_uneven_the_ways_are(
    offset: float, trips: list[tuple[float, float]]
) -> None:
    clock = ClockOffset()
    for number, (there, back) in enumerate(trips):
        ask(clock, float(number), offset=offset, there=there, back=back)
        estimate = estimated(clock, float(number))
        assert abs(estimate.offset - offset) <= estimate.uncertainty + 1e-6
    assert clock.steps == 0
