"""Faults on purpose, as `supervisor.testing` offers them."""

from __future__ import annotations

import anyio
import pytest

from supervisor import ChildEnded, Intensity, Killed, NoSuchActor, Restart, TaskSpec
from supervisor.testing import PoisonError, await_restart, crash, kill
from tests.semantics.actors import BoomError, Journal, Sleep, actor, many, opened, settle, sleep, tree

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("busy", [False, True])
async def test_crash_ends_a_life_with_an_error_of_choice_and_kill_without_grace(busy: bool) -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a")), journal) as root:
        ref = root.child("a")
        for number, act in enumerate((crash, lambda ref: crash(ref, BoomError("mine")), kill), start=1):
            if busy:
                ref.tell(Sleep(100.0))
                await settle()
            act(ref)
            assert await await_restart(ref) == number + 1
        causes = [event.cause for event in journal.of(ChildEnded)]
        assert isinstance(causes[0], PoisonError)
        assert isinstance(causes[1], BoomError)
        assert journal.of(ChildEnded)[2].reason == str(Killed())
        assert len(journal.reasons["a"]) == 2
        assert anyio.current_time() < 0.1


async def test_tasks_and_supervisors_crash_too() -> None:
    journal = Journal()
    spec = tree(TaskSpec("t", sleep), tree(actor(journal, "x"), id="in"), many("m"), intensity=Intensity(100, 10.0))
    async with opened(spec, journal) as root:
        for id in ("t", "in", "m"):
            for number, act in enumerate((crash, kill), start=2):
                ended = act(root.child(id))
                assert ended == number - 1
                assert await await_restart(root.child(id), ended) == number
        assert journal.lines == ["+x", "-x", "+x", "+x"]


async def test_there_must_be_a_life() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", restart=Restart.TRANSIENT))) as root:
        ref = root.child("a")
        await root.terminate_child("a")
        for act in (crash, kill):
            with pytest.raises(NoSuchActor):
                act(ref)
        with pytest.raises(NoSuchActor):
            await await_restart(ref)


async def test_await_restart_counts_from_where_it_is_told() -> None:
    journal = Journal(slow_start={"a": 1.0})
    async with opened(tree(actor(journal, "a")), journal) as root:
        ref = root.child("a")
        assert await await_restart(ref, 0) == 1
        with anyio.move_on_after(5) as scope:
            await await_restart(ref)
        assert scope.cancelled_caught
        assert not ref._place.watchers
        crash(ref)
        await settle()
        assert await await_restart(ref) == 2  # the one that is starting
        crash(ref)
        with anyio.fail_after(10):
            assert await await_restart(ref, 2) == 3


async def test_await_restart_hears_that_nobody_will_come() -> None:
    journal = Journal(slow_stop={"a": 2.0})
    async with opened(tree(actor(journal, "a", restart=Restart.TEMPORARY))) as root:
        ref = root.child("a")
        crash(ref)
        with pytest.raises(NoSuchActor):
            await await_restart(ref)
