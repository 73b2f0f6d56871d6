"""Sockets, TLS, names, timeouts: what the standard library, trio, asyncio and anyio raise."""

from __future__ import annotations

import asyncio
import errno
import http.client
import os
import socket
import ssl
import urllib.error

import anyio
import trio

from tests.errors.labelled.shape import Shape, raised, shape


def by_number(number: int) -> OSError:
    return OSError(number, os.strerror(number))


# errno(3), connect(2), send(2), and what asyncio's and trio's connecting make of it.
SOCKETS = [
    shape("network retry", "ECONNREFUSED", lambda: by_number(errno.ECONNREFUSED)),
    shape(
        "network retry",
        "asyncio's refusal",
        lambda: ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9443)"),
    ),
    shape(
        "network retry",
        "asyncio, several addresses",
        lambda: OSError(
            "Multiple exceptions: [Errno 111] Connect call failed ('::1', 443, 0, 0), [Errno 101] Connect "
            "call failed ('1.2.3.4', 443)"
        ),
    ),
    shape(
        "network retry",
        "trio, several addresses",
        lambda: raised(
            OSError("all attempts to connect to api.binance.com:443 failed"),
            ExceptionGroup(
                "multiple connection attempts failed", [by_number(errno.ECONNREFUSED), by_number(errno.ENETUNREACH)]
            ),
        ),
    ),
    shape("network retry", "anyio.ConnectionFailed", lambda: anyio.ConnectionFailed("All connection attempts failed")),
    shape("network retry", "ENETUNREACH", lambda: by_number(errno.ENETUNREACH)),
    shape("network retry", "EHOSTUNREACH", lambda: by_number(errno.EHOSTUNREACH)),
    shape("network retry", "ENETDOWN", lambda: by_number(errno.ENETDOWN)),
    shape("network retry", "EADDRNOTAVAIL", lambda: by_number(errno.EADDRNOTAVAIL)),
    shape("network retry", "EHOSTDOWN", lambda: by_number(errno.EHOSTDOWN)),
    shape("unknown_outcome reconcile", "ECONNRESET", lambda: by_number(errno.ECONNRESET)),
    shape("unknown_outcome reconcile", "ConnectionResetError of asyncio", lambda: ConnectionResetError("Connection lost")),
    shape("unknown_outcome reconcile", "ECONNABORTED", lambda: by_number(errno.ECONNABORTED)),
    shape("unknown_outcome reconcile", "EPIPE", lambda: by_number(errno.EPIPE)),
    shape("unknown_outcome reconcile", "ETIMEDOUT", lambda: by_number(errno.ETIMEDOUT)),
    shape("unknown_outcome reconcile", "ENETRESET", lambda: by_number(errno.ENETRESET)),
    shape("unknown_outcome reconcile", "bare ConnectionError", lambda: ConnectionError("connection lost")),
    shape("system never", "EMFILE", lambda: by_number(errno.EMFILE)),
    shape("system never", "ENFILE", lambda: by_number(errno.ENFILE)),
    shape(
        "system never",
        "EADDRINUSE",
        lambda: OSError(
            errno.EADDRINUSE, "error while attempting to bind on address ('127.0.0.1', 8080): address already in use"
        ),
    ),
    shape("bug never", "EBADF", lambda: by_number(errno.EBADF)),
    shape("network retry", "gaierror, no name", lambda: socket.gaierror(socket.EAI_NONAME, "Name or service not known")),
    shape(
        "network retry", "gaierror, again", lambda: socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    ),
    shape("network retry", "gaierror, no address", lambda: socket.gaierror(-5, "No address associated with hostname")),
    shape("network retry", "herror", lambda: socket.herror(1, "Unknown host")),
]

