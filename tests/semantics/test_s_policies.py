"""S. What an error means by its class, and requests to stop the whole tree."""

from __future__ import annotations

from typing import Any

import pytest

from supervisor import (
    ActorCrashed,
    ActorSpec,
    ChildEnded,
    ChildGaveUp,
    DeadLetter,
    HandlerResumed,
    OnError,
    Phase,
    Restart,
    Shutdown,
    SpecError,
    StartError,
    StopTree,
    TaskSpec,
    TreeStop,
)
from tests.semantics.actors import (
    Boom,
    BoomError,
    Do,
    Get,
    Journal,
    Note,
    Recorder,
    actor,
    incarnations,
    many,
    opened,
    phases,
    settle,
    sleep,
    tree,
)

pytestmark = pytest.mark.anyio

RESUME = {BoomError: OnError.RESUME}


def stops_tree(info: object = None) -> Do:
    def stop(_: Any) -> None:
        raise StopTree(info)

    return Do(stop)


@pytest.mark.item(198)
async def test_an_actor_that_resumes_keeps_its_state_and_loses_the_message() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", on_error=RESUME)), journal) as root:
        a = root.child("a")
        await a.ask(Note("before"))
        a.tell(Boom())
        assert await a.ask(Get()) == 2
        assert incarnations(root) == {"a": 1}
        [resumed] = journal.of(HandlerResumed)
        assert (resumed.message, resumed.reason, resumed.level) == ("Boom", "BoomError: boom", "warning")
        assert [letter.message for letter in journal.of(DeadLetter)] == ["Boom"]
        assert "-a" not in journal.lines


@pytest.mark.item(198)
async def test_who_asked_what_an_actor_resumed_from_is_told_why() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", on_error=RESUME))) as root:
        with pytest.raises(ActorCrashed, match="root/a failed at this, and went on: BoomError: boom") as caught:
            await root.child("a").ask(Boom())
        assert caught.value.resumed
        assert isinstance(caught.value.__cause__, BoomError)


@pytest.mark.item(198)
async def test_a_flood_that_fails_does_not_hold_the_loop_and_costs_no_budget() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", on_error=RESUME), actor(journal, "b"))) as root:
        a, b = root.child("a"), root.child("b")
        for _ in range(500):
            a.tell(Boom())
        assert await b.ask(Get()) == 0
        assert len(a._place.inbox) > 400
        await settle()
        assert incarnations(root)["a"] == 1


@pytest.mark.item(198)
@pytest.mark.parametrize("where", ["on_start", "a spawned task", "another error"])
async def test_what_cannot_be_resumed_from_is_up_to_the_restart_type(where: str) -> None:
    journal = Journal()

    async def fail() -> None:
        raise BoomError

    def other(_: Any) -> None:
        raise ValueError

    async with opened(tree(actor(journal, "a", on_error=RESUME))) as root:
        a = root.child("a")
        if where == "on_start":
            journal.fail_start["a"] = [None, BoomError()]
            a.tell(Do(other))
        if where == "a spawned task":
            await a.ask(Do(lambda me: me.spawn(fail)))
        if where == "another error":
            a.tell(Do(other))
        await settle()
        assert incarnations(root) == {"a": 3 if where == "on_start" else 2}


@pytest.mark.item(198)
async def test_a_resumed_error_in_a_group_of_one_is_that_error() -> None:
    journal = Journal()

    def grouped(_: Any) -> None:
        raise ExceptionGroup("one", [BoomError("inside")])

    async with opened(tree(actor(journal, "a", on_error=RESUME))) as root:
        root.child("a").tell(Do(grouped))
        assert await root.child("a").ask(Get()) == 1


