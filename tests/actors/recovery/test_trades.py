"""Missing trades: pages are fetched until the hole is closed; what does not come is given up, and said."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from actors.incidents import IncidentKind
from actors.ports import RestRequest, RestResponse
from actors.protocol import ApplyFill, TriggerRecovery
from actors.treatments import trades
from supervisor import MemoryStore
from supervisor.testing import crash, kill
from tests.actors.recovery.stage import TRADES, Stage, no_answer, ok, on_stage

pytestmark = pytest.mark.anyio


def pages(size: int, until: int = 10_000) -> Callable[[RestRequest], RestResponse]:
    """Answers with so many trades from the one asked for on, as far as the archive goes."""

    def answer(request: RestRequest) -> RestResponse:
        first = int(request.params["from"])
        return ok(",".join(str(number) for number in range(first, min(first + size, until))))

    return answer


def hole(stage: Stage, after: int, before: int) -> None:
    stage.wanted = set(range(after + 1, before))
    stage.trades_are_missing(after, before)


def fills(stage: Stage) -> list[tuple[list[int], bool]]:
    return [([event.sequence for event in one.events], one.last) for one in stage.told if isinstance(one, ApplyFill)]


async def test_a_hole_is_filled_page_by_page_and_each_trade_is_delivered_once() -> None:
    async with on_stage(answer=pages(3)) as stage:
        hole(stage, 10, 18)
        (over,) = await stage.over()
        assert (over.ok, over.kind, over.subject, over.attempts) == (True, IncidentKind.TRADES, str(TRADES), 1)
        assert stage.delivered == list(range(11, 18))
        assert fills(stage) == [([11, 12, 13], False), ([14, 15, 16], False), ([17], True)]
        assert [request.params["from"] for request in stage.asked("trades")] == ["11", "14", "17"]


async def test_what_is_outside_of_the_hole_is_not_handed_over() -> None:
    async with on_stage(answer=lambda request: ok("9,10,11,12,13,14")) as stage:
        hole(stage, 10, 13)
        await stage.over()
        assert fills(stage) == [([11, 12], True)]


async def test_the_fetched_trades_say_when_they_arrived() -> None:
    async with on_stage(answer=pages(10), latency=0.5) as stage:
        hole(stage, 10, 13)
        await stage.over()
        (fill,) = stage.told
        assert all(event.received >= stage.requests[0][0] + 0.5 for event in fill.events)


async def test_a_failed_page_is_fetched_again_and_those_before_it_are_not() -> None:
    async with on_stage() as stage:
        bad = [no_answer, no_answer]

        def answer(request: RestRequest) -> RestResponse:
            return bad.pop()(request) if len(stage.requests) > 1 and bad else pages(3)(request)

        stage.answer = answer
        hole(stage, 10, 18)
        (over,) = await stage.over()
        assert (over.ok, over.attempts, stage.delivered) == (True, 3, list(range(11, 18)))
        assert [request.params["from"] for request in stage.asked("trades")] == ["11", "14", "14", "14", "17"]


async def test_a_long_hole_is_no_failure_however_long_it_takes_in_all() -> None:
    async with on_stage(answer=pages(2), latency=2.0) as stage:
        hole(stage, 0, 41)
        (over,) = await stage.over()
        assert (over.ok, over.attempts, stage.delivered) == (True, 1, list(range(1, 41)))


async def test_a_worker_that_crashes_goes_on_where_it_was() -> None:
    async with on_stage(answer=pages(2), latency=1.0) as stage:
        hole(stage, 0, 11)
        await anyio.sleep(3.5)
        crash(stage.worker())
        (over,) = await stage.over()
        assert (over.ok, over.attempts, stage.delivered) == (True, 2, list(range(1, 11)))
        assert [request.params["from"] for request in stage.asked("trades")] == ["1", "3", "5", "7", "7", "9"]


async def test_the_cursor_of_another_incident_is_not_gone_on_from() -> None:
    async with on_stage(answer=pages(5)) as stage:
        hole(stage, 0, 11)
        await stage.over()
        hole(stage, 0, 4)
        await stage.over(2)
        assert [request.params["from"] for request in stage.asked("trades")] == ["1", "6", "1"]


async def test_what_a_killed_worker_of_another_incident_had_reached_is_not_gone_on_from() -> None:
    async with on_stage(answer=pages(2), latency=1.0, store=MemoryStore()) as stage:
        hole(stage, 0, 11)
        await anyio.sleep(3.5)
        kill(stage.group.child("workers"))
        await anyio.sleep(1.0)
        before = len(stage.requests)
        hole(stage, 0, 4)
        await stage.over()
        assert stage.requests[before][1].params["from"] == "1"


async def test_a_hole_that_grows_while_it_is_filled_is_filled_to_its_new_end() -> None:
    async with on_stage(answer=pages(10), latency=1.0) as stage:
        hole(stage, 0, 6)
        await anyio.sleep(0.5)
        hole(stage, 0, 9)
        (over,) = await stage.over()
        assert (over.ok, stage.delivered) == (True, list(range(1, 9)))


async def test_an_exchange_that_cannot_be_asked_leaves_a_gap_at_once() -> None:
    async with on_stage(fills=False) as stage:
        hole(stage, 0, 9)
        (over,) = await stage.over()
        assert (over.ok, over.reason) == (False, "fake cannot be asked for trades by id")
        assert fills(stage) == [([], True)]


async def test_an_archive_that_is_behind_is_asked_again() -> None:
    async with on_stage() as stage:

        def answer(request: RestRequest) -> RestResponse:
            return pages(10, until=1 if len(stage.requests) < 3 else 100)(request)

        stage.answer = answer
        hole(stage, 0, 9)
        (over,) = await stage.over()
        assert (over.ok, stage.delivered) == (True, list(range(1, 9)))


async def test_what_the_exchange_does_not_have_is_a_gap() -> None:
    async with on_stage(answer=lambda request: ok("")) as stage:
        hole(stage, 0, 9)
        (over,) = await stage.over()
        assert (over.ok, len(stage.requests)) == (False, trades.MOST_EMPTY)
        assert fills(stage) == [([], True)]


async def test_a_hole_in_the_archive_itself_is_left() -> None:
    async with on_stage(answer=lambda request: ok("1,2,5,6,7,8,9,10")) as stage:
        hole(stage, 0, 9)
        (over,) = await stage.over()
        assert (over.ok, fills(stage)) == (True, [([1, 2, 5, 6, 7, 8], True)])


async def test_pages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trades, "MOST_PAGES", 5)
    async with on_stage(answer=pages(1)) as stage:
        hole(stage, 0, 1_000)
        (over,) = await stage.over()
        assert (over.ok, len(stage.requests)) == (False, 5)
        assert fills(stage)[-1] == ([], True)


async def test_when_attempts_are_used_up_the_stream_is_told_that_no_more_comes() -> None:
    async with on_stage(answer=no_answer) as stage:
        hole(stage, 0, 9)
        (over,) = await stage.over()
        assert (over.ok, over.attempts, fills(stage)) == (False, 8, [([], True)])


async def test_an_operator_cannot_fill_what_nobody_reported() -> None:
    async with on_stage() as stage:
        await stage.manager.ask(TriggerRecovery(IncidentKind.TRADES, str(TRADES)))
        (over,) = await stage.over()
        assert (over.ok, over.reason) == (False, "nobody says which ids are missing; a stream reports its holes itself")
