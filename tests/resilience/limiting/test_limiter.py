from __future__ import annotations

import asyncio
import contextlib
import math
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from actors.errors import Banned, LimitReached, NetworkError, RateLimited
from actors.resilience.limiting.limit import Limit, LimitKind
from actors.resilience.limiting.limiter import RateLimiter
from supervisor import SpecError
from supervisor.parking import clock_here
from supervisor.testing.virtual_time import virtual_backend

pytestmark = pytest.mark.anyio

ONE = Limit(1, within=1.0)


def limiter(*windows: Limit, **options: Any) -> RateLimiter:
    return RateLimiter(windows=windows or (ONE,), name="rest", **options)


def now() -> float:
    return clock_here()()


async def settled() -> None:
    """All other tasks have come to where they sleep."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


# Letting through


async def test_calls_go_as_fast_as_the_strictest_window_allows() -> None:
    policy, start, went = limiter(Limit(2, within=1.0), Limit(3, within=10.0)), now(), []
    for _ in range(5):
        await policy.atake()
        went.append(now() - start)
    assert went == pytest.approx([0.0, 0.0, 1.0, 10.0, 10.0])


async def test_in_no_second_do_more_go_than_the_limit_also_not_at_the_edge_of_a_window() -> None:
    policy, start, went = limiter(Limit(5, within=1.0)), now(), []
    await anyio.sleep(0.9)
    for _ in range(15):
        await policy.atake()
        went.append(now() - start)
    assert max(sum(begin <= at < begin + 1.0 for at in went) for begin in went) == 5


async def test_a_bucket_lets_its_burst_through_and_then_the_average() -> None:
    policy, start, went = limiter(Limit(4, within=1.0, kind=LimitKind.BUCKET, burst=2)), now(), []
    for _ in range(4):
        await policy.atake()
        went.append(now() - start)
    assert went == pytest.approx([0.0, 0.0, 0.25, 0.5])


async def test_a_call_counts_by_its_weight() -> None:
    policy, start = limiter(Limit(10, within=1.0)), now()
    await policy.atake(8)
    await policy.atake(3)
    assert now() - start == pytest.approx(1.0)


async def test_a_decorated_function_waits_its_turn_and_keeps_its_result() -> None:
    policy, start = limiter(), now()

    @policy
    async def fetch(symbol: str) -> tuple[str, float]:
        return symbol, now() - start

    assert [await fetch("a"), await fetch("b")] == [("a", 0.0), ("b", pytest.approx(1.0))]


async def test_a_block_waits_its_turn() -> None:
    policy, start = limiter(), now()
    for _ in range(2):
        async with policy:
            pass
    assert now() - start == pytest.approx(1.0)


async def test_a_view_of_another_weight_shares_the_limits() -> None:
    policy, start = limiter(Limit(10, within=1.0)), now()
    heavy = policy.weighing(9, priority=1)

    @heavy
    async def depth() -> float:
        return now() - start

    async with policy.weighing(2):
        assert await depth() == pytest.approx(1.0)
    assert await heavy.acall(depth.__wrapped__) == pytest.approx(2.0)
    assert policy.statistics().used == (9,)


async def test_what_counts_is_when_a_call_is_made_and_not_when_it_queued() -> None:
    policy = limiter()
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(policy.atake)
    assert policy.delay() == pytest.approx(1.0)


async def test_where_there_is_room_nobody_waits_for_anything() -> None:
    policy, order = limiter(Limit(2, within=1.0)), []

    async def other() -> None:
        order.append("other")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        await policy.atake()
        order.append("taken")
    assert order == ["taken", "other"]


# The line


async def test_a_hundred_waiters_go_in_the_order_in_which_they_came() -> None:
    policy, went = limiter(Limit(7, within=1.0)), []

    async def call(number: int) -> None:
        await policy.atake()
        went.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(call, number)
            await settled()
    assert went == list(range(100))


async def test_a_thousand_waiters_are_all_let_through_in_the_time_that_it_takes() -> None:
    policy, start = limiter(Limit(100, within=1.0)), now()
    async with anyio.create_task_group() as tasks:
        for _ in range(1000):
            tasks.start_soon(policy.atake)
    assert now() - start == pytest.approx(9.0)


async def test_lower_priorities_go_first() -> None:
    policy, went = limiter(), []
    await policy.atake()

    async def call(name: str, priority: int) -> None:
        await policy.atake(priority=priority)
        went.append(name)

    async with anyio.create_task_group() as tasks:
        for name, priority in (("ticker", 1), ("depth", 1), ("order", 0), ("cancel", -1), ("cancel too", -1)):
            tasks.start_soon(call, name, priority)
            await settled()
    assert went == ["cancel", "cancel too", "order", "ticker", "depth"]


async def test_a_light_call_does_not_overtake_a_heavy_one_that_waits() -> None:
    policy, went = limiter(Limit(10, within=1.0)), []
    await policy.atake(5)

    async def call(weight: int) -> None:
        await policy.atake(weight)
        went.append(weight)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call, 8)
        await settled()
        tasks.start_soon(call, 1)
    assert went == [8, 1]


async def in_scope(scope: anyio.CancelScope, call: Callable[..., Any], *args: Any) -> None:
    with scope:
        await call(*args)


async def test_whoever_is_cancelled_gives_up_the_place_and_the_next_goes_at_once() -> None:
    policy, went, heavy = limiter(Limit(10, within=1.0)), [], anyio.CancelScope()
    await policy.atake(5)
    start = now()

    async def light() -> None:
        await policy.atake(4)
        went.append(now() - start)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(in_scope, heavy, policy.atake, 8)
        await settled()
        tasks.start_soon(light)
        await anyio.sleep(0.5)
        assert went == []
        heavy.cancel()
    assert went == [pytest.approx(0.5)]
    assert (policy.statistics().cancelled, policy.statistics().waiting) == (1, 0)


async def test_a_cancelled_call_that_waited_was_not_counted() -> None:
    policy = limiter()
    await policy.atake()
    with anyio.move_on_after(0.5):
        await policy.atake()
    assert policy.delay() == pytest.approx(0.5)


@pytest.mark.parametrize("anyio_backend", [virtual_backend("asyncio")], ids=["asyncio"])
async def test_the_place_of_a_task_that_asyncio_cancels_is_given_back() -> None:
    policy, went = limiter(Limit(10, within=1.0)), []
    await policy.atake(5)
    start = now()
    heavy = asyncio.create_task(policy.atake(8))
    await settled()

    async def light() -> None:
        await policy.atake(4)
        went.append(now() - start)

    behind = asyncio.create_task(light())
    await asyncio.sleep(0.5)
    heavy.cancel()
    await behind
    with pytest.raises(asyncio.CancelledError):
        await heavy
    assert went == [pytest.approx(0.5)]


async def test_a_cancellation_that_crosses_the_moment_of_its_turn_loses_no_turn() -> None:
    policy, start, went = limiter(), now(), []
    await policy.atake()

    async def second() -> None:
        await policy.atake()
        went.append(now() - start)

    async with anyio.create_task_group() as tasks:
        first = anyio.CancelScope(deadline=anyio.current_time() + 1.0)
        tasks.start_soon(in_scope, first, policy.atake)
        await settled()
        tasks.start_soon(second)
    assert went in ([pytest.approx(1.0)], [pytest.approx(2.0)])
    assert policy.statistics().waiting == 0


@pytest.mark.seeds(15)
async def test_whatever_is_cancelled_when_no_window_is_overfull_and_nobody_is_forgotten(schedule_seed: int) -> None:
    choose, went = random.Random(schedule_seed), []
    policy = limiter(Limit(4, within=1.0), Limit(9, within=4.0), patience=6.0)

    async def call() -> None:
        weight = choose.randint(1, 3)
        await anyio.sleep(choose.randint(0, 8) / 4)
        with anyio.move_on_after(choose.choice([0.0, 0.25, 1.0, 2.0, math.inf])), contextlib.suppress(LimitReached):
            await policy.atake(weight, choose.randint(0, 2))
            went.append((now(), weight))
            await anyio.sleep(choose.randint(0, 2) / 4)

    async with anyio.create_task_group() as tasks:
        for _ in range(30):
            tasks.start_soon(call)
        await anyio.sleep(1.0)
        policy.ban_for(0.5)
    for limit, within in ((4, 1.0), (9, 4.0)):
        assert all(sum(weight for at, weight in went if begin <= at < begin + within) <= limit for begin, _ in went)
    counted = policy.statistics()
    assert (counted.waiting, counted.taken, counted.taken + counted.refused + counted.cancelled) == (0, len(went), 30)


# Those that do not wait


async def test_who_will_not_wait_is_told_for_how_long_it_would_have_been() -> None:
    policy = limiter()
    policy.take_nowait()
    with pytest.raises(LimitReached, match=r"the limit of rest is reached; there is room in 1 s") as caught:
        policy.take_nowait()
    assert (caught.value.retry_after, policy.statistics().refused) == (pytest.approx(1.0), 1)


async def test_one_more_than_may_wait_is_refused_at_once() -> None:
    policy, start = limiter(waiting=2), now()
    await policy.atake()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(policy.atake)
        tasks.start_soon(policy.atake)
        await settled()
        with pytest.raises(LimitReached) as caught:
            await policy.atake()
        assert (caught.value.retry_after, now()) == (pytest.approx(3.0), start)


async def test_who_would_wait_longer_than_its_patience_is_refused_at_once() -> None:
    policy, start = limiter(patience=1.5), now()
    await policy.atake()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(policy.atake)
        await settled()
        with pytest.raises(LimitReached):
            await policy.atake()
        assert now() == start


async def test_a_wait_as_long_as_the_patience_is_not_too_long() -> None:
    policy = limiter(patience=1.0)
    await policy.atake()
    await policy.atake()


async def test_a_ban_while_waiting_refuses_at_once_all_who_lose_patience_by_it() -> None:
    policy, refused = limiter(patience=5.0), []
    await policy.atake()

    async def call() -> None:
        with pytest.raises(LimitReached):
            await policy.atake()
        refused.append(now())

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(call)
        await anyio.sleep(0.5)
        banned = now()
        policy.ban_for(120.0)
    assert refused == [banned] * 3


async def test_who_is_overtaken_all_the_time_is_refused_when_its_patience_ends() -> None:
    policy, start = limiter(patience=2.5, waiting=100), now()
    await policy.atake()

    async def cancels() -> None:
        for _ in range(5):
            with contextlib.suppress(LimitReached):
                await policy.atake(priority=-1)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(cancels)
        with pytest.raises(LimitReached):
            await policy.atake()
        assert now() - start == pytest.approx(2.5, abs=1e-5)
        tasks.cancel_scope.cancel()


async def test_a_weight_that_can_never_go_is_refused_and_takes_no_place() -> None:
    policy = limiter(Limit(5, within=1.0))
    with pytest.raises(ValueError, match="weight=6; expected 1 to 5"):
        await policy.atake(6)
    with pytest.raises(ValueError, match="weight=6; expected 1 to 5"):
        policy.weighing(6)
    assert policy.statistics().waiting == 0


async def test_a_sync_call_with_room_is_made_inside_a_loop_and_one_that_had_to_wait_is_refused() -> None:
    policy = limiter()
    policy.take()
    with pytest.raises(RuntimeError, match="the rate limit rest would have to wait here, and block the event loop"):
        policy.take()
    assert (policy.statistics().waiting, policy.delay()) == (0, pytest.approx(1.0))


# What the server says


async def test_what_the_server_has_counted_makes_calls_wait() -> None:
    policy, start = limiter(Limit(100, within=60.0)), now()
    policy.observe(95, within=60.0)
    await policy.atake(10)
    assert now() - start == pytest.approx(60.0)


async def test_a_ban_holds_back_those_who_wait_and_is_never_shortened() -> None:
    policy, start = limiter(), now()
    await policy.atake()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(policy.atake)
        await anyio.sleep(0.5)
        policy.ban_until(start + 30.0)
        policy.ban_for(2.0)
    assert now() - start == pytest.approx(30.0)
    assert policy.statistics().bans == 1


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (RateLimited("429", 7.0), 7.0),
        (Banned("418", retry_after=120.0), 120.0),
        (RateLimited("429"), 0.0),
        (RateLimited("429", math.nan), 0.0),
        (NetworkError("reset"), 0.0),
    ],
)
async def test_an_error_that_says_how_long_to_wait_holds_for_all(error: Exception, seconds: float) -> None:
    policy = limiter()

    @policy
    async def fetch() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await fetch()
    assert caught.value is error
    assert policy.statistics().banned_for == pytest.approx(seconds)


async def test_an_operator_lifts_a_ban_and_who_waited_for_its_end_goes() -> None:
    policy, start = limiter(), now()
    policy.ban_for(1_000.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(policy.atake)
        await anyio.sleep(0.5)
        assert policy.delay() == pytest.approx(1_000.5)  # behind the one that waits
        policy.lift_ban()
        assert policy.delay() == pytest.approx(1.0)
    assert now() - start == pytest.approx(0.5)
    assert policy.statistics().banned_for == 0.0


async def test_a_ban_until_a_time_of_day_is_one_from_when_the_error_was_made() -> None:
    policy = limiter()
    policy.heed_error(Banned("418", until=time.time() + 100.0))
    assert policy.statistics().banned_for == pytest.approx(100.0, abs=5.0)


async def test_a_block_and_a_sync_call_heed_errors_too() -> None:
    policy = limiter(Limit(9, within=1.0))
    with pytest.raises(RateLimited):
        async with policy:
            raise RateLimited("429", 7.0)
    assert policy.statistics().banned_for == pytest.approx(7.0)
    await anyio.sleep(7.0)

    def fetch() -> None:
        raise RateLimited("429", 9.0)

    with pytest.raises(RateLimited):
        policy.call(fetch)
    assert policy.statistics().banned_for == pytest.approx(9.0)


async def test_a_limiter_that_does_not_heed_errors_goes_on() -> None:
    policy = limiter(heed=False)
    with pytest.raises(RateLimited):
        async with policy:
            raise RateLimited("429", 7.0)
    assert policy.statistics().banned_for == 0.0


async def test_cancellation_passes_through_as_it_is() -> None:
    policy, seen = limiter(), []

    @policy
    async def forever() -> None:
        try:
            await anyio.sleep_forever()
        except BaseException as error:
            seen.append(error)
            raise

    with anyio.move_on_after(1.0) as scope:
        try:
            await forever()
        except BaseException as error:
            seen.append(error)
            raise
    assert scope.cancelled_caught
    assert seen[0] is seen[1]


# Clocks and threads


async def test_a_jump_of_the_wall_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, start = limiter(), now()
    await policy.atake()
    monkeypatch.setattr(time, "time", lambda: 4e9)
    await policy.atake()
    assert now() - start == pytest.approx(1.0)


def test_one_limiter_is_used_in_one_loop_after_the_other() -> None:
    policy, waited = limiter(), []

    async def main(backend: str) -> None:
        start = now()
        await policy.atake()
        waited.append((backend, now() - start))

    for backend in ("asyncio", "trio", "asyncio"):
        name, options = virtual_backend(backend)
        anyio.run(main, backend, backend=name, backend_options=options)
    # The first clock stands still when its loop is over.
    assert waited == [("asyncio", 0.0), ("trio", pytest.approx(1.0)), ("asyncio", pytest.approx(1.0))]


def test_a_given_clock_is_the_only_one() -> None:
    moment = [100.0]
    policy = limiter(clock=lambda: moment[0])
    policy.take_nowait()
    moment[0] = 100.75
    assert policy.delay() == 0.25


def test_a_clock_that_goes_back_does_not_make_anybody_wait_longer() -> None:
    moment = [100.0]
    policy = limiter(clock=lambda: moment[0])
    policy.take_nowait()
    moment[0] = 90.0
    assert policy.delay() == 1.0


async def test_a_remainder_too_small_for_the_loops_clock_is_slept_all_the_same() -> None:
    await anyio.sleep_until(now() + 1e7)
    start, read = now(), []

    def slow() -> float:
        read.append(1)
        assert len(read) < 100, "it spins"
        return (now() - start) * (1.0 - 1e-12)

    policy = limiter(clock=slow)
    await policy.atake()
    await policy.atake()
    assert now() - start == pytest.approx(1.0, abs=1e-5)


@pytest.mark.real_time
def test_a_thread_waits_its_turn() -> None:
    policy = limiter(Limit(1, within=0.05))
    start = time.monotonic()
    for _ in range(3):
        policy.take()
    assert time.monotonic() - start >= 0.099


@pytest.mark.real_time
def test_eight_threads_are_let_through_as_one_would_be() -> None:
    policy, went, lock = limiter(Limit(20, within=0.1), waiting=8), [], threading.Lock()

    def work() -> None:
        for _ in range(5):
            policy.take()
            with lock:
                went.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = policy.statistics()
    assert time.monotonic() - start >= 0.099
    assert (len(went), counted.taken, counted.waiting, counted.refused) == (40, 40, 0, 0)


@pytest.mark.real_time
async def test_tasks_and_threads_stand_in_one_line() -> None:
    policy, went = limiter(Limit(1, within=0.03)), []
    await policy.atake()

    async def task(number: int) -> None:
        await policy.atake()
        went.append(number)

    def thread(number: int) -> None:
        policy.take()
        went.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(6):
            if number % 2:
                tasks.start_soon(task, number)
            else:
                tasks.start_soon(anyio.to_thread.run_sync, thread, number)
            while policy.statistics().waiting + len(went) <= number:
                await anyio.sleep(0.001)
    assert sorted(went) == list(range(6))
    assert policy.statistics().waiting == 0


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"windows": ()}, r"RateLimiter.windows is \(\); expected limits"),
        ({"windows": 5}, "RateLimiter.windows is 5; expected limits"),
        ({"weight": 2}, "RateLimiter.weight is 2; expected a weight from 1 to 1"),
        ({"priority": 0.5}, "RateLimiter.priority is 0.5; expected a whole number"),
        ({"waiting": -1}, "RateLimiter.waiting is -1; expected a count of 0 or more"),
        ({"patience": -1.0}, "RateLimiter.patience is -1.0; expected seconds of 0 or more"),
    ],
)
def test_a_wrong_option_is_named_with_what_to_type(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        RateLimiter(**{"windows": (ONE,), **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": 0}, "Limit.weight is 0; expected a count of 1 or more"),
        ({"within": 0}, "Limit.within is 0; expected seconds above 0"),
        ({"kind": "leaky"}, "Limit.kind is 'leaky'; expected strict or bucket"),
        ({"burst": 2}, "Limit.burst is 2; expected None: only a limit of kind=LimitKind.BUCKET has a burst"),
        ({"kind": "bucket", "burst": 0}, "Limit.burst is 0; expected a weight of 1 or more"),
    ],
)
def test_a_limit_that_cannot_work_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Limit(**{"weight": 5, "within": 1.0, **options})


def test_a_limiter_shows_its_limits() -> None:
    policy = limiter(Limit(6000, within=60.0), Limit(5, within=1.0, kind="bucket", burst=9))
    assert str(policy) == "rate limit rest: 6000 in 60 s; 5 in 1 s, bucket of 9"
    assert str(policy.weighing(3)) == f"{policy}; weight 3, priority 0"


async def test_statistics_tell_what_happened() -> None:
    policy = limiter(Limit(5, within=2.0))
    await policy.atake(5)
    await policy.atake(4)
    counted = policy.statistics()
    assert (counted.taken, counted.waited, counted.longest_line, counted.used) == (2, 1, 1, (4,))
    assert counted.waited_seconds == pytest.approx(2.0)


def test_a_sync_function_that_returns_a_coroutine_is_refused() -> None:
    async def fetch() -> None: ...

    with pytest.raises(TypeError, match="returned the coroutine"):
        limiter().call(fetch)
