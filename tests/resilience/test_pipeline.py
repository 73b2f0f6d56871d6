from __future__ import annotations

import asyncio
import gc
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from actors.errors import CallTimeout, CircuitOpen, ConnectFailed, UnknownOutcome
from actors.resilience import (
    CircuitBreaker,
    Delays,
    Fallback,
    Hedge,
    Pipeline,
    PipelineWarning,
    Retry,
    Timeout,
    handle_errors,
)
from actors.resilience.limiting.bulkhead import Bulkhead
from actors.resilience.limiting.limit import Limit
from actors.resilience.limiting.limiter import RateLimiter
from actors.resilience.policy import Policy
from supervisor import SpecError
from supervisor.testing.virtual_time import virtual_backend

pytestmark = pytest.mark.anyio
on_asyncio = pytest.mark.parametrize("anyio_backend", [virtual_backend("asyncio")], ids=["asyncio"])


def lost(reason: str = "gone") -> ConnectFailed:
    return ConnectFailed("wss://example.org", reason)


def retry(**options: Any) -> Retry:
    options.setdefault("delays", Delays(initial=1.0, factor=1.0, maximum=1.0))
    return Retry(idempotent=True, random=lambda: 1.0, **options)


def whole() -> Pipeline:
    return Pipeline(
        Fallback(cached=60.0, on=ConnectFailed),
        retry(),
        RateLimiter(windows=(Limit(1000, 1.0),)),
        Bulkhead(limit=2),
        CircuitBreaker("whole"),
        Timeout(within=90.0),
    )


POLICIES: dict[str, Callable[[], Policy[Any]]] = {
    "timeout": lambda: Timeout(within=90.0),
    "fallback": lambda: Fallback(value=None),
    "cached": lambda: Fallback(cached=60.0),
    "hedge": lambda: Hedge(delay=1.0, idempotent=True),
    "retry": retry,
    "breaker": lambda: CircuitBreaker("one"),
    "limiter": lambda: RateLimiter(windows=(Limit(1000, 1.0),)),
    "bulkhead": lambda: Bulkhead(limit=2),
    "handler": lambda: handle_errors("fetch", "rest"),
    "answering handler": lambda: handle_errors("fetch", "rest", fallback=None),  # a policy
    "pipeline": whole,
}
each = pytest.mark.parametrize("make", POLICIES.values(), ids=POLICIES)
BLOCKS = {name: make for name, make in POLICIES.items() if name not in ("retry", "pipeline", "answering handler")}
each_block = pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS)


class Call:
    """Hangs, and says whether it is over."""

    def __init__(self) -> None:
        self.began = 0
        self.over = 0

    async def hang(self) -> None:
        self.began += 1
        try:
            await anyio.sleep(60.0)
        finally:
            self.over += 1


# ---- cancellation, through every wrapper


@each
async def test_a_cancellation_from_outside_passes_and_nothing_is_left(make: Callable[[], Policy[Any]]) -> None:
    policy, call = make(), Call()
    for _ in range(3):
        with anyio.move_on_after(5.0) as outer:
            await policy.acall(call.hang)
        assert outer.cancelled_caught
    assert call.began == call.over >= 3
    assert await policy.acall(_one) == 1, "what was taken was given back"


@on_asyncio
@each
async def test_asyncios_own_cancellation_passes_as_it_is(make: Callable[[], Policy[Any]]) -> None:
    policy, call = make(), Call()
    seen: list[BaseException] = []

    async def run() -> None:
        try:
            await policy.acall(call.hang)
        except BaseException as error:
            seen.append(error)
            raise

    for _ in range(3):
        task = asyncio.ensure_future(run())
        await asyncio.sleep(0.5)
        task.cancel("mine")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelling() == 1
    assert [(type(error), error.args) for error in seen] == [(asyncio.CancelledError, ("mine",))] * 3
    assert call.began == call.over == 3
    assert await policy.acall(_one) == 1


@each
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit], ids=lambda kind: kind.__name__)
async def test_what_is_no_exception_arrives_as_the_same_object(
    make: Callable[[], Policy[Any]], kind: type[BaseException]
) -> None:
    error = kind("mine")

    async def fail() -> None:
        await anyio.lowlevel.checkpoint()
        raise error

    policy = make()
    for _ in range(3):
        with pytest.raises(kind) as caught:
            await policy.acall(fail)
        assert caught.value is error
    assert not hasattr(error, "__notes__")
    assert await policy.acall(_one) == 1


