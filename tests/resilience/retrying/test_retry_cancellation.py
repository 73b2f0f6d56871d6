"""Cancellation and stopping: what ends a call from outside."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import anyio
import anyio.to_thread
import pytest

from actors.errors import ConnectFailed
from actors.resilience import Attempts, Delays, RetryBudget, StopReason
from tests.resilience.retrying.calls import AT_ONCE, Script, hang, lost, notes, retry, why

pytestmark = pytest.mark.anyio


# Cancellation


@pytest.mark.parametrize("timeout", [None, 50.0], ids=["plain", "timed"])
@pytest.mark.parametrize("first", [[], [lost()]], ids=["first attempt", "second attempt"])
async def test_a_cancelled_call_is_not_made_again(first: list[Exception], timeout: float | None) -> None:
    script, budget = Script(*first, "hang"), RetryBudget()
    one = retry(attempt_timeout=timeout, budget=budget)

    async def work() -> None:
        await script.later()
        await hang()

    with anyio.move_on_after(5.0) as scope:
        await one.acall(work)
    assert scope.cancelled_caught
    assert script.calls == 1 + len(first)
    assert budget.statistics().tokens == 500
    assert one.statistics().exhausted == {}


@pytest.mark.parametrize("form", ["call", "block"])
async def test_a_call_that_is_cancelled_while_it_waits_is_not_made_again(form: str) -> None:
    script, budget = Script(lost()), RetryBudget()
    one = retry(budget=budget)
    with anyio.move_on_after(0.5) as scope:
        if form == "call":
            await one.acall(script.later)
        else:
            async for attempt in one:
                with attempt:
                    await script.later()
    assert scope.cancelled_caught
    assert script.calls == 1
    assert (budget.statistics().granted, budget.statistics().tokens) == (1, 500)
    assert one.statistics().slept == pytest.approx(0.5)


@pytest.mark.parametrize("timeout", [None, 50.0], ids=["plain", "timed"])
@pytest.mark.parametrize("where", ["call", "sleep"])
def test_one_cancellation_of_asyncios_own_is_enough(where: str, timeout: float | None) -> None:
    async def main() -> None:
        script = Script("hang" if where == "call" else lost())

        async def work() -> None:
            await script.later()
            await asyncio.sleep(1000.0)

        policy = retry(attempt_timeout=timeout, delays=Delays(initial=1000.0, maximum=1000.0))
        task = asyncio.create_task(policy.acall(work))
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel("mine")
        with pytest.raises(asyncio.CancelledError, match="mine"):
            await task
        assert task.cancelled()
        assert script.calls == 1

    asyncio.run(main())


async def test_a_cancellation_passes_as_the_very_same_object() -> None:
    seen: list[BaseException] = []

    async def work() -> None:
        try:
            await hang()
        except BaseException as error:
            seen.append(error)
            raise

    with anyio.move_on_after(1.0):
        try:
            await retry().acall(work)
        except BaseException as error:
            seen.append(error)
            raise
    assert len(seen) == 2
    assert seen[0] is seen[1]


async def test_a_foreign_cancellation_at_the_moment_of_our_own_timeout_goes_on() -> None:
    calls = 0

    async def work() -> None:
        nonlocal calls
        calls += 1
        await hang()

    with anyio.move_on_after(2.0) as scope:
        await retry(attempt_timeout=2.0, idempotent=True, delays=AT_ONCE).acall(work)
    assert scope.cancelled_caught


# Stopping


async def stopped(
    start: Callable[[Attempts], Awaitable[object]], attempts: Attempts, reason: str = "accepted meanwhile"
) -> object:
    """What a call comes to that is stopped after half a second."""
    outcome: list[object] = []

    async def run() -> None:
        try:
            outcome.append(await start(attempts))
        except ConnectFailed as error:
            outcome.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await anyio.sleep(0.5)
        attempts.stop(reason)
    return outcome[0]


async def test_a_call_that_waits_is_stopped_at_once_and_raises_its_last_error() -> None:
    error, one, budget = lost(), retry(delays=Delays(initial=30.0), budget=RetryBudget()), None
    budget = one.budget
    script = Script(error)
    began = anyio.current_time()
    found = await stopped(lambda attempts: attempts.acall(script.later), one.begin())
    assert found is error
    assert anyio.current_time() - began == pytest.approx(0.5)
    assert why(error) == "cancelled by stop: accepted meanwhile"
    assert notes(error)[0].endswith("; waited 0.5 s")
    assert (script.calls, one.statistics().exhausted) == (1, {StopReason.STOPPED: 1})
    assert budget is not None
    assert budget.statistics().tokens == 500


async def test_a_call_whose_result_was_not_wanted_returns_it_when_it_is_stopped() -> None:
    one = retry(on_result=lambda found: found == "pending", delays=Delays(initial=30.0))
    assert await stopped(lambda attempts: attempts.acall(Script("pending").later), one.begin()) == "pending"


async def test_an_attempt_that_is_being_made_ends_by_itself_after_a_stop() -> None:
    async def work() -> str:
        await anyio.sleep(3.0)
        return "done"

    assert await stopped(lambda attempts: attempts.acall(work), retry().begin()) == "done"


def test_what_was_stopped_before_it_failed_is_not_tried_again() -> None:
    attempts, script = retry().begin(), Script(lost())
    attempts.stop("too late")
    with pytest.raises(ConnectFailed) as caught:
        attempts.call(script)
    assert (script.calls, why(caught.value)) == (1, "cancelled by stop: too late")


def test_a_sync_call_that_is_stopped_before_it_waits_does_not_wait() -> None:
    error = lost()
    attempts = retry(delays=Delays(initial=1000.0, maximum=1000.0), on_retry=lambda _: attempts.stop()).begin()
    with pytest.raises(ConnectFailed) as caught:
        attempts.call(Script(error))
    assert (caught.value, why(error)) == (error, "cancelled by stop")


async def test_an_async_call_that_is_stopped_before_it_waits_does_not_wait() -> None:
    attempts = retry(on_retry=lambda _: attempts.stop()).begin()
    began = anyio.current_time()
    with pytest.raises(ConnectFailed):
        await attempts.acall(Script(lost()).later)
    assert anyio.current_time() == began


@pytest.mark.real_time
async def test_a_task_that_waits_is_stopped_from_a_thread() -> None:
    error = lost()
    asleep = threading.Event()
    attempts = retry(delays=Delays(initial=1000.0, maximum=1000.0), on_retry=lambda _: asleep.set()).begin()

    def stop() -> None:
        asleep.wait()
        attempts.stop("from a thread")

    with pytest.raises(ConnectFailed):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, stop)
            with pytest.raises(ConnectFailed) as caught:
                await attempts.acall(Script(error).later)
        raise caught.value
    assert why(error) == "cancelled by stop: from a thread"


@pytest.mark.real_time
def test_a_thread_that_waits_is_stopped_from_another() -> None:
    error = lost()
    asleep = threading.Event()
    attempts = retry(delays=Delays(initial=1000.0, maximum=1000.0), on_retry=lambda _: asleep.set()).begin()

    def stop() -> None:
        asleep.wait()
        attempts.stop("from a thread")

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(ConnectFailed):
        attempts.call(Script(error))
    thread.join()
    assert why(error) == "cancelled by stop: from a thread"
