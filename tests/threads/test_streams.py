"""Events and topics, read by a thread."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from supervisor import (
    ChildStarted,
    Skipped,
    SpecError,
    TreeStopped,
)
from tests.semantics.actors import Journal, actor
from tests.threads.support import TICKS, InThread, opened, until

pytestmark = pytest.mark.real_time


def test_events_come_to_a_thread_and_end_with_the_tree(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal) as root:
        events = root.events()
        reading = InThread(lambda: list(events))
        root.start_child(actor(journal, "a"))
    kinds = [type(event) for event in reading.result()]
    assert kinds[0] is ChildStarted
    assert kinds[-1] is TreeStopped
    assert next(events, None) is None


def test_what_is_published_comes_to_a_thread_and_it_is_told_what_it_missed(backend: str) -> None:
    with opened(backend, Journal()) as root, root.subscription(TICKS, capacity=2) as ticks:
        assert [root.publish(TICKS, number) for number in range(5)] == [1] * 5
        assert len(ticks) == 2
        assert [next(ticks) for _ in range(3)] == [Skipped(3), 3, 4]
        with pytest.raises(SpecError):
            root.subscription(TICKS, capacity=0)


def test_closing_a_reader_releases_the_thread_that_waits_for_it(backend: str) -> None:
    with opened(backend, Journal()) as root:
        with root.subscription(TICKS) as ticks:
            root.publish(TICKS, 1)
            reading = InThread(lambda: list(ticks))
            until(lambda: len(ticks) == 0)
        assert reading.result() == [1]
        assert root.publish(TICKS, 2) == 0


def test_two_threads_cannot_read_one_reader(backend: str) -> None:
    with opened(backend, Journal()) as root:
        ticks = root.subscription(TICKS)
        readers = [InThread(lambda: next(ticks)) for _ in range(2)]
        until(lambda: any(reader.done for reader in readers))
        root.publish(TICKS, 1)
        done = [reader.error() if reader._error else reader.result() for reader in readers]
    got, refused = sorted(done, key=str)
    assert got == 1
    assert "open one reader for each" in str(refused)


def test_a_reader_that_is_dropped_is_closed_in_its_loop(backend: str) -> None:
    threads: list[int | None] = []
    with opened(backend, Journal()) as root:
        ticks = root.subscription(TICKS)
        before = ticks._reader._buffer.on_close
        ticks._reader._buffer.on_close = lambda: (threads.append(threading.current_thread().name), before())
        gone = weakref.ref(ticks)
        del ticks
        gc.collect()
        assert gone() is None
        assert root.publish(TICKS, 1) == 0
    assert threads == ["tree root"]
