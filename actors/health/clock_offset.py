"""How far our wall clock is from the exchange's, estimated from questions and answers, without a clock.

An answer was written at some moment between the question's leaving and the answer's coming, so each one bounds the offset:

    offset = theirs - (sent + received) / 2      and is wrong by no more than (received - sent) / 2

The shorter the round trip, the closer. So of the answers of late the third with the shortest round trips is believed, and of
them the median; what it may be wrong by is half of the longest round trip among them. A clock that is set makes old answers
worthless: one whose bounds leave no room for the estimate is doubted, the second in a row means that a clock was set, and what
came before the two is forgotten.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median

from attrs import define, field, frozen

__all__ = ["ClockEstimate", "ClockOffset"]


@frozen
class ClockEstimate:
    """The exchange's clock minus ours, in seconds: above 0, ours is behind."""

    offset: float
    uncertainty: float
    """Seconds by which it may be wrong."""
    answers: int
    """How many it is made of."""

    @property
    def surely(self) -> float:
        """Seconds that the clocks are apart at least, in whichever direction."""
        return max(abs(self.offset) - self.uncertainty, 0.0)


@frozen
class _Answer:
    offset: float
    half_trip: float
    at: float

    def allows(self, other: float, uncertainty: float) -> bool:
        return abs(self.offset - other) <= self.half_trip + uncertainty


@define
class ClockOffset:
    """The offset of one exchange's clock. Times must not go backwards, but for a clock that is set.

    Args:
        kept: answers that are remembered.
        within: seconds after which an answer is worth nothing: clocks drift.
        resolution: seconds that the exchange's times are rounded to.
    """

    kept: int = 30
    within: float = 900.0
    resolution: float = 0.001
    steps: int = field(init=False, default=0)
    """How often a clock was set."""
    _answers: deque[_Answer] = field(init=False)
    _doubted: _Answer | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._answers = deque(maxlen=self.kept)

    def add(self, sent: float, received: float, theirs: float, now: float) -> bool:
        """Take one answer in; whether it was of use.

        Args:
            sent: when the question left, by our wall clock, in seconds since 1970.
            received: when the answer came, likewise.
            theirs: the time that it says, likewise.
            now: the time by a clock that nobody sets.
        """
        trip = received - sent
        if not (math.isfinite(trip) and math.isfinite(theirs)) or trip < 0:
            return False
        answer = _Answer(theirs - (sent + received) / 2, trip / 2 + self.resolution, now)
        estimate = self.estimate(now)
        if estimate is None or answer.allows(estimate.offset, estimate.uncertainty):
            self._doubted = None
            self._answers.append(answer)
        elif self._doubted is None:
            self._doubted = answer
        else:
            self.steps += 1
            self._answers.clear()
            if answer.allows(self._doubted.offset, self._doubted.half_trip):
                self._answers.append(self._doubted)
            self._answers.append(answer)
            self._doubted = None
        return True

    def estimate(self, now: float) -> ClockEstimate | None:
        """The offset as of the answers of late; None without any."""
        recent = sorted((one for one in self._answers if now - one.at <= self.within), key=lambda one: one.half_trip)
        if not recent:
            return None
        best = recent[: max(math.ceil(len(recent) / 3), min(3, len(recent)))]
        return ClockEstimate(median(one.offset for one in best), max(one.half_trip for one in best), len(best))
