"""P. Structured concurrency: starts that fail, hang or are cancelled, and what goes on meanwhile."""

from __future__ import annotations

import contextvars
from typing import Any

import anyio
import pytest

from supervisor import ChildEnded, Hung, NoSuchActor, Restart, Shutdown, StartError, Strategy, TaskSpec, decisions
from supervisor.mailbox import PendingReply
from supervisor.testing import crash, kill
from tests.semantics.actors import (
    NAME,
    BoomError,
    Do,
    Get,
    Journal,
    Recorder,
    Who,
    actor,
    incarnations,
    many,
    opened,
    phases,
    settle,
    tree,
)

pytestmark = pytest.mark.anyio


@pytest.mark.item(161, 172)
async def test_a_start_that_is_cancelled_at_once_is_done_or_undone() -> None:
    journal = Journal()
    async with opened(many()) as root:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await root.start_child(actor(journal, "a"))
        assert scope.cancelled_caught
        assert phases(root) in ({}, {"a": "running"})
    assert journal.lines in ([], ["+a", "-a"])


@pytest.mark.item(161)
async def test_what_is_stopped_before_its_task_ran_never_begins() -> None:
    journal = Journal()
    async with opened(many()) as root:
        # By hand what start_child does, because between its steps the loop may run the new task, or not.
        branch, spec = root._branch, actor(journal, "a")
        life = branch.life
        assert life is not None
        branch.add(spec)
        life.post(decisions.Add("a", spec, PendingReply("a", branch.place.runtime.parker())))
        kill(root.child("a"))
        await settle()
        assert journal.lines == []


@pytest.mark.item(168)
async def test_an_error_before_started_is_the_cause_bare() -> None:
    error = BoomError()

    async def child(*, task_status: Any) -> None:
        raise error

    async with opened(tree()) as root:
        with pytest.raises(StartError) as caught:
            await root.start_child(TaskSpec("a", child))
        assert caught.value.__cause__ is error
        assert root.which_children() == []


@pytest.mark.item(168)
async def test_returning_without_started_is_a_start_error() -> None:
    async def child(*, task_status: Any) -> None:
        return

    async with opened(tree()) as root:
        with pytest.raises(StartError, match=r"task_status\.started"):
            await root.start_child(TaskSpec("a", child))


@pytest.mark.item(168)
async def test_started_twice_is_an_error() -> None:
    journal = Journal()

    async def child(*, task_status: Any) -> None:
        task_status.started()
        task_status.started()

    async with opened(tree(TaskSpec("a", child, restart=Restart.TEMPORARY)), journal):
        await settle()
    assert "twice" in journal.of(ChildEnded)[0].reason


@pytest.mark.item(24, 91, 169, 172)
@pytest.mark.parametrize("kind", ["actor", "task", "supervisor"])
async def test_a_starter_that_is_cancelled_leaves_nothing(kind: str) -> None:
    journal, ended = Journal(slow_start={"a": 10.0}), []

    async def slow(*, task_status: Any) -> None:
        try:
            await anyio.sleep(10)
            task_status.started()
        finally:
            ended.append(kind)

    spec: Any = actor(journal, "a", name=NAME)
    if kind == "task":
        spec = TaskSpec("a", slow)
    if kind == "supervisor":
        spec = tree(spec, id="a")
    async with opened(tree()) as root:
        with anyio.move_on_after(1) as scope:
            await root.start_child(spec)
        assert scope.cancelled_caught
        assert anyio.current_time() < 2
        assert root.which_children() == []
        with pytest.raises(NoSuchActor):
            root.ref(NAME)
        if kind == "task":
            assert ended == ["task"]
        journal.slow_start.clear()
        if kind != "task":
            await root.start_child(actor(journal, "a", name=NAME))
            assert await root.ref(NAME).ask(Get()) == 0


@pytest.mark.item(169, 172)
async def test_a_cancelled_start_that_will_not_end_does_not_hold_its_starter() -> None:
    release = anyio.Event()

    async def stubborn(*, task_status: Any) -> None:
        with anyio.CancelScope(shield=True):
            await release.wait()

    async with opened(tree()) as root:
        with anyio.move_on_after(1):
            await root.start_child(TaskSpec("a", stubborn, shutdown=1.0))
        assert anyio.current_time() < 4
        release.set()
        await settle()
        assert root.which_children() == []


@pytest.mark.item(169, 172)
async def test_a_cancelled_restart_child_leaves_the_child_stopped() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        await root.terminate_child("a")
        journal.slow_start["a"] = 10.0
        with anyio.move_on_after(1):
            await root.restart_child("a")
        assert phases(root) == {"a": "stopped"}
        journal.slow_start.clear()
        await root.restart_child("a")
        assert await root.child("a").ask(Who()) == 3


