"""Which incidents there are, who waits for a worker, and which come back. No clock, no task, no randomness.

                    report
      (nothing) ─────────────▶ WAITING ──── due ────▶ RUNNING ──┐
                    │          for its pause to end,  a worker  │ end, lapse
                    │          or for a free worker   is at it  ├──────────▶ closed: a record in the history
                    └────────▶ MANUAL: nobody is at it ─────────┘

Rules
    1. At most one incident is open per kind and subject; a further report of it is counted.
    2. No report is lost: what comes within the pause after its predecessor waits for the end of that pause, what comes while
       all workers are busy waits in order; of what may take minutes only some run, so that books and trades find a worker.
       Only past `most_waiting` is one refused, and counted.
    3. Every incident ends: one that runs has a deadline, a manual one ends when it is no longer reported, or after a day;
       what waits runs when those before it have ended.
    4. What comes back soon after it ended is the same trouble again: each time its pause grows, and the means get stronger.
       After a failure it always waits; after a cure from the second time on, a book no longer than a moment the first few
       times, and missing trades never, for who waits for them would give up waiting.
    5. What was given up is *alarmed*, until it is cured or has not been reported for a while.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from attrs import define, field
from msgspec import structs

from actors.incidents.kinds import (
    LONG,
    BookLimits,
    Incident,
    IncidentKey,
    IncidentKind,
    IncidentRecord,
    PastIncident,
    RecoveryStrategy,
    RememberedIncidents,
)
from actors.incidents.strategies import MOST_RETURNS, SOON, SWIFT

__all__ = ["IncidentBook"]


@define(eq=False)
class IncidentBook:
    """All incidents of one exchange."""

    limits: BookLimits = field(factory=BookLimits)
    refused: int = field(default=0, init=False)
    """Reports for which there was no room."""
    _open: dict[IncidentKey, Incident] = field(factory=dict, init=False)
    _waiting: dict[IncidentKey, Incident] = field(factory=dict, init=False)
    """In order."""
    _running: dict[IncidentKey, Incident] = field(factory=dict, init=False)
    _past: dict[IncidentKey, PastIncident] = field(factory=dict, init=False)
    """The one that ended last stands last."""
    _closed: deque[IncidentRecord] = field(init=False)
    _calm: list[IncidentKey] = field(factory=list, init=False)
    _numbered: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._closed = deque(maxlen=self.limits.history)

    # ---- what is told

    def report(
        self,
        key: IncidentKey,
        strategy: RecoveryStrategy,
        reason: str,
        now: float,
        *,
        within: float,
        wait: float = 0.0,
        told: object = None,
    ) -> Incident | None:
        """An incident is reported. Returns it if that opened it; None: it is open already, or refused.

        Args:
            key: its kind and subject.
            strategy: how it is to be treated.
            reason: in plain words.
            now: the time.
            within: seconds that its worker may take.
            wait: seconds before it is begun.
            told: what the worker needs to know.
        """
        known = self._open.get(key)
        if known is not None:
            known.reports += 1
            known.last_report = now
            if known.begun is None and told is not None:
                known.told = told  # the newest is the truest
            return None
        if len(self._waiting) >= self.limits.most_waiting:
            self.refused += 1
            return None
        returns, paused_until = self._return_of(key, now)
        if returns >= MOST_RETURNS.get(key[0], returns + 1):
            strategy = RecoveryStrategy.MANUAL
        return self._new(key, strategy, reason, now, within, max(now + wait, paused_until), told, returns)

    def trigger(self, key: IncidentKey, now: float, *, within: float, told: object = None) -> Incident:
        """An operator wants it treated now, before all others, whatever pause or strategy would say. One that runs goes on."""
        known = self._open.get(key)
        if known is None:
            returns, at_once = self._return_of(key, now)[0], RecoveryStrategy.IMMEDIATE
            known = self._new(key, at_once, "an operator's word", now, within, now, told, returns)
        elif known.begun is None:
            known.strategy, known.not_before = RecoveryStrategy.IMMEDIATE, now
        else:
            return known
        self._waiting = {key: known, **{other: one for other, one in self._waiting.items() if other != key}}
        return known

    def due(self, now: float) -> list[Incident]:
        """Those for which a worker is to be started now, in order. They run from now on."""
        started: list[Incident] = []
        for key, incident in list(self._waiting.items()):
            if len(self._running) >= self.limits.most_running:
                break
            if incident.not_before <= now and self._has_place(key):
                del self._waiting[key]
                self._begin(incident, now)
                started.append(incident)
        return started

    def adopt(self, record: IncidentRecord, now: float, *, within: float) -> Incident:
        """One of an earlier life whose worker is still at it."""
        incident = Incident(record.id, record.kind, record.subject, record.strategy, record.since, now, within, record.reason)
        incident.reports, incident.attempts, incident.last_report = record.reports, record.attempts, now
        incident.escalated = record.escalated
        self._open[incident.key] = incident
        self._begin(incident, now)
        return incident

    def attempted(self, id: str, attempts: int, deadline: float) -> None:  # noqa: A002  # the word of the record
        """Its worker made attempts, and says by when it will end: later than it was, where it had to wait for leave."""
        for incident in self._running.values():
            if incident.id == id and incident.begun is not None:
                incident.attempts = max(incident.attempts, attempts)
                incident.deadline = min(deadline, incident.begun + incident.within + self.limits.longest_hold)

    def end(self, incident: Incident, now: float, *, ok: bool, reason: str = "", person: bool = False) -> IncidentRecord:
        """It was cured, or given up.

        Args:
            incident: one that is open.
            now: the time.
            ok: it was cured.
            reason: why it was given up.
            person: only a person can help: the pause is a long one.
        """
        limits, kind = self.limits, incident.kind
        incident.escalated = incident.escalated or not ok
        if ok:
            eager = kind is IncidentKind.TRADES or incident.returns == 0
            pause = 0.0 if eager else limits.after_cure.delay(max(incident.returns - SOON.get(kind, 1) + 1, 1), 0.5)
        else:
            pause = limits.for_a_person if person else limits.after_failure.delay(incident.returns + 1, 0.5)
        before = self._past.pop(incident.key, None)
        # A manual one was not tried: when it comes again, it is, so that nothing stays down for ever for its past.
        returns = 0 if incident.strategy is RecoveryStrategy.MANUAL else incident.returns + 1
        if ok and (incident.escalated or (before is not None and before.alarmed)):
            self._calm.append(incident.key)
        self._past[incident.key] = PastIncident(kind, incident.subject, now, now + pause, returns, not ok)
        self._forget()
        return self._close(incident, now, ok=ok, reason=None if ok else reason)

    def lapse(self, incident: Incident, now: float, reason: str) -> IncidentRecord:
        """It is closed without a verdict: its subject is gone, or nobody could work for it. Its next report opens it anew."""
        if incident.escalated:
            self._calm.append(incident.key)
        return self._close(incident, now, ok=False, reason=reason)

    def interrupted(self, record: IncidentRecord, now: float) -> None:
        """One of an earlier life at which nobody is any more."""
        if record.escalated:
            self._calm.append((record.kind, record.subject))
        why = f"the recovery was interrupted: {record.reason}"[:LONG]
        self._closed.appendleft(structs.replace(record, ended=now, ok=False, reason=why))

    # ---- what is due

    def overdue(self, now: float) -> list[Incident]:
        """Those that run past their deadline, and manual ones that nobody reports any more: to be ended."""
        return [one for one in (*self._running.values(), *self._manual()) if self._ends_at(one) <= now]

    def calm(self, now: float) -> list[IncidentKey]:
        """Those whose alarm is over, each once: cured, or not reported for a while."""
        for key, past in self._past.items():
            if past.alarmed and key not in self._open and self._forgotten_at(past) <= now:
                past.alarmed = False
                self._calm.append(key)
        calm, self._calm = dict.fromkeys(self._calm), []
        return [key for key in calm if not (key in self._open and self._open[key].escalated)]

    def next_at(self) -> float | None:
        """When to look again at the latest; None: only when something is told."""
        times = [self._ends_at(one) for one in (*self._running.values(), *self._manual())]
        times += [self._forgotten_at(past) for key, past in self._past.items() if past.alarmed and key not in self._open]
        if len(self._running) < self.limits.most_running:
            times += [one.not_before for key, one in self._waiting.items() if self._has_place(key)]
        return min(times, default=None)

    # ---- looking

    def get(self, key: IncidentKey) -> Incident | None:
        """The open incident of this kind and subject."""
        return self._open.get(key)

    def running(self) -> list[Incident]:
        """Those that workers are at."""
        return list(self._running.values())

    def waiting(self) -> list[Incident]:
        """Those that wait, in order."""
        return list(self._waiting.values())

    def records(self) -> tuple[IncidentRecord, ...]:
        """The open ones and the last closed ones, newest first."""
        return (*(one.record() for one in reversed(self._open.values())), *self._closed)

    def remembered(self, clock: Callable[[float], float]) -> RememberedIncidents:
        """All that the next life should know, its instants as `clock` gives them."""
        recent = set(list(self._past)[-self.limits.history :])  # and who would end an alarm that is forgotten?
        past = tuple(one.on(clock) for key, one in self._past.items() if one.alarmed or key in recent)
        shown = tuple(one.record().on(clock) for one in self._open.values())
        return RememberedIncidents(self._numbered, shown, tuple(one.on(clock) for one in self._closed), past)

    def recall(self, kept: RememberedIncidents, clock: Callable[[float], float]) -> tuple[IncidentRecord, ...]:
        """Go on from what an earlier life knew. Returns what was open then: to be adopted, reported anew, or closed."""
        self._numbered = kept.numbered
        self._closed.extend(one.on(clock) for one in kept.closed[: self.limits.history])
        self._past.update({(one.kind, one.subject): one.on(clock) for one in kept.past})
        return tuple(one.on(clock) for one in kept.open)

    # ---- the rest

    def _has_place(self, key: IncidentKey) -> bool:
        """Whether one of its kind may run, should there be room."""
        return key[0] in SWIFT or sum(kind not in SWIFT for kind, _ in self._running) < self.limits.most_patient

    def _new(
        self,
        key: IncidentKey,
        strategy: RecoveryStrategy,
        reason: str,
        now: float,
        within: float,
        not_before: float,
        told: object,
        returns: int,
    ) -> Incident:
        self._numbered += 1
        name = f"{key[0].value}-{self._numbered}"
        incident = Incident(name, *key, strategy, now, not_before, within, reason[:LONG], told, returns, last_report=now)
        self._open[key] = incident
        if strategy is RecoveryStrategy.MANUAL:
            incident.escalated = True
        else:
            self._waiting[key] = incident
        return incident

    def _begin(self, incident: Incident, now: float) -> None:
        incident.begun, incident.deadline = now, now + incident.within
        self._running[incident.key] = incident

    def _close(self, incident: Incident, now: float, *, ok: bool, reason: str | None) -> IncidentRecord:
        for where in (self._open, self._waiting, self._running):
            where.pop(incident.key, None)
        record = incident.record(now, ok=ok, reason=reason)
        self._closed.appendleft(record)
        return record

    def _return_of(self, key: IncidentKey, now: float) -> tuple[int, float]:
        """How often it has come back, and until when it rests."""
        past = self._past.get(key)
        if past is None or now >= self._forgotten_at(past):
            return 0, now
        return past.returns, past.paused_until

    def _forgotten_at(self, past: PastIncident) -> float:
        return past.paused_until + self.limits.returns_within

    def _manual(self) -> list[Incident]:
        return [one for key, one in self._open.items() if key not in self._waiting and key not in self._running]

    def _ends_at(self, incident: Incident) -> float:
        if incident.deadline is not None:
            return incident.deadline + self.limits.grace
        return min(incident.last_report + self.limits.for_a_person, incident.since + self.limits.manual_within)

    def _forget(self) -> None:
        while len(self._past) > self.limits.known:
            key = next(iter(self._past))
            if self._past.pop(key).alarmed:
                self._calm.append(key)  # nobody would end its alarm any more
