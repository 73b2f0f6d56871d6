"""The calls through a breaker: functions, blocks, and what becomes of them when they are cancelled."""

from __future__ import annotations

import asyncio
import gc
import inspect
import math
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest
import trio

from actors.errors import CircuitOpen, ConnectionLost
from tests.resilience.breaking.breakers import CLOSED, HALF_OPEN, OPEN, Hand, Lost, aanswer, answer, breaks, fail, made

# Calls


def test_a_call_gives_its_result() -> None:
    assert made().call(answer, 7) == 7


@pytest.mark.anyio
async def test_an_async_call_gives_its_result() -> None:
    assert await made().acall(aanswer, value=7) == 7


def test_a_decorated_function_keeps_its_signature_and_kind() -> None:
    breaker = made()
    assert inspect.signature(breaker(answer)) == inspect.signature(answer)
    assert inspect.iscoroutinefunction(breaker(aanswer))


def test_the_error_of_the_call_is_never_replaced_not_even_by_the_one_that_opens() -> None:
    breaker, error = made(failures=1), Lost()
    with pytest.raises(Lost) as caught:
        breaker.call(breaks, error)
    assert (caught.value, error.__cause__, error.__context__) == (error, None, None)
    assert breaker.state is OPEN


def test_a_traceback_does_not_grow_with_use() -> None:
    def length() -> int:
        error, frames = Lost(), 0
        with pytest.raises(Lost):
            breaker.call(breaks, error)
        trace = error.__traceback__
        while trace is not None:
            frames, trace = frames + 1, trace.tb_next
        return frames

    breaker = made(failures=100)
    assert len({length() for _ in range(10)}) == 1


def test_an_open_breaker_does_not_call() -> None:
    breaker = made(failures=1)
    fail(breaker)
    with pytest.raises(CircuitOpen):
        breaker.call(pytest.fail, "it was called")


def test_a_refusal_says_what_is_known() -> None:
    hand = Hand()
    breaker = made(hand, failures=1, open_for=30.0)
    with pytest.raises(ConnectionLost):
        breaker.call(breaks, ConnectionLost(clean=False, close_code=1006, reason="apiKey=abcdef " + 500 * "x"))
    hand.at += 10.0
    with pytest.raises(CircuitOpen) as caught:
        breaker.call(answer)
    error = caught.value
    assert (error.name, error.state, error.until, error.retry_after) == ("rest", "open", 1030.0, 20.0)
    assert error.last is not None
    assert error.last.startswith("ConnectionLost: the connection was lost (1006: apiKey=*** xxx")
    assert len(error.last) == 200


def test_a_refusal_keeps_no_frames_alive() -> None:
    class Big:
        pass

    def breaks_with(big: Big) -> None:
        raise Lost

    breaker, big = made(failures=1), Big()
    gone = weakref.ref(big)
    with pytest.raises(Lost):
        breaker.call(breaks_with, big)
    with pytest.raises(CircuitOpen) as caught:
        breaker.call(answer)
    del big
    gc.collect()
    assert (gone(), caught.value.__cause__, caught.value.__context__) == (None, None, None)


def test_a_sync_function_that_returns_a_coroutine_is_refused_and_gives_its_permit_back() -> None:
    hand = Hand()
    breaker = made(hand, failures=1)
    fail(breaker)
    hand.at += 30.0
    with pytest.raises(TypeError, match="coroutine"):
        breaker.call(aanswer)
    assert (breaker.state, breaker.statistics().probes_in_flight) == (HALF_OPEN, 0)


# Blocks


def test_a_block_that_ends_well_is_a_success() -> None:
    breaker = made()
    with breaker:
        pass
    assert breaker.statistics().successes == 1


def test_an_error_that_leaves_a_block_is_judged() -> None:
    breaker = made(failures=1)
    with pytest.raises(Lost), breaker:
        raise Lost
    assert breaker.state is OPEN


def test_a_block_can_say_that_it_failed() -> None:
    breaker = made(Hand(), failures=1)
    with breaker as call:
        call.fail("the answer is too old, token=abcdef")
    with pytest.raises(CircuitOpen) as caught:
        breaker.call(answer)
    assert caught.value.last == "the answer is too old, token=***"


def test_a_block_can_say_what_the_server_asked_for() -> None:
    breaker = made(Hand())
    with breaker as call:
        call.fail("HTTP 429", retry_after=7.0)
    assert breaker.retry_after() == 7.0


