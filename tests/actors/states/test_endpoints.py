"""A dead endpoint is left for a live one, and returned to when it can be trusted again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from actors.link_state import LinkEvent, LinkLimits, LinkPhase
from actors.ports import Role
from actors.protocol import EndpointDown, EndpointUp, FallbackKind
from supervisor import MemoryStore
from supervisor.testing import crash, kill
from tests.actors.states.bureau import Bureau, bureau

pytestmark = pytest.mark.anyio

DATA, LOST, REFUSED, SILENT = LinkEvent.DATA, LinkEvent.LOST, LinkEvent.REFUSED, LinkEvent.SILENT
ENDPOINT = FallbackKind.ENDPOINT
TWO = ("wss://one", "wss://two")


async def down(here: Bureau, *endpoints: str) -> None:
    for endpoint in endpoints:
        here.manager.tell(EndpointDown(Role.STREAM, endpoint))
        await anyio.sleep(1.0)


async def test_at_first_all_are_used_in_order_of_preference() -> None:
    async with bureau() as here:
        assert here.orders() == [("stream-1", "stream-2", "stream-3", "stream-4")]
        assert here.orders(Role.REST) == [("rest-1", "rest-2")]


async def test_an_endpoint_whose_breaker_opened_rests_and_the_next_is_used() -> None:
    async with bureau() as here:
        await down(here, "stream-1")
        assert here.orders()[-1] == ("stream-2", "stream-3", "stream-4")
        (moved,) = (await here.in_force()).values()
        assert (moved.kind, moved.on, moved.detail, moved.reason) == (ENDPOINT, True, ("stream-1",), "stream goes to stream-2")


async def test_at_most_half_of_them_rest_at_once() -> None:
    async with bureau() as here:
        await down(here, "stream-1", "stream-2", "stream-3")
        assert len(here.orders()[-1]) == 2


async def test_when_all_are_dead_the_one_given_up_longest_ago_is_tried() -> None:
    async with bureau(streams=TWO) as here:
        await down(here, "stream-1", "stream-2")
        assert here.orders()[-1][0] == "stream-1"


async def test_an_endpoint_that_came_back_is_used_at_once() -> None:
    async with bureau() as here:
        await down(here, "stream-1")
        here.manager.tell(EndpointUp(Role.STREAM, "stream-1"))
        await anyio.sleep(0.1)
        assert here.orders()[-1][0] == "stream-1"
        assert here.told(ENDPOINT) == [("", True), ("", False)]


async def test_an_endpoint_whose_breaker_is_open_is_not_forgiven() -> None:
    async with bureau(streams=TWO) as here:
        await down(here, "stream-1")
        await anyio.sleep(400.0)
        assert here.orders()[-1] == ("stream-2",)


async def test_what_links_gave_up_is_tried_again_after_a_while() -> None:
    async with bureau() as here:
        await here.report(*[REFUSED] * 5)
        before = here.orders()[-1]
        await anyio.sleep(31.0)
        assert (before[0], here.orders()[-1][0]) == ("stream-2", "stream-1")


async def test_the_first_refusal_at_another_endpoint_does_not_leave_it() -> None:
    async with bureau() as here:
        await here.report(*[REFUSED] * 5)
        await here.report(REFUSED, endpoint="stream-2")
        assert here.orders()[-1][0] == "stream-2"


async def test_another_endpoint_that_refuses_again_and_again_is_left_as_well() -> None:
    async with bureau() as here:
        for endpoint in ("stream-1", "stream-2"):
            await here.report(*[REFUSED] * 5, endpoint=endpoint)
        assert here.orders()[-1] == ("stream-3", "stream-4")


async def test_one_link_that_fails_where_the_others_deliver_does_not_move_them() -> None:
    async with bureau() as here:
        for number in range(3):
            await here.report(DATA, link=f"fine {number}")
        await here.report(*[REFUSED] * 5, link="broken")
        assert len(here.orders()) == 1
        assert await here.phase("broken") is LinkPhase.FAILED


async def test_uses_that_fail_again_and_again_make_an_endpoint_rest() -> None:
    async with bureau() as here:
        await here.use(Role.STREAM, "stream-1", *[False] * 8)
        assert here.orders()[-1][0] == "stream-2"


async def test_what_is_known_of_rest_endpoints_ranks_those() -> None:
    async with bureau() as here:
        await here.use(Role.REST, "rest-1", *[False] * 8)
        assert (here.orders()[-1][0], here.orders(Role.REST)[-1]) == ("stream-1", ("rest-2",))


async def test_a_report_about_an_endpoint_that_nobody_knows_changes_nothing() -> None:
    async with bureau() as here:
        await down(here, "stream-9")
        await here.report(*[REFUSED] * 5, endpoint="stream-9")
        assert len(here.orders()) == 1


async def test_what_is_to_be_used_is_said_again_for_a_manager_that_was_born_since() -> None:
    async with bureau() as here:
        await down(here, "stream-1")
        before = len(here.connections.messages)
        await anyio.sleep(5.5)
        said = {one.role: one.order for one in here.connections.messages[before:]}
        assert said == {Role.STREAM: ("stream-2", "stream-3", "stream-4"), Role.REST: ("rest-1", "rest-2")}


# The states of links


async def test_the_states_of_links_are_published_and_can_be_asked_for() -> None:
    async with bureau(links=LinkLimits(stable_after=3.0)) as here:
        await here.report(LinkEvent.CONNECTED)
        for _ in range(2):
            await here.report(DATA)
            await anyio.sleep(4.0)
        await here.report(SILENT)
        assert here.links == [("link", LinkPhase.HEALTHY), ("link", LinkPhase.DEGRADED)]
        assert await here.phase() is LinkPhase.DEGRADED


async def test_a_link_over_another_endpoint_is_in_fallback() -> None:
    async with bureau() as here:
        await here.report(DATA, LOST)
        await here.report(DATA, endpoint="stream-2")
        before = await here.phase()
        await here.report(DATA)
        assert (before, await here.phase()) == (LinkPhase.FALLBACK, LinkPhase.RECOVERING)


async def test_a_link_that_has_not_been_reported_on_for_long_is_forgotten() -> None:
    async with bureau() as here:
        await here.report(DATA, link="gone")
        await here.report(DATA, link="here")
        await anyio.sleep(300.0)
        await here.report(DATA, link="here")
        await anyio.sleep(299.0)
        before = [await here.phase(link) is not None for link in ("gone", "here")]
        await anyio.sleep(10.0)
        assert (before, [await here.phase(link) is not None for link in ("gone", "here")]) == ([True, True], [False, True])


async def test_a_link_that_was_forgotten_begins_anew_when_it_is_reported_on_again() -> None:
    async with bureau() as here:
        await here.report(REFUSED)
        await anyio.sleep(700.0)
        assert (await here.phase(), await here.in_force()) == (None, {})
        await here.report(SILENT)
        assert await here.phase() is LinkPhase.DEGRADED


# An operator's word


async def test_an_operator_leaves_the_preferred_endpoint_and_takes_it_back() -> None:
    async with bureau() as here:
        assert await here.force(ENDPOINT)
        before = here.orders()[-1]
        assert await here.force(ENDPOINT, on=None)
        assert (before[0], before[-1], here.orders()[-1][0]) == ("stream-2", "stream-1", "stream-1")


async def test_an_operator_names_the_endpoint_that_is_to_be_used() -> None:
    async with bureau() as here:
        assert await here.force(ENDPOINT, "stream-3", on=False)
        assert await here.force(ENDPOINT, "rest")
        assert (here.orders()[-1][0], here.orders(Role.REST)[-1][0]) == ("stream-3", "rest-2")
        assert not await here.force(ENDPOINT, "stream-9")


# Restarts


@pytest.mark.parametrize("end", [crash, kill])
async def test_what_rests_and_an_operators_word_survive_the_manager(end: Callable[[Any], None]) -> None:
    async with bureau() as here:
        await down(here, "stream-1")
        await here.force(ENDPOINT, "stream-4", on=False)
        await here.restart(end)
        assert here.orders()[-1] == ("stream-4", "stream-2", "stream-3")
        here.manager.tell(EndpointUp(Role.STREAM, "stream-1"))
        await anyio.sleep(0.1)
        assert here.orders()[-1] == ("stream-4", "stream-1", "stream-2", "stream-3")


@pytest.mark.parametrize(("seconds", "first"), [(10.0, "stream-2"), (40.0, "stream-1")])
async def test_a_rest_goes_on_while_no_process_runs(monkeypatch: pytest.MonkeyPatch, seconds: float, first: str) -> None:
    began, store = [1_700_000_000.0], MemoryStore()
    monkeypatch.setattr("supervisor.runtime.wall_time", lambda: began[0] + anyio.current_time())
    async with bureau(store=store) as here:
        await here.report(*[REFUSED] * 5)
    began[0] += seconds
    async with bureau(store=store) as here:
        assert here.orders()[-1][0] == first
