"""What kind of failure a reason tells of: the reasons are the sentences of `transport`, of the streams and of the gate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

__all__ = ["FailureKind", "failure_kind"]


class FailureKind(StrEnum):
    REFUSED = "refused"
    """The connection, or what was asked over it."""
    TIMEOUT = "timeout"
    """There was no answer."""
    DNS = "dns"
    """The name could not be looked up."""
    UNREACHABLE = "unreachable"
    """There is no way to the host or its network."""
    SERVER = "server"
    """It answered that it cannot: HTTP 5xx."""
    RESET = "reset"
    """It cut the connection."""
    CLOSED = "closed"
    """It said goodbye."""
    TLS = "tls"
    SILENCE = "silence"
    """It was connected, and nothing came."""
    OTHER = "other"


_SIGNS: Sequence[tuple[re.Pattern[str], FailureKind]] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"\bHTTP 5\d\d\b", FailureKind.SERVER),
        (r"\bHTTP 4\d\d\b", FailureKind.REFUSED),
        (r"looked up|name resolution|name or service|getaddrinfo|nodename|no such host", FailureKind.DNS),
        (r"unreachable|no route|network is down|host is down", FailureKind.UNREACHABLE),
        (r"connection refused|nobody accepts", FailureKind.REFUSED),
        (r"nothing came|silent|silence|quiet|no ping|no pong", FailureKind.SILENCE),
        (r"\bTLS\b|\bSSL\b|certificate", FailureKind.TLS),
        (r"reset|hung up|broke off|broken pipe|abort", FailureKind.RESET),
        (r"no answer|timed? ?out|too long", FailureKind.TIMEOUT),
        (r"clos(?:e|ed|ing)\b|going away|\b1001\b|\b1006\b", FailureKind.CLOSED),
    )
)


def failure_kind(reason: str) -> FailureKind:
    """The kind that these words tell of; OTHER where they tell of none."""
    return next((kind for sign, kind in _SIGNS if sign.search(reason)), FailureKind.OTHER)
