"""L. How an actor starts."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio
import pytest

from supervisor import Actor, ActorSpec, Hung, Killed, NoSuchActor, StartError, StartFailed, Stop
from supervisor.exits import Ignore
from supervisor.testing import kill
from tests.semantics.actors import NAME, BoomError, Journal, Recorder, actor, many, opened, settle, tree

pytestmark = pytest.mark.anyio


@pytest.mark.item(125, 186)
async def test_a_failed_start_frees_the_name_every_time() -> None:
    journal = Journal(fail_start={"a": [BoomError()] * 50})
    async with opened(many()) as root:
        for _ in range(50):
            with pytest.raises(StartError):
                await root.start_child(actor(journal, "a", name=NAME))
            with pytest.raises(NoSuchActor):
                root.ref(NAME)
        ref = await root.start_child(actor(journal, "a", name=NAME))
        assert root.ref(NAME) == ref


@pytest.mark.item(125)
async def test_stop_in_on_start_is_a_failed_start() -> None:
    journal = Journal(fail_start={"a": Stop()})
    async with opened(many(), journal) as root:
        with pytest.raises(StartError):
            await root.start_child(actor(journal, "a"))
    assert len(journal.of(StartFailed)) == 1
    assert journal.reasons == {}  # on_stop does not run after a failed on_start


@pytest.mark.item(127)
async def test_a_task_that_never_says_it_is_ready_is_killed() -> None:
    from supervisor import TaskSpec

    async def never(*, task_status: Any) -> None:
        await anyio.sleep_forever()

    async with opened(tree()) as root:
        with pytest.raises(StartError) as caught:
            await root.start_child(TaskSpec("a", never, start_timeout=2.0))
        assert isinstance(caught.value.__cause__, Hung)
        assert anyio.current_time() == pytest.approx(2.0, abs=0.01)


@pytest.mark.item(129, 187)
async def test_a_timer_that_is_due_at_once_comes_before_what_was_queued() -> None:
    journal = Journal(slow_start={"a": 1.0})

    class First(Recorder):
        __slots__ = ()

        async def on_start(self) -> None:
            self.context.ref.tell("told to itself")
            self.after(0, "continue")
            await anyio.sleep(1)

    async with opened(tree()) as root, anyio.create_task_group() as group:
        group.start_soon(root.start_child, ActorSpec("a", lambda: First("a", journal)))
        await settle()
        root.child("a").tell("told")
        await anyio.sleep(2)
    assert journal.lines[:3] == ["a: continue", "a: told to itself", "a: told"]


@pytest.mark.item(130)
async def test_an_actor_outside_a_tree_says_so() -> None:
    class Lonely(Actor[str]):
        pass

    with pytest.raises(RuntimeError, match="does not live yet"):
        Lonely().after(1, "x")
    with pytest.raises(TypeError, match="hides"):

        class Hides(Actor[str]):
            spawn = None

    with pytest.raises(TypeError, match="names no messages"):

        class Vague(Actor):
            pass


@pytest.mark.item(132)
async def test_a_kill_interrupts_on_start_and_on_stop() -> None:
    journal = Journal(slow_start={"a": 100.0}, slow_stop={"b": 100.0})
    async with opened(tree(actor(journal, "b", shutdown=1000.0)), journal) as root, anyio.create_task_group() as group:

        async def start() -> None:
            with pytest.raises(StartError):
                await root.start_child(actor(journal, "a"))

        group.start_soon(start)
        group.start_soon(root.terminate_child, "b")
        await settle()
        kill(root.child("a"))
        kill(root.child("b"))
        await settle()
        assert anyio.current_time() < 0.1
    assert [event.reason for event in journal.events if hasattr(event, "reason")][:2] == [str(Killed())] * 2


@pytest.mark.item(131, 133)
async def test_a_message_the_actor_turns_out_not_to_accept_is_a_dead_letter() -> None:
    class Picky(Actor[str]):
        async def on_start(self) -> None:
            await anyio.sleep(1)

        def receive(self, message: str) -> None: ...

    journal = Journal()
    async with opened(tree(), journal) as root, anyio.create_task_group() as group:
        group.start_soon(root.start_child, ActorSpec("a", partial(Picky)))
        await settle()
        with pytest.raises(TypeError, match=r"Actor\[str\]"):
            root.child("a").tell(3)
        await anyio.sleep(2)


@pytest.mark.item(125)
async def test_work_spawned_in_on_start_that_fails_fails_the_start() -> None:
    journal = Journal()

    class Spawner(Recorder):
        __slots__ = ()

        async def on_start(self) -> None:
            self.spawn(self.fail)
            await anyio.sleep(5)

        async def fail(self) -> None:
            raise BoomError

    async with opened(tree()) as root:
        with pytest.raises(StartError) as caught:
            await root.start_child(ActorSpec("a", lambda: Spawner("a", journal)))
        assert isinstance(caught.value.__cause__, BoomError)
        assert journal.reasons == {}


@pytest.mark.item(126)
async def test_ignore_in_on_start_is_no_life_no_crash_report_and_a_free_name() -> None:
    journal = Journal()
    journal.fail_start["a"] = Ignore()
    async with opened(tree(many()), journal) as root:
        group = root.supervisor("many")
        ref = await group.start_child(actor(journal, "a", name=NAME))
        assert not ref.alive
        assert [event for event in journal.events if event.level in {"warning", "error"}] == []
        await group.start_child(actor(journal, "b", name=NAME))
