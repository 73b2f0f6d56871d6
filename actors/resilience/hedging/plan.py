"""A race of equal calls, as a machine: when another one may start, and when the race is over. No clock, no task.

START     nothing runs any more and another call is left: it starts at once, and waits for no delay
WAIT      what runs may still win
OVER      nobody can win any more; `error` says why
"""

from __future__ import annotations

from enum import Enum

from attrs import define, field

__all__ = ["HedgePlan", "Next"]


class Next(Enum):
    """What follows from a failure."""

    START = "start"
    WAIT = "wait"
    OVER = "over"


@define
class HedgePlan:
    """The calls of one race.

    Args:
        hedges: how many calls there may be beyond the first.
    """

    hedges: int
    started: int = field(default=0, init=False)
    running: int = field(default=0, init=False)
    over: bool = field(default=False, init=False)
    error: Exception | None = field(default=None, init=False)
    """What the race ends with, if nobody wins."""
    failures: list[tuple[int, Exception]] = field(factory=list, init=False)
    """Which call failed, by its number from 1, and how; in the order in which they did."""
    _closed: bool = field(default=False, init=False)

    @property
    def may_start(self) -> bool:
        return not self.over and not self._closed and self.started <= self.hedges

    def start(self) -> int:
        """A call starts; its number, from 1."""
        self.started += 1
        self.running += 1
        return self.started

    def close(self) -> Next:
        """No other call is to start."""
        self._closed = True
        if not self.running:
            self.over = True
        return Next.OVER if self.over else Next.WAIT

    def won(self) -> bool:
        """A call returned; True if it is the first."""
        self.running -= 1
        first = not self.over
        self.over = True
        return first

    def failed(self, number: int, error: Exception, *, final: bool, again_now: bool) -> Next:
        """A call raised an error.

        Args:
            number: which call.
            error: what it raised.
            final: another call would fail as well, so nobody waits for those that run.
            again_now: whether another one may start at once. Otherwise, with nothing that runs, the race is over: the other
                side has asked for a pause.
        """
        self.running -= 1
        if self.over:
            return Next.OVER
        self.failures.append((number, error))
        if final or self.error is None:
            self.error = error
        if final:
            self.over = True
        elif not self.running:
            if self.may_start and again_now:
                return Next.START
            self.over = True
        return Next.OVER if self.over else Next.WAIT
