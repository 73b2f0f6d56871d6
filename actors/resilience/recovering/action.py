"""What can be done about an error, when it fits, and what became of it: the values that recovery plans and reports with.

    RETRY     `run` does again what failed. Without `run`: it was only a matter of waiting
    RESTART   `run` begins the component anew, or makes possible in another way what failed
    FALLBACK  `run` switches to another way: another endpoint, polling in place of a stream
    DEGRADE   `run` has the component go on with less. What failed is left undone
    IGNORE    it is of no consequence. Nothing is run, and it does not count as one more time that the incident came back
    ALERT     `run` tells a person. It never recovers anything: the next action has its turn

RESTART, FALLBACK and a RETRY without `run` make the call possible again; whoever made it may make it once more, and a guard
does. Where a RETRY has a `run`, that has done it: only an idempotent call is made once more. After DEGRADE and IGNORE nobody
should. A *value* in place of one call's result is the policy `Fallback`, not this: many callers share one recovery, and the
price of one symbol must not become that of another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum, StrEnum
from typing import Any

from attrs import Attribute, Factory, asdict, field, fields, frozen

from actors.errors import Action as Advice
from actors.errors import ActorsError, Category, Classification, Severity
from actors.errors.checks import count, kind_of, number, refuse, seconds
from actors.resilience.conditions import advice, categories, names, only, optional
from actors.resilience.hooks import plain_function
from supervisor.backoff import Backoff

__all__ = [
    "COUNTED",
    "AttemptOutcome",
    "AttemptRecord",
    "Incident",
    "RecoveryAction",
    "RecoveryEnded",
    "RecoveryKind",
    "RecoveryResult",
    "RecoveryStatistics",
    "When",
]


class RecoveryKind(StrEnum):
    """What an action does about an error."""

    RETRY = "retry"
    FALLBACK = "fallback"
    DEGRADE = "degrade"
    RESTART = "restart"
    IGNORE = "ignore"
    ALERT = "alert"


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    """Its own timeout ended it. What it had begun may have happened."""
    CANCELLED = "cancelled"
    """Whoever recovered was cancelled: no verdict. Who takes over makes it again."""
    LOOPED = "looped"
    """It met its own incident inside itself. It is not made again."""
    SKIPPED = "skipped"
    """It was not made: `error` says why not."""


@frozen
class Incident:
    """One error that is to be recovered from."""

    error: Exception = field(repr=False)
    judged: Classification
    component: str | None = None
    operation: str | None = None
    times: int = 1
    """The how manieth time within the window that this incident came."""

    @property
    def code(self) -> str:
        """The error's stable code; of a foreign error the name of its type."""
        return self.error.code if isinstance(self.error, ActorsError) else type(self.error).__name__


@frozen(kw_only=True)
class When:
    """Which incidents an action fits: all conditions that are given hold. Of several values in one, any. `When()` fits always.

    Raises:
        SpecError: a condition is not what it should be.
    """

    category: tuple[Category, ...] = field(default=(), converter=categories, validator=only(Category, "Category.NETWORK"))
    severity: Severity | None = field(default=None, validator=optional(Severity, "Severity.ERROR"))
    """At least this bad."""
    action: tuple[Advice, ...] = field(default=(), converter=advice, validator=only(Advice, "Action.RETRY"))
    """What `classify` says is to be done."""
    component: tuple[str, ...] = field(default=(), converter=names, validator=only(str, '"orders"'))
    operation: tuple[str, ...] = field(default=(), converter=names, validator=only(str, '"place"'))
    code: tuple[str, ...] = field(default=(), converter=names, validator=only(str, '"connection_lost"'))
    """The error's stable code; of a foreign error the name of its type."""
    predicate: Callable[[Incident], bool] | None = field(default=None, validator=plain_function)
    """Asked last. One that raises does not fit."""

    def fits(self, incident: Incident) -> bool:
        """Whether all conditions hold. Raises what the predicate raises."""
        judged = incident.judged
        return (
            (not self.category or judged.category in self.category)
            and (self.severity is None or judged.severity >= self.severity)
            and (not self.action or judged.action in self.action)
            and (not self.component or incident.component in self.component)
            and (not self.operation or incident.operation in self.operation)
            and (not self.code or incident.code in self.code)
            and (self.predicate is None or bool(self.predicate(incident)))
        )


_ALWAYS = When()
_check_delay = number(lambda value: value >= 0, "seconds, 0 or more", "1.0")


def _kind(given: Any) -> Any:
    return RecoveryKind(given) if isinstance(given, str) and given in set(RecoveryKind) else given


