"""K. Supervised tasks: bounded streams of results."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest
from attrs import define, field

from supervisor import (
    ChildEnded,
    Done,
    Failed,
    Job,
    JobStream,
    JobTimeout,
    LifeUnstopped,
    MaxChildrenReached,
    OnTimeout,
    Shutdown,
    TimedOut,
)
from supervisor.testing import crash
from tests.semantics.actors import LOOSE, BoomError, Do, Get, Journal, actor, many, opened, settle, tree
from tests.semantics.jobs.support import at_work, double, jobs, nap, stubborn, timers

pytestmark = pytest.mark.anyio


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
