from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import math
import sys
import threading
import time
import weakref
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import attrs
import pytest
import structlog
import trio

from actors.errors import (
    ActorsError,
    AuthenticationError,
    BadFrame,
    Banned,
    BulkheadFull,
    CallTimeout,
    Category,
    CircuitOpen,
    ConfigurationError,
    ConnectionLost,
    ExchangeUnavailable,
    InsufficientFunds,
    MemoryPressure,
    NetworkTimeout,
    OrderRejected,
    RateLimited,
    StrategyError,
    UnknownInstrument,
    UnknownOutcome,
    ValidationError,
)
from actors.resilience import BreakerConfig, BreakerMachine, BreakerState, CircuitBreaker, Permit, Transition
from actors.resilience.breaking.config import Refusal
from actors.resilience.breaking.verdict import BY_CATEGORY, in_words
from supervisor import SpecError
from supervisor.testing.virtual_time import virtual_backend

CLOSED, OPEN, HALF_OPEN, ISOLATED, DISABLED, METRICS_ONLY = BreakerState
BACKENDS = ["trio", "asyncio"]


class Lost(ConnectionLost):
    """A failure."""

    def __init__(self) -> None:
        super().__init__(clean=False, close_code=1006, reason="")


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def breaks(error: BaseException) -> None:
    raise error


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(Lost):
            breaker.call(breaks, Lost())


def answer(value: int = 42) -> int:
    return value


async def aanswer(value: int = 42) -> int:
    return value


def made(hand: Callable[[], float] | None = None, **options: Any) -> CircuitBreaker:
    return CircuitBreaker("rest", clock=hand, **options)


def run(backend: str, function: Callable[..., Any], *args: Any) -> Any:
    name, options = virtual_backend(backend)
    return anyio.run(function, *args, backend=name, backend_options=options)


# Options


def test_options_are_fields_of_the_configuration() -> None:
    assert CircuitBreaker("binance", failures=3).config == BreakerConfig(failures=3)


def test_options_win_over_a_configuration() -> None:
    breaker = CircuitBreaker("binance", BreakerConfig(failures=3, open_for=5.0), failures=4)
    assert breaker.config == BreakerConfig(failures=4, open_for=5.0)


def test_there_is_no_other_option() -> None:
    with pytest.raises(TypeError, match="failurs"):
        CircuitBreaker("binance", failurs=3)


@pytest.mark.parametrize("name", ["", None, 7])
def test_a_breaker_has_a_name(name: Any) -> None:
    with pytest.raises(SpecError, match=r"CircuitBreaker\.name is"):
        CircuitBreaker(name)


@pytest.mark.parametrize("option", ["failure_on", "ignore"])
@pytest.mark.parametrize("value", [KeyboardInterrupt, (OSError, trio.Cancelled), (OSError, "x"), 7])
def test_only_exceptions_can_be_judged(option: str, value: Any) -> None:
    with pytest.raises(SpecError, match=rf"CircuitBreaker\.{option} is"):
        CircuitBreaker("rest", **{option: value})


@pytest.mark.parametrize("option", ["failure_on", "ignore"])
def test_no_classes_at_all_are_refused(option: str) -> None:
    with pytest.raises(SpecError, match=rf"CircuitBreaker\.{option} is \(\); expected subclasses of Exception"):
        CircuitBreaker("rest", **{option: []})


@pytest.mark.parametrize("option", ["failure_on", "ignore", "failed_result"])
def test_an_async_predicate_is_refused(option: str) -> None:
    with pytest.raises(TypeError, match="async def"):
        CircuitBreaker("rest", **{option: aanswer})


def test_an_async_listener_is_refused() -> None:
    with pytest.raises(TypeError, match="async"):
        CircuitBreaker("rest", listeners=[aanswer])
    with pytest.raises(TypeError, match="async"):
        CircuitBreaker("rest").listen(aanswer)


def test_it_shows_itself_in_one_line() -> None:
    breaker = CircuitBreaker("rest", failure_rate=0.5, slow_after=2.0, slow_rate=0.8)
    assert str(breaker) == "CircuitBreaker rest: opens at 5 failures in a row or 50% failed or 80% slower than 2 s, for 30 s"


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


# Which errors are failures


