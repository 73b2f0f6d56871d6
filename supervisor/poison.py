"""Whether what a place remembers is what kills the lives there: the decision, and what of it has to be kept.

A life counts against its state if it recalled something that an earlier life had left and then failed at once. After `LIMIT`
such lives in a row the state is set aside before the next one. If that one, without the state, fails at once too, the state was
not to blame: it is put back, and left alone until a life has lived. Any life that lasts longer or ends otherwise ends the
suspicion.

    Trust(0) ── failed on its state ──▶ Trust(1) ──▶ … Trust(LIMIT) ── next life begins: set aside ──▶ TRIED
                                                                                                         │
    CLEARED ◀── failed at once without it: put back ─────────────────────────────────────────────────────┘
    any of them ── a life lived ──▶ Trust(0)

The suspicion is kept in the store, beside the state, so that it holds across processes: a state that kills every start of a
process is found out too. A healthy life changes nothing and so costs no write.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

__all__ = ["FAILS_AT_ONCE", "LIMIT", "ROOMS", "SET_ASIDE", "SUSPICION", "Ending", "Stage", "Suspicion", "after_life", "aside"]

FAILS_AT_ONCE = 5.0
"""Seconds from its begin within which a life that fails has failed at once."""
LIMIT = 3
"""Lives in a row that fail on a state before it is set aside."""

# Rooms beside a place's own namespace. No path contains `//`: ids are neither empty nor do they contain `/`.
SUSPICION = "//suspicion"
SET_ASIDE = "//set aside"
ROOMS = (SUSPICION, SET_ASIDE)


class Stage(Enum):
    """Where the suspicion stands."""

    COUNTING = "counting"
    TRIED = "tried"
    """The state is aside, and a life tries without it."""
    CLEARED = "cleared"
    """It was put back, and is not set aside again until a life has lived."""


class Suspicion(Struct, frozen=True):
    """What is kept about a place's state."""

    lives: int = 0
    """How many in a row failed on it."""
    stage: Stage = Stage.COUNTING

    @property
    def due(self) -> bool:
        """Whether the state is to be set aside before the next life."""
        return self.stage is Stage.COUNTING and self.lives >= LIMIT


class Ending(Enum):
    """How a life ended, as far as its state is concerned."""

    LIVED = "lived"
    """It lasted, or somebody else ended it."""
    FAILED = "failed at once"
    FAILED_ON_STATE = "failed at once, having recalled what an earlier life left"


def after_life(before: Suspicion, ending: Ending) -> Suspicion:
    """The suspicion after a life. Where it goes from TRIED to CLEARED, the state is to be put back."""
    if ending is Ending.LIVED:
        return Suspicion()
    if before.stage is not Stage.COUNTING:
        return Suspicion(before.lives, Stage.CLEARED)
    if ending is Ending.FAILED_ON_STATE:
        return Suspicion(min(before.lives + 1, LIMIT))
    return Suspicion()  # it failed without its state, so what comes next is no longer in a row


def aside(before: Suspicion) -> Suspicion:
    """The suspicion once the state is set aside."""
    return Suspicion(before.lives, Stage.TRIED)
