"""Time: deadlines, delays, hints and the timeout for each attempt."""

from __future__ import annotations

import time

import anyio
import pytest

from actors.errors import CallTimeout, CircuitOpen, ConnectFailed, OrderRejected, RateLimited
from actors.resilience import Delays, Jitter, RetryEvent
from supervisor import BackoffKind
from tests.resilience.retrying.calls import AT_ONCE, Script, hang, lost, retry, why

pytestmark = pytest.mark.anyio


# Time


async def test_it_never_sleeps_past_the_deadline() -> None:
    script = Script(lost())
    began = anyio.current_time()
    with pytest.raises(ConnectFailed) as caught:
        await retry(attempts=99, within=3.5).acall(script.later)
    assert (script.calls, anyio.current_time() - began) == (4, pytest.approx(3.0))
    assert why(caught.value) == "the next attempt would begin after the deadline of 3.5 s"


def test_a_wait_that_took_longer_than_it_should_have_does_not_lead_past_the_deadline() -> None:
    times = iter([0.0, 0.0, 0.0, 100.0, 100.0])
    script = Script(lost())
    with pytest.raises(ConnectFailed) as caught:
        retry(within=5.0, delays=AT_ONCE, clock=lambda: next(times)).call(script)
    assert script.calls == 1
    assert why(caught.value) == "the next attempt would begin after the deadline of 5 s"


async def test_a_hint_of_the_server_is_not_cut_to_the_longest_delay_of_our_own() -> None:
    began = anyio.current_time()
    short = Delays(initial=0.1, maximum=2.0)
    await retry(delays=short, random=lambda: 0.5).acall(Script(RateLimited("slow down", 60.0), "done").later)
    assert anyio.current_time() - began == pytest.approx(60.5)


async def test_a_breaker_inside_is_waited_for_as_long_as_it_says() -> None:
    began = anyio.current_time()
    refusal = CircuitOpen("rest", 12.0, retry_after=12.0)
    await retry(random=lambda: 0.0).acall(Script(refusal, "done").later)
    assert anyio.current_time() - began == pytest.approx(12.0)


async def test_a_jump_of_the_wall_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = iter(range(0, 10**9, 10**6))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))
    began = anyio.current_time()
    assert await retry(within=10.0).acall(Script(lost(), lost(), "done").later) == "done"
    assert anyio.current_time() - began == pytest.approx(2.0)


async def test_the_jitter_comes_from_the_given_random_numbers() -> None:
    numbers = iter([0.0, 0.5])
    delays = Delays(initial=4.0, kind=BackoffKind.FIXED, jitter=Jitter.FULL)
    events: list[RetryEvent] = []
    one = retry(delays=delays, random=lambda: next(numbers), on_retry=events.append)
    await one.acall(Script(lost(), lost(), "done").later)
    assert [event.delay for event in events] == [0.0, 2.0]


# A timeout for each attempt


async def test_an_attempt_that_takes_too_long_is_not_tried_again_unless_the_call_is_idempotent() -> None:
    began = anyio.current_time()
    with pytest.raises(CallTimeout) as caught:
        await retry(attempt_timeout=2.0, on=TimeoutError).acall(hang)
    assert anyio.current_time() - began == pytest.approx(2.0)
    assert why(caught.value).startswith("outcome unknown")


async def test_an_idempotent_attempt_that_takes_too_long_is_tried_again() -> None:
    began = anyio.current_time()
    with pytest.raises(CallTimeout, match="attempt 3 did not end within 2 s"):
        await retry(attempt_timeout=2.0, idempotent=True).acall(hang)
    assert anyio.current_time() - began == pytest.approx(8.0)


async def test_an_attempt_in_time_is_not_disturbed_by_its_timeout() -> None:
    assert await retry(attempt_timeout=2.0).acall(Script(lost(), "done").later) == "done"


async def test_the_last_attempt_gets_no_more_than_what_is_left_of_the_deadline() -> None:
    began = anyio.current_time()
    with pytest.raises(CallTimeout, match="attempt 2 did not end within 1 s"):
        await retry(attempt_timeout=2.0, within=4.0, idempotent=True).acall(hang)
    assert anyio.current_time() - began == pytest.approx(4.0)


async def test_a_timeout_that_the_function_raises_itself_is_its_own() -> None:
    error = TimeoutError("a socket's")
    with pytest.raises(TimeoutError) as caught:
        await retry(attempt_timeout=2.0, on=KeyError).acall(Script(error).later)
    assert caught.value is error


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async with", "with"])
async def test_a_block_that_takes_too_long_is_run_again(asynchronous: bool) -> None:
    runs = 0
    began = anyio.current_time()
    async for attempt in retry(attempt_timeout=2.0, idempotent=True):
        runs += 1
        if asynchronous:
            async with attempt:
                await anyio.sleep(5.0 if runs < 3 else 1.0)
        else:
            with attempt:
                await anyio.sleep(5.0 if runs < 3 else 1.0)
    assert (runs, anyio.current_time() - began) == (3, pytest.approx(7.0))


async def test_the_last_block_that_takes_too_long_raises_its_timeout() -> None:
    with pytest.raises(CallTimeout) as caught:
        async for attempt in retry(attempt_timeout=2.0):
            async with attempt:
                await hang()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_an_error_of_a_block_that_is_cleaned_up_after_its_timeout_is_the_blocks_outcome() -> None:
    error = OrderRejected("while cleaning up")
    with pytest.raises(OrderRejected) as caught:
        async for attempt in retry(attempt_timeout=2.0, idempotent=True):
            async with attempt:
                try:
                    await hang()
                finally:
                    raise error
    assert caught.value is error


async def test_what_a_timeout_leaves_of_a_group_is_the_blocks_outcome() -> None:
    async def spoil() -> None:
        try:
            await hang()
        finally:
            raise OrderRejected("while cleaning up")

    with pytest.raises(ExceptionGroup) as caught:
        async for attempt in retry(attempt_timeout=2.0, idempotent=True):
            async with attempt, anyio.create_task_group() as tasks:
                tasks.start_soon(spoil)
                await hang()
    assert [type(one) for one in caught.value.exceptions] == [OrderRejected]
    assert why(caught.value).startswith("not retryable")


async def test_a_thread_cannot_be_stopped_so_a_sync_function_gets_no_attempt_timeout() -> None:
    one = retry(attempt_timeout=1.0)
    for use in (
        lambda: one(Script("done")),
        lambda: one.call(Script("done")),
        lambda: one.begin().call(Script(1)),
        lambda: iter(one),
    ):
        with pytest.raises(
            TypeError, match=r"retry has attempt_timeout=1.0, but a thread cannot be stopped; expected an async"
        ):
            use()
