"""Sleeping until somebody wakes one, or time is up: as a task on trio or asyncio, or as a thread. Woken from anywhere."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Hashable
from threading import get_ident
from typing import NoReturn, Protocol, cast

import anyio

from supervisor.parking import loop_clock, parker_type, task_finder, threadsafe_caller

__all__ = ["TaskWaiter", "ThreadWaiter", "Waiter", "in_a_loop", "pause", "refuse_to_block", "who_runs"]


class Waiter(Protocol):
    """Somebody who sleeps. A wake-up before the sleep is remembered."""

    def wake(self) -> bool:
        """Wake it, from any thread. Once is enough. False: nobody sleeps here any more, as the loop is closed."""
        ...


class TaskWaiter:
    """A task that sleeps. Made in the loop in which it sleeps."""

    __slots__ = ("_call", "_home", "_parker", "_woken")

    def __init__(self) -> None:
        self._parker = parker_type()()
        self._home = get_ident()
        self._call = threadsafe_caller()
        self._woken = False

    def wake(self) -> bool:
        if get_ident() != self._home:
            return self._call(self._rouse)
        try:
            self._rouse()
        except RuntimeError:  # of asyncio: its loop was closed, and nobody had cancelled what slept there
            return False
        return True

    async def sleep(self, seconds: float = math.inf) -> None:
        """Sleep until `wake`, or this long.

        Cancellation: atomic; a wake-up that crosses it is lost with the sleeper.
        """
        with anyio.move_on_after(None if seconds == math.inf else seconds):
            while not self._woken:
                await self._parker.park()
        self._woken = False

    def _rouse(self) -> None:
        self._woken = True
        self._parker.unpark()


class ThreadWaiter:
    """A thread that sleeps."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = threading.Event()

    def wake(self) -> bool:
        self._event.set()
        return True

    def sleep(self, seconds: float = math.inf) -> None:
        """Sleep until `wake`, or this long."""
        self._event.wait(None if seconds == math.inf else min(seconds, threading.TIMEOUT_MAX))
        self._event.clear()


def in_a_loop() -> bool:
    """Whether an event loop runs in this thread, so that to sleep here would stop everything."""
    try:
        loop_clock()
    except RuntimeError:
        return False
    return True


def who_runs() -> Hashable:
    """The task that runs now, or the thread where none does: what owns a lock that one may take twice."""
    try:
        return cast("Hashable", task_finder()()) or get_ident()
    except RuntimeError:
        return get_ident()


def refuse_to_block(what: str, instead: str) -> NoReturn:
    """Raise RuntimeError: who waits here blocks the event loop."""
    raise RuntimeError(f"{what} would have to wait here, and block the event loop; expected: {instead}")


def pause(seconds: float) -> None:
    """Sleep in this thread.

    Raises:
        RuntimeError: an event loop runs here.
    """
    if in_a_loop():
        refuse_to_block("a synchronous call", "an async function, or a worker thread (anyio.to_thread.run_sync)")
    time.sleep(seconds)  # the thread is the caller's, and to wait is what it asked for
