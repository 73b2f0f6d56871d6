"""Recovery: when something failed, do what was laid down for it, once, however many callers report it.

    recovery = Recovery(
        strategies={"orders": (RecoveryAction(RecoveryKind.RESTART, reconnect, when=When(category=Category.NETWORK)),)},
        actions=(RecoveryAction(RecoveryKind.ALERT, tell_operator, when=When(severity=Severity.ERROR)),),
    )
    result = await recovery.recover(error, component="orders", operation="place")

    @recovery.guard("orders", idempotent=True)          # recovers, and then calls once more where that is safe
    async def balance() -> Decimal: ...

What is promised
    1. One recovery per incident. Who reports an incident that is being recovered from waits for it and gets the same result.
    2. Who is cancelled leaves; if he was the one who recovered, the next one who waits goes on where he was.
    3. Every attempt, every recovery and every wait ends; every history is bounded.
    4. A recovery inside itself, around a circle, or too deep is refused at once with RecoveryLoop.
    5. An incident that comes too often is not recovered from: alerts once, then RecoveryFailed until it has been quiet.
    6. After an unknown outcome nothing is done again that is not idempotent.
"""

from __future__ import annotations

import inspect
import random as random_module
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from types import CoroutineType
from typing import Any

import anyio
import structlog
from attrs import Attribute, define, field

from actors.errors import RecoveryFailed, RecoveryRunning, classify, current_context
from actors.errors.checks import count, kind_of, number, refuse, seconds
from actors.resilience.clock import Clock
from actors.resilience.doubt import in_doubt
from actors.resilience.error_text import code_of, said_by, shown
from actors.resilience.hints import asked_wait
from actors.resilience.listeners import Listener, listed, listeners, tell
from actors.resilience.policy import is_async
from actors.resilience.recovering.action import (
    COUNTED,
    AttemptOutcome,
    AttemptRecord,
    Incident,
    RecoveryAction,
    RecoveryEnded,
    RecoveryKind,
    RecoveryResult,
    RecoveryStatistics,
)
from actors.resilience.recovering.attempt import Attempt, attempt_record
from actors.resilience.recovering.desk import Desk, Inside, Run, Visit
from actors.resilience.recovering.guard import RecoveryGuard
from actors.resilience.recovering.incident_book import IncidentBook
from actors.resilience.recovering.plan import Course, Skip, Try, choose
from actors.resilience.waiting import TaskWaiter, ThreadWaiter, Waiter, in_a_loop, pause

__all__ = ["Recovery"]

_log = structlog.get_logger("actors.resilience")


# Not `tuple` itself: type checkers take its own type variable for the parameter's type, and refuse every list.
def _as_actions(actions: Iterable[RecoveryAction]) -> tuple[RecoveryAction, ...]:
    return tuple(actions)


def _check_actions(recovery: Recovery, attribute: Attribute[Any], value: Any) -> None:
    for one in value:
        if not isinstance(one, RecoveryAction):
            refuse(recovery, attribute, one, "RecoveryActions, for example actions=(RecoveryAction(RecoveryKind.RETRY),)")


def _check_strategies(recovery: Recovery, attribute: Attribute[Any], value: Any) -> None:
    for component, actions in value.items():
        if not isinstance(component, str):
            refuse(recovery, attribute, component, 'names of components as keys, for example strategies={"orders": (...)}')
        _check_actions(recovery, attribute, actions)


def _strategies(given: Any) -> Any:
    return {component: tuple(actions) for component, actions in given.items()} if isinstance(given, Mapping) else given


_mapping = kind_of(Mapping, "actions by component")


