"""P. Structured concurrency: many restarts, many children, deep trees and long waits."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from supervisor import ActorSpec, Failed, Strategy, SupervisorSpec, TaskSpec
from supervisor.testing import await_restart, crash, kill
from tests.semantics.actors import LOOSE, NAME, BoomError, Get, Journal, Recorder, actor, many, opened, phases, tree

SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"

pytestmark = pytest.mark.anyio


@pytest.mark.slow
@pytest.mark.item(176)
async def test_restarting_tasks_leave_nothing_behind() -> None:
    lives = 0

    async def child() -> None:
        nonlocal lives
        lives += 1
        await anyio.lowlevel.checkpoint()
        raise BoomError(str(lives))

    async with opened(tree(TaskSpec("a", child), intensity=LOOSE, strategy=Strategy.ONE_FOR_ONE)) as root:
        counts = []
        for target in (1_000, 3_000):
            while lives < target:
                await anyio.lowlevel.checkpoint()
            gc.collect()
            counts.append(len(gc.get_objects()))
        assert counts[1] - counts[0] < 500
        assert len(root._runtime.timekeeper) < 10
        assert len(root._branch.life._timers) == 0
        last = root._branch.slots["a"].ended_with
        assert isinstance(last, Failed)
        assert last.error.__context__ is None
        assert len(traceback.extract_tb(last.error.__traceback__)) < 10
        await root.terminate_child("a")


@pytest.mark.slow
@pytest.mark.item(176)
async def test_thousands_of_restarts_of_an_actor_with_timers_monitors_and_a_name_leave_nothing_behind() -> None:
    journal = Journal()

    class Busy(Recorder):
        __slots__ = ()

        async def on_start(self) -> None:
            self.every(100.0, "tick", key="tick")
            self.after(1000.0, "late")
            self.watch(self.context.supervisor.child("other"))
            self.monitor(self.context.supervisor.child("other"))
            self.spawn(anyio.sleep_forever)

    spec = ActorSpec("a", lambda: Busy("a", journal), name=NAME)
    async with opened(tree(actor(journal, "other"), spec, intensity=LOOSE)) as root:
        counts = []
        for restarts in (500, 9_000 if SOAK else 2_000):
            for _ in range(restarts):
                crash(root.child("a"))
                await await_restart(root.child("a"))
            journal.reasons.clear()
            journal.lines.clear()
            gc.collect()
            counts.append(len(gc.get_objects()))
        # One object for every fourth restart would be too many: what a restart leaves behind is at least one for each.
        assert counts[1] - counts[0] < 500
        assert len(root._runtime.timekeeper) < 10
        assert len(root.child("other")._place.watchers) == 2


@pytest.mark.slow
@pytest.mark.item(76)
async def test_a_tree_500_deep_starts_reports_and_stops() -> None:
    journal = Journal()
    spec: Any = actor(journal, "leaf")
    for depth in range(500):
        spec = SupervisorSpec(f"s{depth}", [spec])
    async with opened(spec) as root:
        snapshot = root.snapshot()
        assert len(snapshot.flat()) == 501
        assert len(snapshot.to_text().splitlines()) == 501
        assert snapshot.to_json().count(b'"phase"') == 501
        assert snapshot.to_dot().count("->") == 500
        inner = root
        while "leaf" not in phases(inner):
            inner = inner.supervisor(inner.which_children()[0].id)
        assert await inner.child("leaf").ask(Get()) == 0
        crash(inner.child("leaf"))
        await await_restart(inner.child("leaf"))
        kill(root.child("s498"))
        await await_restart(root.child("s498"))
        assert len(root.snapshot().flat()) == 501
    assert journal.lines[-1] == "-leaf"


@pytest.mark.slow
@pytest.mark.item(76)
async def test_a_tree_deeper_than_pythons_stack_is_built_started_and_stopped() -> None:
    journal = Journal()
    spec: Any = actor(journal, "leaf", name=NAME)
    for depth in range(1_500):
        spec = SupervisorSpec(f"s{depth}", [spec])
    assert sys.getrecursionlimit() < 1_500
    async with opened(spec) as root:
        assert await root.ref(NAME).ask(Get()) == 0
    assert journal.lines == ["+leaf", "-leaf"]


@pytest.mark.slow
@pytest.mark.item(96)
async def test_a_supervisor_of_thousands_of_children_starts_reports_and_stops() -> None:
    number = 2_000

    async def child() -> None:
        await anyio.sleep_forever()

    spec = TaskSpec("c", child)
    async with opened(many()) as root:
        for _ in range(number):
            await root.start_child(spec)
        assert root.count_children().active == number
        assert len(root.which_children()) == number
        assert len(root.snapshot().root.children) == number
        await root.terminate_child("c#77")
        assert root.count_children().specs == number - 1


@pytest.mark.slow
@pytest.mark.item(96)
async def test_a_wide_tree_starts_reports_and_stops() -> None:
    # `make bench` starts a hundred thousand, and `make bench-smoke` counts that each costs as much as among few.
    number = 20_000 if SOAK else 5_000

    async def child() -> None:
        await anyio.sleep_forever()

    async with opened(tree(*(TaskSpec(f"c{n}", child) for n in range(number)))) as root:
        count = root.count_children()
        assert (count.specs, count.active, count.workers) == (number, number, number)
        assert [child.id for child in root.which_children()[:2]] == ["c0", "c1"]
        snapshot = root.snapshot()
        assert len(snapshot.to_text().splitlines()) == number + 1
        assert snapshot.to_json().count(b'"phase"') == number + 1
        assert snapshot.to_dot().count("->") == number
        assert len(root._runtime.timekeeper) == 0
    assert not root._branch.slots


@pytest.mark.item(174)
async def test_nothing_waits_on_the_wall_clock() -> None:
    import time

    journal, real = Journal(slow_stop={"a": 1000.0}), time.perf_counter()
    async with opened(tree(actor(journal, "a", shutdown=2000.0))):
        await anyio.sleep(3600)
    assert time.perf_counter() - real < 2
