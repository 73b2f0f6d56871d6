from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from structlog.testing import capture_logs

from actors.errors import (
    CallTimeout,
    Category,
    ConnectFailed,
    ErrorContext,
    RateLimited,
    RecoveryFailed,
    RecoveryLoop,
    RecoveryRunning,
    StaleData,
    UnknownOutcome,
    ValidationError,
)
from actors.errors.context import entered, left
from actors.resilience import (
    AttemptOutcome,
    AttemptRecord,
    Incident,
    Recovery,
    RecoveryAction,
    RecoveryEnded,
    RecoveryGuard,
    RecoveryKind,
    RecoveryResult,
    When,
)
from supervisor import Backoff, SpecError
from tests.resilience.eventually import eventually

pytestmark = pytest.mark.anyio

RETRY, FALLBACK, DEGRADE, RESTART, IGNORE, ALERT = (
    RecoveryKind.RETRY,
    RecoveryKind.FALLBACK,
    RecoveryKind.DEGRADE,
    RecoveryKind.RESTART,
    RecoveryKind.IGNORE,
    RecoveryKind.ALERT,
)
AT_ONCE = Backoff(initial=1e-6, maximum=1e-6)
Run = Callable[[Incident], Awaitable[object] | object]


def lost(**fields: Any) -> ConnectFailed:
    return ConnectFailed("wss://x", "refused", **fields)


def restart(run: Run, **options: Any) -> RecoveryAction:
    return RecoveryAction(RESTART, run, **{"backoff": AT_ONCE, **options})


class Calls:
    """An action that notes its calls, takes its time, and fails as often as it is told."""

    def __init__(self, seconds: float = 0.0, failures: int = 0, value: object = None) -> None:
        self.seconds = seconds
        self.failures = failures
        self.value = value
        self.made = 0
        self.at_once = 0
        self.most_at_once = 0

    async def __call__(self, _: Incident) -> object:
        self.made += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await anyio.sleep(self.seconds)
        finally:
            self.at_once -= 1
        if self.made <= self.failures:
            raise OSError("still broken")
        return self.value


def unknown() -> Exception:
    return CallTimeout("place", 1.0)


def stale() -> Exception:
    return StaleData("BTC", 9.0, 1.0)


def invalid() -> Exception:
    return ValidationError("quantity", 0, "1 or more")


def fails(_: Incident) -> None:
    raise OSError("still broken")


def nothing(_: Incident) -> None:
    pass


@contextmanager
def within_context(**fields: str) -> Iterator[None]:
    before = entered(ErrorContext(**fields))
    try:
        yield
    finally:
        left(before)


def outcomes(records: tuple[AttemptRecord, ...]) -> list[tuple[str, str]]:
    return [(record.action, record.outcome.value) for record in records]


async def in_the_background(group: anyio.abc.TaskGroup, recovery: Recovery, error: Exception, results: list[Any]) -> None:
    """Start a recovery whose result, or error, goes to the list; it runs when this returns."""

    async def run() -> None:
        try:
            results.append(await recovery.recover(error))
        except Exception as refused:
            results.append(refused)

    group.start_soon(run)
    await anyio.wait_all_tasks_blocked()


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


# Time


async def test_an_attempt_that_takes_too_long_is_cut_off() -> None:
    started = anyio.current_time()
    result = await Recovery(actions=[restart(Calls(100.0), within=5.0), restart(nothing, name="next")]).recover(lost())
    assert outcomes(result.attempts) == [("restart", "timed_out"), ("next", "succeeded")]
    assert anyio.current_time() - started == pytest.approx(5.0)


async def test_what_times_out_by_itself_has_failed() -> None:
    async def times_out(_: Incident) -> None:
        with anyio.fail_after(1.0):
            await anyio.sleep_forever()

    result = await Recovery(actions=[restart(times_out, within=5.0)]).recover(lost())
    assert outcomes(result.attempts) == [("restart", "failed")]


async def test_attempts_and_waits_are_recorded_with_their_times() -> None:
    schedule = Backoff(initial=4.0, jitter=0.0)
    recovery = Recovery(actions=[restart(Calls(2.0, failures=1), delay=1.0, attempts=2, backoff=schedule)])
    begun = anyio.current_time()
    result = await recovery.recover(lost())
    assert [(one.started - begun, one.duration, one.number) for one in result.attempts] == [
        (pytest.approx(1.0), pytest.approx(2.0), 1),
        (pytest.approx(7.0), pytest.approx(2.0), 2),
    ]


