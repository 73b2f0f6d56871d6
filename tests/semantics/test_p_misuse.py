"""P. Structured concurrency: what is refused, and whom it hurts."""

from __future__ import annotations

from typing import Any

import pytest

from supervisor import ActorCrashed, Shutdown, StartError
from tests.semantics.actors import Do, Get, Journal, Recorder, actor, opened, tree

pytestmark = pytest.mark.anyio


@pytest.mark.item(90, 139)
@pytest.mark.parametrize("how", ["stop", "terminate", "terminate above", "root", "wait"])
async def test_waiting_for_ones_own_end_is_refused(how: str) -> None:
    from supervisor import AskedSelf

    journal = Journal()

    async def act(me: Recorder, root: Any) -> None:
        match how:
            case "stop":
                await me.context.ref.stop()
            case "terminate":
                await me.context.supervisor.terminate_child("a")
            case "terminate above":
                await root.terminate_child("in")
            case "root":
                await root.stop()
            case "wait":
                await root.wait()

    async with opened(tree(tree(actor(journal, "a", shutdown=float("inf")), id="in"))) as root:
        with pytest.raises(ActorCrashed) as caught:
            await root.supervisor("in").child("a").ask(Do(lambda me: act(me, root)))
        assert isinstance(caught.value.__cause__, AskedSelf)


@pytest.mark.item(139)
async def test_a_spawned_task_may_stop_what_it_is_part_of() -> None:
    journal = Journal()

    async def stop(me: Recorder) -> None:
        await me.context.supervisor.stop()

    async with opened(tree(actor(journal, "a"))) as root:
        root.child("a").tell(Do(lambda me: me.spawn(stop, me)))
        assert await root.wait() == Shutdown()
    assert journal.lines == ["+a", "-a"]


@pytest.mark.item(153)
async def test_a_stop_with_what_is_no_exit_reason_leaves_the_life_alone() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        with pytest.raises(TypeError, match="exit reason"):
            await root.child("a").stop("now")
        assert await root.child("a").ask(Get()) == 0


@pytest.mark.item(125, 162)
async def test_an_actor_whose_annotation_cannot_be_read_fails_alone() -> None:
    from supervisor import Actor, ActorSpec

    class Odd(Actor["Nowhere"]):
        def receive(self, message: object) -> None: ...

    with pytest.raises(StartError) as caught:
        async with opened(tree(ActorSpec("a", Odd))):
            raise AssertionError
    assert isinstance(caught.value.__cause__, NameError)
