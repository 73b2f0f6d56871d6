"""`SqliteStore`: what is put is written behind, in batches."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import anyio
import pytest

from supervisor import (
    SqliteStore,
    StoreFailed,
)
from supervisor.store import DurableStore
from tests.sqlite.support import as_others_see_it, opened

pytestmark = pytest.mark.anyio


async def test_it_is_a_durable_store(path: Path) -> None:
    assert isinstance(SqliteStore(path), DurableStore)


def test_building_it_opens_nothing(path: Path) -> None:
    SqliteStore(path)
    assert not path.exists()


async def test_what_was_flushed_is_on_the_disk_also_of_a_file_that_was_there(path: Path) -> None:
    async with opened(path) as store:
        store.put("a", "x", b"1")
    for value in (b"2", b"3"):
        async with opened(path, write_after=1000.0) as store:
            store.put("a", "x", value)
            await store.flush()
            assert as_others_see_it(path) == {("a", "x"): value}


async def test_what_was_flushed_is_on_the_disk(path: Path) -> None:
    async with opened(path, write_after=1000.0) as store:
        store.put("a", "x", b"1")
        assert as_others_see_it(path) == {}
        await store.flush()
        assert as_others_see_it(path) == {("a", "x"): b"1"}


async def test_what_was_put_is_on_the_disk_after_the_close(path: Path) -> None:
    async with opened(path, write_after=1000.0) as store:
        store.put("a", "x", b"1")
        store.put("a", "y", b"1")
        store.delete("a", "y")
    assert as_others_see_it(path) == {("a", "x"): b"1"}


@pytest.mark.real_time
async def test_what_was_put_is_written_a_short_while_later_without_being_asked_for(path: Path) -> None:
    async with opened(path, write_after=0.01) as store:
        store.put("a", "x", b"1")
        with anyio.fail_after(10.0):
            while not as_others_see_it(path):
                await anyio.sleep(0.005)


@pytest.mark.real_time
async def test_what_was_put_without_an_await_in_between_is_written_in_one_batch(path: Path) -> None:
    batches: list[int] = []
    async with opened(path, write_after=0.0) as store:
        watch(store, batches)
        for number in range(20_000):  # longer than a batch takes
            store.put("a", str(number), b"1")
        await store.flush()
    assert [size for size in batches if size] == [20_000]


def watch(store: SqliteStore, batches: list[int]) -> None:
    """Note the size of each batch."""
    behind = store._behind
    assert behind is not None
    write = behind._write

    def noting(batch: dict[Any, Any]) -> None:
        batches.append(len(batch))
        write(batch)

    behind._write = noting


async def test_a_burst_of_puts_to_one_key_is_written_once(path: Path) -> None:
    batches: list[int] = []
    async with opened(path, write_after=1000.0) as store:
        watch(store, batches)
        for number in range(10_000):
            store.put("a", "x", b"%d" % number)
        await store.flush()
    assert [size for size in batches if size] == [1]


async def test_a_store_that_was_closed_can_be_opened_again(path: Path) -> None:
    store = SqliteStore(path)
    for number in range(3):
        store.open()
        assert store.get("a", "x") == (b"%d" % (number - 1) if number else None)
        store.put("a", "x", b"%d" % number)
        await store.close()


async def test_closing_twice_is_no_error(path: Path) -> None:
    store = SqliteStore(path)
    await store.close()
    store.open()
    await store.close()
    await store.close()


@pytest.mark.parametrize("verb", ["get", "put", "delete", "scan", "flush"])
async def test_a_store_that_is_not_open_says_so(path: Path, verb: str) -> None:
    store = SqliteStore(path)
    calls = {
        "get": lambda: store.get("a", "x"),
        "put": lambda: store.put("a", "x", b""),
        "delete": lambda: store.delete("a", "x"),
        "scan": lambda: store.scan("a"),
    }
    with pytest.raises(StoreFailed, match="is not open; use it in a tree"):
        await store.flush() if verb == "flush" else calls[verb]()


async def test_a_text_that_cannot_be_encoded_is_refused_at_once(path: Path) -> None:
    async with opened(path) as store:
        with pytest.raises(UnicodeEncodeError):
            store.put("a", "\ud800", b"1")
        store.put("a", "x", b"1")
        await store.flush()


async def test_the_thread_ends_with_the_store(path: Path) -> None:
    before = threading.active_count()
    async with opened(path):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


@pytest.mark.real_time
async def test_a_flush_that_is_cancelled_leaves_the_store_as_it_was(path: Path) -> None:
    async with opened(path) as store:
        store.put("a", "x", b"1")
        with anyio.CancelScope() as scope:
            scope.cancel()
            await store.flush()
        assert scope.cancelled_caught
        await store.flush()
        assert store._behind is not None
        assert store._behind._wakers == []
        assert as_others_see_it(path) == {("a", "x"): b"1"}


@pytest.mark.real_time
async def test_many_flushes_at_once_are_answered_each(path: Path) -> None:
    async with opened(path) as store:

        async def one(number: int) -> None:
            store.put("a", str(number), b"1")
            await store.flush()
            assert ("a", str(number)) in as_others_see_it(path)

        with anyio.fail_after(30.0):
            async with anyio.create_task_group() as group:
                for number in range(50):
                    group.start_soon(one, number)


async def test_a_flush_takes_no_virtual_time(path: Path) -> None:
    async with opened(path) as store:
        with anyio.fail_after(1.0):
            for number in range(20):
                store.put("a", "x", b"%d" % number)
                await store.flush()
        assert anyio.current_time() == pytest.approx(0.0)
