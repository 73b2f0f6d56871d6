"""What signals do to `run`, without a process: what is asked of the loop, and what is left behind. See tests/test_run.py."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import NoReturn

import pytest

from supervisor import Supervisor, run
from supervisor import stopper as module
from supervisor.parking import give_way
from supervisor.stopper import OVER, Stopper
from tests.semantics.actors import tree


class Ended(Exception):
    """Instead of the process."""


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(code: int) -> NoReturn:
        raise Ended(code)

    monkeypatch.setattr(module, "HELD", 0.001)
    monkeypatch.setattr(os, "_exit", end)


def loop_that_answers(stopper: Stopper, times: int) -> list[int]:
    """The loop gives so many signs of life, then no more. Returns what counts how often it was asked."""
    asked: list[int] = []

    def call(function: Callable[[], object]) -> bool:
        asked.append(len(asked))
        if len(asked) <= times:
            function()
        return True

    stopper._call = call
    return asked


def test_a_loop_that_goes_on_after_the_deadline_is_left_alone(ends: None) -> None:
    stopper = Stopper(print, 0.0)
    stopper._queue.put(signal.SIGTERM)
    asked: list[int] = []

    def call(function: Callable[[], object]) -> bool:
        asked.append(len(asked))
        function()
        if len(asked) == 5:
            stopper._queue.put(OVER)
        return True

    stopper._call = call
    stopper._guard(0.0)
    assert len(asked) == 5


def test_a_loop_that_is_held_only_later_ends_the_process_then(ends: None, capfd: pytest.CaptureFixture[str]) -> None:
    stopper = Stopper(print, 0.0)
    stopper._queue.put(signal.SIGTERM)
    asked = loop_that_answers(stopper, times=3)
    with pytest.raises(Ended, match="143"):
        stopper._guard(0.0)
    assert len(asked) == 4
    assert "the deadline has passed and something holds the loop" in capfd.readouterr().err


@pytest.mark.parametrize("deadline", [0.0, 1e300], ids=str)
def test_a_stop_that_ends_in_time_asks_nothing_of_the_loop(ends: None, deadline: float) -> None:
    stopper = Stopper(print, deadline)
    stopper._queue.put(signal.SIGTERM)
    stopper._queue.put(OVER)
    asked = loop_that_answers(stopper, times=0)
    stopper._guard(deadline)
    assert asked == []


def test_a_run_without_a_signal_asks_nothing_of_the_loop(ends: None) -> None:
    stopper = Stopper(print, 0.0)
    stopper._queue.put(OVER)
    asked = loop_that_answers(stopper, times=0)
    stopper._guard(0.0)
    assert asked == []


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
@pytest.mark.parametrize("deadline", [None, 9.0])
def test_a_run_puts_back_what_handled_signals_before_and_leaves_no_thread(backend: str, deadline: float | None) -> None:
    async def main(root: Supervisor) -> tuple[object, ...]:
        await give_way()
        return tuple(signal.getsignal(number) for number in module.SIGNALS)

    def mine(number: int, frame: object) -> None: ...

    before = [signal.signal(number, mine) for number in module.SIGNALS]
    threads = set(threading.enumerate())
    try:
        during = run(tree(), main, backend=backend, deadline=deadline)
        after = [signal.getsignal(number) for number in module.SIGNALS]
    finally:
        for number, handler in zip(module.SIGNALS, before, strict=True):
            signal.signal(number, handler)
    assert mine not in (during or (mine,))
    assert after == [mine, mine]
    assert not [thread for thread in threading.enumerate() if thread not in threads and thread.name == "supervisor stop guard"]
