from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from actors.analysis.forecast import WANTED, Falling, Flat, NotEnoughData, Rising, trend
from actors.vitals import Thresholds

STEPS = Thresholds(1.0, 2.0, 4.0)
Points = list[tuple[float, float]]


def line(rate: float, start: float = 0.0, points: int = 60, every: float = 1.0) -> Points:
    return [(number * every, start + rate * number * every) for number in range(points)]


def noise(points: int = 200, size: float = 1.0) -> Points:
    numbers = random.Random(7)
    return [(float(number), numbers.gauss(0.0, size)) for number in range(points)]


@pytest.mark.parametrize("points", [0, 1, WANTED - 1])
def test_too_few_points_are_an_honest_answer(points: int) -> None:
    assert trend(line(1.0, points=points)) == NotEnoughData(points, WANTED)


def test_points_of_one_moment_are_one() -> None:
    assert trend([(0.0, float(number)) for number in range(50)]) == NotEnoughData(1, WANTED)


def test_what_stays_is_flat() -> None:
    assert trend(line(0.0, start=3.0)) == Flat(3.0)


def test_noise_is_flat() -> None:
    assert isinstance(trend(noise()), Flat)


def test_a_line_through_noise_is_found_if_it_rises_enough() -> None:
    points = [(at, 0.1 * at + value) for at, value in noise()]
    found = trend(points)
    assert isinstance(found, Rising)
    assert found.rate == pytest.approx(0.1, rel=0.1)


def test_it_says_when_the_next_threshold_is_crossed() -> None:
    found = trend(line(0.02, points=76), STEPS)  # 1.5 at the end
    assert isinstance(found, Rising)
    assert (found.threshold, found.crosses_in, found.level) == (2.0, pytest.approx(25.0), pytest.approx(1.5))


def test_falling_is_towards_the_threshold_below() -> None:
    found = trend(line(-0.02, start=3.0, points=51), STEPS)  # 2.0 at the end
    assert isinstance(found, Falling)
    assert (found.threshold, found.crosses_in) == (2.0, pytest.approx(0.0, abs=1e-6))


def test_beyond_the_last_threshold_there_is_none_to_cross() -> None:
    found = trend(line(1.0, start=10.0), STEPS)
    assert isinstance(found, Rising)
    assert (found.threshold, found.crosses_in) == (None, None)


def test_an_exact_line_is_certain() -> None:
    found = trend(line(1.0))
    assert isinstance(found, Rising)
    assert found.confidence == pytest.approx(1.0)


def test_more_scatter_is_less_confidence() -> None:
    def confidence(size: float) -> float:
        found = trend([(at, 0.1 * at + value) for at, value in noise(size=size)])
        assert isinstance(found, Rising)
        return found.confidence

    confidences = [confidence(size) for size in (0.1, 1.0, 3.0)]
    assert all(more > less for more, less in pairwise(confidences))


rates = st.floats(-1e3, 1e3).filter(lambda rate: abs(rate) > 1e-3)


@settings(max_examples=60)
@given(rates, st.floats(-1e3, 1e3), st.integers(WANTED, 200), st.floats(0.5, 10.0))
def test_an_exact_line_has_its_own_slope(rate: float, start: float, points: int, every: float) -> None:
    found = trend(line(rate, start, points, every))
    assert isinstance(found, Rising if rate > 0 else Falling)
    assert found.rate == pytest.approx(rate, rel=1e-6)
    assert found.level == pytest.approx(start + rate * (points - 1) * every, rel=1e-6, abs=1e-6)


@settings(max_examples=40)
@given(rates, st.lists(st.integers(0, 29), max_size=6, unique=True), st.floats(-1e6, 1e6))
def test_a_fifth_of_the_points_cannot_lead_it_astray(rate: float, which: list[int], wrong: float) -> None:
    points = [(at, wrong if number in which else value) for number, (at, value) in enumerate(line(rate, points=30))]
    found = trend(points)
    assert isinstance(found, Rising if rate > 0 else Falling)


values = st.lists(st.floats(-1e6, 1e6), min_size=WANTED, max_size=60)


@settings(max_examples=40)
@given(values)
def test_a_mirrored_series_goes_the_other_way(series: list[float]) -> None:
    there = trend(list(enumerate(series)))
    back = trend([(float(at), -value) for at, value in enumerate(series)])
    opposite: dict[type, type] = {Rising: Falling, Falling: Rising, Flat: Flat}
    assert type(back) is opposite[type(there)]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=40))
def test_there_is_an_answer_to_everything(points: Points) -> None:
    found = trend(points, STEPS)
    if isinstance(found, Rising | Falling):
        assert 0.5 <= found.confidence <= 1.0
        assert found.crosses_in is None or found.crosses_in >= 0
        assert (found.rate > 0) is isinstance(found, Rising)


@settings(max_examples=40)
@given(values, st.floats(0.1, 1000.0))
def test_the_unit_of_time_does_not_matter(series: list[float], unit: float) -> None:
    once = trend([(float(at), value) for at, value in enumerate(series)])
    scaled = trend([(at * unit, value) for at, value in enumerate(series)])
    assume(not isinstance(once, NotEnoughData) and not isinstance(scaled, NotEnoughData))
    if isinstance(once, Rising | Falling) and once.confidence > 0.51:
        assert type(scaled) is type(once)
        assert isinstance(scaled, Rising | Falling)
        assert math.isclose(scaled.rate * unit, once.rate, rel_tol=1e-6)
