"""ErrorMonitor: what goes wrong in a bot, in one place: how much, where, how often lately, and whom to tell.

    monitor = ErrorMonitor(
        rules=(AlertRule("refusals", rate=30, category=Category.ORDER), AlertRule("critical", severity=Severity.CRITICAL)),
        listeners=(tell_operator,),
    )
    monitor.record(error, component="orders")             # an error that was dealt with
    with monitor.watching("orders"): ...                  # records what passes, and lets it pass
    CircuitBreaker("rest", listeners=[monitor.breaker_changed])
    Recovery(listeners=[monitor.recovery_ended])

An error that passes several layers is recorded by several, and counted once: it is marked with the id that this monitor gave
it. The mark goes with the object, so that another error of the same kind is never taken for it, and nothing is kept alive. An
error raised `from` another is another error; a group of nothing but errors that were recorded is none. One that is kept and
raised again and again is one error; the repeats are counted.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from attrs import Attribute, define, evolve, field

from actors.errors import ActorsError, classify, current_context
from actors.errors.checks import count, refuse, seconds
from actors.resilience.clock import Clock
from actors.resilience.error_text import code_of, raw_text, said_by
from actors.resilience.listeners import Listener, listed, listeners, tell
from actors.resilience.locking import Lock, new_lock
from actors.resilience.monitoring.alerts import AlertBook, AlertRule, Due, ErrorAlert
from actors.resilience.monitoring.ledger import ErrorLedger, ErrorRecord, ErrorStatistics, Noted, record_of
from actors.resilience.monitoring.watch import ErrorWatch
from actors.resilience.recovering.action import RecoveryEnded

__all__ = ["BreakerChange", "ErrorMonitor"]

MOST_COMMON = 10
"""Errors that `statistics` names."""

LEAVES = 100
"""Errors of one group that are looked at; a group of more is an error of its own."""

_numbers = itertools.count(1)


class BreakerChange(Protocol):
    """What a breaker tells its listeners."""

    @property
    def name(self) -> str: ...
    @property
    def after(self) -> Any: ...


class _Marks(dict[int, tuple[str, bool]]):
    """{number of a monitor: (the id it gave, whether the error was handled)}, on the error itself.

    A copy that was pickled is empty: numbers of monitors mean nothing in another process.
    """

    def __reduce__(self) -> tuple[type[_Marks], tuple[()]]:
        return _Marks, ()


_MARKS = "_oneforone_recorded"


# Not `tuple` itself: type checkers take its own type variable for the parameter's type, and refuse every list.
def _as_rules(rules: Iterable[AlertRule]) -> tuple[AlertRule, ...]:
    return tuple(rules)


def _check_rules(monitor: ErrorMonitor, attribute: Attribute[Any], value: Any) -> None:
    for one in value:
        if not isinstance(one, AlertRule):
            refuse(monitor, attribute, one, 'AlertRules, for example rules=(AlertRule("many", rate=30.0),)')
    if len({one.name for one in value}) < len(value):
        refuse(monitor, attribute, [one.name for one in value], "rules of different names")


@define(eq=False, kw_only=True)
class ErrorMonitor:
    """Counts errors, keeps the last ones, and gives alerts. Safe to use from any thread.

    Raises:
        SpecError: an option is out of its range; says what was given, what was expected and what to type.
        TypeError: a listener is async.
    """

    name: str = "errors"
    rules: tuple[AlertRule, ...] = field(default=(), converter=_as_rules, validator=_check_rules)
    listeners: tuple[Listener, ...] = field(default=(), converter=listed, validator=listeners("print"))
    """Told of alerts, each an `ErrorAlert`."""
    window: float = field(default=60.0, validator=seconds(60.0))
    """Seconds that rates look back on."""
    history: int = field(default=500, validator=count(500))
    """Errors that are kept."""
    names: int = field(default=100, validator=count(100))
    """Codes that are kept for the most common errors."""
    labels: int = field(default=100, validator=count(100))
    """Components, and breakers, that are counted by name; the others together."""
    clock: Callable[[], float] | None = field(default=None, repr=False)
    _clock: Clock = field(init=False, repr=False)
    _ledger: ErrorLedger = field(init=False, repr=False)
    _alerts: AlertBook = field(init=False, repr=False)
    _lock: Lock = field(init=False, repr=False, factory=new_lock)
    _number: int = field(init=False, repr=False, factory=_numbers.__next__)
    _ids: Any = field(init=False, repr=False, factory=lambda: itertools.count(1))
    _prefix: str = field(init=False, repr=False, factory=lambda: os.urandom(4).hex())
    _mended: dict[str, None] = field(init=False, repr=False, factory=dict)
    """Ids of errors that `recovered` was told of, oldest first; as many as the history has."""
    _broken: int = field(init=False, repr=False, default=0)

    def __attrs_post_init__(self) -> None:
        self._clock = Clock(self.clock)
        self._ledger = ErrorLedger(self.window, self.history, self.names, self.labels)
        self._alerts = AlertBook(self.rules)

    def __str__(self) -> str:
        return f"error monitor {self.name} ({len(self.rules)} rules)"

    def record(
        self, error: BaseException, *, component: str | None = None, operation: str | None = None, handled: bool = True
    ) -> str | None:
        """Count an error, once per monitor, and give the alerts that are due.

        Args:
            error: what happened.
            component: what suffered it; by default what the error or the context in force says.
            operation: what was being done; by default as well.
            handled: whether it has no further consequence. Once it is recorded as not handled, that holds.

        Returns:
            The error's id. None for what is no Exception: cancellation and the like are no errors, and not counted.
        """
        if not isinstance(error, Exception):
            return None
        known = self._seen(error, handled) or self._seen_in_parts(error, handled)
        if known is not None:
            return known
        judged = classify(error)
        context = current_context()
        noted = Noted(
            (error.id if isinstance(error, ActorsError) else "") or f"{self._prefix}-{next(self._ids)}",
            type(error).__name__,
            code_of(error),
            judged.category,
            judged.severity,
            component or said_by(error, "component") or context.component,
            operation or said_by(error, "operation") or context.operation,
            raw_text(error),
            self._clock.now(),
            time.time(),
            handled,
        )
        with self._lock:
            marks = error.__dict__.setdefault(_MARKS, _Marks())
            first = self._number not in marks
            due: list[Due] = []
            if first:
                marks[self._number] = (noted.id, handled)
                self._ledger.record(noted)
                due = self._alerts.judge(noted)
        if not first:  # another thread recorded the same error meanwhile
            return self._seen(error, handled)
        for one in due:
            self._give(one, noted)
        return noted.id

    def recovered(self, error: BaseException | str) -> None:
        """An error, or the error of this id, was recovered from, by other means than a `Recovery` that reports here.

        Counts once for each error, as far back as the history goes.
        """
        marks = {} if isinstance(error, str) else error.__dict__.get(_MARKS, {})
        name = error if isinstance(error, str) else marks.get(self._number, (getattr(error, "id", None),))[0]
        with self._lock:
            if name is not None:
                if name in self._mended:
                    return
                self._mended[name] = None
                if len(self._mended) > self.history:
                    del self._mended[next(iter(self._mended))]
            self._ledger.recovery(recovered=True)

    def recovery_ended(self, ended: RecoveryEnded) -> None:
        """A listener for `Recovery`: counts how many recoveries there were, and how many of them mended it."""
        with self._lock:
            self._ledger.recovery(recovered=ended.result.recovered)

    def breaker_changed(self, change: BreakerChange) -> None:
        """A listener for `CircuitBreaker`: counts how often each opened."""
        if str(change.after) == "open":
            with self._lock:
                self._ledger.trip(str(change.name))

    def watching(self, component: str | None = None, operation: str | None = None) -> ErrorWatch:
        """A context manager and decorator, sync and async: records errors that leave it, as not handled, and lets them pass.

        Args:
            component: what suffers them; by default what the error says.
            operation: what is being done; by default what the error says, or the function's name.
        """
        return ErrorWatch(self, component, operation)

    def watched(self, *, component: str | None = None, operation: str | None = None) -> ErrorWatch:
        """`watching`, as it reads above a function: `@monitor.watched(component="orders")`."""
        return ErrorWatch(self, component, operation)

    def records(self, most: int | None = None) -> tuple[ErrorRecord, ...]:
        """The last errors, oldest first.

        Args:
            most: how many; None for all that are kept.
        """
        with self._lock:
            noted = self._ledger.recent(most)
        return tuple(map(record_of, noted))

    def statistics(self) -> ErrorStatistics:
        """All that is counted, at this moment."""
        now = self._clock.now()
        with self._lock:
            return evolve(
                self._ledger.statistics(now, MOST_COMMON),
                alerts=self._alerts.fired,
                alerts_suppressed=self._alerts.suppressed,
                broken_listeners=self._broken,
            )

    def _seen(self, error: Exception, handled: bool) -> str | None:
        """The id of an error that was recorded before; the repeat is counted."""
        if _MARKS not in error.__dict__:
            return None
        with self._lock:
            marks = error.__dict__[_MARKS]
            found: tuple[str, bool] | None = marks.get(self._number)
            if found is None:
                return None
            name, was_handled = found
            if was_handled and not handled:
                marks[self._number] = (name, False)
            self._ledger.repeat(no_longer_handled=was_handled and not handled)
            return name

    def _seen_in_parts(self, error: Exception, handled: bool) -> str | None:
        """As `_seen`, of a group of nothing but such errors: a nursery makes a new one of them on each floor."""
        if not isinstance(error, ExceptionGroup):
            return None
        waiting: list[Exception] = [error]
        leaves: list[Exception] = []
        while waiting and len(leaves) < LEAVES:
            one = waiting.pop()
            if isinstance(one, ExceptionGroup):
                waiting.extend(one.exceptions)
            elif self._number in one.__dict__.get(_MARKS, {}):
                leaves.append(one)
            else:
                return None
        return None if waiting else [self._seen(one, handled) for one in leaves][-1]

    def _give(self, due: Due, noted: Noted) -> None:
        rule = due.rule
        alert = ErrorAlert(rule.name, due.count, due.count * 60.0 / rule.window, record_of(noted), due.suppressed, noted.at)
        broken = tell(self.listeners, alert, str(self))
        if broken:
            with self._lock:
                self._broken += broken
