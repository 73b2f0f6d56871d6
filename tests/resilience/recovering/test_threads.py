"""Threads that recover: with what is not async, beside each other and beside a loop."""

from __future__ import annotations

import threading
from collections.abc import Awaitable
from typing import Any

import anyio
import pytest

from actors.errors import RecoveryRunning
from actors.resilience import Incident, Recovery, RecoveryAction, RecoveryResult
from tests.resilience.eventually import eventually
from tests.resilience.recovering.calls import ALERT, Calls, fails, in_the_background, lost, nothing, outcomes, restart

pytestmark = pytest.mark.anyio


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
