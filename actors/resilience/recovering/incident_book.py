"""Which incidents are being recovered from, which of them wait for which, and how often each one came.

Rules
    1. One recovery per incident: who reports one that is being recovered from may join.
    2. Who would wait for himself is refused: inside his own recovery, or around a circle of several. So is who comes from too
       deep inside.
    3. An incident that comes too often is *escalated*: its alerts once, and no recovery until it has been quiet for a while.

No clock and no lock: the shell says what time it is, and holds its lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence

from attrs import define, field, frozen

__all__ = ["Again", "Escalate", "IncidentBook", "Join", "Lead", "Loop"]

Key = Hashable


@frozen
class Lead:
    """Nobody is at it: recover."""

    times: int


@frozen
class Escalate:
    """It came back too often: run the alerts, and nothing else."""

    times: int


@frozen
class Join:
    """Somebody is at it: wait for him."""


@frozen
class Again:
    """It came back too often, and the alerts were run: nothing is done."""


@frozen
class Loop:
    """Who waits here would wait for himself, or recoveries go too deep."""

    chain: tuple[Key, ...]


@define
class _Past:
    times: deque[float]
    last: float
    escalated: bool = False


@define
class IncidentBook:
    """Which incidents there are.

    Args:
        limit: this many times within the window an incident is recovered from.
        window: seconds.
        quiet: seconds without the incident, after which one that was escalated is recovered from again.
        depth: recoveries inside each other.
        known: incidents that are remembered.
    """

    limit: int
    window: float
    quiet: float
    depth: int
    known: int
    forgotten: int = field(default=0, init=False)
    """Incidents that the bound made it forget although they counted."""
    _running: set[Key] = field(factory=set, init=False)
    _past: dict[Key, _Past] = field(factory=dict, init=False)
    """The one that came last stands last."""
    _waits: dict[Key, list[Key]] = field(factory=dict, init=False)
    """{an incident that is being recovered from: those that it waits for}"""

    def arrive(self, key: Key, now: float, chain: Sequence[Key], deep: int) -> Lead | Join | Escalate | Again | Loop:
        """An incident is reported. After Lead, Join and Escalate, `depart` when done with it, whatever the end.

        Args:
            key: which.
            now: the time.
            chain: the incidents inside whose recoveries it came, outermost first.
            deep: how many recoveries it came inside of, those of other books included.
        """
        if key in chain or deep >= self.depth:
            return Loop(tuple(chain))
        if key in self._running:
            circle = self._circle(key, chain)
            if circle:
                return Loop(circle)
            past = self._past[key] = self._past.pop(key)
            past.last = now
            self._wait_for(chain, key)
            return Join()
        past = self._touch(key, now)
        past.times.append(now)
        times = len(past.times)
        if past.escalated:
            return Again()
        self._running.add(key)
        self._wait_for(chain, key)
        if times > self.limit:
            past.escalated = True
            return Escalate(times)
        return Lead(times)

    def depart(self, key: Key, chain: Sequence[Key]) -> None:
        """Who arrived with this chain waits no more."""
        if chain:
            waits = self._waits[chain[-1]]
            waits.remove(key)
            if not waits:
                del self._waits[chain[-1]]

    def end(self, key: Key, *, ignored: bool = False) -> None:
        """The recovery has ended.

        Args:
            key: of which incident.
            ignored: it was of no consequence, and this time does not count.
        """
        self._running.discard(key)
        past = self._past.get(key)
        if ignored and past is not None and past.times:
            past.times.pop()

    def abandon(self, key: Key, *, alerted: bool = True) -> None:
        """Whoever recovered was cancelled, and nobody takes over.

        Args:
            key: of which incident.
            alerted: False where alerts were due and not made; they are when it comes again.
        """
        self._running.discard(key)
        past = self._past.get(key)
        if not alerted and past is not None:
            past.escalated = False

    def _wait_for(self, chain: Sequence[Key], key: Key) -> None:
        if chain:
            self._waits.setdefault(chain[-1], []).append(key)

    def _circle(self, key: Key, chain: Sequence[Key]) -> tuple[Key, ...]:
        """The way from the key to one of the chain, along those who wait; empty if there is none."""
        ways: list[tuple[Key, ...]] = [(key,)] if chain else []
        seen = {key}
        while ways:
            way = ways.pop()
            if way[-1] in chain:
                return (*chain, *way[:-1])
            for further in self._waits.get(way[-1], ()):
                if further not in seen:
                    seen.add(further)
                    ways.append((*way, further))
        return ()

    def _touch(self, key: Key, now: float) -> _Past:
        past = self._past.pop(key, None)
        if past is None or (past.escalated and now - past.last >= self.quiet):
            past = _Past(deque(maxlen=self.limit + 1), now)
        while past.times and now - past.times[0] >= self.window:
            past.times.popleft()
        past.last = now
        self._past[key] = past
        self._forget(now)
        return past

    def _forget(self, now: float) -> None:
        """Forget those that no longer count, and of too many the one that came least lately and is not being recovered from."""
        excess = len(self._past) - self.known
        for key in list(self._past)[:excess] if excess > 0 else ():
            past = self._past[key]
            if key not in self._running:
                counts = now - past.last < (self.quiet if past.escalated else self.window)
                self.forgotten += counts
                del self._past[key]
