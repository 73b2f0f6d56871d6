"""K. Supervised tasks: one job, unlinked or linked, and its result."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from typing import Any

import anyio
import pytest
import trio

from supervisor import (
    KILL,
    ActorCrashed,
    AskedSelf,
    ChildEnded,
    Done,
    Failed,
    Intensity,
    Job,
    JobTimeout,
    Killed,
    LifeUnstopped,
    MaxChildrenReached,
    NoSuchActor,
    Shutdown,
    SpecError,
    Stop,
    Tasks,
    TimedOut,
    Unstopped,
)
from supervisor.testing import crash, kill
from tests.semantics.actors import LOOSE, BoomError, Do, Get, Journal, actor, many, opened, settle, tree
from tests.semantics.jobs.support import at_work, double, fail, jobs, nap, stubborn, timers

pytestmark = pytest.mark.anyio


@pytest.mark.item(121)
async def test_a_job_gives_what_its_function_returns() -> None:
    async with opened(jobs()) as root:
        job = await root.tasks("jobs").start(double, 4)
        assert await job.result() == 8
        assert job.outcome == Done(8)
        assert job.path == "root/jobs/double"
        assert at_work(root) == 0


@pytest.mark.item(121)
async def test_any_number_of_tasks_wait_for_one_result_and_ask_again() -> None:
    got: list[str] = []
    async with opened(jobs()) as root:
        job = await root.tasks("jobs").start(nap, 2)

        async def wait() -> None:
            got.append(await job.result())

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(wait)
        assert [*got, await job.result()] == ["slept 2"] * 4
        assert job._waiters == {}


@pytest.mark.item(121)
async def test_a_job_that_raises_says_so_to_each_who_asks_and_hurts_nobody() -> None:
    journal = Journal()
    async with opened(tree(many("jobs", intensity=Intensity(0, 10.0))), journal) as root:
        job = await root.tasks("jobs").start(fail, "no")
        for _ in range(2):
            with pytest.raises(ActorCrashed, match="root/jobs/fail ended before it answered: BoomError: no") as caught:
                await job.result()
            assert isinstance(caught.value.__cause__, BoomError)
        (ended,) = journal.of(ChildEnded)
        assert (ended.abnormal, ended.restart) == (True, "temporary")
        assert await (await root.tasks("jobs").start(double, 1)).result() == 2


@pytest.mark.item(121)
async def test_a_job_goes_on_when_who_started_it_or_waits_for_it_is_cancelled() -> None:
    async with opened(jobs()) as root:
        kept: list[Job[str]] = []
        with anyio.move_on_after(1):
            kept.append(await root.tasks("jobs").start(nap, 3))
            await kept[0].result()
        assert kept[0].outcome is None
        assert await kept[0].result() == "slept 3"


@pytest.mark.item(121)
async def test_a_job_whose_start_was_cut_is_not_left_running() -> None:
    kept: list[Job[None]] = []
    cuts: list[Callable[[], object]] = []

    async def work() -> None:
        cuts[0]()  # it has begun, and who started it does not know yet
        await anyio.sleep(100)

    async def start(tasks: Tasks) -> None:
        scope = anyio.CancelScope()
        # On asyncio only a native cancel comes in between; anyio lets the answer through.
        task = None if trio.lowlevel.in_trio_run() else asyncio.current_task()
        cuts.append(scope.cancel if task is None else task.cancel)
        with scope:
            kept.append(await tasks.start(work))

    async with opened(jobs()) as root:
        if trio.lowlevel.in_trio_run():
            await start(root.tasks("jobs"))
        else:
            await asyncio.wait([asyncio.create_task(start(root.tasks("jobs")))])
            assert kept == []
        await settle()
        assert at_work(root) == len(kept)


@pytest.mark.item(121)
async def test_a_job_goes_on_when_the_actor_that_started_it_ends() -> None:
    async with opened(tree(many("jobs"), actor(Journal(), "a"), intensity=LOOSE)) as root:
        job = await root.child("a").ask(Do(lambda me: me.context.supervisor.tasks("jobs").start(nap, 3)))
        crash(root.child("a"))
        assert await job.result() == "slept 3"


@pytest.mark.item(121)
async def test_as_many_jobs_as_the_supervisor_may_have() -> None:
    async with opened(jobs(max_children=2)) as root:
        tasks = root.tasks("jobs")
        kept = [await tasks.start(nap, 1) for _ in range(2)]
        with pytest.raises(MaxChildrenReached):
            await tasks.start(nap, 1)
        with pytest.raises(MaxChildrenReached):
            await tasks.run(nap, 1)
        for job in kept:
            await job.result()
        assert await tasks.run(nap, 1) == "slept 1"  # each was gone before its result was read


@pytest.mark.item(121)
async def test_a_job_ends_with_its_supervisor() -> None:
    async with opened(jobs()) as root:
        job = await root.tasks("jobs").start(nap, 100)
        await root.terminate_child("jobs")
        with pytest.raises(ActorCrashed) as caught:
            await job.result()
        assert caught.value.reason == Shutdown()
        with pytest.raises(NoSuchActor):
            await Tasks(root.supervisor("jobs")).start(nap, 1)


@pytest.mark.item(121)
async def test_the_result_outlives_the_tree() -> None:
    async with opened(jobs()) as root:
        done = await root.tasks("jobs").start(double, 4)
        cut = await root.tasks("jobs").start(nap, 100)
    assert await done.result() == 8
    with pytest.raises(ActorCrashed):
        await cut.result()


@pytest.mark.item(121)
async def test_a_custom_grace_is_kept() -> None:
    async with opened(jobs()) as root:
        began = anyio.current_time()
        job = await root.tasks("jobs").start(stubborn, 3, shutdown=10.0)
        await settle()
        assert await job.shutdown() == Done("late")
        assert anyio.current_time() - began == pytest.approx(3)


async def quits() -> None:
    raise Stop(Shutdown("enough"))


@pytest.mark.item(121)
async def test_a_job_that_says_stop_came_to_that() -> None:
    async with opened(jobs()) as root:
        job = await root.tasks("jobs").start(quits)
        with pytest.raises(ActorCrashed) as caught:
            await job.result()
        assert caught.value.reason == Shutdown("enough")


@pytest.mark.item(122)
@pytest.mark.parametrize("where", ["start", "result"])
async def test_past_its_time_a_job_is_ended_and_nothing_late_comes_of_it(where: str) -> None:
    async with opened(jobs()) as root:
        job: Job[str] = await root.tasks("jobs").start(stubborn, 3, timeout=1.0 if where == "start" else None)
        for _ in range(2):  # for good
            with pytest.raises(JobTimeout, match="root/jobs/stubborn had no result within 1 s") as caught:
                await job.result(timeout=1.0 if where == "result" else None)
            assert isinstance(caught.value, TimeoutError)
            assert caught.value.timeout == 1.0
            await anyio.sleep(5)
        assert job.outcome == TimedOut(1.0)
        assert at_work(root) == 0
        assert timers(root) == 0


@pytest.mark.item(122)
async def test_a_timeout_of_one_who_waits_ends_the_job_for_all() -> None:
    got: list[str] = []
    async with opened(jobs()) as root:
        job = await root.tasks("jobs").start(nap, 100)

        async def wait() -> None:
            try:
                await job.result()
            except JobTimeout:
                got.append("timeout")

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            with pytest.raises(JobTimeout):
                await job.result(timeout=2.0)
        assert got == ["timeout"]


@pytest.mark.item(122)
async def test_a_result_in_time_leaves_no_timer() -> None:
    async with opened(jobs()) as root:
        job = await root.tasks("jobs").start(nap, 1, timeout=50.0)
        assert await job.result(timeout=60.0) == "slept 1"
        assert timers(root) == 0
        await anyio.sleep(100)
        assert await job.result(timeout=1.0) == "slept 1"


@pytest.mark.item(123)
async def test_shutdown_of_a_job_that_is_done_gives_its_result() -> None:
    async with opened(jobs()) as root:
        job = await root.tasks("jobs").start(double, 4)
        await settle()
        assert await job.shutdown() == Done(8)
        assert await job.shutdown() == Done(8)


@pytest.mark.item(123)
@pytest.mark.parametrize("grace", [5.0, KILL], ids=["grace", "kill"])
async def test_shutdown_of_a_job_at_work_gives_nothing(grace: Any) -> None:
    async with opened(jobs()) as root:
        job = await root.tasks("jobs").start(nap, 100, shutdown=grace)
        assert await job.shutdown() is None
        assert at_work(root) == 0
        with pytest.raises(ActorCrashed):
            await job.result()


@pytest.mark.item(123)
async def test_shutdown_of_a_job_that_others_ended_says_how() -> None:
    async with opened(jobs()) as root:
        crashed = await root.tasks("jobs").start(fail, "no")
        killed = await root.tasks("jobs").start(nap, 100)
        kill(root.supervisor("jobs").child("nap"))
        await anyio.sleep(2)
        outcome = await crashed.shutdown()
        assert isinstance(outcome, Failed)
        assert isinstance(outcome.error, BoomError)
        assert await killed.shutdown() == Killed()


@pytest.mark.item(123)
async def test_shutdown_of_a_job_that_does_not_end_says_so() -> None:
    journal = Journal()
    async with opened(jobs(), journal) as root:
        job = await root.tasks("jobs").start(stubborn, 20, shutdown=1.0)
        await settle()
        with pytest.raises(Unstopped):
            await job.shutdown()
        assert len(journal.of(LifeUnstopped)) == 1
        await anyio.sleep(30)
        assert job.outcome == Done("late")


@pytest.mark.item(121, 123)
async def test_a_job_that_would_wait_for_itself_is_told() -> None:
    kept: list[Job[Any]] = []

    async def wait(verb: str) -> str:
        await anyio.sleep(1)
        try:
            await getattr(kept[-1], verb)()
        except AskedSelf:
            return "refused"
        return "waited"

    async with opened(jobs()) as root:
        for verb in ("result", "shutdown"):
            kept.append(await root.tasks("jobs").start(wait, verb))
            assert await kept[-1].result() == "refused"


class Large:
    """Something to hold on to."""


@pytest.mark.item(176, 121)
async def test_the_tree_keeps_neither_arguments_nor_result() -> None:
    async def work(given: Large) -> Large:
        del given  # now nobody needs it
        await anyio.sleep(1)
        return Large()

    async with opened(jobs()) as root:
        argument = Large()
        held = weakref.ref(argument)
        job = await root.tasks("jobs").start(work, argument)
        del argument
        await settle()
        gc.collect()
        assert held() is None
        assert job.outcome is None
        result = weakref.ref(await job.result())
        gc.collect()
        assert result() is not None
        del job
        gc.collect()
        assert result() is None


@pytest.mark.item(121)
async def test_run_is_like_awaiting_the_function() -> None:
    async with opened(jobs()) as root:
        tasks = root.tasks("jobs")
        assert await tasks.run(double, 4) == 8
        with pytest.raises(BoomError, match="no"):
            await tasks.run(fail, "no")
        assert at_work(root) == 0


@pytest.mark.item(121)
async def test_run_ends_its_job_when_the_caller_is_cancelled() -> None:
    ended: list[float] = []

    async def work() -> None:
        try:
            await anyio.sleep(100)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(2)
            ended.append(anyio.current_time())

    async with opened(jobs()) as root:
        began = anyio.current_time()
        with anyio.move_on_after(1):
            await root.tasks("jobs").run(work)
        assert ended == [pytest.approx(began + 3)]  # and not before the job's end
        assert at_work(root) == 0


@pytest.mark.item(121)
async def test_run_ends_its_job_with_the_actor_that_called_it() -> None:
    async with opened(tree(many("jobs"), actor(Journal(), "a"), intensity=LOOSE)) as root:
        await root.child("a").ask(Do(lambda me: me.spawn(me.context.supervisor.tasks("jobs").run, nap, 100)))
        await settle()
        assert at_work(root) == 1
        crash(root.child("a"))
        await settle()
        assert at_work(root) == 0
        assert await root.child("a").ask(Get()) == 0


@pytest.mark.item(122)
async def test_run_past_its_time_leaves_nothing_running() -> None:
    async with opened(jobs()) as root:
        with pytest.raises(JobTimeout):
            await root.tasks("jobs").run(stubborn, 3, timeout=1.0)
        assert at_work(root) == 0


@pytest.mark.item(121)
async def test_run_says_when_somebody_else_ended_the_job() -> None:
    async with opened(jobs()) as root, anyio.create_task_group() as group:

        async def end() -> None:
            await anyio.sleep(1)
            await root.supervisor("jobs").terminate_child("nap")

        group.start_soon(end)
        with pytest.raises(ActorCrashed) as caught:
            await root.tasks("jobs").run(nap, 100)
        assert caught.value.reason == Shutdown()


@pytest.mark.item(121)
async def test_jobs_need_a_dynamic_supervisor() -> None:
    async with opened(tree(tree(id="fixed"))) as root:
        with pytest.raises(SpecError, match=r"expected the handle of a dynamic supervisor: DynamicSupervisorSpec\('jobs'\)"):
            root.tasks("fixed")


@pytest.mark.item(121)
@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), "x", True], ids=str)
async def test_a_timeout_is_a_number_of_seconds(timeout: Any) -> None:
    async with opened(jobs()) as root:
        tasks = root.tasks("jobs")
        for call in (tasks.start(nap, 1, timeout=timeout), tasks.run(nap, 1, timeout=timeout)):
            with pytest.raises(ValueError, match="expected seconds above 0"):
                await call
        with pytest.raises(ValueError, match="expected seconds above 0"):
            tasks.stream(nap, [1], timeout=timeout)
        job = await tasks.start(nap, 1)
        with pytest.raises(ValueError, match="expected seconds above 0"):
            await job.result(timeout=timeout)


@pytest.mark.item(121)
async def test_what_is_no_function_is_refused_at_once() -> None:
    async with opened(jobs()) as root:
        running = nap(1)
        for wrong in (running, 3):
            with pytest.raises(TypeError, match="expected an async function and its arguments"):
                await root.tasks("jobs").start(wrong)
        running.close()
        assert at_work(root) == 0


@pytest.mark.item(124)
@pytest.mark.parametrize(
    ("wrong", "error"),
    [({"at_most": 0}, ValueError), ({"items": 3}, TypeError), ({"on_timeout": KILL}, TypeError), ({"function": 3}, TypeError)],
    ids=["at_most", "items", "on_timeout", "function"],
)
async def test_a_stream_of_wrong_arguments_is_refused_at_once(wrong: dict[str, Any], error: type[Exception]) -> None:
    async with opened(jobs()) as root:
        with pytest.raises(error, match="expected"):
            root.tasks("jobs").stream(**{"function": nap, "items": [1], **wrong})
