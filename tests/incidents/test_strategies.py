"""Strategies: the table of what is tried for which incident and which error."""

from __future__ import annotations

import pytest
from attrs import evolve

from actors.errors import BadFrame, Category, ConnectFailed, ExchangeRefused, Severity, classify
from actors.incidents import IncidentKind, RecoveryStrategy
from actors.incidents.strategies import BOUNDS, USUAL, delay_of, judged_by_name, strategy_of, strength_of

BOOK, TRADES, LINK, STREAM = IncidentKind.BOOK, IncidentKind.TRADES, IncidentKind.LINK, IncidentKind.STREAM
IMMEDIATE, DELAYED, PROGRESSIVE, MANUAL = RecoveryStrategy


def test_without_an_error_the_kind_decides() -> None:
    assert {kind.value: strategy_of(kind).value for kind in IncidentKind} == {
        "book": "immediate",
        "trades": "immediate",
        "link": "progressive",
        "endpoint": "progressive",
        "stream": "progressive",
        "ban": "delayed",
        "clock": "progressive",
    }


@pytest.mark.parametrize(
    ("error", "strategy"),
    [
        ("AuthenticationError", MANUAL),
        ("authentication", MANUAL),
        ("ConfigurationError", MANUAL),
        ("SecurityError", MANUAL),
        ("ValidationError", MANUAL),
        ("401", MANUAL),
        ("451", MANUAL),
        ("Banned", DELAYED),
        ("banned", DELAYED),
        ("RateLimited", DELAYED),
        ("CircuitOpen", DELAYED),
        ("418", DELAYED),
        ("429", DELAYED),
        ("ConnectFailed", PROGRESSIVE),
        ("ConnectionLost", PROGRESSIVE),
        ("NetworkTimeout", PROGRESSIVE),
        ("BadFrame", PROGRESSIVE),
        ("StaleData", PROGRESSIVE),
        ("ExchangeUnavailable", PROGRESSIVE),
        ("503", PROGRESSIVE),
        ("", PROGRESSIVE),
        ("ExchangeRefused", PROGRESSIVE),
        ("SomethingNobodyKnows", PROGRESSIVE),
    ],
)
def test_the_class_of_the_error_decides_before_the_kind(error: str, strategy: RecoveryStrategy) -> None:
    assert strategy_of(LINK, judged_by_name(error)) is strategy


@pytest.mark.parametrize(
    ("error", "strategy"),
    [
        (ExchangeRefused(451, 0, "Service unavailable from a restricted location"), MANUAL),
        (ExchangeRefused(403, 0, "<html>Forbidden</html>"), MANUAL),
        (ExchangeRefused(400, -1121, "Invalid symbol.", venue="binance"), MANUAL),
        (ExchangeRefused(429, -1003, "Too many requests", venue="binance"), DELAYED),
        (ExchangeRefused(503, 0, "busy"), IMMEDIATE),
        (ExchangeRefused(200, 7, "strange"), IMMEDIATE),
        (ConnectFailed("https://one", "refused"), IMMEDIATE),
        (BadFrame("no JSON", b"{"), IMMEDIATE),
    ],
    ids=["geo block", "forbidden", "no such symbol", "too many", "busy", "strange", "no connection", "no JSON"],
)
def test_what_an_attempt_failed_with_decides_in_the_same_way(error: Exception, strategy: RecoveryStrategy) -> None:
    assert strategy_of(BOOK, classify(error)) is strategy


def test_a_stream_that_crashed_of_a_bug_is_started_again() -> None:
    assert strategy_of(STREAM, classify(KeyError("x"))) is PROGRESSIVE
    assert strategy_of(STREAM, classify(ExchangeRefused(401, 0, "no"))) is MANUAL


def test_an_unknown_error_is_tried_again_unless_it_is_grave() -> None:
    unknown = classify(Exception("never heard of"))
    assert unknown.category is Category.UNKNOWN
    assert strategy_of(BOOK, unknown) is IMMEDIATE
    assert strategy_of(BOOK, evolve(unknown, severity=Severity.CRITICAL)) is MANUAL


@pytest.mark.parametrize(
    ("kind", "strategy", "error", "until", "wait"),
    [
        (LINK, DELAYED, "RateLimited", None, 30.0),
        (LINK, DELAYED, "418", None, 120.0),
        (LINK, DELAYED, "RateLimited", 145.0, 45.0),
        (LINK, DELAYED, "RateLimited", 50.0, 0.0),
        (LINK, DELAYED, "RateLimited", 1e9, 259_200.0),
        (LINK, PROGRESSIVE, "", 145.0, 0.0),
        (BOOK, IMMEDIATE, "", None, 0.0),
        (IncidentKind.BAN, DELAYED, "418", None, 0.0),
    ],
)
def test_how_long_the_first_attempt_waits(
    kind: IncidentKind, strategy: RecoveryStrategy, error: str, until: float | None, wait: float
) -> None:
    assert delay_of(kind, strategy, judged_by_name(error), until, 100.0) == wait


def test_means_get_stronger_with_every_second_return() -> None:
    assert [strength_of(returns) for returns in range(6)] == [0, 0, 1, 1, 2, 2]


def test_every_kind_is_bounded_in_attempts_and_time() -> None:
    assert BOUNDS.keys() == USUAL.keys() == set(IncidentKind)
    assert all(0 < bounds.each < bounds.within <= 600.0 and 0 < bounds.attempts <= 8 for bounds in BOUNDS.values())
