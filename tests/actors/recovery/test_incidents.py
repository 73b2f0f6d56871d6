"""The RecoveryManager: how many work at once, what is alarmed and when that ends, and what survives whose death."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from actors.errors import Severity
from actors.incidents import BookLimits, IncidentKind, RecoveryStrategy
from actors.market import InstrumentId
from actors.protocol import BookIncident, Incidents, TriggerRecovery, Trouble
from actors.recovery_manager import RecoveryManager
from supervisor import MemoryStore
from supervisor.testing import await_restart, crash, kill
from tests.actors.recovery.stage import Stage, kinds, no_answer, ok, on_stage

pytestmark = pytest.mark.anyio

BOOK, LINK, BAN = IncidentKind.BOOK, IncidentKind.LINK, IncidentKind.BAN
KEY = "recovery book fake:BTC/USDT"


def many(stage: Stage, count: int) -> None:
    for number in range(count):
        stage.manager.tell(BookIncident(InstrumentId("fake", f"N{number}USDT", f"N{number}/USDT"), stage.stream()))


async def test_workers_are_bounded_and_the_rest_wait_in_order() -> None:
    async with on_stage(limits=BookLimits(most_running=3), latency=1.0) as stage:
        many(stage, 8)
        await anyio.sleep(0.5)
        assert len(stage.workers) == 3
        assert sum(one.ended is None for one in await stage.records()) == 8
        ended = await stage.over(8)
        assert all(over.ok for over in ended)
        asked = [request.params["symbol"] for _, request in stage.requests]
        # Those that begin at one moment begin in any order.
        assert [sorted(asked[first : first + 3]) for first in (0, 3, 6)] == [
            [f"N{number}USDT" for number in numbers] for numbers in ((0, 1, 2), (3, 4, 5), (6, 7))
        ]


async def test_a_storm_of_incidents_is_remembered_now_and_then_and_not_for_each_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Found by the soak: with two hundred links lost at once, remembering held the manager up, and books waited for minutes.
    kept: list[float] = []
    remember = RecoveryManager._remember

    def remembered(manager: RecoveryManager, now: float) -> None:
        kept.append(now)
        remember(manager, now)

    monkeypatch.setattr(RecoveryManager, "_remember", remembered)
    async with on_stage(latency=0.2) as stage:
        many(stage, 100)
        await stage.over(100)
        assert 2 <= len(kept) <= 12


async def test_the_incidents_are_told_open_ones_first_and_newest_first() -> None:
    async with on_stage(limits=BookLimits(history=2, most_running=1)) as stage:
        many(stage, 3)
        await stage.over(3)
        stage.latency = 100.0
        stage.book_is_out_of_step()
        await anyio.sleep(1.0)
        records = await stage.records()
        assert [(one.id, one.ok, one.attempts) for one in records] == [
            ("book-4", None, 1),
            ("book-3", True, 1),
            ("book-2", True, 1),
        ]


async def test_what_is_given_up_is_alarmed_until_it_is_cured() -> None:
    async with on_stage(answer=no_answer) as stage:
        stage.book_is_out_of_step()
        await stage.over()
        await anyio.sleep(0.1)
        (alert,) = stage.alerts
        assert (alert.key, alert.on, alert.severity) == (KEY, True, Severity.ERROR)
        assert "gave up after 8 attempts" in alert.text
        stage.answer = lambda request: ok("1")
        stage.book_is_out_of_step()
        await stage.over(2)
        await anyio.sleep(0.1)
        assert kinds(stage.alerts) == [(KEY, True), (KEY, False)]


async def test_an_alarm_ends_when_nobody_suffers_any_more() -> None:
    async with on_stage(answer=no_answer) as stage:
        stage.book_is_out_of_step()
        await stage.over()
        await anyio.sleep(130.0)
        assert kinds(stage.alerts) == [(KEY, True), (KEY, False)]


async def test_what_is_cured_is_never_alarmed() -> None:
    async with on_stage() as stage:
        stage.book_is_out_of_step()
        await stage.over()
        await anyio.sleep(300.0)
        assert stage.alerts == []


async def test_what_comes_again_after_it_was_given_up_waits_for_its_pause() -> None:
    async with on_stage(answer=no_answer) as stage:
        stage.book_is_out_of_step()
        await stage.over()
        before, ended = len(stage.requests), anyio.current_time()
        stage.book_is_out_of_step()  # once: it is not forgotten while it pauses
        await stage.over(2)
        assert 4.0 < stage.requests[before][0] - ended < 7.0


async def test_what_only_a_person_can_mend_is_alarmed_and_not_tried() -> None:
    async with on_stage() as stage:
        for _ in range(50):
            stage.manager.tell(Trouble(LINK, "BTCUSDT", "the key is not valid", "AuthenticationError"))
            await anyio.sleep(1.0)
        assert (stage.workers, stage.told) == ([], [])
        assert kinds(stage.alerts) == [("recovery link BTCUSDT", True)]
        (record,) = await stage.records()
        assert (record.strategy, record.reports, record.escalated) == (RecoveryStrategy.MANUAL, 50, True)
        (over,) = await stage.over()
        assert (over.ok, over.attempts, over.escalated) == (False, 0, True)


async def test_an_operator_can_have_what_is_a_persons_tried() -> None:
    async with on_stage(answer=lambda request: ok("1")) as stage:
        stage.manager.tell(Trouble(BAN, "", "forbidden", "AuthenticationError"))
        await anyio.sleep(10.0)
        assert stage.requests == []
        await stage.manager.ask(TriggerRecovery(BAN, ""))
        (over,) = await stage.over()
        await anyio.sleep(0.1)
        assert (over.ok, kinds(stage.alerts)) == (True, [("recovery ban ", True), ("recovery ban ", False)])


async def test_an_operators_word_on_what_runs_answers_its_id() -> None:
    async with on_stage(latency=5.0) as stage:
        stage.book_is_out_of_step()
        assert await stage.manager.ask(TriggerRecovery(BOOK, "fake:BTC/USDT")) == "book-1"
        await anyio.sleep(0.1)
        assert len(stage.workers) == 1


async def test_what_the_other_side_put_off_is_begun_then() -> None:
    async with on_stage(answer=lambda request: ok("1")) as stage:
        began = anyio.current_time()
        stage.manager.tell(Trouble(IncidentKind.CLOCK, "", "too many requests", "RateLimited", until=began + 45.0))
        await anyio.sleep(44.0)
        assert stage.requests == []
        await anyio.sleep(2.0)
        assert len(stage.requests) == 1


async def test_a_worker_that_keeps_crashing_gives_its_place_up() -> None:
    async with on_stage() as stage:
        stage.answer = lambda request: ok("no number")  # the parser fails with what no treatment expects
        stage.book_is_out_of_step()
        (over,) = await stage.over()
        assert (over.ok, over.escalated) == (False, True)
        await anyio.sleep(1.0)
        assert stage.workers == []


@pytest.mark.parametrize("end", [crash, kill])
@pytest.mark.parametrize("victim", ["recovery manager", "workers", "worker"])
async def test_an_incident_survives_whoever_dies(victim: str, end: Callable[[Any], object]) -> None:
    async with on_stage(answer=lambda request: ok("1"), latency=2.0) as stage:
        stage.manager.tell(Trouble(BAN, "", "HTTP 418"))  # said once
        await anyio.sleep(1.0)
        end(stage.worker() if victim == "worker" else stage.group.child(victim))
        with anyio.fail_after(60.0):
            while not any(over.ok for over in stage.ended):
                await stage.another.wait()
        await anyio.sleep(1.0)
        assert stage.workers == []
        assert len(await stage.records()) <= 2


async def test_a_worker_goes_on_undisturbed_when_its_manager_dies() -> None:
    async with on_stage(latency=5.0) as stage:
        for _ in range(7):
            stage.book_is_out_of_step()
        await anyio.sleep(1.0)
        crash(stage.group.child("recovery manager"))
        await await_restart(stage.group.child("recovery manager"))
        (over,) = await stage.over()
        assert (over.ok, over.kind, len(stage.requests)) == (True, BOOK, 1)


async def test_the_history_the_numbers_and_the_pauses_survive_the_manager() -> None:
    async with on_stage(answer=no_answer) as stage:
        stage.book_is_out_of_step()
        await stage.over()
        before, ended = await stage.records(), anyio.current_time()
        crash(stage.group.child("recovery manager"))
        await await_restart(stage.group.child("recovery manager"))
        assert [one.id for one in await stage.records()] == [one.id for one in before]
        requests = len(stage.requests)
        stage.book_is_out_of_step()
        await stage.over(2)
        assert stage.requests[requests][0] - ended > 4.0
        assert [one.id for one in await stage.records()] == ["book-2", "book-1"]


async def test_the_next_process_knows_the_history_and_begins_nothing_by_itself() -> None:
    store = MemoryStore()
    async with on_stage(store=store, answer=no_answer) as stage:
        stage.book_is_out_of_step()
        await stage.over()
        stage.manager.tell(Trouble(BAN, "", "HTTP 418"))
        await stage.manager.ask(Incidents())
    async with on_stage(store=store) as stage:
        await anyio.sleep(60.0)
        assert stage.requests == []
        records = await stage.records()
        assert [(one.id, one.ok) for one in records] == [("ban-2", False), ("book-1", False)]
        assert "interrupted" in records[0].reason


async def test_without_a_health_monitor_nothing_fails() -> None:
    async with on_stage(answer=no_answer) as stage:
        await stage.root.terminate_child("health")
        await stage.root.delete_child("health")
        stage.book_is_out_of_step()
        (over,) = await stage.over()
        assert not over.ok
        assert await stage.records()