def test_every_category_has_a_verdict() -> None:
    assert set(BY_CATEGORY) == set(Category)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (Lost(), "failures"),
        (NetworkTimeout("a ping", 5.0), "failures"),
        (RateLimited("slow down"), "failures"),
        (ExchangeUnavailable("busy"), "failures"),
        (BadFrame("no JSON", b"<html>"), "failures"),
        (UnknownOutcome("lost after it was sent"), "failures"),
        (CallTimeout("an order", 5.0), "failures"),
        (ActorsError("nobody knows"), "failures"),
        (AuthenticationError("a bad key"), "successes"),
        (ValidationError("quantity", -1, "more"), "successes"),
        (OrderRejected("too small"), "successes"),
        (InsufficientFunds("too poor"), "successes"),
        (UnknownInstrument("BTCUSD", "not listed"), "successes"),
        (ConfigurationError("bot.toml", ["a", "b"]), "ignored"),
        (StrategyError("lost its way"), "ignored"),
        (MemoryPressure(2, 1), "ignored"),
        (BulkheadFull("orders", 1), "ignored"),
        (CircuitOpen("inner", 5.0), "ignored"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_what_an_error_says_about_the_other_side(error: ActorsError, verdict: str) -> None:
    breaker = made()
    with pytest.raises(ActorsError):
        breaker.call(breaks, error)
    statistics = breaker.statistics()
    assert {name: getattr(statistics, name) for name in ("successes", "failures", "ignored")} == {
        "successes": 0,
        "failures": 0,
        "ignored": 0,
    } | {verdict: 1}


def is_key(error: Exception) -> bool:
    return isinstance(error, KeyError)


@pytest.mark.parametrize(
    ("options", "error", "verdict"),
    [
        ({"failure_on": KeyError}, KeyError("x"), "failures"),
        ({"failure_on": (KeyError, OSError)}, OSError("x"), "failures"),
        ({"failure_on": [KeyError, OSError]}, OSError("x"), "failures"),
        ({"failure_on": KeyError}, Lost(), "successes"),
        ({"failure_on": lambda error: "x" in str(error)}, ValueError("x"), "failures"),
        ({"ignore": Lost}, Lost(), "ignored"),
        ({"ignore": lambda error: True, "failure_on": Exception}, Lost(), "ignored"),
        ({"failure_on": KeyError}, ExceptionGroup("both", [KeyError("x"), ValueError("y")]), "failures"),
        ({"failure_on": is_key}, ExceptionGroup("both", [KeyError("x"), ValueError("y")]), "failures"),
        ({"ignore": is_key, "failure_on": ValueError}, ExceptionGroup("all", [KeyError(1), KeyError(2)]), "ignored"),
        ({"ignore": is_key, "failure_on": ValueError}, ExceptionGroup("both", [KeyError(1), ValueError(2)]), "failures"),
        ({"failure_on": set().__contains__}, ExceptionGroup("both", [KeyError("x")]), "successes"),
        ({"ignore": KeyError, "failure_on": ValueError}, ExceptionGroup("both", [KeyError(1), ValueError(2)]), "failures"),
        ({"ignore": KeyError, "failure_on": ValueError}, ExceptionGroup("all", [KeyError(1), KeyError(2)]), "ignored"),
    ],
)
def test_classes_and_predicates_say_otherwise(options: dict[str, Any], error: Exception, verdict: str) -> None:
    breaker = made(**options)
    with pytest.raises(type(error)):
        breaker.call(breaks, error)
    assert getattr(breaker.statistics(), verdict) == 1


@pytest.mark.parametrize("option", ["failure_on", "ignore"])
def test_a_predicate_that_raises_breaks_no_call_and_leaves_the_verdict_to_the_table(option: str) -> None:
    def broken(error: Exception) -> bool:
        raise RuntimeError("the predicate")

    breaker = made(**{option: broken})
    with structlog.testing.capture_logs() as logs:
        fail(breaker)
    statistics = breaker.statistics()
    assert (statistics.failures, statistics.hook_errors, len(logs)) == (1, 1, 1)


@pytest.mark.parametrize(("value", "failures"), [(500, 1), (200, 0)])
def test_a_result_can_be_a_failure(value: int, failures: int) -> None:
    breaker = made(failed_result=lambda status: status >= 500)
    assert breaker.call(answer, value) == value
    assert breaker.statistics().failures == failures


@pytest.mark.anyio
async def test_an_async_result_can_be_a_failure() -> None:
    breaker = made(failures=1, failed_result=lambda status: status >= 500)
    await breaker.acall(aanswer, 500)
    assert breaker.state is OPEN


def test_a_predicate_of_results_that_raises_loses_no_result() -> None:
    breaker = made(failed_result=lambda value: value > "a")
    with structlog.testing.capture_logs():
        assert breaker.call(answer, 7) == 7
    assert (breaker.statistics().successes, breaker.statistics().hook_errors) == (1, 1)


def test_an_error_that_cannot_show_itself_is_still_a_failure() -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert in_words(Silent()) == "Silent: (it cannot be shown: RuntimeError)"


# What the server asks for


@pytest.mark.parametrize(
    ("error", "until"),
    [
        (RateLimited("slow down", 7.0), 1007.0),
        (Banned("go away", None, 120.0), 1120.0),
        (ExchangeUnavailable("maintenance", 60.0), 1060.0),
        (RateLimited("slow down", 1e12), 1000.0 + 259_200.0),
    ],
    ids=["429", "418", "503", "absurd"],
)
def test_a_server_that_names_a_time_opens_it_until_then(error: ActorsError, until: float) -> None:
    breaker = made(Hand())
    with pytest.raises(type(error)):
        breaker.call(breaks, error)
    assert (breaker.state, breaker.statistics().retry_at) == (OPEN, until)


def test_a_ban_until_a_time_of_day_opens_it_until_then() -> None:
    error = Banned("go away", until=time.time() + 300.0)
    breaker = made(Hand())
    with pytest.raises(Banned):
        breaker.call(breaks, error)
    assert breaker.retry_after() == pytest.approx(300.0, abs=60.0)


@pytest.mark.parametrize("asked", [0.0, -5.0, math.nan, math.inf, None])
def test_a_time_that_makes_no_sense_is_an_ordinary_failure(asked: float | None) -> None:
    breaker = made(Hand())
    with pytest.raises(RateLimited):
        breaker.call(breaks, RateLimited("slow down", asked))
    assert (breaker.state, breaker.statistics().failures) == (CLOSED, 1)


def test_what_is_ignored_names_no_time() -> None:
    breaker = made(ignore=RateLimited)
    with pytest.raises(RateLimited):
        breaker.call(breaks, RateLimited("slow down", 7.0))
    assert breaker.state is CLOSED


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


# Time


@pytest.mark.anyio
async def test_the_state_is_never_stale() -> None:
    breaker = made(failures=1, open_for=30.0)
    fail(breaker)
    await anyio.sleep(29.9)
    assert (breaker.state, breaker.retry_after()) == (OPEN, pytest.approx(0.1))
    await anyio.sleep(0.1)
    assert (breaker.state, breaker.retry_after()) == (HALF_OPEN, 0.0)


@pytest.mark.anyio
async def test_a_refusal_says_until_when_in_time_of_the_loop() -> None:
    breaker, before = made(failures=1, open_for=30.0), anyio.current_time()
    fail(breaker)
    with pytest.raises(CircuitOpen) as caught:
        await breaker.acall(aanswer)
    assert caught.value.until == before + 30.0
    await anyio.sleep_until(caught.value.until)
    assert await breaker.acall(aanswer) == 42


@pytest.mark.parametrize("jump", [-1e9, 1e9])
def test_a_jump_of_the_wall_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    breaker, wall = made(failures=1), time.time
    fail(breaker)
    monkeypatch.setattr(time, "time", lambda: wall() + jump)
    assert breaker.state is OPEN
    assert 0.0 < breaker.retry_after() <= 30.0


@pytest.mark.parametrize("first", BACKENDS)
@pytest.mark.parametrize("second", BACKENDS)
def test_in_two_loops_one_after_the_other_it_keeps_its_time(first: str, second: str) -> None:
    breaker = made(failures=1, open_for=30.0)

    async def begin() -> None:
        fail(breaker)
        await anyio.sleep(10.0)
        assert breaker.state is OPEN

    async def go_on() -> None:
        assert breaker.retry_after() == pytest.approx(20.0)
        with pytest.raises(CircuitOpen) as caught:
            breaker.call(answer)
        assert caught.value.until == pytest.approx(anyio.current_time() + 20.0)
        await anyio.sleep(20.1)
        assert breaker.state is HALF_OPEN

    run(first, begin)
    run(second, go_on)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_it_tells_is_in_time_of_the_loop_that_is_told(backend: str) -> None:
    heard: list[float] = []
    breaker = made(failures=1, listeners=[lambda moved: heard.append(moved.at)])

    async def use(began: float) -> None:
        await anyio.sleep(began)
        breaker.reset(by="a test")
        fail(breaker)
        now = anyio.current_time()
        found = breaker.statistics()
        assert (heard[-1], found.changed_at, found.retry_at) == pytest.approx((now, now, now + 30.0))

    run(backend, use, 1000.0)
    run(backend, use, 10.0)  # a clock that says less than the one before


@pytest.mark.real_time
def test_in_a_thread_it_keeps_its_time() -> None:
    breaker, found = made(failures=1, open_for=30.0), list[float]()
    fail(breaker)
    thread = threading.Thread(target=lambda: found.append(breaker.retry_after()))
    thread.start()
    thread.join()
    assert 0.0 < found[0] <= 30.0


def test_slow_calls_open_it() -> None:
    hand = Hand()

    def slow() -> None:
        hand.at += 2.0

    breaker = made(hand, slow_after=2.0, slow_rate=1.0, minimum_calls=2)
    breaker.call(slow)
    breaker.call(slow)
    assert (breaker.state, breaker.statistics().slow) == (OPEN, 2)


def test_a_rate_of_failures_opens_it() -> None:
    breaker = made(failures=9, failure_rate=0.5, minimum_calls=4)
    for _ in range(2):
        breaker.call(answer)
        fail(breaker)
    assert breaker.state is OPEN


# Half-open


@pytest.mark.anyio
@pytest.mark.parametrize("probes", [1, 3])
async def test_of_fifty_calls_at_once_exactly_the_permitted_probes_are_made(probes: int) -> None:
    breaker, made_calls, refused = made(failures=1, probes=probes, successes=probes), [], []
    fail(breaker)
    await anyio.sleep(30.0)

    @breaker
    async def probe() -> None:
        made_calls.append(1)
        await anyio.sleep(1.0)

    async def attempt() -> None:
        try:
            await probe()
        except CircuitOpen as error:
            refused.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(attempt)
    assert (len(made_calls), len(refused), breaker.state) == (probes, 50 - probes, CLOSED)


@pytest.mark.real_time
@pytest.mark.parametrize("probes", [1, 3])
def test_of_fifty_threads_at_once_exactly_the_permitted_probes_are_made(probes: int) -> None:
    hand = Hand()
    breaker = made(hand, failures=1, probes=probes, successes=50)
    fail(breaker)
    hand.at += 30.0
    together, calls, refused = threading.Barrier(50), list[int](), list[Exception]()
    all_asked = threading.Event()

    def probe() -> None:
        calls.append(1)
        all_asked.wait(10.0)

    def attempt() -> None:
        together.wait(10.0)
        try:
            breaker.call(probe)
        except CircuitOpen as error:
            refused.append(error)
            if len(refused) == 50 - probes:
                all_asked.set()

    threads = [threading.Thread(target=attempt) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(calls), len(refused)) == (probes, 50 - probes)


def test_a_slow_call_from_before_the_opening_that_ends_half_open_is_not_counted() -> None:
    hand = Hand()
    breaker = made(hand, failures=1, successes=1)

    def slow() -> None:
        fail(breaker)
        hand.at += 30.0
        assert breaker.state is HALF_OPEN

    breaker.call(slow)
    assert (breaker.state, breaker.statistics().late) == (HALF_OPEN, 1)


def test_a_call_from_before_an_opening_and_a_closing_is_not_counted_either() -> None:
    hand = Hand()
    breaker = made(hand, failures=2, successes=1)

    def slow() -> None:
        fail(breaker, 2)
        hand.at += 30.0
        breaker.call(answer)
        fail(breaker)
        assert (breaker.state, breaker.statistics().consecutive_failures) == (CLOSED, 1)

    breaker.call(slow)
    assert (breaker.statistics().consecutive_failures, breaker.statistics().late) == (1, 1)


def test_a_success_that_began_in_the_calm_ends_a_row_of_failures_that_came_meanwhile() -> None:
    breaker = made()
    breaker.call(lambda: fail(breaker, 3))
    assert breaker.statistics().consecutive_failures == 0


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


# The operator


@pytest.mark.parametrize(
    ("verb", "state"),
    [("isolate", ISOLATED), ("disable", DISABLED), ("observe_only", METRICS_ONLY), ("reset", CLOSED)],
)
def test_what_an_operator_decides_is_told_with_his_name(verb: str, state: BreakerState) -> None:
    heard: list[Transition] = []
    breaker = made(listeners=[heard.append])
    getattr(breaker, verb)(by="anna: apiKey=abcdef")
    assert (breaker.state, heard[0].after, heard[0].by) == (state, state, "anna: apiKey=***")


@pytest.mark.parametrize("by", ["", "  ", None])
def test_nobody_decides_nothing(by: Any) -> None:
    breaker = made()
    with pytest.raises(ValueError, match="expected who decides it and why"):
        breaker.isolate(by=by)
    assert breaker.state is CLOSED


def test_an_isolated_breaker_says_that_only_an_operator_lets_go() -> None:
    breaker = made()
    breaker.isolate(by="anna")
    assert breaker.retry_after() == math.inf
    with pytest.raises(CircuitOpen, match="rest is isolated until an operator lets go"):
        breaker.call(answer)


def test_metrics_only_lets_pass_and_tells_once_that_it_would_have_opened() -> None:
    heard: list[str] = []
    breaker = made(failures=2, listeners=[lambda moved: heard.append(moved.why)])
    breaker.observe_only(by="anna")
    fail(breaker, 5)
    assert (heard, breaker.statistics().failures) == (["only observed", "would have opened: 2 failures in a row"], 5)


def test_it_can_be_opened_for_a_time() -> None:
    breaker = made(Hand())
    breaker.open_for(7.0, by="anna")
    assert (breaker.state, breaker.retry_after()) == (OPEN, 7.0)


@pytest.mark.anyio
async def test_it_can_be_opened_until_a_moment_of_the_loop() -> None:
    breaker = made()
    await anyio.sleep(5.0)
    breaker.open_until(anyio.current_time() + 7.0)
    assert breaker.retry_after() == pytest.approx(7.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, "7", None, True])
