"""K. Dynamic supervisors. Restart types are in C, stopping in F."""

from __future__ import annotations

from functools import partial

import anyio
import pytest

from supervisor import (
    ActorSpec,
    Backoff,
    ChildNotFound,
    DynamicSupervisorSpec,
    Exhausted,
    Intensity,
    MaxChildrenReached,
    Scope,
    Strategy,
)
from supervisor.exits import Ignore
from supervisor.testing import await_restart, crash
from tests.semantics.actors import LOOSE, Boom, BoomError, Get, Journal, Recorder, actor, many, opened, phases, settle, tree

pytestmark = pytest.mark.anyio


@pytest.mark.item(113)
async def test_many_children_of_one_id_each_have_their_own_place() -> None:
    journal = Journal()
    async with opened(many()) as root:
        refs = [await root.start_child(actor(journal, "a")) for _ in range(3)]
        assert [ref.path for ref in refs] == ["many/a", "many/a#2", "many/a#3"]
        await root.terminate_child(refs[1])
        again = await root.start_child(actor(journal, "a"))
        assert again.path not in [ref.path for ref in (refs[0], refs[2])]
        assert len({ref.path for ref in (refs[0], refs[2], again)}) == 3
        assert await again.ask(Get()) == 0


@pytest.mark.item(114)
async def test_max_children_is_a_limit() -> None:
    journal = Journal()
    slow = Backoff(initial=50.0, maximum=50.0)
    async with opened(many(max_children=2)) as root:
        ref = await root.start_child(actor(journal, "a", backoff=slow))
        await root.start_child(actor(journal, "b"))
        crash(ref)  # a child that restarts counts
        await settle()
        with pytest.raises(MaxChildrenReached):
            await root.start_child(actor(journal, "c"))
        assert set(phases(root)) == {"a", "b"}
        await root.terminate_child("b")
        await root.start_child(actor(journal, "c"))
    assert journal.starts == {"a": 1, "b": 1, "c": 1}


@pytest.mark.item(114)
async def test_no_child_at_all_is_a_limit_too() -> None:
    async with opened(many(max_children=0)) as root:
        with pytest.raises(MaxChildrenReached):
            await root.start_child(actor(Journal(), "a"))
        assert root.which_children() == []


@pytest.mark.item(115)
async def test_a_terminated_child_is_forgotten() -> None:
    journal = Journal()
    async with opened(many()) as root:
        ref = await root.start_child(actor(journal, "a"))
        await root.terminate_child(ref)
        assert not ref.alive
        with pytest.raises(ChildNotFound):
            await root.terminate_child(ref)


@pytest.mark.item(116)
async def test_a_restart_that_says_ignore_forgets_the_child() -> None:
    journal = Journal(fail_start={"a": [None, Ignore()]})
    async with opened(many()) as root:
        crash(await root.start_child(actor(journal, "a")))
        await settle()
        assert root.which_children() == []


@pytest.mark.item(116, 117)
async def test_a_restart_that_fails_is_tried_again() -> None:
    journal = Journal(fail_start={"a": [None, BoomError(), BoomError(), None]})
    async with opened(many(intensity=LOOSE)) as root:
        ref = await root.start_child(actor(journal, "a"))
        crash(ref)
        assert await await_restart(ref) == 4
        assert root.snapshot().root.restarts_in_window == 3


@pytest.mark.item(194, 195)
async def test_a_child_past_its_own_budget_is_parked_and_can_be_brought_back() -> None:
    journal = Journal()
    intensity = Intensity(1, 100.0, scope=Scope.CHILD, exhausted=Exhausted.GIVE_UP)
    async with opened(many(intensity=intensity)) as root:
        a = await root.start_child(actor(journal, "a"))
        await root.start_child(actor(journal, "b"))
        for _ in range(2):
            a.tell(Boom())
            await settle()
        assert phases(root) == {"a": "gave up", "b": "running"}
        assert not a.tell("hello")
        assert await root.restart_child(a) == a
        assert await a.ask(Get()) == 0
        a.tell(Boom())
        await settle()
        assert phases(root) == {"a": "running", "b": "running"}  # its budget was fresh


@pytest.mark.item(110, 113)
async def test_supervisors_can_be_dynamic_children() -> None:
    journal = Journal()
    async with opened(many()) as root:
        await root.start_child(tree(actor(journal, "x"), id="s"))
        await root.start_child(tree(actor(journal, "x"), id="s"))
        assert await root.supervisor("s#2").child("x").ask(Get()) == 0
        await root.terminate_child("s")
        assert set(phases(root)) == {"s#2"}
        await anyio.sleep(1)
    assert journal.lines.count("-x") == 2


@pytest.mark.item(118)
async def test_arguments_that_all_children_share_are_given_at_every_start() -> None:
    journal = Journal()
    shared = partial(Recorder, journal=journal)
    async with opened(many()) as root:
        refs = [await root.start_child(ActorSpec(id, partial(shared, id))) for id in "ab"]
        crash(refs[0])
        await await_restart(refs[0], 1)
        assert journal.lines == ["+a", "+b", "-a", "+a"]


@pytest.mark.item(119)
async def test_a_dynamic_supervisor_takes_no_strategy() -> None:
    with pytest.raises(TypeError, match="strategy"):
        DynamicSupervisorSpec("many", strategy=Strategy.ONE_FOR_ALL)
