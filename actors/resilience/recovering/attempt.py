"""One attempt of a recovery: how long it took, how it ended, and what that means for the way on."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import anyio

from actors.errors import RecoveryLoop, classify
from actors.resilience.doubt import in_doubt
from actors.resilience.error_text import shown
from actors.resilience.hints import asked_wait
from actors.resilience.recovering.action import AttemptOutcome, AttemptRecord
from actors.resilience.recovering.desk import Desk, Inside, Run
from actors.resilience.recovering.plan import Skip, Try

__all__ = ["Attempt", "attempt_record"]


class Attempt:
    """One attempt: times it, says how it ended, and lets nothing out that is an Exception."""

    __slots__ = ("_desk", "_inside", "_note", "_run", "_started", "_step", "scope")

    def __init__(self, desk: Desk, run: Run, step: Try, note: Callable[[Run, AttemptRecord], object]) -> None:
        self._desk = desk
        self._run = run
        self._step = step
        self._note = note
        self._inside = Inside(desk, run.key)
        self._started = 0.0
        self.scope: anyio.CancelScope | None = None
        """The attempt's own timeout."""

    def __enter__(self) -> Attempt:
        self._started = self._desk.clock.now()
        self._inside.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        self._inside.__exit__()
        run, step = self._run, self._step
        if error is not None and not isinstance(error, Exception):
            outcome, text = AttemptOutcome.CANCELLED, type(error).__name__
        elif self.scope is not None and self.scope.cancelled_caught:
            # By the scope that fired, never by the error's type: what is inside may have timeouts of its own.
            outcome, text = AttemptOutcome.TIMED_OUT, f"it did not end within {step.within:g} s"
        elif error is None:
            outcome, text = AttemptOutcome.SUCCEEDED, None
        else:
            outcome = AttemptOutcome.LOOPED if isinstance(error, RecoveryLoop) else AttemptOutcome.FAILED
            text = shown(error)
        failure = error if outcome is AttemptOutcome.FAILED and isinstance(error, Exception) else None
        judged = None if failure is None else classify(failure)
        if run.course is not None:
            unknown, hint = False, None
            if failure is not None and judged is not None:
                unknown, hint = in_doubt(failure, judged), asked_wait(failure, judged)
            run.course.report(outcome, unknown=unknown, hint=hint)
        took = self._desk.clock.now() - self._started
        self._note(run, attempt_record(run, step, self._started, took, outcome, text))
        return isinstance(error, Exception)


def attempt_record(
    run: Run, step: Try | Skip, started: float, duration: float, outcome: AttemptOutcome, text: str | None
) -> AttemptRecord:
    where = run.text, run.incident.component, run.incident.operation
    return AttemptRecord(*where, step.action.name, step.action.kind, step.number, started, duration, outcome, text)
