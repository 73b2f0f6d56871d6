"""Outcomes: which errors and results are tried again, and how far the budget goes."""

from __future__ import annotations

import gc
import weakref
from contextlib import suppress
from typing import Any

import anyio
import pytest
import structlog

from actors.errors import CallTimeout, ConnectFailed, OrderRejected, RateLimited, UnknownOutcome
from actors.resilience import RetryBudget, StopReason
from tests.resilience.retrying.calls import AT_ONCE, Script, lost, notes, retry, why

pytestmark = pytest.mark.anyio


# What is tried again


class Picky(Exception):
    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


@pytest.mark.parametrize(
    ("on", "error", "calls"),
    [
        (Picky, Picky(), 3),
        ((Picky, KeyError), KeyError(), 3),
        ((Picky, KeyError), ValueError(), 1),
        (lambda error: error.code == 7, Picky(7), 3),
        (lambda error: error.code == 7, Picky(8), 1),
        (Picky, lost(), 1),
    ],
    ids=["class", "of several", "of none", "predicate", "predicate says no", "class only"],
)
def test_on_says_what_is_tried_again(on: Any, error: Exception, calls: int) -> None:
    script = Script(error)
    with pytest.raises(type(error)):
        retry(on=on, delays=AT_ONCE).call(script)
    assert script.calls == calls


def test_a_predicate_that_fails_is_logged_and_the_calls_own_error_is_raised() -> None:
    with structlog.testing.capture_logs() as logs, pytest.raises(ConnectFailed):
        retry(on=lambda error: error.no_such_field).call(Script(lost()))
    assert [(log["event"], log["error"]) for log in logs] == [("the predicate `on` failed", "AttributeError")]


@pytest.mark.parametrize("error", [UnknownOutcome("?"), CallTimeout("call", 1.0)], ids=["unknown", "timeout"])
def test_an_unknown_outcome_is_not_tried_again_even_if_on_names_it(error: Exception) -> None:
    script = Script(error)
    with pytest.raises(type(error)):
        retry(on=type(error), delays=AT_ONCE).call(script)
    assert script.calls == 1


def test_an_unknown_outcome_of_an_idempotent_call_is_tried_again() -> None:
    script = Script(UnknownOutcome("?"), "done")
    assert retry(idempotent=True, delays=AT_ONCE).call(script) == "done"


@pytest.mark.parametrize(
    ("errors", "calls", "reason"),
    [
        ([lost(), lost()], 3, "all 3 attempts"),
        ([lost(), OrderRejected("no")], 1, "not retryable"),
        ([lost(), ExceptionGroup("inner", [lost(), OrderRejected("no")])], 1, "not retryable"),
        ([lost(), UnknownOutcome("?")], 1, "outcome unknown"),
        ([lost()] * 101, 1, "not retryable"),
    ],
    ids=["all", "one not", "one not, deep inside", "one unknown", "too many to look at"],
)
def test_a_group_is_tried_again_only_if_each_error_in_it_is(errors: list[Exception], calls: int, reason: str) -> None:
    script = Script(ExceptionGroup("several", errors))
    with pytest.raises(ExceptionGroup) as caught:
        retry(delays=AT_ONCE).call(script)
    assert script.calls == calls
    assert why(caught.value).startswith(reason)


async def test_the_longest_hint_of_a_group_is_the_one_that_counts() -> None:
    group = ExceptionGroup("several", [RateLimited("a", 5.0), RateLimited("b", 20.0), lost()])
    began = anyio.current_time()
    await retry(random=lambda: 0.0).acall(Script(group, "done").later)
    assert anyio.current_time() - began == pytest.approx(20.0)


@pytest.mark.parametrize("outcome", [KeyboardInterrupt(), SystemExit(), GeneratorExit()], ids=lambda one: type(one).__name__)
def test_what_is_no_exception_is_never_tried_again(outcome: BaseException) -> None:
    script, budget = Script(lost(), outcome), RetryBudget()
    with pytest.raises(type(outcome)) as caught:
        retry(delays=AT_ONCE, budget=budget).call(script)
    assert caught.value is outcome
    assert script.calls == 2
    assert notes(outcome) == []
    assert budget.statistics().tokens == 500


