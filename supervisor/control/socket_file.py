"""The file of a control socket: its owner's alone, and never in the place of something else.

Rules
    1. Owner only, from the moment anybody could connect. The socket's mode is set before it is bound, so that its file is made
       with 0600 (on Linux; elsewhere the file is changed before `listen`, and nobody can connect before that). The umask stays:
       it belongs to the whole process, and another thread may be making a file just then.
    2. Nothing that is there is taken over unless it is a socket that refuses connections, and that is looked at under a lock on
       the folder: two processes that start at once must not each take the other's for dead.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import anyio
from attrs import define

from supervisor.errors import SpecError

if sys.platform != "win32":
    import fcntl

__all__ = ["SocketFile", "check_control_path", "listen_at"]

OWNER_ONLY = 0o600
BACKLOG = 8
"""Clients that may wait to be let in."""
MAX_PATH = 107 if sys.platform == "linux" else 103
"""Bytes of a path that the system's address of a socket can hold."""


def check_control_path(control: object) -> str | None:
    """A `control` argument as an absolute path, or None.

    Raises:
        SpecError: it can be none.
    """
    if control is None:
        return None
    if not isinstance(control, str | os.PathLike) or not isinstance(os.fspath(control), str) or not os.fspath(control):
        raise SpecError("control", control, "a path for a socket, such as '/run/user/1000/bot.sock', or None")
    path = os.path.abspath(os.fspath(control))
    if not hasattr(socket, "AF_UNIX"):
        raise SpecError("control", control, "None: this system has no unix sockets")
    if "\0" in path:
        raise SpecError("control", control, "a path without a NUL")
    if len(os.fsencode(path)) > MAX_PATH:
        given = len(os.fsencode(path))
        raise SpecError(
            "control", control, f"at most {MAX_PATH} bytes, which is all a socket's address holds; {path} has {given}"
        )
    return path


@define(eq=False)
class SocketFile:
    """A socket that listens, and the file that is its address."""

    path: str
    socket: socket.socket
    identity: tuple[int, int]
    """Device and inode, so that no other file is removed by mistake."""
    removed: bool = False

    def remove(self) -> None:
        """Remove the file, if it is still this socket's."""
        if not self.removed:
            self.removed = True
            with suppress(OSError):
                if _identity(self.path) == self.identity:
                    os.unlink(self.path)


async def listen_at(path: str) -> SocketFile:
    """Listen at a path. Raises SpecError. Cancellation: atomic."""
    with _folder_of(path) as folder:
        alone = False
        for _ in range(50):  # who may read the folder may hold its lock for ever, and need not keep a tree from starting
            alone = folder is not None and _locked(folder)
            if alone or folder is None:
                break
            await anyio.sleep(0.02)  # somebody else opens a socket there: a matter of microseconds
        try:
            _make_room(path, alone=alone)
            return _bound(path)
        except OSError as error:
            raise SpecError(
                "control", path, f"a path in a folder that exists and can be written to ({error.strerror})"
            ) from error


@contextmanager
def _folder_of(path: str) -> Iterator[int | None]:
    """The folder, open for a lock, or None if it cannot be."""
    try:
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
    except OSError:
        yield None
        return
    try:
        yield folder
    finally:
        os.close(folder)


def _locked(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: nothing better can be had there
    return True


def _make_room(path: str, *, alone: bool) -> None:
    """Remove a socket that is certainly dead.

    Raises:
        SpecError: there is something else.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SpecError(
            "control", path, "a path where nothing is, or a socket that a process left behind; there is another file"
        )
    if not _is_dead(path):
        raise SpecError("control", path, "a path of its own; somebody listens there already, another tree perhaps")
    if not alone:
        raise SpecError(
            "control", path, "a path where nothing is: the folder cannot be locked, and the socket there may be starting"
        )
    os.unlink(path)


def _is_dead(path: str) -> bool:
    """Whether nobody listens there, for certain."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        error = probe.connect_ex(path)
    return error == errno.ECONNREFUSED


def _bound(path: str) -> SocketFile:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        with suppress(OSError):
            os.fchmod(listening.fileno(), OWNER_ONLY)
        listening.bind(path)
        file = SocketFile(path, listening, _identity(path))
        try:
            if os.lstat(path).st_mode & 0o777 != OWNER_ONLY:
                os.chmod(path, OWNER_ONLY)
            listening.listen(BACKLOG)
        except BaseException:
            file.remove()
            raise
    except BaseException:
        listening.close()
        raise
    return file


def _identity(path: str) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino
