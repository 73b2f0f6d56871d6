"""A refused endpoint is not dialled again before its breaker allows it, and one out of use is probed."""

from __future__ import annotations

import itertools
from typing import Any

import anyio
import pytest

from actors.ports import Role
from actors.protocol import (
    BREAKERS,
    CircuitIsOpen,
    Denied,
    EndpointDown,
    EndpointUp,
    Lease,
    LeaseEnded,
    LeaseOutcome,
    UseEndpoints,
)
from supervisor import MemoryStore
from supervisor.testing import crash, kill
from tests.actors.connections.office import ONE, TWO, Office, limits, office

pytestmark = pytest.mark.anyio

SECOND = UseEndpoints(Role.STREAM, ("stream-2",))


async def test_an_open_breaker_refuses_until_its_time() -> None:
    async with office(ONE) as here:
        await here.fail()
        assert (await here.denied()).until == pytest.approx(anyio.current_time() + 5.0)
        await here.settle(5.0)
        await here.lease()


@pytest.mark.parametrize("end", [crash, kill])
async def test_an_open_breaker_is_remembered_across_a_crash(end: Any) -> None:
    async with office(ONE) as here:
        await here.fail()
        before = await here.denied()
        await here.restart(end)
        again = await here.denied()
        assert isinstance(again, CircuitIsOpen)
        assert again.until == pytest.approx(before.until, abs=1e-5)  # by way of the wall clock


async def test_an_open_breaker_is_remembered_by_the_next_process_for_the_time_that_is_left(down: list[float]) -> None:
    store = MemoryStore()
    async with office(ONE, store=store) as here:
        await here.fail()
        left = (await here.denied()).until - anyio.current_time()
    down[0] = 2.0
    async with office(ONE, store=store) as here:
        assert (await here.denied()).until - anyio.current_time() == pytest.approx(left - 2.0, abs=0.01)


async def test_an_endpoint_that_names_a_time_is_left_alone_until_then() -> None:
    async with office() as here:
        await here.fail(1, open_until=anyio.current_time() + 100.0)
        assert (await here.lease()).endpoint.name == "stream-2"
        here.manager.tell(UseEndpoints(Role.STREAM, TWO[:0]))
        await here.settle(99.0)
        assert (await here.lease()).endpoint.name == "stream-2"
        await here.settle(2.0)
        assert (await here.lease()).endpoint.name == "stream-1"


async def test_a_time_that_is_none_closes_nothing_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.connection_manager.LONGEST_WAIT", 100.0)
    async with office(ONE) as here:
        await here.fail(1, open_until=float("inf"))
        await here.settle(101.0)
        await here.lease()


# ---- holders


@pytest.mark.parametrize("end", [crash, kill])
async def test_the_permit_of_a_holder_that_died_is_given_back(end: Any) -> None:
    async with office(ONE) as here:
        await here.fail()
        await here.settle(5.0)
        await here.lease(0)
        assert isinstance(await here.ask(1), Denied)
        end(here.holder(0))
        await here.settle(0.01)
        await here.lease(1)


async def test_a_blameless_outcome_gives_the_permit_back_without_a_verdict() -> None:
    async with office(ONE) as here:
        await here.fail()
        await here.settle(5.0)
        granted = await here.lease(0)
        here.manager.tell(LeaseOutcome(granted.id, error="given up", blameless=True))
        await here.lease(1)


async def test_a_lease_without_an_outcome_is_taken_back() -> None:
    """Whoever asked has been cancelled, and lives on."""
    async with office(ONE) as here:
        await here.lease()
        await here.settle(110.0)
        assert await leases(here) == 1
        await here.settle(20.0)
        assert await leases(here) == 0


async def leases(here: Office) -> int:
    from actors.protocol import EndpointStates

    states = await here.manager.ask(EndpointStates())
    return int(states["stream-1"]["leases"])


async def test_a_lease_of_an_earlier_life_settles_nothing_of_this_one() -> None:
    async with office(ONE) as here:
        old = [await here.lease() for _ in range(10)]
        await here.restart(crash)
        await here.fail()
        await here.settle(5.0)
        await here.lease()
        for granted in old:
            here.manager.tell(LeaseOutcome(granted.id))
            here.manager.tell(LeaseEnded(granted.id))
        assert isinstance(await here.ask(1), Denied)