def _check_run(action: RecoveryAction, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and not callable(value):
        refuse(action, attribute, value, "a function of one argument, the Incident, or None")
    if value is not None and action.kind is RecoveryKind.IGNORE:
        refuse(action, attribute, value, "None: what is ignored has nothing done about it; RecoveryKind.ALERT tells a person")


@frozen
class RecoveryAction:
    """Something that can be done about an error.

    Args:
        kind: what it means for whoever suffered the error.
        run: a function of one argument, the `Incident`; sync or async. A sync one is called where the recovery runs, also in an
            event loop, so it must not block there, and no timeout ends it.

    Raises:
        SpecError: a field is out of its range; says what was given, what was expected and what to type.
    """

    kind: RecoveryKind = field(converter=_kind, validator=kind_of(RecoveryKind, 'a RecoveryKind or its text, "retry"'))
    run: Callable[[Incident], Awaitable[object] | object] | None = field(default=None, validator=_check_run)
    name: str = field(default=Factory(lambda action: str(action.kind), takes_self=True), kw_only=True)
    """In records and logs. By default the kind."""
    when: When = field(default=_ALWAYS, kw_only=True, validator=kind_of(When, "a When"))
    priority: int = field(default=0, kw_only=True, validator=number(lambda value: value == int(value), "a whole number", "10"))
    """The highest first; of equals the one that was written first."""
    attempts: int = field(default=1, kw_only=True, validator=count(1))
    """How often it is made before the next action has its turn."""
    within: float = field(default=30.0, kw_only=True, validator=seconds(30.0))
    """Seconds that one attempt may take."""
    delay: float = field(default=0.0, kw_only=True, validator=_check_delay)
    """Seconds before the first attempt."""
    backoff: Backoff = field(default=Backoff(), kw_only=True, validator=kind_of(Backoff, "a Backoff"))
    """The waits between its attempts."""
    idempotent: bool = field(default=False, kw_only=True, validator=kind_of(bool, "True or False"))
    """Of a RETRY: to do it twice is the same as to do it once. Otherwise it is left out where the outcome is unknown."""


@frozen
class AttemptRecord:
    """One attempt, as it is remembered."""

    incident: str
    """The incident's key."""
    component: str | None
    operation: str | None
    action: str
    """The action's name."""
    kind: RecoveryKind
    number: int
    """The how manieth attempt of this action, from 1."""
    started: float
    """On the clock of the recovery."""
    duration: float
    """Seconds."""
    outcome: AttemptOutcome
    error: str | None = None
    """What went wrong, shortened and without secrets."""

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that JSON can hold."""
        return {name: value.value if isinstance(value, Enum) else value for name, value in asdict(self).items()}


@frozen
class RecoveryResult:
    """What became of one incident."""

    recovered: bool
    by: RecoveryKind | None = None
    """The kind of the action that recovered it."""
    action: str | None = None
    """That action's name."""
    attempts: tuple[AttemptRecord, ...] = ()
    """In order, those of whoever began and was cancelled included."""
    outcome_unknown: bool = False
    """What failed may have been carried out, by the call or by an attempt: nothing may repeat it that is not idempotent."""
    escalated: bool = False
    """It came back too often: only alerts were run."""
    value: object = field(default=None, repr=False)
    """What the `run` that recovered it returned. All who waited for it get the same one."""


@frozen
class RecoveryEnded:
    """What listeners are told when a recovery has ended."""

    incident: str
    component: str | None
    operation: str | None
    error: Exception = field(repr=False)
    result: RecoveryResult
    joined: int
    """How many callers waited for it, besides the one that ran it."""
    seconds: float
    at: float


@frozen(kw_only=True)
class RecoveryStatistics:
    """A recovery at one moment. The counts are totals since it was made."""

    running: int
    """Recoveries at this moment."""
    begun: int
    """Recoveries that were begun, those that ran alerts only included."""
    recovered: int
    recovered_by: dict[str, int]
    """The same by the kind of the action."""
    failed: int
    """Every action failed, or none fitted."""
    escalated: int
    """Incidents that came too often, so that only alerts were run."""
    refused: int
    """Reports of an incident while it was escalated."""
    joined: int
    """Reports that waited for a recovery that ran already."""
    told: int
    """Reports that were told that one runs, and did not wait, or not longer."""
    loops: int
    """Reports that were refused because they came from inside."""
    abandoned: int
    """Recoveries that were cancelled while nobody else waited."""
    attempts: int
    skipped: int
    """Actions that had no turn: the record of each says why."""
    history_dropped: int
    """Records that the bound of the history made it forget."""
    incidents_forgotten: int
    """Incidents that the bound `known` made it forget although they still counted."""
    broken_conditions: int
    """Predicates and key functions that raised."""
    broken_listeners: int


_LOOKED_UP = {"running", "recovered_by", "incidents_forgotten"}
COUNTED = tuple(one.name for one in fields(RecoveryStatistics) if one.name not in _LOOKED_UP)
"""The fields that are totals of something that happens."""
