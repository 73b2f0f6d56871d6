"""A thread that sees when something holds the loop, and where.

It asks the loop for a sign of life; if none comes within the threshold, it looks at the stack of the loop's thread. It is a
thread, and on the machine's clock, because a loop that is held can look at nothing, and its own clock stands still.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from types import FrameType

from supervisor.parking import threadsafe_caller

__all__ = ["LoopWatch"]

REST = 0.25
"""Of the threshold, how long the thread rests between two signs of life."""


class LoopWatch:
    """Watches the loop in which it is made, from `start` to `close`.

    Args:
        threshold: seconds without a sign of life.
        whose: the path of whom a frame belongs to, if it says so.
        report: called in the loop, once it runs again: for how many seconds it was held, by whom (None: by nobody of the
            tree), and where, as text.
    """

    def __init__(
        self,
        threshold: float,
        whose: Callable[[FrameType], str | None],
        report: Callable[[float, str | None, str], None],
    ) -> None:
        self._threshold = threshold
        self._whose = whose
        self._report = report
        self._call = threadsafe_caller()
        self._loop_thread = threading.get_ident()
        self._sign = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor loop watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Watch no more. The thread ends by itself, at the latest after a rest."""
        self._closed.set()
        self._sign.set()

    def _watch(self) -> None:
        while not self._closed.is_set():
            self._sign.clear()
            asked = time.monotonic()
            if not self._call(self._sign.set):
                return  # the loop is over
            if not self._sign.wait(self._threshold):
                path, text = self._look()
                self._sign.wait()
                held = time.monotonic() - asked
                if self._closed.is_set() or not self._call(partial(self._report, held, path, text)):
                    return
            self._closed.wait(self._threshold * REST)

    def _look(self) -> tuple[str | None, str]:
        frames: list[FrameType] = []
        frame = sys._current_frames().get(self._loop_thread)
        while frame is not None:
            frames.append(frame)
            frame = frame.f_back
        path = next((path for path in map(self._whose, frames) if path is not None), None)
        summary = traceback.StackSummary.extract((frame, frame.f_lineno) for frame in reversed(frames))
        return path, "".join(summary.format())
