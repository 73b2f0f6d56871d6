from __future__ import annotations

from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from actors.errors import ErrorContext, ExchangeUnavailable, current_context
from actors.errors.context import entered, left
from actors.resilience import async_error_context, error_context

pytestmark = pytest.mark.anyio


class Monitor:
    def __init__(self) -> None:
        self.told: list[tuple[Exception, str | None, str | None]] = []

    def record(self, error: Exception, /, *, component: str | None = None, operation: str | None = None) -> None:
        self.told.append((error, component, operation))


def test_an_error_that_is_made_inside_carries_the_context() -> None:
    block = error_context(component="router", operation="place order", request_id="r1")
    with pytest.raises(ExchangeUnavailable) as caught, block as context:
        assert context == current_context() == ErrorContext("router", "place order", "r1")
        raise ExchangeUnavailable("busy")
    error = caught.value
    assert (error.component, error.operation, error.request_id) == ("router", "place order", "r1")
    assert current_context() == ErrorContext()


def test_an_error_of_ours_from_elsewhere_gets_what_it_lacks() -> None:
    error = ExchangeUnavailable("busy", operation="ask")
    with pytest.raises(ExchangeUnavailable), error_context(component="router", operation="place order"):
        raise error
    assert (error.component, error.operation) == ("router", "ask")


def test_a_foreign_error_gets_one_note_from_the_innermost_block() -> None:
    outer, inner = error_context(component="router", user_id="u1"), error_context(operation="place order")
    with pytest.raises(KeyError) as caught, outer, inner:
        raise KeyError("x")
    assert caught.value.__notes__ == ["in component router, operation place order, user_id u1"]


def test_a_note_holds_no_secrets() -> None:
    with pytest.raises(KeyError) as caught, error_context(operation="call https://me:pass@example.org"):
        raise KeyError("x")
    assert "pass" not in caught.value.__notes__[0]


def test_each_error_of_a_group_is_marked() -> None:
    ours = ExchangeUnavailable("busy")
    with pytest.raises(ExceptionGroup) as caught, error_context(component="router"):
        raise ExceptionGroup("both", [ours, KeyError("x")])
    assert ours.component == "router"
    assert caught.value.__notes__ == ["in component router"]


def test_a_block_without_anything_to_say_says_nothing() -> None:
    with pytest.raises(KeyError) as caught, error_context():
        raise KeyError("x")
    assert not hasattr(caught.value, "__notes__")


def test_what_is_no_exception_is_not_touched() -> None:
    monitor = Monitor()
    with pytest.raises(KeyboardInterrupt) as caught, error_context(component="router", monitor=monitor):
        raise KeyboardInterrupt
    assert not hasattr(caught.value, "__notes__")
    assert monitor.told == []
    assert current_context() == ErrorContext()


def test_a_monitor_is_told() -> None:
    monitor = Monitor()
    with pytest.raises(KeyError) as caught, error_context(component="router", operation="place order", monitor=monitor):
        raise KeyError("x")
    assert monitor.told == [(caught.value, "router", "place order")]


def test_a_monitor_that_fails_breaks_nothing() -> None:
    class Broken:
        def record(self, error: Exception, /, **_: Any) -> None:
            raise ZeroDivisionError

    with capture_logs() as logs, pytest.raises(KeyError), error_context(component="router", monitor=Broken()):
        raise KeyError("x")
    assert logs[0]["error"] == "ZeroDivisionError"


def test_a_block_may_be_used_again_and_around_others() -> None:
    block = error_context(operation="ask")
    for component in ("router", "feed"):
        before = entered(ErrorContext(component=component))
        with block as outer, block as inner:
            assert outer == inner == ErrorContext(component, "ask")
        assert current_context() == ErrorContext(component)
        left(before)


async def test_tasks_have_a_context_each() -> None:
    block = async_error_context(operation="ask")
    seen = []

    async def run(component: str, after: float) -> None:
        async with async_error_context(component=component), block:
            await anyio.sleep(after)
            seen.append((current_context().component, current_context().operation))

    async with anyio.create_task_group() as group:
        group.start_soon(run, "router", 2.0)
        group.start_soon(run, "feed", 1.0)
    assert seen == [("feed", "ask"), ("router", "ask")]


async def test_a_cancellation_passes_and_the_context_is_put_back() -> None:
    with anyio.move_on_after(1.0) as outer:
        async with async_error_context(component="router"):
            await anyio.sleep(9.0)
    assert outer.cancelled_caught
    assert current_context() == ErrorContext()


async def test_an_error_passes_an_async_block_as_it_is() -> None:
    error = KeyError("x")
    with pytest.raises(KeyError) as caught:
        async with async_error_context(component="router"):
            raise error
    assert caught.value is error
    assert error.__notes__ == ["in component router"]
