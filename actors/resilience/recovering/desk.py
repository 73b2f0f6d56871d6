"""Who recovers and who waits, when several report the same incident: in tasks of one loop, in several loops, in threads.

    with desk.visit(incident, key, waiter) as visit:     one report
        visit.leads                                      nobody else is at it: recover, then desk.finish
        visit.run.result                                 not None once it is over

Rules
    1. At most one visit leads a run. A run that has no leader and no result does not exist.
    2. A leader that leaves without a result (cancelled) makes the one that has waited longest the leader, and wakes it. If that
       one leaves in the same moment, it passes it on. If nobody waits, the run is abandoned.
    3. Who waits and is cancelled only leaves.
    4. Nothing is called and nothing is awaited under the lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from contextvars import ContextVar, Token
from types import TracebackType

from attrs import define, evolve, field

from actors.errors import RecoveryFailed, RecoveryLoop, RecoveryRunning
from actors.resilience.clock import Clock
from actors.resilience.locking import Lock, new_lock
from actors.resilience.recovering.action import AttemptRecord, Incident, RecoveryResult
from actors.resilience.recovering.incident_book import Again, Escalate, IncidentBook, Join, Loop
from actors.resilience.recovering.plan import Course
from actors.resilience.waiting import Waiter
from supervisor.secrets import redact

__all__ = ["Desk", "Inside", "Run", "Visit"]


@define(eq=False)
class Run:
    """The recovery from one incident."""

    key: Hashable
    text: str
    """The key for people."""
    incident: Incident
    escalated: bool
    began: float
    deadline: float
    """No attempt is begun after it."""
    patience: float
    """No alert is begun after it, and nobody waits longer."""
    leader: Visit | None = None
    waiting: list[Visit] = field(factory=list)
    """Those who joined, first come first. As many as there are callers."""
    joined: int = 0
    course: Course | None = None
    records: list[AttemptRecord] = field(factory=list)
    value: object = field(default=None, repr=False)
    result: RecoveryResult | None = None


# The recoveries inside of which this code runs, outermost first. A task that is started there inherits them, and may live on:
# a restarted component does. So each can be closed, and one that is closed no longer counts.
_inside: ContextVar[tuple[Inside, ...]] = ContextVar("oneforone_recoveries", default=())


class Inside:
    """A block that runs as part of a recovery, so that whoever recovers in it is known to be inside."""

    __slots__ = ("_token", "desk", "key", "open")

    def __init__(self, desk: Desk, key: Hashable) -> None:
        self.desk: Desk = desk
        self.key: Hashable = key
        self.open: bool = False
        self._token: Token[tuple[Inside, ...]] | None = None

    def __enter__(self) -> None:
        self.open = True
        self._token = _inside.set((*_open_here(), self))

    def __exit__(self, *_: object) -> None:
        self.open = False
        if self._token is not None:
            _inside.reset(self._token)


def _open_here() -> tuple[Inside, ...]:
    return tuple(one for one in _inside.get() if one.open)


_COUNTED = {Loop: "loops", Again: "refused", Join: "joined"}


class Desk:
    """Where incidents are reported. Safe to use from any thread.

    Args:
        book: which incidents there are; used under the desk's lock only.
        within: seconds that one recovery may take, and its alerts once more.
        clock: what time it is.
    """

    def __init__(self, book: IncidentBook, within: float, clock: Clock) -> None:
        self.book = book
        self.lock: Lock = new_lock()
        self.counts: Counter[str] = Counter()
        """What happened how often; used under the lock."""
        self._within = within
        self.clock = clock
        self._runs: dict[Hashable, Run] = {}

    def visit(self, incident: Incident, key: Hashable, waiter: Waiter | None) -> Visit:
        """Report an incident: `with desk.visit(...) as visit`.

        Args:
            incident: what to recover from.
            key: what makes it the same incident.
            waiter: how to wait for somebody who is at it; None to be told instead.
        """
        return Visit(self, incident, key, waiter)

    def running(self) -> int:
        """How many recoveries there are at this moment."""
        with self.lock:
            return len(self._runs)

    def finish(self, run: Run, result: RecoveryResult, *, ignored: bool) -> None:
        """It is over: wake those who wait."""
        with self.lock:
            run.result = result
            self.book.end(run.key, ignored=ignored)
            self._runs.pop(run.key, None)
            waiting, run.waiting = run.waiting, []
        for visit in waiting:
            visit.wake()

    def arrive(self, visit: Visit) -> Run:
        """Find the run of a visit, or begin it."""
        now = self.clock.now()
        links = _open_here()
        chain = visit.chain = tuple(link.key for link in links if link.desk is self)
        text = str(redact(visit.key))
        with self.lock:
            arrival = self.book.arrive(visit.key, now, chain, len(links))
            self.counts[_COUNTED.get(type(arrival), "")] += 1
            if isinstance(arrival, Loop):
                raise RecoveryLoop(text, [str(redact(key)) for key in arrival.chain]) from visit.incident.error
            if isinstance(arrival, Again):
                often = f"it came more than {self.book.limit} times within {self.book.window:g} s"
                quiet = f"it is not recovered from until it has not come for {self.book.quiet:g} s"
                raise RecoveryFailed(text, 0, f"{often}; {quiet}") from visit.incident.error
            if isinstance(arrival, Join):
                run = self._runs[visit.key]
                if visit.waiter is None:
                    self.book.depart(visit.key, chain)
                    self.counts.update(told=1, joined=-1)
                    raise RecoveryRunning(text, now - run.began) from visit.incident.error
                run.waiting.append(visit)
                run.joined += 1
                return run
            run = Run(
                visit.key,
                text,
                evolve(visit.incident, times=arrival.times),
                isinstance(arrival, Escalate),
                now,
                now + self._within,
                now + 2 * self._within,
                leader=visit,
            )
            self._runs[visit.key] = run
            return run

    def leave(self, visit: Visit, run: Run) -> None:
        """A visit is over."""
        heir = None
        with self.lock:
            self.book.depart(run.key, visit.chain)
            if visit in run.waiting:
                run.waiting.remove(visit)
            if run.result is not None and run.leader is visit:
                run.leader = None  # otherwise the two would hold each other, and the error with all its frames
            if run.result is None and run.leader is visit:
                if run.waiting:
                    heir = run.leader = run.waiting.pop(0)
                else:
                    self.counts["abandoned"] += 1
                    run.leader = None
                    del self._runs[run.key]
                    self.book.abandon(run.key, alerted=not run.escalated)
        if heir is not None:
            heir.wake()


class Visit:
    """One report of an incident."""

    __slots__ = ("_desk", "chain", "incident", "key", "run", "waiter")

    run: Run

    def __init__(self, desk: Desk, incident: Incident, key: Hashable, waiter: Waiter | None) -> None:
        self._desk = desk
        self.incident: Incident = incident
        self.key: Hashable = key
        self.waiter: Waiter | None = waiter
        self.chain: tuple[Hashable, ...] = ()

    def __enter__(self) -> Visit:
        self.run = self._desk.arrive(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._desk.leave(self, self.run)

    @property
    def leads(self) -> bool:
        """Whether it is this one that recovers."""
        return self.run.leader is self

    def wake(self) -> None:
        """Wake whoever waits here."""
        if self.waiter is not None:
            self.waiter.wake()
