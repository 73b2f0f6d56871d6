from __future__ import annotations

import asyncio
import contextlib
import math
import random
import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from actors.errors import BulkheadFull
from actors.resilience.limiting.bulkhead import Bulkhead
from actors.resilience.waiting import who_runs
from supervisor import SpecError
from supervisor.parking import clock_here
from supervisor.testing.virtual_time import virtual_backend

pytestmark = pytest.mark.anyio


def bulkhead(limit: int = 1, **options: Any) -> Bulkhead:
    return Bulkhead(limit=limit, name="orders", **options)


def now() -> float:
    return clock_here()()


async def settled() -> None:
    """All other tasks have come to where they sleep."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def hold(policy: Bulkhead, seconds: float = 1.0) -> None:
    async with policy:
        await anyio.sleep(seconds)


async def in_scope(scope: anyio.CancelScope, call: Callable[..., Any], *args: Any) -> None:
    with scope:
        await call(*args)


async def refused(policy: Bulkhead) -> None:
    with pytest.raises(BulkheadFull):
        await hold(policy)


# Getting in


async def test_no_more_than_the_limit_are_inside_at_once() -> None:
    policy, start = bulkhead(3), now()
    async with anyio.create_task_group() as tasks:
        for _ in range(9):
            tasks.start_soon(hold, policy)
    assert now() - start == pytest.approx(3.0)
    assert policy.statistics().peak == 3


async def test_a_decorated_function_keeps_its_result() -> None:
    @bulkhead()
    async def fetch(symbol: str) -> str:
        return symbol

    assert await fetch("BTC") == "BTC"


async def test_a_sync_function_is_guarded_too() -> None:
    policy = bulkhead()

    @policy
    def inside() -> int:
        return policy.statistics().in_use

    assert (inside(), policy.call(inside), policy.statistics().in_use) == (1, 1, 0)


async def test_what_fails_gives_its_slot_back() -> None:
    policy = bulkhead()
    error = ValueError("no")

    @policy
    async def fail() -> None:
        raise error

    with pytest.raises(ValueError, match="no") as caught:
        await fail()
    assert (caught.value, policy.statistics().in_use) == (error, 0)


async def test_what_is_cancelled_gives_its_slot_back() -> None:
    policy = bulkhead()
    with anyio.move_on_after(1.0) as scope:
        await policy.acall(anyio.sleep_forever)
    assert (scope.cancelled_caught, policy.statistics().in_use) == (True, 0)


async def test_a_hundred_waiters_get_in_in_the_order_in_which_they_came() -> None:
    policy, went = bulkhead(), []

    async def call(number: int) -> None:
        async with policy:
            went.append(number)
            await anyio.sleep(0.1)

    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(call, number)
            await settled()
    assert went == list(range(100))


async def test_lower_priorities_get_in_first() -> None:
    policy, went = bulkhead(), []

    async def call(name: str) -> None:
        went.append(name)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold, policy)
        for name, priority in (("ticker", 1), ("order", 0), ("cancel", -1), ("cancel too", -1)):
            await settled()
            tasks.start_soon(policy.prioritised(priority).acall, call, name)
    assert went == ["cancel", "cancel too", "order", "ticker"]


async def test_one_more_than_may_wait_is_refused_at_once() -> None:
    policy, start = bulkhead(queue=1), now()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold, policy)
        tasks.start_soon(hold, policy)
        await settled()
        with pytest.raises(BulkheadFull) as caught:
            await hold(policy)
        assert (caught.value.name, caught.value.limit, caught.value.waiting, now()) == ("orders", 1, 1, start)
    assert policy.statistics().refused == 1


@pytest.mark.parametrize("options", [{"queue": 0}, {"patience": 0.0}])
async def test_where_nobody_may_wait_everybody_is_refused_at_once(options: dict[str, Any]) -> None:
    policy = bulkhead(**options)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold, policy)
        await settled()
        start = now()
        with pytest.raises(BulkheadFull):
            await hold(policy)
        assert now() == start


async def test_nobody_waits_longer_than_its_patience() -> None:
    policy, start = bulkhead(patience=0.5), now()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold, policy)
        await settled()
        with pytest.raises(BulkheadFull):
            await hold(policy)
        assert now() - start == pytest.approx(0.5)
    assert (policy.statistics().waiting, policy.statistics().in_use) == (0, 0)


async def test_a_sync_call_that_had_to_wait_inside_a_loop_is_refused() -> None:
    policy = bulkhead()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold, policy)
        await settled()
        with pytest.raises(RuntimeError, match="the bulkhead orders would have to wait here, and block the event loop"):
            policy.call(int)
        assert policy.statistics().waiting == 0


# Entering again


async def test_a_task_that_is_inside_enters_again() -> None:
    policy = bulkhead()
    async with policy, policy:
        await policy.acall(anyio.sleep, 0)
        assert policy.statistics().in_use == 1
    assert policy.statistics().in_use == 0


async def test_a_guarded_function_may_call_itself() -> None:
    @bulkhead(queue=0)
    async def factorial(number: int) -> int:
        return 1 if number < 2 else number * await factorial(number - 1)

    assert await factorial(20) == math.factorial(20)


async def test_a_sync_function_inside_an_async_one_has_the_same_slot() -> None:
    policy = bulkhead(queue=0)
    async with policy:
        with policy:
            assert policy.call(lambda: policy.statistics().in_use) == 1


async def test_different_bulkheads_nest() -> None:
    outer, inner = bulkhead(), bulkhead(2)
    async with outer, inner, outer:
        assert (outer.statistics().in_use, inner.statistics().in_use) == (1, 1)
    assert (outer.statistics().in_use, inner.statistics().in_use) == (0, 0)


async def test_a_child_task_does_not_share_the_slot_of_its_parent() -> None:
    policy = bulkhead(queue=0)
    async with policy, anyio.create_task_group() as tasks:
        tasks.start_soon(refused, policy)


async def test_a_worker_thread_does_not_share_the_slot_of_the_task_that_waits_for_it() -> None:
    policy = bulkhead(queue=0)

    def work() -> None:
        with pytest.raises(BulkheadFull):
            policy.call(int)

    async with policy:
        await anyio.to_thread.run_sync(work)


async def test_each_task_and_each_thread_is_somebody_else() -> None:
    found = [who_runs(), await anyio.to_thread.run_sync(who_runs)]

    async def look() -> None:
        found.append(who_runs())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(look)
        tasks.start_soon(look)
    assert len(set(found)) == 4
    assert who_runs() == found[0]


# Giving up


async def test_a_waiter_that_is_cancelled_leaves_its_place() -> None:
    policy, scope, start = bulkhead(), anyio.CancelScope(), now()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold, policy)
        await settled()
        tasks.start_soon(in_scope, scope, hold, policy, 100.0)
        await settled()
        tasks.start_soon(hold, policy)
        await anyio.sleep(0.5)
        scope.cancel()
    assert now() - start == pytest.approx(2.0)
    assert policy.statistics().cancelled == 1


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_a_slot_handed_to_a_waiter_that_is_cancelled_in_that_moment_is_handed_on(cancel_first: bool) -> None:
    policy, scope, go, start = bulkhead(), anyio.CancelScope(), anyio.Event(), now()

    async def holder() -> None:
        async with policy:
            await go.wait()
            if cancel_first:
                scope.cancel()
        scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(holder)
        await settled()
        tasks.start_soon(in_scope, scope, hold, policy, 100.0)
        await settled()
        tasks.start_soon(hold, policy)
        await settled()
        go.set()
    assert now() - start == pytest.approx(1.0)
    assert (policy.statistics().in_use, policy.statistics().waiting) == (0, 0)


@pytest.mark.parametrize("anyio_backend", [virtual_backend("asyncio")], ids=["asyncio"])
@pytest.mark.parametrize("crossing", [True, False])
async def test_a_waiter_that_asyncio_cancels_loses_no_slot(crossing: bool) -> None:
    policy = bulkhead()
    inside = asyncio.create_task(hold(policy))
    await settled()
    waiter, last = asyncio.create_task(hold(policy, 100.0)), asyncio.create_task(hold(policy))
    await settled()
    if crossing:
        inside.cancel()
        inside.add_done_callback(lambda _: waiter.cancel())
    else:
        waiter.cancel()
    await last
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert (policy.statistics().in_use, policy.statistics().waiting) == (0, 0)


async def test_a_slot_that_comes_in_the_moment_in_which_the_patience_ends_is_lost_to_nobody() -> None:
    policy, went = bulkhead(patience=1.0), []

    async def call() -> None:
        try:
            async with policy:
                went.append("in")
        except BulkheadFull:
            went.append("refused")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold, policy, 1.0)
        await settled()
        tasks.start_soon(call)
        tasks.start_soon(call)
    assert len(went) == 2
    assert policy.statistics().in_use == 0
    await policy.acall(anyio.sleep, 0)


@pytest.mark.seeds(15)
async def test_whatever_is_cancelled_when_no_slot_is_lost_and_nobody_is_forgotten(schedule_seed: int) -> None:
    choose, policy, most = random.Random(schedule_seed), bulkhead(2, patience=3.0, queue=20), [0, 0]

    async def body(depth: int) -> None:
        most[1] = max(most)  # [inside now, the most so far]
        await anyio.sleep(choose.randint(0, 4) / 4)
        if depth:
            async with policy:
                await body(depth - 1)

    async def call() -> None:
        await anyio.sleep(choose.randint(0, 8) / 4)
        with anyio.move_on_after(choose.choice([0.0, 0.25, 0.5, 1.0, 2.0, math.inf])), contextlib.suppress(BulkheadFull):
            async with policy.prioritised(choose.randint(0, 2)):
                most[0] += 1
                try:
                    await body(choose.randint(0, 2))
                finally:
                    most[0] -= 1

    async with anyio.create_task_group() as tasks:
        for _ in range(40):
            tasks.start_soon(call)
    counted = policy.statistics()
    assert most[1] <= 2
    assert (counted.in_use, counted.waiting, counted.peak) == (0, 0, 2)
    with anyio.fail_after(0.1):
        await policy.acall(anyio.sleep, 0)


# At run time


async def test_a_larger_limit_lets_those_in_who_wait() -> None:
    policy, start = bulkhead(), now()
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(hold, policy)
        await settled()
        policy.resize(3)
    assert now() - start == pytest.approx(1.0)
    assert policy.limit == 3


async def test_a_smaller_limit_puts_nobody_out() -> None:
    policy, start = bulkhead(2), now()
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(hold, policy)
        await settled()
        policy.resize(1)
        assert policy.statistics().in_use == 2
    assert now() - start == pytest.approx(3.0)


async def test_a_limit_of_nothing_is_refused_and_changes_nothing() -> None:
    policy = bulkhead(2)
    with pytest.raises(SpecError, match=r"Bulkhead\.limit is 0; expected a count of 1 or more"):
        policy.resize(0)
    assert (policy.limit, policy.statistics().limit) == (2, 2)


async def test_statistics_tell_what_happened() -> None:
    policy = bulkhead()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold, policy)
        tasks.start_soon(hold, policy)
    counted = policy.statistics()
    assert (counted.entered, counted.waited, counted.longest_queue, counted.peak) == (2, 1, 1, 1)
    assert counted.waited_seconds == pytest.approx(1.0)


# Threads and loops


@pytest.mark.real_time
def test_eight_threads_get_in_as_one_would() -> None:
    policy, lock, inside, most, entered = bulkhead(3), threading.Lock(), [0], [0], [0]

    @policy
    def work(depth: int) -> None:
        with lock:
            inside[0] += not depth
            entered[0] += 1
            most[0] = max(most[0], inside[0])
        if depth < 2:
            work(depth + 1)
        with lock:
            inside[0] -= not depth

    threads = [threading.Thread(target=lambda: [work(0) for _ in range(100)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = policy.statistics()
    assert most[0] <= 3
    assert (entered[0], counted.entered, counted.in_use, counted.waiting, counted.refused) == (2400, 2400, 0, 0, 0)


@pytest.mark.real_time
async def test_tasks_and_threads_of_several_loops_share_the_slots() -> None:
    policy, lock, inside, most = bulkhead(2), threading.Lock(), [0], [0]

    def count(change: int) -> None:
        with lock:
            inside[0] += change
            most[0] = max(most[0], inside[0])

    async def task() -> None:
        for _ in range(20):
            async with policy:
                count(1)
                await anyio.lowlevel.checkpoint()
                count(-1)

    async def loop() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(task)

    def thread() -> None:
        for _ in range(20):
            with policy:
                count(1)
                count(-1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(loop)
        for backend in ("asyncio", "trio"):
            tasks.start_soon(anyio.to_thread.run_sync, lambda backend=backend: anyio.run(loop, backend=backend))
        for _ in range(2):
            tasks.start_soon(anyio.to_thread.run_sync, thread)
    counted = policy.statistics()
    assert most[0] <= 2
    assert (counted.entered, counted.in_use, counted.waiting) == (220, 0, 0)


@pytest.mark.real_time
def test_a_thread_waits_no_longer_than_its_patience() -> None:
    policy, go, entered = bulkhead(patience=0.02), threading.Event(), threading.Event()

    def holder() -> None:
        with policy:
            entered.set()
            go.wait()

    thread = threading.Thread(target=holder)
    thread.start()
    entered.wait()
    with pytest.raises(BulkheadFull):
        policy.call(int)
    go.set()
    thread.join()
    assert policy.call(int) == 0


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "Bulkhead.limit is 0; expected a count of 1 or more"),
        ({"queue": -1}, "Bulkhead.queue is -1; expected a count of 0 or more"),
        ({"patience": -1}, "Bulkhead.patience is -1; expected seconds of 0 or more"),
        ({"priority": "high"}, "Bulkhead.priority is 'high'; expected a whole number"),
    ],
)
def test_a_wrong_option_is_named_with_what_to_type(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Bulkhead(**{"limit": 1, **options})


def test_a_bulkhead_shows_its_limits() -> None:
    assert str(bulkhead(5, queue=0)) == "bulkhead orders: 5 at once"
    assert str(bulkhead(5, queue=9, patience=2.0)) == "bulkhead orders: 5 at once, 9 wait for 2 s"
    assert str(bulkhead(5, queue=9).prioritised(1)) == "bulkhead orders: 5 at once, 9 wait; priority 1"


def test_a_sync_function_that_returns_a_coroutine_is_refused() -> None:
    async def fetch() -> None: ...

    policy = bulkhead()
    with pytest.raises(TypeError, match="returned the coroutine"):
        policy.call(fetch)
    assert policy.statistics().in_use == 0
