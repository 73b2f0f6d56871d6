"""What a client may do, counted by the exchange's rules. Pure: time is an argument.

It shares nothing with `actors.resilience`, by which the bot counts: a mistake there would be made here too, and not be seen.
"""

from __future__ import annotations

import math
from collections import deque

from attrs import define, field

__all__ = ["MessageGate", "PingWatch", "WeightMeter"]

_MINUTE = 60.0


@define
class MessageGate:
    """At most `limit` frames in any `window` seconds, strictly rolling.

    Args:
        limit: frames.
        window: seconds.
    """

    limit: int
    window: float
    _times: deque[float] = field(factory=deque, init=False)

    def admit(self, now: float) -> bool:
        """Count one frame; False where it is one too many."""
        while self._times and self._times[0] <= now - self.window:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) <= self.limit


@define
class WeightMeter:
    """REST weight of the one address that there is on loopback, in fixed minutes of the wall clock.

    Args:
        limit: weight per minute.
    """

    limit: int
    _minute: int = field(default=0, init=False)
    used: int = field(default=0, init=False)

    def spend(self, weight: int, now: float) -> float | None:
        """Count a request.

        Args:
            weight: what it costs.
            now: wall clock, seconds.

        Returns:
            None where it is allowed; else seconds until it would be. A refused request costs nothing.
        """
        minute = int(now // _MINUTE)
        if minute != self._minute:
            self._minute, self.used = minute, 0
        if self.used + weight > self.limit:
            return math.ceil((minute + 1) * _MINUTE - now)
        self.used += weight
        return None


@define
class PingWatch:
    """When to ping, and when a client that does not answer is given up.

    Args:
        interval: seconds between pings.
        timeout: seconds that a pong may take.
        now: when the connection was opened.
    """

    interval: float
    timeout: float
    now: float
    _next: float = field(init=False)
    # {payload: when it was sent}, oldest first. An unsolicited pong has none of these payloads and changes nothing.
    _unanswered: dict[bytes, float] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._next = self.now + self.interval

    @property
    def wake_at(self) -> float:
        """When to look again."""
        oldest = next(iter(self._unanswered.values()), math.inf)
        return min(self._next, oldest + self.timeout)

    def is_lost(self, now: float) -> bool:
        oldest = next(iter(self._unanswered.values()), math.inf)
        return now >= oldest + self.timeout

    def ping(self, now: float) -> bytes | None:
        """The payload of a ping that is due; None where none is."""
        if now < self._next:
            return None
        self._next = now + self.interval
        payload = b"%d" % int(now * 1000)
        self._unanswered[payload] = now
        return payload

    def pong(self, payload: bytes) -> None:
        """An answer; it answers the earlier pings too."""
        if payload not in self._unanswered:
            return
        while self._unanswered:
            answered = next(iter(self._unanswered))
            del self._unanswered[answered]
            if answered == payload:
                return