async def test_the_whole_recovery_ends_in_time_but_alerts_are_run() -> None:
    alert = Calls()
    recovery = Recovery(actions=[restart(Calls(100.0), attempts=9, within=50.0), RecoveryAction(ALERT, alert)], within=70.0)
    begun = anyio.current_time()
    result = await recovery.recover(lost())
    assert [one.outcome.value for one in result.attempts] == ["timed_out", "timed_out", "skipped", "succeeded"]
    assert (anyio.current_time() - begun, alert.made) == (pytest.approx(70.0, abs=1e-3), 1)


async def test_a_retry_waits_for_the_time_that_the_exchange_named() -> None:
    recovery = Recovery(actions=[RecoveryAction(RETRY)])
    begun = anyio.current_time()
    assert (await recovery.recover(RateLimited("slow down", retry_after=17.0))).recovered
    assert anyio.current_time() - begun == pytest.approx(17.0)


async def test_a_retry_that_would_wait_for_hours_is_skipped() -> None:
    recovery = Recovery(actions=[RecoveryAction(RETRY)])
    result = await recovery.recover(RateLimited("banned", retry_after=7200.0))
    assert result.attempts[0].error == "it would have to wait 7200.000 s; at most 60 s are waited"


# Unknown outcomes


async def test_a_retry_that_was_cut_off_is_not_sent_again() -> None:
    send = Calls(100.0)
    recovery = Recovery(actions=[RecoveryAction(RETRY, send, attempts=3, within=1.0)])
    result = await recovery.recover(lost())
    assert (send.made, result.outcome_unknown) == (1, True)
    assert outcomes(result.attempts) == [("retry", "timed_out"), ("retry", "skipped")]


async def test_an_error_of_unknown_outcome_is_not_retried_unless_idempotent() -> None:
    send, ask = Calls(), Calls()
    actions = [RecoveryAction(RETRY, send, name="send"), RecoveryAction(RETRY, ask, name="ask", idempotent=True)]
    result = await Recovery(actions=actions).recover(CallTimeout("place", 1.0))
    assert (send.made, ask.made, result.action) == (0, 1, "ask")


# One at a time


async def test_one_incident_is_recovered_from_once_however_many_report_it() -> None:
    reconnect = Calls(5.0)
    recovery = Recovery(actions=[restart(reconnect)])
    results: list[RecoveryResult] = []
    async with anyio.create_task_group() as group:
        for _ in range(20):
            await in_the_background(group, recovery, lost(), results)
    assert (reconnect.made, len(results)) == (1, 20)
    assert all(result is results[0] for result in results)
    statistics = recovery.statistics()
    assert (statistics.begun, statistics.joined, statistics.recovered) == (1, 19, 1)


async def test_different_incidents_are_recovered_from_at_the_same_time() -> None:
    reconnect = Calls(5.0)
    recovery = Recovery(actions=[restart(reconnect)])
    results: list[RecoveryResult] = []
    async with anyio.create_task_group() as group:
        await in_the_background(group, recovery, lost(component="orders"), results)
        await in_the_background(group, recovery, lost(component="books"), results)
        await in_the_background(group, recovery, OSError(), results)
        assert reconnect.at_once == recovery.statistics().running == 3


async def test_the_operation_makes_another_incident_only_where_an_action_asks_for_it() -> None:
    reconnect = Calls(5.0)
    recovery = Recovery(actions=[restart(reconnect)], strategies={"books": [restart(reconnect, when=When(operation="a"))]})
    results: list[RecoveryResult] = []
    async with anyio.create_task_group() as group:
        for component in ("orders", "books"):
            for operation in "ab":
                await in_the_background(group, recovery, lost(component=component, operation=operation), results)
        assert reconnect.at_once == 3


async def test_what_makes_the_same_incident_can_be_said() -> None:
    reconnect = Calls(5.0)
    recovery = Recovery(actions=[restart(reconnect)], key=lambda incident: "always the same")
    results: list[RecoveryResult] = []
    async with anyio.create_task_group() as group:
        await in_the_background(group, recovery, lost(component="orders"), results)
        await in_the_background(group, recovery, KeyError(), results)
        assert reconnect.at_once == 1


