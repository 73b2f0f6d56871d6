"""The nursery in which a tree's tasks run, by itself: both kinds keep the same promises."""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import ContextVar, copy_context
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio

from supervisor.nursery import Nursery, open_nursery
from supervisor.testing import leaks
from tests.semantics.actors import settle

pytestmark = pytest.mark.anyio

COLOUR: ContextVar[str] = ContextVar("COLOUR", default="none")


class OopsError(Exception):
    pass


class Log:
    """What the tasks of a nursery did, and when."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._began = anyio.current_time()

    def __call__(self, line: str) -> None:
        self.lines.append(f"{anyio.current_time() - self._began:.0f} {line}")

    async def sleep(self, name: str, seconds: float) -> None:
        """As all that runs there, it lets no cancellation out."""
        with contextlib.suppress(anyio.get_cancelled_exc_class()):
            await self.sleep_in_block(name, seconds)

    async def sleep_in_block(self, name: str, seconds: float) -> None:
        try:
            await anyio.sleep(seconds)
            self(f"{name} slept")
        except anyio.get_cancelled_exc_class():
            self(f"{name} was cut")
            raise

    async def fail(self, name: str, seconds: float) -> None:
        await anyio.sleep(seconds)
        self(f"{name} fails")
        raise OopsError(name)


def start(nursery: Nursery, function: Any, name: str, *args: Any) -> None:
    nursery.start(function, name, *args, name=name, context=copy_context())


def errors_in(error: BaseException) -> list[BaseException]:
    """What is in a group, however deep."""
    return [one for inner in error.exceptions for one in errors_in(inner)] if isinstance(error, BaseExceptionGroup) else [error]


async def test_leaving_waits_for_all_tasks() -> None:
    log = Log()
    async with leaks():
        async with open_nursery() as nursery:
            for name, seconds in [("a", 3.0), ("b", 1.0)]:
                start(nursery, log.sleep, name, seconds)
            log("the block ends")
        log("left")
    assert log.lines == ["0 the block ends", "1 b slept", "3 a slept", "3 left"]


async def test_leaving_waits_for_a_task_that_a_task_starts_meanwhile() -> None:
    log = Log()

    async def parent(name: str) -> None:
        await log.sleep(name, 1.0)
        start(nursery, log.sleep, "child", 1.0)

    async with open_nursery() as nursery:
        start(nursery, parent, "parent")
    log("left")
    assert log.lines == ["1 parent slept", "2 child slept", "2 left"]


async def test_a_task_that_raises_ends_the_others_and_the_block() -> None:
    log = Log()
    async with leaks():
        with pytest.raises(BaseExceptionGroup) as raised:
            async with open_nursery() as nursery:
                start(nursery, log.fail, "a", 1.0)
                start(nursery, log.sleep, "b", 5.0)
                await log.sleep_in_block("the block", 10.0)
        log("left")
    assert [repr(error) for error in errors_in(raised.value)] == ["OopsError('a')"]
    assert sorted(log.lines) == ["1 a fails", "1 b was cut", "1 left", "1 the block was cut"]


async def test_a_task_that_raises_while_the_nursery_is_left_ends_the_others() -> None:
    log = Log()
    with pytest.raises(BaseExceptionGroup) as raised:
        async with open_nursery() as nursery:
            start(nursery, log.fail, "a", 1.0)
            start(nursery, log.sleep, "b", 5.0)
    log("left")
    assert [repr(error) for error in errors_in(raised.value)] == ["OopsError('a')"]
    assert log.lines == ["1 a fails", "1 b was cut", "1 left"]


async def test_who_caught_what_a_task_raised_can_go_on() -> None:
    log = Log()
    with pytest.raises(BaseExceptionGroup):
        async with open_nursery() as nursery:
            start(nursery, log.fail, "a", 1.0)
            await anyio.sleep(10.0)
    await log.sleep_in_block("afterwards", 1.0)
    with anyio.move_on_after(1.0) as scope:
        await log.sleep_in_block("a scope", 5.0)
    assert scope.cancelled_caught
    assert log.lines == ["1 a fails", "2 afterwards slept", "3 a scope was cut"]


async def test_an_error_of_the_block_comes_out_when_the_tasks_are_done() -> None:
    log = Log()
    with pytest.raises((OopsError, BaseExceptionGroup)) as raised:
        async with open_nursery() as nursery:
            start(nursery, log.sleep, "a", 2.0)
            raise OopsError("the block")
    log("left")
    assert [repr(error) for error in errors_in(raised.value)] == ["OopsError('the block')"]
    assert log.lines == ["2 a slept", "2 left"]


async def test_a_cancellation_around_the_nursery_reaches_no_task_in_it() -> None:
    log = Log()
    async with leaks():
        with anyio.CancelScope() as around:
            async with open_nursery() as nursery:
                start(nursery, log.sleep, "a", 3.0)
                with contextlib.suppress(anyio.get_cancelled_exc_class()):
                    around.cancel()
                    await log.sleep_in_block("the block", 10.0)
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(4.0)
                log("the block ends")
                await anyio.lowlevel.checkpoint()
        log("left")
    assert around.cancelled_caught
    assert log.lines == ["0 the block was cut", "3 a slept", "4 the block ends", "4 left"]


async def test_a_task_that_is_started_under_a_cancellation_is_not_reached_by_it() -> None:
    log = Log()
    with anyio.CancelScope() as around:
        async with open_nursery() as nursery:
            around.cancel()
            start(nursery, log.sleep, "a", 3.0)
            with anyio.CancelScope(shield=True):
                await anyio.sleep(4.0)
    assert log.lines == ["3 a slept"]


async def test_who_is_cancelled_while_it_leaves_waits_for_the_tasks_all_the_same() -> None:
    log = Log()

    async def holder() -> None:
        async with open_nursery() as nursery:
            start(nursery, log.sleep, "a", 3.0)

    if trio.lowlevel.in_trio_run():
        with anyio.move_on_after(1.0):
            await holder()
    else:
        task = asyncio.create_task(holder())
        await anyio.sleep(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    log("left")
    assert log.lines == ["3 a slept", "3 left"]


async def test_a_task_has_its_name_and_the_context_variables_it_is_given() -> None:
    seen = []

    async def look(name: str) -> None:
        task: Any = trio.lowlevel.current_task() if trio.lowlevel.in_trio_run() else asyncio.current_task()
        seen.append((name, task.name if trio.lowlevel.in_trio_run() else task.get_name(), COLOUR.get()))

    async with open_nursery() as nursery:
        for colour in ("red", "blue"):
            context = copy_context()
            context.run(COLOUR.set, colour)
            nursery.start(look, colour, name=f"the {colour} one", context=context)
    assert sorted(seen) == [("blue", "the blue one", "blue"), ("red", "the red one", "red")]
    assert COLOUR.get() == "none"


ASYNCIO_ONLY = pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
"""A trio task can only be cancelled by a scope, and there is none around it."""


def named(name: str) -> asyncio.Task[Any]:
    return next(task for task in asyncio.all_tasks() if task.get_name() == name)


@ASYNCIO_ONLY
async def test_a_task_that_was_cancelled_natively_hurts_no_other() -> None:
    log = Log()
    async with open_nursery() as nursery:
        start(nursery, log.sleep, "a", 5.0)
        start(nursery, log.sleep, "b", 3.0)
        await settle()
        named("a").cancel()
    assert log.lines == ["0 a was cut", "3 b slept"]


@ASYNCIO_ONLY
@pytest.mark.parametrize("times", [1, 3])
async def test_a_task_that_was_cancelled_natively_before_its_first_step_runs_all_the_same(times: int) -> None:
    log = Log()
    async with leaks(), open_nursery() as nursery:
        start(nursery, log.sleep, "a", 5.0)
        for _ in range(times):
            named("a").cancel()
            await asyncio.sleep(0)  # its end
            await asyncio.sleep(0)  # what follows from it
    assert log.lines == ["5 a slept"]
