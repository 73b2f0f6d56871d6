"""Pace: how long a channel is normally quiet, learned from what it does.

1. The *learned pause* is the longest pause between two events of the last `MEMORY` to twice `MEMORY` seconds, at least `least`.
   The longest and no average: a market that is lively in bursts has many short pauses and a few long ones, and an average
   would cry wolf at each of those.
2. It counts once there is something to learn from: `ENOUGH` events over `LEAST_TIME` seconds. Until then the configured
   patience holds.
3. Silence is what lasts `SLACK` times as long as the learned pause.
4. A pause that we ended ourselves by asking anew, and one across a lost connection, was no pause of the channel. One that
   outlasted our asking was: asking did not end it.
"""

from __future__ import annotations

import math

from attrs import define, field

__all__ = ["ENOUGH", "LEAST_TIME", "MEMORY", "SLACK", "Pace"]

MEMORY = 300.0
"""Seconds after which a long pause begins to be forgotten."""
ENOUGH = 100
"""Events that it takes to know a pace."""
LEAST_TIME = 30.0
"""Seconds that it takes."""
SLACK = 1.5
"""Times the learned pause that are silence."""
PROMPTLY = 5.0
"""Seconds after asking anew within which data is taken for its answer."""


@define(eq=False)
class Pace:
    """One channel's pace. Times must not go backwards.

    Args:
        patience: seconds that it may be quiet as long as its pace is not known.
        least: seconds; no shorter pause is ever taken for silence's measure.
        learns: False: the configured patience always holds.
    """

    patience: float
    least: float = 1.0
    learns: bool = True
    events: int = field(default=0, init=False)
    _began: float | None = field(default=None, init=False)
    _last: float | None = field(default=None, init=False)
    """When an event came last; None after an interruption."""
    _longest: float = field(default=0.0, init=False)
    _before: float = field(default=0.0, init=False)
    """The longest pause of the period before this one."""
    _period: float = field(default=-math.inf, init=False)
    """When the present period began."""
    _asked: float | None = field(default=None, init=False)
    """When it was asked for anew, and no event has come since."""

    def arrived(self, now: float) -> None:
        """An event came."""
        last, self._last = self._last, now
        self.events += 1
        if last is not None and now - last > self._longest:
            self._learn(now - last, now)
        self._asked = None
        if self._began is None:
            self._began = self._period = now
        elif now - self._period >= MEMORY:
            self._before, self._longest, self._period = self._longest, 0.0, now

    def interrupted(self) -> None:
        """What is between the last event and the next is no pause: the connection was lost."""
        self._last = self._asked = None

    def asked_anew(self, now: float) -> None:
        """The subscription was asked for anew because it was quiet."""
        self._asked = now

    @property
    def learned(self) -> float | None:
        """The learned pause in seconds, or None as long as there is none."""
        known = self.learns and self.events >= ENOUGH and self._began is not None and self._last is not None
        if not known or (self._last or 0.0) - (self._began or 0.0) < LEAST_TIME:
            return None
        return max(self._longest, self._before, self.least)

    @property
    def limit(self) -> float:
        """Seconds of quiet that are silence."""
        learned = self.learned
        return self.patience if learned is None else learned * SLACK

    def _learn(self, pause: float, now: float) -> None:
        if self._asked is None or now - self._asked > PROMPTLY:
            self._longest = pause
