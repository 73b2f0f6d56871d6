"""D. Restart intensity."""

from __future__ import annotations

import time
from typing import Any

import anyio
import pytest

from supervisor import (
    Failed,
    Intensity,
    Restart,
    RestartIntensityExceeded,
    RestartScheduled,
    StartError,
    Strategy,
    SupervisorGaveUp,
    TaskSpec,
)
from supervisor.testing import await_restart, crash, kill
from tests.semantics.actors import (
    STRICT,
    Boom,
    BoomError,
    Get,
    Journal,
    actor,
    incarnations,
    many,
    opened,
    phases,
    settle,
    tree,
)

pytestmark = pytest.mark.anyio


@pytest.mark.item(35, 36, 46, 109)
@pytest.mark.parametrize("strategy", list(Strategy))
async def test_one_failure_too_many_ends_the_supervisor_in_order(strategy: Strategy) -> None:
    journal = Journal()
    with pytest.raises(RestartIntensityExceeded) as caught:
        async with opened(
            tree(*(actor(journal, id) for id in "abc"), strategy=strategy, intensity=Intensity(2, 10.0)), journal
        ) as root:
            for number, id in enumerate(("a", "b"), start=1):
                before = incarnations(root)[id]
                crash(root.child(id))
                await await_restart(root.child(id), before)
                await settle()
                assert root.snapshot().root.restarts_in_window == number
            journal.take()
            crash(root.child("b"), error := BoomError("third"))
            await anyio.sleep_forever()
    assert journal.lines == ["-b", "-c", "-a"]
    assert caught.value.__cause__ is error
    assert (caught.value.path, caught.value.child) == ("root", "b")
    gave_up = journal.of(SupervisorGaveUp)
    assert [(event.path, event.child) for event in gave_up] == [("root", "b")]
    assert len(journal.of(RestartScheduled)) == 2


@pytest.mark.item(35)
async def test_a_dynamic_supervisor_has_a_budget_too() -> None:
    journal = Journal()
    with pytest.raises(RestartIntensityExceeded):
        async with opened(many(intensity=Intensity(1, 10.0))) as root:
            first, second = [await root.start_child(actor(journal, "a")) for _ in range(2)]
            crash(first)
            await await_restart(first)
            crash(second)
            await anyio.sleep_forever()


@pytest.mark.item(37)
@pytest.mark.parametrize("strategy", list(Strategy))
async def test_none_means_none(strategy: Strategy) -> None:
    journal = Journal()
    with pytest.raises(RestartIntensityExceeded):
        async with opened(tree(actor(journal, "a"), strategy=strategy, intensity=STRICT)) as root:
            root.child("a").tell(Boom())
            await anyio.sleep_forever()
    assert journal.starts == {"a": 1}


@pytest.mark.item(38, 174)
async def test_spaced_restarts_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), intensity=Intensity(1, 10.0))) as root:
        for number in range(20):
            monkeypatch.setattr(time, "time", lambda number=number: -1000.0 * number)
            crash(root.child("a"))
            await await_restart(root.child("a"))
            await anyio.sleep(10.5)
        assert incarnations(root) == {"a": 21}


@pytest.mark.item(38)
async def test_the_window_slides() -> None:
    journal = Journal()
    with pytest.raises(RestartIntensityExceeded):
        async with opened(tree(actor(journal, "a"), intensity=Intensity(2, 10.0))) as root:
            for pause in (9.0, 2.0, 2.0):  # at 0, 9, 11: two within ten seconds; then at 13 the third
                crash(root.child("a"))
                await await_restart(root.child("a"))
                await anyio.sleep(pause)
            assert incarnations(root) == {"a": 4}
            crash(root.child("a"))
            await anyio.sleep_forever()


@pytest.mark.item(39)
@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_a_group_restart_counts_as_one(strategy: Strategy) -> None:
    journal = Journal()
    async with opened(tree(*(actor(journal, id) for id in "abcdef"), strategy=strategy, intensity=Intensity(2, 10.0))) as root:
        for _ in range(2):
            crash(root.child("a"))
            await await_restart(root.child("f"))
            await settle()
        assert root.snapshot().root.restarts_in_window == 2


@pytest.mark.item(40)
@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("dynamic", [False, True])
async def test_each_failed_attempt_counts(strategy: Strategy, dynamic: bool) -> None:
    journal = Journal(fail_start={"a": [None] + [BoomError()] * 100})
    spec: Any = many(intensity=Intensity(4, 10.0)) if dynamic else tree(strategy=strategy, intensity=Intensity(4, 10.0))
    with pytest.raises(RestartIntensityExceeded) as caught:
        async with opened(spec) as root:
            ref = await root.start_child(actor(journal, "a"))
            crash(ref)
            await anyio.sleep_forever()
    assert journal.starts == {"a": 5}
    assert isinstance(caught.value.__cause__, BoomError)


