"""N. The hook that tidies up."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from supervisor import (
    Actor,
    ActorSpec,
    ChildEnded,
    Failed,
    HookFailed,
    Normal,
    NoSuchActor,
    Restart,
    Shutdown,
    Stop,
)
from supervisor.exits import Ignore
from supervisor.testing import crash, kill
from tests.semantics.actors import Boom, BoomError, Do, Get, Journal, Recorder, actor, opened, settle, tree

pytestmark = pytest.mark.anyio


@pytest.mark.item(151)
async def test_on_stop_runs_with_the_reason_on_every_end_but_a_kill() -> None:
    journal, error = Journal(), BoomError()

    def raises(what: BaseException) -> Any:
        def act(_: Recorder) -> None:
            raise what

        return Do(act)

    async with opened(tree()) as root:
        for id, act in (
            ("stop", lambda ref: ref.tell(raises(Stop(Shutdown("me"))))),
            ("crash", lambda ref: ref.tell(raises(error))),
            ("ignore", lambda ref: ref.tell(raises(Ignore()))),
            ("kill", kill),
            ("asked", lambda ref: None),
        ):
            ref = await root.start_child(actor(journal, id, restart=Restart.TEMPORARY))
            act(ref)
            await settle()
        await root.child("asked").stop(Shutdown("asked"))
    assert journal.reasons == {
        "stop": [Shutdown("me")],
        "crash": [Failed(error)],
        "ignore": [Normal()],
        "asked": [Shutdown("asked")],
    }


@pytest.mark.item(152)
async def test_an_on_stop_that_raises_becomes_the_reason() -> None:
    journal = Journal(fail_stop={"a": BoomError("tidy")})
    async with opened(tree(actor(journal, "a"), actor(journal, "b")), journal) as root:
        reason = await root.child("a").stop()
        assert isinstance(reason, Failed)
        assert str(reason) == "BoomError: tidy"
        await settle()
        assert journal.of(HookFailed)[0].hook == "on_stop"
        assert await root.child("b").ask(Get()) == 0


@pytest.mark.item(153)
async def test_stop_waits_for_the_end_and_a_second_one_finds_nobody() -> None:
    journal = Journal(slow_stop={"a": 3.0})
    async with opened(tree(actor(journal, "a", restart=Restart.TEMPORARY))) as root:
        ref = root.child("a")
        assert await ref.stop() == Shutdown()
        assert anyio.current_time() == pytest.approx(3.0, abs=0.01)
        with pytest.raises(NoSuchActor):
            await ref.stop()


@pytest.mark.item(153)
async def test_a_stop_whose_asker_lost_patience_goes_on() -> None:
    journal = Journal(slow_stop={"a": 3.0})
    async with opened(tree(actor(journal, "a", restart=Restart.TEMPORARY))) as root:
        with anyio.move_on_after(1.0) as scope:
            await root.child("a").stop()
        assert scope.cancelled_caught
        assert not root.child("a")._place.waiters
        await anyio.sleep(3)
        assert root.which_children() == []


@pytest.mark.item(153)
async def test_two_who_stop_one_life_hear_of_one_end() -> None:
    journal, reasons = Journal(slow_stop={"a": 3.0}), []
    async with opened(tree(actor(journal, "a"))) as root:

        async def stop(info: str) -> None:
            reasons.append(await root.child("a").stop(Shutdown(info)))

        async with anyio.create_task_group() as group:
            group.start_soon(stop, "x")
            await settle()
            group.start_soon(stop, "y")
    assert reasons == [Shutdown("x")] * 2


@pytest.mark.item(154)
async def test_no_on_stop_is_fine_for_every_reason() -> None:
    class Plain(Actor[str]):
        def receive(self, message: str) -> None:
            raise Stop if message == "stop" else BoomError

    journal = Journal()
    async with opened(tree(), journal) as root:
        for message in ("stop", "crash"):
            ref = await root.start_child(ActorSpec("a", Plain, restart=Restart.TEMPORARY))
            ref.tell(message)
            await settle()
        kill(await root.start_child(ActorSpec("a", Plain, restart=Restart.TEMPORARY)))
        await settle()
        await root.start_child(ActorSpec("a", Plain))
    assert [event.reason for event in journal.of(ChildEnded)] == ["normal", "BoomError", "killed", "shutdown"]


@pytest.mark.item(151)
async def test_on_stop_does_not_run_after_a_failed_start() -> None:
    journal = Journal(fail_start={"a": BoomError()})
    async with opened(tree()) as root:
        with pytest.raises(Exception, match="did not start"):
            await root.start_child(actor(journal, "a"))
    assert journal.reasons == {}


@pytest.mark.item(155)
async def test_a_crash_during_the_grace_of_a_crash_changes_nothing() -> None:
    journal = Journal(slow_stop={"a": 2.0})
    async with opened(tree(actor(journal, "a")), journal) as root:
        root.child("a").tell(Boom("first"))
        await anyio.sleep(1)
        crash(root.child("a"), BoomError("second"))
        await anyio.sleep(2)
        assert [event.reason for event in journal.of(ChildEnded)] == ["BoomError: first"]
        assert journal.lines == ["+a", "-a", "+a"]


@pytest.mark.item(155, 160)
async def test_a_crash_that_the_handler_will_not_heed_ends_with_its_grace() -> None:
    journal = Journal()

    async def stubborn(_: Recorder) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(3)
        await anyio.sleep(1000)

    async with opened(tree(actor(journal, "a", shutdown=2.0)), journal) as root:
        root.child("a").tell(Do(stubborn))
        await settle()
        crash(root.child("a"), BoomError("from beside"))
        await anyio.sleep(4)
        assert [event.reason for event in journal.of(ChildEnded)] == ["BoomError: from beside"]


@pytest.mark.item(151, 188)
async def test_what_on_stop_sets_up_ends_with_the_life() -> None:
    class Late(Recorder):
        __slots__ = ()

        async def on_stop(self, reason: Any) -> None:
            set_up.extend([self.after(1, "x"), self.every(1, "x"), self.monitor(other), self.watch(other)])
            was.extend(one.active for one in set_up)

    journal, set_up, was = Journal(), [], []
    async with opened(tree(actor(journal, "b"), ActorSpec("a", lambda: Late("a", journal)))) as root:
        other = root.child("b")
        await root.terminate_child("a")
        assert not any(one.active for one in set_up)
        assert not other._place.watchers
        assert len(root._runtime.timekeeper) == 0
    assert was == [True] * 4
