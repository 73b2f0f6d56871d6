from __future__ import annotations

import errno
import os
import socket

import pytest

from actors.analysis.failures import FailureKind, failure_kind
from actors.transport.failures import explain

K = FailureKind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(-2, "Name or service not known"), K.DNS),
        (socket.gaierror(-3, "Temporary failure in name resolution"), K.DNS),
        (ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)), K.REFUSED),
        (ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)), K.RESET),
        (BrokenPipeError(), K.RESET),
        (TimeoutError(), K.TIMEOUT),
        (OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH)), K.UNREACHABLE),
        (OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH)), K.UNREACHABLE),
        (OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN)), K.UNREACHABLE),
        (EOFError(), K.RESET),
    ],
    ids=lambda value: value.value if isinstance(value, FailureKind) else type(value).__name__,
)
def test_the_sentences_of_the_transport_are_understood(error: BaseException, kind: FailureKind) -> None:
    assert failure_kind(explain(error, within=10.0)) is kind


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("HTTP 503: Service Unavailable, try https://no-such-host", K.SERVER),
        ("HTTP 418: banned until 1700000000000", K.REFUSED),
        ("nothing came for 12.0 s", K.SILENCE),
        ("no ping for 60 s", K.SILENCE),
        ("closed by the other side: 1001 going away", K.CLOSED),
        ("the server's TLS certificate is not trusted: expired", K.TLS),
        ("it is a riddle", K.OTHER),
        ("", K.OTHER),
    ],
)
def test_other_reasons_are_understood(reason: str, kind: FailureKind) -> None:
    assert failure_kind(reason) is kind
