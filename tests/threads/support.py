"""What the tests of trees on threads have in common."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from supervisor import (
    BlockingRef,
    BlockingSupervisor,
    Topic,
    TreeStopped,
    background,
)
from tests.semantics.actors import Boom, Do, Journal, tree

TICKS: Topic[int] = Topic("ticks")


SOON = 10.0
"""Seconds within which whatever must happen has happened, however busy the machine."""


def opened(backend: str, journal: Journal, *children: Any, **kwargs: Any) -> AbstractContextManager[BlockingSupervisor]:
    options = {key: kwargs.pop(key) for key in ("deadline", "backend_options") if key in kwargs}
    return background(tree(*children, **kwargs), backend=backend, sinks=[journal.events.append], **options)


class InThread:
    """A function at work in another thread, and what came of it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._value: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:
            self._error = error

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def result(self) -> Any:
        self._thread.join(SOON)
        assert self.done, "the thread still waits"
        if self._error is not None:
            raise self._error
        return self._value

    def error(self) -> BaseException:
        self._thread.join(SOON)
        assert self.done, "the thread still waits"
        assert self._error is not None
        return self._error


def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread."""
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.001)  # the other thread needs the interpreter; whether it is done is asked, not guessed


def fail(root: BlockingSupervisor, journal: Journal) -> None:
    """Have a tree without a budget fail, and wait until it has."""
    root.child("a").tell(Boom())
    until(lambda: bool(journal.of(TreeStopped)))


def tell(ref: BlockingRef[Any], action: Callable[[Any], Any]) -> None:
    assert ref.tell(Do(action))
