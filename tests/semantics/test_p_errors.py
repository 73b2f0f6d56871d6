"""P. Structured concurrency: which errors stay with the child, and which leave by the root."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from supervisor import ChildEnded, HookFailed, Restart, Stop, TaskSpec, open_supervisor
from supervisor.testing import await_restart, crash
from tests.semantics.actors import Boom, BoomError, Do, Journal, Recorder, abcs, actor, incarnations, opened, settle, tree

pytestmark = pytest.mark.anyio


# ------------------------------------------------------------------------------------ at the boundary of a child's task


@pytest.mark.item(162)
async def test_a_child_that_fails_at_once_hurts_no_sibling() -> None:
    journal = Journal()

    async def child() -> None:
        raise BoomError

    async with opened(tree(actor(journal, "a"), TaskSpec("b", child, restart=Restart.TEMPORARY), actor(journal, "c"))) as root:
        await anyio.sleep(1)
        assert incarnations(root) == {"a": 1, "c": 1}


@pytest.mark.item(162, 166)
async def test_a_failing_nursery_inside_a_child_hurts_no_sibling() -> None:
    journal = Journal()

    async def inner() -> None:
        raise BoomError

    async def child() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(inner)
            await anyio.sleep_forever()

    spec = TaskSpec("b", child, restart=Restart.TEMPORARY)
    async with opened(tree(actor(journal, "a"), spec, actor(journal, "c")), journal) as root:
        await anyio.sleep(1)
        assert incarnations(root) == {"a": 1, "c": 1}
    ended = journal.of(ChildEnded)[0]
    assert isinstance(ended.cause, BoomError)  # a group of one is read as that one


# ------------------------------------------------------------------------------------------------------ fatal errors


@pytest.mark.item(166)
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("where", ["handler", "on_start", "task", "spawned", "group"])
async def test_a_fatal_error_stops_the_tree_in_order_and_leaves_by_the_root(error: type[BaseException], where: str) -> None:
    journal = Journal()
    thrown = error()

    async def fail() -> None:
        await anyio.sleep(1)
        raise BaseExceptionGroup("", [thrown, BoomError()]) if where == "group" else thrown

    inner = [TaskSpec("x", fail)] if where in ("task", "group") else [actor(journal, "x")]
    if where == "on_start":
        journal.fail_start["x"] = [None, thrown]
    with pytest.raises(error) as caught:
        async with opened(tree(actor(journal, "a"), tree(*inner, id="in"), actor(journal, "c")), journal) as root:
            ref = root.supervisor("in").child("x")
            match where:
                case "handler":
                    ref.tell(Do(lambda _: fail()))
                case "on_start":
                    ref.tell(Boom())
                case "spawned":
                    ref.tell(Do(lambda me: me.spawn(fail)))
            await anyio.sleep_forever()
    assert caught.value is thrown
    stops = [line for line in journal.lines if line.startswith("-") and line != "-x"]
    assert stops == ["-c", "-a"]
    assert [line for line in journal.lines if line.startswith("+")][:3] in (["+a", "+x", "+c"], ["+a", "+c"])


@pytest.mark.item(166)
async def test_a_fatal_error_during_the_stop_is_not_lost() -> None:
    journal = Journal(fail_stop={"b": SystemExit(3)})
    with pytest.raises(SystemExit) as caught:
        async with opened(tree(*abcs(journal))):
            pass
    assert caught.value.code == 3
    assert journal.lines == ["+a", "+b", "+c", "-c", "-b", "-a"]


@pytest.mark.item(166)
async def test_a_fatal_error_is_not_lost_when_on_stop_is_cut() -> None:
    journal = Journal(slow_stop={"a": 100.0})

    def fail(_: Recorder) -> None:
        raise SystemExit(4)

    with pytest.raises(SystemExit):
        async with opened(tree(actor(journal, "a", shutdown=1.0))) as root:
            root.child("a").tell(Do(fail))
            await anyio.sleep_forever()


@pytest.mark.item(166)
async def test_a_fatal_error_of_a_spawned_task_during_the_stop_is_not_lost() -> None:
    journal = Journal()

    async def fail() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise SystemExit(5)

    with pytest.raises(SystemExit):
        async with opened(tree(actor(journal, "a"))) as root:
            await root.child("a").ask(Do(lambda me: me.spawn(fail)))
            await settle()


# ----------------------------------------------------------------------------------------------------------- groups


def _group(*leaves: BaseException, depth: int = 1) -> BaseException:
    group: BaseException = BaseExceptionGroup("group", list(leaves))
    for _ in range(depth - 1):
        group = BaseExceptionGroup("outer", [group])
    return group


@pytest.mark.item(167)
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize(
    ("leaves", "lives"),
    [([Stop()], 1), ([Stop(), Stop()], 1), ([BoomError()], 2), ([BoomError(), Stop()], 2), ([BoomError(), ValueError()], 2)],
)
async def test_a_group_is_read_by_its_leaves(leaves: list[BaseException], lives: int, depth: int) -> None:
    journal, count = Journal(), 0
    group = _group(*leaves, depth=depth)

    async def child() -> None:
        nonlocal count
        count += 1
        if count == 1:
            raise group
        await anyio.sleep_forever()

    async with opened(tree(TaskSpec("a", child, restart=Restart.TRANSIENT)), journal):
        await anyio.sleep(1)
    assert count == lives
    if lives == 2:
        cause = journal.of(ChildEnded)[0].cause
        assert cause is (leaves[0] if len(leaves) == 1 else group)


# ------------------------------------------------------------------------------------------------------------- hooks


@pytest.mark.item(175)
async def test_a_sink_that_raises_hurts_nobody() -> None:
    journal, calls = Journal(), 0

    def broken(_: Any) -> None:
        nonlocal calls
        calls += 1
        raise BoomError

    async with open_supervisor(tree(*abcs(journal)), sinks=[broken, journal.events.append]) as root:
        crash(root.child("b"))
        await await_restart(root.child("b"))
        assert incarnations(root) == {"a": 1, "b": 2, "c": 1}
    assert calls > 5
    assert journal.lines == ["+a", "+b", "+c", "-b", "+b", "-c", "-b", "-a"]


@pytest.mark.item(166, 175)
async def test_an_interrupt_in_a_sink_stops_the_tree_in_order_and_is_not_lost() -> None:
    journal = Journal()

    def interrupted(event: Any) -> None:
        if isinstance(event, ChildEnded) and event.path == "root/b" and event.incarnation == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        async with open_supervisor(tree(*abcs(journal)), sinks=[interrupted]) as root:
            crash(root.child("b"))
            await anyio.sleep_forever()
    assert journal.lines[:4] == ["+a", "+b", "+c", "-b"]
    assert journal.lines[-2:] == ["-c", "-a"]


@pytest.mark.item(67, 152, 175)
async def test_an_on_stop_that_raises_is_reported_and_the_stop_goes_on() -> None:
    journal = Journal(fail_stop={"b": BoomError("tidy")})
    async with opened(tree(*abcs(journal)), journal):
        pass
    assert journal.lines == ["+a", "+b", "+c", "-c", "-b", "-a"]
    assert "tidy" in journal.of(HookFailed)[0].error
    assert [event.reason for event in journal.of(ChildEnded)] == ["shutdown", "BoomError: tidy", "shutdown"]
