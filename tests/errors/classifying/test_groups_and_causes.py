"""Groups and causes: what an error is that holds others, or that was raised from another."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.errors import (
    Action,
    Banned,
    Category,
    CircuitOpen,
    Classification,
    ConnectFailed,
    ExchangeRefused,
    RateLimited,
    Severity,
    UnknownOutcome,
    classify,
)
from tests.errors.labelled.shape import raised

UNKNOWN = Classification(Category.UNKNOWN, Severity.ERROR, Action.NEVER)


def test_the_gravest_leaf_of_a_group_says_what_it_is_and_the_longest_delay_counts() -> None:
    group = ExceptionGroup(
        "", [RateLimited("a", 2.0), ConnectFailed("u", "r"), RateLimited("b", 5.0), Banned("c", retry_after=3.0)]
    )
    assert classify(group) == Classification(Category.RATE_LIMIT, Severity.CRITICAL, Action.WAIT, 5.0, "group: Banned")


@pytest.mark.parametrize(
    ("leaves", "action"),
    [
        ([ConnectFailed("u", "r"), ConnectFailed("u", "r")], Action.RETRY),
        ([ConnectFailed("u", "r"), CircuitOpen("x", 3.0)], Action.WAIT),
        ([CircuitOpen("x", 3.0), json.JSONDecodeError("", "", 0)], Action.RESYNC),
        ([json.JSONDecodeError("", "", 0), UnknownOutcome("x")], Action.RECONCILE),
        ([UnknownOutcome("x"), ExchangeRefused(400, -1121, "Invalid symbol.", venue="binance")], Action.FIX),
        ([ExchangeRefused(400, -1121, "Invalid symbol.", venue="binance"), KeyError()], Action.NEVER),
    ],
    ids=lambda value: str(value) if isinstance(value, Action) else None,
)
def test_a_group_needs_what_all_of_its_leaves_need(leaves: list[Exception], action: Action) -> None:
    assert classify(ExceptionGroup("", leaves)).action is action
    assert classify(ExceptionGroup("", [ExceptionGroup("", leaves[::-1])])).action is action


RETRIED = [ConnectFailed("u", "r"), CircuitOpen("x", 3.0), httpx.ReadTimeout(""), KeyError(), RateLimited("x"), -2010, 503]


@settings(max_examples=settings().max_examples * 40 // 100)
@given(st.lists(st.sampled_from([one for one in RETRIED if isinstance(one, Exception)]), min_size=1, max_size=6))
def test_a_group_is_retried_exactly_if_all_of_its_leaves_are(leaves: list[Exception]) -> None:
    assert classify(ExceptionGroup("", leaves)).retryable(idempotent=False) == all(
        classify(one).retryable(idempotent=False) for one in leaves
    )


def test_a_group_too_large_to_be_looked_at_is_not_retried() -> None:
    group = ExceptionGroup("", [ConnectFailed("u", "r")] * 10_000)
    assert (classify(group).category, classify(group).action) == (Category.NETWORK, Action.NEVER)
    assert classify(ExceptionGroup("", [ConnectFailed("u", "r")] * 900)).action is Action.RETRY


def test_a_group_nested_deeply_is_judged() -> None:
    group: Exception = httpx.ReadTimeout("")
    for _ in range(500):
        group = ExceptionGroup("", [group])
    assert classify(group).category is Category.UNKNOWN_OUTCOME


def test_the_cause_is_asked_only_where_the_error_says_nothing() -> None:
    assert classify(raised(RuntimeError("x"), httpx.ReadTimeout(""))).category is Category.UNKNOWN_OUTCOME
    assert classify(raised(KeyError("x"), httpx.ReadTimeout(""))).category is Category.BUG
    # What was being handled may have nothing to do with it.
    error = RuntimeError("x")
    error.__context__ = httpx.ReadTimeout("")
    assert classify(error).category is Category.UNKNOWN


def test_causes_that_go_in_a_circle_or_too_deep_end() -> None:
    first, second = RuntimeError("1"), RuntimeError("2")
    first.__cause__, second.__cause__ = second, first
    assert classify(first) == UNKNOWN
    for depth, known in ((5, True), (20, False), (10_000, False)):
        deep: BaseException = httpx.ReadTimeout("")
        for _ in range(depth):
            deep = raised(RuntimeError("x"), deep)
        assert (classify(deep) != UNKNOWN) is known