@each
def test_what_is_no_exception_arrives_from_a_sync_call_too(make: Callable[[], Policy[Any]]) -> None:
    error = KeyboardInterrupt("mine")

    def fail() -> None:
        raise error

    policy = make()
    with pytest.raises(KeyboardInterrupt) as caught:
        policy.call(fail)
    assert caught.value is error
    assert policy.call(lambda: 1) == 1


@each_block
async def test_a_cancellation_from_outside_passes_through_a_block(make: Callable[[], Policy[Any]]) -> None:
    policy = make()
    for _ in range(3):
        with anyio.move_on_after(5.0) as outer:
            async with policy:
                await anyio.sleep(60.0)
        assert outer.cancelled_caught
    async with policy:
        pass


@each_block
async def test_what_is_no_exception_passes_through_a_block(make: Callable[[], Policy[Any]]) -> None:
    policy, error = make(), KeyboardInterrupt("mine")
    with pytest.raises(KeyboardInterrupt) as caught:
        async with policy:
            raise error
    assert caught.value is error
    with pytest.raises(KeyboardInterrupt) as caught, policy:
        raise error
    assert caught.value is error


async def _one() -> int:
    return 1


# ---- around functions


class Log(Policy[str]):
    """Writes down what it sees."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self.name = name
        self.lines = lines

    def __str__(self) -> str:
        return self.name

    def statistics(self) -> int:
        return len(self.lines)

    def _wrapped(self, function: Any) -> Any:
        def logged(*args: Any, **kwargs: Any) -> Any:
            self.lines.append(f"{self.name} in")
            try:
                return function(*args, **kwargs)
            finally:
                self.lines.append(f"{self.name} out")

        return logged

    def _awrapped(self, function: Any) -> Any:
        async def logged(*args: Any, **kwargs: Any) -> Any:
            self.lines.append(f"{self.name} in")
            try:
                return await function(*args, **kwargs)
            finally:
                self.lines.append(f"{self.name} out")

        return logged

    def _passage(self) -> Any:
        return _LogPassage(self)


class _LogPassage:
    def __init__(self, log: Log) -> None:
        self.log = log

    def enter(self) -> str:
        self.log.lines.append(f"{self.log.name} in")
        return self.log.name

    def leave(self, error: BaseException | None) -> bool:
        self.log.lines.append(f"{self.log.name} out {type(error).__name__}")
        return False

    async def aenter(self) -> str:
        return self.enter()

    async def aleave(self, error: BaseException | None) -> bool:
        return self.leave(error)


async def test_the_first_is_outermost() -> None:
    lines: list[str] = []
    pipeline = Pipeline(Log("a", lines), Log("b", lines))
    assert await pipeline.acall(_one) == 1
    assert lines == ["a in", "b in", "b out", "a out"]
    lines.clear()
    assert pipeline.call(lambda: 1) == 1
    assert lines == ["a in", "b in", "b out", "a out"]


async def test_a_fallback_outside_answers_when_all_attempts_failed() -> None:
    calls = 0

    @Pipeline(Fallback(value=-1), retry(attempts=3))
    async def fetch() -> int:
        nonlocal calls
        calls += 1
        raise lost()

    assert await fetch() == -1
    assert calls == 3


async def test_a_timeout_inside_is_for_each_attempt() -> None:
    delays = iter([9.0, 9.0, 0.5])

    @Pipeline(retry(attempts=3), Timeout(within=2.0))
    async def fetch() -> int:
        await anyio.sleep(next(delays))
        return 7

    assert await fetch() == 7


async def test_a_timeout_outside_is_for_all_attempts_and_their_waits() -> None:
    began = anyio.current_time()

    @Pipeline(Timeout(within=2.5, name="total"), retry(attempts=9))
    async def fetch() -> int:
        raise lost()

    with pytest.raises(CallTimeout, match="total"):
        await fetch()
    assert anyio.current_time() - began == pytest.approx(2.5)


async def test_the_timeout_names_the_function_and_not_what_is_between() -> None:
    async def fetch() -> None:
        await anyio.sleep(9.0)

    with pytest.raises(CallTimeout) as caught:
        await Pipeline(Timeout(within=1.0), Fallback(cached=1.0), CircuitBreaker("x"), Bulkhead(limit=1)).acall(fetch)
    assert caught.value.what.endswith("fetch")


async def test_a_breaker_inside_of_a_retry_judges_each_attempt() -> None:
    breaker = CircuitBreaker("each", failures=2, open_for=60.0)

    async def fetch() -> None:
        raise lost()

    with pytest.raises((ConnectFailed, CircuitOpen)):
        await Pipeline(retry(attempts=2), breaker).acall(fetch)
    assert breaker.state == "open"
    breaker = CircuitBreaker("all", failures=2, open_for=60.0)
    with pytest.raises(ConnectFailed):
        await Pipeline(breaker, retry(attempts=2)).acall(fetch)
    assert breaker.state == "closed"


async def test_two_calls_at_once_do_not_mix() -> None:
    results = []
    failures = {"slow": 2, "fast": 0}

    @Pipeline(Fallback(cached=60.0), retry(attempts=3), Timeout(within=5.0))
    async def fetch(name: str) -> str:
        await anyio.sleep(0.5)
        if failures[name]:
            failures[name] -= 1
            raise lost()
        return name

    async def call(name: str) -> None:
        results.append(await fetch(name))

    async with anyio.create_task_group() as group:
        group.start_soon(call, "slow")
        group.start_soon(call, "fast")
    assert results == ["fast", "slow"]


def test_a_sync_retry_is_not_put_where_it_would_go_on_alone() -> None:
    for outside in (Timeout(within=1.0), Hedge(delay=1.0, idempotent=True)):
        with pytest.raises(TypeError, match=r"Retry\(within="):
            Pipeline(outside, retry())(lambda: 1)
    assert Pipeline(retry(), Timeout(within=60.0))(lambda: 1)() == 1


def test_a_wall_clock_that_jumps_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    @whole()
    def work() -> int:
        monkeypatch.setattr(time, "time", lambda: 0.0)
        return 1

    assert [work(), work()] == [1, 1]


@pytest.mark.real_time
def test_eight_threads_do_what_one_does() -> None:
    pipeline = Pipeline(Fallback(value=-1, on=UnknownOutcome), Retry(), CircuitBreaker("threads"))

    @pipeline
    def double(value: int) -> int:
        if value % 10 == 0:
            raise UnknownOutcome("ask first")
        return value * 2

    results: list[int] = []

    def work(start: int) -> None:
        results.extend(double(value) for value in range(start, start + 50))

    threads = [threading.Thread(target=work, args=(start,)) for start in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [-1 if value % 10 == 0 else value * 2 for start in range(1, 9) for value in range(start, start + 50)]
    assert sorted(results) == sorted(expected)


# ---- around blocks


async def test_a_block_is_entered_in_order_and_left_in_reverse() -> None:
    lines: list[str] = []
    first, second = Log("a", lines), Log("b", lines)
    pipeline = Pipeline(first, second)
    async with pipeline as entered:
        lines.append(f"{entered[first]} {entered[second]}")
    with pytest.raises(KeyError), pipeline:
        raise KeyError("x")
    assert lines == [
        "a in",
        "b in",
        "a b",
        "b out NoneType",
        "a out NoneType",
        "a in",
        "b in",
        "b out KeyError",
        "a out KeyError",
    ]


async def test_each_sees_what_the_next_inner_one_left_of_the_error() -> None:
    lines: list[str] = []
    answering = Fallback(value=0)
    async with Pipeline(Log("a", lines), answering, Log("b", lines)) as entered:
        raise lost()
    assert lines == ["a in", "b in", "b out ConnectFailed", "a out NoneType"]
    assert entered[answering].value == 0
    lines.clear()
    with pytest.raises(CallTimeout):
        async with Pipeline(Log("a", lines), Timeout(within=1.0)):
            await anyio.sleep(9.0)
    assert lines == ["a in", "a out CallTimeout"]


async def test_who_refuses_a_block_undoes_what_was_entered_before() -> None:
    lines: list[str] = []
    breaker = CircuitBreaker("shut")
    breaker.isolate(by="a test")
    answering = Fallback(value=0, on=CircuitOpen)
    for policies in ((Log("a", lines), answering, breaker), (Log("a", lines), Bulkhead(limit=1), breaker)):
        lines.clear()
        with pytest.raises(CircuitOpen):
            async with Pipeline(*policies):
                pytest.fail("the block has run")
        with pytest.raises(CircuitOpen), Pipeline(*policies):
            pytest.fail("the block has run")
        assert lines == ["a in", "a out _NotRun"] * 2
    assert answering.statistics().values == 0, "a block cannot be skipped, so nothing stands in for it"


async def test_a_wait_for_a_place_is_part_of_the_timeout_outside() -> None:
    bulkhead = Bulkhead(limit=1)

    async def hold() -> None:
        async with bulkhead:
            await anyio.sleep(60.0)

    async with anyio.create_task_group() as group:
        group.start_soon(hold)
        await anyio.sleep(1.0)
        with pytest.raises(CallTimeout):
            async with Pipeline(Timeout(within=2.0), bulkhead):
                pytest.fail("the block has run")
        with anyio.move_on_after(2.0) as outer:
            async with Pipeline(Timeout(within=9.0), bulkhead):
                pytest.fail("the block has run")
        assert outer.cancelled_caught
        group.cancel_scope.cancel()
    async with bulkhead:
        pass


async def test_a_block_cannot_be_run_again() -> None:
    with pytest.raises(TypeError, match="for attempt in pipeline"):
        async with whole():
            pass
    with pytest.raises(TypeError, match="for attempt in pipeline"), whole():
        pass
    with pytest.raises(TypeError, match="with pipeline"):
        iter(Pipeline(Timeout(within=1.0)))


async def test_a_loop_enters_what_is_outside_once_and_what_is_inside_for_each_attempt() -> None:
    lines: list[str] = []
    inside = Log("in", lines)
    async for attempt in Pipeline(Log("out", lines), retry(attempts=3), inside):
        async with attempt:
            lines.append(f"{attempt.number} {attempt[inside]}")
            if attempt.number < 3:
                raise lost()
    assert lines == [
        "out in",
        *("in in", "1 in", "in out ConnectFailed"),
        *("in in", "2 in", "in out ConnectFailed"),
        *("in in", "3 in", "in out NoneType"),
        "out out NoneType",
    ]


def test_a_sync_loop_does_the_same() -> None:
    lines: list[str] = []
    policy = retry(attempts=2, delays=Delays(initial=0.001, maximum=0.001))
    with pytest.raises(ConnectFailed):
        for attempt in Pipeline(Log("out", lines), policy, Log("in", lines)):
            with attempt:
                raise lost()
    once = ["in in", "in out ConnectFailed"]
    assert lines == ["out in", *once, *once, "out out ConnectFailed"]


async def test_a_fallback_outside_of_the_attempts_answers_the_last_error() -> None:
    fallback = Fallback(value=0)
    attempts = 0
    async for attempt in Pipeline(fallback, retry(attempts=2)):
        async with attempt:
            attempts += 1
            raise lost()
    assert (attempts, attempt[fallback].value) == (2, 0)


async def test_an_attempt_that_is_refused_is_tried_again() -> None:
    breaker = CircuitBreaker("opens", failures=1, open_for=5.0)
    breaker.open_for(5.0)
    made = []
    async for attempt in Pipeline(retry(attempts=2), breaker):
        async with attempt:
            made.append(attempt.number)
    assert made == [2]
    breaker.isolate(by="a test")
    with pytest.raises(CircuitOpen):
        async for attempt in Pipeline(retry(attempts=2), breaker):
            async with attempt:
                pytest.fail("the attempt was made")
    fallback = Fallback(value=0)
    async for attempt in Pipeline(fallback, retry(attempts=2), breaker):
        async with attempt:
            pytest.fail("the attempt was made")
    assert fallback.statistics().values == 1


async def test_the_loop_may_be_left_from_within_an_attempt() -> None:
    bulkhead = Bulkhead(limit=1)
    for _ in range(2):
        async for attempt in Pipeline(bulkhead, retry()):
            async with attempt:
                break
    async with anyio.create_task_group() as group:
        group.start_soon(bulkhead.acall, _one)


async def test_a_cancellation_between_attempts_leaves_what_is_outside() -> None:
    lines: list[str] = []
    with anyio.move_on_after(0.5) as outer:
        async for attempt in Pipeline(Log("out", lines), Timeout(within=9.0), retry(attempts=2)):
            async with attempt:
                raise lost()
    assert outer.cancelled_caught
    assert lines == ["out in", f"out out {anyio.get_cancelled_exc_class().__name__}"]


async def test_a_timeout_outside_strikes_between_attempts() -> None:
    with pytest.raises(CallTimeout, match="total"):
        async for attempt in Pipeline(Timeout(within=0.5, name="total"), retry(attempts=2)):
            async with attempt:
                raise lost()


async def test_who_is_stopped_with_an_unwanted_result_leaves_what_is_outside() -> None:
    lines: list[str] = []
    policy = retry(on_result=lambda result: True, on_retry=lambda event: attempt.stop())
    async for attempt in Pipeline(Log("out", lines), policy):
        async with attempt:
            attempt.set_result(1)
    assert lines == ["out in", "out out NoneType"]


def test_who_is_stopped_in_a_sync_loop_leaves_it_too() -> None:
    lines: list[str] = []
    policy = retry(on_result=lambda result: True, on_retry=lambda event: attempt.stop())
    for attempt in Pipeline(Log("out", lines), policy):
        with attempt:
            attempt.set_result(1)
    assert lines == ["out in", "out out NoneType"]


async def test_an_attempt_that_is_not_made_is_refused_and_undone() -> None:
    lines: list[str] = []
    with pytest.raises(RuntimeError, match="never made"):
        async for _ in Pipeline(Log("out", lines), retry(), Log("in", lines)):
            pass
    assert lines == ["out in", "in in", "in out RuntimeError", "out out RuntimeError"]


async def test_two_blocks_at_once_do_not_mix() -> None:
    timeout = Timeout(within=5.0)
    pipeline = Pipeline(timeout, Bulkhead(limit=2))
    seen = []

    async def block(after: float) -> None:
        async with pipeline as entered:
            await anyio.sleep(after)
            seen.append(entered[timeout].remaining())

    async with anyio.create_task_group() as group:
        group.start_soon(block, 3.0)
        await anyio.sleep(1.0)
        group.start_soon(block, 3.0)
    assert seen == [pytest.approx(2.0), pytest.approx(2.0)]


# ---- the pipeline itself


def test_it_shows_itself_line_by_line() -> None:
    shown = str(Pipeline(Fallback(cached=60.0), Timeout(within=5.0), name="rest")).splitlines()
    assert shown == ["rest", "  1 fallback: the last good result for 60 s", "  2 timeout: within 5 s"]


def test_the_statistics_go_by_name() -> None:
    first, second = Timeout(within=5.0), Timeout(within=2.0)
    assert Pipeline(first, second).statistics() == {"timeout": first.statistics(), "timeout 2": second.statistics()}


def test_a_pipeline_among_the_policies_stands_for_its_own() -> None:
    inner = Pipeline(Retry(), Timeout(within=1.0))
    fallback = Fallback(value=0)
    assert Pipeline(fallback, inner).policies == (fallback, *inner.policies)


def test_policies_that_cannot_be_meant_are_refused() -> None:
    timeout = Timeout(within=1.0)
    for policies in ((), (timeout, timeout), (timeout, 5)):
        with pytest.raises(SpecError, match="Pipeline"):
            Pipeline(*policies)  # wrong on purpose


@pytest.mark.parametrize(
    "policies",
    [
        (Retry(), Fallback(value=0)),
        (CircuitBreaker("x"), Fallback(value=0)),
        (Retry(), Timeout(within=1.0), Retry()),
        (Timeout(within=2.0), Timeout(within=2.0)),
    ],
    ids=["fallback in retry", "fallback in breaker", "two retries", "longer timeout inside"],
)
def test_an_order_in_which_one_has_nothing_to_do_is_warned_of(policies: tuple[Policy[Any], ...]) -> None:
    with pytest.warns(PipelineWarning):
        Pipeline(*policies)


def test_an_order_that_can_be_meant_is_not_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole()
        Pipeline(Retry(), Fallback(value=0, on=KeyError), Timeout(within=9.0), Timeout(within=2.0))


@pytest.mark.parametrize("name", ["timeout", "cached", "hedge", "handler"])
def test_an_error_is_gone_when_nobody_has_it_any_more(name: str) -> None:
    """Without the garbage collector: no frame holds an error that holds the frame."""

    class Payload:
        pass

    payload = Payload()
    gone = weakref.ref(payload)
    error = lost()
    error.payload = payload  # only errors of a class of one's own can be referred to weakly
    errors = [error]
    del payload, error

    def fail() -> None:
        raise errors.pop() if errors else lost("a hedge")

    policy = POLICIES[name]()
    gc.disable()
    try:
        with suppress(ConnectFailed):
            policy.call(fail)
        assert gone() is None
    finally:
        gc.enable()
