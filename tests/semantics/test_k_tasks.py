"""K. Supervised tasks: jobs, their results, and streams of them."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest
import trio
from attrs import define, field

from supervisor import (
    KILL,
    ActorCrashed,
    AskedSelf,
    ChildEnded,
    Done,
    Failed,
    Intensity,
    Job,
    JobStream,
    JobTimeout,
    Killed,
    LifeUnstopped,
    MaxChildrenReached,
    NoSuchActor,
    OnTimeout,
    Shutdown,
    SpecError,
    Stop,
    Supervisor,
    Tasks,
    TimedOut,
    Unstopped,
)
from supervisor.testing import crash, kill
from tests.semantics.actors import LOOSE, BoomError, Do, Get, Journal, actor, many, opened, settle, tree

pytestmark = pytest.mark.anyio


async def double(number: int) -> int:
    return 2 * number


async def nap(seconds: float) -> str:
    await anyio.sleep(seconds)
    return f"slept {seconds:g}"


async def fail(text: str) -> int:
    await anyio.sleep(1)
    raise BoomError(text)


async def stubborn(seconds: float) -> str:
    with anyio.CancelScope(shield=True):
        await anyio.sleep(seconds)
    return "late"


def jobs(**kwargs: Any) -> Any:
    return tree(many("jobs", **kwargs), intensity=LOOSE)


def at_work(root: Supervisor) -> int:
    return len(root.supervisor("jobs").which_children())


def timers(root: Supervisor) -> int:
    return len(root._runtime.timekeeper)


# ---- one job


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


# ---- run


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


# ---- streams


@define(eq=False)
class Meter:
    """How many were at work at once, and how far the input was read."""

    now: int = 0
    most: int = 0
    read: int = 0
    closed: bool = False
    seconds: dict[int, float] = field(factory=dict)

    async def work(self, number: int) -> int:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await anyio.sleep(self.seconds.get(number, 1.0))
            return number * 10
        finally:
            self.now -= 1

    def endless(self) -> Iterator[int]:
        while True:
            self.read += 1
            yield self.read

    async def slowly(self, count: int, every: float = 1.0) -> AsyncIterator[int]:
        try:
            for number in range(1, count + 1):
                await anyio.sleep(every)
                self.read = number
                yield number
        finally:
            self.closed = True


async def collect(stream: JobStream[Any]) -> list[Any]:
    return [outcome.value if isinstance(outcome, Done) else outcome async for outcome in stream]


@pytest.mark.item(124)
async def test_a_stream_gives_outcomes_in_the_order_of_the_input() -> None:
    meter = Meter(seconds={1: 5.0, 3: 3.0})
    async with opened(jobs()) as root, root.tasks("jobs").stream(meter.work, range(1, 7), at_most=3) as outcomes:
        assert await collect(outcomes) == [10, 20, 30, 40, 50, 60]
        assert await collect(outcomes) == []


@pytest.mark.item(124)
async def test_a_stream_can_give_outcomes_as_they_are_done() -> None:
    meter = Meter(seconds={1: 5.0, 2: 1.0, 3: 3.0, 4: 0.5})
    async with opened(jobs()) as root, root.tasks("jobs").stream(meter.work, range(1, 5), ordered=False) as outcomes:
        assert await collect(outcomes) == [40, 20, 30, 10]


@pytest.mark.item(124)
@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as done"])
async def test_a_stream_has_at_most_so_many_jobs(ordered: bool) -> None:
    meter = Meter()
    async with opened(jobs()) as root:
        began = anyio.current_time()
        async with root.tasks("jobs").stream(meter.work, range(12), at_most=4, ordered=ordered) as outcomes:
            assert sorted(await collect(outcomes)) == [10 * number for number in range(12)]
        assert meter.most == 4
        assert anyio.current_time() - began == pytest.approx(3)


@pytest.mark.item(124)
@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as done"])
async def test_a_slow_reader_slows_an_endless_input_down(ordered: bool) -> None:
    meter = Meter()
    async with opened(jobs()) as root:
        async with root.tasks("jobs").stream(meter.work, meter.endless(), at_most=3, ordered=ordered) as outcomes:
            await anyio.sleep(100)
            assert meter.read <= 4
            assert isinstance(await anext(outcomes), Done)
            await anyio.sleep(100)
            assert meter.read <= 5
        assert at_work(root) == 0


@pytest.mark.item(124)
async def test_a_slow_input_does_not_keep_back_what_is_ready() -> None:
    meter = Meter()
    async with opened(jobs()) as root:
        began = anyio.current_time()
        async with root.tasks("jobs").stream(meter.work, meter.slowly(3, every=10.0)) as outcomes:
            times = [anyio.current_time() - began async for _ in outcomes]
        assert times == [pytest.approx(at) for at in (11, 21, 31)]
        assert meter.closed


@pytest.mark.item(124)
async def test_a_job_that_fails_is_an_outcome_and_not_the_end_of_the_stream() -> None:
    async def invert(number: int) -> float:
        await anyio.sleep(1)
        return 1 / number

    async with opened(jobs()) as root, root.tasks("jobs").stream(invert, [1, 0, 2]) as outcomes:
        first, second, third = [outcome async for outcome in outcomes]
        assert (first, third) == (Done(1.0), Done(0.5))
        assert isinstance(second, Failed)
        assert isinstance(second.error, ZeroDivisionError)


@pytest.mark.item(124)
async def test_an_item_past_its_time_is_killed_and_the_stream_goes_on() -> None:
    meter, journal = Meter(seconds={2: 100.0}), Journal()
    async with opened(jobs(), journal) as root:
        async with root.tasks("jobs").stream(meter.work, range(1, 4), at_most=2, timeout=3.0) as outcomes:
            assert await collect(outcomes) == [10, TimedOut(3.0), 30]
        assert sorted(event.reason for event in journal.of(ChildEnded)) == ["killed", "normal", "normal"]
        assert meter.now == 0
        assert timers(root) == 0


@pytest.mark.item(124)
async def test_an_item_past_its_time_can_be_an_error_of_the_reader() -> None:
    meter = Meter(seconds={2: 100.0, 3: 50.0})
    async with opened(jobs()) as root:
        with pytest.raises(JobTimeout) as caught:
            async with root.tasks("jobs").stream(meter.work, range(1, 4), timeout=60.0, on_timeout=OnTimeout.RAISE) as outcomes:
                await collect(outcomes)
        assert caught.value.timeout == 60.0
        assert at_work(root) == 0


@pytest.mark.item(124)
async def test_a_killed_job_that_does_not_end_does_not_hold_the_stream_up() -> None:
    journal = Journal()

    async def work(number: int) -> Any:
        return await stubborn(50) if number == 0 else await double(number)

    async with opened(jobs(), journal) as root:
        began = anyio.current_time()
        async with root.tasks("jobs").stream(work, range(3), at_most=1, timeout=2.0) as outcomes:
            assert await collect(outcomes) == [TimedOut(2.0), 2, 4]
        assert anyio.current_time() - began < 4
        await anyio.sleep(100)
        assert len(journal.of(LifeUnstopped)) == 1


@pytest.mark.item(124)
@pytest.mark.parametrize("how", ["break", "error", "cancelled"])
async def test_jobs_that_nobody_reads_are_stopped_when_the_reader_leaves(how: str) -> None:
    meter = Meter(seconds={2: 100.0, 3: 100.0})
    async with opened(jobs()) as root:

        async def read() -> None:
            async with root.tasks("jobs").stream(meter.work, meter.endless(), at_most=3) as outcomes:
                assert await anext(outcomes) == Done(10)
                await settle()
                assert meter.now == 3
                match how:
                    case "break":
                        return
                    case "error":
                        raise BoomError("mine")
                    case _:
                        await anext(outcomes)

        with anyio.move_on_after(5) as scope:
            if how == "error":
                with pytest.raises(BoomError, match="mine"):  # bare, not in a group
                    await read()
            else:
                await read()
        assert scope.cancelled_caught == (how == "cancelled")
        assert (meter.now, at_work(root), timers(root)) == (0, 0, 0)
        assert len(root._runtime.registries) == 0


@pytest.mark.item(124)
async def test_a_reader_that_leaves_waits_for_the_ends_of_the_jobs_all_at_once() -> None:
    ended: list[float] = []

    async def tidy(number: int) -> None:
        try:
            await anyio.sleep(100)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(3)
            ended.append(anyio.current_time())

    async with opened(jobs()) as root:
        began = anyio.current_time()
        async with root.tasks("jobs").stream(tidy, range(4)):
            await anyio.sleep(1)
        assert ended == [pytest.approx(began + 4)] * 4
        assert anyio.current_time() == pytest.approx(began + 4)


@pytest.mark.item(124)
@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_an_error_of_the_input_comes_after_the_outcomes_before_it(kind: str) -> None:
    def plain() -> Iterator[int]:
        yield from (1, 2)
        raise BoomError("input")

    async def slow() -> AsyncIterator[int]:
        for number in plain():
            yield number

    items = plain() if kind == "plain" else slow()
    async with opened(jobs()) as root, root.tasks("jobs").stream(double, items) as outcomes:
        assert [await anext(outcomes) for _ in range(2)] == [Done(2), Done(4)]
        with pytest.raises(BoomError, match="input"):
            await anext(outcomes)
        assert await collect(outcomes) == []


@pytest.mark.item(124, 121)
@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as done"])
@pytest.mark.parametrize("others", [0, 1])
async def test_a_stream_has_as_many_jobs_as_max_children_leaves_room_for(ordered: bool, others: int) -> None:
    meter = Meter()
    async with opened(jobs(max_children=2)) as root:
        tasks = root.tasks("jobs")
        for _ in range(others):
            await tasks.start(nap, 1000)
        began = anyio.current_time()
        async with tasks.stream(meter.work, range(6), ordered=ordered) as outcomes:
            assert sorted(await collect(outcomes)) == [10 * number for number in range(6)]
        assert meter.most == 2 - others
        assert anyio.current_time() - began == pytest.approx(3 if others == 0 else 6)
        assert (at_work(root), timers(root)) == (others, 0)


@pytest.mark.item(124, 121)
async def test_a_stream_whose_room_is_taken_by_others_says_so_after_its_outcomes() -> None:
    meter = Meter()
    async with opened(jobs(max_children=2)) as root:
        tasks = root.tasks("jobs")
        await tasks.start(nap, 1000)
        async with tasks.stream(meter.work, meter.slowly(3, every=10.0)) as outcomes:
            await anyio.sleep(15)
            await tasks.start(nap, 1000)  # between two items of the stream
            await anyio.sleep(15)
            assert await anext(outcomes) == Done(10)
            with pytest.raises(MaxChildrenReached):
                await anext(outcomes)
        assert (meter.read, meter.closed) == (2, True)


@pytest.mark.item(124, 121)
async def test_room_that_came_while_a_job_was_refused_is_used() -> None:
    meter = Meter()
    async with opened(jobs(max_children=1)) as root, root.tasks("jobs").stream(meter.work, [1, 2]) as outcomes:
        begin = outcomes._begin

        async def refused_late(item: int) -> Job[int]:
            try:
                return await begin(item)
            except MaxChildrenReached:
                await anyio.sleep(5)  # the one at work ends meanwhile
                raise

        outcomes._begin = refused_late
        assert await collect(outcomes) == [10, 20]


@pytest.mark.item(124, 121)
async def test_room_is_used_also_while_nobody_reads() -> None:
    meter = Meter()
    async with opened(jobs(max_children=1)) as root, root.tasks("jobs").stream(meter.work, [1, 2, 3]) as outcomes:
        await anyio.sleep(10)
        began = anyio.current_time()
        assert await collect(outcomes) == [10, 20, 30]
        assert anyio.current_time() == pytest.approx(began)


@pytest.mark.item(124, 121)
async def test_a_stream_that_waits_for_room_is_left_like_any_other() -> None:
    meter = Meter(seconds=dict.fromkeys(range(9), 1000.0))
    async with opened(jobs(max_children=2)) as root:
        async with root.tasks("jobs").stream(meter.work, meter.slowly(9, every=0.1)) as outcomes:
            with anyio.move_on_after(5):
                await anext(outcomes)
            assert meter.now == 2
        assert (meter.now, meter.closed, at_work(root)) == (0, True, 0)


@pytest.mark.item(124)
async def test_an_empty_input_is_an_empty_stream() -> None:
    async with opened(jobs()) as root, root.tasks("jobs").stream(double, []) as outcomes:
        assert await collect(outcomes) == []


@pytest.mark.item(124)
@pytest.mark.parametrize("when", ["at once", "later"])
async def test_a_stream_that_was_left_gives_nothing(when: str) -> None:
    async with opened(jobs()) as root:
        async with root.tasks("jobs").stream(double, [1, 2]) as outcomes:
            if when == "later":
                await settle()
        assert await collect(outcomes) == []
        assert at_work(root) == 0


@pytest.mark.item(124)
async def test_jobs_that_end_with_their_supervisor_are_outcomes() -> None:
    async with opened(jobs()) as root, root.tasks("jobs").stream(nap, [100, 100], at_most=2) as outcomes:
        await settle()
        await root.terminate_child("jobs")
        assert await collect(outcomes) == [Shutdown(), Shutdown()]


@pytest.mark.item(124)
async def test_an_actor_streams_in_a_spawned_task_and_goes_on_handling() -> None:
    got: list[Any] = []

    async def crawl(me: Any) -> None:
        async with me.context.supervisor.tasks("jobs").stream(nap, [1, 2, 100]) as outcomes:
            while True:
                got.append(await anext(outcomes))

    async with opened(tree(many("jobs"), actor(Journal(), "a"), intensity=LOOSE)) as root:
        ref = root.child("a")
        await ref.ask(Do(lambda me: me.spawn(crawl, me)))
        await anyio.sleep(3)
        assert await ref.ask(Get()) == 1
        assert got == [Done("slept 1"), Done("slept 2")]
        crash(ref)
        await settle()
        assert at_work(root) == 0


@pytest.mark.item(124)
async def test_one_task_reads_a_stream() -> None:
    async with opened(jobs()) as root, root.tasks("jobs").stream(nap, [5]) as outcomes, anyio.create_task_group() as group:

        async def first() -> None:
            assert await anext(outcomes) == Done("slept 5")

        group.start_soon(first)
        await settle()
        with pytest.raises(RuntimeError, match="another task is reading this stream"):
            await anext(outcomes)


@pytest.mark.item(124, 176)
async def test_a_thousand_items_leave_nothing_behind() -> None:
    async with opened(jobs()) as root:
        before = timers(root)
        async with root.tasks("jobs").stream(double, range(1_000), at_most=16, timeout=5.0) as outcomes:
            assert await collect(outcomes) == [2 * number for number in range(1_000)]
        assert (at_work(root), timers(root), outcomes._jobs, outcomes._over) == (0, before, {}, {})


# ---- misuse


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
