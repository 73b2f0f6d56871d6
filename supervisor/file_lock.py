"""Who has a file open, by whatever name, and who else may read it.

Who has a file open holds a lock on `<file>-lock` beside it, of the kind that the operating system lets go of when the process
ends, by whatever way, and that a forked child does not inherit. It is not on the file itself, because SQLite has its own locks
there, and closing any descriptor of a file drops all of a process's locks on it. Within the process the file is also known by
its inode, so that a hard link is no way in.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

from supervisor.errors import StoreFailed, StoreInUse

__all__ = ["FileLock", "Inode", "inode_of", "make_private"]

Inode = tuple[int, int]
"""A file, whatever its name: device and inode."""
_held: dict[tuple[int, str | Inode], object] = {}
"""Who holds what in this process, by (process, lock file or inode): between its own threads the lock of the system is none."""
_guard = threading.Lock()


def inode_of(path: str) -> Inode | None:
    """Which file the path means now; None: none. Raises StoreFailed."""
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreFailed(path, f"cannot be looked at ({error.strerror})", "check the disk and the folder") from error
    return found.st_dev, found.st_ino


def make_private(path: str, *names: str) -> None:
    """Take from others what they may do with these files of a store, those that are there.

    Args:
        path: of the store, for the error.
        names: of the files.

    Raises:
        StoreFailed: one is open to others, and not this user's to change.
    """
    for name in names:
        try:
            found = os.lstat(name)
            if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
                Path(name).chmod(stat.S_IMODE(found.st_mode) & 0o700)
        except FileNotFoundError:
            continue
        except OSError as error:
            problem = f"is open to others, and {name} cannot be made private ({error.strerror})"
            advice = f"have its owner do it: chmod 600 {name}; or move it to a file of this user"
            raise StoreFailed(path, problem, advice) from error


class FileLock:
    """Held by one opener of a file at a time.

    Args:
        path: of the file, which need not be there yet.
        owner: whose it is, to be told to who finds it in use.

    Raises:
        StoreInUse: it is held by another.
        StoreFailed: it cannot be locked.
    """

    def __init__(self, path: str, owner: object) -> None:
        self._path, self._owner, self._process = path, owner, os.getpid()
        self._names: list[str | Inode] = []
        with _guard:
            self._refuse_second(f"{path}-lock")
            self._descriptor = self._take(path)
            self._hold(f"{path}-lock")

    def claim(self, inode: Inode | None) -> None:
        """Hold the file itself too, now that there is one. Raises StoreInUse."""
        with _guard:
            if inode is not None:
                self._refuse_second(inode)
                self._hold(inode)

    def _refuse_second(self, name: str | Inode) -> None:
        if (self._process, name) in _held:
            raise StoreInUse(self._path, "another tree of this process", by=_held[self._process, name])

    def _hold(self, name: str | Inode) -> None:
        _held[self._process, name] = self._owner
        self._names.append(name)

    def _take(self, path: str) -> int:
        import fcntl  # not on Windows, where the rest of the package can be imported

        try:
            descriptor = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT, 0o600)
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
        try:
            make_private(path, f"{path}-lock")
        except StoreFailed:
            os.close(descriptor)
            raise
        return descriptor

    def release(self) -> None:
        """Let others have it."""
        with _guard:
            for name in self._names:
                del _held[self._process, name]
            os.close(self._descriptor)  # the file stays: another may have it open already
