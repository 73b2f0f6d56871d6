"""The other end of a control socket, for programs without a loop: `oneforone tree` is one."""

from __future__ import annotations

import os
import socket
import stat
import time
from contextlib import suppress

from supervisor.control.wire import GetSnapshot, Request, encode_request, read_snapshot
from supervisor.errors import SupervisorError
from supervisor.snapshot import TreeSnapshot

__all__ = ["Unreachable", "fetch_snapshot"]

MAX_ANSWER = 256 * 1024 * 1024
"""Bytes of an answer; a tree of a hundred thousand children needs about 40 MB."""


class Unreachable(SupervisorError, ConnectionError):
    """Nobody answers at a control socket.

    Args:
        path: of the socket.
        why: in words, with what to do.
        gone: whether there is no tree any more, or never was.
    """

    def __init__(self, path: str, why: str, *, gone: bool = False) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.gone = gone


def fetch_snapshot(path: str, timeout: float = 5.0) -> TreeSnapshot:
    """The tree behind a control socket, as it is now. Blocks.

    Args:
        path: what the tree was given as `control`.
        timeout: seconds for all of it.

    Raises:
        Unreachable: nobody listens there, or nobody answers in time.
        WireError: it is another version's, or not a tree's.
    """
    return read_snapshot(_ask(path, GetSnapshot(), timeout))


def _ask(path: str, request: Request, timeout: float) -> bytes:
    if not hasattr(socket, "AF_UNIX"):
        raise Unreachable(path, "this system has no unix sockets")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        deadline = time.monotonic() + timeout
        line.settimeout(timeout)
        try:
            line.connect(path)
            with suppress(BrokenPipeError):  # it said no and hung up; what it said can still be read
                line.sendall(encode_request(request))
            return _read_line(line, path, deadline)
        except Unreachable:
            raise
        except TimeoutError:
            why = f"it does not answer within {timeout:g} s; its loop may be held up by something that blocks"
            raise Unreachable(path, why) from None
        except OSError as error:
            gone = isinstance(error, FileNotFoundError | ConnectionRefusedError | ConnectionResetError)
            raise Unreachable(path, _why(path, error), gone=gone) from error
        except ValueError as error:  # a NUL in the path
            raise Unreachable(path, f"that is no path: {error}") from error


def _read_line(line: socket.socket, path: str, deadline: float) -> bytes:
    found = bytearray()
    while not found.endswith(b"\n"):
        line.settimeout(max(0.001, deadline - time.monotonic()))
        piece = line.recv(1_048_576)
        if not piece:
            raise Unreachable(path, "it hung up without an answer; the tree may just have ended", gone=True)
        found += piece
        if len(found) > MAX_ANSWER:
            raise Unreachable(path, f"its answer is longer than {MAX_ANSWER} bytes; is that the control socket of a tree?")
    return bytes(found)


def _why(path: str, error: OSError) -> str:
    """An error of the system in words that help."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return "nobody listens there, there is no such file; run the tree with control=PATH, and give the same path here"
    except OSError:
        return f"it cannot be reached: {error.strerror or error}"
    if not stat.S_ISSOCK(mode):
        return "that is not a socket; give the path that the tree was given as control=PATH"
    if isinstance(error, PermissionError):
        return f"permission denied; only its owner (uid {os.stat(path).st_uid}) may connect"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there any more; the process that made it is gone"
    return f"it cannot be reached: {error.strerror or error}"
