"""A recovery from one error: what it is given, which of its actions recovers, and who is told."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from actors.errors import Category, ErrorContext
from actors.errors.context import entered, left
from actors.resilience import Incident, Recovery, RecoveryAction, RecoveryEnded, RecoveryResult, When
from supervisor import SpecError
from tests.resilience.recovering.calls import ALERT, IGNORE, RESTART, Calls, fails, lost, nothing, outcomes, restart

pytestmark = pytest.mark.anyio


@contextmanager
def within_context(**fields: str) -> Iterator[None]:
    before = entered(ErrorContext(**fields))
    try:
        yield
    finally:
        left(before)


# Actions


async def test_the_action_that_succeeds_is_named_with_its_value() -> None:
    recovery = Recovery(actions=[restart(Calls(value=7), name="reconnect")])
    result = await recovery.recover(lost())
    assert (result.recovered, result.by, result.action, result.value) == (True, RESTART, "reconnect", 7)


async def test_a_sync_action_is_called_in_the_loop() -> None:
    seen: list[Incident] = []
    result = await Recovery(actions=[restart(seen.append)]).recover(lost(), component="orders", operation="place")
    assert result.recovered
    assert [(one.component, one.operation, one.judged.category, one.times) for one in seen] == [
        ("orders", "place", Category.NETWORK, 1)
    ]


async def test_what_a_plain_function_returns_to_await_is_awaited() -> None:
    calls = Calls()

    def plain(incident: Incident) -> Awaitable[object]:
        return calls(incident)

    assert (await Recovery(actions=[restart(plain)]).recover(lost())).recovered
    assert calls.made == 1


async def test_without_an_action_that_fits_nothing_is_recovered() -> None:
    recovery = Recovery(actions=[restart(nothing, when=When(category=Category.ORDER))])
    assert await recovery.recover(lost()) == RecoveryResult(recovered=False)


async def test_actions_have_their_turn_until_one_succeeds() -> None:
    calls = Calls(failures=1)
    actions = [
        restart(fails, name="first", attempts=2),
        restart(calls, name="second", attempts=2),
        restart(fails, name="third"),
    ]
    result = await Recovery(actions=actions).recover(lost())
    assert outcomes(result.attempts) == [
        ("first", "failed"),
        ("first", "failed"),
        ("second", "failed"),
        ("second", "succeeded"),
    ]


async def test_the_strategy_of_the_component_comes_first() -> None:
    recovery = Recovery(
        actions=[restart(nothing, name="common", priority=9)],
        strategies={"orders": [restart(fails, name="own")], "books": [restart(nothing, name="other")]},
    )
    result = await recovery.recover(lost(), component="orders")
    assert outcomes(result.attempts) == [("own", "failed"), ("common", "succeeded")]


async def test_component_and_operation_are_those_of_the_error_or_of_the_context() -> None:
    recovery = Recovery(actions=[restart(nothing)])
    with within_context(component="books", operation="resync"):
        await recovery.recover(KeyError("x"))
    await recovery.recover(lost(component="orders"))
    seen = [(record.component, record.operation) for record in recovery.attempts_made()]
    assert seen == [("books", "resync"), ("orders", None)]


async def test_an_ignored_error_has_nothing_run_and_counts_as_recovered() -> None:
    result = await Recovery(actions=[RecoveryAction(IGNORE)]).recover(lost())
    assert (result.recovered, result.by) == (True, IGNORE)


async def test_an_ignored_error_may_come_as_often_as_it_likes() -> None:
    recovery = Recovery(actions=[RecoveryAction(IGNORE)], limit=2)
    assert all([(await recovery.recover(lost())).recovered for _ in range(10)])


async def test_alerts_are_run_but_do_not_recover() -> None:
    told: list[Incident] = []
    result = await Recovery(actions=[RecoveryAction(ALERT, told.append)]).recover(lost())
    assert (result.recovered, len(told)) == (False, 1)


async def test_only_an_exception_is_recovered_from() -> None:
    recovery = Recovery(actions=[restart(nothing)])
    for error in (KeyboardInterrupt(), SystemExit(), GeneratorExit()):
        with pytest.raises(TypeError, match="expected an Exception"):
            await recovery.recover(error)  # what must not be done


# What is told


async def test_a_condition_that_raises_does_not_fit_and_is_logged() -> None:
    def broken(_: Incident) -> bool:
        raise ValueError("password=hunter2")

    recovery = Recovery(actions=[restart(nothing, name="bad", when=When(predicate=broken)), restart(nothing, name="good")])
    with capture_logs() as logs:
        result = await recovery.recover(lost())
    assert (result.action, recovery.statistics().broken_conditions) == ("good", 1)
    assert "hunter2" not in str(logs)
    assert [log["action"] for log in logs] == ["bad"]


async def test_listeners_are_told_of_the_end_and_cannot_break_it() -> None:
    ended: list[RecoveryEnded] = []

    def broken(_: RecoveryEnded) -> None:
        raise RuntimeError("no")

    recovery = Recovery(actions=[restart(Calls(3.0))], listeners=[broken, ended.append])
    error = lost(component="orders")
    with capture_logs() as logs:
        result = await recovery.recover(error)
    assert [(one.component, one.error, one.result, one.seconds, one.joined) for one in ended] == [
        ("orders", error, result, pytest.approx(3.0), 0)
    ]
    assert (len(logs), recovery.statistics().broken_listeners) == (1, 1)


def test_a_listener_that_is_async_is_refused() -> None:
    async def listener(_: RecoveryEnded) -> None: ...

    with pytest.raises(TypeError, match="async def"):
        Recovery(listeners=[listener])


def test_a_recovery_says_what_it_is() -> None:
    recovery = Recovery(name="bot", actions=[restart(nothing)], strategies={"orders": [restart(nothing), restart(nothing)]})
    assert str(recovery) == "recovery bot (1 common actions, 2 of 1 components)"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("actions", ["retry"]),
        ("strategies", {"orders": ["retry"]}),
        ("strategies", {1: []}),
        ("strategies", []),
        ("limit", 0),
        ("window", 0),
        ("quiet", -1),
        ("attempts", 0),
        ("within", 0),
        ("longest_wait", -1),
        ("depth", 0),
        ("history", 0),
        ("known", 0),
        ("listeners", [7]),
    ],
)
def test_a_wrong_option_is_refused(name: str, value: Any) -> None:
    with pytest.raises(SpecError) as caught:
        Recovery(**{name: value})
    assert caught.value.field == f"Recovery.{name}"
