from __future__ import annotations

import gc
from typing import Any

import anyio
import pytest
import structlog.testing

from supervisor.events import ChildEnded, ChildStarted, Event, EventsSkipped, RestartScheduled, SinkFailed, TreeStarted
from supervisor.overflow import bounded_queue
from supervisor.parking import AsyncioParker, parker_type
from supervisor.reader import Buffer
from supervisor.spec import Overflow
from supervisor.telemetry import EventStream, LogSink, Telemetry

pytestmark = pytest.mark.anyio


def event(number: float = 0.0) -> Event:
    return TreeStarted(path="top", at=number)


def ended(*, abnormal: bool, cause: BaseException | None = None) -> ChildEnded:
    return ChildEnded(path="top/a", at=1.0, incarnation=2, reason="r", abnormal=abnormal, restart="permanent", cause=cause)


def broken(_: Event) -> None:
    raise ValueError("boom")


class Nameless:
    """A sink that fails even at saying who it is."""

    def __call__(self, _: Event) -> None:
        raise ValueError

    def __repr__(self) -> str:
        raise RuntimeError("no name")


def test_every_sink_gets_every_event() -> None:
    one: list[Event] = []
    two: list[Event] = []
    telemetry = Telemetry([one.append, two.append])
    telemetry.emit(event())
    assert one == two == [event()]


def test_a_sink_comes_and_goes() -> None:
    found: list[Event] = []
    telemetry = Telemetry([])
    sink = found.append
    telemetry.attach(sink)
    telemetry.emit(event(1))
    telemetry.detach(sink)
    telemetry.detach(sink)
    telemetry.emit(event(2))
    assert found == [event(1)]


@pytest.mark.item(175)
def test_a_sink_that_raises_is_reported_to_the_others_and_keeps_its_place() -> None:
    found: list[Event] = []
    telemetry = Telemetry([broken, found.append])
    telemetry.emit(event(1))
    telemetry.emit(event(2))
    complaints = [one for one in found if isinstance(one, SinkFailed)]
    assert [one for one in found if one not in complaints] == [event(1), event(2)]
    assert len(complaints) == 2
    assert "broken" in complaints[0].error
    assert "ValueError: boom" in complaints[0].error


@pytest.mark.item(175)
def test_two_broken_sinks_do_not_complain_about_each_other_for_ever() -> None:
    found: list[Event] = []
    telemetry = Telemetry([broken, found.append, Nameless()])
    telemetry.emit(event())
    assert [type(one) for one in found].count(SinkFailed) == 2


class Wordless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.item(175)
@pytest.mark.parametrize("error", [None, Wordless()], ids=["nameless sink", "wordless error"])
def test_a_sink_that_cannot_even_be_described_does_not_hurt(error: Exception | None) -> None:
    found: list[Event] = []

    def raises(_: Event) -> None:
        assert error is not None
        raise error

    Telemetry([Nameless() if error is None else raises, found.append]).emit(event())
    assert [type(one) for one in found] == [TreeStarted, SinkFailed] or [type(one) for one in found] == [
        SinkFailed,
        TreeStarted,
    ]


def test_a_sink_may_leave_while_an_event_is_handed_out() -> None:
    found: list[Event] = []
    telemetry = Telemetry([])

    def leaver(one: Event) -> None:
        telemetry.detach(leaver)

    telemetry.attach(leaver)
    telemetry.attach(found.append)
    telemetry.emit(event())
    assert found == [event()]


# ------------------------------------------------------------------------------------------------------------------- logs

LEVELS = [
    (ChildStarted(path="top/a", at=1.0, incarnation=1, took=0.1), "debug"),
    (TreeStarted(path="top", at=1.0), "info"),
    (RestartScheduled(path="top/a", at=1.0, reason="r", delay=0.0, failures=1, in_window=1), "warning"),
    (ended(abnormal=False), "debug"),
    (ended(abnormal=True), "error"),
]


@pytest.mark.item(33)
@pytest.mark.parametrize("at_least", ["debug", "info", "warning", "error"])
@pytest.mark.parametrize(("one", "level"), LEVELS, ids=[f"{type(one).__name__}-{level}" for one, level in LEVELS])
def test_an_event_is_logged_at_its_level_if_that_is_loud_enough(one: Event, level: str, at_least: str) -> None:
    assert one.level == level
    order = ["debug", "info", "warning", "error"]
    with structlog.testing.capture_logs() as logs:
        LogSink(at_least)(one)
    assert [line["log_level"] for line in logs] == ([level] if order.index(level) >= order.index(at_least) else [])


