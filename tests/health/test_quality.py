from __future__ import annotations

import math

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.health.quality import FLAWLESS, Measures, quality_of

amounts = st.floats(0, 1e6)
measures = st.builds(
    Measures, uptime=st.floats(0, 1), losses=amounts, gaps=amounts, bad_share=st.floats(0, 1), lateness=amounts
)
WORSE = ("losses", "gaps", "bad_share", "lateness")


def test_a_flawless_connection_has_quality_1() -> None:
    assert quality_of(FLAWLESS) == 1.0


@pytest.mark.parametrize(
    "one",
    [Measures(uptime=0.5), Measures(losses=0.6), Measures(gaps=1.0), Measures(bad_share=0.02), Measures(lateness=1.0)],
    ids=lambda one: str(one).split("(")[0],
)
def test_what_halves_it_is_written_down(one: Measures) -> None:
    assert quality_of(one) == pytest.approx(0.5)


def test_none_makes_up_for_another() -> None:
    assert quality_of(Measures(uptime=0.0)) == 0.0
    assert quality_of(Measures(losses=0.6, gaps=1.0)) == pytest.approx(0.25)


@settings(max_examples=60)
@given(measures)
def test_it_is_from_0_to_1(one: Measures) -> None:
    assert 0.0 <= quality_of(one) <= 1.0


@settings(max_examples=60)
@given(measures, st.sampled_from(WORSE), amounts)
def test_it_never_rises_when_a_measure_gets_worse(one: Measures, name: str, more: float) -> None:
    assert quality_of(evolve(one, **{name: getattr(one, name) + more})) <= quality_of(one)


@settings(max_examples=60)
@given(measures, st.floats(0, 1))
def test_it_never_rises_when_it_was_connected_for_less(one: Measures, uptime: float) -> None:
    assert quality_of(evolve(one, uptime=min(uptime, one.uptime))) <= quality_of(one)


@pytest.mark.parametrize("name", ["uptime", *WORSE])
def test_what_is_not_a_number_counts_as_nothing(name: str) -> None:
    assert quality_of(evolve(FLAWLESS, **{name: math.nan})) == 1.0
