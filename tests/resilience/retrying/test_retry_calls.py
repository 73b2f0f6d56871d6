"""Calls: the forms of one, what it comes to, and the sync ones that are made where a loop runs."""

from __future__ import annotations

import inspect
import time
import traceback
from collections.abc import AsyncIterator, Iterator

import anyio
import pytest

from actors.errors import ConnectFailed
from actors.resilience import Delays, Jitter
from tests.resilience.retrying.calls import AT_ONCE, Script, lost, retry, why

pytestmark = pytest.mark.anyio


def never() -> float:
    raise AssertionError("the clock was read")


# Calls


async def test_a_call_that_succeeds_is_made_once() -> None:
    script = Script("done")
    assert await retry().acall(script.later) == "done"
    assert script.calls == 1


async def test_a_success_at_the_first_try_reads_no_clock() -> None:
    assert await retry(clock=never).acall(Script("done").later) == "done"
    assert retry(clock=never).call(Script("done")) == "done"


async def test_a_call_is_made_until_it_succeeds_with_a_wait_before_each_further_one() -> None:
    script = Script(lost(), lost(), "done")
    began = anyio.current_time()
    assert await retry().acall(script.later) == "done"
    assert anyio.current_time() - began == pytest.approx(2.0)


async def test_the_last_error_itself_is_raised_when_attempts_are_used_up() -> None:
    errors = [lost("1"), lost("2"), lost("3")]
    with pytest.raises(ConnectFailed) as caught:
        await retry().acall(Script(*errors).later)
    assert caught.value is errors[2]


async def test_an_error_keeps_its_traceback_and_has_no_earlier_attempt_as_its_context() -> None:
    async def broken() -> None:
        raise lost()

    with pytest.raises(ConnectFailed) as caught:
        await retry().acall(broken)
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "broken"
    assert caught.value.__context__ is None


@pytest.mark.parametrize("form", ["decorator", "call", "begin", "block"])
def test_each_sync_form_makes_the_same_calls(form: str) -> None:
    script, one = Script(lost(), lost(), "done"), retry(delays=AT_ONCE)
    found = None
    match form:
        case "decorator":
            found = one(script)()
        case "call":
            found = one.call(script)
        case "begin":
            found = one.begin().call(script)
        case "block":
            for attempt in one:
                with attempt:
                    found = script()
    assert (found, script.calls) == ("done", 3)
    assert (one.statistics().calls, one.statistics().retries, one.statistics().after_retries) == (1, 2, 1)


@pytest.mark.parametrize("form", ["decorator", "acall", "begin", "block", "plain block"])
async def test_each_async_form_makes_the_same_calls(form: str) -> None:
    script, one = Script(lost(), lost(), "done"), retry()
    found = None
    match form:
        case "decorator":
            found = await one(script.later)()
        case "acall":
            found = await one.acall(script.later)
        case "begin":
            found = await one.begin().acall(script.later)
        case "block":
            async for attempt in one:
                async with attempt:
                    found = await script.later()
        case "plain block":
            async for attempt in one:
                with attempt:
                    found = await script.later()
    assert (found, script.calls) == ("done", 3)
    assert one.statistics().slept == pytest.approx(2.0)


def test_a_decorated_function_keeps_its_name_its_words_and_its_signature() -> None:
    @retry()
    def fetch(symbol: str, *, depth: int = 5) -> str:
        """Get it."""
        return f"{symbol} {depth}"

    assert (fetch.__name__, fetch.__doc__, list(inspect.signature(fetch).parameters)) == (
        "fetch",
        "Get it.",
        ["symbol", "depth"],
    )
    assert fetch("BTC", depth=2) == "BTC 2"


def test_generators_are_refused() -> None:
    async def stream() -> AsyncIterator[int]:
        yield 1

    def numbers() -> Iterator[int]:
        yield 1

    for function in (stream, numbers):
        with pytest.raises(TypeError, match="a generator ends after the policy has let go of it"):
            retry()(function)


@pytest.mark.parametrize("failures", [0, 1])
def test_a_sync_function_that_returns_a_coroutine_is_refused(failures: int) -> None:
    script = Script(*[lost()] * failures, "done")

    def wrong() -> object:
        return script() and script.later()

    with pytest.raises(TypeError, match="returned the coroutine"):
        retry(delays=AT_ONCE).call(wrong)
    assert script.calls == failures + 1


# Sync calls where a loop runs


async def test_a_sync_call_inside_a_loop_fails_rather_than_block_it() -> None:
    error, one = lost(), retry(delays=Delays(initial=1000.0, maximum=1000.0))
    with pytest.raises(ConnectFailed) as caught:
        one.call(Script(error))
    assert caught.value is error
    assert why(error) == "to wait here would block the event loop: use an async function, or a worker thread"


async def test_a_sync_call_inside_a_loop_that_need_not_wait_is_tried_again() -> None:
    assert retry(delays=AT_ONCE).call(Script(lost(), "done")) == "done"


@pytest.mark.real_time
def test_a_sync_call_waits_in_its_thread() -> None:
    one = retry(delays=Delays(initial=0.002, jitter=Jitter.NONE))
    began = time.monotonic()
    assert one.call(Script(lost(), lost(), "done")) == "done"
    assert time.monotonic() - began >= 0.005
