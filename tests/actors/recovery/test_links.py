"""Links, endpoints and parked streams: milder means first, then stronger ones, with growing pauses."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from actors.incidents import IncidentKind, book
from actors.link_state import LinkPhase
from actors.protocol import FallbackKind, FallbackMoved, Trouble
from supervisor import MemoryStore
from supervisor.testing import crash, kill
from tests.actors.recovery.stage import Stage, on_stage

pytestmark = pytest.mark.anyio

LINK, ENDPOINT, STREAM = IncidentKind.LINK, IncidentKind.ENDPOINT, IncidentKind.STREAM
FAILED, HEALTHY = LinkPhase.FAILED, LinkPhase.HEALTHY


def failed(stage: Stage) -> None:
    stage.phases["BTCUSDT"] = FAILED
    stage.manager.tell(Trouble(LINK, "BTCUSDT", "it keeps being lost", "ConnectionLost"))


async def test_a_failed_link_is_given_a_new_connection() -> None:
    async with on_stage() as stage:
        stage.on_renew = lambda: stage.phases.update(BTCUSDT=HEALTHY)
        failed(stage)
        (over,) = await stage.over()
        assert (over.ok, over.kind, over.subject, over.instrument) == (True, LINK, "BTCUSDT", None)
        assert (len(stage.told), stage.forced) == (1, [])


async def test_where_that_does_not_help_it_is_moved_to_another_endpoint_and_back_to_the_evidence() -> None:
    async with on_stage() as stage:
        stage.on_renew = lambda: stage.phases.update(BTCUSDT=HEALTHY if stage.forced else FAILED)
        failed(stage)
        (over,) = await stage.over()
        assert (over.ok, over.attempts, len(stage.told), stage.forced) == (True, 3, 3, [True, None])


async def test_a_link_that_stays_down_is_given_up_and_the_endpoint_is_left_to_the_evidence() -> None:
    async with on_stage() as stage:
        failed(stage)
        (over,) = await stage.over()
        assert (over.ok, over.attempts, over.escalated) == (False, 6, True)
        assert stage.forced == [True, None]


async def test_a_link_that_comes_back_by_itself_is_left_alone() -> None:
    async with on_stage(phases={"BTCUSDT": HEALTHY}) as stage:
        stage.manager.tell(Trouble(LINK, "BTCUSDT", "it was lost"))
        (over,) = await stage.over()
        assert (over.ok, stage.told) == (True, [])


async def test_a_link_that_is_no_more_lapses() -> None:
    async with on_stage() as stage:
        stage.manager.tell(Trouble(LINK, "BTCUSDT", "it was lost"))
        (over,) = await stage.over()
        assert (over.ok, over.escalated, stage.alerts) == (False, False, [])


async def test_a_link_that_keeps_failing_is_moved_without_more_ado() -> None:
    async with on_stage() as stage:
        stage.on_renew = lambda: stage.phases.update(BTCUSDT=HEALTHY)
        for number in range(1, 4):
            failed(stage)
            await stage.over(number)
        assert stage.forced == [True, None]


async def test_who_is_ended_in_the_middle_leaves_nothing_in_force() -> None:
    async with on_stage() as stage:
        failed(stage)
        with anyio.fail_after(300.0):
            while not stage.forced:
                await anyio.sleep(1.0)
        await stage.group.supervisor("workers").terminate_child(stage.worker())
        await anyio.sleep(0.1)
        assert stage.forced == [True, None]


async def moved_away(stage: Stage) -> None:
    """A worker is at it, and has another endpoint in force."""
    failed(stage)
    with anyio.fail_after(300.0):
        while not stage.forced:
            await anyio.sleep(1.0)
    await anyio.sleep(1.0)


@pytest.mark.parametrize("end", [crash, kill])
@pytest.mark.parametrize("victim", ["worker", "workers"])
async def test_what_a_worker_that_died_had_put_in_force_is_lifted_by_the_next(victim: str, end: Callable[[Any], None]) -> None:
    async with on_stage(store=MemoryStore()) as stage:
        await moved_away(stage)
        stage.phases["BTCUSDT"] = HEALTHY
        end(stage.worker() if victim == "worker" else stage.group.child("workers"))
        await stage.over()
        assert stage.forced == [True, None]


async def test_what_a_worker_of_an_earlier_process_had_put_in_force_is_lifted() -> None:
    store = MemoryStore()
    async with on_stage(store=store) as stage:
        await moved_away(stage)
        left = copy.deepcopy(store)  # it ends without tidying up
    async with on_stage(store=left, phases={"BTCUSDT": HEALTHY}) as stage:
        await stage.over()
        assert stage.forced == [None]


async def test_where_another_endpoint_is_used_already_nothing_is_forced_and_no_word_taken_back() -> None:
    moved = FallbackMoved(FallbackKind.ENDPOINT, "", True, "an operator has put it in force", 0.0, "fake")
    async with on_stage(in_force=(moved,)) as stage:
        failed(stage)
        (over,) = await stage.over()
        assert (over.ok, over.attempts, stage.forced) == (False, 6, [])


async def test_an_endpoint_is_probed_until_its_breaker_closes() -> None:
    probes: list[float] = []
    async with on_stage(endpoints={"stream-2": {"breaker": "open"}}) as stage:

        def probed() -> None:
            probes.append(anyio.current_time())
            if len(probes) == 4:
                stage.endpoints["stream-2"]["breaker"] = "closed"

        stage.on_probe = probed
        stage.manager.tell(Trouble(ENDPOINT, "stream-2", "its breaker is open"))
        (over,) = await stage.over()
        assert (over.ok, over.attempts) == (True, 4)
        pauses = [later - earlier for earlier, later in itertools.pairwise(probes)]
        assert pauses == sorted(pauses)


async def test_an_endpoint_that_nobody_knows_lapses() -> None:
    async with on_stage() as stage:
        stage.manager.tell(Trouble(ENDPOINT, "stream-9", "its breaker is open"))
        (over,) = await stage.over()
        assert (over.ok, over.escalated) == (False, False)


async def park(stage: Stage) -> None:
    """Have the stream crash until its supervisor gives it up."""
    stage.parks = True
    crash(stage.stream())
    with anyio.fail_after(60.0):
        while str(stage.root.supervisor("streams").which_children()[0].phase) != "Phase.GAVE_UP":
            await anyio.sleep(1.0)


async def test_a_parked_stream_is_started_again() -> None:
    async with on_stage() as stage:
        await park(stage)
        stage.parks = False
        stage.manager.tell(Trouble(STREAM, stage.stream().path, "it crashed too often", "KeyError"))
        (over,) = await stage.over()
        assert (over.ok, len(stage.restarts), stage.stream().alive) == (True, 1, True)


async def test_a_stream_that_is_parked_again_and_again_is_a_persons_at_last_and_the_pauses_grow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(book, "MOST_RETURNS", {STREAM: 2})
    async with on_stage() as stage:
        await park(stage)
        while not any("only a person" in alert.text for alert in stage.alerts):
            if not stage.stream().alive:
                stage.manager.tell(Trouble(STREAM, "BTCUSDT", "it crashed too often"))
            await anyio.sleep(2.0)
            assert anyio.current_time() < 20_000.0
        before = len(stage.restarts)
        pauses = [later - earlier for earlier, later in itertools.pairwise(stage.restarts)][:4]
        assert pauses == sorted(pauses)
        assert (pauses[3] > 30.0, before > 5) == (True, True)
        for _ in range(20):
            stage.manager.tell(Trouble(STREAM, "BTCUSDT", "it crashed too often"))
            await anyio.sleep(10.0)
        assert len(stage.restarts) == before


async def test_a_stream_that_is_no_more_lapses() -> None:
    async with on_stage() as stage:
        stage.manager.tell(Trouble(STREAM, "fake/streams/streams/NOPE", "it crashed too often"))
        (over,) = await stage.over()
        assert (over.ok, over.escalated) == (False, False)