@pytest.mark.parametrize("key", [lambda _: [], lambda incident: incident.nonsense], ids=["unhashable", "raises"])
async def test_a_key_function_that_fails_is_replaced_by_the_usual_key(key: Callable[[Incident], Any]) -> None:
    recovery = Recovery(actions=[restart(nothing)], key=key)
    with capture_logs() as logs:
        assert (await recovery.recover(lost())).recovered
    assert (len(logs), recovery.statistics().broken_conditions) == (1, 1)


async def test_who_does_not_want_to_wait_is_told() -> None:
    recovery = Recovery(actions=[restart(Calls(5.0))])
    async with anyio.create_task_group() as group:
        await in_the_background(group, recovery, lost(), [])
        await anyio.sleep(2.0)
        with pytest.raises(RecoveryRunning) as told:
            await recovery.recover_nowait(lost())
    assert (told.value.incident, told.value.since) == ("-/network/connect_failed", pytest.approx(2.0))


async def test_who_does_not_want_to_wait_recovers_where_nobody_is_at_it() -> None:
    assert (await Recovery(actions=[restart(nothing)]).recover_nowait(lost())).recovered


async def test_nobody_waits_for_longer_than_a_recovery_may_take() -> None:
    recovery = Recovery(actions=[RecoveryAction(RETRY)], within=10.0)
    visit = recovery._visit(lost(), None, None, None)
    with visit:  # somebody recovers, and is stuck
        begun = anyio.current_time()
        with pytest.raises(RecoveryRunning):
            await recovery.recover(lost())
        assert anyio.current_time() - begun == pytest.approx(20.0)


async def test_two_recoveries_of_one_program_do_not_mix() -> None:
    calls = Calls(5.0)
    results: list[RecoveryResult] = []
    async with anyio.create_task_group() as group:
        for _ in range(2):
            await in_the_background(group, Recovery(actions=[restart(calls)]), lost(), results)
        assert calls.at_once == 2


# Cancellation


async def test_cancellation_passes_through_and_is_recorded_as_no_verdict() -> None:
    recovery = Recovery(actions=[restart(Calls(100.0), within=50.0)])
    with anyio.move_on_after(1.0) as scope:
        await recovery.recover(lost())
    assert scope.cancelled_caught
    assert outcomes(recovery.attempts_made()) == [("restart", "cancelled")]
    statistics = recovery.statistics()
    assert (statistics.running, statistics.abandoned, statistics.failed) == (0, 1, 0)


async def test_after_a_cancelled_recovery_the_incident_is_recovered_from_again() -> None:
    calls = Calls(5.0)
    recovery = Recovery(actions=[restart(calls)])
    with anyio.move_on_after(1.0):
        await recovery.recover(lost())
    assert (await recovery.recover(lost())).recovered


async def test_when_the_one_who_recovers_is_cancelled_the_next_one_takes_over() -> None:
    calls = Calls(5.0)
    recovery = Recovery(actions=[restart(calls)])
    results: list[RecoveryResult] = []
    async with anyio.create_task_group() as group:
        first = anyio.CancelScope()

        async def leader() -> None:
            with first:
                await recovery.recover(lost())
                results.append(RecoveryResult(recovered=False))

        group.start_soon(leader)
        await anyio.wait_all_tasks_blocked()
        for _ in range(3):
            await in_the_background(group, recovery, lost(), results)
        await anyio.sleep(1.0)
        first.cancel()
    assert (calls.made, calls.most_at_once) == (2, 1)
    assert len(results) == 3
    assert all(outcomes(result.attempts) == [("restart", "cancelled"), ("restart", "succeeded")] for result in results)


async def test_when_all_who_could_take_over_are_cancelled_at_once_nobody_is_left_behind() -> None:
    calls = Calls(5.0)
    recovery = Recovery(actions=[restart(calls)])
    results: list[RecoveryResult] = []
    async with anyio.create_task_group() as group, anyio.create_task_group() as most:
        for _ in range(4):
            most.start_soon(recovery.recover, lost())
        await anyio.wait_all_tasks_blocked()
        await in_the_background(group, recovery, lost(), results)
        most.cancel_scope.cancel()
    assert (calls.made, len(results), results[0].recovered, recovery.statistics().running) == (2, 1, True, 0)


async def test_who_waits_and_is_cancelled_only_leaves() -> None:
    calls = Calls(5.0)
    recovery = Recovery(actions=[restart(calls)])
    results: list[RecoveryResult] = []
    async with anyio.create_task_group() as group:
        await in_the_background(group, recovery, lost(), results)
        with anyio.move_on_after(1.0) as scope:
            await recovery.recover(lost())
    assert (scope.cancelled_caught, calls.made, results[0].recovered) == (True, 1, True)


