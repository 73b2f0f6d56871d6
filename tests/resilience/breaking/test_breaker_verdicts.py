"""The verdicts of a breaker: which errors and results are failures, and what the server asks for in them."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
import structlog

from actors.errors import (
    ActorsError,
    AuthenticationError,
    BadFrame,
    Banned,
    BulkheadFull,
    CallTimeout,
    Category,
    CircuitOpen,
    ConfigurationError,
    ExchangeUnavailable,
    InsufficientFunds,
    MemoryPressure,
    NetworkTimeout,
    OrderRejected,
    RateLimited,
    StrategyError,
    UnknownInstrument,
    UnknownOutcome,
    ValidationError,
)
from actors.resilience.breaking.verdict import BY_CATEGORY, in_words
from tests.resilience.breaking.breakers import CLOSED, OPEN, Hand, Lost, aanswer, answer, breaks, fail, made

# Which errors are failures


def test_every_category_has_a_verdict() -> None:
    assert set(BY_CATEGORY) == set(Category)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (Lost(), "failures"),
        (NetworkTimeout("a ping", 5.0), "failures"),
        (RateLimited("slow down"), "failures"),
        (ExchangeUnavailable("busy"), "failures"),
        (BadFrame("no JSON", b"<html>"), "failures"),
        (UnknownOutcome("lost after it was sent"), "failures"),
        (CallTimeout("an order", 5.0), "failures"),
        (ActorsError("nobody knows"), "failures"),
        (AuthenticationError("a bad key"), "successes"),
        (ValidationError("quantity", -1, "more"), "successes"),
        (OrderRejected("too small"), "successes"),
        (InsufficientFunds("too poor"), "successes"),
        (UnknownInstrument("BTCUSD", "not listed"), "successes"),
        (ConfigurationError("bot.toml", ["a", "b"]), "ignored"),
        (StrategyError("lost its way"), "ignored"),
        (MemoryPressure(2, 1), "ignored"),
        (BulkheadFull("orders", 1), "ignored"),
        (CircuitOpen("inner", 5.0), "ignored"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_what_an_error_says_about_the_other_side(error: ActorsError, verdict: str) -> None:
    breaker = made()
    with pytest.raises(ActorsError):
        breaker.call(breaks, error)
    statistics = breaker.statistics()
    assert {name: getattr(statistics, name) for name in ("successes", "failures", "ignored")} == {
        "successes": 0,
        "failures": 0,
        "ignored": 0,
    } | {verdict: 1}


def is_key(error: Exception) -> bool:
    return isinstance(error, KeyError)


@pytest.mark.parametrize(
    ("options", "error", "verdict"),
    [
        ({"failure_on": KeyError}, KeyError("x"), "failures"),
        ({"failure_on": (KeyError, OSError)}, OSError("x"), "failures"),
        ({"failure_on": [KeyError, OSError]}, OSError("x"), "failures"),
        ({"failure_on": KeyError}, Lost(), "successes"),
        ({"failure_on": lambda error: "x" in str(error)}, ValueError("x"), "failures"),
        ({"ignore": Lost}, Lost(), "ignored"),
        ({"ignore": lambda error: True, "failure_on": Exception}, Lost(), "ignored"),
        ({"failure_on": KeyError}, ExceptionGroup("both", [KeyError("x"), ValueError("y")]), "failures"),
        ({"failure_on": is_key}, ExceptionGroup("both", [KeyError("x"), ValueError("y")]), "failures"),
        ({"ignore": is_key, "failure_on": ValueError}, ExceptionGroup("all", [KeyError(1), KeyError(2)]), "ignored"),
        ({"ignore": is_key, "failure_on": ValueError}, ExceptionGroup("both", [KeyError(1), ValueError(2)]), "failures"),
        ({"failure_on": set().__contains__}, ExceptionGroup("both", [KeyError("x")]), "successes"),
        ({"ignore": KeyError, "failure_on": ValueError}, ExceptionGroup("both", [KeyError(1), ValueError(2)]), "failures"),
        ({"ignore": KeyError, "failure_on": ValueError}, ExceptionGroup("all", [KeyError(1), KeyError(2)]), "ignored"),
    ],
)
def test_classes_and_predicates_say_otherwise(options: dict[str, Any], error: Exception, verdict: str) -> None:
    breaker = made(**options)
    with pytest.raises(type(error)):
        breaker.call(breaks, error)
    assert getattr(breaker.statistics(), verdict) == 1


@pytest.mark.parametrize("option", ["failure_on", "ignore"])
def test_a_predicate_that_raises_breaks_no_call_and_leaves_the_verdict_to_the_table(option: str) -> None:
    def broken(error: Exception) -> bool:
        raise RuntimeError("the predicate")

    breaker = made(**{option: broken})
    with structlog.testing.capture_logs() as logs:
        fail(breaker)
    statistics = breaker.statistics()
    assert (statistics.failures, statistics.hook_errors, len(logs)) == (1, 1, 1)


@pytest.mark.parametrize(("value", "failures"), [(500, 1), (200, 0)])
def test_a_result_can_be_a_failure(value: int, failures: int) -> None:
    breaker = made(failed_result=lambda status: status >= 500)
    assert breaker.call(answer, value) == value
    assert breaker.statistics().failures == failures


@pytest.mark.anyio
async def test_an_async_result_can_be_a_failure() -> None:
    breaker = made(failures=1, failed_result=lambda status: status >= 500)
    await breaker.acall(aanswer, 500)
    assert breaker.state is OPEN


def test_a_predicate_of_results_that_raises_loses_no_result() -> None:
    breaker = made(failed_result=lambda value: value > "a")
    with structlog.testing.capture_logs():
        assert breaker.call(answer, 7) == 7
    assert (breaker.statistics().successes, breaker.statistics().hook_errors) == (1, 1)


def test_an_error_that_cannot_show_itself_is_still_a_failure() -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert in_words(Silent()) == "Silent: (it cannot be shown: RuntimeError)"


# What the server asks for


@pytest.mark.parametrize(
    ("error", "until"),
    [
        (RateLimited("slow down", 7.0), 1007.0),
        (Banned("go away", None, 120.0), 1120.0),
        (ExchangeUnavailable("maintenance", 60.0), 1060.0),
        (RateLimited("slow down", 1e12), 1000.0 + 259_200.0),
    ],
    ids=["429", "418", "503", "absurd"],
)
def test_a_server_that_names_a_time_opens_it_until_then(error: ActorsError, until: float) -> None:
    breaker = made(Hand())
    with pytest.raises(type(error)):
        breaker.call(breaks, error)
    assert (breaker.state, breaker.statistics().retry_at) == (OPEN, until)


def test_a_ban_until_a_time_of_day_opens_it_until_then() -> None:
    error = Banned("go away", until=time.time() + 300.0)
    breaker = made(Hand())
    with pytest.raises(Banned):
        breaker.call(breaks, error)
    assert breaker.retry_after() == pytest.approx(300.0, abs=60.0)


@pytest.mark.parametrize("asked", [0.0, -5.0, math.nan, math.inf, None])
def test_a_time_that_makes_no_sense_is_an_ordinary_failure(asked: float | None) -> None:
    breaker = made(Hand())
    with pytest.raises(RateLimited):
        breaker.call(breaks, RateLimited("slow down", asked))
    assert (breaker.state, breaker.statistics().failures) == (CLOSED, 1)


def test_what_is_ignored_names_no_time() -> None:
    breaker = made(ignore=RateLimited)
    with pytest.raises(RateLimited):
        breaker.call(breaks, RateLimited("slow down", 7.0))
    assert breaker.state is CLOSED
