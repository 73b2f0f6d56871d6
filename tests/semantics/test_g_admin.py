"""G. Child administration."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from supervisor import (
    Backoff,
    ChildAlreadyPresent,
    ChildAlreadyStarted,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    DeadLetter,
    NoSuchActor,
    Restart,
    StartError,
)
from supervisor.ref import Ref
from supervisor.testing import crash
from tests.semantics.actors import STRICT, BoomError, Get, Journal, actor, many, opened, phases, settle, tree

pytestmark = pytest.mark.anyio
SLOW = Backoff(initial=50.0, maximum=50.0, jitter=0.0)


@pytest.mark.item(77)
async def test_an_id_that_runs_is_already_started() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        with pytest.raises(ChildAlreadyStarted) as caught:
            await root.start_child(actor(journal, "a", shutdown=1.0))
        assert caught.value.ref == root.child("a")
        assert root.get_childspec("a").shutdown == 5.0


@pytest.mark.item(78)
async def test_an_id_that_does_not_run_is_already_present() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", backoff=SLOW), actor(journal, "b"))) as root:
        crash(root.child("a"))
        await root.terminate_child("b")
        for id in "ab":
            with pytest.raises(ChildAlreadyPresent):
                await root.start_child(actor(journal, id))
        assert phases(root) == {"a": "restarting", "b": "stopped"}


@pytest.mark.item(79, 80)
@pytest.mark.parametrize("restart", list(Restart))
async def test_a_terminated_child_stays_known_and_stays_down(restart: Restart) -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", restart=restart))) as root:
        await root.terminate_child("a")
        await anyio.sleep(10)
        if restart is Restart.TEMPORARY:
            assert root.which_children() == []
            with pytest.raises(ChildNotFound):
                await root.terminate_child("a")
        else:
            assert phases(root) == {"a": "stopped"}
            await root.terminate_child("a")
        with pytest.raises(ChildNotFound):
            await root.terminate_child("nobody")
    assert journal.lines == ["+a", "-a"]


@pytest.mark.item(81, 195)
async def test_terminating_a_restarting_child_cancels_the_restart() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", backoff=SLOW), actor(journal, "b"))) as root:
        crash(root.child("a"))
        await settle()
        assert await root.child("b").ask(Get()) == 0
        await root.terminate_child("a")
        assert phases(root)["a"] == "stopped"
        await anyio.sleep(200)
        assert phases(root)["a"] == "stopped"
        assert len(root._runtime.timekeeper) == 0


@pytest.mark.item(82, 84)
async def test_restart_and_delete_say_what_is_in_the_way() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", backoff=SLOW), actor(journal, "b"))) as root:
        crash(root.child("a"))
        await settle()
        for verb in (root.restart_child, root.delete_child):
            with pytest.raises(ChildNotFound):
                await verb("nobody")
            with pytest.raises(ChildRunning):
                await verb("b")
            with pytest.raises(ChildRestarting):
                await verb("a")
        await root.terminate_child("b")
        assert await root.restart_child("b") == root.child("b")
        await root.terminate_child("b")
        await root.delete_child("b")
        with pytest.raises(ChildNotFound):
            await root.restart_child("b")
        assert set(phases(root)) == {"a"}
        await root.start_child(actor(journal, "b"))


@pytest.mark.item(41, 83)
async def test_a_restart_child_that_fails_changes_nothing() -> None:
    error = BoomError()
    journal = Journal(fail_start={"a": [None, error, error, None]})
    async with opened(tree(actor(journal, "a"), intensity=STRICT)) as root:
        await root.terminate_child("a")
        for _ in range(2):
            with pytest.raises(StartError) as caught:
                await root.restart_child("a")
            assert caught.value.__cause__ is error
            assert phases(root) == {"a": "stopped"}
        await root.restart_child("a")
        assert root.snapshot().root.restarts_in_window == 0


@pytest.mark.item(85)
async def test_a_terminated_temporary_child_cannot_be_restarted() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", restart=Restart.TEMPORARY))) as root:
        await root.terminate_child("a")
        with pytest.raises(ChildNotFound):
            await root.restart_child("a")


@pytest.mark.item(86)
async def test_calls_to_a_supervisor_that_is_gone_fail_at_once() -> None:
    journal = Journal()
    async with opened(tree(many("m"))) as root:
        inner = root.supervisor("m")
        await root.terminate_child("m")
        await root.delete_child("m")
        with pytest.raises(NoSuchActor):
            await inner.start_child(actor(journal, "a"))
        with pytest.raises(ChildNotFound):
            root.supervisor("m")


@pytest.mark.item(87, 115)
async def test_a_ref_that_is_none_of_its_children_is_not_found_and_left_alone() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), tree(actor(journal, "a"), id="in"))) as root:
        foreign: Ref[Any] = root.supervisor("in").child("a")
        for verb in (root.terminate_child, root.restart_child, root.delete_child):
            with pytest.raises(ChildNotFound):
                await verb(foreign)
        assert await foreign.ask(Get()) == 0
        await root.terminate_child(root.child("a"))
        assert phases(root)["a"] == "stopped"


@pytest.mark.item(88)
async def test_administration_has_no_timeout() -> None:
    journal = Journal(slow_start={"a": 5000.0}, slow_stop={"a": 5000.0})
    async with opened(tree()) as root:
        await root.start_child(actor(journal, "a", start_timeout=1e6, shutdown=1e6))
        await root.terminate_child("a")
    assert journal.lines == ["+a", "-a"]


@pytest.mark.item(89)
async def test_a_message_to_a_supervisor_or_task_is_a_dead_letter() -> None:
    journal = Journal()
    async with opened(tree(many("m")), journal) as root:
        ref = root.child("m")
        with pytest.raises(TypeError):
            ref.tell("hello")
        with pytest.raises((NoSuchActor, TypeError)):
            await ref.ask(Get())
        assert phases(root) == {"m": "running"}
    assert journal.of(DeadLetter) == []


@pytest.mark.item(91, 172)
async def test_two_who_terminate_at_once_both_hear_of_the_end() -> None:
    journal, heard = Journal(slow_stop={"a": 2.0}), []

    async with opened(tree(actor(journal, "a"))) as root:

        async def terminate(number: int) -> None:
            await root.terminate_child("a")
            heard.append((number, anyio.current_time()))

        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(terminate, number)
        assert len(heard) == 3
        assert len({time for _, time in heard}) == 1
