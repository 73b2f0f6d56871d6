"""What is wanted is counted, placed and brought back; what the exchange does not have is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from actors.market import Feed, Rejected
from actors.protocol import FallbackKind, FindStream, RestartStream, StreamOf
from supervisor import MemoryStore
from supervisor.testing import await_restart, crash, kill
from tests.actors.stream_manager.yard import WANTER, all_of, of, yard

pytestmark = pytest.mark.anyio

A, B, C = of("A"), of("B"), of("C")
NOBODY = of("NOBODY")


async def test_each_instrument_has_its_stream() -> None:
    async with yard(*all_of("A", "B")) as here:
        assert here.carries == {"AUSDT": all_of("A"), "BUSDT": all_of("B")}


async def test_a_stream_that_begins_is_told_what_it_carries_for_it_may_recall_what_an_earlier_process_had_it_carry() -> None:
    async with yard(*all_of("A")) as here:
        assert [(name, told.subscriptions) for name, told in here.told] == [("AUSDT", all_of("A"))]


async def test_several_instruments_share_a_stream_where_that_is_configured() -> None:
    async with yard(*all_of("A", "B", "C"), instruments=2) as here:
        assert here.carries == {"streams-1": all_of("A", "B"), "streams-2": all_of("C")}


async def test_no_stream_gets_more_than_the_exchange_allows() -> None:
    async with yard(*all_of("A"), at_most=1) as here:
        assert here.carries == {"AUSDT": (of("A"),), "AUSDT-2": (of("A", Feed.BOOK),)}


async def test_what_is_wanted_at_run_time_is_told_to_the_stream_that_has_the_instrument() -> None:
    async with yard(A) as here:
        assert await here.want(of("A", Feed.BOOK), B) == []
        await anyio.sleep(0.001)
        assert here.carries == {"AUSDT": (A, of("A", Feed.BOOK)), "BUSDT": (B,)}


async def test_what_two_want_is_given_up_when_both_have_said_so() -> None:
    async with yard(A) as here:
        await here.want(A)
        await here.unwant(A)
        before = set(here.carries)
        await here.unwant(A)
        assert (before, set(here.carries)) == ({"AUSDT"}, set())


async def test_the_state_manager_hears_of_the_end_of_a_stream() -> None:
    async with yard(A, B) as here:
        await here.unwant(A)
        assert here.ended() == ["AUSDT"]


async def test_an_actor_counts_once_however_often_it_says_so() -> None:
    async with yard() as here:
        wanter = here.root.ref(WANTER)
        for _ in range(3):
            await here.want(A, holder=wanter)
        await here.unwant(A, holder=wanter)
        assert await here.wanted() == ()


async def test_the_end_of_an_actors_place_gives_up_what_it_alone_wanted() -> None:
    async with yard() as here:
        await here.want(A, B, holder=here.root.ref(WANTER))
        await here.want(B)
        await here.root.terminate_child("wanter")
        await anyio.sleep(0.01)
        assert (await here.wanted(), set(here.carries)) == ((B,), {"BUSDT"})


async def test_a_restart_of_who_wants_gives_nothing_up() -> None:
    async with yard() as here:
        wanter = here.root.ref(WANTER)
        await here.want(A, holder=wanter)
        crash(wanter)
        await await_restart(wanter)
        await anyio.sleep(0.01)
        assert await here.wanted() == (A,)
        await here.want(A, holder=wanter)
        await here.unwant(A, holder=wanter)
        assert await here.wanted() == ()


@pytest.mark.parametrize("end", [crash, kill])
async def test_counts_and_places_survive_the_manager(end: Callable[[Any], None]) -> None:
    async with yard(*all_of("A", "B", "C"), instruments=2) as here:
        await here.unwant(*all_of("A"))
        await here.want(B)
        before = dict(here.carries)
        manager = here.group.child("stream manager")
        end(manager)
        await await_restart(manager)
        await anyio.sleep(0.01)
        assert here.carries == before == {"streams-1": all_of("B"), "streams-2": all_of("C")}
        await here.unwant(*all_of("B"))
        assert await here.wanted() == (B, *all_of("C"))


async def test_every_stream_comes_back_when_the_dynamic_supervisor_dies() -> None:
    async with yard(*all_of("A", "B")) as here:
        await here.want(C)
        kill(here.group.child("streams"))
        await anyio.sleep(1.0)
        assert here.carries == {"AUSDT": all_of("A"), "BUSDT": all_of("B"), "CUSDT": (C,)}


async def test_another_process_wants_what_the_one_before_wanted_once() -> None:
    store = MemoryStore()
    async with yard(A, store=store) as here:
        await here.want(A, B)
    async with yard(A, store=store) as here:
        before = await here.wanted()
        await here.want(B)
        await here.unwant(A, B)
        assert (before, await here.wanted()) == ((A, B), ())


async def test_a_spec_that_was_changed_counts_in_the_next_process() -> None:
    store = MemoryStore()
    async with yard(A, B, store=store) as here:
        await here.unwant(A)
    async with yard(A, C, store=store) as here:
        # A was let go, B is no longer in the spec, C is new.
        assert await here.wanted() == (C,)


async def test_who_serves_a_subscription_can_be_asked() -> None:
    async with yard(A) as here:
        asked = [await here.manager.ask(StreamOf(one)) for one in (A, B)]
        found = [await here.manager.ask(FindStream(name)) for name in ("AUSDT", "BUSDT")]
        assert (asked, found) == (["AUSDT", ""], [here.streams.child("AUSDT"), None])


# Parked streams


async def park(here: Any, name: str) -> None:
    for _ in range(3):
        crash(here.streams.child(name))
        await anyio.sleep(1.0)


async def test_a_stream_that_was_parked_is_reported_again_and_again_and_its_siblings_live() -> None:
    async with yard(A, B) as here:
        await park(here, "AUSDT")
        await anyio.sleep(4.0)
        assert {(one.kind, one.subject) for one in here.troubles()} == {("stream", "AUSDT")}
        assert "BUSDT" in here.carries


async def test_a_parked_stream_can_be_started_again() -> None:
    async with yard(A) as here:
        await park(here, "AUSDT")
        await here.want(of("A", Feed.BOOK))
        assert await here.manager.ask(RestartStream("AUSDT"))
        await anyio.sleep(3.0)
        assert here.carries == {"AUSDT": (A, of("A", Feed.BOOK))}


@pytest.mark.parametrize(("name", "lives"), [("AUSDT", True), ("XUSDT", False)])
async def test_whether_a_stream_lives_is_the_answer_to_a_restart(name: str, lives: bool) -> None:
    async with yard(A) as here:
        assert await here.manager.ask(RestartStream(name)) is lives


# What the exchange does not have


async def test_the_unknown_is_an_error_to_who_asks_and_the_others_are_served() -> None:
    async with yard(A, follow=(NOBODY,)) as here:
        assert await here.want(NOBODY, B) == [str(NOBODY)]
        await anyio.sleep(0.01)
        assert set(here.carries) == {"AUSDT", "BUSDT"}
        assert [type(one) for one in here.rejections] == [Rejected]
        await anyio.sleep(20.0)
        assert len(here.rejections) == 3


async def test_the_unknown_counts_once_however_often_it_is_asked_for() -> None:
    async with yard(follow=(NOBODY,)) as here:
        for _ in range(3):
            await here.want(NOBODY)
        await here.unwant(NOBODY)
        here.rejections.clear()
        await anyio.sleep(30.0)
        assert here.rejections == []


async def test_what_is_listed_later_is_subscribed() -> None:
    async with yard(A, B, listed={"AUSDT"}) as here:
        before = set(here.carries)
        here.listed = {"AUSDT", "BUSDT"}
        await anyio.sleep(3700.0)
        assert (before, set(here.carries)) == ({"AUSDT"}, {"AUSDT", "BUSDT"})


async def test_what_is_halted_while_the_manager_restarts_is_not_taken_from_who_has_it() -> None:
    async with yard(A, B) as here:
        await here.want(A)  # the list is known, and what it says of these is kept
        here.listed = {"AUSDT"}
        manager = here.group.child("stream manager")
        crash(manager)
        await await_restart(manager)
        await anyio.sleep(10.0)
        assert set(here.carries) == {"AUSDT", "BUSDT"}


# Fallbacks


async def test_what_is_given_up_is_taken_off_with_the_reason_and_brought_back() -> None:
    async with yard(*all_of("A", "B")) as here:
        await here.fall_back(FallbackKind.PARTIAL, of("A", Feed.BOOK))
        assert here.carries["AUSDT"] == (A,)
        assert here.told[-1][1].reason == "given up for what matters more: because"
        assert await here.manager.ask(StreamOf(of("A", Feed.BOOK))) == ""
        assert set(await here.wanted()) == set(all_of("A", "B"))
        await here.fall_back(FallbackKind.PARTIAL, on=False)
        assert here.carries == {"AUSDT": all_of("A"), "BUSDT": all_of("B")}


async def test_a_stream_that_has_nothing_left_says_so_and_is_stopped() -> None:
    async with yard(A, B) as here:
        await here.fall_back(FallbackKind.PARTIAL, B)
        before = here.carries.get("BUSDT")
        await anyio.sleep(2.5)
        during = set(here.carries)
        await here.fall_back(FallbackKind.PARTIAL, on=False)
        assert (before, during, set(here.carries)) == ((), {"AUSDT"}, {"AUSDT", "BUSDT"})


async def test_what_is_not_said_again_is_over() -> None:
    async with yard(A, B) as here:
        for _ in range(4):
            await here.fall_back(FallbackKind.PARTIAL, B)
            await anyio.sleep(5.0)
        before = set(here.carries)
        await anyio.sleep(13.0)
        assert (before, set(here.carries)) == ({"AUSDT"}, {"AUSDT", "BUSDT"})


async def test_what_is_given_up_stays_so_when_the_manager_dies() -> None:
    async with yard(A, B) as here:
        await here.fall_back(FallbackKind.PARTIAL, B)
        await anyio.sleep(2.5)
        manager = here.group.child("stream manager")
        kill(manager)
        await await_restart(manager)
        await anyio.sleep(1.0)
        assert set(here.carries) == {"AUSDT"}


async def test_while_merging_what_is_new_and_what_is_down_goes_onto_streams_that_live() -> None:
    async with yard(A, B) as here:
        await here.fall_back(FallbackKind.RATE, "BUSDT")
        await here.want(C)
        await anyio.sleep(0.001)
        assert here.carries == {"AUSDT": (A, B, C)}


async def test_after_merging_nothing_moves_and_what_is_new_has_its_own_stream_again() -> None:
    async with yard(A, B) as here:
        await here.fall_back(FallbackKind.RATE, "BUSDT")
        await here.fall_back(FallbackKind.RATE, on=False)
        await here.want(C)
        assert set(here.carries) == {"AUSDT", "CUSDT"}


async def test_a_fallback_of_another_venue_changes_nothing() -> None:
    async with yard(A, B) as here:
        await here.fall_back(FallbackKind.PARTIAL, B, venue="okx")
        await here.fall_back(FallbackKind.RATE, "BUSDT", venue="okx")
        assert here.carries == {"AUSDT": (A,), "BUSDT": (B,)}
