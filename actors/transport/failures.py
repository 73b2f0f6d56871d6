"""Foreign errors in plain words: the table of what sockets raise, to which each seam adds the rows of its library.

Only `__cause__` is followed, never `__context__`: who reconnects inside an `except` block has the old trouble as context of the
new one, and would be told about the wrong one.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import anyio

__all__ = ["SOCKET_ERRORS", "Row", "explain", "public_url"]

Row = tuple[type[BaseException], str]
"""A type of error, and the sentence for it; `{error}` and `{within}` (seconds) can be used in it."""

SOCKET_ERRORS = (
    anyio.EndOfStream,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    # Our own receiving and sending are serialised; what is left is TLS, which may have to write while it reads.
    anyio.BusyResourceError,
    OSError,
)
"""What reading from or writing to a socket raises when the connection is no more."""

OPAQUE = 32
"""A path segment this long is a key, not a name: user data streams carry theirs in the path."""

SOCKET_ROWS: Sequence[Row] = (
    (socket.gaierror, "the host cannot be looked up: {error.strerror}"),
    (UnicodeError, "this cannot be the name of a host"),
    (ConnectionRefusedError, "connection refused"),
    (ssl.SSLCertVerificationError, "the server's TLS certificate is not trusted: {error.verify_message}"),
    (ssl.SSLError, "TLS failed: {error.reason}"),
    (TimeoutError, "no answer within {within:g} s"),
    (ConnectionResetError, "the other side reset the connection"),
    (BrokenPipeError, "the other side reset the connection"),
    (EOFError, "the other side hung up before it had answered"),
    (anyio.EndOfStream, "the other side hung up"),
)


def explain(error: BaseException, rows: Sequence[Row] = (), *, within: float = 0.0) -> str:
    """Say in one plain sentence what was wrong: the root cause, as far as a row knows it.

    Args:
        error: what a library raised.
        rows: its rows, looked at before those of the sockets.
        within: the timeout that was in force, in seconds.
    """
    causes = list(_causes(error))
    for cause in reversed(causes):
        for kind, sentence in (*rows, *SOCKET_ROWS):
            if isinstance(cause, kind):
                return sentence.format(error=cause, within=within)
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return str(error) or type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            # A host with several addresses: one of them speaks for all.
            error = error.exceptions[0]
        elif error.__cause__ is None and error.args and isinstance(error.args[0], BaseException):
            # httpcore wraps the cause as an argument, and later clears `__cause__`.
            error = error.args[0]
        else:
            error = error.__cause__


def public_url(url: str) -> str:
    """The part of an address that everybody may read: no user, no password, no query, no key in the path."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "(not an address)"
    host = f"[{host}]" if ":" in host else host
    path = "/".join("…" if len(segment) >= OPAQUE else segment for segment in parts.path.split("/"))
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{path}"
