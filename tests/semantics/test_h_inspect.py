"""H. Introspection."""

from __future__ import annotations

import json
import math

import anyio
import msgspec
import pytest

from supervisor import Backoff, ChildNotFound, Intensity, NoSuchActor, Scope, Supervisor, TreeSnapshot
from supervisor.testing import await_restart, crash
from tests.semantics.actors import (
    Boom,
    BoomError,
    Do,
    Journal,
    Quit,
    Sleep,
    actor,
    info,
    many,
    opened,
    settle,
    sleep,
    task,
    tree,
)

pytestmark = pytest.mark.anyio


@pytest.mark.item(92)
async def test_children_are_listed_in_start_order() -> None:
    journal = Journal()
    spec = tree(actor(journal, "z"), task("y", sleep), tree(id="x"), many("w"))
    async with opened(spec) as root:
        await root.start_child(actor(journal, "a"))
        found = root.which_children()
        assert [(child.id, child.kind) for child in found] == [
            ("z", "actor"),
            ("y", "task"),
            ("x", "supervisor"),
            ("w", "dynamic supervisor"),
            ("a", "actor"),
        ]
        assert found[0].ref.path == "root/z"
        assert all(child.ref.alive for child in found)


@pytest.mark.item(93)
async def test_children_are_counted() -> None:
    journal = Journal()
    slow = Backoff(initial=50.0, maximum=50.0)
    spec = tree(actor(journal, "a", backoff=slow), task("b", sleep), tree(id="c"), many("d"), actor(journal, "e"))
    async with opened(spec) as root:
        crash(root.child("a"))
        await root.terminate_child("d")
        await settle()
        count = root.count_children()
        assert (count.specs, count.active, count.supervisors, count.workers) == (5, 3, 2, 3)


@pytest.mark.item(94)
async def test_a_dynamic_supervisor_counts_its_children() -> None:
    journal = Journal()
    slow = Backoff(initial=50.0, maximum=50.0)
    async with opened(many()) as root:
        for _ in range(100):
            await root.start_child(actor(journal, "a"))
        crash(await root.start_child(actor(journal, "b", backoff=slow)))
        await root.start_child(tree(id="s"))
        await settle()
        count = root.count_children()
        assert (count.specs, count.active, count.supervisors, count.workers) == (102, 101, 1, 101)


@pytest.mark.item(95)
async def test_asking_changes_nothing() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), many("m"))) as root:
        first = (root.which_children(), root.count_children(), root.snapshot().to_json())
        for _ in range(5):
            assert (root.which_children(), root.count_children(), root.snapshot().to_json()) == first


@pytest.mark.item(97)
async def test_a_snapshot_shows_the_whole_tree() -> None:
    journal = Journal()
    slow = Backoff(initial=50.0, maximum=50.0, jitter=0.0)
    spec = tree(actor(journal, "a"), tree(actor(journal, "b", backoff=slow), id="in"))
    async with opened(spec) as root:
        crash(root.child("a"))
        await await_restart(root.child("a"))
        root.child("a").tell(Sleep(100.0))
        await settle()
        root.child("a").tell("queued")
        root.supervisor("in").child("b").tell(Boom())
        await anyio.sleep(10)
        snapshot = root.snapshot()
        a, b = snapshot.find("root/a"), snapshot.find("root/in/b")
        assert a is not None
        assert b is not None
        assert (a.phase, a.incarnation, a.mailbox, a.uptime) == ("running", 2, 1, pytest.approx(10.0, abs=0.1))
        assert a.last_exit is not None
        assert (b.phase, b.failures, b.uptime, b.last_exit) == ("restarting", 1, None, "BoomError: boom")
        assert b.backoff_left == pytest.approx(40.0, abs=0.1)
        assert json.loads(snapshot.to_json())["root"]["children"][1]["children"][0]["id"] == "b"
        assert '"root/in" -> "root/in/b"' in snapshot.to_dot()
        assert "next in 40.0 s" in snapshot.to_text()
        assert root.supervisor("in").snapshot().root.path == "root/in"


def _shown(root: Supervisor, path: str, id: str) -> tuple[str, str]:
    """The phase of a child of the root, by each way to look."""
    child = root.snapshot().find(path)
    assert child is not None
    return child.phase, info(root, id).phase.value