def test_a_time_that_is_none_is_refused(value: Any) -> None:
    breaker = made()
    with pytest.raises(ValueError, match=r"open_for\("):
        breaker.open_for(value)
    with pytest.raises(ValueError, match=r"open_until\("):
        breaker.open_until(value)


# Listeners


def test_listeners_hear_of_transitions_in_their_order() -> None:
    heard: list[tuple[BreakerState, BreakerState, float]] = []
    hand = Hand()
    breaker = made(hand, failures=1, successes=1)
    breaker.listen(lambda moved: heard.append((moved.before, moved.after, moved.at)))
    fail(breaker)
    hand.at += 45.0
    breaker.call(answer)
    assert heard == [(CLOSED, OPEN, 1000.0), (OPEN, HALF_OPEN, 1030.0), (HALF_OPEN, CLOSED, 1045.0)]


def test_a_listener_that_raises_breaks_no_call_and_keeps_nothing_from_the_others() -> None:
    heard: list[Transition] = []
    breaker = made(failures=1, listeners=[lambda moved: breaks(RuntimeError("apiKey=abcdef")), heard.append])
    with structlog.testing.capture_logs() as logs:
        fail(breaker)
    assert (len(heard), breaker.statistics().hook_errors) == (1, 1)
    assert "abcdef" not in str(logs)


