"""What signals do to a program that is a tree: the first stops in order, the second hurries, the third ends the process.

Signals come to a plain handler, which Python runs in the main thread between any two instructions, also when a handler of an
actor holds the loop. Only so can the third one help: whatever goes through the loop waits for it.

The deadline is the loop's affair too, so a thread looks after it from the first signal on. When it has passed, and the loop
does not answer either, the thread ends the process. It gets everything through one queue, the one way that may be used inside a
signal handler: a lock might be held by the very code that the handler has interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from supervisor.parking import threadsafe_caller

__all__ = ["Stopper"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)
HELD = 1.0
"""Seconds, once the deadline has passed, after which a loop that gives no sign of life is held."""

OVER = "over"
ALIVE = "alive"


class Stopper:
    """Heeds signals while a tree runs.

    Args:
        stop: what the first signal does, in the loop.
        deadline: seconds from the first signal; past it, the process is ended if something holds the loop. None: never.
    """

    def __init__(self, stop: Callable[[], object], deadline: float | None) -> None:
        self._stop = stop
        self._deadline = deadline
        self._kill: Callable[[], None] = lambda: None
        self._came = 0
        self._call: Callable[[Callable[[], object]], bool] = lambda _: False
        self._queue: SimpleQueue[signal.Signals | str] = SimpleQueue()

    def announce(self, kill: Callable[[], None]) -> None:
        """This is what a second signal does, from now on."""
        self._kill = kill

    @contextmanager
    def heeding(self) -> Iterator[None]:
        """Heed signals in this block. They come to the main thread; in another one nothing is heeded."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._call = threadsafe_caller()
        guard = None
        if self._deadline is not None:
            guard = threading.Thread(target=self._guard, args=(self._deadline,), name="supervisor stop guard", daemon=True)
            guard.start()
        before: dict[signal.Signals, Any] = {}
        try:
            for number in SIGNALS:
                before[number] = signal.signal(number, self._came_in)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: it was not set from Python
            self._queue.put(OVER)
            if guard is not None:
                guard.join()

    def _came_in(self, number: int, frame: FrameType | None) -> None:
        """One signal, at any place of the main thread's code."""
        self._came += 1
        if self._came == 1:
            self._queue.put(signal.Signals(number))
        if self._came < 3:
            self._call(self._stop if self._came == 1 else self._hurry)
            return
        _say(f"the third signal, {signal.Signals(number).name}", frame)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    def _hurry(self) -> None:
        self._kill()  # looked up only here, in the loop: the tree may have been announced in between

    def _guard(self, deadline: float) -> None:
        """The guard's thread. From the first signal on it waits for the deadline, then sees to it that the loop goes on."""
        number = self._queue.get()
        if not isinstance(number, signal.Signals) or self._over_within(deadline):
            return
        while self._call(partial(self._queue.put, ALIVE)):
            answer = self._next(HELD)
            if answer is None:
                _say("the deadline has passed and something holds the loop", sys._current_frames().get(_main_thread()))
                os._exit(128 + number)  # only the main thread could die of the signal itself, and it may never run again
            if answer == OVER or self._over_within(HELD):
                return

    def _next(self, seconds: float) -> object:
        """What comes next, or None."""
        try:
            return self._queue.get(timeout=min(seconds, threading.TIMEOUT_MAX))
        except Empty:
            return None

    def _over_within(self, seconds: float) -> bool:
        return self._next(seconds) == OVER


def _main_thread() -> int:
    return threading.main_thread().ident or 0


def _say(why: str, frame: FrameType | None) -> None:
    """Written straight to the descriptor: the stream may be in the middle of a line, and would refuse."""
    stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
    with suppress(OSError):
        os.write(2, f"supervisor: {why}: this process ends now; it was at\n{stack}".encode(errors="replace"))
