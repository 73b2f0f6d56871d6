"""What others do to the policies: collectors and closed loops interfere, errors resist, generators are given up."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest

from actors.errors import ActorsError, ConnectFailed
from actors.resilience import (
    BreakerState,
    Bulkhead,
    CircuitBreaker,
    Delays,
    ErrorMonitor,
    Fallback,
    Hedge,
    Limit,
    Pipeline,
    Policy,
    RateLimiter,
    Recovery,
    RecoveryAction,
    RecoveryKind,
    Retry,
    error_context,
)
from actors.resilience.policy import _open

pytestmark = pytest.mark.anyio


class Circle:
    """Holds a generator, and itself: only the garbage collector ends it."""

    def __init__(self, held: Iterator[None]) -> None:
        self.held = held
        self.me = self


def forget_a_block_of(policy: Policy[Any]) -> None:
    def block() -> Iterator[None]:
        with policy:
            yield

    held = block()
    next(held)
    Circle(held)


@pytest.mark.parametrize(
    ("policy", "machine", "method"),
    [
        (Bulkhead(limit=5), "_slots._machine", "enter"),
        (CircuitBreaker("rest", slow_after=1.0), "_machine", "try_acquire"),
    ],
    ids=["bulkhead", "breaker"],
)
def test_a_block_that_the_garbage_collector_ends_under_the_lock_does_not_hang(
    policy: Any, machine: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner: Any = policy
    for name in machine.split("."):
        owner = getattr(owner, name)
    real = getattr(type(owner), method)

    def collected(self: Any, *args: Any) -> Any:
        gc.collect()
        return real(self, *args)

    def work() -> None:
        gc.disable()
        try:
            forget_a_block_of(policy)
            monkeypatch.setattr(type(owner), method, collected)
            policy.call(lambda: None)
            ended.append(True)
        finally:
            gc.enable()

    ended: list[bool] = []
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(5.0)
    assert ended, "it hangs in its own lock"


async def test_a_probe_that_calls_another_function_of_the_same_breaker_closes_it() -> None:
    now = 0.0
    breaker = CircuitBreaker("rest", failures=1, open_for=1.0, successes=2, clock=lambda: now)

    @breaker
    async def fails() -> None:
        raise ConnectFailed("rest", "refused")

    @breaker
    async def clock() -> int:
        return 1

    @breaker
    async def order() -> int:
        return await clock() + await clock()

    with pytest.raises(ConnectFailed):
        await fails()
    now = 2.0
    states: list[BreakerState] = []
    for _ in range(2):
        assert await order() == 2
        states.append(breaker.state)
    assert states == [BreakerState.HALF_OPEN, BreakerState.CLOSED], "one probe is one success, whatever is called inside of it"


async def test_who_is_no_part_of_a_probe_is_refused_while_it_is_in_flight() -> None:
    now = 0.0
    breaker = CircuitBreaker("rest", failures=1, open_for=1.0, clock=lambda: now)
    with pytest.raises(ConnectFailed), breaker:
        raise ConnectFailed("rest", "refused")
    now = 2.0
    seen: list[int] = []

    @breaker
    async def ask() -> None:
        seen.append(1)
        await anyio.sleep(1.0)

    async def quietly() -> None:
        try:
            await ask()
        except ActorsError:
            seen.append(0)

    @breaker
    async def probe() -> None:
        async with anyio.create_task_group() as children:
            for _ in range(5):
                children.start_soon(quietly)

    await probe()
    assert seen == [0] * 5


# Errors that resist


class Forgetful(ActorsError):
    """Its author forgot the constructor above."""

    def __init__(self, what: str) -> None:
        self.what = what


class Odd(Exception):
    """A foreign error whose attributes mean something else."""

    component = {"not": "a name"}

    @property
    def operation(self) -> str:
        raise ValueError("not now")


class Proud(Exception):
    """Takes no notes."""

    def add_note(self, note: str, /) -> None:
        raise TypeError("no")


@pytest.mark.parametrize("error", [Forgetful("x"), Odd("x")], ids=["forgetful", "odd"])
async def test_an_error_that_lacks_or_abuses_what_ours_have_is_the_one_that_is_raised(error: Exception) -> None:
    monitor, recovery = ErrorMonitor(), Recovery()
    around = error_context(component="orders")
    with pytest.raises(type(error)) as caught, monitor.watching(), recovery.guard(), around:
        raise error
    assert caught.value is error
    assert monitor.record(error)
    assert monitor.statistics().total == 1


async def test_a_recovery_lets_an_error_that_takes_no_notes_go_on() -> None:
    error = Proud("x")
    with pytest.raises(Proud) as caught, Recovery().guard():
        raise error
    assert caught.value is error


async def test_notes_of_a_race_on_one_error_that_is_raised_for_ever_do_not_pile_up() -> None:
    error = ConnectFailed("rest", "refused")

    async def fails() -> None:
        raise error

    hedge = Hedge(delay=0, idempotent=True)
    for _ in range(20):
        with pytest.raises(ConnectFailed):
            await hedge.acall(fails)
    assert len(error.__notes__) == 2


@pytest.mark.parametrize("failure", [ConnectFailed("other", "refused"), Proud("x")], ids=["kept", "proud"])
async def test_a_fallback_that_raises_one_error_for_ever_neither_piles_up_notes_nor_needs_any(failure: Exception) -> None:
    async def fails(_: object = None) -> None:
        raise ConnectFailed("rest", "refused")

    async def other(_: Exception) -> None:
        raise failure

    for _ in range(20):
        with pytest.raises(type(failure)) as caught:
            await Fallback[Any](function=other).acall(fails)
        assert caught.value is failure
    assert len(failure.__notes__) == 1


class Unequal:
    """Cannot be compared."""

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        raise ValueError("no")


class Unhashable:
    """Says so in its own way."""

    def __hash__(self) -> int:
        raise ValueError("no")


@pytest.mark.parametrize("argument", [Unequal, Unhashable])
@pytest.mark.parametrize("key", [None, lambda argument: argument.nothing], ids=["no key", "a key that fails"])
def test_a_call_that_succeeded_keeps_its_result_whatever_the_cache_makes_of_its_arguments(
    argument: Callable[[], object], key: Callable[..., Any] | None
) -> None:
    @Fallback[Any](cached=60.0, key=key)
    def place(order: object) -> str:
        return "placed"

    assert [place(argument()), place(argument())] == ["placed", "placed"]


@pytest.mark.parametrize("way", ["a pipeline that refuses a block", "an attempt that took too long", "a failed recovery"])
async def test_an_error_is_gone_when_nobody_holds_it(way: str) -> None:
    def fails(_: object) -> None:
        raise ValueError("no")

    async def fail() -> None:
        raise ConnectFailed("rest", "refused")

    async def use() -> None:
        if way == "a pipeline that refuses a block":
            breaker = CircuitBreaker("rest")
            breaker.isolate(by="a test")
            async with Pipeline(Bulkhead(limit=1), breaker):
                pass
        elif way == "an attempt that took too long":
            async for attempt in Retry(attempt_timeout=1.0):
                async with attempt:
                    await anyio.sleep(2.0)
        else:
            recovery = Recovery(actions=(RecoveryAction(RecoveryKind.RESTART, fails),))
            await recovery.guard("orders").acall(fail)

    gc.disable()
    try:
        left: weakref.ref[Exception] | None = None
        try:
            await use()
        except ActorsError as error:
            left = weakref.ref(error)
        assert left is not None
        assert left() is None
    finally:
        gc.enable()


async def test_an_error_is_counted_once_however_many_groups_it_is_put_into_on_its_way() -> None:
    monitor = ErrorMonitor()

    @monitor.watched(component="orders")
    async def fails() -> None:
        raise ConnectFailed("rest", "refused")

    with pytest.raises(ExceptionGroup), monitor.watching("bot"):
        async with anyio.create_task_group() as outer:
            with monitor.watching("floor"):
                async with anyio.create_task_group() as inner:
                    inner.start_soon(fails)
            outer.start_soon(fails)
    statistics = monitor.statistics()
    assert (statistics.total, statistics.repeats, list(statistics.by_component)) == (1, 2, ["orders"])
    monitor.record(ExceptionGroup("with a new one", [ConnectFailed("rest", "refused")]))
    assert monitor.statistics().total == 2


async def test_the_reason_for_a_stop_is_told_without_the_secrets_in_it() -> None:
    async def fails() -> None:
        attempts.stop("token=abcdefghijkl was revoked")
        raise ConnectFailed("rest", "refused")

    attempts = Retry().begin()
    with pytest.raises(ConnectFailed) as caught:
        await attempts.acall(fails)
    assert "cancelled by stop: token=***" in caught.value.__notes__[-1]


# Generators that are given up, and loops that are


async def test_blocks_of_async_generators_that_are_given_up_do_not_pile_up() -> None:
    bulkhead = Bulkhead(limit=1000)

    async def stream() -> AsyncIterator[int]:
        async with bulkhead:
            yield 1
            yield 2

    for _ in range(20):
        held = stream()
        await anext(held)

        async def close(held: Any = held) -> None:
            await held.aclose()

        async with anyio.create_task_group() as other:
            other.start_soon(close)  # in a copy of this context, as a loop does it
    async with bulkhead:
        assert len(_open.get()) == 1
    assert _open.get() == ()


async def test_a_loop_that_is_left_between_two_attempts_gives_back_what_is_outside_of_the_retry() -> None:
    bulkhead, breaker = Bulkhead(limit=1), CircuitBreaker("rest", slow_after=9.0)
    pipeline = Pipeline(bulkhead, breaker, Retry(delays=Delays(initial=0.0)))

    async def use() -> None:
        async for attempt in pipeline:
            async with attempt:
                raise ConnectFailed("rest", "refused")
            raise LookupError("the result that is not there yet")

    for _ in range(2):
        with pytest.raises(LookupError):
            await use()
        gc.collect()
        assert bulkhead.statistics().in_use == 0
    assert breaker.statistics().released == 2


@pytest.mark.parametrize(
    "made",
    [
        lambda: Bulkhead(limit=1),
        lambda: RateLimiter(windows=(Limit(1, within=0.05),)),
    ],
    ids=["bulkhead", "limiter"],
)
def test_who_waited_in_a_loop_that_is_closed_neither_breaks_nor_blocks_those_who_came_later(
    made: Callable[[], Policy[Any]],
) -> None:
    policy = made()
    loop = asyncio.new_event_loop()
    dead: list[Any] = []

    async def wait() -> None:
        async with policy:
            pass

    async def begin() -> None:
        dead.append(loop.create_task(wait()))
        await asyncio.sleep(0.01)

    def with_a_loop_that_dies() -> None:
        loop.run_until_complete(begin())
        loop.close()

    with policy:
        with_a_loop_that_dies()
    if isinstance(policy, RateLimiter):
        policy.observe(0, within=0.05)  # whoever looks at the line finds that nobody stands there
    ended: list[bool] = []

    def work() -> None:
        with policy:
            ended.append(True)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(5.0)
    assert ended, "it waits for somebody who is gone"
    dead.clear()
