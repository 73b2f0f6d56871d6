from __future__ import annotations

import pytest

from actors.analysis.forecast import Flat, NotEnoughData, Rising
from actors.health.component_chart import Chart, levels_of, trend_as_data
from actors.vitals import Health, HealthLevel, Reading, Vital
from tests.health.test_connection_record import Counted

FINE = (Reading(Vital.SILENCE, 0.0),)


def chart(name: str = "part") -> Chart:
    return Chart(Health(name))


def test_a_quality_is_told_when_it_has_changed_enough() -> None:
    one = chart()
    told = [one.take(FINE, Counted(losses=losses), float(number)).quality for number, losses in enumerate((0, 0, 1, 1, 2))]
    assert [quality is None for quality in told] == [True, True, False, True, False]


def test_a_small_change_of_quality_is_not_told() -> None:
    one = chart()
    one.take(FINE, Counted(), 0.0)
    assert one.take(FINE, Counted(frames=10_000, bad_frames=1), 1.0).quality is None
    assert one.figures is not None
    assert one.figures.quality < 1.0


def test_small_changes_add_up_until_they_are_told() -> None:
    one, told = chart(), [1.0]
    for second in range(60):
        quality = one.take(FINE, Counted(frames=100_000 * second, bad_frames=second * second), float(second)).quality
        told += [] if quality is None else [quality]
        assert one.figures is not None
        assert abs(one.figures.quality - told[-1]) < 0.02
    assert len(told) == 2  # at first one bad frame in a hundred thousand, then sixty: a quality of 0.98


def test_a_new_life_begins_with_the_best_opinion_and_is_told_otherwise() -> None:
    one = chart()
    one.take(FINE, Counted(frames=100), 0.0)
    before = one.take(FINE, Counted(frames=200, losses=3), 1.0).quality
    again = one.take(FINE, Counted(frames=1), 2.0).quality
    assert before == pytest.approx(0.5)
    assert again == pytest.approx(before, abs=0.01)


def test_a_report_without_a_measurement_stays_without_one_whatever_was_counted() -> None:
    one = chart()
    one.take((), Counted(losses=50), 0.0)
    assert one.health.level(0.0) is HealthLevel.UNKNOWN


def test_losses_lower_the_level() -> None:
    one = chart()
    for second in range(3):
        one.take(FINE, Counted(losses=3 if second else 0), float(second))
    assert one.health.level(2.0) is HealthLevel.WARNING


def test_there_is_no_trend_without_data() -> None:
    assert chart().trends() == {}


def test_trends_are_of_the_last_ten_minutes_and_know_their_thresholds() -> None:
    one = chart()
    for second in range(100):
        one.take((Reading(Vital.LAG, second / 200), Reading(Vital.BACKLOG, 0.1)), None, float(second))
    lag, backlog = one.trends()["lag"], one.trends()["backlog"]
    assert isinstance(lag, Rising)
    assert lag.threshold == 1.0
    assert lag.crosses_in == pytest.approx(101.0, rel=0.01)
    assert isinstance(backlog, Flat)


def test_too_little_data_is_said_in_plain_types() -> None:
    assert trend_as_data(NotEnoughData(3, 10)) == {"trend": "not enough data", "given": 3, "wanted": 10}


def test_a_trend_is_said_in_plain_types() -> None:
    said = trend_as_data(Rising(0.5, 1.0, 2.0, 2.0, 0.9))
    assert said == {"trend": "rising", "rate": 0.5, "level": 1.0, "threshold": 2.0, "crosses_in": 2.0, "confidence": 0.9}


def test_a_connection_has_a_history_of_its_quality() -> None:
    one = chart()
    one.take(FINE, Counted(), 0.0)
    assert one.history is not None
    assert one.history.seconds.series("quality") == [(0.0, 1.0)]


def test_our_own_components_alone_say_nothing_of_the_whole() -> None:
    own = chart("event loop")
    own.take((Reading(Vital.LAG, 0.0),), None, 0.0)
    assert levels_of({"event loop": own}, ("event loop",), 0.0) == {"": HealthLevel.UNKNOWN, "event loop": HealthLevel.HEALTHY}


def test_our_own_components_lower_the_whole() -> None:
    own, part = chart("event loop"), chart()
    own.take((Reading(Vital.LAG, 20.0),), None, 0.0)
    part.take(FINE, None, 0.0)
    assert levels_of({"event loop": own, "part": part}, ("event loop",), 0.0)[""] is HealthLevel.CRITICAL
