"""SqliteStore: what was flushed is there after anything; each way in which a file can be wrong has an error that says so."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from supervisor import (
    Actor,
    ActorSpec,
    SpecError,
    SqliteStore,
    StartError,
    StoreCorrupt,
    StoreError,
    StoreFailed,
    StoreInUse,
    StoreTooNew,
    SupervisorSpec,
    open_supervisor,
)
from supervisor.sqlite_file import MIGRATIONS, SqliteFile
from supervisor.store import DurableStore, Store
from tests.contracts.store import StoreContract

pytestmark = pytest.mark.anyio


class TestSqliteStore(StoreContract):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.path = tmp_path_factory.mktemp("store")
        self.made = 0

    def make_store(self) -> Store:
        self.made += 1
        store = SqliteStore(self.path / f"{self.made}.sqlite")
        store.open()
        assert store._file is not None
        store._file.writer.execute("PRAGMA synchronous = OFF")  # many stores are made here, and none is to survive
        return store

    def drop_store(self, store: Store) -> None:
        assert isinstance(store, SqliteStore)
        anyio.run(store.close)


@asynccontextmanager
async def opened(path: Path, **kwargs: Any) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, **kwargs)
    reports: list[StoreError | None] = []
    store.open(reports.append)
    store.reports = reports
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def as_others_see_it(path: Path) -> dict[tuple[str, str], bytes]:
    """What is durable, without the store."""
    with closing(sqlite3.connect(path)) as connection:
        return {(space, key): value for space, key, value in connection.execute("SELECT namespace, key, value FROM state")}


# ---- writing behind


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


# ---- the file


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


# ---- two on one file


async def test_one_object_is_opened_once(path: Path) -> None:
    async with opened(path) as store:
        with pytest.raises(StoreInUse, match="another tree of this process"):
            store.open()
        store.put("a", "x", b"1")
        await store.flush()


async def test_one_file_is_opened_once_by_whatever_path(path: Path) -> None:
    link = path.with_name("link.sqlite")
    link.symlink_to(path)
    async with opened(path) as store:
        for other in (SqliteStore(path), SqliteStore(link), SqliteStore(path.parent / ".." / path.parent.name / path.name)):
            with pytest.raises(StoreInUse, match="another tree of this process; stop that one first"):
                other.open()
        store.put("a", "x", b"1")
        await store.flush()


async def test_a_hard_link_is_no_way_in(path: Path) -> None:
    async with opened(path) as store:
        link = path.with_name("link.sqlite")
        link.hardlink_to(path)
        with pytest.raises(StoreInUse, match=r"the store \S*link.sqlite is in use by another tree of this process") as caught:
            SqliteStore(link).open()
        assert caught.value.by is store
        assert not link.with_name("link.sqlite-wal").exists()
        store.put("a", "x", b"1")
        await store.flush()
    async with opened(link) as store:
        assert store.get("a", "x") == b"1"


class Idle(Actor[object]):
    async def receive(self, message: object) -> None: ...


def two_supervisors(one: SqliteStore, other: SqliteStore) -> SupervisorSpec:
    left = SupervisorSpec("left", [ActorSpec("a", Idle)], store=one)
    return SupervisorSpec("root", [left, SupervisorSpec("right", [ActorSpec("a", Idle)], store=other)])


async def test_two_supervisors_of_one_tree_with_a_store_each_on_one_file_are_told_to_share_one(path: Path) -> None:
    link = path.with_name("link.sqlite")
    link.symlink_to(path)
    words = rf"is in use by SqliteStore\('{path}'\) of this tree; make one SqliteStore and give it to both"
    for other in (path, link):
        with pytest.raises(StoreInUse, match=words) as caught:
            async with open_supervisor(two_supervisors(SqliteStore(path), SqliteStore(other))):
                pytest.fail("it began")
        assert caught.value.store == str(path)
    async with opened(path):
        """Nothing of the attempts is left in the way."""


async def test_two_supervisors_of_one_tree_can_share_one_store(path: Path) -> None:
    store = SqliteStore(path)
    async with open_supervisor(two_supervisors(store, store)) as root:
        assert [child.phase.value for child in root.which_children()] == ["running", "running"]


async def test_a_child_that_comes_with_a_store_of_its_own_on_the_trees_file_is_told_to_share(path: Path) -> None:
    spec = SupervisorSpec("root", [], store=SqliteStore(path))
    async with open_supervisor(spec, sinks=[lambda event: None]) as root:
        with pytest.raises(StartError, match="of this tree; make one SqliteStore and give it to both"):
            await root.start_child(ActorSpec("a", Idle, store=SqliteStore(path)))


async def test_two_supervisors_of_two_trees_of_one_process_are_told_to_stop_one(path: Path) -> None:
    store = SqliteStore(path)
    async with open_supervisor(two_supervisors(store, store)):
        for other in (store, SqliteStore(path)):
            with pytest.raises(StoreInUse, match="in use by another tree of this process; stop that one first"):
                async with open_supervisor(two_supervisors(other, other)):
                    pytest.fail("it began")


HOLD = """
import os, sys
from supervisor.sqlite_file import SqliteFile
file = SqliteFile(sys.argv[1])
print(os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.real_time
async def test_a_file_that_another_process_holds_is_refused_until_that_is_killed(path: Path) -> None:
    with subprocess.Popen(  # noqa: ASYNC220  # there is nothing else to do meanwhile
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        pid = holder.stdout.readline().strip()
        with pytest.raises(StoreInUse, match=rf"in use by process {pid} \(-c\); stop that one first"):
            SqliteStore(path).open()
        other = SqliteStore(path)
        with pytest.raises(StoreInUse, match=rf"in use by process {pid} \(-c\); stop that one first"):
            async with open_supervisor(two_supervisors(other, other)):
                pytest.fail("it began")
        holder.kill()
        holder.wait()
        async with opened(path) as store:
            store.put("a", "x", b"1")


HOLD_AND_FORK = """
import os, sys, time
from supervisor.sqlite_file import SqliteFile
file = SqliteFile(sys.argv[1])
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(300)
print(child, flush=True)
os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.real_time
async def test_a_forked_child_that_outlives_its_parent_does_not_keep_the_file(path: Path) -> None:
    """It inherits every descriptor: the lock must not be among what it inherits."""
    command = [sys.executable, "-c", HOLD_AND_FORK, str(path)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: ASYNC221  # nothing else to do meanwhile
    try:
        async with opened(path) as store:
            store.put("a", "x", b"1")
    finally:
        os.kill(int(ran.stdout), 9)


async def test_a_file_that_another_program_has_locked_is_refused(path: Path) -> None:
    async with opened(path):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreInUse, match="another program, which has locked it"):
            SqliteStore(path).open()
    async with opened(path):
        pass


# ---- a disk that fails


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


# ---- kill -9


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.parametrize("seed", range(8))
def test_what_was_flushed_before_kill_9_is_recalled_after_it(path: Path, seed: int) -> None:
    command = [sys.executable, "-m", "tests.crash_writer", str(path), str(seed), "25"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=Path(__file__).parent.parent)
    assert ran.returncode == 0, ran.stderr
    rounds = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(rounds) == 26
    flushed = at_work = 0
    for number, one in enumerate(rounds):
        assert one["killed"], ran.stderr
        if one["recalled"] is not None:
            assert len(set(one["recalled"])) == 1, f"round {number} found values apart that were remembered together: {one}"
            assert one["whole"], f"round {number} found a value that nobody remembered: {one}"
            assert one["recalled"][0] >= flushed, f"round {number} recalled less than was flushed ({flushed}): {one}"
        if one["flushed"] is not None:
            flushed = one["flushed"]
            at_work += 1
    assert at_work >= 15