def test_a_listener_may_use_the_breaker_and_the_order_stays() -> None:
    heard: list[BreakerState] = []
    breaker = made(failures=1)

    def listener(moved: Transition) -> None:
        if moved.after is OPEN:
            breaker.reset(by="a listener")
        heard.append(moved.after)

    breaker.listen(listener)
    fail(breaker)
    assert (heard, breaker.state) == ([OPEN, CLOSED], CLOSED)


@pytest.mark.real_time
def test_a_listener_that_hangs_holds_up_nobody_else() -> None:
    entered, go_on = threading.Event(), threading.Event()
    heard: list[BreakerState] = []

    def hangs(moved: Transition) -> None:
        heard.append(moved.after)
        if moved.after is OPEN:
            entered.set()
            go_on.wait(10.0)

    breaker = made(failures=1, listeners=[hangs])
    thread = threading.Thread(target=fail, args=(breaker,))
    thread.start()
    assert entered.wait(10.0)
    with pytest.raises(CircuitOpen):
        breaker.call(answer)
    breaker.reset(by="anna")
    assert (breaker.call(answer), heard) == (42, [OPEN])
    go_on.set()
    thread.join()
    assert heard == [OPEN, CLOSED]


def test_a_listener_that_is_interrupted_costs_no_probe_and_the_next_is_told() -> None:
    heard: list[BreakerState] = []
    hand = Hand()

    def interrupted(moved: Transition) -> None:
        heard.append(moved.after)
        if moved.after is HALF_OPEN:
            raise KeyboardInterrupt

    breaker = made(hand, failures=1, successes=1, listeners=[interrupted])
    fail(breaker)
    hand.at += 30.0
    with pytest.raises(KeyboardInterrupt):
        breaker.call(answer)
    assert (breaker.statistics().probes_in_flight, breaker.call(answer)) == (0, 42)
    assert heard == [OPEN, HALF_OPEN, CLOSED]


