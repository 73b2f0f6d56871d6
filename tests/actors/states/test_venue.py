"""Merged connections and partial service, by what is short; and an operator's word over all fallbacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from actors.fallbacks import FallbackOptions
from actors.link_state import LinkEvent, LinkPhase
from actors.ports import Role
from actors.protocol import FallbackKind, PressureKind
from supervisor.testing import crash, kill
from tests.actors.states.bureau import WANTED, Bureau, bureau

pytestmark = pytest.mark.anyio

RATE, PARTIAL, PROTOCOL, CACHE = FallbackKind.RATE, FallbackKind.PARTIAL, FallbackKind.PROTOCOL, FallbackKind.CACHE
DATA, LOST = LinkEvent.DATA, LinkEvent.LOST
SHORT = FallbackOptions(pressure_fresh=1000.0)


async def given_up(here: Bureau) -> set[str]:
    moved = (await here.in_force()).get(("partial", ""))
    return set() if moved is None else set(moved.detail)


@pytest.mark.parametrize("kind", [PressureKind.ATTEMPTS, PressureKind.WEIGHT, PressureKind.RATE])
async def test_what_is_used_up_merges_connections_until_a_quiet_time_has_passed(kind: PressureKind) -> None:
    async with bureau() as here:
        await here.press(kind, 0.9)
        before = here.told(RATE)
        await here.press(kind, 1.0)
        await here.press(kind, 0.2)
        await anyio.sleep(299.0)
        during = here.told(RATE)
        await anyio.sleep(3.0)
        assert (before, during, here.told(RATE)) == ([], [("", True)], [("", True), ("", False)])


async def test_a_limit_that_the_exchange_names_once_is_over_when_it_is_not_named_again() -> None:
    async with bureau() as here:
        await here.press(PressureKind.RATE, 1.0)
        await anyio.sleep(365.0)
        assert here.told(RATE) == [("", True), ("", False)]


async def test_our_own_load_merges_no_connections() -> None:
    async with bureau() as here:
        await here.press(PressureKind.LOAD, 5.0)
        assert here.told(RATE) == []


async def test_who_merges_hears_which_links_are_down() -> None:
    async with bureau() as here:
        for link in ("fine", "dead"):
            await here.report(DATA, link=link)
        await here.report(LOST, link="dead")
        await anyio.sleep(3.0)
        await here.report(LOST, link="blinks")
        await here.press(PressureKind.ATTEMPTS, 1.0)
        assert (await here.in_force())["rate", ""].detail == ("dead",)
        await anyio.sleep(8.0)
        assert (await here.in_force())["rate", ""].detail == ("dead", "blinks")


# Partial service


async def test_under_load_the_least_important_subscriptions_are_given_up() -> None:
    options = FallbackOptions(priorities=("book", "A/USDT"), pressure_fresh=1000.0)
    async with bureau(options=options) as here:
        await here.press(PressureKind.LOAD, 1.25)
        await anyio.sleep(9.0)
        before = await given_up(here)
        await anyio.sleep(2.0)
        assert (before, await given_up(here)) == (set(), {"trades:binance:E/USDT", "trades:binance:D/USDT"})
        assert (await here.in_force())["partial", ""].reason == "our own load: 125% of what can be done"


async def test_when_there_is_room_again_everything_is_brought_back() -> None:
    async with bureau(options=SHORT) as here:
        await here.press(PressureKind.LOAD, 2.0)
        await anyio.sleep(11.0)
        await here.press(PressureKind.LOAD, 0.3)
        await anyio.sleep(59.0)
        before = here.told(PARTIAL)
        await anyio.sleep(3.0)
        assert (before, here.told(PARTIAL)) == ([("", True)], [("", True), ("", False)])


async def test_where_polling_would_be_too_slow_some_are_given_up_but_not_for_a_short_outage() -> None:
    async with bureau(weight=600, options=FallbackOptions(cache_after=1000.0, slow_poll_for=120.0)) as here:
        # 150 per round, and half of 600 per minute: 30 s, twice as long as it may be.
        await here.report(DATA, LOST, weight=150)
        await anyio.sleep(110.0)
        assert here.told(PARTIAL) == []
        await anyio.sleep(35.0)
        moved = (await here.in_force())["partial", ""]
        assert (len(moved.detail), moved.reason) == (
            len(WANTED) // 2,
            "polling within the REST weight: 200% of what can be done",
        )


async def test_where_rest_does_not_answer_nothing_is_given_up_for_polling() -> None:
    async with bureau(weight=600, options=FallbackOptions(cache_after=1000.0)) as here:
        await here.report(DATA, LOST, weight=150)
        await anyio.sleep(12.0)
        for _ in range(3):
            for endpoint in ("rest-1", "rest-2"):
                await here.use(Role.REST, endpoint, False)
            await anyio.sleep(20.0)
        assert here.told(PARTIAL) == []


async def test_where_merging_does_not_help_some_are_given_up() -> None:
    async with bureau(options=SHORT) as here:
        await here.press(PressureKind.ATTEMPTS, 1.0)
        await anyio.sleep(60.0)
        before = here.told(PARTIAL)
        await anyio.sleep(13.0)
        assert (before, here.told(PARTIAL)) == ([], [("", True)])


# An operator's word


async def test_an_operator_merges_and_gives_up_without_evidence() -> None:
    async with bureau() as here:
        assert [await here.force(kind) for kind in (RATE, PARTIAL)] == [True, True]
        assert (here.told(RATE), len(await given_up(here))) == ([("", True)], len(WANTED) // 2)
        await anyio.sleep(100.0)
        assert set(await here.in_force()) == {("rate", ""), ("partial", "")}
        assert [await here.force(kind, on=None) for kind in (RATE, PARTIAL)] == [True, True]
        assert await here.in_force() == {}


@pytest.mark.parametrize("kind", [RATE, PARTIAL])
async def test_what_is_about_the_venue_cannot_be_forced_for_a_link(kind: FallbackKind) -> None:
    async with bureau() as here:
        await here.report(DATA)
        assert not await here.force(kind, "link")


async def test_an_operator_has_a_link_polled_and_nothing_else() -> None:
    async with bureau() as here:
        for link in ("a", "b"):
            await here.report(DATA, link=link)
        assert await here.force(PROTOCOL, "a")
        await here.report(LinkEvent.POLLED, link="a", endpoint="")
        assert (here.told(PROTOCOL), await here.phase("a")) == ([("a", True)], LinkPhase.FALLBACK)
        await here.force(PROTOCOL, "a", on=None)
        assert (here.told(PROTOCOL), await here.phase("a")) == ([("a", True), ("a", False)], LinkPhase.RECOVERING)


async def test_an_operator_forbids_polling_for_all_links() -> None:
    async with bureau() as here:
        for link in ("a", "b"):
            await here.report(DATA, link=link)
        assert await here.force(PROTOCOL, on=False)
        for link in ("a", "b"):
            await here.report(LOST, link=link)
        await anyio.sleep(30.0)
        assert here.told(PROTOCOL) == []


async def test_what_there_is_nothing_to_do_to_is_said() -> None:
    async with bureau() as here:
        await here.report(DATA, link="a", weight=0)
        asked = [(PROTOCOL, "nobody"), (PROTOCOL, "a"), (CACHE, "nobody")]
        assert [await here.force(kind, scope) for kind, scope in asked] == [False] * 3
        assert await here.force(CACHE, "a")


# Restarts


@pytest.mark.parametrize("end", [crash, kill])
async def test_what_is_short_survives_the_manager_and_is_lifted_by_its_successor(end: Callable[[Any], None]) -> None:
    async with bureau() as here:
        await here.press(PressureKind.ATTEMPTS, 1.0)
        await here.press(PressureKind.LOAD, 2.0)
        await anyio.sleep(11.0)
        before = {key: moved.detail for key, moved in (await here.in_force()).items()}
        await here.restart(end)
        await anyio.sleep(0.1)
        assert {key: moved.detail for key, moved in (await here.in_force()).items()} == before
        assert set(before) == {("rate", ""), ("partial", "")}
        await anyio.sleep(305.0)
        assert await here.in_force() == {}


async def test_an_operators_word_survives_the_manager() -> None:
    async with bureau() as here:
        await here.report(DATA)
        for kind in (RATE, PARTIAL):
            await here.force(kind)
        await here.force(PROTOCOL, "link", on=False)
        await here.restart(crash)
        await here.report(DATA, LOST)
        await anyio.sleep(100.0)
        assert {key for key in await here.in_force() if key[0] != "cache"} == {("rate", ""), ("partial", "")}
