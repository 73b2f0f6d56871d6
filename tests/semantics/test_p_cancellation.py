"""P. Structured concurrency: cancellation from outside, from nowhere, and our own."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from supervisor import KILL, ChildEnded, Failed, Restart, Shutdown, Strategy, StrayCancellation, TaskSpec
from tests.semantics.actors import BoomError, Do, Journal, Recorder, Sleep, abcs, actor, incarnations, opened, settle, tree

pytestmark = pytest.mark.anyio

ASYNCIO_ONLY = pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
"""Trio has no task.cancel()."""


# ------------------------------------------------------------------------------------------------ outer cancellation


@pytest.mark.item(70, 159)
async def test_an_outer_timeout_stops_the_tree_in_order_and_goes_on() -> None:
    journal = Journal(slow_stop={"a": 1.0, "b": 2.0})
    with anyio.move_on_after(10) as scope:
        async with opened(tree(*abcs(journal))):
            journal.take()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert journal.lines == ["-c", "-b", "-a"]
    assert anyio.current_time() >= 13
    assert all(reasons == [Shutdown()] for reasons in journal.reasons.values())


@pytest.mark.item(70, 159)
async def test_a_failing_sibling_of_the_tree_stops_it_in_order() -> None:
    journal = Journal(slow_stop={"b": 1.0})

    async def fail() -> None:
        await anyio.sleep(1)
        raise BoomError

    with pytest.raises(BaseExceptionGroup) as caught:
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            async with opened(tree(*abcs(journal))):
                await anyio.sleep_forever()
    assert caught.group_contains(BoomError)
    assert journal.lines[3:] == ["-c", "-b", "-a"]


@pytest.mark.item(159)
async def test_cancellation_while_the_tree_starts_stops_what_had_started() -> None:
    journal = Journal(slow_start={"b": 100.0})
    with anyio.move_on_after(1) as scope:
        async with opened(tree(*abcs(journal))):
            raise AssertionError
    assert scope.cancelled_caught
    assert journal.lines == ["+a", "-a"]


@pytest.mark.item(159)
async def test_a_deadline_bounds_a_stop_that_no_grace_bounds() -> None:
    journal = Journal(slow_stop={"a": 1000.0})
    began = anyio.current_time()
    async with opened(tree(actor(journal, "a", shutdown=float("inf")), *abcs(journal)[1:]), deadline=3.0):
        pass
    assert anyio.current_time() - began == pytest.approx(3.0, abs=0.01)


@pytest.mark.item(159, 164)
@pytest.mark.parametrize("times", [1, 3])
@ASYNCIO_ONLY
async def test_a_native_cancel_of_the_block_stops_in_order(times: int) -> None:
    journal = Journal(slow_stop={"a": 1.0, "b": 1.0, "c": 1.0})

    async def embed() -> None:
        async with opened(tree(*abcs(journal))):
            await anyio.sleep_forever()

    embedding = asyncio.get_running_loop().create_task(embed())
    await anyio.sleep(1)
    for _ in range(times):
        embedding.cancel()
        await anyio.sleep(0.4)
    with pytest.raises(asyncio.CancelledError):
        await embedding
    assert journal.lines[3:] == ["-c", "-b", "-a"]


# ------------------------------------------------------------------------------------------- whose cancellation it was


@pytest.mark.item(164)
@pytest.mark.parametrize("kind", ["actor parked", "actor handling", "task"])
@ASYNCIO_ONLY
async def test_a_native_cancel_of_a_child_is_a_crash(kind: str) -> None:
    journal, tasks = Journal(), []

    async def child() -> None:
        tasks.append(asyncio.current_task())
        await anyio.sleep_forever()

    async def note(_: Recorder) -> None:
        tasks.append(asyncio.current_task())

    children = [actor(journal, "a"), TaskSpec("b", child), actor(journal, "c")]
    async with opened(tree(*children), journal) as root:
        await settle()
        if kind != "task":
            tasks.clear()
            await root.child("a").ask(Do(note))
        if kind == "actor handling":
            root.child("a").tell(Sleep(100))
            await settle()
        tasks[0].cancel()
        await anyio.sleep(1)
        who = "b" if kind == "task" else "a"
        assert incarnations(root) == {id: 2 if id == who else 1 for id in "abc"}
        if who == "a":
            assert isinstance(journal.reasons["a"][0], Failed)
            assert isinstance(journal.reasons["a"][0].error, StrayCancellation)


@pytest.mark.item(164)
@pytest.mark.parametrize("wrap", [False, True])
async def test_a_cancellation_out_of_nowhere_is_a_crash(wrap: bool, anyio_backend_name: str) -> None:
    journal, lives = Journal(), 0

    def stray() -> BaseException:
        if anyio_backend_name == "asyncio":
            return asyncio.CancelledError()
        import trio

        async def catch() -> BaseException:
            with trio.CancelScope() as scope:
                scope.cancel()
                try:
                    await trio.lowlevel.checkpoint()
                except trio.Cancelled as error:
                    return error
            raise AssertionError

        coroutine = catch()
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value
        raise AssertionError

    async def child() -> None:
        nonlocal lives
        lives += 1
        if lives == 1:
            if anyio_backend_name == "trio":
                import trio

                error: BaseException
                with trio.CancelScope() as scope:
                    scope.cancel()
                    try:
                        await trio.lowlevel.checkpoint()
                    except trio.Cancelled as cancelled:
                        error = cancelled
                raise BaseExceptionGroup("", [error]) if wrap else error
            raise BaseExceptionGroup("", [stray()]) if wrap else stray()
        await anyio.sleep_forever()

    async with opened(tree(actor(journal, "a"), TaskSpec("b", child, restart=Restart.TRANSIENT)), journal) as root:
        await anyio.sleep(1)
        assert incarnations(root) == {"a": 1, "b": 2}
    assert isinstance(journal.of(ChildEnded)[0].cause, StrayCancellation)


@pytest.mark.item(164)
@ASYNCIO_ONLY
async def test_a_native_cancel_of_every_task_but_ours_leaves_the_tree_able_to_stop() -> None:
    journal = Journal(slow_stop={"a": 100.0})
    async with opened(tree(actor(journal, "a", shutdown=2.0), actor(journal, "b")), journal) as root:
        await settle()
        for other in asyncio.all_tasks():
            if other is not asyncio.current_task() and "root" in other.get_name():
                other.cancel()
        await anyio.sleep(20)
        assert incarnations(root) == {"a": 2, "b": 2}
        began = anyio.current_time()
    assert anyio.current_time() - began == pytest.approx(2.0, abs=0.1)


@pytest.mark.item(165)
@pytest.mark.parametrize("strategy", list(Strategy))
async def test_our_own_cancellation_is_never_a_crash(strategy: Strategy) -> None:
    journal = Journal()

    async def child() -> None:
        await anyio.sleep_forever()

    spec = tree(actor(journal, "a"), TaskSpec("b", child), TaskSpec("c", child, shutdown=KILL), strategy=strategy)
    async with opened(spec, journal) as root:
        await settle()
        for id in "cba":
            await root.terminate_child(id)
        assert root.snapshot().root.restarts_in_window == 0
    assert [event.reason for event in journal.of(ChildEnded)] == ["killed", "shutdown", "shutdown"]
