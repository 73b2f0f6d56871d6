"""The machine and the program: files, memory, SQLite, bugs, cancellation, groups, causes, and errors of `actors` itself."""

from __future__ import annotations

import asyncio
import concurrent.futures
import decimal
import errno
import os
import queue
import smtplib
import sqlite3
import subprocess
import tomllib
from concurrent.futures.process import BrokenProcessPool

import anyio
import httpx
import trio

from actors import errors
from supervisor import AskTimeout, MailboxFull, SpecError
from tests.errors.labelled.shape import Shape, foreign, raised, shape


def sqlite(kind: type[sqlite3.Error], text: str, code: str | None = None) -> sqlite3.Error:
    error = kind(text)
    if code is not None:
        error.sqlite_errorname = code
        error.sqlite_errorcode = getattr(sqlite3, code)
    return error


def number(code: int, path: str = "/var/lib/bot/state.db") -> OSError:
    return OSError(code, os.strerror(code), path)


# errno(3), sqlite.org/rescode.html.
MACHINE = [
    shape("memory never", "MemoryError", MemoryError),
    shape("memory never", "ENOMEM", lambda: OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))),
    shape("storage never", "ENOSPC", lambda: number(errno.ENOSPC)),
    shape("storage never", "EDQUOT", lambda: number(errno.EDQUOT)),
    shape("storage never", "EROFS", lambda: number(errno.EROFS)),
    shape("storage never", "EIO", lambda: number(errno.EIO)),
    shape("system never", "FileNotFoundError", lambda: number(errno.ENOENT)),
    shape("system never", "EACCES", lambda: number(errno.EACCES)),
    shape("system never", "IsADirectoryError", lambda: number(errno.EISDIR)),
    shape("system never", "FileExistsError", lambda: number(errno.EEXIST)),
    shape("system never", "no more threads", lambda: RuntimeError("can't start new thread")),
    shape(
        "system never",
        "BrokenProcessPool",
        lambda: BrokenProcessPool(
            "A process in the process pool was terminated abruptly while the future was running or pending."
        ),
    ),
    shape("system never", "shut down executor", lambda: RuntimeError("cannot schedule new futures after shutdown")),
    shape("system never", "CalledProcessError", lambda: subprocess.CalledProcessError(1, ["make"])),
    shape("system retry", "QueueFull", asyncio.QueueFull),
    shape("system retry", "queue.Full", queue.Full),
    shape("system retry", "WouldBlock", anyio.WouldBlock),
    shape("system retry", "EAGAIN", lambda: OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))),
    shape("storage retry", "database is locked", lambda: sqlite(sqlite3.OperationalError, "database is locked", "SQLITE_BUSY")),
    shape(
        "storage never", "database is full", lambda: sqlite(sqlite3.OperationalError, "database or disk is full", "SQLITE_FULL")
    ),
    shape("storage never", "disk I/O error", lambda: sqlite(sqlite3.OperationalError, "disk I/O error", "SQLITE_IOERR")),
    shape(
        "storage never",
        "malformed database",
        lambda: sqlite(sqlite3.DatabaseError, "database disk image is malformed", "SQLITE_CORRUPT"),
    ),
    shape(
        "storage never",
        "read-only database",
        lambda: sqlite(sqlite3.OperationalError, "attempt to write a readonly database", "SQLITE_READONLY"),
    ),
    shape("storage retry", "locked, without a code", lambda: sqlite(sqlite3.OperationalError, "database is locked")),
    shape("bug never", "closed database", lambda: sqlite(sqlite3.ProgrammingError, "Cannot operate on a closed database.")),
    shape(
        "storage never",
        "unique constraint",
        lambda: sqlite(sqlite3.IntegrityError, "UNIQUE constraint failed: orders.client_id", "SQLITE_CONSTRAINT_UNIQUE"),
    ),
    shape("notification retry", "SMTP disconnected", lambda: smtplib.SMTPServerDisconnected("Connection unexpectedly closed")),
    shape(
        "notification never",
        "SMTP authentication",
        lambda: smtplib.SMTPAuthenticationError(535, b"5.7.8 Authentication failed"),
    ),
]

# What a program that is wrong raises.
BUGS = [
    shape("bug never", "TypeError", lambda: TypeError("unsupported operand type(s) for +: 'int' and 'str'")),
    shape("bug never", "KeyError", lambda: KeyError("bids")),
    shape("bug never", "AttributeError", lambda: AttributeError("'NoneType' object has no attribute 'price'")),
    shape("bug never", "IndexError", lambda: IndexError("list index out of range")),
    shape("bug never", "NameError", lambda: NameError("name 'prise' is not defined")),
    shape("bug never", "UnboundLocalError", lambda: UnboundLocalError("cannot access local variable 'x'")),
    shape("bug never", "AssertionError", AssertionError),
    shape("bug never", "RecursionError", lambda: RecursionError("maximum recursion depth exceeded")),
    shape("bug never", "ZeroDivisionError", lambda: ZeroDivisionError("division by zero")),
    shape("bug never", "decimal.InvalidOperation", lambda: decimal.InvalidOperation([decimal.ConversionSyntax])),
    shape("bug never", "ValueError", lambda: ValueError("could not convert string to float: ''")),
    shape("bug never", "NotImplementedError", NotImplementedError),
    shape("bug never", "closed loop", lambda: RuntimeError("Event loop is closed")),
    shape("bug never", "changed while iterating", lambda: RuntimeError("dictionary changed size during iteration")),
    shape("bug never", "asyncio.InvalidStateError", lambda: asyncio.InvalidStateError("invalid state")),
    shape("configuration never", "ModuleNotFoundError", lambda: ModuleNotFoundError("No module named 'uvloop'")),
    shape(
        "configuration never",
        "TOML",
        lambda: tomllib.TOMLDecodeError("Expected '=' after a key in a key/value pair (at line 3, column 7)"),
    ),
    shape(
        "configuration never",
        "YAML",
        lambda: foreign("yaml.scanner", "ScannerError", foreign("yaml.error", "YAMLError"))(
            "mapping values are not allowed here"
        ),
    ),
    shape("configuration never", "SpecError", lambda: SpecError("Retry.attempts", 0, "a count of 1 or more")),
    shape("unknown never", "bare Exception", lambda: Exception("something")),
    shape("unknown never", "bare RuntimeError", lambda: RuntimeError("something")),
    shape("unknown never", "foreign and never heard of", lambda: foreign("acme.sdk", "AcmeError")("E42")),
]


