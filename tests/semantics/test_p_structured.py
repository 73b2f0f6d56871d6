"""P. What structured concurrency makes of supervision: the most dangerous part."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import traceback
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from supervisor import (
    KILL,
    ActorCrashed,
    ChildEnded,
    Failed,
    HookFailed,
    Hung,
    LifeUnstopped,
    Name,
    NoSuchActor,
    Restart,
    Shutdown,
    StartError,
    Stop,
    Strategy,
    StrayCancellation,
    SupervisorSpec,
    TaskSpec,
    Unstopped,
    decisions,
    open_supervisor,
)
from supervisor.mailbox import PendingReply
from supervisor.testing import await_restart, crash, kill
from tests.semantics.actors import (
    LOOSE,
    Boom,
    BoomError,
    Do,
    Get,
    Journal,
    Recorder,
    Sleep,
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

NAME: Name[Any] = Name("somebody")


def abcs(journal: Journal) -> list[Any]:
    return [actor(journal, id) for id in "abc"]


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
async def test_a_native_cancel_of_the_block_stops_in_order(times: int, anyio_backend_name: str) -> None:
    if anyio_backend_name != "asyncio":
        pytest.skip("trio has no task.cancel()")
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


# --------------------------------------------------------------------------------------- soft scope, kill scope, grace


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


# ------------------------------------------------------------------------------------------------- who will not end


class Stubborn:
    """A task that ignores every cancellation until it is released."""

    def __init__(self) -> None:
        self.release = anyio.Event()
        self.lives = 0
        self.alive = 0
        self.most = 0

    async def shielded(self) -> None:
        self.lives += 1
        self.alive += 1
        self.most = max(self.most, self.alive)
        with anyio.CancelScope(shield=True):
            await self.release.wait()
        await self._over()

    async def _over(self) -> None:
        try:
            if self.lives > 1:
                await anyio.sleep_forever()  # the next life is a good one
        finally:
            self.alive -= 1

    async def swallowing(self) -> None:
        self.lives += 1
        self.alive += 1
        self.most = max(self.most, self.alive)
        while not self.release.is_set():
            try:
                await anyio.sleep(0.3)
            except anyio.get_cancelled_exc_class():
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(0.1)
        await self._over()


@pytest.mark.item(69, 163)
@pytest.mark.parametrize("how", ["shielded", "swallowing"])
async def test_who_will_not_end_is_reported_with_its_stack_and_never_doubled(how: str) -> None:
    stubborn, journal = Stubborn(), Journal()
    spec = tree(TaskSpec("a", getattr(stubborn, how), shutdown=1.0), actor(journal, "b"))
    async with opened(spec, journal) as root:
        await settle()
        began = anyio.current_time()
        with pytest.raises(Unstopped) as caught:
            await root.terminate_child("a")
        assert anyio.current_time() - began == pytest.approx(2.0, abs=0.2)
        assert how in caught.value.stack
        report = journal.of(LifeUnstopped)[0]
        assert (report.path, report.incarnation) == ("root/a", 1)
        assert how in report.stack
        with pytest.raises(Exception, match=r"run|restart"):
            await root.restart_child("a")
        with pytest.raises(Unstopped):
            await root.terminate_child("a")
        assert await root.child("b").ask(Get()) == 0
        stubborn.release.set()
        await anyio.sleep(1)
        await root.terminate_child("a")
        assert phases(root)["a"] == "stopped"
        await root.restart_child("a")
        await settle()
    assert stubborn.most == 1
    assert stubborn.lives == 2


@pytest.mark.item(50, 163)
@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_a_group_restart_goes_on_without_who_will_not_end_and_takes_it_in_later(strategy: Strategy) -> None:
    stubborn, journal = Stubborn(), Journal()
    spec = tree(actor(journal, "a"), TaskSpec("b", stubborn.shielded, shutdown=1.0), actor(journal, "c"), strategy=strategy)
    async with opened(spec, journal) as root:
        await settle()
        crash(root.child("a"))
        await anyio.sleep(5)
        assert incarnations(root) == {"a": 2, "b": 1, "c": 2}
        assert stubborn.lives == 1
        stubborn.release.set()
        await settle()
        assert incarnations(root) == {"a": 2, "b": 2, "c": 2}
        assert stubborn.most == 1


@pytest.mark.item(163)
async def test_the_tree_waits_for_who_will_not_end_but_stops_the_others() -> None:
    stubborn, journal = Stubborn(), Journal()

    async def release() -> None:
        await anyio.sleep(30)
        stubborn.release.set()

    async with anyio.create_task_group() as group:
        async with opened(tree(actor(journal, "a"), TaskSpec("b", stubborn.shielded, shutdown=1.0)), journal):
            group.start_soon(release)
            await settle()
            began = anyio.current_time()
        assert anyio.current_time() - began == pytest.approx(30.0, abs=0.1)
    assert journal.lines == ["+a", "-a"]
    assert len(journal.of(LifeUnstopped)) == 1


@pytest.mark.item(163)
async def test_a_supervisor_whose_child_will_not_end_is_reported_to_who_stops_it() -> None:
    stubborn, journal = Stubborn(), Journal()
    inner = tree(actor(journal, "a"), TaskSpec("b", stubborn.shielded, shutdown=1.0), id="inner")
    async with opened(tree(inner), journal) as root:
        await settle()
        for _ in range(2):
            with pytest.raises(Unstopped):
                await root.terminate_child("inner")
        assert journal.lines == ["+a", "-a"]
        stubborn.release.set()
        await settle()
        await root.terminate_child("inner")
        assert phases(root) == {"inner": "stopped"}


@pytest.mark.item(153, 163)
async def test_stop_of_who_will_not_end_says_so() -> None:
    stubborn = Stubborn()
    async with opened(tree(TaskSpec("a", stubborn.shielded, shutdown=1.0))) as root:
        await settle()
        for _ in range(2):
            with pytest.raises(Unstopped):
                await root.child("a").stop()
        stubborn.release.set()


@pytest.mark.item(163)
async def test_who_survived_its_watchdog_does_not_hang_a_later_terminate() -> None:
    journal, release = Journal(), anyio.Event()

    async def block(_: Recorder) -> None:
        with anyio.CancelScope(shield=True):
            await release.wait()

    async with opened(tree(actor(journal, "a", watchdog=1.0)), journal) as root:
        root.child("a").tell(Do(block))
        await anyio.sleep(5)
        assert len(journal.of(LifeUnstopped)) == 1
        with pytest.raises(Unstopped):
            await root.terminate_child("a")
        release.set()
        await settle()
        assert phases(root) == {"a": "stopped"}
    assert journal.of(ChildEnded)[0].reason.startswith("Hung")


@pytest.mark.item(173)
async def test_the_end_is_seen_only_when_spawned_tasks_have_ended() -> None:
    journal = Journal()

    async def slow_to_go() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(2)
            journal("spawned ended")

    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(lambda me: me.spawn(slow_to_go)))
        await settle()
        crash(root.child("a"))
        await await_restart(root.child("a"))
        assert journal.lines == ["+a", "-a", "spawned ended", "+a"]


# ------------------------------------------------------------------------------------------- whose cancellation it was


@pytest.mark.item(164)
@pytest.mark.parametrize("kind", ["actor parked", "actor handling", "task"])
async def test_a_native_cancel_of_a_child_is_a_crash(kind: str, anyio_backend_name: str) -> None:
    if anyio_backend_name != "asyncio":
        pytest.skip("trio has no task.cancel()")
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
async def test_a_native_cancel_of_every_task_but_ours_leaves_the_tree_able_to_stop(anyio_backend_name: str) -> None:
    if anyio_backend_name != "asyncio":
        pytest.skip("trio has no task.cancel()")
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


# ---------------------------------------------------------------------------------------------------------- starting


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


# ------------------------------------------------------------------------------------------------------------- scale


@pytest.mark.slow
@pytest.mark.item(176)
async def test_ten_thousand_restarts_leave_nothing_behind() -> None:
    lives = 0

    async def child() -> None:
        nonlocal lives
        lives += 1
        await anyio.lowlevel.checkpoint()
        raise BoomError(str(lives))

    async with opened(tree(TaskSpec("a", child), intensity=LOOSE, strategy=Strategy.ONE_FOR_ONE)) as root:
        counts = []
        for target in (1_000, 10_000):
            while lives < target:
                await anyio.lowlevel.checkpoint()
            gc.collect()
            counts.append(len(gc.get_objects()))
        assert counts[1] - counts[0] < 500
        assert len(root._runtime.timekeeper) < 10
        assert len(root._branch.life._timers) == 0  # type: ignore[union-attr]
        last = root._branch.slots["a"].ended_with
        assert isinstance(last, Failed)
        assert last.error.__context__ is None
        assert len(traceback.extract_tb(last.error.__traceback__)) < 10
        await root.terminate_child("a")


@pytest.mark.slow
@pytest.mark.item(176)
async def test_restarting_actors_with_timers_monitors_and_names_leave_nothing_behind() -> None:
    journal = Journal()

    class Busy(Recorder):
        __slots__ = ()

        async def on_start(self) -> None:
            self.every(100.0, "tick", key="tick")
            self.after(1000.0, "late")
            self.watch(self.context.supervisor.child("other"))
            self.monitor(self.context.supervisor.child("other"))
            self.spawn(anyio.sleep_forever)

    from supervisor import ActorSpec

    spec = ActorSpec("a", lambda: Busy("a", journal), name=NAME)
    async with opened(tree(actor(journal, "other"), spec, intensity=LOOSE)) as root:
        counts = []
        for _ in range(2):
            for _ in range(500):
                crash(root.child("a"))
                await await_restart(root.child("a"))
            journal.reasons.clear()
            journal.lines.clear()
            gc.collect()
            counts.append(len(gc.get_objects()))
        assert counts[1] - counts[0] < 500
        assert len(root._runtime.timekeeper) < 10
        assert len(root.child("other")._place.watchers) == 2


@pytest.mark.slow
@pytest.mark.item(76)
async def test_a_tree_500_deep_starts_reports_and_stops() -> None:
    journal = Journal()
    spec: Any = actor(journal, "leaf")
    for depth in range(500):
        spec = SupervisorSpec(f"s{depth}", [spec])
    async with opened(spec) as root:
        snapshot = root.snapshot()
        assert len(snapshot.flat()) == 501
        assert len(snapshot.to_text().splitlines()) == 501
        inner = root
        while "leaf" not in phases(inner):
            inner = inner.supervisor(inner.which_children()[0].id)
        assert await inner.child("leaf").ask(Get()) == 0
        crash(inner.child("leaf"))
        await await_restart(inner.child("leaf"))
        kill(root.child("s498"))
        await await_restart(root.child("s498"))
        assert len(root.snapshot().flat()) == 501
    assert journal.lines[-1] == "-leaf"


@pytest.mark.slow
@pytest.mark.item(96)
async def test_a_supervisor_of_thousands_of_children_starts_reports_and_stops() -> None:
    number = 4_000  # by hand: 20,000 take 25 s, in proportion

    async def child() -> None:
        await anyio.sleep_forever()

    spec = TaskSpec("c", child)
    async with opened(many()) as root:
        for _ in range(number):
            await root.start_child(spec)
        assert root.count_children().active == number
        assert len(root.which_children()) == number
        assert len(root.snapshot().root.children) == number
        await root.terminate_child("c#77")
        assert root.count_children().specs == number - 1


@pytest.mark.item(174)
async def test_nothing_waits_on_the_wall_clock() -> None:
    import time

    journal, real = Journal(slow_stop={"a": 1000.0}), time.perf_counter()
    async with opened(tree(actor(journal, "a", shutdown=2000.0))):
        await anyio.sleep(3600)
    assert time.perf_counter() - real < 2


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
            await root.child("a").stop("now")  # type: ignore[arg-type]
        assert await root.child("a").ask(Get()) == 0


@pytest.mark.item(125, 162)
async def test_an_actor_whose_annotation_cannot_be_read_fails_alone() -> None:
    from supervisor import Actor, ActorSpec

    class Odd(Actor["Nowhere"]):  # type: ignore[name-defined]
        def receive(self, message: object) -> None: ...

    with pytest.raises(StartError) as caught:
        async with opened(tree(ActorSpec("a", Odd))):
            raise AssertionError
    assert isinstance(caught.value.__cause__, NameError)
