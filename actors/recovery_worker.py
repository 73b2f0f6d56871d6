"""RecoveryWorker: cures one incident, then ends.

An outage is no crash: what the network or the exchange refuses is tried again here, in the order of the treatment's means, a
bounded number of times and for a bounded time. A worker that crashes of a bug is started again, and goes on where it was: the
attempts that were made count, the time that was spent is spent, and pages that were handed over are not fetched again.

While the ConnectionManager gives no leave (a ban, a used-up limit, an open breaker), no attempt is made and none is burnt: the
clock of the attempt stands still, and the manager is told that it takes longer.
"""

from __future__ import annotations

import math
import random

import anyio
from attrs import define, field, frozen

from actors.errors import ActorsError, classify
from actors.incidents import IncidentKind, RecoveryStrategy
from actors.incidents.strategies import Bounds, strategy_of
from actors.ports import Exchange
from actors.protocol import RECOVERY, Attempted, StreamMessage, Tick, TradesMissing
from actors.resilience import AttemptOutcome
from actors.resilience.recovering.plan import Course, Skip, Try
from actors.rest_gate import OpenRest as OpenRest
from actors.treatments import TREATMENTS, Case, GivenUp, Means, NobodyThere, Treatment
from supervisor import Actor, ActorCrashed, AskTimeout, ExitReason, MailboxFull, Message, NoSuchActor, Ref, Shutdown, Stop

__all__ = ["Assignment", "RecoveryWorker", "WorkerEnd"]

BEAT = 5.0
"""Seconds between two words to the manager while it waits for leave."""

_TRIED_AGAIN = (ActorsError, AskTimeout, ActorCrashed, MailboxFull, NoSuchActor)


@frozen
class WorkerEnd:
    """Why a worker ended that did not cure its incident: the `info` of its `Shutdown`."""

    reason: str
    person: bool = False
    """Only a person can help."""
    vain: bool = False
    """There is nobody left to work for."""

    def __str__(self) -> str:
        return self.reason


@frozen(kw_only=True)
class Assignment:
    """What a worker has to do."""

    id: str
    kind: IncidentKind
    subject: str
    reason: str
    bounds: Bounds
    strength: int = 0
    """How many of the milder means are left out: they were of no use before."""
    stream: Ref[StreamMessage] | None = None
    missing: TradesMissing | None = None


class _Progress(Message, frozen=True):
    """What the next life of a worker goes on from."""

    incident: str
    attempts: int
    spent: float
    """Seconds."""
    cursor: int | None
    forced: bool = False


