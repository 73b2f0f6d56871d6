from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from supervisor.parking import loop_clock, parker_type
from supervisor.timekeeper import Timekeeper

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def running() -> AsyncIterator[Timekeeper]:
    keeper = Timekeeper(loop_clock(), parker_type()())
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.run)
        await anyio.sleep(0.001)  # it sleeps by now
        try:
            yield keeper
        finally:
            keeper.close()


async def test_an_action_is_done_at_its_time() -> None:
    async with running() as keeper:
        start, done = anyio.current_time(), []
        keeper.after(5.0, lambda: done.append(anyio.current_time() - start))
        await anyio.sleep(4.9)
        assert done == []
        await anyio.sleep(0.2)
    assert done == [pytest.approx(5.0)]


async def test_a_nearer_timer_wakes_the_timekeeper_sooner() -> None:
    async with running() as keeper:
        done: list[str] = []
        keeper.after(100.0, lambda: done.append("late"))
        await anyio.sleep(1)
        keeper.after(1.0, lambda: done.append("soon"))
        await anyio.sleep(1.5)
        assert done == ["soon"]
        await anyio.sleep(100)
        assert done == ["soon", "late"]


async def test_a_timer_set_before_the_timekeeper_runs_is_done_too() -> None:
    keeper, done = Timekeeper(loop_clock(), parker_type()()), []
    keeper.after(1.0, lambda: done.append(1))
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.run)
        await anyio.sleep(2)
        keeper.close()
    assert done == [1]


async def test_a_cancelled_timer_is_not_done() -> None:
    async with running() as keeper:
        done: list[int] = []
        timer = keeper.after(1.0, lambda: done.append(1))
        assert len(keeper) == 1
        assert keeper.cancel(timer)
        assert not keeper.cancel(timer)
        await anyio.sleep(2)
    assert done == []
    assert len(keeper) == 0


async def test_an_action_may_set_and_cancel_timers() -> None:
    async with running() as keeper:
        done: list[str] = []
        later = keeper.after(2.0, lambda: done.append("cancelled"))

        def action() -> None:
            done.append("first")
            keeper.cancel(later)
            keeper.after(1.0, lambda: done.append("second"))

        keeper.after(1.0, action)
        await anyio.sleep(5)
    assert done == ["first", "second"]


async def test_a_timer_that_sets_itself_again_at_once_lets_others_run() -> None:
    async with running() as keeper:
        times = 0

        def again() -> None:
            nonlocal times
            times += 1
            if times < 10_000:
                keeper.after(0.0, again)

        keeper.after(0.0, again)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        assert 0 < times < 10_000
        times = 10_000


async def test_closing_ends_it_whatever_is_pending() -> None:
    async with running() as keeper:
        done: list[int] = []
        keeper.after(1.0, lambda: done.append(1))
    await anyio.sleep(2)
    assert done == []


async def test_a_timekeeper_that_was_closed_before_it_ran_does_not_run() -> None:
    keeper = Timekeeper(loop_clock(), parker_type()())
    keeper.close()
    with anyio.fail_after(1):
        await keeper.run()


@pytest.mark.item(159)
async def test_it_outlives_the_cancellation_of_what_is_around_it() -> None:
    keeper, done = Timekeeper(loop_clock(), parker_type()()), []
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.run)
        await anyio.sleep(1)
        group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            keeper.after(1.0, lambda: done.append(1))
            await anyio.sleep(2)
        keeper.close()
    assert done == [1]


async def test_a_thousand_timers_are_done_in_the_order_of_their_time() -> None:
    async with running() as keeper:
        done: list[int] = []
        start = anyio.current_time()
        for number in range(1000):
            keeper.after((number * 7919 % 1000) / 100 + 0.1, lambda number=number: done.append(number * 7919 % 1000))
        await anyio.sleep(20)
    assert done == sorted(done)
    assert len(done) == 1000
    assert anyio.current_time() - start == pytest.approx(20)
