from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.vitals import (
    THRESHOLDS,
    Health,
    HealthChange,
    HealthLevel,
    Reading,
    Thresholds,
    Vital,
    combine,
    raw_level,
    worst,
)

HEALTHY, WARNING, UNKNOWN, DEGRADED, UNHEALTHY, CRITICAL = HealthLevel
KNOWN = [HEALTHY, WARNING, DEGRADED, UNHEALTHY, CRITICAL]
LAG = {HEALTHY: 0.0, WARNING: 0.25, DEGRADED: 1.0, UNHEALTHY: 5.0, CRITICAL: 15.0}
"""Seconds of lag that give each level."""


def reported(health: Health, *levels: HealthLevel, now: float = 0.0) -> HealthLevel:
    for level in levels:
        health.report([Reading(Vital.LAG, LAG[level])], now)
    return health.level(now)


# Levels and thresholds


def test_levels_are_ranked_from_good_to_bad() -> None:
    assert sorted(HealthLevel, key=lambda level: level.rank) == [HEALTHY, WARNING, UNKNOWN, DEGRADED, UNHEALTHY, CRITICAL]


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (0.0, HEALTHY),
        (0.99, HEALTHY),
        (1.0, WARNING),
        (2.0, DEGRADED),
        (2.99, DEGRADED),
        (3.0, UNHEALTHY),
        (4.0, CRITICAL),
        (math.inf, CRITICAL),
        (math.nan, UNKNOWN),
        (-1.0, HEALTHY),
    ],
)
def test_a_threshold_is_reached_at_its_value(value: float, level: HealthLevel) -> None:
    assert Thresholds(1.0, 2.0, 3.0, 4.0).level(value) is level


def test_a_threshold_of_infinity_is_reached_by_no_number() -> None:
    assert Thresholds(1.0, 2.0).level(1e300) is DEGRADED


@pytest.mark.parametrize("steps", [(2.0, 1.0), (0.0, 1.0), (1.0, math.nan)])
def test_thresholds_that_fall_are_refused(steps: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="expected numbers above 0 that do not fall"):
        Thresholds(*steps)


def test_every_vital_has_thresholds() -> None:
    assert set(THRESHOLDS) == set(Vital)


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(0.0, HEALTHY), (22.5, WARNING), (29.9, WARNING), (30.0, DEGRADED), (60.0, UNHEALTHY), (120.0, CRITICAL)],
)
def test_silence_is_degraded_from_its_limit_on(seconds: float, level: HealthLevel) -> None:
    assert Reading(Vital.SILENCE, seconds, limit=30.0).level() is level


def test_a_limit_that_allows_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"limit=0\.0; expected a number above 0"):
        Reading(Vital.SILENCE, 1.0, limit=0.0)


def test_a_report_is_as_bad_as_its_worst_measurement() -> None:
    assert raw_level([Reading(Vital.LAG, 0.0), Reading(Vital.BAD_FRAMES, 0.06), Reading(Vital.ERRORS, 0.1)]) is UNHEALTHY


def test_a_report_without_measurements_is_unknown() -> None:
    assert raw_level([]) is UNKNOWN


# A whole and its parts


def test_the_worst_part_wins() -> None:
    assert combine({"a": HEALTHY, "b": CRITICAL, "c": WARNING}, critical={"a", "b", "c"}) is CRITICAL


@pytest.mark.parametrize(("part", "whole"), list(zip(HealthLevel, [HEALTHY, WARNING, UNKNOWN, *[DEGRADED] * 3], strict=True)))
def test_a_part_that_is_not_critical_pulls_down_to_degraded_at_most(part: HealthLevel, whole: HealthLevel) -> None:
    assert combine({"core": HEALTHY, "part": part}, critical={"core"}) is whole


def test_a_whole_without_parts_is_unknown() -> None:
    assert combine({}, critical=()) is UNKNOWN


@given(st.lists(st.sampled_from(HealthLevel), min_size=1))
def test_the_worst_is_one_of_the_levels_and_none_is_worse(levels: list[HealthLevel]) -> None:
    assert worst(levels) in levels
    assert all(level.rank <= worst(levels).rank for level in levels)


# Hysteresis


def test_a_component_that_never_reported_is_unknown() -> None:
    assert Health("stream").level(0.0) is UNKNOWN


@pytest.mark.parametrize("level", KNOWN)
def test_the_first_report_gives_the_level(level: HealthLevel) -> None:
    assert reported(Health("stream"), level) is level


