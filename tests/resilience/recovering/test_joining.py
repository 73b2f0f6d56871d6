"""An incident that several report: one recovers, the others join, and one of them takes over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from actors.errors import RecoveryRunning
from actors.resilience import Incident, Recovery, RecoveryAction, RecoveryResult, When
from tests.resilience.recovering.calls import RETRY, Calls, in_the_background, lost, nothing, outcomes, restart

pytestmark = pytest.mark.anyio


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
