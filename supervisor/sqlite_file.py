"""One SQLite file as a place for state: opening it safely, reading it, writing one batch of changes to it.

What is flushed must be there after a power cut, so: a write-ahead log with `synchronous=FULL`, which syncs the log to the disk
at every commit (`NORMAL` would do so only at checkpoints: the file stays whole, but the last commits may be missing). The log
lets one connection read, in the loop's thread, while another writes.

A path may come to mean another file while this one is open: what is written then is gone with the last descriptor. So each
batch looks whether the files are still those that were opened.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supervisor.errors import StoreCorrupt, StoreError, StoreFailed, StoreInUse, StoreTooNew
from supervisor.file_lock import FileLock, Inode, inode_of, make_private

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
        path: of the file; it is made if there is none. In any case it is for its owner only from then on.
        owner: whose it is, to be told to who finds it in use.

    Raises:
        StoreError: it cannot be used; nothing is left open.
    """

    def __init__(self, path: str, owner: object = None) -> None:
        self.path: str = os.path.realpath(path)
        _check_path(self.path, path)
        self._lock = FileLock(self.path, owner)
        connections: list[sqlite3.Connection] = []
        try:
            _make(self.path)
            self._lock.claim(inode_of(self.path))
            self.writer: sqlite3.Connection = _connect(self.path, connections)
            self.reader: sqlite3.Connection = _connect(self.path, connections)
            _prepare(self.path, self.writer)
            self._inodes: list[Inode | None] = self._found()
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
            StoreError: nothing of it is written, or only into files that nobody will find.
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
        self._check_found()  # afterwards: what the commit went into may have been taken away during it

    def _found(self) -> list[Inode | None]:
        """What the names of the file and of its log mean now."""
        return [inode_of(self.path), inode_of(f"{self.path}-wal")]

    def _check_found(self) -> None:
        if self._found() != self._inodes:
            advice = "put it and its -wal file back, or stop the tree and start it anew"
            raise StoreFailed(self.path, "was deleted or replaced while open", advice)

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


def _check_path(path: str, given: str) -> None:
    """See that it is a file, or may be one, before anything is made beside it; to open a pipe would wait for its other end."""
    folder = Path(path).parent
    try:
        there, other = folder.is_dir(), Path(path).exists() and not Path(path).is_file()
    except OSError as error:
        raise StoreFailed(given, f"cannot be looked at ({error.strerror})", "choose a file that this user may open") from error
    if not there:
        raise StoreFailed(given, f"cannot be made: there is no folder {folder}", f"make it: mkdir -p {folder}")
    if other:
        raise StoreFailed(given, "cannot be opened: it is a folder or a device", "choose the path of a file")


def _make(path: str) -> None:
    """Make the file, for its owner only; SQLite gives its log the same mode."""
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
    # Not before it is known to be ours: another program's file keeps its mode. Nor later: the log is made with this one.
    make_private(path, path, f"{path}-wal", f"{path}-shm")
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
