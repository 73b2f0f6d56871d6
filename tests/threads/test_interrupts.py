"""Ctrl-C in a program whose tree is on a thread of its own."""

from __future__ import annotations

import contextlib
import inspect
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from supervisor import (
    background,
)
from supervisor.threads.host import Host
from tests.semantics.actors import BoomError, Get, Journal, Note, actor
from tests.threads.support import InThread, opened, tell, until

pytestmark = pytest.mark.real_time


def interrupt_soon(condition: Callable[[], bool]) -> InThread:
    """Ctrl-C in the main thread, once that holds."""

    def interrupt() -> None:
        until(condition)
        time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    return InThread(interrupt)


def test_an_interrupted_ask_is_abandoned_and_the_tree_stops_in_order(backend: str) -> None:
    journal, door = Journal(), threading.Event()

    async def wait_for_door(_: object) -> None:
        while not door.is_set():
            await anyio.sleep(0.001)

    with pytest.raises(KeyboardInterrupt), opened(backend, journal, actor(journal, "a"), actor(journal, "b")) as root:
        child = root.child("a")
        tell(child, wait_for_door)
        asking = interrupt_soon(lambda: root.snapshot().root.children[0].mailbox == 1)
        try:
            child.ask(Note("was handled"), timeout=None)
        finally:
            asking.result()
            for _ in range(3):
                root.count_children()  # comes after the news that nobody waits
            door.set()
            assert InThread(lambda: child.ask(Get())).result() == 1
    assert journal.lines == ["+a", "+b", "-b", "-a"]


def test_a_start_that_is_interrupted_is_undone(backend: str) -> None:
    journal = Journal(slow_start={"b": 3600.0})
    with pytest.raises(KeyboardInterrupt), opened(backend, journal, actor(journal, "a")) as root:
        starting = interrupt_soon(lambda: "b" in journal.starts)
        try:
            root.start_child(actor(journal, "b"))
        finally:
            starting.result()
            until(lambda: len(root.which_children()) == 1)
    assert journal.lines == ["+a", "-a"]


def test_ctrl_c_while_the_tree_starts_stops_what_is_started(backend: str) -> None:
    journal = Journal(slow_start={"b": 3600.0})
    interrupt_soon(lambda: "b" in journal.starts)
    with pytest.raises(KeyboardInterrupt), opened(backend, journal, actor(journal, "a"), actor(journal, "b")):
        pytest.fail("the block has begun")
    assert journal.lines == ["+a", "-a"]


def test_ctrl_c_while_the_tree_stops_lets_it_stop_in_order(backend: str) -> None:
    journal = Journal(slow_stop={"b": 0.2})
    with pytest.raises(KeyboardInterrupt), opened(backend, journal, actor(journal, "a"), actor(journal, "b")):
        interrupt_soon(lambda: "b" in journal.reasons)
    assert journal.lines == ["+a", "+b", "-b", "-a"]


def test_a_second_ctrl_c_kills_what_is_left(backend: str) -> None:
    journal = Journal(slow_stop={"a": 3600.0})
    with (
        pytest.raises(KeyboardInterrupt),
        opened(backend, journal, actor(journal, "a", shutdown=3600.0), actor(journal, "b"), deadline=None),
    ):
        interrupt_soon(lambda: "a" in journal.reasons)
        raise KeyboardInterrupt
    assert journal.lines == ["+a", "+b", "-b"]


def interrupted_at(backend: str, line: int | None) -> tuple[list[str], set[int]]:
    """Enter and leave a block, with Ctrl-C at a line of `background` or of what it calls in this thread."""
    journal, lines = Journal(), set[int]()
    codes = {
        inspect.unwrap(background).__code__,
        Host.enter.__code__,
        Host.leave.__code__,
    }

    def trace(frame: Any, event: str, _: object) -> Any:
        if frame.f_code not in codes:
            return None
        if event == "line":
            if frame.f_lineno == line and line not in lines:
                lines.add(frame.f_lineno)
                signal.raise_signal(signal.SIGINT)
            lines.add(frame.f_lineno)
        return trace

    sys.settrace(trace)
    try:
        with (
            contextlib.suppress(BoomError, KeyboardInterrupt),
            opened(backend, journal, actor(journal, "a"), actor(journal, "b")),
        ):
            raise BoomError
    finally:
        sys.settrace(None)
    return journal.lines, lines


@pytest.mark.slow
def test_ctrl_c_at_any_line_of_entering_and_leaving_stops_the_tree_in_order(backend: str) -> None:
    whole, lines = interrupted_at(backend, None)
    assert whole == ["+a", "+b", "-b", "-a"]
    assert len(lines) > 30
    for line in lines:
        done, _ = interrupted_at(backend, line)
        assert done in ([], ["+a", "-a"], whole), f"Ctrl-C at line {line} of blocking.py"
        until(lambda: not any(thread.name == "tree root" for thread in threading.enumerate()))
