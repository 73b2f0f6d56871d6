"""A link whose socket delivers nothing is polled as long as that lasts; what delivers nothing at all has stale values."""

from __future__ import annotations

import anyio
import pytest

from actors.fallbacks import FallbackOptions
from actors.incidents import IncidentKind
from actors.link_state import LinkEvent, LinkPhase
from actors.ports import Role
from actors.protocol import FallbackKind, LinkEnded
from supervisor.testing import crash, kill
from tests.actors.states.bureau import Bureau, bureau

pytestmark = pytest.mark.anyio

PROTOCOL, CACHE = FallbackKind.PROTOCOL, FallbackKind.CACHE
DATA, LOST, REFUSED, SILENT, POLLED = LinkEvent.DATA, LinkEvent.LOST, LinkEvent.REFUSED, LinkEvent.SILENT, LinkEvent.POLLED
PATIENT = FallbackOptions(cache_after=1000.0)


async def dry(here: Bureau, seconds: float = 11.5, link: str = "link", weight: int = 30) -> None:
    await here.report(DATA, LOST, REFUSED, link=link, weight=weight)
    await anyio.sleep(seconds)


async def test_a_link_without_data_for_ten_seconds_is_polled() -> None:
    async with bureau(options=PATIENT) as here:
        await dry(here, 9.0)
        before = here.told(PROTOCOL)
        await anyio.sleep(2.0)
        assert (before, here.told(PROTOCOL)) == ([], [("link", True)])
        (moved,) = (await here.in_force()).values()
        assert (moved.interval, moved.reason, moved.venue) == (1.0, "no data from the socket for 11.0 s", "binance")


async def test_a_quiet_market_is_not_polled() -> None:
    async with bureau() as here:
        await here.report(LinkEvent.CONNECTED, DATA)
        await anyio.sleep(300.0)
        assert not here.moved


async def test_a_link_that_fails_is_polled_at_once() -> None:
    async with bureau(options=PATIENT) as here:
        await here.report(*[REFUSED] * 5)
        assert here.told(PROTOCOL) == [("link", True)]


async def test_what_cannot_be_asked_by_rest_is_not_polled() -> None:
    async with bureau(options=PATIENT) as here:
        await dry(here, weight=0)
        assert here.told(PROTOCOL) == []


async def test_nothing_is_polled_while_no_rest_endpoint_answers() -> None:
    async with bureau(options=PATIENT) as here:
        for endpoint in ("rest-1", "rest-2"):
            await here.use(Role.REST, endpoint, False)
        await dry(here)
        before = here.told(PROTOCOL)
        await here.use(Role.REST, "rest-2", True)
        await anyio.sleep(1.5)
        assert (before, here.told(PROTOCOL)) == ([], [("link", True)])


async def test_nothing_is_polled_while_our_address_is_banned() -> None:
    async with bureau(options=PATIENT) as here:
        await here.use(Role.REST, "rest-1", False, banned_until=anyio.current_time() + 60.0)
        await dry(here, 59.0)
        before = here.told(PROTOCOL)
        await anyio.sleep(3.0)
        assert (before, here.told(PROTOCOL)) == ([], [("link", True)])


async def test_polling_ends_when_the_socket_has_delivered_for_a_while() -> None:
    async with bureau(options=PATIENT) as here:
        await dry(here)
        await here.flow(9.0)
        before = here.told(PROTOCOL)
        await here.flow(3.0)
        assert (before, here.told(PROTOCOL)) == ([("link", True)], [("link", True), ("link", False)])


async def test_a_socket_that_delivers_now_and_then_is_polled_on() -> None:
    async with bureau(options=PATIENT) as here:
        await dry(here)
        for _ in range(10):
            await here.flow(5.0)
            await here.report(LOST)
            await anyio.sleep(1.0)
        assert here.told(PROTOCOL) == [("link", True)]


async def test_all_that_poll_share_the_weight() -> None:
    async with bureau(options=PATIENT) as here:
        for number in range(10):
            await here.report(DATA, LOST, link=f"link {number}", weight=30)
        await anyio.sleep(12.0)
        # 300 per round, and half of 6000 per minute
        intervals = {moved.interval for moved in (await here.in_force()).values() if moved.kind is PROTOCOL}
        assert intervals == {6.0}


async def test_who_polls_alone_again_hears_that_it_may_poll_faster() -> None:
    async with bureau(options=PATIENT) as here:
        for number in range(10):
            await here.report(DATA, LOST, link=f"link {number}", weight=30)
        await anyio.sleep(12.0)
        for number in range(1, 10):
            here.manager.tell(LinkEnded(f"link {number}"))
        await anyio.sleep(1.5)
        assert [moved.interval for moved in here.moved if moved.scope == "link 0"][-1] == 1.0


