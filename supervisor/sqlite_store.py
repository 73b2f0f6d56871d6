"""`SqliteStore`: a durable store in one SQLite file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from supervisor.errors import SpecError, StoreError, StoreFailed, StoreInUse
from supervisor.sqlite_file import SqliteFile
from supervisor.store import Report
from supervisor.write_behind import CLOSES_WITHIN, MISSING, WriteBehind

__all__ = ["SqliteStore"]


class SqliteStore:
    """A store that survives the process: `SupervisorSpec("bot", [...], store=SqliteStore("bot.sqlite"))`.

    Building it opens nothing. The tree opens it before its first life begins and closes it after its last. One tree at a time
    may have it open, of whatever process: that is held by a lock on `<path>-lock`, which is gone with the process, also after
    `kill -9`. Two of these on one file are refused in one tree too: give one to both. The files are for their owner only, also
    those that were there before; their folder must exist.

    Nothing that an actor does waits for the disk but `flush`: one thread writes behind, a burst in one transaction, and several
    values of one place once. What was flushed survives `kill -9` and a power cut. What was not is at most `write_after` seconds
    old, and the disk's time; what was remembered without an `await` in between is there whole or not at all.

    While the disk fails nothing is lost: what is not written is kept, and tried again; `StoreFailing` reports when that begins
    and when it is over, and `flush` raises. A file that was deleted or replaced while it is open is such a failure.

    Args:
        path: of the file.
        write_after: seconds that a change may wait for others before it is written.

    Raises:
        SpecError: an argument that cannot be.
    """

    def __init__(self, path: str | os.PathLike[str], *, write_after: float = 0.05) -> None:
        name = os.fspath(path) if isinstance(path, str | os.PathLike) else None
        if not isinstance(name, str) or name in ("", ":memory:") or "\0" in name:
            raise SpecError("SqliteStore.path", path, "the path of a file, such as 'bot.sqlite'; in memory: MemoryStore()")
        if isinstance(write_after, bool) or not isinstance(write_after, int | float) or not 0 <= write_after < 1e6:
            raise SpecError("SqliteStore.write_after", write_after, "seconds from 0, such as 0.05")
        self._path = name
        self._write_after = write_after
        self._file: SqliteFile | None = None
        self._behind: WriteBehind[tuple[str, str]] | None = None

    @property
    def path(self) -> Path:
        """Of the file."""
        return Path(self._path)

    def open(self, report: Report = lambda error: None) -> None:
        """Make ready. A tree does this.

        Args:
            report: told in the loop when writing begins to fail, and, with None, when it is over.

        Raises:
            StoreInUse: another store, of this tree, another one or another process, has it open.
            StoreTooNew: a later version of oneforone wrote it.
            StoreCorrupt: it is damaged, or not a store.
            StoreFailed: it cannot be made, read or written.
        """
        if self._behind is not None:
            raise StoreInUse(self._path, "another tree of this process", by=self)
        file = self._file = SqliteFile(self._path, self)
        self._behind = WriteBehind(
            file.write, file.close, lambda error: report(_as_store_error(self._path, error)), self._write_after
        )

    async def close(self) -> None:
        """Write what is left, and let go of the file. A tree does this. Nothing happens if it is not open.

        Raises:
            StoreError: something could not be written, and is lost.

        Cancellation: shielded for 30 s; what a disk that does not answer has by then is unknown.
        """
        behind, self._behind, self._file = self._behind, None, None
        if behind is not None and not await behind.close():
            raise StoreFailed(self._path, f"did not answer within {CLOSES_WITHIN:g} s", "check the disk")

    def get(self, namespace: str, key: str) -> bytes | None:
        """What is stored there, or None. Raises StoreError."""
        found = self._opened().find((namespace, key))
        if found is not MISSING:
            return cast("bytes | None", found)
        assert self._file is not None  # noqa: S101  # it is open
        return self._file.read(namespace, key)

    def put(self, namespace: str, key: str, value: bytes) -> None:
        """Store, replacing what was there. Raises UnicodeEncodeError for a text that is none."""
        namespace.encode()
        key.encode()  # in the thread it would keep everything else from being written, for ever
        self._opened().put((namespace, key), bytes(value))

    def delete(self, namespace: str, key: str) -> None:
        """Forget; nothing happens where nothing is stored."""
        self._opened().put((namespace, key), None)

    def scan(self, namespace: str) -> Iterator[tuple[str, bytes]]:
        """All keys and values of a namespace, in order of keys, as they are now. Raises StoreError."""
        # What is pending first: what is written in between is then seen twice, instead of not at all.
        pending = self._opened().pending()
        assert self._file is not None  # noqa: S101  # it is open
        found: dict[str, bytes | None] = dict(self._file.rows(namespace))
        found.update({key: value for (space, key), value in pending.items() if space == namespace})
        return iter(sorted((key, value) for key, value in found.items() if value is not None))

    async def flush(self) -> None:
        """Return when everything put so far is on the disk.

        Raises:
            StoreError: it cannot be, now. It is kept and tried again.

        Cancellation: may have happened.
        """
        await self._opened().flush()

    def _opened(self) -> WriteBehind[tuple[str, str]]:
        if self._behind is None:
            raise StoreFailed(
                self._path, "is not open", "use it in a tree: a spec's store=..., which the tree opens and closes"
            )
        return self._behind

    def __repr__(self) -> str:
        return f"SqliteStore({self._path!r})"


def _as_store_error(path: str, error: Exception | None) -> StoreError | None:
    if error is None or isinstance(error, StoreError):
        return error
    return StoreFailed(path, f"does not work ({error!r})", "see the error")
