"""RecoveryManager: one worker per incident, however often it is reported.

What is an incident, which of them wait and which come back, decides the `IncidentBook`; here its decisions are carried out. Who
suffers says so again and again, and what is known is remembered: whichever dies, this manager, a worker or their supervisor,
the incident is treated, and what was learnt of it counts.

An incident is over when its worker ended `Normal`. One that a worker gave up, or that only a person can mend, is alarmed, until
it is cured or no longer reported. Who still suffers reports again, and after a pause, which grows, it is tried again.
"""

from __future__ import annotations

import math
from contextlib import suppress
from functools import partial
from typing import Any

from attrs import define, field

from actors.alert_rules import AlertKind
from actors.errors import Severity
from actors.incidents import (
    BookLimits,
    Incident,
    IncidentKey,
    IncidentKind,
    IncidentRecord,
    RecoveryStrategy,
    RememberedIncidents,
)
from actors.incidents.book import IncidentBook
from actors.incidents.strategies import BOUNDS, delay_of, judged_by_name, strategy_of, strength_of
from actors.ports import Exchange
from actors.protocol import (
    HEALTH,
    RECOVERIES,
    Attempted,
    BookIncident,
    Incidents,
    RaiseAlert,
    Recovered,
    RecoveryMessage,
    Tick,
    TradesMissing,
    TriggerRecovery,
    Trouble,
)
from actors.recovery_worker import Assignment, RecoveryWorker, WorkerEnd
from actors.rest_gate import OpenRest
from actors.treatments import instrument_of
from supervisor import (
    Actor,
    ActorSpec,
    Backoff,
    ChildNotFound,
    Down,
    ExitReason,
    Gone,
    Normal,
    NoSuchActor,
    Ref,
    Restart,
    Shutdown,
    Supervisor,
    SupervisorError,
    Up,
)

__all__ = ["RecoveryManager"]

LEAST_PAUSE = 0.05
"""Seconds between two looks at what is due."""
KEEP_EVERY = 0.25
"""Seconds between two times that all is remembered. What a crash takes with it is reported again, or its worker is found."""
FOLLOWED = frozenset({IncidentKind.BOOK, IncidentKind.TRADES})
"""Said again at every beat of a stream, with what has to be known: of these nothing need be begun from memory."""


@define(eq=False)
class _Worker:
    """A worker, and how its last life ended."""

    incident: Incident
    ref: Ref[Any]
    ended_with: ExitReason | None = None