def test_openings_are_spread_by_random_numbers_of_their_own() -> None:
    hand, numbers = Hand(), iter([0.0, 0.75, 0.5, 0.5])
    breaker = made(hand, failures=1, open_jitter=0.1, open_factor=1.0, random=lambda: next(numbers))
    waits = []
    for _ in range(3):
        fail(breaker)
        waits.append(breaker.retry_after())
        hand.at += waits[-1]
    assert waits == pytest.approx([27.0, 31.5, 30.0])


# Statistics


def test_calm_successes_are_counted() -> None:
    breaker = made()
    guarded = breaker(answer)
    for _ in range(7):
        guarded()
    assert (breaker.statistics().successes, breaker.statistics().calls) == (7, 7)


def test_a_disabled_breaker_records_nothing() -> None:
    breaker = made()
    breaker.disable(by="anna")
    breaker.call(answer)
    fail(breaker, 20)
    assert (breaker.state, breaker.statistics().calls) == (DISABLED, 0)


def test_the_statistics_know_all_that_happened() -> None:
    hand = Hand()
    breaker = made(hand, failures=1, successes=1, ignore=KeyError)
    breaker.call(answer)
    with pytest.raises(KeyError):
        breaker.call(breaks, KeyError("x"))
    with pytest.raises(KeyboardInterrupt):
        breaker.call(breaks, KeyboardInterrupt())
    fail(breaker)
    with pytest.raises(CircuitOpen):
        breaker.call(answer)
    found = breaker.statistics()
    assert (found.calls, found.successes, found.failures, found.ignored, found.released, found.refused) == (4, 1, 1, 1, 1, 1)
    assert (found.openings, found.openings_total, found.changed_at, found.retry_at) == (1, 1, 1000.0, 1030.0)


