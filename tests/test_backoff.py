from __future__ import annotations

import math
import sys
from itertools import pairwise
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor import SpecError
from supervisor.backoff import Backoff, BackoffKind, _number

RANDOM = st.floats(0, 1, exclude_max=True)
SHARE = st.floats(0, 1)
SECONDS = st.floats(1e-6, 1e6)


@st.composite
def backoffs(draw: st.DrawFn, jitter: st.SearchStrategy[float] = SHARE) -> Backoff:
    initial = draw(SECONDS)
    return Backoff(
        initial=initial,
        maximum=initial * draw(st.floats(1, 1e6)),
        factor=draw(st.floats(1, 100)),
        jitter=draw(jitter),
        kind=draw(st.sampled_from(BackoffKind)),
    )


@pytest.mark.parametrize(
    ("kind", "delays"),
    [
        (BackoffKind.FIXED, [1, 1, 1, 1, 1, 1, 1, 1]),
        (BackoffKind.LINEAR, [1, 2, 3, 4, 5, 6, 7, 8]),
        (BackoffKind.EXPONENTIAL, [1, 2, 4, 8, 16, 20, 20, 20]),
        (BackoffKind.FIBONACCI, [1, 1, 2, 3, 5, 8, 13, 20]),
    ],
)
def test_each_kind_grows_by_its_own_rule(kind: BackoffKind, delays: list[float]) -> None:
    backoff = Backoff(maximum=20.0, kind=kind)
    assert [backoff.delay(n, 0.5) for n in range(1, 9)] == delays


@pytest.mark.item(191)
def test_the_default_schedule_is_one_second_doubling_to_thirty() -> None:
    assert [Backoff().delay(n, 0.5) for n in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(("random", "delay"), [(0.0, 3.6), (0.25, 3.8), (0.5, 4.0), (0.75, 4.2)])
def test_the_jitter_spreads_to_both_sides(random: float, delay: float) -> None:
    assert Backoff().delay(3, random) == pytest.approx(delay)


@pytest.mark.parametrize(("random", "delay"), [(0.0, 27.0), (0.25, 28.5), (0.5, 30.0), (0.75, 28.5)])
def test_at_the_maximum_the_jitter_folds_back(random: float, delay: float) -> None:
    assert Backoff().delay(50, random) == pytest.approx(delay)


def test_a_scale_multiplies_the_delay() -> None:
    assert Backoff().delay(2, 0.5, scale=1.5) == 3.0


def test_the_maximum_holds_for_a_scaled_delay() -> None:
    assert Backoff().delay(5, 0.5, scale=10.0) == 30.0


@pytest.mark.parametrize("kind", BackoffKind)
@pytest.mark.parametrize("failures", [10**3, 10**9, 10**400])
def test_a_huge_count_of_failures_does_not_overflow(kind: BackoffKind, failures: int) -> None:
    expected = 1.0 if kind is BackoffKind.FIXED else 30.0
    assert Backoff(kind=kind).delay(failures, 0.5) == expected


def test_failures_count_from_one() -> None:
    with pytest.raises(SpecError, match=r"failures is 0; expected a count of 1 or more"):
        Backoff().delay(0, 0.5)


def test_a_life_of_half_the_way_to_the_maximum_is_stable() -> None:
    assert Backoff(initial=2.0, maximum=30.0).stable_after == 16.0


def test_reset_after_says_when_a_life_is_stable() -> None:
    assert Backoff(reset_after=5.0).stable_after == 5.0


@pytest.mark.parametrize(("failures", "exhausted"), [(0, False), (2, False), (3, True), (4, True)])
def test_the_nth_failure_in_a_row_exhausts(failures: int, exhausted: bool) -> None:
    assert Backoff(give_up_after=3).exhausted(failures) is exhausted


def test_a_schedule_without_give_up_after_is_never_exhausted() -> None:
    assert not Backoff().exhausted(10**9)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"initial": 0}, "Backoff.initial is 0; expected seconds above 0, for example initial=1.0"),
        ({"initial": -1.0}, "Backoff.initial is -1.0; expected seconds above 0"),
        ({"initial": True}, "Backoff.initial is True; expected seconds above 0"),
        ({"initial": "1"}, "Backoff.initial is '1'; expected seconds above 0"),
        ({"initial": 10**400}, "expected seconds above 0"),
        ({"maximum": 10**400}, "expected seconds, no less than initial=1.0"),
        ({"reset_after": 10**400}, "expected seconds above 0, or None"),
        ({"initial": math.nan}, "Backoff.initial is nan; expected seconds above 0"),
        (
            {"initial": 60.0},
            "Backoff.maximum is 30.0; expected seconds, no less than initial=60.0, for example maximum=1800.0",
        ),
        ({"maximum": math.inf}, "Backoff.maximum is inf; expected seconds"),
        ({"maximum": None}, "Backoff.maximum is None; expected seconds"),
        ({"factor": 0.5}, "Backoff.factor is 0.5; expected a number of 1 or more"),
        ({"jitter": 1.1}, "Backoff.jitter is 1.1; expected a share from 0 to 1"),
        ({"jitter": -0.1}, "Backoff.jitter is -0.1; expected a share from 0 to 1"),
        ({"kind": "fixed"}, "Backoff.kind is 'fixed'; expected one of FIXED, LINEAR, EXPONENTIAL, FIBONACCI"),
        ({"reset_after": 0}, "Backoff.reset_after is 0; expected seconds above 0, or None"),
        ({"reset_after": "soon"}, "Backoff.reset_after is 'soon'; expected seconds above 0, or None"),
        ({"give_up_after": 0}, "Backoff.give_up_after is 0; expected a count of 1 or more, or None"),
        ({"give_up_after": 2.5}, "Backoff.give_up_after is 2.5; expected a count of 1 or more, or None"),
        ({"give_up_after": True}, "Backoff.give_up_after is True; expected a count of 1 or more, or None"),
    ],
)
def test_a_wrong_field_is_refused_with_what_to_type(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        Backoff(**wrong)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"initial": math.ulp(0.0)},
        {"initial": 30.0},
        {"maximum": 1.0},
        {"maximum": sys.float_info.max},
        {"factor": 1.0},
        {"factor": 10**300},
        {"jitter": 0},
        {"jitter": 1},
        {"reset_after": 0.5},
        {"give_up_after": 1},
    ],
    ids=str,
)
def test_the_bounds_themselves_are_allowed(fields: dict[str, Any]) -> None:
    backoff = Backoff(**fields)
    assert {name: getattr(backoff, name) for name in fields} == fields