@define(eq=False)
class RecoveryWorker(Actor[Tick | TradesMissing]):
    """Goes through the means of the treatment for its incident. Ends `Normal` when it is cured, else with a `WorkerEnd`.

    Args:
        exchange: the adapter.
        open_rest: makes the REST client.
        task: what to do.
    """

    exchange: Exchange
    open_rest: OpenRest
    task: Assignment
    _case: Case | None = field(init=False, default=None)
    _attempts: int = field(init=False, default=0)
    _began: float = field(init=False, default=0.0)
    """When it would have begun, had all of its time been spent at once."""
    _trouble: str = field(init=False, default="there was no time for any")
    _treatment: Treatment | None = field(init=False, default=None)
    """None: not begun, or over."""

    async def on_start(self) -> None:
        """Go on where an earlier life was. Cancellation: atomic."""
        self._began = self.context.runtime.now()
        kept = self.recall(_Progress)
        if kept is not None and kept.incident == self.task.id:
            self._attempts, self._began = kept.attempts, self._began - kept.spent
        self.every(BEAT, Tick())
        self.spawn(self._work, kept)

    async def on_stop(self, reason: ExitReason) -> None:
        """Tidy up what was cut off; after a crash the next life goes on instead. Cancellation: atomic."""
        if self._treatment is not None and isinstance(reason, Shutdown):
            self.forget()
            self._treatment.leave(cured=False)

    def receive(self, message: Tick | TradesMissing) -> None:
        """Say how far it is; take in what is reported of the same hole since."""
        case = self._case
        match message:
            case Tick():
                if case is not None and case.waited() > case.held:
                    self._tell()
            case TradesMissing():
                if case is not None:
                    case.missing = message

    async def _work(self, kept: _Progress | None) -> None:
        """Treat it. Ends the life. Cancellation: may have happened."""
        task = self.task
        async with self.open_rest() as rest:
            case = self._case = Case(
                actor=self,
                exchange=self.exchange,
                rest=rest,
                bounds=task.bounds,
                kind=task.kind,
                subject=task.subject,
                reason=task.reason,
                strength=task.strength,
                stream=task.stream,
                missing=task.missing,
                cursor=None if kept is None or kept.incident != task.id else kept.cursor,
                forced=kept is not None and kept.forced,
                keep=self._keep,
            )
            treatment = self._treatment = TREATMENTS[task.kind](case)
            if case.forced:
                treatment.leave(cured=False)  # what a life that crashed has left in force
                self._keep()
            end = await self._treat(treatment)
            self.forget()
            self._treatment = None
            treatment.leave(cured=end is None)
        raise Stop if end is None else Stop(Shutdown(end))

    async def _treat(self, treatment: Treatment) -> WorkerEnd | None:
        """Try until it is cured: None. Cancellation: may have happened."""
        try:
            found = treatment.means()
            by_name = {one.action.name: one for one in found}
            most = max(self.task.bounds.attempts - self._attempts, 1)
            course = Course(tuple(one.action for one in found), most=most, longest_wait=math.inf)
            while (step := course.next(random.random(), self._left(), 0.0)) is not None:
                if isinstance(step, Skip):
                    continue  # no time or no attempt is left for it
                await anyio.sleep(step.wait)
                outcome = await self._attempt(treatment.case, by_name[step.action.name], step)
                course.report(outcome)
                if course.by is not None:
                    return None
        except NobodyThere as nobody:
            return WorkerEnd(str(nobody), vain=True)
        except GivenUp as given_up:
            return WorkerEnd(str(given_up))
        except _ForAPerson as grave:
            return WorkerEnd(str(grave), person=True)
        return WorkerEnd(f"gave up after {self._attempts} attempts: {self._trouble}")

    async def _attempt(self, case: Case, means: Means, step: Try) -> AttemptOutcome:
        """One attempt, within its time. Cancellation: may have happened."""
        self._attempts += 1
        self._keep()
        self._tell()
        with anyio.CancelScope(deadline=anyio.current_time() + step.within) as case.scope:
            try:
                if await means.run():
                    return AttemptOutcome.SUCCEEDED
                self._trouble = f"{means.action.name}: of no use"
            except _TRIED_AGAIN as error:
                self._trouble = f"{means.action.name}: {error}"
                if isinstance(error, ActorsError) and self._is_for_a_person(error):
                    raise _ForAPerson(str(error)) from error
        timed_out = case.scope.cancelled_caught
        if timed_out:
            self._trouble = f"{means.action.name}: it did not end within {step.within:g} s"
        self.context.log.info("attempt failed", incident=self.task.id, attempt=self._attempts, error=self._trouble)
        return AttemptOutcome.TIMED_OUT if timed_out else AttemptOutcome.FAILED

    def _is_for_a_person(self, error: ActorsError) -> bool:
        return strategy_of(self.task.kind, classify(error)) is RecoveryStrategy.MANUAL

    def _spent(self) -> float:
        """Seconds, without what was waited for leave."""
        waited = 0.0 if self._case is None else self._case.waited()
        return self.context.runtime.now() - self._began - waited

    def _left(self) -> float:
        return self.task.bounds.within - self._spent()

    def _keep(self) -> None:
        case = self._case
        cursor, forced = (None, False) if case is None else (case.cursor, case.forced)
        self.remember(_Progress(self.task.id, self._attempts, self._spent(), cursor, forced))

    def _tell(self) -> None:
        """Say by when it will have ended, at the latest."""
        try:
            manager = self.lookup(RECOVERY)
        except NoSuchActor:
            return
        manager.tell(Attempted(self.task.id, self._attempts, self.context.runtime.now() + max(self._left(), 0.0)))


class _ForAPerson(Exception):
    """What was answered will be answered each time, until a person has changed something."""
