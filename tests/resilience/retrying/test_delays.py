from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.resilience import Delays, Jitter
from supervisor import BackoffKind, SpecError

RANDOM = st.floats(0, 1, exclude_max=True)
ALMOST_ONE = math.nextafter(1.0, 0.0)


@st.composite
def any_delays(draw: st.DrawFn) -> Delays:
    initial = draw(st.just(0.0) | st.floats(1e-6, 1e6))
    return Delays(
        initial=initial,
        maximum=initial * draw(st.floats(1, 1e6)),
        factor=draw(st.floats(1, 100)),
        kind=draw(st.sampled_from(BackoffKind)),
        jitter=draw(st.sampled_from(Jitter)),
        share=draw(st.floats(0, 1)),
    )


def schedule(delays: Delays, random: float, count: int) -> list[float]:
    """The first waits, with the same random number for each."""
    waits: list[float] = []
    for failures in range(1, count + 1):
        waits.append(delays.delay(failures, waits[-1] if waits else None, random))
    return waits


@pytest.mark.parametrize(
    ("kind", "waits"),
    [
        (BackoffKind.FIXED, [2, 2, 2, 2, 2, 2, 2]),
        (BackoffKind.LINEAR, [2, 4, 6, 8, 10, 12, 14]),
        (BackoffKind.EXPONENTIAL, [2, 4, 8, 16, 20, 20, 20]),
        (BackoffKind.FIBONACCI, [2, 2, 4, 6, 10, 16, 20]),
    ],
    ids=lambda value: value.name if isinstance(value, BackoffKind) else "",
)
def test_each_kind_grows_by_its_own_rule(kind: BackoffKind, waits: list[float]) -> None:
    assert schedule(Delays(initial=2.0, maximum=20.0, kind=kind, jitter=Jitter.NONE), 0.3, 7) == waits


@pytest.mark.parametrize(
    ("jitter", "random", "wait"),
    [
        (Jitter.NONE, 0.0, 8.0),
        (Jitter.NONE, 0.75, 8.0),
        (Jitter.PROPORTIONAL, 0.0, 6.0),
        (Jitter.PROPORTIONAL, 0.5, 8.0),
        (Jitter.PROPORTIONAL, 0.75, 9.0),
        (Jitter.FULL, 0.0, 0.0),
        (Jitter.FULL, 0.75, 6.0),
        (Jitter.EQUAL, 0.0, 4.0),
        (Jitter.EQUAL, 0.75, 7.0),
    ],
)
def test_each_jitter_spreads_the_third_delay_in_its_own_way(jitter: Jitter, random: float, wait: float) -> None:
    delays = Delays(initial=2.0, maximum=60.0, jitter=jitter, share=0.25)
    assert delays.delay(3, 4.0, random) == pytest.approx(wait)


@pytest.mark.parametrize(
    ("previous", "random", "wait"),
    [
        (None, 0.0, 2.0),
        (None, 0.5, 4.0),
        (4.0, 0.0, 2.0),
        (4.0, 0.5, 7.0),
        (19.0, 0.5, 11.0),  # three times 19 is capped at 20 before it is spread
        (0.5, 0.5, 4.0),
    ],
)
def test_a_decorrelated_wait_lies_between_the_initial_one_and_three_times_the_last(
    previous: float | None, random: float, wait: float
) -> None:
    delays = Delays(initial=2.0, maximum=20.0, jitter=Jitter.DECORRELATED)
    assert delays.delay(9, previous, random) == pytest.approx(wait)


@pytest.mark.parametrize("jitter", [Jitter.FULL, Jitter.EQUAL, Jitter.DECORRELATED])
def test_the_largest_random_number_reaches_the_upper_end_and_no_more(jitter: Jitter) -> None:
    delays = Delays(initial=1.0, maximum=10.0, kind=BackoffKind.FIXED, jitter=jitter)
    top = 3.0 if jitter is Jitter.DECORRELATED else 1.0
    assert top * 0.999 < delays.delay(1, None, ALMOST_ONE) <= top


@given(any_delays(), st.integers(1, 10**6), st.none() | st.floats(0, 1e12), RANDOM)
@settings(max_examples=settings().max_examples * 200 // 100)
def test_no_wait_is_below_zero_or_above_the_maximum(
    delays: Delays, failures: int, previous: float | None, random: float
) -> None:
    assert 0.0 <= delays.delay(failures, previous, random) <= delays.maximum


@given(st.lists(RANDOM, min_size=1, max_size=20))
@settings(max_examples=settings().max_examples * 50 // 100)
def test_decorrelated_waits_never_leave_their_bounds(randoms: list[float]) -> None:
    delays = Delays(initial=0.7, maximum=45.0, jitter=Jitter.DECORRELATED)
    previous: float | None = None
    for failures, random in enumerate(randoms, 1):
        wait = delays.delay(failures, previous, random)
        assert 0.7 <= wait <= min(45.0, 3 * (0.7 if previous is None else previous))
        previous = wait


@pytest.mark.parametrize("jitter", Jitter)
def test_an_initial_delay_of_zero_never_waits(jitter: Jitter) -> None:
    assert schedule(Delays(initial=0.0, jitter=jitter), 0.9, 5) == [0.0] * 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"initial": -1.0}, r"Delays.initial is -1.0; expected seconds of 0 or more, for example initial=0.5"),
        ({"initial": math.nan}, "Delays.initial is nan"),
        ({"initial": 60.0}, r"Delays.maximum is 30.0; expected seconds, no less than initial=60.0, for example maximum=1800.0"),
        ({"factor": 0.5}, "Delays.factor is 0.5"),
        ({"kind": "quadratic"}, "Delays.kind is 'quadratic'; expected one of fixed, linear, exponential, fibonacci"),
        ({"jitter": "some"}, "Delays.jitter is 'some'; expected one of none, proportional, full, equal, decorrelated"),
        ({"share": 1.5}, "Delays.share is 1.5"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_option_is_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Delays(**options)


@pytest.mark.parametrize("kind", BackoffKind)
@pytest.mark.parametrize("jitter", Jitter)
def test_a_kind_and_a_jitter_may_be_texts(kind: BackoffKind, jitter: Jitter) -> None:
    assert Delays(kind=kind.value, jitter=jitter.value) == Delays(kind=kind, jitter=jitter)


@pytest.mark.parametrize(
    ("delays", "text"),
    [
        (Delays(), "exponential 0.5 to 30 s, equal jitter"),
        (Delays(initial=0.0), "no delay"),
        (Delays(initial=2.0, kind=BackoffKind.FIXED, jitter=Jitter.NONE), "fixed 2 s"),
        (Delays(jitter=Jitter.PROPORTIONAL), "exponential 0.5 to 30 s ±10%"),
        (Delays(jitter=Jitter.DECORRELATED), "decorrelated 0.5 to 30 s"),
    ],
    ids=lambda value: "" if isinstance(value, Delays) else value,
)
def test_it_shows_itself_in_a_few_words(delays: Delays, text: str) -> None:
    assert str(delays) == text
