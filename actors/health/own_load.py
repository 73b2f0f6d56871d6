"""How far behind we ourselves are, without a clock: the event loop's lag, and the fullest mailbox.

The lag is by how much a short sleep takes longer than it was to. The worst of the last seconds counts: a loop that is held for
two seconds in ten is as bad as its worst moment for whoever waits for a pong.

`LoadGauge` says what to tell the StateManager. Its hysteresis: the load is short as soon as it is 1 or more in `worse` looks in
a row, and bearable again when it was below `low` in `better` looks in a row. What is short is said again from time to time, for
who was born since.
"""

from __future__ import annotations

from collections import deque

from attrs import define, field

from supervisor import TreeSnapshot

__all__ = ["Backlog", "LoadGauge", "LoopLag", "load_of"]

BEARABLE_LAG = 1.0
"""Seconds of lag that are a load of 1."""
BEARABLE_BACKLOG = 0.8
"""Share of the fullest mailbox that is a load of 1."""


@define
class LoopLag:
    """The event loop's lag of late.

    Args:
        within: seconds that a lag counts.
    """

    within: float = 5.0
    total: float = field(init=False, default=0.0)
    """Seconds, over all time."""
    _worst: deque[tuple[float, float]] = field(init=False, factory=lambda: deque(maxlen=256))
    """(when, lag), falling: what a later and larger one outdoes is dropped, so that the first is the worst."""

    def slept(self, before: float, after: float, wanted: float) -> float:
        """A sleep is over; by how much it was too long.

        Args:
            before: when it began, by the loop's clock.
            after: when it was over.
            wanted: seconds that it was to take.
        """
        lag = max(after - before - wanted, 0.0)
        self.total += lag
        while self._worst and self._worst[-1][1] <= lag:
            self._worst.pop()
        self._worst.append((after, lag))
        return lag

    def worst(self, now: float) -> float:
        """The worst lag of late."""
        while self._worst and now - self._worst[0][0] > self.within:
            self._worst.popleft()
        return self._worst[0][1] if self._worst else 0.0


@define
class Backlog:
    """How full the fullest mailbox of a tree is.

    Args:
        full: messages queued that are a backlog of 1: the capacity that mailboxes have where nothing else is said.
    """

    full: int = 10_000
    _lost: int = field(init=False, default=0)

    def look(self, tree: TreeSnapshot) -> float:
        """The share at this moment. A mailbox that has lost messages since the last look is full."""
        children = [child for _, child in tree.flat()]
        lost, before = sum(child.dropped for child in children), self._lost
        self._lost = lost
        return 1.0 if lost > before else max((child.mailbox or 0 for child in children), default=0) / self.full


def load_of(lag: float, backlog: float) -> float:
    """The load, as a share of what is bearable.

    Args:
        lag: seconds.
        backlog: how full the fullest mailbox is.
    """
    return max(lag / BEARABLE_LAG, backlog / BEARABLE_BACKLOG)


@define
class LoadGauge:
    """What is to be said of the load.

    Args:
        worse: looks in a row until it is short.
        better: looks in a row until it is bearable again.
        low: the share below which a look is good.
        again: seconds until what is short is said again.
    """

    worse: int = 2
    better: int = 5
    low: float = 0.5
    again: float = 5.0
    short: bool = field(init=False, default=False)
    _bad: int = field(init=False, default=0)
    _good: int = field(init=False, default=0)
    _peak: float = field(init=False, default=0.0)
    """The largest share of the bad looks in a row."""
    _said: float = field(init=False, default=0.0)

    def look(self, share: float, now: float) -> float | None:
        """Take the load at this moment in; the share to tell now, None: there is nothing to tell."""
        self._bad = self._bad + 1 if share >= 1.0 else 0
        self._good = self._good + 1 if share < self.low else 0
        self._peak = max(self._peak, share) if share >= 1.0 else 1.0
        if not self.short:
            if self._bad < self.worse:
                return None
            self.short = True
        elif self._good >= self.better:
            self.short = False
            return share
        elif now - self._said < self.again:
            return None
        self._said = now
        # Between the two thresholds it is still short: to say less than 1 would lift what is in force.
        return self._peak