@pytest.mark.item(34, 198)
async def test_a_child_stopped_by_its_error_is_parked_until_someone_restarts_it() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", on_error={BoomError: OnError.STOP}), actor(journal, "b")), journal) as root:
        root.child("a").tell(Boom())
        await settle()
        assert phases(root) == {"a": "gave up", "b": "running"}
        assert journal.of(ChildGaveUp)[0].limit == "its on_error"
        assert root.child("a").tell("late") is False
        await root.restart_child("a")
        assert phases(root)["a"] == "running"


@pytest.mark.item(198)
async def test_an_error_that_escalates_fails_the_supervisor_with_it() -> None:
    journal = Journal()
    inner = tree(actor(journal, "a", on_error={BoomError: OnError.ESCALATE}), actor(journal, "b"), id="inner")
    async with opened(tree(inner, actor(journal, "c")), journal) as root:
        root.supervisor("inner").child("a").tell(Boom())
        await settle()
        assert incarnations(root) == {"inner": 2, "c": 1}
        ended = next(event for event in journal.of(ChildEnded) if event.path == "root/inner")
        assert ended.reason == "BoomError: boom"
        assert journal.lines[3:] == ["-a", "-b", "+a", "+b"]


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"ValueError": OnError.STOP}, "on_error"),
        ({KeyboardInterrupt: OnError.STOP}, "on_error"),
        ({StopTree: OnError.STOP}, "on_error"),
        ({ValueError: "stop"}, r"on_error\[ValueError\]"),
        ([ValueError], "on_error"),
        (((ValueError,),), "on_error"),
        (5, "on_error"),
    ],
    ids=str,
)
async def test_wrong_rules_are_refused_when_the_spec_is_built(rules: Any, field: str) -> None:
    with pytest.raises(SpecError, match=f"^{field} is "):
        ActorSpec("a", Recorder, on_error=rules)


async def test_only_an_actor_can_resume() -> None:
    with pytest.raises(SpecError, match=r"TaskSpec.on_error\[BoomError\] is .*only an actor has a next message"):
        TaskSpec("t", sleep, on_error=RESUME)


# ---- stop the whole tree


@pytest.mark.item(112)
async def test_a_child_deep_down_can_have_the_whole_tree_stopped_in_order() -> None:
    journal = Journal()
    inner = tree(actor(journal, "b"), actor(journal, "c"), id="inner")
    async with opened(tree(actor(journal, "a"), inner, actor(journal, "d")), journal) as root:
        root.supervisor("inner").child("b").tell(stops_tree("all is sold"))
        reason = await root.wait()
        assert reason == Shutdown(TreeStop("all is sold"))
        assert str(reason) == "shutdown (of the whole tree: all is sold)"
        assert journal.lines[4:] == ["-b", "-c", "-d", "-a"]


@pytest.mark.item(112)
async def test_a_supervisor_that_contains_the_request_ends_for_good_and_those_above_go_on() -> None:
    journal = Journal()
    inner = tree(actor(journal, "b"), id="inner", contains_stop=True)
    async with opened(tree(actor(journal, "a"), inner)) as root:
        root.supervisor("inner").child("b").tell(stops_tree())
        await settle()
        assert phases(root) == {"a": "running", "inner": "stopped"}
        await root.restart_child("inner")
        assert phases(root)["inner"] == Phase.RUNNING.value


@pytest.mark.item(112)
async def test_a_request_in_a_spawned_task_or_in_a_group_counts_too() -> None:
    journal = Journal()

    async def request() -> None:
        raise ExceptionGroup("two", [StopTree("enough"), StopTree("enough")])

    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(lambda me: me.spawn(request)))
        assert await root.wait() == Shutdown(TreeStop("enough"))


@pytest.mark.item(112)
async def test_a_request_while_a_child_is_added_fails_the_start_and_stops_the_tree() -> None:
    journal = Journal()
    journal.fail_start["a"] = StopTree()
    async with opened(many(restart=Restart.PERMANENT)) as root:
        with pytest.raises(StartError):
            await root.start_child(actor(journal, "a"))
        await settle()
        assert root._branch.life is None