@pytest.mark.item(205)
def test_a_line_says_the_kind_in_words_and_the_fields_that_are_set() -> None:
    with structlog.testing.capture_logs() as logs:
        LogSink("debug")(ended(abnormal=False))
    assert logs == [
        {
            "event": "child ended",
            "log_level": "debug",
            "path": "top/a",
            "at": 1.0,
            "incarnation": 2,
            "reason": "r",
            "abnormal": False,
            "restart": "permanent",
        }
    ]


@pytest.mark.item(205, 210)
def test_a_crash_is_logged_with_its_traceback_and_without_its_secrets() -> None:
    with structlog.testing.capture_logs() as logs:
        LogSink()(ended(abnormal=True, cause=ValueError("bad url https://me:hunter2@host")))
    assert "ValueError: bad url https://***@host" in logs[0]["error"]


def test_a_level_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="'loud'; expected one of debug, info, warning, error"):
        LogSink("loud")


def test_a_logger_of_ones_own_is_used() -> None:
    said: list[Any] = []

    class Logger:
        def info(self, words: str, **fields: Any) -> None:
            said.append((words, fields))

    LogSink("info", Logger())(event())
    assert said == [("tree started", {"path": "top", "at": 0.0})]


# ----------------------------------------------------------------------------------------------------------------- streams


TELEMETRY = Telemetry([])


def stream(capacity: int = 10, telemetry: Telemetry = TELEMETRY) -> EventStream:
    buffer = Buffer(bounded_queue(capacity, Overflow.DROP_OLDEST), parker_type()())
    return EventStream(telemetry, buffer, "top", lambda: 3.0)


async def test_a_stream_gives_the_events_in_order() -> None:
    events = stream()
    TELEMETRY.emit(event(1))
    TELEMETRY.emit(event(2))
    assert [await anext(events), await anext(events)] == [event(1), event(2)]


async def test_a_stream_waits_for_the_next_event() -> None:
    events = stream()
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            assert await anext(events) == event(1)

        group.start_soon(wait)
        await anyio.sleep(1)
        TELEMETRY.emit(event(1))


async def test_what_a_slow_reader_missed_is_itself_an_event() -> None:
    events = stream(2)
    for number in range(5):
        TELEMETRY.emit(event(number))
    assert await anext(events) == EventsSkipped(path="top", at=3.0, count=3)
    assert [await anext(events), await anext(events)] == [event(3), event(4)]


async def test_a_closed_stream_gives_what_it_has_and_ends() -> None:
    events = stream()
    TELEMETRY.emit(event(1))
    events.close()
    events.close()
    assert [one async for one in events] == [event(1)]
    TELEMETRY.emit(event(2))
    assert len(events) == 0


async def test_a_cancelled_reader_loses_nothing() -> None:
    events = stream()
    with anyio.move_on_after(1):
        await anext(events)
    TELEMETRY.emit(event(1))
    assert await anext(events) == event(1)


async def test_closing_the_telemetry_ends_its_streams() -> None:
    telemetry = Telemetry([broken])
    events = stream(5, telemetry)
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            assert [one async for one in events] == []

        group.start_soon(wait)
        await anyio.sleep(1)
        telemetry.close()
    telemetry.emit(event())
    assert [one async for one in events] == []


async def test_two_readers_of_one_stream_are_told_so() -> None:
    events = stream()
    async with anyio.create_task_group() as group:
        group.start_soon(anext, events)
        await anyio.sleep(1)
        with pytest.raises(RuntimeError, match="another task is reading this already"):
            await anext(events)
        TELEMETRY.emit(event(1))


def test_a_stream_that_is_dropped_takes_no_more() -> None:
    telemetry = Telemetry([])
    buffer = Buffer(bounded_queue(5, Overflow.DROP_OLDEST), AsyncioParker())
    EventStream(telemetry, buffer, "top", lambda: 0.0)
    gc.collect()
    telemetry.emit(event(1))
    assert len(buffer.queue) == 0