SHARES = {
    # from 0.0 to 1.0, both included: whether it is refused
    -0.1: True,
    0.0: False,
    0.5: False,
    1: False,
    1.1: True,
    math.nan: True,
    "0.5": True,
}


@pytest.mark.parametrize(("value", "refused"), SHARES.items(), ids=str)
def test_a_number_is_refused_outside_its_bounds(value: object, refused: bool) -> None:
    check = _number(0.0, "a share", 1.0)
    jitter = attrs.fields(Backoff).jitter
    if refused:
        with pytest.raises(SpecError) as caught:
            check(None, jitter, value)
        assert str(caught.value) == f"Backoff.jitter is {value!r}; expected a share"
    else:
        check(None, jitter, value)


def test_a_schedule_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Backoff().initial = 2.0


@given(backoffs(), st.integers(1, 10**6), RANDOM, st.floats(0, 1e3))
def test_every_delay_is_between_zero_and_the_maximum(backoff: Backoff, failures: int, random: float, scale: float) -> None:
    assert 0.0 <= backoff.delay(failures, random, scale=scale) <= backoff.maximum


@given(backoffs(), st.integers(1, 10**6), RANDOM)
def test_the_jitter_takes_away_no_more_than_its_share(backoff: Backoff, failures: int, random: float) -> None:
    without = backoff.delay(failures, 0.5)
    assert backoff.delay(failures, random) >= without * (1 - backoff.jitter) * (1 - 1e-9)


@given(backoffs(jitter=st.just(0.0)), st.integers(1, 200))
def test_without_jitter_more_failures_never_wait_less(backoff: Backoff, failures: int) -> None:
    delays = [backoff.delay(n, 0.5) for n in range(1, failures + 1)]
    assert all(earlier <= later for earlier, later in pairwise(delays))


@given(backoffs(jitter=st.just(0.0)))
def test_the_first_failure_waits_the_initial_delay(backoff: Backoff) -> None:
    assert backoff.delay(1, 0.5) == backoff.initial
