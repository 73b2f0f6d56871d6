"""An incident that comes back: inside of its own recovery, or too often after it."""

from __future__ import annotations

import anyio
import pytest

from actors.errors import ConnectFailed, RecoveryFailed, RecoveryLoop
from actors.resilience import Incident, Recovery, RecoveryAction, RecoveryResult
from tests.resilience.recovering.calls import ALERT, Calls, Run, in_the_background, lost, nothing, outcomes, restart

pytestmark = pytest.mark.anyio


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
