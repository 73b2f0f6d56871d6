"""What the type checkers must know of `actors.resilience`. Only checked, never run; in the style of api.py beside this."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from collections.abc import Callable, Coroutine
from typing import Any, assert_type

from actors.errors import ErrorContext
from actors.resilience import (
    Attempt,
    CircuitBreaker,
    Deadline,
    Delays,
    Entered,
    Fallback,
    FallbackOutcome,
    Hedge,
    Limit,
    Pipeline,
    PipelineAttempt,
    Race,
    RateLimiter,
    Retry,
    Timeout,
    async_error_context,
    circuit_breaker,
    error_context,
    handle_errors,
    resilient,
    retry_on_network_error,
)

TIMEOUT = Timeout(within=5.0)
HEDGE = Hedge(delay=0.2, idempotent=True)
BREAKER = CircuitBreaker("binance")
RETRY = Retry()
LIMITER = RateLimiter(windows=[Limit(50, within=10.0)])
PIPELINE = Pipeline(RETRY, BREAKER, TIMEOUT)
ANSWER = Fallback(value=0.0)


async def fetch(symbol: str, *, depth: int = 5) -> float:
    return 1.0


def read(symbol: str, *, depth: int = 5) -> float:
    return 1.0


Fetch = Coroutine[Any, Any, float]

# ---- decorated functions keep their signature


@TIMEOUT
async def timed(symbol: str, *, depth: int = 5) -> float:
    return 1.0


@ANSWER
async def answered(symbol: str) -> float:
    return 1.0


@HEDGE
async def hedged(symbol: str) -> float:
    return 1.0


@BREAKER
async def guarded(symbol: str) -> float:
    return 1.0


@RETRY
async def retried(symbol: str) -> float:
    return 1.0


@PIPELINE
async def piped(symbol: str) -> float:
    return 1.0


@PIPELINE
def piped_read(symbol: str) -> float:
    return 1.0


@resilient
async def safe(symbol: str) -> float:
    return 1.0


@resilient(name="rest", attempts=5, timeout=None, breaker="binance", limit=[TIMEOUT], fallback=0.0)
async def safer(symbol: str) -> float:
    return 1.0


@resilient
def safe_read(symbol: str) -> float:
    return 1.0


@retry_on_network_error
async def networked(symbol: str) -> float:
    return 1.0


@retry_on_network_error(attempts=5, idempotent=True)
def networked_read(symbol: str) -> float:
    return 1.0


@circuit_breaker("binance", failures=3)
async def broken(symbol: str) -> float:
    return 1.0


@handle_errors("read", "rest")
async def handled(symbol: str) -> float:
    return 1.0


@handle_errors("read", "rest", fallback=None)
async def handled_or_none(symbol: str) -> float:
    return 1.0


@handle_errors("read", "rest", fallback=None)
def read_or_none(symbol: str) -> float:
    return 1.0


@handle_errors("read", "rest", fallback=0.0)
def read_or_zero(symbol: str) -> float:
    return 1.0


class Rest:
    @PIPELINE
    async def fetch(self, symbol: str) -> float:
        return 1.0

    @resilient(timeout=5.0)
    async def fetch_safely(self, symbol: str) -> float:
        return 1.0

    @TIMEOUT
    def read(self, symbol: str) -> float:
        return 1.0

    @handle_errors("read", "rest", fallback=None)
    async def fetch_or_none(self, symbol: str) -> float:
        return 1.0

    @handle_errors("read", "rest", fallback=None)
    def read_or_none(self, symbol: str) -> float:
        return 1.0


async def call_them() -> None:
    assert_type(await timed("BTC", depth=3), float)
    await timed(5)  # type: ignore[arg-type]
    await timed("BTC", deep=3)  # type: ignore[call-arg]
    assert_type(await answered("BTC"), float)
    assert_type(await hedged("BTC"), float)
    assert_type(await guarded("BTC"), float)
    assert_type(await retried("BTC"), float)
    assert_type(await piped("BTC"), float)
    await piped(5)  # type: ignore[arg-type]
    assert_type(piped_read("BTC"), float)
    assert_type(await safe("BTC"), float)
    await safe(5)  # type: ignore[arg-type]
    assert_type(await safer("BTC"), float)
    await safer(5)  # type: ignore[arg-type]
    assert_type(safe_read("BTC"), float)
    assert_type(await networked("BTC"), float)
    assert_type(networked_read("BTC"), float)
    await networked(5)  # type: ignore[arg-type]
    assert_type(await broken("BTC"), float)
    assert_type(await handled("BTC"), float)
    assert_type(await handled_or_none("BTC"), float | None)
    await handled_or_none(5)  # type: ignore[arg-type]
    assert_type(read_or_none("BTC"), float | None)
    read_or_none(5)  # type: ignore[arg-type]
    assert_type(read_or_zero("BTC"), float)


async def call_methods(rest: Rest) -> None:
    assert_type(await rest.fetch("BTC"), float)
    await rest.fetch(5)  # type: ignore[arg-type]
    assert_type(await rest.fetch_safely("BTC"), float)
    assert_type(rest.read("BTC"), float)
    rest.read(5)  # type: ignore[arg-type]
    assert_type(await rest.fetch_or_none("BTC"), float | None)
    assert_type(rest.read_or_none("BTC"), float | None)


# ---- calls


async def call_through() -> None:
    assert_type(await TIMEOUT.acall(fetch, "BTC", depth=3), float)
    await TIMEOUT.acall(fetch, 5)  # type: ignore[arg-type]
    assert_type(TIMEOUT.call(read, "BTC"), float)
    assert_type(await PIPELINE.acall(fetch, "BTC"), float)
    assert_type(PIPELINE.call(read, "BTC"), float)
    PIPELINE.call(read, "BTC", deep=3)  # type: ignore[call-arg]


def choose(function: Callable[[str], Fetch]) -> Callable[[str], Fetch]:
    return PIPELINE(function)


# ---- blocks


async def enter_blocks() -> None:
    async with TIMEOUT as deadline:
        assert_type(deadline, Deadline)
        assert_type(deadline.remaining(), float)
    with TIMEOUT as deadline:
        assert_type(deadline, Deadline)
    async with ANSWER as outcome:
        assert_type(outcome, FallbackOutcome[float])
        outcome.value = await fetch("BTC")
    assert_type(outcome.value, float)
    with ANSWER as outcome:
        outcome.value = "1.0"  # type: ignore[assignment]
    async with HEDGE as race:
        assert_type(race, Race)
        assert_type(await race(fetch, "BTC"), float)
        await race(fetch, 5)  # type: ignore[call-overload]
    with HEDGE as race:
        assert_type(race(read, "BTC"), float)
    async with PIPELINE as entered:
        assert_type(entered, Entered)
        assert_type(entered[TIMEOUT], Deadline)
        assert_type(entered[ANSWER], FallbackOutcome[float])
    async for attempt in PIPELINE:
        async with attempt:
            assert_type(attempt, PipelineAttempt)
            assert_type(attempt[TIMEOUT].remaining(), float)
    for attempt in PIPELINE:
        with attempt as same:
            assert_type(same, PipelineAttempt)
    async for one in RETRY:
        async with one:
            assert_type(one, Attempt)


def enter_contexts() -> int:
    # The checkers know that nothing is swallowed: no return is missing after it.
    with error_context(component="router", request_id="r1") as context:
        assert_type(context, ErrorContext)
        return 1


async def enter_async_contexts() -> int:
    async with async_error_context(component="router") as context:
        assert_type(context, ErrorContext)
        return 1


def enter_policies_that_swallow_nothing() -> int:
    with TIMEOUT, BREAKER, HEDGE, LIMITER:
        return 1


async def enter_async_policies_that_swallow_nothing() -> int:
    async with TIMEOUT, BREAKER, HEDGE, LIMITER:
        return 1


def go_on_after_what_may_answer() -> int:
    with ANSWER:
        return 1
    return 2


# ---- options


def make_policies() -> None:
    assert_type(ANSWER, Fallback[float])
    assert_type(Fallback(function=lambda error: 1), Fallback[int])
    Hedge(delay=1.0)  # type: ignore[call-arg]
    Timeout(within="5")  # type: ignore[arg-type]
    Pipeline(5)  # type: ignore[arg-type]
    circuit_breaker("binance", failure=3)  # type: ignore[call-arg]
    circuit_breaker("binance", failures=3, failure_on=OSError, failed_result=callable)
    Delays(kind="linear", jitter="full")
    assert_type([one.name for one in (RETRY, BREAKER, TIMEOUT, HEDGE, LIMITER, ANSWER, PIPELINE)], list[str])
