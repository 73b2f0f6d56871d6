"""The thread that sees when something holds the loop. Each test holds it for as long as it takes, not for a time."""

from __future__ import annotations

import threading
from types import FrameType
from typing import Any

import anyio
import pytest

from supervisor import Actor, ActorSpec, Diagnostics, Event, ExitReason, SlowHandler, SupervisorSpec, open_supervisor
from supervisor import loop_watch as module
from supervisor.loop_watch import LoopWatch

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow]

SECONDS = 30.0
"""How long a test waits for the thread, however busy the machine."""


class Log:
    """A logger. It remembers, and lets who holds the loop go on after so many lines about a path.

    Others may come in between: on a busy machine the loop can be late without being held.
    """

    def __init__(self, enough: int = 1, path: str = "nobody of the tree") -> None:
        self._path = path
        self.lines: list[dict[str, Any]] = []
        self.enough = threading.Semaphore(0)
        self._wanted = enough
        self.threads: set[str] = set()

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append({"event": event, **fields})
        self.threads.add(threading.current_thread().name)
        if len(self.about()) >= self._wanted:
            self.enough.release()

    def about(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["path"] == self._path]

    def wait_in_the_loop(self) -> None:
        assert self.enough.acquire(timeout=SECONDS), "nothing was logged while the loop was held"


class BrokenLog(Log):
    """A logger that fails."""

    def warning(self, event: str, **fields: Any) -> None:
        super().warning(event, **fields)
        raise OSError("the disk is full")


class Reports(list[tuple[float, str | None, str]]):
    """What was reported."""

    def __call__(self, seconds: float, path: str | None, stack: str) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.append((seconds, path, stack))

    async def until(self, count: int) -> None:
        with anyio.fail_after(SECONDS):
            while len(self) < count:
                await anyio.sleep(0.01)


def whose(frame: FrameType) -> str | None:
    return "root/a" if frame.f_code.co_name == "hold" else None


def watching(log: Log, reports: Reports) -> LoopWatch:
    watch = LoopWatch(0.02, whose, reports, log)
    watch.start()
    return watch


async def test_what_holds_the_loop_is_logged_while_it_still_does_and_reported_when_it_no_longer_does() -> None:
    log, reports = Log(path="root/a"), Reports()
    watch = watching(log, reports)
    unreported: list[bool] = []

    def hold() -> None:
        log.wait_in_the_loop()
        unreported.append(not any(path == "root/a" for _, path, _ in reports))

    hold()
    with anyio.fail_after(SECONDS):
        while not any(path == "root/a" for _, path, _ in reports):
            await anyio.sleep(0.01)
    watch.close()
    assert unreported == [True]
    line = log.about()[0]
    assert line["event"] == "loop held"
    assert "log.wait_in_the_loop()" in line["stack"]
    assert line["seconds"] >= 0.02
    seconds, _, stack = next(report for report in reports if report[1] == "root/a")
    assert stack == line["stack"]
    assert seconds >= line["seconds"] - 0.001
    assert log.threads == {"supervisor loop watch"}


async def test_a_loop_that_stays_held_is_logged_again_with_the_time_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.02)
    log, reports = Log(3), Reports()
    watch = watching(log, reports)
    log.wait_in_the_loop()
    await reports.until(1)
    watch.close()
    seconds = [line["seconds"] for line in log.lines[:3]]
    assert seconds == sorted(set(seconds))


def test_it_is_logged_again_every_ten_seconds() -> None:
    assert module.AGAIN == 10.0


async def test_what_was_seen_is_reported_though_the_watch_ends_before_the_loop_goes_on() -> None:
    log, reports = Log(), Reports()
    watch = watching(log, reports)
    log.wait_in_the_loop()
    watch.close()
    count = len(reports)
    assert count >= 1
    await anyio.sleep(0.05)
    assert len(reports) == count  # nothing twice


async def test_a_logger_that_fails_ends_neither_the_watch_nor_the_report() -> None:
    log, reports = BrokenLog(), Reports()
    watch = watching(log, reports)
    for count in (1, 2):
        log.wait_in_the_loop()
        await reports.until(count)
    watch.close()
    assert len(log.lines) >= 2


class Stubborn(Actor[object]):
    """Holds the loop while it is stopped."""

    def __init__(self, log: Log) -> None:
        self.log = log

    async def on_stop(self, reason: ExitReason) -> None:
        self.log.wait_in_the_loop()


async def test_who_holds_the_loop_past_the_stop_of_the_tree_is_logged_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(path="root/stubborn")
    monkeypatch.setattr(module.structlog, "get_logger", lambda *_: log)
    events: list[Event] = []
    spec = SupervisorSpec("root", [ActorSpec("stubborn", lambda: Stubborn(log), shutdown=SECONDS)])
    async with open_supervisor(spec, sinks=[events.append], diagnostics=Diagnostics(slow_handler=0.02)):
        pass
    slow = [event for event in events if isinstance(event, SlowHandler) and event.path == "root/stubborn"]
    assert len(slow) == 1
    assert "self.log.wait_in_the_loop()" in slow[0].stack
