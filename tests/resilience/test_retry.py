from __future__ import annotations

import asyncio
import gc
import inspect
import threading
import time
import traceback
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import anyio
import anyio.to_thread
import pytest
import structlog

from actors.errors import CallTimeout, CircuitOpen, ConnectFailed, ConnectionLost, OrderRejected, RateLimited, UnknownOutcome
from actors.resilience import Attempts, Delays, Jitter, Retry, RetryBudget, RetryEvent, StopReason
from supervisor import BackoffKind, SpecError

pytestmark = pytest.mark.anyio

SECOND = Delays(initial=1.0, kind=BackoffKind.FIXED, jitter=Jitter.NONE)
AT_ONCE = Delays(initial=0.0)


def retry(**options: Any) -> Retry:
    return Retry(**{"delays": SECOND, **options})


def lost(what: str = "rest") -> ConnectFailed:
    return ConnectFailed(what, "refused")


class Script:
    """A function that does what it is told, call by call: raises an error, returns anything else. The last step is for ever."""

    def __init__(self, *steps: object) -> None:
        self.steps = steps
        self.calls = 0

    def __call__(self) -> Any:
        step = self.steps[min(self.calls, len(self.steps) - 1)]
        self.calls += 1
        if isinstance(step, BaseException):
            raise step
        return step

    async def later(self) -> Any:
        return self()


def notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", []))


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


# Notes


async def test_the_notes_tell_each_attempt_and_why_there_is_no_other() -> None:
    async def slow() -> None:
        await anyio.sleep(0.5)
        raise lost()

    with pytest.raises(ConnectFailed) as caught:
        await retry(within=60.0, name="fetch").acall(slow)
    assert notes(caught.value) == [
        "[fetch] attempt 1 of 3 after 0.5 s: ConnectFailed: cannot connect to rest: refused; waited 1 s",
        "[fetch] attempt 2 of 3 after 2 s: ConnectFailed: cannot connect to rest: refused; waited 1 s",
        "[fetch] attempt 3 of 3 after 3.5 s: ConnectFailed: cannot connect to rest: refused",
        "[fetch] not tried again: all 3 attempts are used up",
    ]


def test_the_notes_tell_of_no_time_that_is_none() -> None:
    moments = iter([0.0, 1e-6, 2e-6, 3e-6, 4e-6, 5e-6, 6e-6])
    with pytest.raises(ConnectFailed) as caught:
        retry(attempts=2, delays=AT_ONCE, within=9.0, clock=lambda: next(moments)).call(Script(lost()))
    assert notes(caught.value)[:2] == [
        "[retry] attempt 1 of 2: ConnectFailed: cannot connect to rest: refused",
        "[retry] attempt 2 of 2: ConnectFailed: cannot connect to rest: refused",
    ]


async def test_without_a_deadline_time_is_counted_from_the_first_failure() -> None:
    # A success would have to read the clock otherwise.
    with pytest.raises(ConnectFailed) as caught:
        await retry().acall(Script(lost()).later)
    assert [note.split(": ")[0] for note in notes(caught.value)[:3]] == [
        "[retry] attempt 1 of 3",
        "[retry] attempt 2 of 3 after 1 s",
        "[retry] attempt 3 of 3 after 2 s",
    ]


def why(error: BaseException) -> str:
    return notes(error)[-1].partition("not tried again: ")[2]


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({}, OrderRejected("no"), "not retryable: order"),
        ({}, ValueError("no"), "not retryable: "),
        ({"on": ConnectionLost}, lost(), "not retryable: network, and not what `on` names"),
        (
            {},
            UnknownOutcome("?"),
            "outcome unknown, and the call is not declared idempotent: pass idempotent=True, or reconcile first",
        ),
        ({"attempts": 1}, lost(), "there is one attempt"),
        ({"within": 0.5}, lost(), "the next attempt would begin after the deadline of 0.5 s"),
        ({}, RateLimited("slow down", 301.0), "the other side asks to wait 301 s, more than hint_ceiling=300.0"),
    ],
    ids=["rejected", "bug", "not named", "unknown", "one", "deadline", "hint"],
)
async def test_an_error_that_is_not_tried_again_says_why(options: dict[str, Any], error: Exception, reason: str) -> None:
    script = Script(error)
    with pytest.raises(type(error)) as caught:
        await retry(**options).acall(script.later)
    assert script.calls == 1
    assert len(notes(caught.value)) == 1
    assert why(caught.value).startswith(reason)


