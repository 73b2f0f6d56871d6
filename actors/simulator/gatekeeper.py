"""Who is refused at the door, and how: bans, HTTP errors, refused handshakes, too many attempts. Pure: time is an argument.

Every client is the one address that there is on loopback, but for the pace of attempts, which is counted per address.
"""

from __future__ import annotations

import http
import math
from collections import deque
from collections.abc import Callable

from attrs import define, field

from actors.simulator.answers import HttpAnswer, phrase_of
from actors.simulator.faults import HandshakeError, HttpError
from actors.simulator.status import Totals

__all__ = ["Attempts", "Gatekeeper"]

_RATE_LIMITED = http.HTTPStatus.TOO_MANY_REQUESTS
_BANNED = http.HTTPStatus.IM_A_TEAPOT

BanAnswer = Callable[[int, int, int], HttpAnswer]
"""Status, epoch milliseconds until which, seconds until then."""


@define
class Attempts:
    """At most `limit` connection attempts of an address in any `window` seconds, strictly rolling; refused ones do not count.

    Args:
        limit: attempts.
        window: seconds.
    """

    limit: int
    window: float
    _times: dict[str, deque[float]] = field(factory=dict, init=False)

    def admit(self, address: str, now: float) -> float | None:
        """Count an attempt; None where it is allowed, else the seconds until the next one would be."""
        for known, times in list(self._times.items()):
            while times and times[0] <= now - self.window:
                times.popleft()
            if not times:
                del self._times[known]
        times = self._times.setdefault(address, deque())
        if len(times) >= self.limit:
            return times[0] + self.window - now
        times.append(now)
        return None


@define
class _Planned:
    """An error that is given out so many times."""

    answer: HttpAnswer
    left: float
    path: str = ""
    endpoint: int | None = None


@define
class Gatekeeper:
    """What is answered instead of the real answer.

    Args:
        attempts: the pace of connecting.
        ban_after: so many 429 answers that were ignored in a row become a ban; None: never.
        ban_seconds: how long such a ban lasts.
        ban_answer: what a banned client is told.
        totals: is counted into.
    """

    attempts: Attempts
    ban_after: int | None
    ban_seconds: float
    ban_answer: BanAnswer
    totals: Totals
    _banned_until: float = field(default=-math.inf, init=False)
    _ban_status: int = field(default=_BANNED, init=False)
    _ignored: int = field(default=0, init=False)
    _http: list[_Planned] = field(factory=list, init=False)
    _handshakes: list[_Planned] = field(factory=list, init=False)

    def ban(self, seconds: float, status: int, now: float) -> None:
        """Begin a ban, or end one with 0 seconds; `now` is the wall clock, seconds."""
        self._banned_until, self._ban_status, self._ignored = now + seconds, status, 0

    def banned(self, now: float) -> bool:
        return now < self._banned_until

    def plan_http(self, fault: HttpError) -> None:
        answer = _error(fault.status, fault.body, fault.retry_after)
        self._http.append(_Planned(answer, math.inf if fault.count is None else fault.count, fault.path))

    def plan_handshakes(self, fault: HandshakeError) -> None:
        answer = _error(fault.status, "", fault.retry_after)
        left = math.inf if fault.count is None else fault.count
        self._handshakes.append(_Planned(answer, left, endpoint=fault.endpoint))

    def lift(self) -> None:
        """End everything but the pace of connecting."""
        self._banned_until, self._ignored = -math.inf, 0
        self._http.clear()
        self._handshakes.clear()

    def rest(self, path: str, now: float) -> HttpAnswer | None:
        """The error that a REST request gets; None: the real answer.

        Args:
            path: percent-decoded.
            now: wall clock, seconds.
        """
        if self.banned(now):
            return self._ban(now)
        planned = _taken(self._http, lambda planned: path.startswith(planned.path))
        self.totals.http_errors += planned is not None
        return planned

    def answered(self, status: int, now: float) -> HttpAnswer | None:
        """Learn what the real answer is; a ban instead, where too many 429 have been ignored."""
        if status != _RATE_LIMITED:
            self._ignored = 0
            return None
        if self.ban_after is not None and self._ignored >= self.ban_after:
            self.ban(self.ban_seconds, _BANNED, now)
            self.totals.bans += 1
            return self._ban(now)
        self._ignored += 1
        return None

    def handshake(self, address: str, endpoint: int, now: float) -> HttpAnswer | None:
        """The error that a handshake gets; None: it goes on."""
        if self.banned(now) and self._ban_status == _BANNED:
            return self._ban(now)
        planned = _taken(self._handshakes, lambda planned: planned.endpoint in (None, endpoint))
        if planned is not None:
            self.totals.handshakes_refused += 1
            return planned
        wait = self.attempts.admit(address, now)
        if wait is None:
            return None
        self.totals.attempts_refused += 1
        return _error(_RATE_LIMITED, "", math.ceil(wait))

    def _ban(self, now: float) -> HttpAnswer:
        self.totals.banned += 1
        return self.ban_answer(self._ban_status, math.ceil(self._banned_until * 1000), math.ceil(self._banned_until - now))


def _taken(plans: list[_Planned], fits: Callable[[_Planned], bool]) -> HttpAnswer | None:
    for planned in plans:
        if fits(planned):
            planned.left -= 1
            if planned.left <= 0:
                plans.remove(planned)
            return planned.answer
    return None


def _error(status: int, body: str, retry_after: int | None) -> HttpAnswer:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if body.lstrip().startswith(("{", "[")):
        return HttpAnswer(status, body.encode(), headers)
    title = f"{status} {phrase_of(status)}"
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
    return HttpAnswer(status, (body or page).encode(), headers, "text/html")