@define(eq=False, kw_only=True)
class Recovery:
    """Recovers from errors. Safe to use from several tasks, loops and threads.

    Raises:
        SpecError: an option is out of its range; says what was given, what was expected and what to type.
        TypeError: a listener is async.
    """

    name: str = "recovery"
    actions: tuple[RecoveryAction, ...] = field(default=(), converter=_as_actions, validator=_check_actions)
    """For all components, after their own."""
    strategies: Mapping[str, tuple[RecoveryAction, ...]] = field(
        factory=dict, converter=_strategies, validator=[_mapping, _check_strategies]
    )
    """{component: its own actions}"""
    limit: int = field(default=5, validator=count(5))
    """This many times within the window an incident is recovered from."""
    window: float = field(default=60.0, validator=seconds(60.0))
    """Seconds."""
    quiet: float = field(default=60.0, validator=seconds(60.0))
    """Seconds without the incident, after which one that came too often is recovered from again."""
    attempts: int = field(default=10, validator=count(10))
    """Attempts for one incident, over all actions. Alerts are run nevertheless."""
    within: float = field(default=120.0, validator=seconds(120.0))
    """Seconds for one incident, over all actions. Its alerts have as long again."""
    longest_wait: float = field(default=60.0, validator=number(lambda value: value >= 0, "seconds, 0 or more", "60.0"))
    """Seconds. An attempt that would have to wait longer, because the exchange said so, is not made."""
    depth: int = field(default=3, validator=count(3))
    """Recoveries inside each other."""
    history: int = field(default=1000, validator=count(1000))
    """Attempts that are remembered."""
    known: int = field(default=1000, validator=count(1000))
    """Incidents of which it is remembered how often they came."""
    key: Callable[[Incident], Hashable] | None = None
    """What makes two errors the same incident. By default component, category and code, and the operation where an action of
    the component has a condition on it."""
    listeners: tuple[Listener, ...] = field(default=(), converter=listed, validator=listeners("monitor.recovery_ended"))
    """Told of each recovery that has ended, a `RecoveryEnded`."""
    clock: Callable[[], float] | None = field(default=None, repr=False)
    random: Callable[[], float] = field(default=random_module.random, repr=False)
    _clock: Clock = field(init=False, repr=False)
    _desk: Desk = field(init=False, repr=False)
    _records: deque[AttemptRecord] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._clock = Clock(self.clock)
        book = IncidentBook(self.limit, self.window, self.quiet, self.depth, self.known)
        self._desk = Desk(book, self.within, self._clock)
        self._records = deque(maxlen=self.history)

    def __str__(self) -> str:
        own = sum(map(len, self.strategies.values()))
        return f"recovery {self.name} ({len(self.actions)} common actions, {own} of {len(self.strategies)} components)"

    async def recover(self, error: Exception, *, component: str | None = None, operation: str | None = None) -> RecoveryResult:
        """Do what is laid down for this error. Where another recovers from the same incident already, wait for that one.

        Args:
            error: what happened.
            component: what suffered it; by default what the error or the context in force says.
            operation: what was being done; by default as well.

        Returns:
            What became of it; `recovered` is False where no action fitted, or each failed.

        Raises:
            RecoveryFailed: the incident came too often; its alerts are run, but nothing else.
            RecoveryLoop: this is inside a recovery from the same incident, or would wait for itself.
            RecoveryRunning: another has been recovering from it for longer than it may.
            TypeError: no Exception. Cancellation and the like are no errors to recover from.

        Cancellation: may have happened; the attempt is cut off, and who waits for this recovery goes on with it.
        """
        return await self._recover(error, component, operation, TaskWaiter())

    async def recover_nowait(
        self, error: Exception, *, component: str | None = None, operation: str | None = None
    ) -> RecoveryResult:
        """As `recover`, but never wait for another.

        Raises:
            RecoveryRunning: another recovers from the same incident.
            RecoveryFailed: as in `recover`.
            RecoveryLoop: as in `recover`.

        Cancellation: as in `recover`.
        """
        return await self._recover(error, component, operation, None)

    def recover_sync(self, error: Exception, *, component: str | None = None, operation: str | None = None) -> RecoveryResult:
        """As `recover`, in this thread. Async actions are skipped, and no timeout can end an attempt that runs.

        In a thread in which an event loop runs it never waits: actions that would have to are skipped.

        Raises:
            RecoveryRunning: as in `recover`; in a thread with an event loop whenever another recovers from the incident.
            RecoveryFailed: as in `recover`.
            RecoveryLoop: as in `recover`.
        """
        waiter = None if in_a_loop() else ThreadWaiter()
        with self._visit(error, component, operation, waiter) as visit:
            while not visit.leads and visit.run.result is None and waiter is not None:
                waiter.sleep(self._patience(visit))
            return self._told(visit) if visit.run.result is not None else self._lead_sync(visit)

    def guard(
        self,
        component: str | None = None,
        operation: str | None = None,
        *,
        idempotent: bool = False,
        instead: Callable[..., Any] | None = None,
    ) -> RecoveryGuard:
        """A decorator and context manager, sync and async, that recovers from the errors of what it guards.

        Args:
            component: what it belongs to; by default what the error says.
            operation: what it does; by default what the error says, or the function's name.
            idempotent: to call it twice is the same as to call it once.
            instead: called with the call's own arguments after DEGRADE and IGNORE, for the result; None: there is none.
        """
        return RecoveryGuard(self, component, operation, idempotent, instead)

    def attempts_made(self) -> tuple[AttemptRecord, ...]:
        """The last attempts, oldest first."""
        with self._desk.lock:
            return tuple(self._records)

    def statistics(self) -> RecoveryStatistics:
        """All that can be known of it, at this moment."""
        running = self._desk.running()
        with self._desk.lock:
            counts = self._desk.counts
            by = {kind.value: counts[f"by {kind}"] for kind in RecoveryKind if counts[f"by {kind}"]}
            totals = {name: counts[name] for name in COUNTED}
            return RecoveryStatistics(running=running, recovered_by=by, incidents_forgotten=self._desk.book.forgotten, **totals)

    # A report

    async def _recover(
        self, error: Exception, component: str | None, operation: str | None, waiter: TaskWaiter | None
    ) -> RecoveryResult:
        """Cancellation: as in `recover`."""
        with self._visit(error, component, operation, waiter) as visit:
            while not visit.leads and visit.run.result is None and waiter is not None:
                await waiter.sleep(self._patience(visit))
            return self._told(visit) if visit.run.result is not None else await self._lead(visit)

    def _visit(self, error: Exception, component: str | None, operation: str | None, waiter: Waiter | None) -> Visit:
        if not isinstance(error, Exception):
            raise TypeError(f"nothing recovers from {error!r}; expected an Exception: cancellation must go its way")
        context = current_context()
        component = component or said_by(error, "component") or context.component
        operation = operation or said_by(error, "operation") or context.operation
        incident = Incident(error, classify(error), component, operation)
        return self._desk.visit(incident, self._key(incident), waiter)

    def _key(self, incident: Incident) -> Hashable:
        if self.key is not None:
            try:
                key = self.key(incident)
                hash(key)
            except Exception as error:  # noqa: BLE001  # to recover under the usual key is better than not at all
                self._count("broken_conditions")
                _log.error("the key function of a recovery failed", recovery=self.name, error=shown(error))
            else:
                return key
        own = (*self.strategies.get(incident.component or "", ()), *self.actions)
        key = f"{incident.component or '-'}/{incident.judged.category}/{code_of(incident.error)}"
        return f"{key}/{incident.operation}" if any(action.when.operation for action in own) else key

    def _patience(self, visit: Visit) -> float:
        now = self._clock.now()
        if now >= visit.run.patience:
            self._count("told")
            raise RecoveryRunning(visit.run.text, now - visit.run.began) from visit.incident.error
        return visit.run.patience - now

    def _told(self, visit: Visit) -> RecoveryResult:
        result = visit.run.result
        assert result is not None, "a run that is over has a result"  # noqa: S101  # for the type checkers
        if result.escalated:
            often = f"it came more than {self.limit} times within {self.window:g} s; only alerts were run"
            raise RecoveryFailed(visit.run.text, len(result.attempts), often) from visit.incident.error
        return result

    # A run

    async def _lead(self, visit: Visit) -> RecoveryResult:
        """Cancellation: as in `recover`."""
        run = visit.run
        while (step := self._next(run, threaded=False)) is not None:
            if step.wait:
                await anyio.sleep(step.wait)
            with Attempt(self._desk, run, step, self._record) as attempt:
                with anyio.move_on_after(step.within) as attempt.scope:
                    found = None if step.action.run is None else step.action.run(run.incident)
                    run.value = await found if inspect.isawaitable(found) else found
        self._finish(run)
        return self._told(visit)

    def _lead_sync(self, visit: Visit) -> RecoveryResult:
        run = visit.run
        while (step := self._next(run, threaded=True)) is not None:
            if step.wait:
                pause(step.wait)
            with Attempt(self._desk, run, step, self._record):
                found = None if step.action.run is None else step.action.run(run.incident)
                run.value = _no_awaitable(found)
        self._finish(run)
        return self._told(visit)

    def _next(self, run: Run, *, threaded: bool) -> Try | None:
        """The next attempt; what has no turn until then is recorded."""
        course = run.course
        if course is None:
            with Inside(self._desk, run.key):
                course = run.course = self._course(run)
        while True:
            now = self._clock.now()
            step = course.next(self.random(), run.deadline - now, run.patience - now)
            if isinstance(step, Try) and threaded:
                if is_async(step.action.run):
                    step = course.skip("it is async; expected `await recovery.recover(...)`, or an action that is not")
                elif step.wait and in_a_loop():
                    step = course.skip("it would have to wait, and block the event loop that runs here")
            if not isinstance(step, Skip):
                return step
            self._record(run, attempt_record(run, step, now, 0.0, AttemptOutcome.SKIPPED, step.why))

    def _course(self, run: Run) -> Course:
        incident = run.incident

        def broken(action: RecoveryAction, error: Exception) -> None:
            self._count("broken_conditions")
            _log.error("the condition of a recovery action failed", recovery=self.name, action=action.name, error=shown(error))

        own = self.strategies.get(incident.component or "", ())
        chosen = choose(own, self.actions, incident, broken)
        if run.escalated:
            chosen = tuple(action for action in chosen if action.kind is RecoveryKind.ALERT)
        unknown = in_doubt(incident.error, incident.judged)
        self._count("begun")
        return Course(chosen, self.attempts, self.longest_wait, unknown, asked_wait(incident.error, incident.judged))

    def _finish(self, run: Run) -> None:
        course = run.course
        assert course is not None, "a run that is over had a course"  # noqa: S101  # for the type checkers
        by = course.by
        kind, action, value = (None, None, None) if by is None else (by.kind, by.name, run.value)
        result = RecoveryResult(by is not None, kind, action, tuple(run.records), course.unknown, run.escalated, value=value)
        self._count("escalated" if run.escalated else "failed" if by is None else "recovered", f"by {kind}")
        self._desk.finish(run, result, ignored=kind is RecoveryKind.IGNORE)
        now, incident = self._clock.now(), run.incident
        ended = RecoveryEnded(
            run.text, incident.component, incident.operation, incident.error, result, run.joined, now - run.began, now
        )
        broken = tell(self.listeners, ended, f"the recovery {self.name}")
        self._count(*["broken_listeners"] * broken)

    def _record(self, run: Run, record: AttemptRecord) -> None:
        with self._desk.lock:
            run.records.append(record)
            self._desk.counts["history_dropped"] += len(self._records) == self._records.maxlen
            self._desk.counts["skipped" if record.outcome is AttemptOutcome.SKIPPED else "attempts"] += 1
            self._records.append(record)

    def _count(self, *names: str) -> None:
        with self._desk.lock:
            self._desk.counts.update(names)


def _no_awaitable(found: Awaitable[object] | object) -> object:
    if inspect.isawaitable(found):
        if type(found) is CoroutineType:
            found.close()
        raise TypeError("an action that is no `async def` returned something to await; expected `await recovery.recover(...)`")
    return found