# Many at once


@pytest.mark.anyio
async def test_two_uses_at_once_do_not_mix() -> None:
    breaker = made()

    @breaker
    async def one(seconds: float, *, failing: bool) -> float:
        await anyio.sleep(seconds)
        if failing:
            raise Lost
        return seconds

    results: list[object] = []

    async def attempt(seconds: float, *, failing: bool) -> None:
        try:
            results.append(await one(seconds, failing=failing))
        except Lost:
            results.append("lost")

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: attempt(3.0, failing=False))
        group.start_soon(lambda: attempt(2.0, failing=True))
        group.start_soon(lambda: attempt(1.0, failing=False))
    assert results == [1.0, "lost", 3.0]
    assert (breaker.statistics().successes, breaker.statistics().failures) == (2, 1)


class Locked(BreakerMachine):
    """A machine that is only used under its owner's lock, whatever the shell does with it."""

    def try_acquire(self, now: float, holder: Hashable = None) -> Permit | Refusal:
        assert lock_of[self.name]._is_owned()
        return super().try_acquire(now, holder)

    def record_success(self, permit: Permit, now: float) -> None:
        assert lock_of[self.name]._is_owned()
        super().record_success(permit, now)

    def record_failure(self, permit: Permit, now: float, open_until: float | None = None, reason: str | None = None) -> None:
        assert lock_of[self.name]._is_owned()
        super().record_failure(permit, now, open_until, reason)

    def record_ignored(self, permit: Permit) -> None:
        assert lock_of[self.name]._is_owned()
        super().record_ignored(permit)

    def release(self, permit: Permit) -> None:
        assert lock_of[self.name]._is_owned()
        super().release(permit)

    def _pass_time(self, now: float) -> float:
        assert lock_of[self.name]._is_owned()
        return super()._pass_time(now)


