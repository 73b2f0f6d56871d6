"""What our address may spend: attempts in a strict window, weight, and what the exchange says of them, across restarts."""

from __future__ import annotations

import itertools
from typing import Any

import anyio
import pytest

from actors.ports import Role
from actors.protocol import Denial, Denied, Lease, LeaseEnded, LeaseOutcome, Purpose
from supervisor import MemoryStore
from supervisor.testing import crash, kill
from tests.actors.connections.office import ONE, Office, limits, office

pytestmark = pytest.mark.anyio

FEW = limits(attempts=5, attempts_within=20.0)


def assert_paced(times: list[float], limit: int, within: float) -> None:
    assert len(times) > limit
    assert all(later >= first + within - 1e-4 for first, later in zip(times, times[limit:], strict=False))


async def dial_for(here: Office, seconds: float, pace: float = 0.05) -> list[float]:
    """Ask as soon as it is allowed, and have every connection dropped: when leases were granted."""
    times, end = [], anyio.current_time() + seconds
    while anyio.current_time() < end:
        answer = await here.ask()
        if isinstance(answer, Denied):
            await anyio.sleep(max(answer.until - anyio.current_time(), 0.01))
            continue
        times.append(anyio.current_time())
        here.manager.tell(LeaseOutcome(answer.id))
        here.manager.tell(LeaseEnded(answer.id))
        await anyio.sleep(pace)
    return times


async def test_attempts_are_paced_by_a_strict_window() -> None:
    async with office(limits=FEW) as here:
        assert_paced(await dial_for(here, 120.0), 5, 20.0)


@pytest.mark.parametrize("end", [crash, kill])
async def test_attempts_are_paced_across_a_crash_of_the_manager(end: Any) -> None:
    async with office(limits=FEW) as here:
        times: list[float] = []
        for _ in range(4):
            times += await dial_for(here, 15.0)
            await here.restart(end)
        assert_paced(times, 5, 20.0)


async def test_a_storm_never_uses_up_all_attempts_for_minutes() -> None:
    """300 in 300 s: after three quarters, one every few seconds, so that who needs one soon gets one."""
    async with office(limits=limits(attempts=300, attempts_within=300.0)) as here:
        times = await dial_for(here, 600.0, pace=0.0)
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert max(gaps) < 5.0
        assert_paced(times, 300, 300.0)


async def test_a_burst_after_an_outage_is_served_within_seconds() -> None:
    """200 streams that ask at once, each with a dial of 0.2 s, as soon as an exchange is back whose breaker was open."""
    async with office(ONE, limits=limits(attempts=300, attempts_within=300.0)) as here:
        await here.fail()
        await here.settle(6.0)
        began, served = anyio.current_time(), []

        async def stream() -> None:
            while True:
                answer = await here.ask()
                if isinstance(answer, Lease):
                    await anyio.sleep(0.2)
                    here.manager.tell(LeaseOutcome(answer.id))
                    served.append(anyio.current_time() - began)
                    return
                await anyio.sleep(max(answer.until - anyio.current_time(), 0.01))

        async with anyio.create_task_group() as group:
            for _ in range(200):
                group.start_soon(stream)
        assert max(served) < 10.0


async def test_a_burst_into_a_fault_costs_few_attempts() -> None:
    """200 streams ask at once, and each dial is refused after 0.2 s: the breaker opens before all have been spent."""
    async with office(ONE, limits=limits(attempts=300, attempts_within=300.0)) as here:
        granted = [await here.ask() for _ in range(200)]
        assert sum(isinstance(answer, Lease) for answer in granted) == 16
        assert {answer.kind for answer in granted if isinstance(answer, Denied)} == {Denial.PACED}


async def test_those_who_wait_are_not_told_to_come_back_in_the_same_instant() -> None:
    async with office(ONE) as here:
        answers = [await here.ask() for _ in range(25)]
        untils = [answer.until for answer in answers if isinstance(answer, Denied)]
        assert len(set(untils)) == len(untils) == 9


async def test_the_weight_of_requests_stays_within_its_window() -> None:
    async with office(limits=limits(weight=600)) as here:
        began = anyio.current_time()
        assert isinstance(await here.weight(400), Lease)
        denied = await here.weight(201)
        assert isinstance(denied, Denied)
        assert denied.until == pytest.approx(began + 60.0)
        await here.settle(60.0)
        assert isinstance(await here.weight(201), Lease)


async def test_weight_that_others_of_our_address_spent_counts_too() -> None:
    async with office(limits=limits(weight=600)) as here:
        granted = await here.weight(1)
        assert isinstance(granted, Lease)
        here.manager.tell(LeaseOutcome(granted.id, used_weight=590))
        assert isinstance(await here.weight(11), Denied)
        assert isinstance(await here.weight(10), Lease)


async def test_a_count_below_ours_changes_nothing() -> None:
    async with office(limits=limits(weight=600)) as here:
        granted = await here.weight(500)
        assert isinstance(granted, Lease)
        here.manager.tell(LeaseOutcome(granted.id, used_weight=3))
        assert isinstance(await here.weight(101), Denied)


@pytest.mark.parametrize("end", [crash, kill])
async def test_spent_weight_is_remembered_across_a_crash(end: Any) -> None:
    async with office(limits=limits(weight=600)) as here:
        await here.weight(600)
        await here.restart(end)
        assert isinstance(await here.weight(1), Denied)


@pytest.mark.parametrize(("seconds", "kind"), [(30.0, Denied), (70.0, Lease)], ids=["30 s", "70 s"])
async def test_spent_weight_counts_for_the_next_process_while_its_window_lasts(
    down: list[float], seconds: float, kind: type[Lease | Denied]
) -> None:
    store = MemoryStore()
    async with office(limits=limits(weight=600), store=store) as here:
        assert isinstance(await here.weight(500), Lease)
    down[0] = seconds
    async with office(limits=limits(weight=600), store=store) as here:
        assert isinstance(await here.weight(300), kind)


async def test_more_leases_than_can_be_held_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.connection_manager.LEASES_AT_ONCE", 3)
    async with office() as here:
        for _ in range(3):
            await here.opened()
        denied = await here.denied()
        assert "3 leases" in denied.reason
        assert isinstance(await here.ask(role=Role.STREAM, purpose=Purpose.SPARE), Denied)
