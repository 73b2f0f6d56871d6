"""RecoveryManager: one worker per incident, however often it is reported.

It remembers nothing: a stream reports a book that is out of step at every beat, so whichever dies, this manager, a worker or
their supervisor, the incident is treated. It is over when its worker ended normally. One that a worker gave up is closed too,
loudly; who still suffers reports again, and after a pause it is a new incident.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from attrs import define, field

from actors.market import InstrumentId
from actors.ports import Exchange
from actors.protocol import RECOVERIES, BookIncident, Recovered, RecoveryMessage, StreamMessage
from actors.recovery_worker import STREAM_GONE, OpenRest, RecoveryWorker
from supervisor import (
    Actor,
    ActorSpec,
    Backoff,
    ChildNotFound,
    Down,
    ExitReason,
    Gone,
    Normal,
    Ref,
    Restart,
    Supervisor,
    SupervisorError,
    Up,
)

__all__ = ["RecoveryManager"]


@define(eq=False)
class _Incident:
    """One incident that is being treated."""

    instrument: InstrumentId
    since: float
    worker: Ref[Any] | None = None
    reports: int = 1
    ended_with: ExitReason | None = None


@define(eq=False)
class RecoveryManager(Actor[RecoveryMessage]):
    """Starts workers under the dynamic supervisor before it.

    Args:
        exchange: the adapter.
        open_rest: makes REST clients.
        workers: the id of the dynamic supervisor.
        pause: seconds before an incident that was given up is treated again.
    """

    exchange: Exchange
    open_rest: OpenRest
    workers: str = "workers"
    pause: float = 5.0
    _open: dict[InstrumentId, _Incident] = field(init=False, factory=dict)
    _paused: dict[InstrumentId, float] = field(init=False, factory=dict)

    async def on_start(self) -> None:
        """Stop the workers of an earlier life: who still suffers reports again. Cancellation: may have happened."""
        for child in self._supervisor.which_children():
            with suppress(ChildNotFound):  # it has ended meanwhile
                await self._supervisor.terminate_child(child.ref)

    async def receive(self, message: RecoveryMessage) -> None:
        """Take reports in; see how workers end. Cancellation: may have happened."""
        match message:
            case BookIncident(instrument, stream):
                await self._treat(instrument, stream)
            case Down(ref, _, reason):
                incident = self._incident_of(ref)
                if incident is not None:
                    incident.ended_with = reason
            case Gone(ref):
                await self._close(ref)
            case Up():
                pass

    async def _treat(self, instrument: InstrumentId, stream: Ref[StreamMessage]) -> None:
        """Start a worker, unless one is at it. Cancellation: may have happened."""
        now = self.context.runtime.now()
        known = self._open.get(instrument)
        if known is not None:
            known.reports += 1
            return
        if self._paused.get(instrument, now) > now:
            return
        self._paused.pop(instrument, None)
        incident = self._open[instrument] = _Incident(instrument, now)
        spec = ActorSpec(
            f"book {instrument.native}",
            partial(RecoveryWorker, self.exchange, self.open_rest, instrument, stream),
            restart=Restart.TRANSIENT,
            backoff=Backoff(initial=0.5, maximum=10.0),
        )
        try:
            incident.worker = await self._supervisor.start_child(spec)
        except SupervisorError as error:
            del self._open[instrument]
            self.context.log.warning("no worker", instrument=str(instrument), error=str(error))
            return
        self.watch(incident.worker)

    async def _close(self, ref: Ref[Any]) -> None:
        """A worker's place is closed: the incident is over, or was given up. Cancellation: may have happened."""
        incident = self._incident_of(ref)
        if incident is None:
            return
        del self._open[incident.instrument]
        now = self.context.runtime.now()
        ok = isinstance(incident.ended_with, Normal)
        seconds, reason = now - incident.since, "" if ok else str(incident.ended_with)
        self.publish(RECOVERIES, Recovered(incident.instrument, seconds, incident.reports, ok, reason))
        if not ok and incident.ended_with != STREAM_GONE:
            self._paused[incident.instrument] = now + self.pause
            self.context.log.error("incident given up", instrument=str(incident.instrument), reason=reason)
            with suppress(ChildNotFound):
                await self._supervisor.terminate_child(ref)  # where it is parked: it would hold a place for ever

    def _incident_of(self, ref: Ref[Any]) -> _Incident | None:
        return next((incident for incident in self._open.values() if incident.worker == ref), None)

    @property
    def _supervisor(self) -> Supervisor:
        return self.context.supervisor.supervisor(self.workers)
