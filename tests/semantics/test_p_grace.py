"""P. Structured concurrency: the soft scope, the kill scope, and the grace between them."""

from __future__ import annotations

import anyio
import pytest

from supervisor import KILL, ChildEnded, HookFailed, TaskSpec
from tests.semantics.actors import BoomError, Do, Journal, Recorder, Sleep, actor, opened, settle, tree

pytestmark = pytest.mark.anyio


@pytest.mark.item(155, 160)
async def test_on_stop_may_wait_though_the_soft_scope_is_cancelled() -> None:
    journal = Journal(slow_start={"a": 0.0}, slow_stop={"a": 3.0})
    async with opened(tree(actor(journal, "a", shutdown=5.0))):
        pass
    assert journal.lines == ["+a", "-a"]


@pytest.mark.item(155, 160, 161)
async def test_on_stop_is_cut_when_the_grace_is_over() -> None:
    journal = Journal(slow_stop={"a": 30.0})
    async with opened(tree(actor(journal, "a", shutdown=5.0)), journal):
        began = anyio.current_time()
    assert anyio.current_time() - began == pytest.approx(5.0, abs=0.01)
    assert journal.lines == ["+a"]
    assert journal.of(ChildEnded)[0].reason == "killed"
    assert "cut by the kill" in journal.of(HookFailed)[0].error


@pytest.mark.item(160)
async def test_a_message_in_hand_and_on_stop_share_one_grace() -> None:
    journal = Journal(slow_stop={"a": 3.0})
    async with opened(tree(actor(journal, "a", shutdown=5.0))) as root:
        root.child("a").tell(Sleep(3.0))
        await settle()
        began = anyio.current_time()
    assert anyio.current_time() - began == pytest.approx(5.0, abs=0.01)
    assert journal.lines == ["+a", "a sleeps", "a slept"]


@pytest.mark.item(161)
async def test_a_kill_runs_finally_blocks_whose_awaits_are_cut() -> None:
    lines: list[str] = []

    async def child() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            lines.append("finally")
            await anyio.sleep(1)
            lines.append("never")

    async with opened(tree(TaskSpec("a", child, shutdown=KILL))):
        await settle()
    assert lines == ["finally"]


@pytest.mark.item(161, 165)
async def test_an_error_in_the_cleanup_of_a_kill_does_not_hide_the_kill() -> None:
    journal = Journal()

    async def child() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise BoomError

    async with opened(tree(TaskSpec("a", child, shutdown=KILL)), journal):
        await settle()
    assert journal.of(ChildEnded)[0].reason == "killed"
    assert "BoomError" in journal.of(HookFailed)[0].error


@pytest.mark.item(151, 161)
async def test_on_stop_does_not_run_when_the_handler_swallowed_the_kill() -> None:
    journal = Journal()

    async def swallow(_: Recorder) -> None:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            return

    async with opened(tree(actor(journal, "a", shutdown=1.0)), journal) as root:
        root.child("a").tell(Do(swallow))
        await settle()
    assert journal.lines == ["+a"]
    assert journal.of(ChildEnded)[0].reason == "killed"


@pytest.mark.item(161, 165)
async def test_kill_of_a_task_that_ends_anyway_is_a_kill() -> None:
    journal = Journal()

    async def child() -> None:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            return

    async with opened(tree(TaskSpec("a", child, shutdown=KILL)), journal):
        await settle()
    assert journal.of(ChildEnded)[0].reason == "killed"
