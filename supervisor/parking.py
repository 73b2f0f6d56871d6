"""Put a task to sleep and wake it: the one place that knows trio from asyncio.

A `Parker` is a place where one task at a time sleeps. Waking through it is about twice as fast as through an event object,
because nothing is allocated that could be waited for by several.

Rules
    1. `unpark` before `park` is not remembered: who parks checks its condition first, and again when it wakes.
    2. A wake-up and a cancellation can cross: the sleeper may be cancelled although it was woken. Both are wake-ups to it.
    3. A parker belongs to the thread in which it is made. Who sleeps or wakes in another one is refused before anything has
       changed: the wake-up would get lost, or go to another loop. Only where a task sleeps is that looked at: it costs no
       sender anything while the receiver is at work.
"""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Callable
from types import FunctionType
from typing import Any, Protocol, TypeVar, cast

import trio

__all__ = [
    "AsyncioParker",
    "Parker",
    "TrioParker",
    "check_thread",
    "current_coroutine",
    "give_way",
    "loop_clock",
    "parker_type",
    "stack_of",
    "threadsafe_caller",
    "time_is_virtual",
    "uninterrupted",
]

F = TypeVar("F", bound=Callable[..., Any])


def uninterrupted(function: F) -> F:
    """A decorator: Ctrl-C does not strike while this function, or what it calls, runs; it comes to the loop's main task.

    On trio a `KeyboardInterrupt` is raised wherever the program happens to be: in the middle of a queue, a list of children, a
    handler. asyncio cancels the main task instead, and so does this. Costs nothing per call.
    """
    trio.lowlevel.enable_ki_protection(cast("FunctionType", function))
    return function


class Parker(Protocol):
    """A place where one task sleeps. Only for the thread in which it is made."""

    @property
    def parked(self) -> bool:
        """Whether a task sleeps here."""
        ...

    async def park(self) -> None:
        """Sleep until `unpark`.

        Raises:
            RuntimeError: in another thread.

        Cancellation: atomic; the place is free again.
        """
        ...

    def unpark(self) -> None:
        """Wake the sleeper, if there is one.

        Raises:
            RuntimeError: there is one, and this is another thread. Nobody was woken.
        """
        ...


def check_thread(home: int) -> None:
    """Refuse any thread but one.

    Args:
        home: its `threading.get_ident()`.

    Raises:
        RuntimeError: this is another.
    """
    if threading.get_ident() != home:
        raise RuntimeError(
            f"a tree was used from the thread {threading.current_thread().name!r}, and nothing was done; expected the thread "
            "of its own loop; in other threads use background() and its handles, such as a BlockingRef, or, in a worker of "
            "anyio.to_thread, anyio.from_thread.run_sync(ref.tell, message)"
        )


class TrioParker:
    """A `Parker` on trio."""

    __slots__ = ("_home", "_task")

    def __init__(self) -> None:
        self._home = threading.get_ident()
        self._task: trio.lowlevel.Task | None = None

    @property
    def parked(self) -> bool:
        return self._task is not None

    async def park(self) -> None:
        """Sleep until `unpark`. Cancellation: atomic."""
        check_thread(self._home)
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def unpark(self) -> None:
        task = self._task
        if task is not None:
            check_thread(self._home)
            self._task = None
            trio.lowlevel.reschedule(task)

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


class AsyncioParker:
    """A `Parker` on asyncio."""

    __slots__ = ("_future", "_home")

    def __init__(self) -> None:
        self._home = threading.get_ident()
        self._future: asyncio.Future[None] | None = None

    @property
    def parked(self) -> bool:
        return self._future is not None

    async def park(self) -> None:
        """Sleep until `unpark`. Cancellation: atomic."""
        check_thread(self._home)
        future = self._future = asyncio.get_running_loop().create_future()
        try:
            await future
        finally:
            if self._future is future:
                self._future = None

    def unpark(self) -> None:
        future = self._future
        if future is not None:
            check_thread(self._home)
            self._future = None
            if not future.done():
                future.set_result(None)


def parker_type() -> type[TrioParker | AsyncioParker]:
    """The kind of parker for the loop that runs now."""
    return TrioParker if trio.lowlevel.in_trio_run() else AsyncioParker


def loop_clock() -> Callable[[], float]:
    """The clock of the loop that runs now, as cheap as it can be read."""
    return trio.current_time if trio.lowlevel.in_trio_run() else asyncio.get_running_loop().time


async def give_way() -> None:
    """Let the other tasks run.

    Cancellation: a checkpoint.
    """
    if trio.lowlevel.in_trio_run():
        await trio.lowlevel.checkpoint()
    else:
        await asyncio.sleep(0)


def threadsafe_caller() -> Callable[[Callable[[], object]], bool]:
    """A function that other threads use to have something called in the loop that runs now; False once that loop is over."""
    if trio.lowlevel.in_trio_run():
        call: Callable[[Callable[[], object]], object] = trio.lowlevel.current_trio_token().run_sync_soon
    else:
        call = asyncio.get_running_loop().call_soon_threadsafe

    def call_soon(function: Callable[[], object]) -> bool:
        try:
            call(function)
        except RuntimeError:  # trio.RunFinishedError is one; asyncio says: the event loop is closed
            return False
        return True

    return call_soon


def time_is_virtual() -> bool:
    """Whether the clock of the loop that runs now jumps when nothing can run, as `supervisor.testing` has it.

    Who waits for a thread then must not let the loop go idle: the clock would jump past every deadline.
    """
    if trio.lowlevel.in_trio_run():
        return hasattr(trio.lowlevel.current_clock(), "autojump_threshold")
    return getattr(asyncio.get_running_loop(), "virtual_time", False) is True


def current_coroutine() -> Any:
    """The coroutine of the task that runs now, for `stack_of`."""
    if trio.lowlevel.in_trio_run():
        return trio.lowlevel.current_task().coro
    task = asyncio.current_task()
    return None if task is None else task.get_coro()


def stack_of(coroutine: Any) -> str:
    """Where a sleeping coroutine is, outermost call first, as text."""
    frames = []
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None:
            frames.append((frame, frame.f_lineno))
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return "".join(traceback.StackSummary.extract(iter(frames)).format())
