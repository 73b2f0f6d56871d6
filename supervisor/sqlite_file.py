"""One SQLite file as a place for state: opening it safely, reading it, writing one batch of changes to it.

What is flushed must be there after a power cut, so: a write-ahead log with `synchronous=FULL`, which syncs the log to the disk
at every commit (`NORMAL` would do so only at checkpoints: the file stays whole, but the last commits may be missing). The log
lets one connection read, in the loop's thread, while another writes.

Who has a file open holds a lock on `<file>-lock` beside it, of the kind that the operating system lets go of when the process
ends, by whatever way, and that a forked child does not inherit. It is not on the file itself, because SQLite has its own locks
there, and closing any descriptor of a file drops all of a process's locks on it.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supervisor.errors import StoreCorrupt, StoreError, StoreFailed, StoreInUse, StoreTooNew

__all__ = ["MIGRATIONS", "Batch", "SqliteFile", "read_error"]

Batch = Mapping[tuple[str, str], bytes | None]
"""{(namespace, key): value}; None for what is deleted."""

MIGRATIONS: tuple[str, ...] = (
    """CREATE TABLE state (
        namespace TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (namespace, key)
    ) WITHOUT ROWID""",
)
"""The schema: statement n makes version n of version n - 1. What was released is never changed, only added to."""
APPLICATION_ID = int.from_bytes(b"1for", "big")
"""In the file's header: it is ours."""
HEADER = 100
"""Bytes that every SQLite database begins with."""
CHECKED_UP_TO = 1 << 23
"""Bytes up to which a whole file is checked when it is opened: beyond, that would not be quick."""
BUSY_TIMEOUT = 5_000
"""Milliseconds that a write waits for another program, one that looks into the file."""

_FAILURES = {
    sqlite3.SQLITE_FULL: ("has no room to grow", "free some disk space"),
    sqlite3.SQLITE_READONLY: ("cannot be written", "make the file and its folder writable for this user"),
    sqlite3.SQLITE_PERM: ("may not be accessed", "make the file and its folder writable for this user"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "check that it is a file, in a folder in which this user may write"),
    sqlite3.SQLITE_IOERR: ("cannot be read or written", "check the disk"),
    sqlite3.SQLITE_BUSY: ("is locked by another program", "close what else has the file open"),
}
_held: set[tuple[int, str]] = set()
"""(process, lock file) of what this process holds: between its own threads the lock of the system is none."""
_guard = threading.Lock()


