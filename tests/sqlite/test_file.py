"""`SqliteStore`: its file, its mode, its schema."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from supervisor import (
    SpecError,
    SqliteStore,
    StoreCorrupt,
    StoreFailed,
    StoreTooNew,
)
from supervisor.sqlite_file import MIGRATIONS, SqliteFile
from tests.sqlite.support import opened

pytestmark = pytest.mark.anyio


async def test_the_files_are_for_their_owner_only(path: Path) -> None:
    before = os.umask(0)
    try:
        async with opened(path) as store:
            store.put("a", "x", b"1")
            await store.flush()
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["state.sqlite", "state.sqlite-wal", "state.sqlite-shm", "state.sqlite-lock"], 0o600)


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o777], ids=oct)
@pytest.mark.parametrize("content", ["a store", "empty"])
async def test_files_that_were_there_are_for_their_owner_only_from_then_on(path: Path, content: str, mode: int) -> None:
    names = [f"state.sqlite{suffix}" for suffix in ("", "-wal", "-shm", "-lock")]
    if content == "a store":
        left_behind(path)
    for name in names:
        path.with_name(name).touch()
        path.with_name(name).chmod(mode)
    before = os.umask(0)
    try:
        async with opened(path) as store:
            assert store.get("a", "left") == (b"1" if content == "a store" else None)
            store.put("a", "x", b"1")
            await store.flush()
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(names, mode & 0o700)


def left_behind(path: Path) -> None:
    """A store whose process was killed: its log is not in it yet."""
    folder = path.parent / "elsewhere"
    folder.mkdir()
    file = SqliteFile(str(folder / path.name))
    file.write({("a", "left"): b"1"})
    for name in (path.name, f"{path.name}-wal"):
        shutil.copy(folder / name, path.parent)
    file.close()
    shutil.rmtree(folder)


async def test_a_file_that_is_private_already_keeps_its_mode(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(path):
        pass
    with monkeypatch.context() as patch:
        patch.setattr(Path, "chmod", denied)
        async with opened(path) as store:
            store.put("a", "x", b"1")
            await store.flush()


def denied(*_: Any, **__: Any) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-lock"])
async def test_a_file_of_somebody_else_that_is_open_to_others_is_refused(
    path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(path)
    file = path.with_name(f"{path.name}{suffix}")
    if not file.exists():
        file.write_bytes(bytes(32768))  # SQLite itself makes an empty one private
    file.chmod(0o666)
    words = f"is open to others, and {file} cannot be made private .*; have its owner do it: chmod 600 {file}"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "chmod", denied)
        with pytest.raises(StoreFailed, match=words):
            SqliteStore(path).open()
    async with opened(path) as store:  # nothing of the attempt is left in the way
        assert store.get("a", "left") == b"1"


async def test_a_commit_is_synced_to_the_disk(path: Path) -> None:
    async with opened(path) as store:
        assert store._file is not None
        connection = store._file.writer
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match=f"there is no folder {tmp_path}/no; make it: mkdir -p {tmp_path}/no"):
        SqliteStore(tmp_path / "no" / "state.sqlite").open()


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_no_store(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "state"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(StoreFailed, match="cannot be opened: it is a folder or a device; choose the path of a file"):
        SqliteStore(path).open()
    assert list(tmp_path.iterdir()) == [path]


async def test_a_path_that_no_file_can_have_is_an_error_of_the_store(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="cannot be looked at"):
        SqliteStore(tmp_path / ("x" * 1000)).open()


class BytesPath:
    def __fspath__(self) -> bytes:
        return b"state.sqlite"


@pytest.mark.parametrize(
    "path",
    ["", ":memory:", None, 3, True, b"state.sqlite", BytesPath(), ["state.sqlite"], SqliteStore, "a\0b", Path("a\0b")],
    ids=lambda path: "bytes path" if isinstance(path, BytesPath) else repr(path),
)
def test_a_path_that_is_none_is_refused(path: Any) -> None:
    with pytest.raises(SpecError, match=r"SqliteStore\.path"):
        SqliteStore(path)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), "1", True], ids=repr)
def test_a_delay_that_is_none_is_refused(seconds: Any) -> None:
    with pytest.raises(SpecError, match=r"SqliteStore\.write_after"):
        SqliteStore("state.sqlite", write_after=seconds)


def test_it_is_printed_with_its_path() -> None:
    assert repr(SqliteStore("state.sqlite")) == "SqliteStore('state.sqlite')"
    assert SqliteStore("state.sqlite").path == Path("state.sqlite")


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be read as one " * 50, b"x", b"SQLite format 3\0" + b"\xff" * 500]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match="put a backup in its place, or move the file away") as caught:
        SqliteStore(path).open()
    assert caught.value.store == str(path)
    assert path.read_bytes() == content
    path.unlink()
    SqliteFile(str(path)).close()  # nothing of the attempt is left in the way


def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="is the database of another program"):
        SqliteStore(path).open()
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_the_database_of_another_program_keeps_its_mode(path: Path, mode: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
    path.chmod(0o664)
    with pytest.raises(StoreCorrupt, match="is the database of another program"):
        SqliteStore(path).open()
    assert stat.S_IMODE(path.stat().st_mode) == 0o664


async def test_a_store_without_its_table_is_refused(path: Path) -> None:
    async with opened(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE state")
    with pytest.raises(StoreCorrupt, match="lacks its table"):
        SqliteStore(path).open()


async def test_a_damaged_page_is_found_when_the_store_is_opened(path: Path) -> None:
    async with opened(path) as store:
        for number in range(1000):
            store.put("a", str(number), b"x" * 50)
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 4096)
    with pytest.raises(StoreCorrupt, match="is damaged"):
        SqliteStore(path).open()


def test_damage_that_is_found_later_is_an_error_of_the_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SqliteFile(str(path))
    file.write({("a", str(number)): b"x" * 50 for number in range(1000)})
    file.close()
    with path.open("r+b") as raw:
        raw.seek(4096)
        raw.write(b"\xff" * (path.stat().st_size - 4096))
    monkeypatch.setattr("supervisor.sqlite_file.CHECKED_UP_TO", 0)
    file = SqliteFile(str(path))
    with pytest.raises(StoreCorrupt, match="is damaged"):
        file.read("a", "1")
    with pytest.raises(StoreCorrupt, match="is damaged"):
        file.rows("a")
    file.close()


async def test_a_file_of_a_later_version_is_refused_and_left_alone(path: Path) -> None:
    async with opened(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 2}")
    with pytest.raises(StoreTooNew, match="install the version that wrote it") as caught:
        SqliteStore(path).open()
    assert (caught.value.found, caught.value.known) == (len(MIGRATIONS) + 2, len(MIGRATIONS))


async def test_an_older_file_is_brought_up_to_date_and_keeps_what_is_in_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(path) as store:
        store.put("a", "x", b"1")
    monkeypatch.setattr("supervisor.sqlite_file.MIGRATIONS", (*MIGRATIONS, "ALTER TABLE state ADD COLUMN extra TEXT"))
    monkeypatch.setattr(SqliteFile, "write", lambda self, batch: None)
    async with opened(path) as store:
        assert store.get("a", "x") == b"1"
        assert store._file is not None
        assert store._file.reader.execute("SELECT extra FROM state").fetchall() == [(None,)]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)


async def test_a_migration_that_fails_leaves_the_file_at_its_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(path) as store:
        store.put("a", "x", b"1")
    further = (*MIGRATIONS, "CREATE TABLE more (x)", "CREATE TABLE more (x)")
    with monkeypatch.context() as patch:
        patch.setattr("supervisor.sqlite_file.MIGRATIONS", further)
        with pytest.raises(StoreFailed, match="table more already exists"):
            SqliteStore(path).open()
    async with opened(path) as store:
        assert store.get("a", "x") == b"1"