async def test_notes_on_one_error_that_is_raised_for_ever_do_not_pile_up() -> None:
    error = lost()
    error.add_note("a note of somebody else")
    one = retry(delays=AT_ONCE)
    for _ in range(5):
        with pytest.raises(ConnectFailed):
            await one.acall(Script(error).later)
    assert len(notes(error)) == 5
    assert notes(error)[0] == "a note of somebody else"


async def test_the_notes_of_two_policies_around_each_other_stand_side_by_side() -> None:
    error = lost()
    inner, outer = retry(attempts=2, name="inner", delays=AT_ONCE), retry(attempts=2, name="outer", delays=AT_ONCE)
    with pytest.raises(ConnectFailed):
        await outer.acall(inner(Script(error).later))
    assert [note.split()[0] for note in notes(error)] == ["[inner]"] * 3 + ["[outer]"] * 3


async def test_notes_are_bounded_in_number_and_length() -> None:
    with pytest.raises(ConnectFailed) as caught:
        await retry(attempts=30, delays=AT_ONCE).acall(Script(lost("x" * 5000)).later)
    found = notes(caught.value)
    assert len(found) == 12
    assert found[0] == "[retry] 20 attempts before these are not shown"
    assert max(map(len, found)) < 300


async def test_no_secret_of_an_error_reaches_its_notes() -> None:
    with pytest.raises(ConnectionRefusedError) as caught:
        await retry(on=OSError).acall(Script(ConnectionRefusedError("https://me:pass@host/?signature=abcdef")).later)
    assert notes(caught.value)
    assert not any("pass" in note or "abcdef" in note for note in notes(caught.value)[:-1])


def test_an_error_that_takes_no_notes_is_raised_all_the_same() -> None:
    class Stubborn(Exception):
        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

    with pytest.raises(Stubborn):
        retry(on=Stubborn, delays=AT_ONCE).call(Script(Stubborn()))


def test_an_error_that_cannot_show_itself_is_raised_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError("no words")

    with pytest.raises(Mute):
        retry(on=Mute, delays=AT_ONCE).call(Script(Mute()))


# What is tried again


class Picky(Exception):
    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


@pytest.mark.parametrize(
    ("on", "error", "calls"),
    [
        (Picky, Picky(), 3),
        ((Picky, KeyError), KeyError(), 3),
        ((Picky, KeyError), ValueError(), 1),
        (lambda error: error.code == 7, Picky(7), 3),
        (lambda error: error.code == 7, Picky(8), 1),
        (Picky, lost(), 1),
    ],
    ids=["class", "of several", "of none", "predicate", "predicate says no", "class only"],
)
def test_on_says_what_is_tried_again(on: Any, error: Exception, calls: int) -> None:
    script = Script(error)
    with pytest.raises(type(error)):
        retry(on=on, delays=AT_ONCE).call(script)
    assert script.calls == calls


def test_a_predicate_that_fails_is_logged_and_the_calls_own_error_is_raised() -> None:
    with structlog.testing.capture_logs() as logs, pytest.raises(ConnectFailed):
        retry(on=lambda error: error.no_such_field).call(Script(lost()))
    assert [(log["event"], log["error"]) for log in logs] == [("the predicate `on` failed", "AttributeError")]


@pytest.mark.parametrize("error", [UnknownOutcome("?"), CallTimeout("call", 1.0)], ids=["unknown", "timeout"])
def test_an_unknown_outcome_is_not_tried_again_even_if_on_names_it(error: Exception) -> None:
    script = Script(error)
    with pytest.raises(type(error)):
        retry(on=type(error), delays=AT_ONCE).call(script)
    assert script.calls == 1


def test_an_unknown_outcome_of_an_idempotent_call_is_tried_again() -> None:
    script = Script(UnknownOutcome("?"), "done")
    assert retry(idempotent=True, delays=AT_ONCE).call(script) == "done"


@pytest.mark.parametrize(
    ("errors", "calls", "reason"),
    [
        ([lost(), lost()], 3, "all 3 attempts"),
        ([lost(), OrderRejected("no")], 1, "not retryable"),
        ([lost(), ExceptionGroup("inner", [lost(), OrderRejected("no")])], 1, "not retryable"),
        ([lost(), UnknownOutcome("?")], 1, "outcome unknown"),
        ([lost()] * 101, 1, "not retryable"),
    ],
    ids=["all", "one not", "one not, deep inside", "one unknown", "too many to look at"],
)
def test_a_group_is_tried_again_only_if_each_error_in_it_is(errors: list[Exception], calls: int, reason: str) -> None:
    script = Script(ExceptionGroup("several", errors))
    with pytest.raises(ExceptionGroup) as caught:
        retry(delays=AT_ONCE).call(script)
    assert script.calls == calls
    assert why(caught.value).startswith(reason)