@pytest.mark.parametrize(
    ("reports", "level"),
    [
        ([HEALTHY, DEGRADED], HEALTHY),
        ([HEALTHY, DEGRADED, DEGRADED], DEGRADED),
        ([HEALTHY, DEGRADED, HEALTHY, DEGRADED], HEALTHY),
        ([HEALTHY, WARNING, CRITICAL], WARNING),
        ([HEALTHY, WARNING, CRITICAL, CRITICAL], CRITICAL),
        ([CRITICAL, HEALTHY, HEALTHY], CRITICAL),
        ([CRITICAL, HEALTHY, HEALTHY, HEALTHY], HEALTHY),
        ([CRITICAL, HEALTHY, WARNING, HEALTHY], WARNING),
        ([CRITICAL, HEALTHY, CRITICAL, HEALTHY, HEALTHY], CRITICAL),
        ([DEGRADED, HEALTHY, HEALTHY, DEGRADED, HEALTHY, HEALTHY], DEGRADED),
    ],
)
def test_two_worse_reports_lower_it_and_three_better_ones_raise_it(reports: list[HealthLevel], level: HealthLevel) -> None:
    assert reported(Health("stream"), *reports) is level


def test_how_many_reports_it_takes_can_be_set() -> None:
    health = Health("stream", worse=1, better=1)
    assert [reported(health, level) for level in (HEALTHY, CRITICAL, WARNING)] == [HEALTHY, CRITICAL, WARNING]


def test_a_silent_stream_is_degraded_with_the_first_report_at_its_limit() -> None:
    health = Health("stream")
    for second in range(30):
        health.report([Reading(Vital.SILENCE, float(second), limit=30.0)], float(second))
    before = health.level(29.0)
    change = health.report([Reading(Vital.SILENCE, 30.0, limit=30.0)], 30.0)
    assert (before, change) == (WARNING, (HealthChange("stream", WARNING, DEGRADED, 30.0),))


def test_a_stream_that_was_silent_takes_its_time_to_rise() -> None:
    health = Health("stream")
    levels = []
    for silence in (0.0, 30.0, 0.1, 0.1, 0.1):
        health.report([Reading(Vital.SILENCE, silence, limit=30.0)], 0.0)
        levels.append(health.level(0.0))
    assert levels == [HEALTHY, DEGRADED, DEGRADED, DEGRADED, HEALTHY]


def test_a_report_that_changes_nothing_returns_no_change() -> None:
    health = Health("stream")
    reported(health, HEALTHY)
    assert health.report([Reading(Vital.LAG, 0.0)], 1.0) == ()


@pytest.mark.parametrize("readings", [[], [Reading(Vital.LAG, math.nan)]])
def test_a_report_without_a_number_is_none(readings: list[Reading]) -> None:
    health = Health("stream", ttl=10.0)
    reported(health, HEALTHY)
    health.report(readings, 8.0)
    assert health.level(11.0) is UNKNOWN


@pytest.mark.parametrize("vital", [Vital.LAG, Vital.SILENCE])
@pytest.mark.parametrize("level", [HEALTHY, WARNING])
def test_a_measurement_that_is_not_a_number_does_not_discard_a_good_report(vital: Vital, level: HealthLevel) -> None:
    health = Health("stream", ttl=10.0)
    readings = [Reading(vital, math.nan), Reading(Vital.LAG, LAG[level])]
    assert raw_level(readings) is level
    health.report(readings, 0.0)
    health.report(readings, 8.0)
    assert health.level(12.0) is level


def test_a_silence_that_is_not_a_number_does_not_hide_the_rest() -> None:
    health = Health("stream")
    reported(health, HEALTHY)
    for _ in range(2):
        health.report([Reading(Vital.SILENCE, math.nan), Reading(Vital.LAG, 1.0)], 0.0)
    assert health.level(0.0) is DEGRADED


# Time to live


@pytest.mark.parametrize(("now", "level"), [(10.0, HEALTHY), (10.01, UNKNOWN)])
def test_a_report_counts_until_its_time_to_live_is_over(now: float, level: HealthLevel) -> None:
    health = Health("stream", ttl=10.0)
    reported(health, HEALTHY)
    assert health.level(now) is level


def test_a_check_tells_of_the_silence_of_the_component_itself() -> None:
    health = Health("stream", ttl=10.0)
    reported(health, HEALTHY)
    assert health.check(60.0) == HealthChange("stream", HEALTHY, UNKNOWN, 10.0)