# ---- probes


async def test_an_endpoint_out_of_use_is_probed_no_more_often_than_its_breaker_allows() -> None:
    async with office() as here:
        here.transport.refuse(url="wss://one")
        await here.fail()
        here.manager.tell(SECOND)
        moves: list[Any] = here.published[BREAKERS.key]
        await here.settle(160.0)
        probes = here.dials("wss://one")
        waits = [later - earlier for earlier, later in itertools.pairwise(probes)]
        assert [round(wait) for wait in waits] == [10, 20, 40, 80][: len(waits)]
        assert len(probes) >= 4
        here.transport.admit(url="wss://one")
        await here.settle(200.0)
        assert moves[-1].after == "closed"
        assert here.heard(EndpointUp)[-1].endpoint == "stream-1"


async def test_an_endpoint_that_leases_go_to_first_is_tried_by_who_needs_it_only() -> None:
    async with office(ONE) as here:
        await here.fail()
        await here.settle(100.0)
        assert here.dials() == []


async def test_what_leases_no_longer_go_to_is_probed_if_its_breaker_is_not_closed() -> None:
    async with office() as here:
        await here.fail()
        await here.settle(6.0)
        assert here.dials() == []
        here.manager.tell(SECOND)
        await here.settle(1.0)
        assert here.dials("wss://one")


async def test_what_breaks_when_leases_go_elsewhere_already_is_probed_too() -> None:
    async with office() as here:
        granted = [await here.lease() for _ in range(5)]
        here.manager.tell(SECOND)
        for one in granted:
            here.manager.tell(LeaseOutcome(one.id, error="refused"))
        await here.settle(4.9)
        assert here.dials() == []
        await here.settle(0.2)
        assert len(here.dials("wss://one")) == 1


async def test_a_probe_leaves_no_connection_open() -> None:
    async with office() as here:
        await here.fail()
        here.manager.tell(SECOND)
        await here.settle(60.0)
        server = await here.transport.accept()
        assert server.lost is not None


async def test_an_opening_that_ran_out_while_the_manager_was_down_is_ended_by_a_probe(down: list[float]) -> None:
    store = MemoryStore()
    async with office(store=store) as here:
        here.manager.tell(SECOND)
        here.manager.tell(UseEndpoints(Role.STREAM, ("stream-1",)))
        await here.fail()
        here.manager.tell(SECOND)
        await here.settle()
    down[0] = 100.0
    async with office(store=store) as here:
        await here.settle(1.0)
        assert len(here.dials("wss://one")) == 1
        assert [(up.role, up.endpoint) for up in here.heard(EndpointUp)] == [(Role.STREAM, "stream-1")]


async def test_probes_keep_within_the_rate_of_attempts() -> None:
    async with office(limits=limits(attempts=8, attempts_within=100.0)) as here:
        await here.fail()
        here.manager.tell(SECOND)
        await here.opened()
        await here.settle(50.0)
        assert here.dials() == []
        await here.settle(60.0)
        assert len(here.dials()) >= 1


async def test_who_watches_is_told_when_a_breaker_opens_and_closes() -> None:
    async with office(ONE) as here:
        await here.fail()
        await here.settle()
        assert [(down.role, down.endpoint) for down in here.heard(EndpointDown)] == [(Role.STREAM, "stream-1")]
        await here.settle(5.0)
        await here.opened()
        await here.settle()
        assert [moved.after for moved in here.published[BREAKERS.key]] == ["open", "half_open", "closed"]
        assert len(here.heard(EndpointUp)) == 1


async def test_a_lease_of_a_stream_that_never_comes_up_is_no_verdict_for_ever() -> None:
    """A probe whose holder never reports is written off, so that a breaker is not half open for ever."""
    async with office(ONE) as here:
        await here.fail()
        await here.settle(5.0)
        await here.lease()
        await here.settle(200.0)
        assert isinstance(await here.ask(1), Lease)
