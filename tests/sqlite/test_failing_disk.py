"""`SqliteStore`: a disk that is full, or fails."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from supervisor import (
    SqliteStore,
    StoreCorrupt,
    StoreError,
    StoreFailed,
)
from tests.sqlite.support import as_others_see_it, opened

pytestmark = pytest.mark.anyio


def fill(store: SqliteStore) -> None:
    """The disk is full: the file may grow no further."""
    assert store._file is not None
    pages = store._file.writer.execute("PRAGMA page_count").fetchone()[0]
    store._file.writer.execute(f"PRAGMA max_page_count = {pages}")


def make_room(store: SqliteStore) -> None:
    assert store._file is not None
    store._file.writer.execute("PRAGMA max_page_count = 1000000")


async def test_a_full_disk_loses_nothing_and_a_flush_says_so(path: Path) -> None:
    async with opened(path) as store:
        store.put("a", "before", b"1")
        await store.flush()
        fill(store)
        store.put("a", "long", b"x" * 100_000)
        store.put("a", "short", b"2")
        for _ in range(2):
            with pytest.raises(StoreFailed, match=r"has no room to grow .*; free some disk space"):
                await store.flush()
        assert (store.get("a", "long"), store.get("a", "short")) == (b"x" * 100_000, b"2")
        assert [key for key, _ in store.scan("a")] == ["before", "long", "short"]
        assert as_others_see_it(path) == {("a", "before"): b"1"}
        make_room(store)
        await store.flush()
        assert as_others_see_it(path).keys() == {("a", "before"), ("a", "long"), ("a", "short")}


@pytest.mark.slow
@pytest.mark.real_time
async def test_a_failing_disk_is_reported_once_when_it_begins_and_once_when_it_is_over(path: Path) -> None:
    async with opened(path, write_after=0.0) as store:
        reports: list[StoreError | None] = store.reports
        fill(store)
        store.put("a", "x", b"x" * 100_000)
        with anyio.fail_after(20.0):
            for _ in range(3):
                with pytest.raises(StoreFailed):
                    await store.flush()
            make_room(store)
            while len(reports) < 2:  # it is tried again without being asked
                await anyio.sleep(0.01)
        assert isinstance(reports[0], StoreFailed)
        assert reports[1:] == [None]
        assert ("a", "x") in as_others_see_it(path)


async def test_closing_on_a_full_disk_says_what_is_lost_and_lets_go_of_the_file(path: Path) -> None:
    store = SqliteStore(path)
    store.open()
    fill(store)
    store.put("a", "x", b"x" * 100_000)
    with pytest.raises(StoreFailed, match="has no room to grow"):
        await store.close()
    async with opened(path) as again:
        assert again.get("a", "x") is None


@pytest.mark.parametrize("suffix", ["", "-wal"])
@pytest.mark.parametrize("how", ["deleted", "replaced"])
async def test_a_file_that_is_not_found_any_more_is_an_error_and_once_it_is_back_nothing_is_lost(
    path: Path, suffix: str, how: str
) -> None:
    file, away = path.with_name(f"{path.name}{suffix}"), path.with_name("away")
    async with opened(path, write_after=1000.0) as store:
        store.put("a", "before", b"1")
        await store.flush()
        file.rename(away)
        if how == "replaced":
            file.write_bytes(away.read_bytes())
        store.put("a", "after", b"2")
        for _ in range(2):
            with pytest.raises(StoreFailed, match="was deleted or replaced while open; put it and its -wal file back"):
                await store.flush()
        assert store.get("a", "after") == b"2"
        away.replace(file)
        await store.flush()
        assert as_others_see_it(path) == {("a", "before"): b"1", ("a", "after"): b"2"}


async def test_closing_a_store_whose_file_was_deleted_says_what_is_lost(path: Path) -> None:
    store = SqliteStore(path, write_after=1000.0)
    store.open()
    for suffix in ("", "-wal", "-shm", "-lock"):
        path.with_name(f"{path.name}{suffix}").unlink()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:  # the file that is there now is somebody else's
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("CREATE TABLE state (namespace, key, value)")
        other.execute("INSERT INTO state VALUES ('a', 'x', 'theirs')")
        store.put("a", "x", b"ours")
        with pytest.raises(StoreFailed, match="was deleted or replaced while open"):
            await store.close()
        assert path.with_name(f"{path.name}-wal").exists()
        assert other.execute("SELECT * FROM state").fetchall() == [("a", "x", "theirs")]
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_file_that_is_deleted_while_a_batch_is_written_is_an_error_of_that_batch(path: Path) -> None:
    async with opened(path, write_after=1000.0) as store:
        assert store._file is not None
        whole = store._file.writer
        store._file.writer = Deleting(whole, path)
        store.put("a", "x", b"1")
        with pytest.raises(StoreFailed, match="was deleted or replaced while open"):
            await store.flush()
        store._file.writer = whole
        path.with_name("away").rename(path)


class Deleting:
    """A connection whose file is deleted before a commit."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection, self._path = connection, path

    def execute(self, statement: str, *arguments: Any) -> Any:
        if statement == "COMMIT":
            self._path.rename(self._path.with_name("away"))
        return self._connection.execute(statement, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Faulty:
    """A connection that fails at one statement."""

    def __init__(self, connection: sqlite3.Connection, statement: str, code: int) -> None:
        self._connection, self._statement, self._code = connection, statement, code

    def execute(self, statement: str, *arguments: Any) -> Any:
        if statement.startswith(self._statement):
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = self._code
            raise error
        return self._connection.execute(statement, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@pytest.mark.parametrize("statement", ["BEGIN", "COMMIT"])
@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (sqlite3.SQLITE_FULL, StoreFailed, "has no room to grow"),
        (sqlite3.SQLITE_IOERR_WRITE, StoreFailed, "cannot be read or written"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, StoreFailed, "cannot be written"),
        (sqlite3.SQLITE_PERM, StoreFailed, "may not be accessed"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreFailed, "is locked by another program"),
        (sqlite3.SQLITE_CORRUPT_INDEX, StoreCorrupt, "is damaged"),
        (sqlite3.SQLITE_MISUSE, StoreFailed, "does not work"),
    ],
    ids=str,
)
async def test_what_goes_wrong_while_writing_is_named_and_nothing_is_half_written(
    path: Path, statement: str, code: int, kind: type[StoreError], words: str
) -> None:
    async with opened(path, write_after=1000.0) as store:
        assert store._file is not None
        whole = store._file.writer
        store._file.writer = Faulty(whole, statement, code)
        store.put("a", "x", b"1")
        with pytest.raises(kind, match=words):
            await store.flush()
        assert as_others_see_it(path) == {}
        store._file.writer = whole
        await store.flush()
        assert as_others_see_it(path) == {("a", "x"): b"1"}