async def test_the_longest_hint_of_a_group_is_the_one_that_counts() -> None:
    group = ExceptionGroup("several", [RateLimited("a", 5.0), RateLimited("b", 20.0), lost()])
    began = anyio.current_time()
    await retry(random=lambda: 0.0).acall(Script(group, "done").later)
    assert anyio.current_time() - began == pytest.approx(20.0)


@pytest.mark.parametrize("outcome", [KeyboardInterrupt(), SystemExit(), GeneratorExit()], ids=lambda one: type(one).__name__)
def test_what_is_no_exception_is_never_tried_again(outcome: BaseException) -> None:
    script, budget = Script(lost(), outcome), RetryBudget()
    with pytest.raises(type(outcome)) as caught:
        retry(delays=AT_ONCE, budget=budget).call(script)
    assert caught.value is outcome
    assert script.calls == 2
    assert notes(outcome) == []
    assert budget.statistics().tokens == 500


def test_ctrl_c_ends_a_wait_and_gives_back_what_the_retry_had_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object, __: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("actors.resilience.retrying.attempts.ThreadWaiter.sleep", interrupted)
    script, budget = Script(lost()), RetryBudget()
    with pytest.raises(KeyboardInterrupt):
        retry(budget=budget).call(script)
    assert (script.calls, budget.statistics().granted, budget.statistics().tokens) == (1, 1, 500)


@pytest.mark.parametrize("way", ["begin", "decorator", "stopped"])
def test_an_error_is_gone_when_nobody_holds_it_any_more(way: str) -> None:
    # A circle of error, traceback, frame and attempts would keep it, and all that its frames hold, until the collector comes.
    kept: list[weakref.ref[Exception]] = []

    def fail() -> None:
        error = lost()
        kept.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    attempts = retry(delays=AT_ONCE, on_retry=lambda _: attempts.stop() if way == "stopped" else None).begin()
    gc.disable()
    try:
        with suppress(ConnectFailed):
            retry(delays=AT_ONCE)(fail)() if way == "decorator" else attempts.call(fail)
        assert [ref() for ref in kept] == [None] * (1 if way == "stopped" else 3)
    finally:
        gc.enable()


def test_a_result_that_is_not_wanted_is_tried_again() -> None:
    assert retry(on_result=lambda found: found is None, delays=AT_ONCE).call(Script(None, None, "done")) == "done"


@pytest.mark.parametrize(("attempts", "result"), [(3, 3), (1, 1)])
async def test_the_last_result_is_returned_when_attempts_are_used_up(attempts: int, result: int) -> None:
    one = retry(attempts=attempts, on_result=lambda found: found < 10, delays=AT_ONCE)
    assert await one.acall(Script(1, 2, 3).later) == result
    assert one.call(Script(1, 2, 3)) == result
    assert one.statistics().exhausted == {StopReason.ATTEMPTS: 2}


async def test_each_result_is_looked_at_once() -> None:
    seen: list[int] = []
    await retry(on_result=lambda found: bool(seen.append(found)) or found < 3).acall(Script(1, 2, 3).later)
    assert seen == [1, 2, 3]


def test_a_look_at_a_result_that_fails_leaves_the_call_its_result() -> None:
    with structlog.testing.capture_logs() as logs:
        assert retry(on_result=lambda found: found["no such key"]).call(Script({})) == {}
    assert [log["error"] for log in logs] == ["KeyError"]


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


async def hang() -> None:
    await anyio.sleep_forever()


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


# Blocks


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


# Sync calls where a loop runs


async def test_a_sync_call_inside_a_loop_fails_rather_than_block_it() -> None:
    error, one = lost(), retry(delays=Delays(initial=1000.0, maximum=1000.0))
    with pytest.raises(ConnectFailed) as caught:
        one.call(Script(error))
    assert caught.value is error
    assert why(error) == "to wait here would block the event loop: use an async function, or a worker thread"


async def test_a_sync_block_inside_a_loop_fails_rather_than_block_it() -> None:
    with pytest.raises(ConnectFailed):
        for attempt in retry(delays=Delays(initial=1000.0, maximum=1000.0)):
            with attempt:
                raise lost()