async def test_a_foreign_timeout_is_not_taken_for_the_attempt_s_own() -> None:
    recovery = Recovery(actions=[restart(Calls(100.0), within=1.0)])
    with anyio.move_on_after(1.0) as scope:  # due in the same instant, and outside
        await recovery.recover(lost())
    assert scope.cancelled_caught or recovery.attempts_made()[0].outcome is AttemptOutcome.TIMED_OUT
    assert recovery.statistics().running == 0


async def test_only_an_exception_is_recovered_from() -> None:
    recovery = Recovery(actions=[restart(nothing)])
    for error in (KeyboardInterrupt(), SystemExit(), GeneratorExit()):
        with pytest.raises(TypeError, match="expected an Exception"):
            await recovery.recover(error)  # what must not be done


async def test_what_is_no_exception_leaves_an_action_untouched() -> None:
    interrupt = KeyboardInterrupt()

    def interrupts(_: Incident) -> None:
        raise interrupt

    recovery = Recovery(actions=[restart(interrupts, attempts=3), restart(nothing)])
    with pytest.raises(KeyboardInterrupt) as caught:
        await recovery.recover(lost())
    assert caught.value is interrupt
    assert recovery.statistics().running == 0


# Loops


async def test_a_recovery_inside_itself_is_refused_at_once() -> None:
    refused: list[Exception] = []

    async def reports_again(incident: Incident) -> None:
        try:
            await recovery.recover(incident.error)
        except RecoveryLoop as loop:
            refused.append(loop)
            raise

    recovery = Recovery(actions=[restart(reports_again, attempts=5), restart(nothing, name="next")])
    result = await recovery.recover(lost())
    assert outcomes(result.attempts) == [("restart", "looped"), ("next", "succeeded")]
    assert str(refused[0]).endswith("-/network/connect_failed -> -/network/connect_failed")
    assert refused[0].__cause__ is not None
    assert recovery.statistics().loops == 1


async def test_a_chain_of_recoveries_that_comes_back_is_cut_off() -> None:
    seen: list[list[tuple[str, str]]] = []

    def reporting(component: str) -> Run:
        async def report(_: Incident) -> None:
            result = await recovery.recover(lost(component=component))
            seen.append(outcomes(result.attempts))
            assert result.recovered

        return report

    recovery = Recovery(strategies={"a": [restart(reporting("b"))], "b": [restart(reporting("a"))]})
    result = await recovery.recover(lost(component="a"))
    assert (seen, outcomes(result.attempts)) == ([[("restart", "looped")]], [("restart", "failed")])


async def test_recoveries_inside_each_other_are_bounded_in_depth() -> None:
    deepest = 0

    async def report_another(incident: Incident) -> None:
        nonlocal deepest
        level = int(incident.component or 0)
        deepest = max(deepest, level)
        await recovery.recover(lost(component=str(level + 1)))

    recovery = Recovery(actions=[restart(report_another)], depth=3)
    assert (await recovery.recover(lost(component="1"))).recovered
    assert (deepest, recovery.statistics().loops) == (3, 1)


async def test_two_recoveries_that_wait_for_each_other_are_cut_off() -> None:
    def reporting(component: str) -> Run:
        async def report(_: Incident) -> None:
            await anyio.sleep(1.0)
            await recovery.recover(lost(component=component))

        return report

    recovery = Recovery(strategies={"a": [restart(reporting("b"))], "b": [restart(reporting("a"))]})
    results: list[RecoveryResult] = []
    begun = anyio.current_time()
    async with anyio.create_task_group() as group:
        await in_the_background(group, recovery, lost(component="a"), results)
        await in_the_background(group, recovery, lost(component="b"), results)
    assert anyio.current_time() - begun == pytest.approx(1.0)
    assert sorted(result.recovered for result in results) == [False, True]