def test_a_check_tells_it_once() -> None:
    health = Health("stream", ttl=10.0)
    reported(health, HEALTHY)
    health.check(60.0)
    assert health.check(61.0) is None


def test_a_check_of_a_component_that_reports_changes_nothing() -> None:
    health = Health("stream", ttl=10.0)
    reported(health, HEALTHY)
    assert health.check(5.0) is None


def test_reports_before_a_silence_do_not_count_after_it() -> None:
    health = Health("stream", ttl=10.0)
    reported(health, HEALTHY, HEALTHY, HEALTHY)
    assert reported(health, CRITICAL, now=60.0) is CRITICAL


def test_the_history_holds_the_silence_too() -> None:
    health = Health("stream", ttl=10.0)
    reported(health, HEALTHY)
    reported(health, CRITICAL, now=60.0)
    assert [(change.after, change.at) for change in health.history] == [(HEALTHY, 0.0), (UNKNOWN, 10.0), (CRITICAL, 60.0)]


def test_a_report_after_a_silence_returns_the_silence_too() -> None:
    health = Health("stream", ttl=10.0)
    reported(health, HEALTHY)
    changes = health.report([Reading(Vital.LAG, 0.0)], 60.0)
    assert changes == (HealthChange("stream", HEALTHY, UNKNOWN, 10.0), HealthChange("stream", UNKNOWN, HEALTHY, 60.0))


def test_a_report_without_a_number_returns_the_silence_before_it() -> None:
    health = Health("stream", ttl=10.0)
    reported(health, HEALTHY)
    assert health.report([], 60.0) == (HealthChange("stream", HEALTHY, UNKNOWN, 10.0),)


@given(st.lists(st.tuples(st.sampled_from([*KNOWN, None]), st.floats(0, 50)), max_size=40))
def test_what_is_returned_is_the_whole_history(reports: list[tuple[HealthLevel | None, float]]) -> None:
    health, now, told = Health("stream"), 0.0, []
    for level, pause in reports:
        now += pause
        value = math.nan if level is None else LAG[level]
        told += health.report([Reading(Vital.LAG, value)], now)
    assert told == list(health.history)


def test_the_history_is_bounded() -> None:
    health = Health("stream", worse=1, better=1)
    for _ in range(200):
        reported(health, HEALTHY, CRITICAL)
    assert len(health.history) == 100


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"worse": 0}, "worse=0; expected a count of 1 or more"),
        ({"better": 0}, "better=0; expected a count of 1 or more"),
        ({"ttl": 0.0}, "ttl=0.0; expected seconds above 0"),
    ],
)
def test_a_wrong_field_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match="vitals got") as caught:
        Health("stream", **wrong)
    assert sentence in str(caught.value)


@given(st.lists(st.sampled_from(KNOWN), min_size=1, max_size=40), st.integers(1, 4), st.integers(1, 4))
def test_the_level_never_leaves_what_the_last_reports_say(reports: list[HealthLevel], worse: int, better: int) -> None:
    health = Health("stream", worse=worse, better=better)
    for count, report in enumerate(reports, start=1):
        before = health.level(0.0)
        after = reported(health, report)
        last = reports[:count]
        if after.rank > before.rank and before is not UNKNOWN:
            assert all(level.rank >= after.rank for level in last[-worse:])
        if after.rank < before.rank:
            assert all(level.rank <= after.rank for level in last[-better:])
        if len(set(last[-max(worse, better) :])) == 1 and count >= max(worse, better):
            assert after is report


@given(st.lists(st.floats(0, 200), min_size=1, max_size=40))
def test_a_silence_at_its_limit_is_never_better_than_degraded(silences: list[float]) -> None:
    health = Health("stream")
    for silence in silences:
        health.report([Reading(Vital.SILENCE, silence, limit=30.0), Reading(Vital.LAG, 0.0)], 0.0)
        assert silence < 30.0 or health.level(0.0).rank >= DEGRADED.rank


@given(st.lists(st.tuples(st.sampled_from(KNOWN), st.floats(0, 50)), max_size=40))
def test_the_history_is_a_chain_in_order_of_time(reports: list[tuple[HealthLevel, float]]) -> None:
    health, now, before, at = Health("stream"), 0.0, UNKNOWN, 0.0
    for level, pause in reports:
        now += pause
        reported(health, level, now=now)
    for change in health.history:
        assert change.before is before
        assert at <= change.at <= now
        before, at = change.after, change.at
    assert before is health.level(now)
