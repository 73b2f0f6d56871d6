"""A thread that sees when something holds the loop, and where.

It asks the loop for a sign of life; if none comes within the threshold, it looks at the stack of the loop's thread. It is a
thread, and on the machine's clock, because a loop that is held can look at nothing, and its own clock stands still.

What it sees goes to structlog at once, from the thread itself: the loop may never run again. The report follows in the loop
when it does, before anything else there can know that it was held.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import structlog

from supervisor.parking import threadsafe_caller

__all__ = ["LoopWatch"]

REST = 0.25
"""Of the threshold, how long the thread rests between two signs of life."""
AGAIN = 10.0
"""Seconds until a loop that is still held is logged again."""


class LoopWatch:
    """Watches the loop in which it is made, from `start` to `close`.

    Logs `loop held`, with path, seconds and stack, from its own thread: once the threshold has passed, then every 10 seconds.

    Args:
        threshold: seconds without a sign of life.
        whose: the path of whom a frame belongs to, if it says so.
        report: called in the loop, once it runs again, also when `close` comes first: for how many seconds it was held, by
            whom (None: by nobody of the tree), and where, as text.
        logger: thread-safe, with a method `warning`; by default structlog's own, as the process has configured it.
    """

    def __init__(
        self,
        threshold: float,
        whose: Callable[[FrameType], str | None],
        report: Callable[[float, str | None, str], None],
        logger: Any = None,
    ) -> None:
        self._threshold = threshold
        self._whose = whose
        self._report = report
        self._logger = structlog.get_logger("supervisor") if logger is None else logger
        self._seen: deque[tuple[float, str | None, str]] = deque(maxlen=1)
        """What is to be reported: since when, whom and what. The thread puts it here, the loop takes it."""
        self._call = threadsafe_caller()
        self._loop_thread = threading.get_ident()
        self._sign = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor loop watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Report what is to be reported, and watch no more. In the loop. The thread ends by itself, at once."""
        self._tell()
        self._closed.set()
        self._sign.set()

    def _watch(self) -> None:
        while not self._closed.is_set():
            self._sign.clear()
            asked = time.monotonic()
            if not self._call(self._live):
                return  # the loop is over
            if not self._sign.wait(self._threshold):
                self._wait_out(asked)
            self._closed.wait(self._threshold * REST)

    def _wait_out(self, asked: float) -> None:
        """The loop is held: say so, until it is not."""
        path, text = self._look()
        self._seen.append((asked, path, text))
        self._log(asked, path, text)
        while not self._sign.wait(AGAIN):
            self._log(asked, *self._look())
        self._call(self._tell)  # the sign may have come after the wait and before there was anything to tell

    def _log(self, asked: float, path: str | None, text: str) -> None:
        held = round(time.monotonic() - asked, 3)
        with suppress(Exception):  # a broken logger must not end the watch; the report is still to come
            self._logger.warning("loop held", path=path or "nobody of the tree", seconds=held, stack=text)

    def _live(self) -> None:
        self._sign.set()
        self._tell()

    def _tell(self) -> None:
        """Report, once. In the loop."""
        if self._seen:
            asked, path, text = self._seen.popleft()
            self._report(time.monotonic() - asked, path, text)

    def _look(self) -> tuple[str | None, str]:
        frames: list[FrameType] = []
        frame = sys._current_frames().get(self._loop_thread)
        while frame is not None:
            frames.append(frame)
            frame = frame.f_back
        path = next((path for path in map(self._whose, frames) if path is not None), None)
        summary = traceback.StackSummary.extract((frame, frame.f_lineno) for frame in reversed(frames))
        return path, "".join(summary.format())
