"""One child as the restart machine knows it."""

from __future__ import annotations

from copy import copy
from enum import Enum

from attrs import define

from supervisor.budget import Budget
from supervisor.spec import ChildSpec

__all__ = ["ALIVE", "Child", "Phase"]


class Phase(Enum):
    """Where a child is."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    RESTARTING = "restarting"
    GAVE_UP = "gave up"


ALIVE = (Phase.STARTING, Phase.RUNNING, Phase.STOPPING)
"""Phases in which there is a life. No set: `Enum` hashes in Python, and these few are compared by identity."""


@define(eq=False)
class Child:
    """One child as the machine knows it."""

    key: str
    spec: ChildSpec
    order: int
    """Its place in start order."""
    phase: Phase = Phase.STOPPED
    life: int = 0
    """How many lives it has had; the current one's number."""
    wanted: bool = False
    """A group restart will start it when its turn comes."""
    first: bool = True
    """Its next start, or the one in progress, is no restart: a failure is the asker's, or the first start's."""
    delayed: bool = False
    """A `Wait` is pending."""
    overdue: bool = False
    """Its life does not end, even after the kill."""
    fresh: bool = False
    """It was added, and has not started yet: if it does not, it is forgotten."""
    parked: bool = False
    """It was parked when someone asked for it: if it does not start, it is parked again."""
    undo: bool = False
    """Who asked for it went away before it started: it becomes what it was before."""
    started_at: float = 0.0
    failures: int = 0
    """Failures in a row; a stable life sets it back."""
    starter: object = None
    """The call that is answered when it has started."""
    stoppers: tuple[object, ...] = ()
    """The calls that are answered when it has stopped."""
    budget: Budget | None = None
    """Its own, where each child has one and it has been needed."""

    def copy(self) -> Child:
        """An independent child in the same state; the spec and the calls are shared."""
        twin = copy(self)
        twin.budget = None if self.budget is None else self.budget.copy()
        return twin
