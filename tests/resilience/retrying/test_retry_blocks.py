"""Blocks: the loop that makes their attempts, attempts driven by hand, and the ends a block can come to."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from actors.errors import ConnectFailed
from actors.resilience import Delays, RetryBudget
from tests.resilience.retrying.calls import AT_ONCE, Script, hang, lost, retry, why

pytestmark = pytest.mark.anyio


def test_a_with_block_of_the_policy_itself_is_refused() -> None:
    with pytest.raises(TypeError, match=r"expected: for attempt in retry: with attempt: \.\.\."), retry():
        pass


async def test_an_async_with_block_of_the_policy_itself_is_refused() -> None:
    with pytest.raises(TypeError, match=r"async for attempt in retry: async with attempt: \.\.\."):
        async with retry():
            pass


def test_a_block_knows_the_number_of_its_attempt() -> None:
    numbers = []
    for attempt in retry(delays=AT_ONCE):
        with attempt:
            numbers.append(attempt.number)
            if attempt.number < 3:
                raise lost()
    assert numbers == [1, 2, 3]


def test_the_last_error_of_a_block_leaves_the_loop() -> None:
    errors = [lost("1"), lost("2"), lost("3")]
    with pytest.raises(ConnectFailed) as caught:
        for attempt in retry(delays=AT_ONCE):
            with attempt:
                raise errors[attempt.number - 1]
    assert caught.value is errors[2]
    assert why(caught.value) == "all 3 attempts are used up"


def test_a_block_can_be_left_with_return_and_break() -> None:
    def first() -> str:
        for attempt in retry():
            with attempt:
                return "returned"
        return "never"

    runs = 0
    for attempt in retry():
        with attempt:
            runs += 1
            break
    assert (first(), runs) == ("returned", 1)


def test_a_block_whose_result_is_not_wanted_is_run_again() -> None:
    runs = 0
    for attempt in retry(on_result=lambda found: found < 3, delays=AT_ONCE):
        with attempt:
            runs += 1
            attempt.set_result(runs)
    assert runs == 3


def test_a_loop_that_makes_no_attempt_is_ended() -> None:
    with pytest.raises(
        RuntimeError, match="an attempt was not made, and the loop would not end; expected: for attempt in retry"
    ):
        for _ in retry():
            pass


def test_an_attempt_is_made_once() -> None:
    with pytest.raises(RuntimeError, match="this attempt has been made"):
        for attempt in retry():
            with attempt:
                pass
            with attempt:
                pass


def test_attempts_are_for_one_call() -> None:
    attempts = retry().begin()
    attempts.call(Script("done"))
    with pytest.raises(RuntimeError, match=r"expected new ones for each: retry.begin\(\)"):
        attempts.call(Script("done"))


async def test_attempts_can_be_driven_by_hand() -> None:
    one = retry()
    attempts, script, error, found = one.begin(), Script(lost(), None, "done"), None, None
    delay: float | None = 0.0
    while delay is not None:
        error = found = None
        try:
            found = await script.later()
        except ConnectFailed as caught:
            error = caught
        delay = attempts.after(error, found)
        assert delay is None or await attempts.asleep(delay)
    assert (found, attempts.number, script.calls) == (None, 2, 2)


@pytest.mark.parametrize("timeout", [None, 50.0], ids=["plain", "timed"])
async def test_a_block_that_is_cancelled_is_not_run_again(timeout: float | None) -> None:
    runs, budget = 0, RetryBudget()
    with anyio.move_on_after(5.0) as scope:
        async for attempt in retry(attempt_timeout=timeout, idempotent=True, budget=budget):
            async with attempt:
                runs += 1
                if runs == 2:
                    await hang()
                raise lost()
    assert scope.cancelled_caught
    assert (runs, budget.statistics().granted, budget.statistics().tokens) == (2, 1, 500)


async def test_a_block_that_waits_is_stopped() -> None:
    errors: list[Exception] = [lost()]
    runs = 0
    with pytest.raises(ConnectFailed) as caught:
        async with anyio.create_task_group() as tasks:
            try:
                async for attempt in retry(delays=Delays(initial=30.0)):
                    with attempt:
                        runs += 1
                        tasks.start_soon(after, 0.5, attempt.stop)
                        raise errors[0]
            except ConnectFailed as error:
                errors.append(error)
        raise errors[-1]
    assert caught.value is errors[0]
    assert runs == 1
    assert why(caught.value) == "cancelled by stop"


async def after(seconds: float, function: Callable[[], object]) -> None:
    await anyio.sleep(seconds)
    function()


async def test_a_sync_block_inside_a_loop_fails_rather_than_block_it() -> None:
    with pytest.raises(ConnectFailed):
        for attempt in retry(delays=Delays(initial=1000.0, maximum=1000.0)):
            with attempt:
                raise lost()