@define(eq=False)
class RecoveryManager(Actor[RecoveryMessage]):
    """Starts workers under the dynamic supervisor before it.

    Args:
        exchange: the adapter.
        open_rest: makes REST clients.
        workers: the id of the dynamic supervisor.
        limits: how many workers and incidents, and how patient.
    """

    exchange: Exchange
    open_rest: OpenRest
    workers: str = "workers"
    limits: BookLimits = field(factory=BookLimits)
    _book: IncidentBook = field(init=False)
    _workers: dict[IncidentKey, _Worker] = field(init=False, factory=dict)
    _kept: float = field(init=False, default=-math.inf)
    """When all was remembered last."""

    async def on_start(self) -> None:
        """Recall what is known; adopt the workers of an earlier life, or begin anew. Cancellation: may have happened."""
        self._book, now = IncidentBook(self.limits), self.context.runtime.now()
        kept = self.recall(RememberedIncidents)
        orphans = {child.ref.path.rpartition("/")[2]: child.ref for child in self._supervisor.which_children()}
        for record in () if kept is None else self._book.recall(kept, self.context.loop_clock):
            orphan = orphans.pop(_worker_name((record.kind, record.subject)), None)
            if orphan is not None:
                incident = self._book.adopt(record, now, within=BOUNDS[record.kind].within)
                self._watch(incident, orphan)
                continue
            self._book.interrupted(record, now)
            again = record.kind not in FOLLOWED and self.context.incarnation > 1
            if again or (record.kind is IncidentKind.LINK and record.strategy is not RecoveryStrategy.MANUAL):
                # Of an earlier process nobody knows whether it still holds; who suffers says so. But a link's worker may have
                # put in force what outlived it: the next one lifts that.
                self._open((record.kind, record.subject), record.strategy, record.reason, 0.0, None)
        for orphan in orphans.values():
            with suppress(ChildNotFound):  # it has ended meanwhile
                await self._supervisor.terminate_child(orphan)
        await self._go_on()

    async def on_stop(self, reason: ExitReason) -> None:
        """Remember what was not yet. Cancellation: atomic."""
        self._remember(self.context.runtime.now())

    async def receive(self, message: RecoveryMessage) -> str | tuple[IncidentRecord, ...] | None:
        """Take reports in; see how workers end. Cancellation: may have happened."""
        match message:
            case BookIncident(instrument):
                await self._report((IncidentKind.BOOK, str(instrument)), "the book is out of step", message)
            case TradesMissing(subscription, after, before):
                key = IncidentKind.TRADES, str(subscription)
                await self._report(key, f"missing between {after} and {before}", message)
            case Trouble(kind, subject, reason):
                await self._report((kind, subject), reason, message)
            case TriggerRecovery(kind, subject):
                incident = self._book.trigger((kind, subject), self.context.runtime.now(), within=BOUNDS[kind].within)
                await self._go_on()
                return incident.id
            case Incidents():
                return self._book.records()
            case Attempted(incident, attempts, deadline):
                self._book.attempted(incident, attempts, deadline)
            case Down(ref, _, reason):
                worker = self._worker_of(ref)
                if worker is not None:
                    worker.ended_with = reason
            case Gone(ref):
                await self._ended(ref)
                await self._go_on()
            case Tick():
                await self._look()
                await self._go_on()
            case Up():
                pass
        return None

    # ---- what is reported

    async def _report(self, key: IncidentKey, reason: str, told: BookIncident | TradesMissing | Trouble) -> None:
        """Open an incident, or count. Cancellation: may have happened."""
        worker = self._workers.get(key)
        if worker is not None and isinstance(told, TradesMissing):
            worker.ref.tell(told)  # the hole may have grown
        trouble = told if isinstance(told, Trouble) else None
        judged = judged_by_name("" if trouble is None else trouble.error)
        strategy, now = strategy_of(key[0], judged), self.context.runtime.now()
        wait = delay_of(key[0], strategy, judged, None if trouble is None else trouble.until, now)
        if self._open(key, strategy, reason, wait, told):
            await self._go_on()  # what is only counted costs no more than that: streams report at every beat

    def _open(self, key: IncidentKey, strategy: RecoveryStrategy, reason: str, wait: float, told: object) -> bool:
        now = self.context.runtime.now()
        incident = self._book.report(key, strategy, reason, now, within=BOUNDS[key[0]].within, wait=wait, told=told)
        if incident is not None and incident.escalated:
            self.context.log.error("for a person", incident=incident.id, subject=key[1], reason=reason)
            self._alarm(key, f"{key[0].value} {key[1]}: only a person can help: {reason}", on=True)
        elif incident is not None:
            self.context.log.info("incident", incident=incident.id, subject=key[1], reason=reason)
        return incident is not None

    # ---- workers

    async def _go_on(self) -> None:
        """Start the workers that are due, remember, and set the time of the next look. Cancellation: may have happened."""
        now = self.context.runtime.now()
        for incident in self._book.due(now):
            # Not waited for: on a busy loop a start takes a tenth of a second, and hundreds may be reported meanwhile.
            self.spawn(self._start, incident)
        for kind, subject in self._book.calm(now):
            self._alarm((kind, subject), f"{kind.value} {subject}: over", on=False)
        self._keep(now)
        following = self._book.next_at()
        if following is not None:
            self.after(max(following - now, LEAST_PAUSE), Tick(), key="look")

    def _keep(self, now: float) -> None:
        """Remember, but not for each of hundreds in a storm: it costs as much as there are incidents."""
        wait = self._kept + KEEP_EVERY - now
        if wait > 0.0:
            self.after(wait, Tick(), key="keep")
            return
        self._remember(now)

    def _remember(self, now: float) -> None:
        self._kept = now
        self.remember(self._book.remembered(self.context.wall_clock))

    async def _start(self, incident: Incident) -> None:
        """Start its worker. Cancellation: may have happened."""
        told, kind = incident.told, incident.kind
        stream = told.stream if isinstance(told, BookIncident | TradesMissing) else None
        task = Assignment(
            id=incident.id,
            kind=kind,
            subject=incident.subject,
            reason=incident.reason,
            bounds=BOUNDS[kind],
            strength=strength_of(incident.returns),
            stream=stream,
            missing=told if isinstance(told, TradesMissing) else None,
        )
        spec = ActorSpec(
            _worker_name(incident.key),
            partial(RecoveryWorker, self.exchange, self.open_rest, task),
            restart=Restart.TRANSIENT,
            backoff=Backoff(initial=0.5, maximum=10.0),
        )
        try:
            ref = await self._supervisor.start_child(spec)
        except SupervisorError as error:
            self._close(incident, WorkerEnd(f"no worker: {error}"))
            return
        if self._book.get(incident.key) is incident:
            self._watch(incident, ref)
            return
        with suppress(ChildNotFound):  # its time was over before it began
            await self._supervisor.terminate_child(ref)

    def _watch(self, incident: Incident, ref: Ref[Any]) -> None:
        self._workers[incident.key] = _Worker(incident, ref)
        self.watch(ref)

    async def _ended(self, ref: Ref[Any]) -> None:
        """A worker's place is closed: the incident is over, or was given up. Cancellation: may have happened."""
        worker = self._worker_of(ref)
        if worker is None:
            return
        del self._workers[worker.incident.key]
        reason = worker.ended_with
        if isinstance(reason, Normal):
            self._close(worker.incident, None)
            return
        said = reason.info if isinstance(reason, Shutdown) else None
        self._close(worker.incident, said if isinstance(said, WorkerEnd) else WorkerEnd(str(reason)))
        with suppress(ChildNotFound):
            await self._supervisor.terminate_child(ref)  # where it is parked: it would hold a place for ever

    async def _look(self) -> None:
        """End what is past its time. Cancellation: may have happened."""
        now = self.context.runtime.now()
        for incident in self._book.overdue(now):
            worker = self._workers.pop(incident.key, None)
            if worker is None:
                self._close(incident, WorkerEnd("nobody reports it any more, or it was for a person for too long", person=True))
                continue
            self._close(incident, WorkerEnd(f"its worker did not end within {incident.within:g} s"))
            with suppress(ChildNotFound):
                await self._supervisor.terminate_child(worker.ref)

    def _close(self, incident: Incident, end: WorkerEnd | None) -> None:
        """It is over: write it down, tell whom it concerns, and alarm what was given up."""
        now = self.context.runtime.now()
        if end is None:
            record = self._book.end(incident, now, ok=True)
        elif end.vain:
            record = self._book.lapse(incident, now, end.reason)
        else:
            record = self._book.end(incident, now, ok=False, reason=end.reason, person=end.person)
            self.context.log.error("incident given up", incident=record.id, subject=record.subject, reason=end.reason)
            self._alarm(incident.key, f"{record.kind.value} {record.subject}: {end.reason}", on=True)
        told = Recovered(
            instrument_of(self.exchange, record.kind, record.subject),
            now - record.since,
            record.reports,
            ok=end is None,
            reason="" if end is None else end.reason,
            kind=record.kind,
            subject=record.subject,
            attempts=record.attempts,
            venue=self.exchange.venue,
            escalated=record.escalated,
        )
        self.publish(RECOVERIES, told)

    def _alarm(self, key: IncidentKey, text: str, *, on: bool) -> None:
        name = f"recovery {key[0].value} {key[1]}"
        with suppress(NoSuchActor):  # nobody watches over health here
            self.lookup(HEALTH).tell(RaiseAlert(AlertKind.RECOVERY, name, Severity.ERROR, text, on))

    def _worker_of(self, ref: Ref[Any]) -> _Worker | None:
        return next((worker for worker in self._workers.values() if worker.ref == ref), None)

    @property
    def _supervisor(self) -> Supervisor:
        return self.context.supervisor.supervisor(self.workers)


def _worker_name(key: IncidentKey) -> str:
    """The id of the worker's place: the same for each incident of that kind and subject, so that places do not pile up."""
    return f"{key[0].value} {key[1]}".replace("/", "-")
