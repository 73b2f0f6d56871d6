"""Every row of the table of socket errors, and what may be shown of an address."""

from __future__ import annotations

import errno
import socket
import ssl

import anyio
import pytest

from actors.transport.failures import explain, public_url


def caused(outer: Exception, inner: BaseException) -> Exception:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "the host cannot be looked up: Temporary failure"),
        (UnicodeError("label too long"), "this cannot be the name of a host"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "no"), "connection refused"),
        (TimeoutError(), "no answer within 2.5 s"),
        (ConnectionResetError(errno.ECONNRESET, "no"), "the other side reset the connection"),
        (BrokenPipeError(errno.EPIPE, "no"), "the other side reset the connection"),
        (EOFError(), "the other side hung up before it had answered"),
        (anyio.EndOfStream(), "the other side hung up"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "Network is unreachable"),
        (OSError("only words"), "only words"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_the_table(error: Exception, words: str) -> None:
    assert explain(error, within=2.5) == words


def test_a_tls_error_tells_its_reason() -> None:
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    error.reason = "WRONG_VERSION_NUMBER"
    assert explain(error) == "TLS failed: WRONG_VERSION_NUMBER"


def test_the_root_cause_is_told() -> None:
    assert explain(caused(OSError("all attempts failed"), ConnectionRefusedError())) == "connection refused"


def test_a_cause_that_is_only_an_argument_is_found() -> None:
    assert explain(RuntimeError(ConnectionRefusedError())) == "connection refused"


def test_of_several_addresses_the_first_speaks() -> None:
    group = ExceptionGroup("all", [OSError(errno.EHOSTUNREACH, "No route to host"), ConnectionRefusedError()])
    assert explain(caused(OSError("all attempts failed"), group)) == "No route to host"


def test_what_was_being_handled_is_not_a_cause() -> None:
    error = OSError("the new trouble")
    error.__context__ = ConnectionRefusedError()
    assert explain(error) == "the new trouble"


def test_rows_of_a_library_come_first() -> None:
    assert explain(ConnectionRefusedError(), [(OSError, "mine: {error}")]) == "mine: "


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://stream.binance.com:9443/ws", "wss://stream.binance.com:9443/ws"),
        ("https://me:pw@host/api?signature=1#x", "https://host/api"),
        (f"wss://host/ws/{'k' * 60}", "wss://host/ws/…"),
        ("ws://[::1]:80/", "ws://[::1]:80/"),
        ("https://host:notaport/", "(not an address)"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert public_url(url) == shown
