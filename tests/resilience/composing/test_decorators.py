from __future__ import annotations

import inspect
from contextlib import nullcontext
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from structlog.testing import capture_logs

from actors.errors import (
    CallTimeout,
    CircuitOpen,
    ConnectFailed,
    ErrorContext,
    ExchangeUnavailable,
    RateLimited,
    ValidationError,
    current_context,
)
from actors.resilience import (
    CircuitBreaker,
    Delays,
    ErrorMonitor,
    Fallback,
    Timeout,
    circuit_breaker,
    default_breakers,
    handle_errors,
    pipeline_of,
    resilient,
    retry_on_network_error,
)
from actors.resilience.limiting.bulkhead import Bulkhead
from supervisor import SpecError

pytestmark = pytest.mark.anyio
SOON = Delays(initial=0.001, maximum=0.001)


@pytest.fixture(autouse=True)
def fresh_breakers() -> Any:
    default_breakers.clear()
    yield
    default_breakers.clear()


class Flaky:
    """Raises its errors in turn, then returns 7."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.calls = 0

    def read(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return 7

    async def fetch(self) -> int:
        await anyio.lowlevel.checkpoint()
        return self.read()


def lost() -> ConnectFailed:
    return ConnectFailed("wss://example.org", "gone")


# ---- resilient


async def test_resilient_needs_no_options() -> None:
    flaky = Flaky(lost(), lost())

    @resilient
    async def fetch() -> int:
        """Fetch it."""
        return await flaky.fetch()

    assert await fetch() == 7
    assert (fetch.__name__, fetch.__doc__) == ("fetch", "Fetch it.")
    assert str(pipeline_of(fetch)).splitlines()[0] == "fetch"
    assert [type(policy).__name__ for policy in pipeline_of(fetch).policies] == ["Retry", "CircuitBreaker", "Timeout"]


def test_resilient_does_not_put_sync_calls_into_threads_unasked() -> None:
    flaky = Flaky(lost())
    read = resilient(delays=SOON)(flaky.read)
    assert read() == 7
    assert [type(policy).__name__ for policy in pipeline_of(read).policies] == ["Retry", "CircuitBreaker"]
    read = resilient(timeout=60.0)(flaky.read)
    assert isinstance(pipeline_of(read).policies[-1], Timeout)


async def test_resilient_puts_its_parts_in_the_promised_order() -> None:
    bulkhead, breaker = Bulkhead(limit=1), CircuitBreaker("shared")
    fetch = resilient(name="rest", limit=bulkhead, breaker=breaker, fallback=0)(Flaky().fetch)
    pipeline = pipeline_of(fetch)
    assert [type(policy).__name__ for policy in pipeline.policies] == [
        "Fallback",
        "Retry",
        "Bulkhead",
        "CircuitBreaker",
        "Timeout",
    ]
    assert pipeline.policies[2:4] == (bulkhead, breaker)
    assert [*pipeline.statistics()] == ["rest fallback", "rest retry", "bulkhead", "shared", "rest timeout"]


async def test_resilient_leaves_out_what_is_not_wanted() -> None:
    fetch = resilient(attempts=1, breaker=False, timeout=5.0)(Flaky().fetch)
    assert [type(policy).__name__ for policy in pipeline_of(fetch).policies] == ["Timeout"]
    with pytest.raises(SpecError, match="policies"):
        resilient(attempts=1, breaker=False, timeout=None)(Flaky().fetch)


@pytest.mark.parametrize("idempotent", [False, True])
async def test_resilient_tries_a_timeout_again_only_if_that_can_do_no_harm(idempotent: bool) -> None:
    calls = 0

    @resilient(timeout=2.0, attempts=2, idempotent=idempotent)
    async def place() -> None:
        nonlocal calls
        calls += 1
        await anyio.sleep(9.0)

    with pytest.raises(CallTimeout):
        await place()
    assert calls == 1 + idempotent


async def test_resilient_answers_with_the_fallback() -> None:
    error = ValidationError("symbol", "?", "one that is traded")
    assert await resilient(fallback=None)(Flaky(error).fetch)() is None
    policy = Fallback(function=lambda error: 3)
    assert await resilient(fallback=policy)(Flaky(error).fetch)() == 3
    assert policy.statistics().functions == 1


async def test_resilient_gives_each_function_a_breaker_of_its_own_unless_it_is_named() -> None:
    own = resilient(name="rest")
    first, second = own(Flaky().fetch), own(Flaky().fetch)
    assert pipeline_of(first).policies[1] is not pipeline_of(second).policies[1]
    shared = resilient(breaker="binance")
    first, second = shared(Flaky().fetch), shared(Flaky().fetch)
    assert pipeline_of(first).policies[1] is pipeline_of(second).policies[1] is default_breakers.get("binance")


async def test_resilient_works_on_methods() -> None:
    class Rest:
        def __init__(self) -> None:
            self.calls = 0

        @resilient
        async def fetch(self, symbol: str) -> str:
            self.calls += 1
            if self.calls == 1:
                raise lost()
            return symbol

    assert await Rest().fetch("BTC") == "BTC"


def test_a_function_without_a_pipeline_says_so() -> None:
    with pytest.raises(LookupError, match="resilient"):
        pipeline_of(len)


def test_the_pipeline_of_a_method_is_found_through_an_object_and_through_other_decorators() -> None:
    class Bot:
        @resilient
        def read(self) -> int:
            return 7

    around = handle_errors("read", "bot")(Bot.read)
    assert pipeline_of(Bot().read) is pipeline_of(around) is pipeline_of(Bot.read)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"breaker": None}, "resilient.breaker is None; expected True, False"),
        ({"limit": 5}, "Pipeline is 5; expected policies"),
    ],
    ids=["breaker", "limit"],
)
def test_what_is_no_policy_is_refused_in_words(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        resilient(**options)(lambda: 7)


def test_a_handler_shows_what_it_handles() -> None:
    assert repr(handle_errors("read", "bot")) == "<ErrorHandler bot: read: errors are logged>"


# ---- retry_on_network_error


async def test_a_network_error_is_tried_again() -> None:
    flaky = Flaky(lost(), RateLimited("slow down"))
    assert await retry_on_network_error(flaky.fetch)() == 7
    assert flaky.calls == 3


def test_a_network_error_of_a_sync_call_is_tried_again() -> None:
    assert retry_on_network_error(attempts=2, delays=SOON)(Flaky(lost()).read)() == 7


@pytest.mark.parametrize(
    "error",
    [ExchangeUnavailable("busy"), ValidationError("symbol", "?", "another"), KeyError("x")],
    ids=lambda e: type(e).__name__,
)
async def test_nothing_else_is_tried_again(error: Exception) -> None:
    flaky = Flaky(error)
    with pytest.raises(type(error)) as caught:
        await retry_on_network_error(flaky.fetch)()
    assert caught.value is error
    assert flaky.calls == 1


@pytest.mark.parametrize("idempotent", [False, True])
async def test_what_may_have_been_carried_out_is_tried_again_only_if_that_can_do_no_harm(idempotent: bool) -> None:
    flaky = Flaky(CallTimeout("place", 5.0))
    with nullcontext() if idempotent else pytest.raises(CallTimeout):
        assert await retry_on_network_error(idempotent=idempotent)(flaky.fetch)() == 7
    assert flaky.calls == 1 + idempotent


# ---- breakers by name


async def test_the_same_name_is_the_same_breaker() -> None:
    first = circuit_breaker("binance", failures=1)
    assert circuit_breaker("binance") is first
    with pytest.raises(ConnectFailed):
        await first(Flaky(lost()).fetch)()
    with pytest.raises(CircuitOpen):
        await circuit_breaker("binance")(Flaky().fetch)()


# ---- handle_errors


async def test_an_error_is_logged_once_and_raised_as_it_was() -> None:
    error = lost()

    @handle_errors("place order", "router")
    async def place() -> int:
        return await handle_errors("send", "rest")(Flaky(error).fetch)()

    with capture_logs() as logs, pytest.raises(ConnectFailed) as caught:
        await place()
    assert caught.value is error
    assert (error.component, error.operation) == ("rest", "send")
    assert len(logs) == 1
    assert logs[0] == {
        "event": "send failed",
        "log_level": "warning",
        "component": "rest",
        "operation": "send",
        "request_id": None,
        "error": f"ConnectFailed: {error}",
        "error_id": error.id,
        "category": "network",
        "severity": "warning",
        "action": "retry",
        "rule": logs[0]["rule"],
    }


def test_neither_arguments_nor_secrets_are_logged() -> None:
    @handle_errors("log in", "rest")
    def log_in(password: str) -> None:
        raise KeyError("https://me:hunter2@example.org")

    with capture_logs() as logs, pytest.raises(KeyError):
        log_in("hunter2")
    assert "hunter2" not in str(logs)


async def test_the_fallback_is_returned() -> None:
    with capture_logs() as logs:
        assert await handle_errors("read", "rest", fallback=None)(Flaky(lost()).fetch)() is None
        assert handle_errors("read", "rest", fallback=())(Flaky(TypeError("a bug")).read)() == ()
    assert [line["category"] for line in logs] == ["network", "bug"]


async def test_the_monitor_is_told_once() -> None:
    monitor = ErrorMonitor()

    @handle_errors("place order", "router", monitor=monitor)
    @handle_errors("send", "rest", monitor=monitor)
    async def send() -> None:
        raise lost()

    with capture_logs(), pytest.raises(ConnectFailed):
        await send()
    found = monitor.records()
    assert [(one.component, one.operation) for one in found] == [("rest", "send")]


async def test_what_is_inside_has_the_context_and_what_follows_has_not() -> None:
    @handle_errors("read", "rest")
    async def read() -> ErrorContext:
        return current_context()

    assert await read() == ErrorContext("rest", "read")
    assert current_context() == ErrorContext()


def test_a_block_handles_errors_too() -> None:
    with capture_logs() as logs, pytest.raises(ConnectFailed), handle_errors("read", "rest") as context:
        assert context == ErrorContext("rest", "read")
        raise lost()
    assert len(logs) == 1
    answering: Any = handle_errors("read", "rest", fallback=None)
    with pytest.raises(TypeError, match="fallback"), answering:
        pass


def test_functions_stay_what_they_are() -> None:
    async def fetch() -> int:
        return 1

    def read() -> int:
        return 1

    for decorate in (
        resilient,
        retry_on_network_error,
        circuit_breaker("x"),
        handle_errors("a", "b"),
        handle_errors("a", "b", fallback=0),
    ):
        assert inspect.iscoroutinefunction(decorate(fetch))
        assert not inspect.iscoroutinefunction(decorate(read))
