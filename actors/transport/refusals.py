"""What an answer with an error says about the way it came: the endpoint, or our address, and how long to stay away.

The words and codes are judged by `actors.errors`; here stands only whom a judgement is about:

    418, a named ban     our address, everywhere: nothing is asked of any endpoint before its time
    429, a named limit   our address, in what was asked there: see `Scope.ROLE`
    403 of a firewall    this endpoint: another one may have no such wall
    5xx, 451 ...         this endpoint, without a time unless it names one
    the rest of 4xx      the request: the endpoint is well
"""

from __future__ import annotations

import math
import re
from enum import StrEnum

from attrs import frozen

from actors.errors import Category, ConnectFailed, ExchangeRefused, Severity, classify

__all__ = ["LONGEST_WAIT", "Scope", "Verdict", "judge_answer", "judge_handshake", "named_wait"]

LONGEST_WAIT = 7 * 86_400.0
"""Seconds; what asks for more is no answer. The longest ban is of three days."""
PACE = 60.0
"""Seconds to wait where a limit was reached and nobody says for how long: the minute over which weight is counted."""
BAN = 120.0
"""Seconds to wait where a ban or a firewall names no end: the shortest ban of Binance. It grows with every request."""
FORBIDDEN, TOO_MANY, TEAPOT, SERVER_ERROR = 403, 429, 418, 500

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_SERVERS = (Category.EXCHANGE, Category.NETWORK, Category.UNKNOWN_OUTCOME)


class Scope(StrEnum):
    """Whom an answer is about."""

    REQUEST = "request"
    """Only itself: the endpoint has answered as it should."""
    ENDPOINT = "endpoint"
    """The endpoint fails."""
    ROLE = "role"
    """We ask too much: nothing is asked of any endpoint of this role. Where a handshake was answered so, no requests are made
    either."""
    ADDRESS = "address"
    """Our address is banned, whatever it asks."""


@frozen
class Verdict:
    """What an answer says about the way it came."""

    scope: Scope
    wait: float | None = None
    """Seconds before which nobody within the scope tries again; None: nothing is said of a time."""


def judge_answer(error: ExchangeRefused, wall: float) -> Verdict:
    """Judge the error that a REST answer is.

    Args:
        error: as the adapter reads it.
        wall: the time, in seconds since 1970: a ban may name its end.
    """
    found = classify(error, wall=wall)
    asked = _sane(error.retry_after) or _sane(found.retry_after)
    if error.status == FORBIDDEN and found.category is Category.RATE_LIMIT:
        return Verdict(Scope.ENDPOINT, asked or BAN)
    if found.category is Category.RATE_LIMIT or error.status in (TOO_MANY, TEAPOT):
        return _limit(asked, banned=found.severity is Severity.CRITICAL or error.status == TEAPOT)
    if error.status >= SERVER_ERROR or found.category in _SERVERS:
        return Verdict(Scope.ENDPOINT, _sane(error.retry_after))
    return Verdict(Scope.REQUEST)


def judge_handshake(error: ConnectFailed) -> Verdict:
    """Judge why a connection could not be opened. Nobody but the endpoint is to blame, unless it answered with a limit.

    Args:
        error: its `status` and `retry_after` are what the server answered, if it did.
    """
    asked = _sane(error.retry_after)
    if error.status in (TOO_MANY, TEAPOT):
        return _limit(asked, banned=error.status == TEAPOT)
    if error.status == FORBIDDEN:
        return Verdict(Scope.ENDPOINT, asked or BAN)
    return Verdict(Scope.ENDPOINT, asked)


def named_wait(text: str) -> float | None:
    """The seconds that a Retry-After names; None where it names none that can be waited, or a date, which needs a clock."""
    return _sane(float(text)) if _SECONDS.fullmatch(text.strip()) else None


def _limit(asked: float | None, *, banned: bool) -> Verdict:
    return Verdict(Scope.ADDRESS, asked or BAN) if banned else Verdict(Scope.ROLE, asked or PACE)


def _sane(seconds: float | None) -> float | None:
    """A wait that can be one; None for what names none."""
    return seconds if seconds is not None and 0 < seconds < math.inf and seconds < LONGEST_WAIT else None
