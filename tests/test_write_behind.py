"""Writing behind: layers of what is not written yet, and the one thread that writes it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import anyio
import anyio.to_thread
import pytest

from supervisor.write_behind import MISSING, WriteBehind

pytestmark = pytest.mark.anyio


class Disk:
    """What is written, in batches; it can be made to wait or to fail."""

    def __init__(self) -> None:
        self.batches: list[dict[str, bytes | None]] = []
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.busy = threading.Event()
        self.finished = 0
        self.threads: set[int] = set()

    def write(self, batch: dict[str, bytes | None]) -> None:
        self.busy.set()
        self.threads.add(threading.get_ident())
        assert self.gate.wait(60.0)
        if self.error is not None:
            raise self.error
        if batch:
            self.batches.append(dict(batch))

    def finish(self) -> None:
        self.finished += 1


@pytest.fixture
def disk() -> Disk:
    return Disk()


def behind(disk: Disk, reports: list[Any] | None = None, write_after: float = 1000.0) -> WriteBehind[str]:
    report = (lambda error: None) if reports is None else reports.append
    return WriteBehind(disk.write, disk.finish, report, write_after)


async def test_each_put_replaces_the_one_before_in_every_layer(disk: Disk) -> None:
    store = behind(disk)
    store.put("x", b"1")
    store.hand_over()
    assert store.find("x") == b"1"
    store.put("x", b"2")
    assert store.find("x") == b"2"
    store.put("y", None)
    assert store.find("y") is None
    assert store.find("z") is MISSING
    assert store.pending() == {"x": b"2", "y": None}
    await store.close()
    assert disk.batches == [{"x": b"2", "y": None}]


async def test_what_is_written_is_not_pending_any_more(disk: Disk) -> None:
    store = behind(disk)
    store.put("x", b"1")
    await store.flush()
    assert (store.find("x"), store.pending()) == (MISSING, {})
    await store.close()


@pytest.mark.real_time
async def test_while_a_batch_is_being_written_its_values_are_seen_and_newer_ones_wait_for_the_next(disk: Disk) -> None:
    store = behind(disk)
    disk.gate.clear()
    store.put("x", b"1")
    async with anyio.create_task_group() as group:
        group.start_soon(store.flush)
        await anyio.to_thread.run_sync(disk.busy.wait, 60.0)
        assert store.find("x") == b"1"
        store.put("x", b"2")
        assert store.find("x") == b"2"
        disk.gate.set()
    await store.close()
    assert disk.batches == [{"x": b"1"}, {"x": b"2"}]


@pytest.mark.real_time
async def test_a_flush_waits_for_what_was_put_before_it_and_not_only_for_the_batch_in_hand(disk: Disk) -> None:
    store = behind(disk)
    disk.gate.clear()
    async with anyio.create_task_group() as group:
        store.put("x", b"1")
        group.start_soon(store.flush)
        await anyio.to_thread.run_sync(disk.busy.wait, 60.0)
        store.put("y", b"2")
        disk.gate.set()
        await store.flush()
        assert disk.batches == [{"x": b"1"}, {"y": b"2"}]
    await store.close()


async def test_a_flush_of_nothing_waits_for_nobody(disk: Disk) -> None:
    store = behind(disk)
    disk.gate.clear()
    await store.flush()
    disk.gate.set()
    await store.close()
    assert disk.batches == []


async def test_everything_is_written_by_one_thread_that_is_not_the_loops(disk: Disk) -> None:
    store = behind(disk)
    for number in range(5):
        store.put(str(number), b"")
        await store.flush()
    await store.close()
    assert len(disk.threads) == 1
    assert threading.get_ident() not in disk.threads
    assert disk.finished == 1


async def test_a_flush_raises_what_the_write_raised_and_the_batch_is_kept(disk: Disk) -> None:
    store = behind(disk)
    disk.error = OSError("full")
    store.put("x", b"1")
    store.put("y", b"1")
    with pytest.raises(OSError, match="full"):
        await store.flush()
    store.put("x", b"2")
    assert store.pending() == {"x": b"2", "y": b"1"}
    disk.error = None
    await store.flush()
    assert disk.batches == [{"x": b"2", "y": b"1"}]
    await store.close()


async def test_a_failing_write_keeps_no_more_than_one_value_for_each_key(disk: Disk) -> None:
    store = behind(disk)
    disk.error = OSError("full")
    for number in range(100):
        store.put("x", b"%d" % number)
        with pytest.raises(OSError, match="full"):
            await store.flush()
    assert store.pending() == {"x": b"99"}
    disk.error = None
    await store.close()


@pytest.mark.real_time
async def test_a_batch_that_failed_is_tried_again_without_being_asked_for(disk: Disk) -> None:
    reports: list[Any] = []
    store = behind(disk, reports, write_after=0.0)
    disk.error = OSError("full")
    store.put("x", b"1")
    with anyio.fail_after(30.0):
        while not reports:
            await anyio.sleep(0.005)
        disk.error = None
        while len(reports) < 2:
            await anyio.sleep(0.005)
    assert [str(one) for one in reports] == ["full", "None"]
    assert disk.batches == [{"x": b"1"}]
    await store.close()


async def test_closing_raises_what_could_not_be_written_and_finishes_nevertheless(disk: Disk) -> None:
    store = behind(disk)
    disk.error = OSError("full")
    store.put("x", b"1")
    with pytest.raises(OSError, match="full"):
        await store.close()
    assert disk.finished == 1


async def test_closing_after_a_failure_that_is_over_is_no_error(disk: Disk) -> None:
    store = behind(disk)
    disk.error = OSError("full")
    store.put("x", b"1")
    with pytest.raises(OSError, match="full"):
        await store.flush()
    disk.error = None
    assert await store.close()
    assert disk.batches == [{"x": b"1"}]


@pytest.mark.real_time
async def test_closing_is_not_cut_by_a_cancellation(disk: Disk) -> None:
    store = behind(disk)
    disk.gate.clear()
    store.put("x", b"1")
    with anyio.CancelScope() as scope:
        scope.cancel()
        timer = threading.Timer(0.05, disk.gate.set)
        timer.start()
        assert await store.close()
        disk.finished += 1
    assert (disk.batches, disk.finished) == ([{"x": b"1"}], 2)
    timer.join()


@pytest.mark.slow
@pytest.mark.real_time
async def test_a_disk_that_does_not_answer_is_not_waited_for_for_ever(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supervisor.write_behind.CLOSES_WITHIN", 0.3)
    store = behind(disk)
    disk.gate.clear()
    store.put("x", b"1")
    assert not await store.close()
    disk.gate.set()
    store._thread.join(60.0)


async def test_nor_is_it_in_virtual_time(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supervisor.write_behind.CLOSES_WITHIN", 0.05)
    store = behind(disk)
    disk.gate.clear()
    store.put("x", b"1")
    with pytest.raises(TimeoutError, match="nothing was written within"):
        await store.flush()
    assert not await store.close()
    disk.gate.set()
    store._thread.join(60.0)


def test_without_a_loop_each_put_is_written_behind_too(disk: Disk) -> None:
    store = behind(disk, write_after=0.0)
    store.put("x", b"1")
    anyio.run(store.close)
    assert disk.batches == [{"x": b"1"}]


@pytest.mark.real_time
def test_a_loop_that_is_gone_leaves_no_thread_behind(disk: Disk) -> None:
    async def put() -> WriteBehind[str]:
        store = behind(disk, write_after=0.05)
        store.put("x", b"1")
        return store

    store = anyio.run(put)
    store._thread.join(60.0)
    assert not store._thread.is_alive()


@pytest.mark.real_time
def test_a_native_cancellation_of_a_close_comes_out_when_it_is_done(disk: Disk) -> None:
    async def main() -> None:
        store = behind(disk)
        disk.gate.clear()
        store.put("x", b"1")
        task = asyncio.create_task(store.close())
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.sleep(0.02)
        assert not task.done()
        disk.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert disk.batches == [{"x": b"1"}]

    asyncio.run(main())
