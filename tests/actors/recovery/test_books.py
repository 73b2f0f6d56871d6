"""A book that is out of step: one snapshot, however often it is said; another way where that does not help."""

from __future__ import annotations

import itertools

import anyio
import pytest

from actors.incidents import IncidentKind
from actors.ports import RestResponse
from actors.protocol import Incidents, Renew, Resubscribe, TriggerRecovery
from tests.actors.recovery.stage import BTC, Stage, no_answer, ok, on_stage

pytestmark = pytest.mark.anyio


async def test_a_book_is_resynchronised_with_one_snapshot() -> None:
    async with on_stage() as stage:
        for _ in range(20):
            stage.book_is_out_of_step()
        (over,) = await stage.over()
        assert (over.ok, over.kind, over.subject, over.attempts) == (True, IncidentKind.BOOK, "fake:BTC/USDT", 1)
        assert (over.instrument, over.venue, over.escalated) == (BTC, "fake", False)
        assert len(stage.asked("depth")) == 1


async def test_reports_while_a_worker_is_at_it_are_counted() -> None:
    async with on_stage(latency=1.0) as stage:
        for _ in range(20):
            stage.book_is_out_of_step()
            await anyio.sleep(0.01)
        (over,) = await stage.over()
        assert over.reports == 20


async def test_a_book_that_is_in_step_by_itself_costs_no_request() -> None:
    async with on_stage(in_step=lambda: True) as stage:
        stage.book_is_out_of_step()
        (over,) = await stage.over()
        assert (over.ok, stage.requests) == (True, [])


async def test_a_snapshot_that_does_not_fit_is_fetched_again() -> None:
    async with on_stage() as stage:
        stage.applies = lambda: len(stage.requests) >= 3
        stage.book_is_out_of_step()
        (over,) = await stage.over()
        assert (over.ok, over.attempts, len(stage.requests)) == (True, 3, 3)


async def test_attempts_are_bounded_and_the_pauses_grow() -> None:
    async with on_stage(answer=no_answer) as stage:
        stage.book_is_out_of_step()
        (over,) = await stage.over()
        assert (over.ok, over.attempts, over.escalated) == (False, 8, True)
        assert over.reason.startswith("gave up after 8 attempts: snapshot: ")
        times = [at for at, _ in stage.requests]
        pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert pauses[0] < 0.4
        assert sorted(pauses[:5]) == pauses[:5]


async def test_one_attempt_takes_no_longer_than_it_may() -> None:
    async with on_stage(latency=1_000.0) as stage:
        stage.book_is_out_of_step()
        (over,) = await stage.over()
        assert "did not end within" in over.reason
        assert over.seconds < 121.0


async def test_a_geo_block_is_not_tried_again() -> None:
    async with on_stage(answer=lambda request: RestResponse(451, b"restricted location")) as stage:
        stage.book_is_out_of_step()
        (over,) = await stage.over()
        assert (over.ok, over.attempts, over.escalated) == (False, 1, True)
        for _ in range(100):
            stage.book_is_out_of_step()
            await anyio.sleep(2.0)
        assert len(stage.requests) == 1


async def test_a_stream_that_sends_snapshots_itself_is_asked_to_subscribe_anew() -> None:
    async with on_stage(in_band=True) as stage:
        stage.in_step = lambda: any(isinstance(one, Resubscribe) for one in stage.told)
        stage.book_is_out_of_step()
        (over,) = await stage.over()
        assert (over.ok, [type(one) for one in stage.told], stage.requests) == (True, [Resubscribe], [])


async def test_where_a_new_subscription_does_not_help_the_connection_is_renewed() -> None:
    async with on_stage(in_band=True) as stage:
        stage.in_step = lambda: any(isinstance(one, Renew) for one in stage.told)
        stage.book_is_out_of_step()
        (over,) = await stage.over()
        assert over.ok
        assert [type(one) for one in stage.told] == [Resubscribe] * 4 + [Renew]


async def returned(stage: Stage, times: int) -> None:
    for number in range(times):
        stage.book_is_out_of_step()
        await stage.over(number + 1)


async def test_a_book_that_keeps_getting_out_of_step_is_given_another_connection() -> None:
    async with on_stage() as stage:
        await returned(stage, 4)
        assert stage.told == []
        await returned(stage, 5)
        assert [type(one) for one in stage.told] == [Renew]


async def test_a_book_that_is_given_another_connection_has_its_snapshot_at_once() -> None:
    async with on_stage() as stage:
        await returned(stage, 5)
        (last, *_) = await stage.manager.ask(Incidents())
        assert (last.ok, last.attempts, len(stage.asked("depth"))) == (True, 1, 5)


async def test_an_operator_need_not_know_the_stream() -> None:
    async with on_stage(answer=lambda request: ok("1")) as stage:
        id_ = await stage.manager.ask(TriggerRecovery(IncidentKind.BOOK, "fake:BTC/USDT"))
        (over,) = await stage.over()
        assert (id_, over.ok) == ("book-1", True)


async def test_an_incident_of_what_nobody_serves_lapses() -> None:
    async with on_stage() as stage:
        await stage.manager.ask(TriggerRecovery(IncidentKind.BOOK, "fake:ETH/USDT"))
        (over,) = await stage.over()
        assert (over.ok, over.escalated, stage.alerts) == (False, False, [])
