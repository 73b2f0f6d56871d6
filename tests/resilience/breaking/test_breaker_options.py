"""The options of a breaker: what a configuration and a breaker accept, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest
import trio

from actors.resilience import BreakerConfig, CircuitBreaker
from actors.resilience.breaking.config import BreakerOptions
from supervisor import SpecError
from tests.resilience.breaking.breakers import aanswer


def test_options_are_fields_of_the_configuration() -> None:
    assert CircuitBreaker("binance", failures=3).config == BreakerConfig(failures=3)


def test_options_win_over_a_configuration() -> None:
    breaker = CircuitBreaker("binance", BreakerConfig(failures=3, open_for=5.0), failures=4)
    assert breaker.config == BreakerConfig(failures=4, open_for=5.0)


def test_there_is_no_other_option() -> None:
    with pytest.raises(TypeError, match="failurs"):
        CircuitBreaker("binance", failurs=3)


@pytest.mark.parametrize("name", ["", None, 7])
def test_a_breaker_has_a_name(name: Any) -> None:
    with pytest.raises(SpecError, match=r"CircuitBreaker\.name is"):
        CircuitBreaker(name)


@pytest.mark.parametrize("option", ["failure_on", "ignore"])
@pytest.mark.parametrize("value", [KeyboardInterrupt, (OSError, trio.Cancelled), (OSError, "x"), 7])
def test_only_exceptions_can_be_judged(option: str, value: Any) -> None:
    with pytest.raises(SpecError, match=rf"CircuitBreaker\.{option} is"):
        CircuitBreaker("rest", **{option: value})


@pytest.mark.parametrize("option", ["failure_on", "ignore"])
def test_no_classes_at_all_are_refused(option: str) -> None:
    with pytest.raises(SpecError, match=rf"CircuitBreaker\.{option} is \(\); expected subclasses of Exception"):
        CircuitBreaker("rest", **{option: []})


@pytest.mark.parametrize("option", ["failure_on", "ignore", "failed_result"])
def test_an_async_predicate_is_refused(option: str) -> None:
    with pytest.raises(TypeError, match="async def"):
        CircuitBreaker("rest", **{option: aanswer})


def test_an_async_listener_is_refused() -> None:
    with pytest.raises(TypeError, match="async"):
        CircuitBreaker("rest", listeners=[aanswer])
    with pytest.raises(TypeError, match="async"):
        CircuitBreaker("rest").listen(aanswer)


def test_it_shows_itself_in_one_line() -> None:
    breaker = CircuitBreaker("rest", failure_rate=0.5, slow_after=2.0, slow_rate=0.8)
    assert str(breaker) == "CircuitBreaker rest: opens at 5 failures in a row or 50% failed or 80% slower than 2 s, for 30 s"


def test_one_failure_is_one_failure() -> None:
    heard: list[str] = []
    breaker = CircuitBreaker("rest", failures=1, listeners=[lambda change: heard.append(change.why)])
    with breaker as call:
        call.fail("too old")
    assert (heard, str(breaker)) == (["1 failure"], "CircuitBreaker rest: opens at 1 failure, for 30 s")


@pytest.mark.parametrize("option", ["clock", "random"])
def test_a_clock_and_a_random_source_are_functions(option: str) -> None:
    with pytest.raises(SpecError, match=rf"CircuitBreaker\.{option} is 5; expected a function"):
        CircuitBreaker("rest", **{option: 5})


# The configuration


def test_the_options_are_the_fields_of_the_configuration() -> None:
    assert set(BreakerOptions.__annotations__) == {field.name for field in attrs.fields(BreakerConfig)}


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
            (name, value, f"a share above 0, up to 1, or None, for example {name}=0.5")
            for name in ("failure_rate", "slow_rate")
            for value in [0.0, -0.1, 1.1, 50, math.nan, math.inf, True, "0.5"]
        ],
        *[
            (name, value, f"seconds above 0, or None, for example {name}=60.0")
            for name in ("slow_after", "window_seconds")
            for value in TIMES
            if value is not None
        ],
        *[
            ("open_jitter", value, "a share from 0 to 1, for example open_jitter=0.1")
            for value in [-0.1, 1.1, math.nan, True, "0.1", None]
        ],
        *[("hint_maximum", value, "seconds above 0, for example hint_maximum=259200.0") for value in TIMES],
        ("slow_rate", 0.5, "None where slow_after is None, as no call is slow then; for example slow_after=2.0"),
    ],
)
def test_a_wrong_configuration_is_refused(name: str, value: Any, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        BreakerConfig(**{name: value})
    assert (caught.value.field, caught.value.value) == (f"BreakerConfig.{name}", value)
    assert str(caught.value) == f"BreakerConfig.{name} is {value!r}; expected {expected}"


def test_the_bounds_themselves_can_be_configured() -> None:
    assert BreakerConfig(failure_rate=1.0, window=5, minimum_calls=5, open_factor=1.0, open_maximum=30.0)
