"""F. Stopping."""

from __future__ import annotations

import itertools
import math
from typing import Any

import anyio
import pytest

from supervisor import (
    KILL,
    Backoff,
    ChildEnded,
    HookFailed,
    Intensity,
    Normal,
    NoSuchActor,
    Restart,
    Shutdown,
    Stop,
    TaskSpec,
)
from supervisor.exits import ExitReason
from supervisor.testing import crash
from tests.semantics.actors import NAME, BoomError, Do, Journal, Recorder, actor, many, opened, phases, settle, tree

pytestmark = pytest.mark.anyio


def endings(journal: Journal) -> dict[str, str]:
    return {event.path.rpartition("/")[2]: event.reason for event in journal.of(ChildEnded)}


@pytest.mark.item(60, 155)
async def test_children_stop_one_at_a_time_last_first() -> None:
    journal = Journal(slow_stop={"a": 1.0, "b": 2.0, "c": 3.0})
    async with opened(tree(*(actor(journal, id) for id in "abc"))):
        began = anyio.current_time()
    assert journal.lines[3:] == ["-c", "-b", "-a"]
    assert anyio.current_time() - began == pytest.approx(6.0, abs=0.01)


@pytest.mark.item(61, 75)
async def test_past_its_grace_a_child_is_killed_and_the_others_are_not() -> None:
    journal = Journal(slow_stop={"b": 100.0})
    async with opened(tree(actor(journal, "a"), actor(journal, "b", shutdown=2.0), actor(journal, "c")), journal):
        began = anyio.current_time()
    assert endings(journal) == {"c": "shutdown", "b": "killed", "a": "shutdown"}
    assert anyio.current_time() - began == pytest.approx(2.0, abs=0.01)
    assert journal.of(HookFailed)[0].path == "root/b"


@pytest.mark.item(62, 151)
@pytest.mark.parametrize("dynamic", [False, True])
async def test_kill_gives_no_grace_and_runs_no_on_stop(dynamic: bool) -> None:
    journal = Journal()
    async with opened(many() if dynamic else tree(), journal) as root:
        await root.start_child(actor(journal, "a", shutdown=KILL))
    assert endings(journal) == {"a": "killed"}
    assert journal.lines == ["+a"]


@pytest.mark.item(63)
async def test_an_infinite_grace_waits_as_long_as_it_takes() -> None:
    journal = Journal(slow_stop={"a": 1e6})
    async with opened(tree(actor(journal, "a", shutdown=math.inf)), journal):
        pass
    assert journal.lines == ["+a", "-a"]


@pytest.mark.item(64)
async def test_no_grace_at_all_is_told_then_killed() -> None:
    journal = Journal(slow_stop={"a": 10.0})
    async with opened(tree(actor(journal, "a", shutdown=0)), journal):
        began = anyio.current_time()
    assert anyio.current_time() == began
    assert endings(journal) == {"a": "killed"}


@pytest.mark.item(65)
async def test_a_supervisors_finite_grace_kills_what_is_below() -> None:
    journal = Journal(slow_stop={"x": 100.0, "y": 100.0})
    inner = tree(actor(journal, "x", shutdown=50.0), actor(journal, "y", shutdown=50.0), id="in", shutdown=3.0)
    async with opened(tree(inner), journal):
        began = anyio.current_time()
    assert anyio.current_time() - began == pytest.approx(3.0, abs=0.01)
    assert endings(journal) == {"x": "killed", "y": "killed", "in": "killed"}


@pytest.mark.item(42, 66)
@pytest.mark.parametrize(
    ("restart", "ending"), list(itertools.product(Restart, [Normal(), Shutdown(), Shutdown("x"), BoomError("x")]))
)
async def test_who_ends_by_itself_during_the_stop_is_not_restarted(restart: Restart, ending: Any) -> None:
    journal = Journal(slow_stop={"c": 4.0})

    async def by_itself() -> None:
        await anyio.sleep(2)
        raise ending if isinstance(ending, Exception) else Stop(ending)

    children = [actor(journal, "a"), TaskSpec("b", by_itself, restart=restart), actor(journal, "c")]
    async with opened(tree(*children), journal) as root:
        assert await root.stop() == Shutdown()
    assert journal.lines == ["+a", "+c", "-c", "-a"]
    assert endings(journal)["b"] == ("BoomError: x" if isinstance(ending, Exception) else str(ending))
    assert [event.path for event in journal.of(ChildEnded)] == ["root/b", "root/c", "root/a"]