async def test_who_waited_for_another_once_does_not_stand_in_its_way_later() -> None:
    async def waits_for_b(_: Incident) -> None:
        await recovery.recover(lost(component="b"))
        await anyio.sleep(10.0)

    async def waits_for_a_the_second_time(incident: Incident) -> None:
        await anyio.sleep(1.0)
        if incident.times == 2:
            await recovery.recover(lost(component="a"))

    recovery = Recovery(strategies={"a": [restart(waits_for_b)], "b": [restart(waits_for_a_the_second_time)]})
    results: list[RecoveryResult] = []
    async with anyio.create_task_group() as group:
        await in_the_background(group, recovery, lost(component="b"), results)
        await in_the_background(group, recovery, lost(component="a"), results)
        await anyio.sleep(2.0)
        await in_the_background(group, recovery, lost(component="b"), results)
    assert ([result.recovered for result in results], recovery.statistics().loops) == ([True] * 3, 0)


async def test_what_a_restart_has_started_may_report_the_same_incident_later() -> None:
    recovery: Recovery
    results: list[RecoveryResult] = []
    async with anyio.create_task_group() as group:

        async def component() -> None:
            await anyio.sleep(1.0)
            results.append(await recovery.recover(lost()))

        starts = 0

        def start(_: Incident) -> None:
            nonlocal starts
            starts += 1
            if starts == 1:
                group.start_soon(component)  # it inherits the context of the recovery, and outlives it

        recovery = Recovery(actions=[restart(start)])
        await recovery.recover(lost())
    assert [result.recovered for result in results] == [True]


# Too often


async def test_an_incident_that_comes_too_often_is_escalated_and_then_refused() -> None:
    calls, alert = Calls(), Calls()
    recovery = Recovery(actions=[restart(calls), RecoveryAction(ALERT, alert)], limit=3, window=60.0)
    refused = []
    for _ in range(6):
        try:
            await recovery.recover(lost())
        except RecoveryFailed as failed:
            refused.append(failed)
    assert (calls.made, alert.made) == (3, 1)
    assert [failed.attempts for failed in refused] == [1, 0, 0]
    assert all(isinstance(failed.__cause__, ConnectFailed) for failed in refused)
    assert str(refused[0]) == (
        "no recovery from -/network/connect_failed: it came more than 3 times within 60 s; only alerts were run"
    )


async def test_after_a_quiet_time_it_is_recovered_from_again() -> None:
    recovery = Recovery(actions=[restart(nothing)], limit=1, window=10.0, quiet=30.0)
    await recovery.recover(lost())
    for _ in range(2):
        with pytest.raises(RecoveryFailed):
            await recovery.recover(lost())
        await anyio.sleep(20.0)
    await anyio.sleep(10.0)
    assert (await recovery.recover(lost())).recovered


async def test_an_incident_that_comes_rarely_is_always_recovered_from() -> None:
    recovery = Recovery(actions=[restart(nothing)], limit=1, window=10.0)
    for _ in range(5):
        assert (await recovery.recover(lost())).recovered
        await anyio.sleep(10.0)


async def test_an_alert_that_was_cancelled_is_given_when_the_incident_comes_again() -> None:
    alert = Calls(1.0)
    recovery = Recovery(actions=[restart(nothing), RecoveryAction(ALERT, alert)], limit=1)
    await recovery.recover(lost())
    with anyio.move_on_after(0.5):
        await recovery.recover(lost())
    with pytest.raises(RecoveryFailed, match="only alerts were run"):
        await recovery.recover(lost())
    assert alert.made == 2


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


async def test_no_secret_is_in_a_record() -> None:
    def leaks(_: Incident) -> None:
        raise OSError("GET https://user:hunter2@host/?signature=abcdef1234 failed, api_key=topsecret")

    recovery = Recovery(actions=[restart(leaks)], key=lambda _: "orders token=abc123")
    result = await recovery.recover(lost())
    shown = str([record.to_dict() for record in result.attempts]) + repr(result)
    assert not [secret for secret in ("hunter2", "abcdef1234", "topsecret", "abc123") if secret in shown]


async def test_the_text_of_a_long_error_is_shortened() -> None:
    def talks(_: Incident) -> None:
        raise OSError("x" * 100_000)

    result = await Recovery(actions=[restart(talks)]).recover(lost())
    assert len(result.attempts[0].error or "") < 250


async def test_the_history_is_bounded_and_what_it_forgot_is_counted() -> None:
    recovery = Recovery(actions=[restart(nothing)], history=3, limit=100)
    for _ in range(5):
        await recovery.recover(lost())
    assert (len(recovery.attempts_made()), recovery.statistics().history_dropped) == (3, 2)


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


# Threads


