"""What the random programs found, each as a program of its own: the smallest that shows it."""

from __future__ import annotations

import anyio
import pytest

from supervisor import Actor, ActorSpec, DeadLetter, StopTree, SupervisorSpec
from supervisor.place import Place
from supervisor.testing import kill
from tests.semantics.actors import BoomError, Journal, Sleep, actor, opened, tree

pytestmark = pytest.mark.anyio


async def test_a_stop_during_a_slow_handler_is_heeded_when_the_handler_returns() -> None:
    # Seeds 877, 1480, 817: the loop went to sleep after a handler past its time slice, without a look at whether it is to stop.
    journal = Journal()
    async with opened(tree(actor(journal, "a", shutdown=50.0))) as root:
        root.child("a").tell(Sleep(2.0))
        await anyio.sleep(1)
        await root.terminate_child("a")
        assert anyio.current_time() == pytest.approx(2.0)
    assert journal.lines == ["+a", "a sleeps", "a slept", "-a"]


async def test_a_message_whose_handler_fails_while_it_is_killed_is_a_dead_letter() -> None:
    # Seeds 287, 12441: the reason is the kill's, and the message was taken for handled.
    journal = Journal()

    class FailsWhenCut(Actor[str]):
        async def receive(self, message: str) -> None:
            try:
                await anyio.sleep_forever()
            finally:
                raise BoomError

    async with opened(tree(ActorSpec("a", FailsWhenCut)), journal) as root:
        root.child("a").tell("x")
        await anyio.sleep(1)
        kill(root.child("a"))
        await anyio.sleep(1)
    assert [event.message for event in journal.of(DeadLetter)] == ["str"]


async def test_the_end_of_a_deep_tree_costs_in_proportion_to_its_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    journal, closes, close = Journal(), 0, Place.close

    def count(place: Place) -> None:
        nonlocal closes
        closes += 1
        close(place)

    spec = tree(actor(journal, "leaf"), id="s0")
    for depth in range(1, 100):
        spec = SupervisorSpec(f"s{depth}", [spec])
    monkeypatch.setattr(Place, "close", count)
    async with opened(spec):
        pass
    assert closes < 300


async def test_a_request_to_stop_that_is_contained_is_contained_while_the_tree_starts_too() -> None:
    # Seeds 1143, 1262: the supervisor above took it for a start that failed, and failed itself.
    journal = Journal()

    class Asks(Actor[str]):
        async def on_start(self) -> None:
            raise StopTree("nothing to do")

    inner = tree(ActorSpec("asks", Asks), id="inner", contains_stop=True)
    async with opened(tree(actor(journal, "a"), inner)) as root:
        assert root.child("a").alive
        assert not root.child("inner").alive