@pytest.mark.item(92, 97)
@pytest.mark.parametrize("how", ["a handler fails", "a handler hangs", "a background task fails", "it is crashed"])
async def test_a_crashed_life_whose_on_stop_hangs_is_shown_as_stopping(how: str) -> None:
    journal = Journal(slow_stop={"a": 1e6})

    async def boom() -> None:
        raise BoomError("beside")

    async with opened(tree(actor(journal, "a", shutdown=math.inf)), deadline=1.0) as root:
        a = root.child("a")
        assert _shown(root, "root/a", "a") == ("running", "running")
        match how:
            case "a handler fails":
                a.tell(Boom())
            case "a handler hangs":
                a.tell(Sleep(1e6))
                await settle()
                crash(a)
            case "a background task fails":
                a.tell(Do(lambda me: me.context.spawn(boom) and None))
            case _:
                crash(a)
        await anyio.sleep(1000)
        assert _shown(root, "root/a", "a") == ("stopping", "stopping")
        assert root.count_children().active == 1
        assert "a · stopping · life 1" in root.snapshot().to_text()


@pytest.mark.item(92, 97)
async def test_a_life_that_ended_by_itself_is_shown_as_stopping_and_then_as_its_next() -> None:
    journal = Journal(slow_stop={"a": 2.0})
    async with opened(tree(actor(journal, "a"))) as root:
        root.child("a").tell(Quit())
        await anyio.sleep(1)
        assert _shown(root, "root/a", "a") == ("stopping", "stopping")
        await anyio.sleep(2)
        assert _shown(root, "root/a", "a") == ("running", "running")


@pytest.mark.item(92, 97)
async def test_a_supervisor_that_gives_up_is_shown_as_stopping_while_it_stops_its_children() -> None:
    journal = Journal(slow_stop={"b": 2.0})
    inner = tree(actor(journal, "b"), actor(journal, "c"), id="in", intensity=Intensity(0, 10.0))
    async with opened(tree(inner)) as root:
        crash(root.supervisor("in").child("c"))
        await anyio.sleep(1)
        assert _shown(root, "root/in", "in") == ("stopping", "stopping")
        await anyio.sleep(2)
        assert _shown(root, "root/in", "in") == ("running", "running")


@pytest.mark.item(86, 97)
async def test_what_is_known_of_a_tree_that_has_ended() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        await root.stop()
        assert root.which_children() == []
        assert root.snapshot().root.phase == "stopped"
        with pytest.raises(ChildNotFound):
            root.child("a")
        with pytest.raises(NoSuchActor):
            await root.wait()


@pytest.mark.item(95, 171)
async def test_events_end_with_the_tree_also_when_asked_for_too_late() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        stream = root.events()
        await root.terminate_child("a")
    kinds = [type(event).__name__ async for event in stream]
    assert kinds == ["ChildEnded", "TreeStopped"]
    with anyio.fail_after(1):
        assert [event async for event in root.events()] == []


@pytest.mark.item(97)
async def test_a_budget_is_told_once_by_whom_it_belongs_to() -> None:
    journal = Journal()
    own = Intensity(3, 10.0, scope=Scope.CHILD)
    inner = tree(actor(journal, "c"), actor(journal, "d"), id="inner", intensity=own)
    async with opened(tree(actor(journal, "a"), actor(journal, "b"), inner)) as root:
        for ref in (root.child("a"), root.supervisor("inner").child("c")):
            crash(ref)
            await await_restart(ref, 1)
        told = {child.path: (child.restarts_in_window, child.restarts_allowed) for _, child in root.snapshot().flat()}
        assert told == {
            "root": (1, 5),
            "root/a": (0, 5),
            "root/b": (0, 5),
            "root/inner": (1, 3),
            "root/inner/c": (1, 3),
            "root/inner/d": (0, 3),
        }


@pytest.mark.parametrize("depth", [1, 3_000])
async def test_json_is_whole_however_deep_the_tree(depth: int) -> None:
    leaf = msgspec.structs.replace((await _one()).root, children=())
    for _ in range(depth):
        leaf = msgspec.structs.replace(leaf, children=(leaf, leaf) if depth == 1 else (leaf,))
    text = TreeSnapshot(tree_id="t", at=1.0, root=leaf).to_json()
    if depth == 1:
        assert msgspec.json.decode(text, type=TreeSnapshot) == TreeSnapshot(tree_id="t", at=1.0, root=leaf)
    assert text.count(b'"children"') == (3 if depth == 1 else depth + 1)
    assert text.count(b"{") == text.count(b"}")


async def _one() -> TreeSnapshot:
    async with opened(tree(actor(Journal(), "a"))) as root:
        return root.snapshot()