@pytest.mark.item(53, 172)
@pytest.mark.parametrize("how", ["restart_child", "start_child"])
async def test_a_caller_who_leaves_as_its_child_gets_ready_takes_it_out_of_no_group_restart(how: str) -> None:
    ready: list[Any] = []
    slow, failing, fail, scope = False, True, anyio.Event(), anyio.CancelScope()

    async def child(*, task_status: Any) -> None:
        ready.append(task_status.started)
        if not slow:
            task_status.started()
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(1)  # the caller looks before it has ended

    async def sibling() -> None:
        nonlocal failing
        if failing:
            await fail.wait()
            # All in one tick: the caller is cancelled, what it waits for is there, and is stopped again with its group.
            failing = False
            scope.cancel()
            ready[-1]()
            raise BoomError
        await anyio.sleep_forever()

    spec, group = TaskSpec("child", child), [TaskSpec("sibling", sibling)]
    if how == "restart_child":
        group.append(spec)
    async with opened(tree(*group, strategy=Strategy.ONE_FOR_ALL)) as root, anyio.create_task_group() as callers:

        async def call() -> None:
            with scope:
                await (root.restart_child("child") if how == "restart_child" else root.start_child(spec))

        if how == "restart_child":
            await root.terminate_child("child")
        slow = True
        callers.start_soon(call)
        await settle()
        slow = False
        fail.set()
        await anyio.sleep(5)
        assert scope.cancelled_caught
        assert phases(root) == {"sibling": "running", "child": "running"}


@pytest.mark.item(127, 169)
async def test_a_start_that_takes_too_long_is_killed() -> None:
    journal = Journal(slow_start={"a": 100.0})
    async with opened(tree()) as root:
        with pytest.raises(StartError) as caught:
            await root.start_child(actor(journal, "a", name=NAME, start_timeout=3.0))
        assert isinstance(caught.value.__cause__, Hung)
        assert anyio.current_time() == pytest.approx(3.0, abs=0.1)
        assert root.which_children() == []
        with pytest.raises(NoSuchActor):
            root.ref(NAME)


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="none")


@pytest.mark.item(170)
async def test_a_child_inherits_neither_the_scope_nor_the_context_of_who_started_it() -> None:
    seen: list[str] = []

    async def child() -> None:
        seen.append(VARIABLE.get())
        await anyio.sleep_forever()

    VARIABLE.set("tree")
    async with opened(tree(TaskSpec("a", child))) as root:
        VARIABLE.set("caller")
        with anyio.CancelScope() as scope:
            await root.start_child(TaskSpec("b", child))
            await settle()
            scope.cancel()
        await anyio.sleep(1)
        assert phases(root) == {"a": "running", "b": "running"}
        crash(root.child("b"))
        await anyio.sleep(1)
        assert incarnations(root)["b"] == 2
    assert seen == ["tree", "tree", "tree"]


@pytest.mark.item(170)
async def test_a_start_from_a_handler_is_not_the_handlers_child() -> None:
    journal, seen = Journal(), []

    async def child() -> None:
        seen.append(VARIABLE.get())
        await anyio.sleep_forever()

    async def start(me: Recorder) -> None:
        VARIABLE.set("handler")
        await me.context.supervisor.start_child(TaskSpec("b", child))

    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(start))
        await settle()
        crash(root.child("a"))
        await anyio.sleep(1)
        assert incarnations(root) == {"a": 2, "b": 1}
    assert seen == ["none"]


@pytest.mark.item(171)
async def test_questions_are_answered_while_a_start_and_a_stop_take_their_time() -> None:
    journal = Journal(slow_start={"b": 10.0}, slow_stop={"a": 3.0})
    async with opened(tree(actor(journal, "a"))) as root, anyio.create_task_group() as group:
        group.start_soon(root.start_child, actor(journal, "b"))
        await settle()
        group.start_soon(root.terminate_child, "a")
        await settle()
        began = anyio.current_time()
        assert phases(root) == {"a": "stopping", "b": "starting"}
        await root.start_child(actor(journal, "c"))
        assert anyio.current_time() == began
        await anyio.sleep(20)
        assert phases(root) == {"a": "stopped", "b": "running", "c": "running"}


@pytest.mark.item(171)
async def test_a_stop_interrupts_a_start_that_hangs() -> None:
    journal = Journal(slow_start={"b": 1000.0})
    async with opened(tree(actor(journal, "a"))) as root, anyio.create_task_group() as group:

        async def start() -> None:
            with pytest.raises((StartError, NoSuchActor)):
                await root.start_child(actor(journal, "b"))

        group.start_soon(start)
        await settle()
        assert await root.stop() == Shutdown()
        assert anyio.current_time() < 1


@pytest.mark.item(91, 172)
async def test_a_cancelled_terminate_is_carried_out_all_the_same() -> None:
    journal = Journal(slow_stop={"a": 3.0})
    async with opened(tree(actor(journal, "a"))) as root:
        with anyio.move_on_after(1):
            await root.terminate_child("a")
        assert phases(root) == {"a": "stopping"}
        await root.terminate_child("a")
        assert phases(root) == {"a": "stopped"}
        assert journal.lines == ["+a", "-a"]