@pytest.mark.parametrize("asked", [0.0, -5.0, math.nan, math.inf])
def test_a_block_cannot_ask_for_a_time_that_makes_no_sense(asked: float) -> None:
    breaker = made(Hand())
    with breaker as call:
        call.fail("HTTP 429", retry_after=asked)
    assert (breaker.state, breaker.statistics().failures) == (CLOSED, 1)


def test_a_block_can_say_that_it_means_nothing() -> None:
    breaker = made()
    with pytest.raises(Lost), breaker as call:
        call.ignore()
        raise Lost
    assert (breaker.statistics().ignored, breaker.statistics().failures) == (1, 0)


@pytest.mark.anyio
async def test_an_async_block_is_guarded_too() -> None:
    breaker = made(failures=1)
    with pytest.raises(Lost):
        async with breaker:
            await anyio.sleep(1.0)
            raise Lost
    with pytest.raises(CircuitOpen):
        async with breaker:
            pytest.fail("it was entered")


def test_a_block_of_a_half_open_breaker_is_a_probe() -> None:
    hand = Hand()
    breaker = made(hand, failures=1, successes=1)
    fail(breaker)
    hand.at += 30.0
    with breaker:
        with ThreadPoolExecutor(1) as others, pytest.raises(CircuitOpen):
            others.submit(breaker.call, answer).result()
        assert breaker.state is HALF_OPEN
    assert breaker.state is CLOSED


def test_blocks_in_each_other_do_not_mix() -> None:
    breaker = made()
    with breaker as outer, breaker as inner:
        inner.fail("only the inner one")
    assert outer is not inner
    assert (breaker.statistics().successes, breaker.statistics().failures) == (1, 1)


# Cancellation


@pytest.mark.anyio
@pytest.mark.parametrize("options", [{}, {"failure_rate": 0.5}, {"slow_after": 5.0}], ids=["plain", "rate", "slow"])
async def test_a_cancelled_call_is_no_verdict(options: dict[str, Any]) -> None:
    breaker = made(failures=1, **options)
    with anyio.move_on_after(1.0) as scope:
        await breaker.acall(anyio.sleep, 100.0)
    statistics = breaker.statistics()
    assert (scope.cancelled_caught, statistics.state, statistics.released) == (True, CLOSED, 1)


@pytest.mark.anyio
@pytest.mark.parametrize("how", ["function", "block"])
async def test_a_cancelled_probe_gives_its_permit_back_and_has_no_verdict(how: str) -> None:
    breaker = made(failures=1, successes=1)
    fail(breaker)
    await anyio.sleep(30.0)
    with anyio.move_on_after(1.0):
        if how == "function":
            await breaker.acall(anyio.sleep, 100.0)
        async with breaker:
            await anyio.sleep(100.0)
    assert (breaker.state, breaker.statistics().probes_in_flight) == (HALF_OPEN, 0)
    assert await breaker.acall(aanswer) == 42


def test_a_native_cancellation_of_asyncio_passes_through_untouched() -> None:
    breaker, seen = made(failures=1), list[BaseException]()

    async def sleep() -> None:
        try:
            await asyncio.sleep(100.0)
        except asyncio.CancelledError as error:
            seen.append(error)
            raise

    async def outer() -> None:
        try:
            await breaker.acall(sleep)
        except asyncio.CancelledError as error:
            seen.append(error)
            raise

    async def main() -> None:
        task = asyncio.ensure_future(outer())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen[0] is seen[1]
    assert (breaker.state, breaker.statistics().released) == (CLOSED, 1)


def test_a_native_cancellation_of_trio_passes_through_untouched() -> None:
    breaker, seen = made(failures=1), list[BaseException]()

    async def sleep() -> None:
        try:
            await trio.sleep_forever()
        except trio.Cancelled as error:
            seen.append(error)
            raise

    async def main() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await breaker.acall(sleep)
            except trio.Cancelled as error:
                seen.append(error)
                raise

    trio.run(main)
    assert seen[0] is seen[1]
    assert (breaker.state, breaker.statistics().released) == (CLOSED, 1)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_passes_through_without_a_verdict(kind: type[BaseException]) -> None:
    breaker, error = made(failures=1), kind()
    with pytest.raises(kind) as caught:
        breaker.call(breaks, error)
    assert caught.value is error
    assert (breaker.state, breaker.statistics().released) == (CLOSED, 1)
