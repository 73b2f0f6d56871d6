from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest

from supervisor.parking import (
    AsyncioParker,
    TrioParker,
    give_way,
    loop_clock,
    parker_type,
    stack_of,
    task_finder,
    threadsafe_caller,
)

pytestmark = pytest.mark.anyio


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not condition():
            await anyio.sleep(0.01)


def backend_of(anyio_backend: Any) -> str:
    return str(anyio_backend[0])


async def test_the_kind_of_parker_is_that_of_the_loop(anyio_backend: Any) -> None:
    assert parker_type() is (TrioParker if backend_of(anyio_backend) == "trio" else AsyncioParker)


async def test_an_unpark_wakes_the_sleeper() -> None:
    parker, log = parker_type()(), []
    async with anyio.create_task_group() as group:

        async def sleeper() -> None:
            await parker.park()
            log.append("awake")

        group.start_soon(sleeper)
        await until(lambda: parker.parked)
        log.append("unpark")
        parker.unpark()
        assert not parker.parked
    assert log == ["unpark", "awake"]


async def test_an_unpark_before_the_park_is_not_remembered() -> None:
    parker = parker_type()()
    parker.unpark()
    with anyio.move_on_after(1) as scope:
        await parker.park()
    assert scope.cancelled_caught


async def test_two_unparks_wake_once() -> None:
    parker, wakes = parker_type()(), 0
    async with anyio.create_task_group() as group:

        async def sleeper() -> None:
            nonlocal wakes
            for _ in range(2):
                await parker.park()
                wakes += 1

        group.start_soon(sleeper)
        await until(lambda: parker.parked)
        parker.unpark()
        parker.unpark()
        await until(lambda: parker.parked)
        assert wakes == 1
        parker.unpark()


async def test_a_cancelled_sleeper_leaves_the_place_free() -> None:
    parker = parker_type()()
    with anyio.move_on_after(1):
        await parker.park()
    assert not parker.parked
    parker.unpark()
    with anyio.move_on_after(1) as scope:
        await parker.park()
    assert scope.cancelled_caught


async def test_a_cancellation_and_an_unpark_may_cross() -> None:
    parker = parker_type()()
    async with anyio.create_task_group() as group:

        async def sleeper() -> None:
            with anyio.CancelScope() as scope:
                scopes.append(scope)
                await parker.park()

        scopes: list[anyio.CancelScope] = []
        for order in ("unpark first", "cancel first"):
            group.start_soon(sleeper)
            await until(lambda: parker.parked)
            if order == "unpark first":
                parker.unpark()
                scopes[-1].cancel()
            else:
                scopes[-1].cancel()
                parker.unpark()
            await anyio.sleep(1)
            assert not parker.parked


async def test_a_place_can_be_used_again_and_again() -> None:
    parker, rounds = parker_type()(), 0
    async with anyio.create_task_group() as group:

        async def sleeper() -> None:
            nonlocal rounds
            while rounds < 100:
                await parker.park()
                rounds += 1

        group.start_soon(sleeper)
        for _ in range(100):
            await until(lambda: parker.parked)
            parker.unpark()
    assert rounds == 100


def in_a_thread(act: Callable[[], object]) -> str:
    """What it raised there."""
    raised: list[str] = []

    def run() -> None:
        try:
            act()
        except RuntimeError as error:
            raised.append(str(error))

    thread = threading.Thread(target=run, name="another")
    thread.start()
    thread.join()
    return "".join(raised)


async def test_another_thread_that_wakes_a_sleeper_is_refused_and_the_sleeper_can_still_be_woken() -> None:
    parker, log = parker_type()(), []
    async with anyio.create_task_group() as group:

        async def sleeper() -> None:
            await parker.park()
            log.append("awake")

        group.start_soon(sleeper)
        await until(lambda: parker.parked)
        refusal = in_a_thread(parker.unpark)
        assert "used from the thread 'another'" in refusal
        assert "background()" in refusal
        await anyio.sleep(1)
        assert (parker.parked, log) == (True, [])
        parker.unpark()
    assert log == ["awake"]


async def test_where_nobody_sleeps_the_thread_is_not_looked_at() -> None:
    parker = parker_type()()
    assert in_a_thread(parker.unpark) == ""


@pytest.mark.real_time
async def test_another_loop_that_sleeps_there_is_refused(anyio_backend: Any) -> None:
    parker = parker_type()()

    async def sleep() -> None:
        await parker.park()

    assert "used from the thread" in in_a_thread(lambda: anyio.run(sleep, backend=backend_of(anyio_backend)))
    assert not parker.parked


@pytest.mark.item(174)
async def test_the_clock_is_that_of_the_loop() -> None:
    clock = loop_clock()
    before = clock()
    await anyio.sleep(1000)
    assert clock() - before == pytest.approx(1000)
    assert clock() == pytest.approx(anyio.current_time())


async def test_giving_way_lets_others_run() -> None:
    log: list[str] = []
    async with anyio.create_task_group() as group:

        async def other() -> None:
            log.append("other")

        group.start_soon(other)
        for _ in range(3):
            await give_way()
        log.append("me")
    assert log == ["other", "me"]


async def test_giving_way_is_a_checkpoint() -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await give_way()
        await give_way()
        raise AssertionError("not cancelled")
    assert scope.cancelled_caught


@pytest.mark.item(163)
async def test_a_sleeping_coroutine_shows_where_it_is() -> None:
    parker, found = parker_type()(), []

    async def innermost() -> None:
        await parker.park()

    async def outermost() -> None:
        found.append(task_finder()())
        await innermost()

    async with anyio.create_task_group() as group:
        group.start_soon(outermost)
        await until(lambda: parker.parked)
        stack = stack_of(found[0])
        parker.unpark()
    assert stack.index("outermost") < stack.index("innermost") < stack.index("parker.park()")


async def test_a_task_that_is_over_has_no_stack() -> None:
    found: list[Any] = []

    async def over() -> None:
        found.append(task_finder()())

    async with anyio.create_task_group() as group:
        group.start_soon(over)
    assert stack_of(found[0]) == ""
    assert stack_of(None) == ""


def test_outside_of_tasks_there_is_none() -> None:
    loop = asyncio.new_event_loop()
    found: list[Any] = []
    loop.call_soon(lambda: found.append(task_finder()()))
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    assert found == [None]


async def test_another_thread_has_something_called_in_the_loop() -> None:
    called: list[int] = []
    call = threadsafe_caller()

    def thread() -> bool:
        return call(lambda: called.append(threading.get_ident()))

    assert await anyio.to_thread.run_sync(thread)
    await until(lambda: bool(called))
    assert called == [threading.get_ident()]


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_a_loop_that_is_over_calls_nothing_and_says_so(backend: str) -> None:
    async def main() -> Callable[[Callable[[], object]], bool]:
        return threadsafe_caller()

    call = anyio.run(main, backend=backend)
    assert call(lambda: None) is False
