"""While the exchange bans our address nothing is sent, and no attempt is burnt; then one light request. Clocks are measured."""

from __future__ import annotations

import anyio
import pytest

from actors.incidents import BookLimits, IncidentKind
from actors.ports import RestRequest, RestResponse
from actors.protocol import Trouble
from tests.actors.recovery.stage import no_answer, ok, on_stage

pytestmark = pytest.mark.anyio

BAN, CLOCK = IncidentKind.BAN, IncidentKind.CLOCK


async def test_a_ban_is_waited_out_and_then_one_light_request_is_made() -> None:
    async with on_stage(answer=lambda request: ok("0")) as stage:
        began = anyio.current_time()
        stage.denied_until = began + 900.0
        stage.manager.tell(Trouble(BAN, "", "HTTP 418", "Banned"))
        (over,) = await stage.over()
        assert (over.ok, over.attempts) == (True, 1)
        ((at, request),) = stage.requests
        assert at >= began + 900.0
        assert request.path == "time"


async def test_a_ban_that_is_not_over_is_waited_out_again() -> None:
    async with on_stage() as stage:
        began = anyio.current_time()
        stage.denied_until = began + 10.0
        banned = RestResponse(418, b"", {"retry-after": "100"})
        stage.answer = lambda request: banned if len(stage.requests) == 1 else ok("0")
        stage.manager.tell(Trouble(BAN, "", "HTTP 418"))
        (over,) = await stage.over()
        assert (over.ok, over.attempts) == (True, 2)
        assert stage.requests[1][0] - stage.requests[0][0] >= 60.0


async def test_a_ban_burns_no_attempt_of_another_incident() -> None:
    async with on_stage() as stage:
        stage.denied_until = anyio.current_time() + 900.0
        stage.book_is_out_of_step()
        (over,) = await stage.over()
        assert (over.ok, over.attempts, len(stage.requests)) == (True, 1, 1)


async def test_the_time_after_a_ban_is_that_before_it_less_what_was_spent() -> None:
    async with on_stage(answer=no_answer, latency=14.0) as stage:
        stage.denied_until = anyio.current_time() + 500.0
        stage.book_is_out_of_step()
        (over,) = await stage.over()
        assert 600.0 < over.seconds < 500.0 + 30.0 + 120.0


async def test_who_is_never_given_leave_is_ended_at_last() -> None:
    async with on_stage(limits=BookLimits(longest_hold=1_000.0)) as stage:
        stage.denied_until = float("inf")
        stage.book_is_out_of_step()
        (over,) = await stage.over()
        assert (over.ok, over.escalated, stage.requests) == (False, True, [])
        await anyio.sleep(1.0)
        assert stage.workers == []


async def test_a_clock_that_is_right_again_is_cured() -> None:
    async with on_stage() as stage:
        wall = stage.root._runtime.wall  # what actors are given as the wall clock, which is virtual here

        def answer(request: RestRequest) -> RestResponse:
            offset = 5.0 if len(stage.requests) < 3 else 0.2
            return ok(str(int((wall() + offset) * 1000)))

        stage.answer = answer
        stage.manager.tell(Trouble(CLOCK, "", "-1021"))
        (over,) = await stage.over()
        assert (over.ok, over.attempts) == (True, 3)


async def test_a_clock_that_stays_wrong_is_alarmed() -> None:
    async with on_stage() as stage:
        wall = stage.root._runtime.wall
        stage.answer = lambda request: ok(str(int((wall() - 3.0) * 1000)))
        stage.manager.tell(Trouble(CLOCK, "", "-1021"))
        (over,) = await stage.over()
        assert (over.ok, over.attempts, over.escalated) == (False, 5, True)


async def test_a_slow_answer_is_not_taken_for_a_wrong_clock() -> None:
    async with on_stage(latency=4.0) as stage:
        wall = stage.root._runtime.wall
        stage.answer = lambda request: ok(str(int((wall() - 4.0) * 1000)))  # read when the request came
        stage.manager.tell(Trouble(CLOCK, "", "-1021"))
        (over,) = await stage.over()
        assert (over.ok, over.attempts) == (True, 1)