lock_of: dict[str, Any] = {}


def owned(breaker: CircuitBreaker) -> bool:
    lock: Any = breaker._lock
    return bool(lock._is_owned())


@pytest.mark.parametrize("options", [{}, {"failure_rate": 0.9}, {"slow_after": 5.0}], ids=["plain", "rate", "slow"])
def test_the_machine_is_used_under_the_lock_and_foreign_code_runs_outside_of_it(options: dict[str, Any]) -> None:
    hand = Hand()

    def foreign(_: object) -> bool:
        assert not owned(breaker)
        return False

    def random() -> float:
        assert not owned(breaker) if lock_of else True
        return 0.5

    lock_of.clear()
    breaker = made(hand, failures=2, ignore=foreign, failed_result=foreign, listeners=[foreign], random=random, **options)
    breaker._machine = Locked("rest", breaker.config)
    lock_of["rest"] = breaker._lock
    for _ in range(2):
        breaker.call(answer)
        fail(breaker, 2)
        assert (breaker.state, breaker.retry_after()) == (OPEN, 30.0)
        with pytest.raises(CircuitOpen):
            breaker.call(answer)
        breaker.reset(by="a test")
    with pytest.raises(KeyboardInterrupt):
        breaker.call(breaks, KeyboardInterrupt())
    for verb in ("observe_only", "isolate", "disable"):
        getattr(breaker, verb)(by="a test")
    assert breaker.statistics().hook_errors == 0


WORK = [(number * 7919) % 10 for number in range(2_400)]
"""What each call does: 0 fails, 1 is ignored, everything else succeeds."""


def one_call(kind: int) -> None:
    if kind == 0:
        raise Lost
    if kind == 1:
        raise KeyError


@pytest.mark.real_time
@pytest.mark.parametrize(
    "options",
    [{}, {"failure_rate": 0.9}, {"failure_rate": 0.9, "window_seconds": 3600.0}, {"slow_after": 3600.0}],
    ids=["plain", "count window", "time window", "slow"],
)
def test_eight_threads_count_what_one_counts(options: dict[str, Any]) -> None:
    def used(parts: list[list[int]]) -> dict[str, Any]:
        breaker = CircuitBreaker("rest", failures=10_000, window=10_000, ignore=KeyError, **options)
        guarded, together = breaker(one_call), threading.Barrier(len(parts))

        def work(part: list[int]) -> None:
            together.wait(10.0)
            for kind in part:
                with contextlib.suppress(Lost, KeyError):
                    guarded(kind)

        threads = [threading.Thread(target=work, args=(part,)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = attrs.asdict(breaker.statistics())
        return {name: found[name] for name in found if name not in {"retry_at", "consecutive_failures"}}

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        together = used([WORK[start::8] for start in range(8)])
    finally:
        sys.setswitchinterval(before)
    assert together == used([WORK])


@pytest.mark.parametrize("option", ["clock", "random"])
def test_a_clock_and_a_random_source_are_functions(option: str) -> None:
    with pytest.raises(SpecError, match=rf"CircuitBreaker\.{option} is 5; expected a function"):
        CircuitBreaker("rest", **{option: 5})


def test_one_failure_is_one_failure() -> None:
    heard: list[str] = []
    breaker = CircuitBreaker("rest", failures=1, listeners=[lambda change: heard.append(change.why)])
    with breaker as call:
        call.fail("too old")
    assert (heard, str(breaker)) == (["1 failure"], "CircuitBreaker rest: opens at 1 failure, for 30 s")
