"""Put a task to sleep and wake it: with `nursery`, the one place that knows trio from asyncio.

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
import time
import traceback
from collections.abc import Awaitable, Callable
from threading import get_ident
from types import FunctionType
from typing import Any, NoReturn, Protocol, TypeVar, cast

import anyio
import trio

__all__ = [
    "AsyncioParker",
    "Parker",
    "TrioParker",
    "check_thread",
    "clock_here",
    "give_way",
    "loop_clock",
    "parker_type",
    "refuse_thread",
    "scope_type",
    "scope_within",
    "stack_of",
    "task_finder",
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

    def park(self) -> Awaitable[None]:
        """Sleep until `unpark`: `await parker.park()`, at once. No `async def`: that would be one frame more per wake-up.

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
    if get_ident() != home:
        refuse_thread()


def refuse_thread() -> NoReturn:
    """Raise RuntimeError: this is another thread than the tree's."""
    raise RuntimeError(
        f"a tree was used from the thread {threading.current_thread().name!r}, and nothing was done; expected the thread "
        "of its own loop; in other threads use background() and its handles, such as a BlockingRef, or, in a worker of "
        "anyio.to_thread, anyio.from_thread.run_sync(ref.tell, message)"
    )


class TrioParker:
    """A `Parker` on trio."""

    __slots__ = ("_home", "_task")

    def __init__(self) -> None:
        self._home = get_ident()
        self._task: trio.lowlevel.Task | None = None

    @property
    def parked(self) -> bool:
        return self._task is not None

    def park(self) -> Awaitable[None]:
        if get_ident() != self._home:
            refuse_thread()
        self._task = trio.lowlevel.current_task()
        return trio.lowlevel.wait_task_rescheduled(self._abort)  # noqa: ASYNC105  # whoever parks awaits it

    def unpark(self) -> None:
        task = self._task
        if task is not None:
            if get_ident() != self._home:
                refuse_thread()
            self._task = None
            trio.lowlevel.reschedule(task)

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


class AsyncioParker:
    """A `Parker` on asyncio."""

    __slots__ = ("_future", "_home", "_loop")

    def __init__(self) -> None:
        self._home = get_ident()
        self._loop: asyncio.AbstractEventLoop | None = None
        """Kept once it is known: up to Python 3.11 each look for it asks the kernel for the process' id."""
        self._future: asyncio.Future[None] | None = None

    @property
    def parked(self) -> bool:
        return self._future is not None and not self._future.done()  # a sleeper that was cancelled cancels its future

    def park(self) -> Awaitable[None]:
        if get_ident() != self._home:
            refuse_thread()
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        future = self._future = asyncio.Future(loop=loop)
        return future

    def unpark(self) -> None:
        future = self._future
        if future is not None and not future.done():
            if get_ident() != self._home:
                refuse_thread()
            self._future = None
            future.set_result(None)


def parker_type() -> type[TrioParker | AsyncioParker]:
    """The kind of parker for the loop that runs now."""
    return TrioParker if trio.lowlevel.in_trio_run() else AsyncioParker


def scope_type() -> Callable[[], anyio.CancelScope]:
    """What makes a cancel scope of the loop that runs now, without asking each time which loop that is."""
    # trio's own class has the face of anyio's, which only wraps it.
    return (
        cast("Callable[[], anyio.CancelScope]", trio.CancelScope) if trio.lowlevel.in_trio_run() else type(anyio.CancelScope())
    )


_anyio_scope: type[anyio.CancelScope] | None = None
# Looked up once: these are asked for each guarded call.
_running_loop = asyncio._get_running_loop
_current_task = asyncio.current_task


def scope_within(seconds: float) -> anyio.CancelScope:
    """A cancel scope of the loop that runs now, whose time is up in so many seconds."""
    # `in_trio_run` costs asyncio 0.6 us, and `scope_type` one scope more: this asks the loop that asks for less. In trio's
    # guest mode trio's tasks run inside of an asyncio loop, but in none of its tasks.
    loop = _running_loop()
    if loop is None or _current_task(loop) is None:
        return cast("anyio.CancelScope", trio.CancelScope(relative_deadline=seconds))
    return (_anyio_scope or _learn_scope())(deadline=loop.time() + seconds)


def _learn_scope() -> type[anyio.CancelScope]:
    global _anyio_scope  # noqa: PLW0603  # the same class for good, once a loop has told it
    _anyio_scope = type(anyio.CancelScope())
    return _anyio_scope


def loop_clock() -> Callable[[], float]:
    """The clock of the loop that runs now, as cheap as it can be read."""
    if trio.lowlevel.in_trio_run():
        return trio.lowlevel.current_clock().current_time
    loop = asyncio.get_running_loop()
    return time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time  # which asks just that


def clock_here() -> Callable[[], float]:
    """The clock of the loop that runs now, or `time.monotonic` where none runs."""
    # asyncio's loop is asked for first, as for scopes: `in_trio_run` costs it more than all the rest.
    loop = _running_loop()
    if (loop is None or _current_task(loop) is None) and trio.lowlevel.in_trio_run():
        return trio.lowlevel.current_clock().current_time
    return time.monotonic if loop is None or type(loop).time is asyncio.BaseEventLoop.time else loop.time


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


def task_finder() -> Callable[[], Any]:
    """What finds the task that runs now, on the loop that runs now; for `stack_of`."""
    return trio.lowlevel.current_task if trio.lowlevel.in_trio_run() else asyncio.current_task


def stack_of(task: Any) -> str:
    """Where a sleeping task is, outermost call first, as text."""
    frames = []
    coroutine = task.coro if isinstance(task, trio.lowlevel.Task) else None if task is None else task.get_coro()
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None:
            frames.append((frame, frame.f_lineno))
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return "".join(traceback.StackSummary.extract(iter(frames)).format())