# OpenSSL's reasons as Python's ssl shows them (bugs.python.org, psf/requests, aio-libs/aiohttp issues).
TLS = [
    shape(
        "security never",
        "expired certificate",
        lambda: ssl.SSLCertVerificationError(
            1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)"
        ),
    ),
    shape(
        "security never",
        "self-signed certificate",
        lambda: ssl.SSLCertVerificationError(
            1,
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in "
            "certificate chain (_ssl.c:1006)",
        ),
    ),
    shape(
        "security never",
        "no local issuer",
        lambda: ssl.SSLCertVerificationError(
            1,
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1006)",
        ),
    ),
    shape(
        "security never",
        "wrong host",
        lambda: ssl.SSLCertVerificationError(
            1,
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is "
            "not valid for 'api.binance.com'. (_ssl.c:1006)",
        ),
    ),
    shape(
        "network retry",
        "no TLS at that port",
        lambda: ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"),
    ),
    shape(
        "network retry",
        "handshake refused",
        lambda: ssl.SSLError(1, "[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure (_ssl.c:1006)"),
    ),
    shape(
        "network retry",
        "protocol version",
        lambda: ssl.SSLError(1, "[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version (_ssl.c:1006)"),
    ),
    shape(
        "security never",
        "they do not know our authority",
        lambda: ssl.SSLError(1, "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:2576)"),
    ),
    shape(
        "unknown_outcome reconcile",
        "EOF in violation",
        lambda: ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:2426)"),
    ),
    shape(
        "unknown_outcome reconcile",
        "unexpected EOF",
        lambda: ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] unexpected eof while reading (_ssl.c:2576)"),
    ),
    shape(
        "unknown_outcome reconcile",
        "bad record",
        lambda: ssl.SSLError(1, "[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC] decryption failed or bad record mac (_ssl.c:2576)"),
    ),
    shape(
        "unknown_outcome reconcile",
        "TLS closed",
        lambda: ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed (EOF) (_ssl.c:1143)"),
    ),
    shape("network retry", "handshake timed out", lambda: TimeoutError("_ssl.c:989: The handshake operation timed out")),
    # asyncio: the handshake deadline is an error of the connection.
    shape(
        "network retry",
        "asyncio's handshake timed out",
        lambda: ConnectionAbortedError("SSL handshake is taking longer than 60.0 seconds: aborting the connection"),
    ),
    shape("unknown_outcome reconcile", "TLS read timed out", lambda: TimeoutError("The read operation timed out")),
]

TIMEOUTS = [
    shape("unknown_outcome reconcile", "bare TimeoutError", TimeoutError),
    shape("unknown_outcome reconcile", "socket.timeout", lambda: TimeoutError("timed out")),
    shape("unknown_outcome reconcile", "trio.TooSlowError", trio.TooSlowError),
    shape("unknown_outcome reconcile", "asyncio.TimeoutError", asyncio.TimeoutError),  # as libraries raise it
    shape(
        "unknown_outcome reconcile",
        "asyncio's CancelledError behind a timeout",
        lambda: raised(TimeoutError(), asyncio.CancelledError()),
    ),
]

STREAMS = [
    shape("unknown_outcome reconcile", "EndOfStream", anyio.EndOfStream),
    shape("unknown_outcome reconcile", "anyio.BrokenResourceError", anyio.BrokenResourceError),
    shape(
        "unknown_outcome reconcile",
        "trio.BrokenResourceError",
        lambda: raised(trio.BrokenResourceError(), by_number(errno.ECONNRESET)),
    ),
    shape("unknown_outcome reconcile", "asyncio.IncompleteReadError", lambda: asyncio.IncompleteReadError(b"HTTP/1", 4096)),
    shape("unknown_outcome reconcile", "EOFError", EOFError),
    shape("bug never", "BusyResourceError", lambda: anyio.BusyResourceError("reading from")),
    shape("bug never", "ClosedResourceError", anyio.ClosedResourceError),
    shape(
        "unknown_outcome reconcile",
        "RemoteDisconnected",
        lambda: http.client.RemoteDisconnected("Remote end closed connection without response"),
    ),
    shape("unknown_outcome reconcile", "BadStatusLine", lambda: http.client.BadStatusLine("\x15\x03\x01")),
    shape("unknown_outcome reconcile", "IncompleteRead", lambda: http.client.IncompleteRead(b"{", 512)),
    shape("bug never", "CannotSendRequest", lambda: http.client.CannotSendRequest("Request-sent")),
    shape("network retry", "urllib, refused", lambda: urllib.error.URLError(by_number(errno.ECONNREFUSED))),
    shape("network retry", "urllib, no name", lambda: urllib.error.URLError(socket.gaierror(-2, "Name or service not known"))),
    shape(
        "security never",
        "urllib, certificate",
        lambda: urllib.error.URLError(
            ssl.SSLCertVerificationError(
                1,
                "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer "
                "certificate (_ssl.c:1006)",
            )
        ),
    ),
    shape(
        "rate_limit wait",
        "urllib, 429",
        lambda: urllib.error.HTTPError(
            "https://api.kraken.com/0/public/Time", 429, "Too Many Requests", http.client.HTTPMessage(), None
        ),
    ),
    shape(
        "unknown_outcome reconcile",
        "urllib, 502",
        lambda: urllib.error.HTTPError(
            "https://api.kraken.com/0/private/AddOrder", 502, "Bad Gateway", http.client.HTTPMessage(), None
        ),
    ),
]

SHAPES: list[Shape] = [*SOCKETS, *TLS, *TIMEOUTS, *STREAMS]