@pytest.mark.item(68, 195)
@pytest.mark.parametrize("dynamic", [False, True])
async def test_a_stop_during_a_restart_delay_is_prompt(dynamic: bool) -> None:
    journal = Journal()
    backoff = Backoff(initial=100.0, maximum=100.0)
    async with opened(many() if dynamic else tree(), journal) as root:
        ref = await root.start_child(actor(journal, "a", backoff=backoff))
        crash(ref)
        await anyio.sleep(1)
        assert list(phases(root).values()) == ["restarting"]
        began = anyio.current_time()
    assert anyio.current_time() == began
    assert journal.starts == {"a": 1}


@pytest.mark.item(71)
async def test_a_terminated_child_is_gone_when_the_call_returns() -> None:
    journal = Journal(slow_stop={"a": 3.0})
    async with opened(tree(actor(journal, "a", name=NAME))) as root:
        await root.terminate_child("a")
        assert journal.lines == ["+a", "-a"]
        with pytest.raises(NoSuchActor):
            root.ref(NAME)
        await root.start_child(actor(journal, "b", name=NAME))


@pytest.mark.item(71)
async def test_a_stopped_supervisor_is_gone_when_the_call_returns() -> None:
    journal = Journal(slow_stop={"a": 3.0})
    async with opened(tree(actor(journal, "a"))) as root:
        assert await root.stop(Shutdown("tired")) == Shutdown("tired")
        assert journal.lines == ["+a", "-a"]
        await anyio.sleep(1)  # the block lives on


@pytest.mark.item(72)
async def test_dynamic_children_stop_in_parallel() -> None:
    journal = Journal(slow_stop={"a": 1.0, "b": 1.0, "c": 100.0})
    async with opened(many(), journal) as root:
        for id in "abc":
            await root.start_child(actor(journal, id, shutdown=2.0))
        began = anyio.current_time()
    assert anyio.current_time() - began == pytest.approx(2.0, abs=0.01)
    assert endings(journal) == {"a": "shutdown", "b": "shutdown", "c": "killed"}


@pytest.mark.item(73)
async def test_dynamic_children_have_each_their_own_grace() -> None:
    journal = Journal(slow_stop=dict.fromkeys("abcd", 4.0))
    async with opened(many(), journal) as root:
        for id, shutdown in (("a", KILL), ("b", math.inf), ("c", 1.0), ("d", 5.0)):
            await root.start_child(actor(journal, id, shutdown=shutdown))
    assert endings(journal) == {"a": "killed", "c": "killed", "b": "shutdown", "d": "shutdown"}


@pytest.mark.item(42, 148)
async def test_a_stop_overtakes_the_queue() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        ref = root.child("a")
        ref.tell(Do(lambda _: anyio.sleep(1)))
        for _ in range(100):
            ref.tell("late")
        await settle()
        await root.terminate_child("a")
    assert journal.lines == ["+a", "-a"]


@pytest.mark.item(60, 110)
async def test_nested_supervisors_stop_from_the_inside_in_reverse() -> None:
    journal = Journal()
    spec = tree(
        actor(journal, "a"), tree(actor(journal, "b"), actor(journal, "c"), id="in"), tree(actor(journal, "d"), id="i2")
    )
    async with opened(spec):
        journal.take()
    assert journal.lines == ["-d", "-c", "-b", "-a"]


@pytest.mark.item(67, 74)
async def test_the_supervisor_exits_shutdown_whatever_its_children_do() -> None:
    journal = Journal(fail_stop={"a": BoomError()})
    async with opened(tree(tree(actor(journal, "a"), id="in")), journal) as root:
        inner: list[ExitReason] = []

        async def wait() -> None:
            inner.append(await root.supervisor("in").wait())

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await settle()
            await root.terminate_child("in")
        assert inner == [Shutdown()]


@pytest.mark.item(36, 68)
async def test_no_attempt_follows_a_stop() -> None:
    starts = 0

    async def failing() -> None:
        nonlocal starts
        starts += 1
        await anyio.sleep(0.01)
        raise BoomError

    async with opened(tree(TaskSpec("a", failing), intensity=Intensity(10**6, 100.0))) as root:
        await anyio.sleep(1)
        await root.stop()
        seen = starts
        await anyio.sleep(1)
    assert starts == seen


@pytest.mark.item(151, 155)
async def test_on_stop_runs_after_a_crash_with_its_own_grace() -> None:
    journal = Journal(slow_stop={"a": 100.0})

    def stop(_: Recorder) -> None:
        raise BoomError("first")

    spec = actor(journal, "a", shutdown=3.0, restart=Restart.TEMPORARY)
    async with opened(tree(spec), journal) as root:
        root.child("a").tell(Do(stop))
        await anyio.sleep(3.5)
        assert root.which_children() == []
    assert endings(journal) == {"a": "BoomError: first"}  # what it died of, not what its cleanup was cut by