@pytest.mark.item(41)
async def test_what_does_not_count() -> None:
    journal = Journal(fail_start={"bad": BoomError()})

    async def done() -> None:
        return

    async with opened(tree(actor(journal, "a"), intensity=STRICT)) as root:
        await root.start_child(TaskSpec("once", done, restart=Restart.TRANSIENT))
        temporary = await root.start_child(actor(journal, "t", restart=Restart.TEMPORARY))
        crash(temporary)
        with pytest.raises(StartError):
            await root.start_child(actor(journal, "bad"))
        for _ in range(5):
            await root.terminate_child("a")
            await root.restart_child("a")
        await settle()
        assert root.snapshot().root.restarts_in_window == 0
        assert await root.child("a").ask(Get()) == 0


@pytest.mark.item(42)
@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_a_sibling_that_fails_while_its_group_is_stopped_is_no_second_failure(strategy: Strategy) -> None:
    journal = Journal(fail_stop={"b": BoomError(), "c": BoomError()}, slow_stop={"c": 1.0})
    async with opened(tree(*(actor(journal, id) for id in "abc"), strategy=strategy, intensity=Intensity(1, 10.0))) as root:
        crash(root.child("a"))
        await settle()
        crash(root.child("b"))  # while c is being stopped
        await await_restart(root.child("c"))
        await anyio.sleep(1)
        assert incarnations(root) == {"a": 2, "b": 2, "c": 2}
        assert root.snapshot().root.restarts_in_window == 1


@pytest.mark.item(43)
async def test_two_failures_at_once_are_one_group_restart_but_two_single_ones() -> None:
    for strategy, counted in ((Strategy.ONE_FOR_ALL, 1), (Strategy.ONE_FOR_ONE, 2)):
        journal = Journal()
        async with opened(tree(*(actor(journal, id) for id in "abc"), strategy=strategy)) as root:
            kill(root.child("a"))
            kill(root.child("b"))
            await anyio.sleep(1)
            assert root.snapshot().root.restarts_in_window == counted
            others = 2 if strategy is Strategy.ONE_FOR_ALL else 1
            assert incarnations(root) == {"a": 2, "b": 2, "c": others}


@pytest.mark.item(44, 68)
async def test_a_child_that_keeps_failing_starves_nobody() -> None:
    journal, attempts = Journal(), 0

    async def failing() -> None:
        nonlocal attempts
        attempts += 1
        raise BoomError

    async with opened(tree(actor(journal, "b"), intensity=Intensity(10**9, 1e6))) as root:
        await root.start_child(TaskSpec("a", failing))
        assert await root.child("b").ask(Get()) == 0
        assert len(root.which_children()) == 2
        while attempts < 100:
            await anyio.lowlevel.checkpoint()
        await root.terminate_child("a")
        assert phases(root)["a"] == "stopped"
        seen = attempts
        await anyio.sleep(1)
        assert attempts == seen
        await root.restart_child("a")
        await settle()
    assert attempts > seen


@pytest.mark.item(45)
async def test_a_new_supervisor_life_has_a_fresh_budget() -> None:
    journal = Journal()
    async with opened(tree(tree(actor(journal, "a"), id="in", intensity=Intensity(1, 100.0)))) as root:
        inner = root.supervisor("in")
        for _ in range(2):
            crash(inner.child("a"))
            await await_restart(inner.child("a"), incarnations(inner)["a"])
        assert inner.snapshot().root.incarnation == 2
        assert inner.snapshot().root.restarts_in_window == 0
        assert root.snapshot().root.restarts_in_window == 1
        crash(inner.child("a"))
        assert await await_restart(inner.child("a")) == 4  # lives at a place are numbered through
        assert inner.snapshot().root.restarts_in_window == 1


@pytest.mark.item(46)
async def test_the_report_names_the_child_and_its_reason() -> None:
    journal = Journal()
    with pytest.raises(RestartIntensityExceeded) as caught:
        async with opened(tree(actor(journal, "a"), intensity=STRICT), journal) as root:
            root.child("a").tell(Boom("why"))
            await anyio.sleep_forever()
    assert "'a'" in str(caught.value)
    assert isinstance(caught.value.reason, Failed)
    event = journal.of(SupervisorGaveUp)[0]
    assert event.to_dict()["reason"] == "BoomError: why"