async def test_a_sync_call_inside_a_loop_that_need_not_wait_is_tried_again() -> None:
    assert retry(delays=AT_ONCE).call(Script(lost(), "done")) == "done"


@pytest.mark.real_time
def test_a_sync_call_waits_in_its_thread() -> None:
    one = retry(delays=Delays(initial=0.002, jitter=Jitter.NONE))
    began = time.monotonic()
    assert one.call(Script(lost(), lost(), "done")) == "done"
    assert time.monotonic() - began >= 0.005


# Telling


async def test_each_further_attempt_is_told_before_its_wait() -> None:
    events: list[RetryEvent] = []
    error = lost()
    await retry(on_retry=events.append, name="fetch", within=99.0).acall(Script(error, RateLimited("wait", 0.0), "done").later)
    assert [(one.name, one.attempt, one.reason) for one in events] == [
        ("fetch", 1, "network"),
        ("fetch", 2, "rate_limit, which asks to wait 0 s"),
    ]
    assert events[0].error is error
    assert [one.elapsed for one in events] == [pytest.approx(0.0), pytest.approx(1.0)]


async def test_a_result_that_is_tried_again_is_told_without_an_error() -> None:
    events: list[RetryEvent] = []
    await retry(on_retry=events.append, on_result=lambda found: found == 1).acall(Script(1, 2).later)
    assert [(one.error, one.classification, one.reason) for one in events] == [(None, None, "its result was not wanted")]


async def test_a_hook_that_fails_is_logged_and_counted_and_changes_nothing() -> None:
    def fail(_: RetryEvent) -> None:
        raise ValueError("token=abcdef")

    one = retry(on_retry=fail)
    with structlog.testing.capture_logs() as logs:
        assert await one.acall(Script(lost(), "done").later) == "done"
    assert [(log["policy"], log["error"], log["text"]) for log in logs] == [("retry", "ValueError", "token=***")]
    assert one.statistics().hook_failures == 1


async def test_the_statistics_tell_how_calls_ended() -> None:
    one = retry(attempts=2)
    await one.acall(Script("done").later)
    await one.acall(Script(lost(), "done").later)
    for error in (lost(), OrderRejected("no")):
        with pytest.raises(type(error)):
            await one.acall(Script(error).later)
    found = one.statistics()
    assert (found.calls, found.attempts, found.retries, found.first_try, found.after_retries) == (4, 6, 2, 1, 1)
    assert found.exhausted == {StopReason.ATTEMPTS: 1, StopReason.NOT_RETRYABLE: 1}
    assert found.slept == pytest.approx(2.0)


# The budget


def test_an_empty_budget_ends_the_retrying_and_says_so() -> None:
    budget = RetryBudget(capacity=14, minimum=0, name="rest budget")
    one = retry(budget=budget, delays=AT_ONCE)
    script = Script(lost())
    with pytest.raises(ConnectFailed) as caught:
        one.call(script)
    assert script.calls == 2
    assert why(caught.value) == "the rest budget is empty"
    assert (one.statistics().suppressed, budget.statistics().suppressed) == (1, 1)


def test_a_success_after_retries_gives_back_what_the_last_one_cost() -> None:
    budget = RetryBudget(capacity=100)
    retry(budget=budget, delays=AT_ONCE).call(Script(lost(), lost(), "done"))
    assert budget.statistics().tokens == 100 - 14


def test_a_retry_that_the_other_side_asked_to_delay_is_cheaper() -> None:
    budget = RetryBudget(capacity=100)
    with pytest.raises(RateLimited):
        retry(attempts=2, budget=budget).call(Script(RateLimited("wait", 0.0)))
    assert budget.statistics().tokens == 95


@pytest.mark.parametrize("form", ["call", "block"])
def test_a_success_at_the_first_try_earns_a_token(form: str) -> None:
    budget = RetryBudget(capacity=100)
    budget.take("somebody")
    one = retry(budget=budget)
    if form == "call":
        one.call(Script("done"))
    else:
        for attempt in one:
            with attempt:
                pass
    assert budget.statistics().tokens == 87


def test_what_is_not_retryable_asks_for_nothing() -> None:
    budget = RetryBudget()
    with pytest.raises(OrderRejected):
        retry(budget=budget).call(Script(OrderRejected("no")))
    assert budget.statistics().granted == 0


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
