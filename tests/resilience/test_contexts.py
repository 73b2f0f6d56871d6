from __future__ import annotations

import contextvars
import threading
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from actors.errors import ErrorContext, ExchangeUnavailable, current_context
from actors.errors.context import entered, left
from actors.resilience import async_error_context, error_context, handle_errors

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


async def test_tasks_that_share_a_block_get_back_the_context_that_was_theirs() -> None:
    block, async_block = error_context(operation="ask"), async_error_context(user_id="u1")
    seen = []

    async def run(component: str, begin: float) -> None:
        await anyio.sleep(begin)
        async with async_error_context(component=component):
            with block:
                async with async_block:
                    await anyio.sleep(1.0)
            seen.append((component, current_context()))

    async with anyio.create_task_group() as group:
        group.start_soon(run, "router", 0.0)
        group.start_soon(run, "feed", 0.5)
    assert seen == [("router", ErrorContext("router")), ("feed", ErrorContext("feed"))]


def test_a_block_that_is_left_in_another_context_marks_the_error_and_changes_no_other() -> None:
    block = error_context(component="router")
    contextvars.Context().run(block.__enter__)
    error = KeyError("x")
    with error_context(operation="ask"):
        block.__exit__(KeyError, error, None)
        assert current_context() == ErrorContext(operation="ask")
    assert error.__notes__ == ["in component router, operation ask"]


@pytest.mark.real_time
def test_eight_threads_that_share_blocks_and_a_handler_do_what_one_does() -> None:
    block, handler = error_context(operation="ask"), handle_errors("place", "router")
    before, wrong, together = handler.statistics(), list[object](), threading.Barrier(8)

    @handler
    def place() -> None:
        raise ExchangeUnavailable("busy")

    def work(own: int) -> None:
        together.wait(10.0)
        for _ in range(50):
            with error_context(user_id=str(own)) as mine:
                try:
                    with block:
                        place()
                except ExchangeUnavailable as error:
                    wrong.extend([error.user_id] if (error.user_id, error.operation) != (str(own), "place") else [])
                wrong.extend([current_context()] if current_context() != mine else [])

    with capture_logs():
        threads = [threading.Thread(target=work, args=(own,)) for own in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (wrong, handler.statistics() - before) == ([], 400)


def test_a_block_shows_what_it_says() -> None:
    assert repr(error_context(component="router")).startswith("ErrorBlock(ErrorContext(component='router'")


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