def _cancelled() -> BaseException:
    """As trio raises it: it cannot be made otherwise."""
    seen: list[BaseException] = []

    async def cancelled() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.lowlevel.checkpoint()
            except trio.Cancelled as error:
                seen.append(error)
                raise

    trio.run(cancelled)
    return seen[0]


# Cancellation and the end of the program are no failures.
ENDINGS = [
    shape("system never", "CancelledError", asyncio.CancelledError),
    shape("system never", "trio.Cancelled", _cancelled),
    shape("system never", "GeneratorExit", GeneratorExit),
    shape("system never", "KeyboardInterrupt", KeyboardInterrupt),
    shape("system never", "SystemExit", lambda: SystemExit(1)),
    shape("system never", "cancelled future", concurrent.futures.CancelledError),
]


REQUEST = httpx.Request("POST", "https://api.binance.com/api/v3/order")

# The rules of a group and of a cause: issue 5, facts 1.8.
WRAPPED = [
    shape(
        "network retry",
        "group of two lost ways",
        lambda: ExceptionGroup("", [httpx.ConnectError("refused"), OSError(errno.ENETUNREACH, "x")]),
    ),
    shape(
        "unknown_outcome reconcile",
        "group with an unknown outcome",
        lambda: ExceptionGroup("", [httpx.ConnectError("refused"), httpx.ReadTimeout("")]),
    ),
    shape("bug never", "group with a bug", lambda: ExceptionGroup("", [httpx.ConnectTimeout(""), KeyError("x")])),
    shape(
        "rate_limit wait",
        "group of waits",
        lambda: ExceptionGroup("", [errors.RateLimited("slow", 2.0), errors.RateLimited("slower", 5.0)]),
        5.0,
    ),
    shape(
        "system never",
        "nested group, cancelled",
        lambda: BaseExceptionGroup("", [BaseExceptionGroup("", [asyncio.CancelledError()])]),
    ),
    shape(
        "network retry",
        "RuntimeError from a refusal",
        lambda: raised(RuntimeError("cannot fetch"), ConnectionRefusedError(111, "refused")),
    ),
    shape(
        "unknown_outcome reconcile",
        "cause of a cause",
        lambda: raised(Exception("order"), raised(RuntimeError("post"), httpx.ReadTimeout(""))),
    ),
    shape(
        "bug never",
        "RuntimeError, generator raised StopIteration",
        lambda: raised(RuntimeError("generator raised StopIteration"), StopIteration()),
    ),
]

# By the tree of actors.errors.
OWN = [
    shape("network retry", "ConnectFailed", lambda: errors.ConnectFailed("wss://stream.binance.com", "connection refused")),
    shape("network retry", "NetworkTimeout", lambda: errors.NetworkTimeout("a ping", 10.0)),
    shape(
        "unknown_outcome reconcile",
        "ConnectionLost, with a goodbye",
        lambda: errors.ConnectionLost(clean=True, close_code=1001, reason=""),
    ),
    shape(
        "unknown_outcome reconcile",
        "ConnectionLost",
        lambda: errors.ConnectionLost(clean=False, close_code=1006, reason=""),
    ),
    shape("rate_limit wait", "RateLimited", lambda: errors.RateLimited("slow down", 7.0), 7.0),
    shape("rate_limit wait", "Banned", lambda: errors.Banned("banned", until=1784548800.0, retry_after=120.0), 120.0),
    shape("authentication never", "AuthenticationError", lambda: errors.AuthenticationError("the key is not valid")),
    shape("validation fix", "ValidationError", lambda: errors.ValidationError("quantity", -1, "more than 0")),
    shape("data_feed resync", "DataGap", lambda: errors.DataGap("BTCUSDT", 5, 9)),
    shape("order fix", "InsufficientFunds", lambda: errors.InsufficientFunds("too little USDT")),
    shape("order reconcile", "UnknownOrder", lambda: errors.UnknownOrder("no such order")),
    shape("unknown_outcome reconcile", "UnknownOutcome", lambda: errors.UnknownOutcome("no answer", client_order_id="x1")),
    shape("recovery wait", "CircuitOpen", lambda: errors.CircuitOpen("rest", 12.0, retry_after=4.0), 4.0),
    shape("unknown_outcome reconcile", "CallTimeout", lambda: errors.CallTimeout("place", 5.0)),
    shape("security never", "SecurityError", lambda: errors.SecurityError("no")),
    shape("unknown_outcome reconcile", "AskTimeout, begun", lambda: AskTimeout("broker", 1.0, started=True)),
    shape("system retry", "AskTimeout, never begun", lambda: AskTimeout("broker", 1.0, started=False)),
    shape("system retry", "MailboxFull", lambda: MailboxFull("broker", 100)),
]

SHAPES: list[Shape] = [*MACHINE, *BUGS, *ENDINGS, *WRAPPED, *OWN]