def read_error(path: str, error: sqlite3.Error) -> StoreError:
    """What an error of SQLite means."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreCorrupt(path, f"is damaged or no database at all ({error})")
    problem, advice = _FAILURES.get(code, ("does not work", "see the error of SQLite"))
    return StoreFailed(path, f"{problem} ({error})", advice)


class SqliteFile:
    """An open file. `read` and `rows` are for one thread, `write` and `close` for another.

    Args:
        path: of the file; it is made, for its owner only, if there is none.

    Raises:
        StoreError: it cannot be used; nothing is left open.
    """

    def __init__(self, path: str) -> None:
        self.path: str = os.path.realpath(path)
        if not Path(self.path).parent.is_dir():
            folder = Path(self.path).parent
            raise StoreFailed(path, f"cannot be made: there is no folder {folder}", f"make it: mkdir -p {folder}")
        self._lock = _FileLock(self.path)
        connections: list[sqlite3.Connection] = []
        try:
            _make(self.path)
            self.writer: sqlite3.Connection = _connect(self.path, connections)
            self.reader: sqlite3.Connection = _connect(self.path, connections)
            _prepare(self.path, self.writer)
            self.writer.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
            self.reader.execute("PRAGMA busy_timeout = 1000")  # it waits for nobody but a checkpoint's last moment
            self.reader.execute("PRAGMA query_only = 1")
        except BaseException as error:
            for connection in connections:
                connection.close()
            self._lock.release()
            if isinstance(error, sqlite3.Error):
                if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                    raise StoreInUse(path, "another program, which has locked it") from error
                raise read_error(path, error) from error
            raise

    def read(self, namespace: str, key: str) -> bytes | None:
        """What is stored there. Raises StoreError."""
        rows = self._select("SELECT value FROM state WHERE namespace = ? AND key = ?", (namespace, key))
        value: bytes | None = rows[0][0] if rows else None
        return value

    def rows(self, namespace: str) -> list[tuple[str, bytes]]:
        """All keys and values of a namespace. Raises StoreError."""
        return self._select("SELECT key, value FROM state WHERE namespace = ?", (namespace,))

    def _select(self, statement: str, arguments: tuple[str, ...]) -> list[Any]:
        try:
            return self.reader.execute(statement, arguments).fetchall()
        except sqlite3.Error as error:
            raise read_error(self.path, error) from error

    def write(self, batch: Batch) -> None:
        """Make all of it durable, or nothing.

        Raises:
            StoreError: nothing of it is written.
        """
        if not batch:
            return
        gone = [place for place, value in batch.items() if value is None]
        kept = [(*place, value) for place, value in batch.items() if value is not None]
        try:
            self.writer.execute("BEGIN IMMEDIATE")
            try:
                self.writer.executemany("DELETE FROM state WHERE namespace = ? AND key = ?", gone)
                self.writer.executemany(
                    "INSERT INTO state VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", kept
                )
                self.writer.execute("COMMIT")
            finally:
                if self.writer.in_transaction:  # some errors have rolled it back already
                    self.writer.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise read_error(self.path, error) from error

    def close(self) -> None:
        """Close it. What is in the log is moved into the file, if that can be done; else it is when it is next opened."""
        try:
            self.reader.close()
            self.writer.close()
        finally:
            self._lock.release()


def _connect(path: str, connections: list[sqlite3.Connection]) -> sqlite3.Connection:
    connections.append(sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False))
    return connections[-1]


def _make(path: str) -> None:
    """Make the file, readable for its owner only; SQLite gives its log the same mode."""
    try:
        # Only if there is none: closing this descriptor would drop the locks of a connection that somebody else here has.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreFailed(path, f"cannot be made ({error.strerror})", "choose a folder in which this user may write") from error


def _prepare(path: str, connection: sqlite3.Connection) -> None:
    """See that it is ours, whole, and of this version."""
    if 0 < Path(path).stat().st_size < HEADER:
        raise StoreCorrupt(path, "is too short for a database")  # SQLite would take it for an empty one, and write over it
    version = _pragma(connection, "user_version")
    mark = _pragma(connection, "application_id")
    empty = not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if mark != APPLICATION_ID and not (mark == version == 0 and empty):
        raise StoreCorrupt(path, "is the database of another program")
    if version > len(MIGRATIONS):
        raise StoreTooNew(path, version, len(MIGRATIONS))
    if not empty and Path(path).stat().st_size <= CHECKED_UP_TO:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise StoreCorrupt(path, f"is damaged ({verdict})")
    if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise StoreFailed(path, "cannot have a write-ahead log where it is", "put it on a local disk")
    connection.execute("PRAGMA synchronous = FULL")
    if version < len(MIGRATIONS):
        _migrate(connection, version)
    if not connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'state'").fetchone()[0]:
        raise StoreCorrupt(path, "lacks its table")


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the schema up to this version, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in MIGRATIONS[version:]:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


class _FileLock:
    """Held by one opener of a file at a time.

    Raises:
        StoreInUse: by another.
    """

    def __init__(self, path: str) -> None:
        self._me = (os.getpid(), f"{path}-lock")
        with _guard:
            if self._me in _held:
                raise StoreInUse(path, "another tree of this process")
            self._descriptor = self._take(path)
            _held.add(self._me)

    def _take(self, path: str) -> int:
        import fcntl  # not on Windows, where the rest of the package can be imported

        try:
            descriptor = os.open(self._me[1], os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            advice = "choose a folder in which this user may write"
            raise StoreFailed(path, f"cannot be locked ({error.strerror})", advice) from error
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} ({Path(sys.argv[0]).name or 'python'})".encode(), 0)
        except OSError as error:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace")
            os.close(descriptor)
            if isinstance(error, BlockingIOError | PermissionError):
                raise StoreInUse(path, holder or "another process") from error
            advice = "put it on a local disk that has room"
            raise StoreFailed(path, f"cannot be locked ({error.strerror})", advice) from error
        return descriptor

    def release(self) -> None:
        with _guard:
            _held.discard(self._me)
            os.close(self._descriptor)  # the file stays: another may have it open already