def test_a_thread_recovers_with_actions_that_are_not_async() -> None:
    result = Recovery(actions=[restart(Calls(), name="async"), restart(lambda _: 7, name="sync")]).recover_sync(lost())
    assert (result.action, result.value) == ("sync", 7)


async def _coroutine(_: Incident) -> None: ...


def test_a_thread_skips_what_is_async_and_refuses_what_turns_out_to_be() -> None:
    def plain(incident: Incident) -> Awaitable[object]:
        return _coroutine(incident)

    recovery = Recovery(actions=[restart(_coroutine), restart(plain, name="hidden")])
    result = recovery.recover_sync(lost())
    assert outcomes(result.attempts) == [("restart", "skipped"), ("hidden", "failed")]


async def test_a_recovery_in_the_thread_of_a_loop_never_blocks_it() -> None:
    recovery = Recovery(actions=[restart(nothing, delay=1.0, name="later"), restart(nothing, name="at once")])
    result = recovery.recover_sync(lost())
    assert outcomes(result.attempts) == [("later", "skipped"), ("at once", "succeeded")]


async def test_in_the_thread_of_a_loop_nobody_waits_for_another() -> None:
    recovery = Recovery(actions=[restart(Calls(5.0))])
    async with anyio.create_task_group() as group:
        await in_the_background(group, recovery, lost(), [])
        with pytest.raises(RecoveryRunning):
            recovery.recover_sync(lost())


