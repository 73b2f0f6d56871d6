"""A pipeline's calls: how policies are put together, and in which order they act around a function."""

from __future__ import annotations

import threading
import time
import warnings
from typing import Any

import anyio
import pytest

from actors.errors import CallTimeout, CircuitOpen, ConnectFailed, UnknownOutcome
from actors.resilience import CircuitBreaker, Fallback, Hedge, Pipeline, PipelineWarning, Retry, Timeout
from actors.resilience.limiting.bulkhead import Bulkhead
from actors.resilience.policy import Policy
from supervisor import SpecError
from tests.resilience.composing.policies import Log, _one, lost, retry, whole

pytestmark = pytest.mark.anyio


# ---- around functions


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