async def test_what_is_in_force_is_said_again_every_five_seconds() -> None:
    async with bureau(options=PATIENT) as here:
        await dry(here)
        here.moved.clear()
        await anyio.sleep(50.0)
        assert 9 <= sum(moved.kind is PROTOCOL for moved in here.moved) <= 11


async def test_a_link_that_polling_carries_is_in_fallback_until_its_socket_delivers() -> None:
    async with bureau() as here:
        await dry(here)
        await here.flow(20.0, POLLED, endpoint="")
        before = await here.phase()
        await here.flow(30.0)
        assert (before, await here.phase()) == (LinkPhase.FALLBACK, LinkPhase.HEALTHY)
        assert [after for _, after in here.links] == [
            LinkPhase.UNSTABLE,
            LinkPhase.FAILING,
            LinkPhase.FALLBACK,
            LinkPhase.RECOVERING,
            LinkPhase.HEALTHY,
        ]


async def test_the_end_of_a_link_ends_what_was_in_force_for_it() -> None:
    async with bureau() as here:
        await dry(here)
        here.manager.tell(LinkEnded("link"))
        await anyio.sleep(0.1)
        assert (await here.in_force(), await here.phase()) == ({}, None)
        assert (here.told(PROTOCOL)[-1], here.told(CACHE)[-1]) == (("link", False), ("link", False))


# Stale values


async def test_values_are_stale_after_five_seconds_without_data() -> None:
    async with bureau() as here:
        await dry(here, 4.0)
        before = here.told(CACHE)
        await anyio.sleep(2.0)
        assert (before, here.told(CACHE)) == ([], [("link", True)])


async def test_polling_that_delivers_makes_them_fresh_again() -> None:
    async with bureau() as here:
        await dry(here)
        await here.flow(5.0, POLLED, endpoint="")
        assert here.told(CACHE) == [("link", True), ("link", False)]


async def test_polling_that_delivers_no_longer_makes_them_stale_and_the_link_failing() -> None:
    async with bureau() as here:
        await dry(here)
        await here.flow(5.0, POLLED, endpoint="")
        await anyio.sleep(7.0)
        assert (here.told(CACHE)[-1], await here.phase()) == (("link", True), LinkPhase.FAILING)


async def test_silence_counts_from_the_last_data() -> None:
    async with bureau() as here:
        await here.flow(3.0)
        await anyio.sleep(12.0)
        await here.report(SILENT)
        assert (here.told(CACHE), here.told(PROTOCOL)) == ([("link", True)], [("link", True)])


# Recovery


async def test_the_recovery_of_a_link_that_stays_failed_is_asked_for_every_half_minute() -> None:
    async with bureau(options=PATIENT) as here:
        await here.report(*[REFUSED] * 5, weight=0)
        await anyio.sleep(29.0)
        before = here.troubles()
        await anyio.sleep(64.0)
        found = here.troubles()
        assert (before, len(found)) == ([], 3)
        assert {(one.kind, one.subject) for one in found} == {(IncidentKind.LINK, "link")}
        assert found[0].reason.startswith("it has failed, for 31 s")


async def test_a_polling_that_lasts_is_not_taken_for_a_cure() -> None:
    async with bureau() as here:
        await dry(here)
        await here.flow(40.0, POLLED, endpoint="")
        assert [one.subject for one in here.troubles()] == ["link"]


async def test_a_link_that_recovers_in_time_is_no_trouble() -> None:
    async with bureau(options=PATIENT) as here:
        await here.report(*[REFUSED] * 5)
        await anyio.sleep(15.0)
        await here.flow(60.0)
        assert here.troubles() == []


# Restarts


@pytest.mark.parametrize("end", [crash, kill])
async def test_what_is_in_force_survives_the_manager(end: object) -> None:
    async with bureau() as here:
        await dry(here)
        before = {key: (moved.reason, round(moved.since, 3)) for key, moved in (await here.in_force()).items()}
        await here.restart(end)
        after = {key: (moved.reason, round(moved.since, 3)) for key, moved in (await here.in_force()).items()}
        assert (after, set(after)) == (before, {("protocol", "link"), ("cache", "link")})
        await anyio.sleep(60.0)
        assert set(await here.in_force()) == set(after)
        await here.flow(15.0)
        assert await here.in_force() == {}
