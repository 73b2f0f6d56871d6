"""The policy itself: its options, how it shows itself, and several calls that share it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import anyio
import pytest

from actors.errors import ConnectFailed
from actors.resilience import RetryBudget, StopReason
from supervisor import SpecError
from tests.resilience.retrying.calls import AT_ONCE, Script, lost, notes, retry

pytestmark = pytest.mark.anyio


# Several at once


async def test_two_calls_at_once_do_not_mix() -> None:
    one = retry(attempts=4, within=60.0)
    found: dict[str, object] = {}

    async def run(name: str, script: Script) -> None:
        try:
            found[name] = await one(script.later)()
        except ConnectFailed as error:
            found[name] = notes(error)[-2].split(":")[0]

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, "a", Script(lost(), "done"))
        tasks.start_soon(run, "b", Script(lost()))
        tasks.start_soon(run, "c", Script(lost(), lost(), "done"))
    assert found == {"a": "done", "b": "[retry] attempt 4 of 4 after 3 s", "c": "done"}
    assert (one.statistics().calls, one.statistics().retries, one.statistics().after_retries) == (3, 6, 2)


async def test_two_loops_over_one_policy_do_not_mix() -> None:
    one = retry()
    numbers: dict[str, list[int]] = {"a": [], "b": []}

    async def run(name: str, failures: int) -> None:
        async for attempt in one:
            async with attempt:
                numbers[name].append(attempt.number)
                await anyio.sleep(0.3)
                if attempt.number <= failures:
                    raise lost()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, "a", 1)
        tasks.start_soon(run, "b", 2)
    assert numbers == {"a": [1, 2], "b": [1, 2, 3]}


def test_a_function_may_call_itself_through_its_policy() -> None:
    one = retry(delays=AT_ONCE)
    failed: set[int] = set()

    @one
    def down(depth: int) -> int:
        if depth not in failed:
            failed.add(depth)
            raise lost()
        return 0 if depth == 0 else 1 + down(depth - 1)

    assert down(5) == 5
    assert (one.statistics().calls, one.statistics().after_retries) == (6, 6)


@pytest.mark.real_time
def test_eight_threads_count_what_one_would() -> None:
    budget = RetryBudget(capacity=10**6, minimum=0)
    one = retry(delays=AT_ONCE, budget=budget)
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        for _ in range(50):
            one.call(Script("done"))
            one.call(Script(lost(), "done"))
            with pytest.raises(ConnectFailed):
                one.call(Script(lost()))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = one.statistics()
    assert (found.calls, found.first_try, found.after_retries) == (1200, 400, 400)
    assert (found.attempts, found.retries, found.exhausted) == (2400, 1200, {StopReason.ATTEMPTS: 400})
    assert budget.statistics().granted == 1200


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attempts": 0}, "Retry.attempts is 0; expected a count of 1 or more"),
        ({"within": 0.0}, "Retry.within is 0.0; expected seconds above 0, or None"),
        ({"attempt_timeout": -1}, "Retry.attempt_timeout is -1"),
        ({"delays": 1.0}, r"Retry.delays is 1.0; expected Delays, for example delays=Delays\(\)"),
        ({"on": KeyboardInterrupt}, r"Retry.on is <class 'KeyboardInterrupt'>; expected subclasses of Exception"),
        ({"on": asyncio.CancelledError}, "expected subclasses of Exception"),
        ({"on": ()}, "expected subclasses of Exception"),
        ({"on": [OSError, "x"]}, "expected a tuple of classes of errors"),
        ({"on": (OSError, "x")}, "expected a tuple of classes of errors"),
        ({"on": "OSError"}, "Retry.on is 'OSError'; expected a function"),
        ({"hint_floor": -1.0}, "Retry.hint_floor is -1.0"),
        ({"hint_floor": 400.0}, "Retry.hint_ceiling is 300.0; expected seconds, no less than hint_floor=400.0"),
        ({"idempotent": "no"}, "Retry.idempotent is 'no'; expected idempotent=True or idempotent=False"),
        ({"random": 0.5}, r"Retry.random is 0.5; expected a function that returns a number in \[0, 1\)"),
        ({"clock": 0.0}, "Retry.clock is 0.0; expected a function"),
        ({"budget": 20}, r"Retry.budget is 20; expected a RetryBudget, for example budget=RetryBudget\(\), or None"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_option_is_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        retry(**options)


@pytest.mark.parametrize("option", ["on", "on_result", "on_retry"])
def test_an_async_hook_is_refused(option: str) -> None:
    async def hook(_: object) -> bool:
        return True

    with pytest.raises(TypeError, match=rf"Retry.{option} is .*, an `async def`, which nobody would await"):
        retry(**{option: hook})


def test_its_options_do_not_change() -> None:
    # A function that was decorated before would not see the change.
    with pytest.raises(AttributeError):
        retry().attempts = 5  # that is the point


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "retry: 3 attempts, fixed 1 s"),
        (
            {
                "attempt_timeout": 5.0,
                "within": 60.0,
                "idempotent": True,
                "budget": RetryBudget(name="rest budget"),
                "name": "fetch",
            },
            "fetch: 3 attempts of 5 s within 60 s, fixed 1 s, also after an unknown outcome, on the rest budget",
        ),
    ],
    ids=["default", "all"],
)
def test_it_shows_itself_in_a_line(options: dict[str, Any], text: str) -> None:
    assert str(retry(**options)) == text


def test_a_list_of_classes_may_be_tried_again() -> None:
    assert retry(on=[OSError, KeyError]).on == (OSError, KeyError)
