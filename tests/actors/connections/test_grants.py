"""A request for a lease is answered at once, with a lease of the best endpoint or with a reason of a type."""

from __future__ import annotations

import anyio
import pytest

from actors.exchanges.binance import LIMITS
from actors.ports import Role
from actors.protocol import CircuitIsOpen, Denial, Denied, Lease, LeaseOutcome, Purpose, UseEndpoints
from tests.actors.connections.office import ONE, limits, office

pytestmark = pytest.mark.anyio


async def test_a_lease_says_where_to_and_when_the_connection_is_to_be_replaced() -> None:
    async with office() as here:
        granted = await here.lease()
        assert granted.endpoint.url == "wss://one"
        assert granted.expiry == pytest.approx(anyio.current_time() + 23 * 3600.0)
        assert LIMITS.max_age == 24 * 3600.0


async def test_a_request_over_rest_is_never_replaced() -> None:
    async with office() as here:
        granted = await here.weight()
        assert isinstance(granted, Lease)
        assert granted.expiry == float("inf")


async def test_the_permit_tells_one_life_of_a_breaker_from_the_next() -> None:
    async with office(ONE) as here:
        first = await here.lease()
        here.manager.tell(LeaseOutcome(first.id))
        await here.fail()
        await here.settle(5.0)
        assert (await here.lease()).permit > first.permit


async def test_leases_follow_the_order_in_force() -> None:
    async with office() as here:
        here.manager.tell(UseEndpoints(Role.STREAM, ("stream-2", "stream-1")))
        assert (await here.lease()).endpoint.name == "stream-2"


async def test_a_lease_goes_past_an_endpoint_whose_breaker_is_open() -> None:
    async with office() as here:
        await here.fail()
        assert (await here.lease()).endpoint.name == "stream-2"


async def test_what_rests_is_used_before_nothing_is() -> None:
    async with office() as here:
        here.manager.tell(UseEndpoints(Role.STREAM, ("stream-1",)))
        await here.fail()
        assert (await here.lease()).endpoint.name == "stream-2"


@pytest.mark.parametrize(("order", "expected"), [(("stream-1", "stream-2"), "stream-2"), (("stream-1",), "stream-1")], ids=str)
async def test_another_one_of_the_order_is_preferred_to_what_is_to_be_avoided(order: tuple[str, ...], expected: str) -> None:
    async with office() as here:
        here.manager.tell(UseEndpoints(Role.STREAM, order))
        assert (await here.lease(avoid="stream-1")).endpoint.name == expected


async def test_what_is_to_be_avoided_is_better_than_nothing() -> None:
    async with office(ONE) as here:
        assert (await here.lease(avoid="stream-1")).endpoint.name == "stream-1"


@pytest.mark.parametrize("order", [(), ("nowhere",), ("rest-1",)], ids=str)
async def test_an_order_of_nothing_that_there_is_changes_nothing(order: tuple[str, ...]) -> None:
    async with office() as here:
        here.manager.tell(UseEndpoints(Role.STREAM, order))
        assert (await here.lease()).endpoint.name == "stream-1"


async def test_when_every_breaker_refuses_it_is_said_until_when() -> None:
    async with office(ONE) as here:
        await here.fail()
        denied = await here.denied()
        assert isinstance(denied, CircuitIsOpen)
        assert denied.kind is Denial.CIRCUIT_OPEN
        assert denied.until == pytest.approx(anyio.current_time() + 5.0)
        assert "stream-1" in denied.reason


async def test_of_several_open_breakers_the_first_to_let_in_counts() -> None:
    async with office() as here:
        await here.fail(1, open_until=anyio.current_time() + 100.0)
        await here.fail()
        assert (await here.denied()).until == pytest.approx(anyio.current_time() + 5.0)


async def test_pace_bans_and_open_breakers_are_told_apart() -> None:
    async with office(ONE, limits=limits(attempts=1, attempts_within=60.0)) as here:
        granted = await here.opened()
        assert (await here.denied()).kind is Denial.PACED
        here.manager.tell(LeaseOutcome(granted.id))
        asked = await here.weight()
        assert isinstance(asked, Lease)
        until = anyio.current_time() + 30.0
        here.manager.tell(LeaseOutcome(asked.id, error="HTTP 418", banned=True, open_until=until))
        banned = await here.denied()
        assert (type(banned), banned.kind, banned.until) == (Denied, Denial.BANNED, until)


async def test_hand_overs_and_spares_leave_attempts_for_who_has_no_connection() -> None:
    async with office(limits=limits(attempts=20, attempts_within=60.0)) as here:
        began = anyio.current_time()
        for _ in range(10):
            await here.opened(purpose=Purpose.SPARE)
        assert (await here.denied(purpose=Purpose.SPARE)).kind is Denial.POSTPONED
        for _ in range(5):
            await here.opened(purpose=Purpose.HAND_OVER)
        denied = await here.denied(purpose=Purpose.HAND_OVER)
        assert denied.kind is Denial.POSTPONED
        assert denied.until == pytest.approx(began + 60.0, abs=0.1)
        await here.settle(12.1)
        await here.lease()


async def test_a_request_heavier_than_all_that_is_allowed_counts_as_all_of_it() -> None:
    async with office(limits=limits(weight=600)) as here:
        assert isinstance(await here.weight(5_000), Lease)
        assert isinstance(await here.weight(1), Denied)


async def test_requests_go_past_an_endpoint_that_has_just_failed_and_come_back() -> None:
    async with office() as here:
        granted = await here.weight()
        assert isinstance(granted, Lease)
        assert granted.endpoint.name == "rest-1"
        here.manager.tell(LeaseOutcome(granted.id, error="HTTP 502"))
        second = await here.weight()
        assert isinstance(second, Lease)
        assert second.endpoint.name == "rest-2"
        await here.settle(5.0)
        third = await here.weight()
        assert isinstance(third, Lease)
        assert third.endpoint.name == "rest-1"


async def test_a_request_tries_a_better_endpoint_whose_breaker_is_half_open() -> None:
    async with office() as here:
        asked = await here.weight()
        assert isinstance(asked, Lease)
        here.manager.tell(LeaseOutcome(asked.id, error="HTTP 503", open_until=anyio.current_time() + 5.0))
        here.manager.tell(UseEndpoints(Role.REST, ("rest-2",)))
        await here.settle(6.0)
        tried = await here.weight()
        assert isinstance(tried, Lease)
        assert tried.endpoint.name == "rest-1"
        other = await here.weight()
        assert isinstance(other, Lease)
        assert other.endpoint.name == "rest-2"