@pytest.mark.real_time
def test_eight_threads_recover_from_one_incident_once() -> None:
    begun, go_on = threading.Event(), threading.Event()
    made = []

    def reconnect(_: Incident) -> str:
        made.append(1)
        begun.set()
        assert go_on.wait(30.0)
        return "value"

    recovery = Recovery(actions=[restart(reconnect)])
    results: list[RecoveryResult] = []
    threads = [threading.Thread(target=lambda: results.append(recovery.recover_sync(lost()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert begun.wait(30.0)
    eventually(lambda: recovery.statistics().joined == 7)
    go_on.set()
    for thread in threads:
        thread.join(30.0)
    assert (len(made), len(results)) == (1, 8)
    assert all(result is results[0] for result in results)


@pytest.mark.real_time
def test_eight_threads_that_recover_in_turn_count_as_one_does() -> None:
    def work(recovery: Recovery, thread: int) -> None:
        for number in range(20):
            recovery.recover_sync(lost(component=f"{thread} {number}"))

    def make() -> Recovery:
        return Recovery(actions=[restart(fails), RecoveryAction(ALERT, nothing), restart(nothing, name="b")])

    alone, together = make(), make()
    for number in range(8):
        work(alone, number)
    threads = [threading.Thread(target=work, args=(together, number)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert together.statistics() == alone.statistics()


@pytest.mark.real_time
async def test_a_thread_joins_a_recovery_that_runs_in_a_loop() -> None:
    go_on = anyio.Event()

    async def reconnect(_: Incident) -> str:
        await go_on.wait()
        return "value"

    recovery = Recovery(actions=[restart(reconnect)])
    results: list[Any] = []
    async with anyio.create_task_group() as group:
        await in_the_background(group, recovery, lost(), results)

        async def thread() -> None:
            results.append(await anyio.to_thread.run_sync(recovery.recover_sync, lost()))

        group.start_soon(thread)
        while recovery.statistics().joined < 1:
            await anyio.sleep(0.001)
        go_on.set()
    assert [result.value for result in results] == ["value", "value"]


@pytest.mark.real_time
async def test_a_thread_takes_over_from_a_task_that_was_cancelled() -> None:
    calls = []

    def switch(_: Incident) -> None:
        calls.append(threading.current_thread() is threading.main_thread())

    recovery = Recovery(actions=[restart(Calls(100.0)), restart(switch, name="switch")])
    results: list[RecoveryResult] = []
    async with anyio.create_task_group() as group:
        scope = anyio.CancelScope()

        async def leader() -> None:
            with scope:
                await recovery.recover(lost())

        async def thread() -> None:
            results.append(await anyio.to_thread.run_sync(recovery.recover_sync, lost()))

        group.start_soon(leader)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(thread)
        while recovery.statistics().joined < 1:
            await anyio.sleep(0.001)
        scope.cancel()
    assert (calls, results[0].action) == ([False], "switch")


# The guard


def mended(kind: RecoveryKind, run: Run = nothing) -> Recovery:
    # A retry with a `run` would have made the call itself.
    return Recovery(actions=[RecoveryAction(kind, None if kind in (IGNORE, RETRY) else run, name=f"the {kind}")])


class Flaky:
    """A function that fails the first times."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def sync(self, value: int) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return value

    async def task(self, value: int) -> int:
        await anyio.lowlevel.checkpoint()
        return self.sync(value)

    async def through(self, guard: Any, value: int = 7, *, threaded: bool) -> int:
        return guard(self.sync)(value) if threaded else await guard(self.task)(value)


BOTH = pytest.mark.parametrize("threaded", [True, False], ids=["sync", "async"])


@BOTH
@pytest.mark.parametrize("kind", [RETRY, RESTART, FALLBACK])
async def test_a_guarded_function_is_called_once_more_when_it_was_made_possible(kind: RecoveryKind, threaded: bool) -> None:
    flaky = Flaky(lost())
    assert await flaky.through(mended(kind).guard("orders"), threaded=threaded) == 7
    assert flaky.calls == 2


@BOTH
async def test_what_a_retry_carried_out_itself_is_done_again_only_if_it_is_idempotent(threaded: bool) -> None:
    """The retry's `run` made the call: the guard, and any retry around it, would make it a second time."""
    sent = Recovery(actions=[RecoveryAction(RETRY, nothing)])
    flaky = Flaky(lost())
    with pytest.raises(UnknownOutcome):
        await flaky.through(sent.guard("orders"), threaded=threaded)
    assert flaky.calls == 1
    again = Flaky(lost())
    assert await again.through(sent.guard("orders", idempotent=True), threaded=threaded) == 7
    assert again.calls == 2


@BOTH
async def test_a_second_failure_goes_on(threaded: bool) -> None:
    second = lost()
    flaky = Flaky(lost(), second)
    with pytest.raises(ConnectFailed) as caught:
        await flaky.through(mended(RESTART).guard("orders"), threaded=threaded)
    assert caught.value is second
    assert flaky.calls == 2


@BOTH
@pytest.mark.parametrize("kind", [DEGRADE, IGNORE])
async def test_what_is_left_undone_has_the_result_that_stands_instead(kind: RecoveryKind, threaded: bool) -> None:
    flaky = Flaky(lost())
    assert await flaky.through(mended(kind).guard("orders", instead=lambda value: -value), threaded=threaded) == -7
    assert flaky.calls == 1


@BOTH
async def test_what_is_left_undone_has_no_result_unless_one_is_given(threaded: bool) -> None:
    assert await Flaky(lost()).through(mended(DEGRADE).guard("orders"), threaded=threaded) is None


@BOTH
@pytest.mark.parametrize("make", [unknown, stale, invalid])
async def test_what_is_not_idempotent_is_not_called_again_unless_that_is_safe(
    make: Callable[[], Exception], threaded: bool
) -> None:
    error = make()
    flaky = Flaky(error)
    with pytest.raises(type(error)) as caught:
        await flaky.through(mended(RESTART).guard("orders"), threaded=threaded)
    assert (caught.value, flaky.calls) == (error, 1)
    assert error.__notes__ == ["recovery: by the restart; not called again, which would not be safe unless idempotent"]


@BOTH
@pytest.mark.parametrize("make", [unknown, stale])
async def test_what_is_idempotent_is_called_again(make: Callable[[], Exception], threaded: bool) -> None:
    flaky = Flaky(make())
    assert await flaky.through(mended(RESTART).guard("orders", idempotent=True), threaded=threaded) == 7


async def test_what_an_attempt_may_have_sent_is_not_sent_again_by_the_guard() -> None:
    flaky = Flaky(lost())
    recovery = Recovery(actions=[RecoveryAction(RETRY, Calls(100.0), within=1.0), restart(nothing)])
    with pytest.raises(UnknownOutcome) as caught:
        await recovery.guard("orders")(flaky.task)(7)
    assert flaky.calls == 1
    assert isinstance(caught.value.__cause__, ConnectFailed)


@BOTH
async def test_an_error_that_nothing_recovers_goes_on_with_a_note(threaded: bool) -> None:
    error = lost()
    with pytest.raises(ConnectFailed) as caught:
        await Flaky(error).through(mended(RESTART, fails).guard("orders"), threaded=threaded)
    assert (caught.value, caught.value.__notes__) == (error, ["recovery: none, after 1 attempt"])


@BOTH
async def test_an_error_that_comes_too_often_goes_on_with_a_note(threaded: bool) -> None:
    recovery = Recovery(actions=[restart(nothing)], limit=1)
    errors = [lost() for _ in range(9)]
    for _ in range(2):
        with pytest.raises(ConnectFailed) as caught:
            await Flaky(*errors).through(recovery.guard("orders"), threaded=threaded)
    assert "it came more than 1 times within 60 s" in caught.value.__notes__[0]


async def test_a_guarded_function_that_fails_inside_its_own_recovery_is_not_recovered_from() -> None:
    flaky = Flaky(*[lost() for _ in range(9)])

    async def use(_: Incident) -> None:
        await guarded(1)

    recovery = Recovery(actions=[restart(use, attempts=2)])
    guarded = recovery.guard("orders")(flaky.task)
    with pytest.raises(ConnectFailed):
        await guarded(7)
    assert (flaky.calls, recovery.statistics().loops) == (3, 2)


@BOTH
async def test_notes_do_not_pile_up_on_an_error_that_is_raised_again_and_again(threaded: bool) -> None:
    error = lost()
    recovery = Recovery()
    for _ in range(50):
        with pytest.raises(ConnectFailed):
            await Flaky(error).through(recovery.guard("orders"), threaded=threaded)
    assert len(error.__notes__) == 8


@BOTH
async def test_a_guarded_function_that_succeeds_is_not_touched(threaded: bool) -> None:
    recovery = mended(RESTART)
    assert await Flaky().through(recovery.guard("orders"), threaded=threaded) == 7
    assert recovery.statistics().begun == 0


async def test_cancellation_passes_a_guard_untouched() -> None:
    recovery = mended(IGNORE)

    @recovery.guard("orders")
    async def sleep() -> None:
        await anyio.sleep_forever()

    with anyio.move_on_after(1.0) as scope:
        await sleep()
    assert scope.cancelled_caught
    assert recovery.statistics().begun == 0


async def test_the_operation_is_the_error_s_own_or_the_function_s_name() -> None:
    recovery = mended(IGNORE)
    await recovery.guard("orders")(Flaky(lost()).task)(1)
    await recovery.guard("orders")(Flaky(lost(operation="place")).task)(1)
    await recovery.guard("orders", "cancel")(Flaky(lost()).task)(1)
    assert [record.operation for record in recovery.attempts_made()] == ["task", "place", "cancel"]


async def test_two_uses_of_one_guard_do_not_mix() -> None:
    recovery = Recovery(actions=[restart(Calls(1.0))])
    guard = recovery.guard("orders")
    results = []

    async def use(number: int, *errors: Exception) -> None:
        results.append(await guard(Flaky(*errors).task)(number))

    async with anyio.create_task_group() as group:
        group.start_soon(use, 1, lost())
        group.start_soon(use, 2)
        group.start_soon(use, 3, lost())
    assert sorted(results) == [1, 2, 3]


async def use_block(guard: RecoveryGuard, error: Exception, *, threaded: bool) -> None:
    if threaded:
        with guard:
            raise error
    else:
        async with guard:
            raise error


@BOTH
@pytest.mark.parametrize("kind", [IGNORE, DEGRADE])
async def test_a_block_ends_where_its_error_is_of_no_consequence(kind: RecoveryKind, threaded: bool) -> None:
    await use_block(mended(kind).guard("orders"), lost(), threaded=threaded)


@BOTH
@pytest.mark.parametrize("kind", [RESTART, RETRY])
async def test_a_block_is_not_run_twice(kind: RecoveryKind, threaded: bool) -> None:
    error = lost()
    with pytest.raises(ConnectFailed) as caught:
        await use_block(mended(kind).guard("orders"), error, threaded=threaded)
    assert (caught.value, error.__notes__) == (error, [f"recovery: by the {kind}; a block is not run twice"])


async def test_cancellation_passes_a_block_untouched() -> None:
    recovery = mended(IGNORE)
    with anyio.move_on_after(1.0) as scope:
        async with recovery.guard("orders"):
            await anyio.sleep_forever()
    assert (scope.cancelled_caught, recovery.statistics().begun) == (True, 0)


def test_a_guard_says_what_it_is() -> None:
    guard = Recovery(name="bot").guard("orders", idempotent=True)
    assert (str(guard), guard.name, guard.statistics().begun) == ("recovery bot of orders (idempotent)", "bot", 0)