def test_ctrl_c_ends_a_wait_and_gives_back_what_the_retry_had_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object, __: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("actors.resilience.retrying.attempts.ThreadWaiter.sleep", interrupted)
    script, budget = Script(lost()), RetryBudget()
    with pytest.raises(KeyboardInterrupt):
        retry(budget=budget).call(script)
    assert (script.calls, budget.statistics().granted, budget.statistics().tokens) == (1, 1, 500)


@pytest.mark.parametrize("way", ["begin", "decorator", "stopped"])
def test_an_error_is_gone_when_nobody_holds_it_any_more(way: str) -> None:
    # A circle of error, traceback, frame and attempts would keep it, and all that its frames hold, until the collector comes.
    kept: list[weakref.ref[Exception]] = []

    def fail() -> None:
        error = lost()
        kept.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    attempts = retry(delays=AT_ONCE, on_retry=lambda _: attempts.stop() if way == "stopped" else None).begin()
    gc.disable()
    try:
        with suppress(ConnectFailed):
            retry(delays=AT_ONCE)(fail)() if way == "decorator" else attempts.call(fail)
        assert [ref() for ref in kept] == [None] * (1 if way == "stopped" else 3)
    finally:
        gc.enable()


def test_a_result_that_is_not_wanted_is_tried_again() -> None:
    assert retry(on_result=lambda found: found is None, delays=AT_ONCE).call(Script(None, None, "done")) == "done"


@pytest.mark.parametrize(("attempts", "result"), [(3, 3), (1, 1)])
async def test_the_last_result_is_returned_when_attempts_are_used_up(attempts: int, result: int) -> None:
    one = retry(attempts=attempts, on_result=lambda found: found < 10, delays=AT_ONCE)
    assert await one.acall(Script(1, 2, 3).later) == result
    assert one.call(Script(1, 2, 3)) == result
    assert one.statistics().exhausted == {StopReason.ATTEMPTS: 2}


async def test_each_result_is_looked_at_once() -> None:
    seen: list[int] = []
    await retry(on_result=lambda found: bool(seen.append(found)) or found < 3).acall(Script(1, 2, 3).later)
    assert seen == [1, 2, 3]


def test_a_look_at_a_result_that_fails_leaves_the_call_its_result() -> None:
    with structlog.testing.capture_logs() as logs:
        assert retry(on_result=lambda found: found["no such key"]).call(Script({})) == {}
    assert [log["error"] for log in logs] == ["KeyError"]


# The budget


def test_an_empty_budget_ends_the_retrying_and_says_so() -> None:
    budget = RetryBudget(capacity=14, minimum=0, name="rest budget")
    one = retry(budget=budget, delays=AT_ONCE)
    script = Script(lost())
    with pytest.raises(ConnectFailed) as caught:
        one.call(script)
    assert script.calls == 2
    assert why(caught.value) == "the rest budget is empty"
    assert (one.statistics().suppressed, budget.statistics().suppressed) == (1, 1)


def test_a_success_after_retries_gives_back_what_the_last_one_cost() -> None:
    budget = RetryBudget(capacity=100)
    retry(budget=budget, delays=AT_ONCE).call(Script(lost(), lost(), "done"))
    assert budget.statistics().tokens == 100 - 14


def test_a_retry_that_the_other_side_asked_to_delay_is_cheaper() -> None:
    budget = RetryBudget(capacity=100)
    with pytest.raises(RateLimited):
        retry(attempts=2, budget=budget).call(Script(RateLimited("wait", 0.0)))
    assert budget.statistics().tokens == 95


@pytest.mark.parametrize("form", ["call", "block"])
def test_a_success_at_the_first_try_earns_a_token(form: str) -> None:
    budget = RetryBudget(capacity=100)
    budget.take("somebody")
    one = retry(budget=budget)
    if form == "call":
        one.call(Script("done"))
    else:
        for attempt in one:
            with attempt:
                pass
    assert budget.statistics().tokens == 87


def test_what_is_not_retryable_asks_for_nothing() -> None:
    budget = RetryBudget()
    with pytest.raises(OrderRejected):
        retry(budget=budget).call(Script(OrderRejected("no")))
    assert budget.statistics().granted == 0
