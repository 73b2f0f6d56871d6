"""A pipeline's blocks: what is entered and left around a block, and around each attempt of a loop."""

from __future__ import annotations

import anyio
import pytest

from actors.errors import CallTimeout, CircuitOpen, ConnectFailed
from actors.resilience import CircuitBreaker, Delays, Fallback, Pipeline, Timeout
from actors.resilience.limiting.bulkhead import Bulkhead
from tests.resilience.composing.policies import Log, _one, lost, retry, whole

pytestmark = pytest.mark.anyio


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
