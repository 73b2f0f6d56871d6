"""J. Escalation."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from supervisor import (
    ChildEnded,
    Intensity,
    Restart,
    RestartIntensityExceeded,
    Strategy,
    SupervisorGaveUp,
    TaskSpec,
)
from supervisor.testing import await_restart, crash, kill
from tests.semantics.actors import (
    NAME,
    STRICT,
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


@pytest.mark.item(107)
async def test_attempts_multiply_per_level() -> None:
    starts = 0

    async def failing() -> None:
        nonlocal starts
        starts += 1
        raise BoomError(str(starts))

    spec: Any = TaskSpec("x", failing)
    for level in range(3):
        spec = tree(spec, id=f"s{level}", intensity=Intensity(2, 100.0))
    journal = Journal()
    with pytest.raises(RestartIntensityExceeded) as caught:
        async with opened(spec, journal):
            await anyio.sleep_forever()
    assert starts == 27
    chain: list[BaseException] = [caught.value]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    assert [type(error) for error in chain] == [RestartIntensityExceeded] * 3 + [BoomError]
    assert str(chain[-1]) == "27"
    assert [error.path for error in chain[:3]] == ["s2", "s2/s1", "s2/s1/s0"]


@pytest.mark.item(107, 58)
async def test_a_supervisor_that_gave_up_is_restarted_by_its_own() -> None:
    journal = Journal()
    inner = tree(actor(journal, "x"), actor(journal, "y"), id="in", intensity=STRICT)
    async with opened(tree(actor(journal, "a"), inner, actor(journal, "c")), journal) as root:
        journal.take()
        crash(root.supervisor("in").child("x"))
        await await_restart(root.child("in"))
        assert journal.take() == ["-x", "-y", "+x", "+y"]
        assert incarnations(root) == {"a": 1, "in": 2, "c": 1}
        assert root.snapshot().root.restarts_in_window == 1
        assert len(journal.of(SupervisorGaveUp)) == 1


@pytest.mark.item(108)
@pytest.mark.parametrize(("restart", "comes_back"), [(Restart.TRANSIENT, True), (Restart.TEMPORARY, False)])
async def test_a_transient_supervisor_that_gave_up_failed_and_comes_back(restart: Restart, comes_back: bool) -> None:
    journal = Journal()
    inner = tree(actor(journal, "x"), id="in", intensity=STRICT, restart=restart)
    async with opened(tree(inner), journal) as root:
        crash(root.supervisor("in").child("x"))
        await settle()
        assert phases(root) == ({"in": "running"} if comes_back else {})


@pytest.mark.item(109)
async def test_the_root_raises_one_clear_error_with_the_last_childs_as_its_cause() -> None:
    journal, error = Journal(), BoomError("last")
    with pytest.raises(RestartIntensityExceeded, match="root gave up") as caught:
        async with opened(tree(actor(journal, "a"), intensity=STRICT)) as root:
            crash(root.child("a"), error)
            await anyio.sleep_forever()
    assert caught.value.__cause__ is error


@pytest.mark.item(110)
@pytest.mark.parametrize("dynamic", [False, True])
async def test_a_killed_supervisor_leaves_no_orphan_and_comes_back(dynamic: bool) -> None:
    journal = Journal(slow_stop={"x": 100.0})
    child = actor(journal, "x", name=NAME, shutdown=1000.0)
    inner = many("in") if dynamic else tree(child, id="in")
    async with opened(tree(inner), journal) as root:
        handle = root.supervisor("in")
        if dynamic:
            await handle.start_child(child)
        kill(root.child("in"))
        await await_restart(root.child("in"))
        assert anyio.current_time() < 0.1
        assert [(event.path, event.reason) for event in journal.of(ChildEnded)] == [
            ("root/in/x", "killed"),
            ("root/in", "killed"),
        ]
        if dynamic:
            assert handle.which_children() == []
            await handle.start_child(child)
        assert await root.ref(NAME).ask(Get()) == 0


@pytest.mark.item(111)
async def test_a_crash_of_a_supervisor_takes_its_children_down_in_order_first() -> None:
    journal = Journal(slow_stop={"x": 1.0, "y": 1.0})
    async with opened(tree(tree(actor(journal, "x"), actor(journal, "y"), id="in")), journal) as root:
        journal.take()
        crash(root.child("in"), BoomError())
        await await_restart(root.child("in"))
        assert journal.take() == ["-y", "-x", "+x", "+y"]
        assert incarnations(root) == {"in": 2}


@pytest.mark.item(107)
async def test_asks_queued_under_a_failed_supervisor_wait_for_its_next_life() -> None:
    journal, answers = Journal(slow_stop={"y": 2.0}), []
    inner = tree(actor(journal, "x"), actor(journal, "y"), id="in", intensity=STRICT)
    async with opened(tree(inner)) as root, anyio.create_task_group() as group:
        x = root.supervisor("in").child("x")

        async def ask() -> None:
            answers.append(await x.ask(Get()))

        crash(x)
        await settle()
        assert not x.alive
        group.start_soon(ask)
        await await_restart(x)
        await settle()
        assert answers == [0]


@pytest.mark.item(48, 107)
async def test_a_sub_supervisor_in_a_group_is_restarted_with_it() -> None:
    journal = Journal()
    inner = tree(actor(journal, "x"), id="in", intensity=STRICT)
    async with opened(tree(actor(journal, "a"), inner, strategy=Strategy.ONE_FOR_ALL)) as root:
        journal.take()
        crash(root.supervisor("in").child("x"))
        await await_restart(root.child("in"))
        assert journal.take() == ["-x", "-a", "+a", "+x"]


@pytest.mark.item(98, 104)
async def test_significant_ends_cascade() -> None:
    from supervisor import AutoShutdown
    from tests.semantics.actors import Quit

    journal = Journal()
    leaf = actor(journal, "x", restart=Restart.TRANSIENT, significant=True)
    inner = tree(
        leaf,
        actor(journal, "y"),
        id="in",
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
        restart=Restart.TRANSIENT,
        significant=True,
    )
    async with opened(tree(actor(journal, "a"), inner, auto_shutdown=AutoShutdown.ALL_SIGNIFICANT)) as root:
        root.supervisor("in").child("x").tell(Quit())
        await root.wait()
        assert journal.lines == ["+a", "+x", "+y", "-x", "-y", "-a"]
