"""When a diagnosis is worth saying: once two looks in a row agree. Bounded; without a clock.

In the midst of a change half of the evidence is old, and a diagnosis of it may be of something that never was.
"""

from __future__ import annotations

from collections import deque

from attrs import define, field, frozen

from actors.analysis.patterns import Diagnosis, Pattern, Recommendation

__all__ = ["Announcements", "Announcing"]

KEPT = 50
AGAIN_AFTER = 30.0
"""Seconds until the RecoveryManager is told again of what lasts: it may have been born since."""
NOTHING = Diagnosis(Pattern.NONE, Recommendation.NOTHING)


@frozen
class Announcing:
    """What is to be done about a look."""

    moved: bool
    """It is a new one: say so."""
    due: bool
    """Whoever sees to it is to be told, for the first time or again."""


@define
class Announcements:
    """The diagnoses of one venue, as they were announced."""

    current: Diagnosis = field(init=False, default=NOTHING)
    history: deque[tuple[float, Diagnosis]] = field(init=False, factory=lambda: deque(maxlen=KEPT))
    """(when, what) of the last that were announced, oldest first."""
    _last: Diagnosis = field(init=False, default=NOTHING)
    """That of the last look."""
    _told: float = field(init=False, default=0.0)

    def look(self, diagnosis: Diagnosis, now: float) -> Announcing:
        """Take in the diagnosis of this moment."""
        settled = _same(diagnosis, self._last)
        self._last = diagnosis
        if not settled:
            return Announcing(moved=False, due=False)
        moved = not _same(diagnosis, self.current)
        self.current = diagnosis
        if moved:
            self.history.append((now, diagnosis))
        due = moved or now - self._told >= AGAIN_AFTER
        if due:
            self._told = now
        return Announcing(moved, due)


def _same(one: Diagnosis, other: Diagnosis) -> bool:
    """Whether they say the same of the same: the sentences change with every second."""
    return one.pattern is other.pattern and one.subject == other.subject
