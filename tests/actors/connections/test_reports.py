"""What a ConnectionManager tells: of endpoints, of what is getting short, of its own beginning; and what operators tell it."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from actors.ports import Role
from actors.protocol import (
    LEASES,
    Denial,
    EndpointDown,
    EndpointReport,
    EndpointStates,
    EndpointUp,
    IsolateEndpoint,
    Lease,
    LeaseEnded,
    LeaseHeld,
    LeaseOutcome,
    Pressure,
    ReleaseEndpoint,
    ResetBreakers,
    UseEndpoints,
)
from supervisor import MemoryStore
from supervisor.testing import crash, kill
from tests.actors.connections.office import ONE, Office, limits, office

pytestmark = pytest.mark.anyio


# ---- endpoints


async def test_every_outcome_is_reported() -> None:
    async with office() as here:
        good, bad = await here.lease(), await here.lease()
        here.manager.tell(LeaseOutcome(good.id, seconds=0.3))
        here.manager.tell(LeaseOutcome(bad.id, error="refused", seconds=2.0))
        asked = await here.weight()
        assert isinstance(asked, Lease)
        here.manager.tell(LeaseOutcome(asked.id, error="HTTP 502"))
        await here.settle()
        assert here.heard(EndpointReport) == [
            EndpointReport(Role.STREAM, "stream-1", True, 0.3, "", "binance"),
            EndpointReport(Role.STREAM, "stream-1", False, 2.0, "refused", "binance"),
            EndpointReport(Role.REST, "rest-1", False, None, "HTTP 502", "binance"),
        ]


@pytest.mark.parametrize("said", ["blameless", "banned", "paced"])
async def test_what_says_nothing_about_the_endpoint_is_not_reported(said: str) -> None:
    async with office() as here:
        granted = await here.lease()
        outcome = LeaseOutcome(
            granted.id, error="no", blameless=said == "blameless", banned=said == "banned", paced=said == "paced"
        )
        here.manager.tell(outcome)
        await here.settle()
        assert here.reports() == []


@pytest.mark.parametrize(("blameless", "expected"), [(True, [True]), (False, [True, False])])
async def test_a_lost_connection_is_reported_unless_the_endpoint_is_not_to_blame(blameless: bool, expected: list[bool]) -> None:
    async with office() as here:
        granted = await here.opened()
        here.manager.tell(LeaseEnded(granted.id, "reset", blameless))
        await here.settle()
        assert here.reports() == [("stream-1", ok) for ok in expected]


async def test_an_outcome_counts_once() -> None:
    async with office() as here:
        granted = await here.lease()
        for _ in range(3):
            here.manager.tell(LeaseOutcome(granted.id))
        for _ in range(3):
            here.manager.tell(LeaseEnded(granted.id, "lost", blameless=False))
        await here.settle()
        assert here.reports() == [("stream-1", True), ("stream-1", False)]


# ---- what is getting short


async def test_pressure_is_told_in_steps_and_when_there_is_too_little() -> None:
    async with office(limits=limits(attempts=100, attempts_within=300.0)) as here:
        for _ in range(80):
            answer = await here.ask()
            while not isinstance(answer, Lease):
                await anyio.sleep(max(answer.until - anyio.current_time(), 0.01))
                answer = await here.ask()
            here.manager.tell(LeaseOutcome(answer.id))
        await here.settle()
        shares = here.pressures("attempts")
        assert shares == sorted(shares)
        assert len(shares) <= 21
        assert any(0.99 < share < 1.04 for share in shares)


async def test_pressure_is_told_to_be_over() -> None:
    async with office(limits=limits(attempts=8, attempts_within=60.0)) as here:
        for _ in range(6):
            await here.opened()
        await here.settle()
        assert here.pressures("attempts")[-1] == 1.0
        await here.settle(70.0)
        assert here.pressures("attempts")[-1] == 0.0


async def test_a_request_that_finds_too_little_weight_is_pressure() -> None:
    async with office(limits=limits(weight=600)) as here:
        await here.weight(400)
        await here.weight(300)
        await here.settle()
        assert here.pressures("weight") == [pytest.approx(400 / 600), 1.0]
        await here.settle(70.0)
        assert here.pressures("weight")[-1] == 0.0


async def test_a_ban_is_pressure() -> None:
    async with office() as here:
        granted = await here.lease()
        here.manager.tell(LeaseOutcome(granted.id, error="429", paced=True, open_until=anyio.current_time() + 5.0))
        await here.settle()
        assert here.pressures("rate") == [1.0]


@pytest.mark.parametrize(("too_much", "expected"), [(True, [1.0]), (False, [])])
async def test_a_close_for_too_many_messages_is_pressure(too_much: bool, expected: list[float]) -> None:
    async with office() as here:
        granted = await here.opened()
        here.manager.tell(LeaseEnded(granted.id, "port 51008 is closed", asked_too_much=too_much))
        await here.settle()
        assert here.pressures("rate") == expected


async def test_what_changes_nothing_is_not_told_again() -> None:
    async with office() as here:
        await here.settle(60.0)
        assert here.heard(Pressure) == []


# ---- a restart


async def test_a_life_begins_by_asking_who_holds_what() -> None:
    async with office() as here:
        assert len(here.published[LEASES.key]) <= 1  # the first may have been before anybody listened
        await here.restart(crash)
        await here.settle()
        assert here.published[LEASES.key][-1].venue == "binance"


@pytest.mark.parametrize("end", [crash, kill])
async def test_connections_of_an_earlier_life_count_again(end: Any) -> None:
    async with office() as here:
        granted = await here.opened()
        await here.settle()
        await here.restart(end)
        assert await held(here) == 0
        tell_held(here, granted)
        assert await held(here) == 1
        here.manager.tell(LeaseEnded(granted.id, "reset", blameless=False))
        assert await held(here) == 0
        await here.settle()
        assert here.reports() == [("stream-1", True), ("stream-1", False)]


@pytest.mark.parametrize("end", [crash, kill])
async def test_holders_of_an_earlier_life_are_monitored_again(end: Any) -> None:
    async with office() as here:
        granted = await here.opened()
        await here.restart(crash)
        tell_held(here, granted)
        assert await held(here) == 1
        end(here.holder())
        await here.settle(0.01)
        assert await held(here) == 0


async def test_what_is_said_twice_or_of_an_unknown_endpoint_counts_once_or_not() -> None:
    async with office() as here:
        granted = await here.opened()
        await here.restart(crash)
        tell_held(here, granted)
        tell_held(here, granted)
        here.manager.tell(LeaseHeld(17, Role.STREAM, "nowhere", here.holder(), granted.expiry))
        assert await held(here) == 1


async def test_a_lease_of_this_life_that_is_said_to_be_held_keeps_its_permit() -> None:
    async with office() as here:
        granted = await here.lease()
        tell_held(here, granted)
        here.manager.tell(LeaseOutcome(granted.id))
        await here.settle()
        assert here.reports() == [("stream-1", True)]


def tell_held(here: Office, granted: Lease) -> None:
    here.manager.tell(LeaseHeld(granted.id, Role.STREAM, granted.endpoint.name, here.holder(), granted.expiry))


async def held(here: Office) -> int:
    states = await here.manager.ask(EndpointStates())
    return sum(state["leases"] for name, state in states.items() if "leases" in state)


# ---- operators


async def test_an_isolated_endpoint_is_not_used_until_it_is_released() -> None:
    async with office() as here:
        assert await here.manager.ask(IsolateEndpoint("stream-1"))
        assert (await here.lease()).endpoint.name == "stream-2"
        here.manager.tell(UseEndpoints(Role.STREAM, ("stream-1",)))
        assert (await here.lease(avoid="stream-2")).endpoint.name == "stream-2"
        assert await here.manager.ask(ReleaseEndpoint("stream-1"))
        assert (await here.lease()).endpoint.name == "stream-1"


async def test_who_waits_is_told_that_leases_go_elsewhere_now() -> None:
    async with office() as here:
        await here.manager.ask(IsolateEndpoint("stream-1"))
        await here.settle()
        assert here.in_force()[-1] == "stream-2"
        await here.manager.ask(ReleaseEndpoint("stream-1"))
        await here.settle()
        assert here.in_force()[-1] == "stream-1"
        assert [down.endpoint for down in here.heard(EndpointDown)] == ["stream-1"]
        assert [up.endpoint for up in here.heard(EndpointUp)] == ["stream-1"]


async def test_when_all_are_isolated_it_is_said_so_and_to_ask_again() -> None:
    async with office(ONE) as here:
        await here.manager.ask(IsolateEndpoint("stream-1"))
        denied = await here.denied()
        assert denied.kind is Denial.ISOLATED
        assert denied.until == pytest.approx(anyio.current_time() + 10.0)


async def test_an_isolated_endpoint_is_not_probed() -> None:
    async with office() as here:
        await here.manager.ask(IsolateEndpoint("stream-1"))
        await here.settle(200.0)
        assert here.dials() == []


async def test_isolation_outlives_crashes_and_processes(down: list[float]) -> None:
    store = MemoryStore()
    async with office(store=store) as here:
        await here.manager.ask(IsolateEndpoint("stream-1"))
        await here.restart(crash)
        assert (await here.lease()).endpoint.name == "stream-2"
    down[0] = 1_000.0
    async with office(store=store) as here:
        assert (await here.lease()).endpoint.name == "stream-2"
        await here.manager.ask(ReleaseEndpoint("stream-1"))
        await here.restart(crash)
        assert (await here.lease()).endpoint.name == "stream-1"


async def test_an_endpoint_that_is_none_can_be_neither_isolated_nor_released() -> None:
    async with office() as here:
        assert not await here.manager.ask(IsolateEndpoint("nowhere"))
        assert not await here.manager.ask(ReleaseEndpoint("nowhere"))
        assert not await here.manager.ask(ReleaseEndpoint("stream-1"))


async def test_a_reset_closes_every_breaker_and_says_how_many_there_were() -> None:
    async with office() as here:
        await here.fail(10)
        await here.denied()
        assert await here.manager.ask(ResetBreakers()) == 2
        assert (await here.lease()).endpoint.name == "stream-1"
        assert await here.manager.ask(ResetBreakers()) == 0


async def test_a_reset_lifts_no_ban_and_releases_nothing() -> None:
    async with office() as here:
        await here.manager.ask(IsolateEndpoint("stream-1"))
        granted = await here.lease()
        here.manager.tell(LeaseOutcome(granted.id, error="418", banned=True, open_until=anyio.current_time() + 50.0))
        assert await here.manager.ask(ResetBreakers()) == 0
        assert (await here.denied()).kind is Denial.BANNED
        await here.settle(50.0)
        assert (await here.lease()).endpoint.name == "stream-2"


async def test_the_states_of_endpoints_are_plain_data() -> None:
    async with office(limits=limits(attempts=10, weight=600)) as here:
        await here.opened()
        await here.weight(100)
        states = await here.manager.ask(EndpointStates())
        assert states["stream-1"] == {
            "role": "stream",
            "url": "wss://one",
            "breaker": "closed",
            "retry_in": 0.0,
            "failures": 0,
            "leases": 1,
            "first": True,
        }
        assert states["our address: stream"] == {"used": 1, "limit": 10, "banned_for": 0.0}
        assert states["our address: rest"] == {"used": 100, "limit": 600, "banned_for": 0.0}
