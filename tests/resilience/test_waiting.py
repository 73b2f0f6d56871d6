from __future__ import annotations

import math
import threading
import time

import anyio
import anyio.lowlevel
import pytest

from actors.resilience import waiting
from actors.resilience.waiting import TaskWaiter, ThreadWaiter, in_a_loop, pause, refuse_to_block

# Tasks


@pytest.mark.anyio
async def test_a_sleeping_task_is_woken() -> None:
    waiter, before = TaskWaiter(), anyio.current_time()

    async def wake() -> None:
        await anyio.sleep(3.0)
        waiter.wake()

    async with anyio.create_task_group() as group:
        group.start_soon(wake)
        await waiter.sleep()
    assert anyio.current_time() - before == pytest.approx(3.0)


@pytest.mark.anyio
@pytest.mark.parametrize("seconds", [0.0, 5.0])
async def test_a_task_that_nobody_wakes_sleeps_until_time_is_up(seconds: float) -> None:
    waiter, before = TaskWaiter(), anyio.current_time()
    await waiter.sleep(seconds)
    assert anyio.current_time() - before == pytest.approx(seconds)


@pytest.mark.anyio
async def test_a_task_that_was_woken_before_does_not_sleep() -> None:
    waiter, before = TaskWaiter(), anyio.current_time()
    waiter.wake()
    waiter.wake()
    await waiter.sleep(5.0)
    assert anyio.current_time() == before


@pytest.mark.anyio
async def test_one_wake_up_is_for_one_sleep() -> None:
    waiter, before = TaskWaiter(), anyio.current_time()
    waiter.wake()
    await waiter.sleep(5.0)
    await waiter.sleep(5.0)
    assert anyio.current_time() - before == pytest.approx(5.0)


@pytest.mark.anyio
async def test_a_cancelled_sleeper_can_sleep_again_and_be_woken() -> None:
    waiter = TaskWaiter()
    with anyio.move_on_after(1.0) as scope:
        await waiter.sleep()
    assert scope.cancelled_caught
    async with anyio.create_task_group() as group:
        group.start_soon(waiter.sleep)
        await anyio.sleep(1.0)
        waiter.wake()


@pytest.mark.anyio
async def test_to_wake_one_who_is_gone_harms_nobody() -> None:
    waiter = TaskWaiter()
    await waiter.sleep(1.0)
    waiter.wake()


@pytest.mark.anyio
async def test_waking_at_the_moment_when_time_is_up_ends_the_sleep_once() -> None:
    waiter, ended = TaskWaiter(), []

    async def sleep() -> None:
        await waiter.sleep(1.0)
        ended.append(anyio.current_time())

    before = anyio.current_time()
    async with anyio.create_task_group() as group:
        group.start_soon(sleep)
        await anyio.sleep(1.0)
        waiter.wake()
    assert ended == [pytest.approx(before + 1.0)]


@pytest.mark.anyio
@pytest.mark.real_time
async def test_a_task_is_woken_from_another_thread() -> None:
    waiter = TaskWaiter()
    thread = threading.Thread(target=waiter.wake)
    with anyio.fail_after(10.0):
        async with anyio.create_task_group() as group:
            group.start_soon(waiter.sleep)
            await anyio.lowlevel.checkpoint()
            thread.start()
    thread.join()


@pytest.mark.real_time
@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_a_task_whose_loop_is_over_may_be_woken_from_another_thread(backend: str) -> None:
    async def make() -> TaskWaiter:
        return TaskWaiter()

    waiter, errors = anyio.run(make, backend=backend), list[BaseException]()

    def wake() -> None:
        try:
            waiter.wake()
        except BaseException as error:  # whatever it is, the test shows it
            errors.append(error)

    thread = threading.Thread(target=wake)
    thread.start()
    thread.join()
    assert errors == []


# Threads


@pytest.mark.real_time
def test_a_sleeping_thread_is_woken_from_another() -> None:
    waiter = ThreadWaiter()
    thread = threading.Thread(target=waiter.sleep)
    thread.start()
    waiter.wake()
    thread.join(10.0)
    assert not thread.is_alive()


@pytest.mark.real_time
@pytest.mark.parametrize("seconds", [math.inf, 1e300])
def test_a_thread_that_was_woken_before_does_not_sleep(seconds: float) -> None:
    waiter = ThreadWaiter()
    waiter.wake()
    waiter.sleep(seconds)


@pytest.mark.real_time
def test_a_thread_that_nobody_wakes_sleeps_until_time_is_up() -> None:
    waiter, before = ThreadWaiter(), time.monotonic()
    waiter.sleep(0.02)
    assert time.monotonic() - before >= 0.019


@pytest.mark.real_time
def test_one_wake_up_is_for_one_sleep_of_a_thread() -> None:
    waiter = ThreadWaiter()
    waiter.wake()
    waiter.sleep()
    before = time.monotonic()
    waiter.sleep(0.02)
    assert time.monotonic() - before >= 0.019


# Whether one may block


@pytest.mark.anyio
async def test_in_a_task_there_is_a_loop() -> None:
    assert in_a_loop()


def test_in_a_plain_thread_there_is_no_loop() -> None:
    assert not in_a_loop()


@pytest.mark.anyio
@pytest.mark.real_time
async def test_in_a_worker_of_a_loop_there_is_no_loop() -> None:
    assert not await anyio.to_thread.run_sync(in_a_loop)


@pytest.mark.anyio
async def test_a_pause_in_a_loop_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting.time, "sleep", lambda _: pytest.fail("it blocked the loop"))
    with pytest.raises(RuntimeError, match="would have to wait here, and block the event loop"):
        pause(1.0)


def test_a_pause_of_a_thread_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(waiting.time, "sleep", slept.append)
    pause(1.5)
    assert slept == [1.5]


def test_a_refusal_says_what_to_do_instead() -> None:
    with pytest.raises(RuntimeError, match=r"a call would have to wait here, .* expected: an async function"):
        refuse_to_block("a call", "an async function")
