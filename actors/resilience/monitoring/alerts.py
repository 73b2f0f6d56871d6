"""When a person is to be told: rules over the errors that come in. No clock, no lock: whoever records says what time it is.

A rule looks at the errors that fit its conditions. It is due when an error fits and there are enough of them in the window. A
rule that is due fires, and then not again before its cooldown is over; what would have fired until then is counted, and told
with the next alert.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import Attribute, asdict, define, field, frozen

from actors.errors import Category, Severity
from actors.errors.checks import number, refuse, seconds
from actors.resilience.conditions import categories, names, only, optional
from actors.resilience.monitoring.counts import BUCKETS, RateWindow
from actors.resilience.monitoring.ledger import ErrorRecord, Noted
from supervisor.backoff import is_count

__all__ = ["AlertBook", "AlertRule", "Due", "ErrorAlert"]

_check_rate = number(lambda rate: rate > 0, "errors per minute above 0, or None", "10.0", optional=True)
_check_cooldown = number(lambda value: value >= 0, "seconds, 0 or more", "300.0")


def _check_name(rule: AlertRule, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, str) or not value:
        refuse(rule, attribute, value, 'a name, for example name="too many refusals"')


def _check_count(rule: AlertRule, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and not is_count(value):
        refuse(rule, attribute, value, "a count of 1 or more, or None, for example count=10")


@frozen
class AlertRule:
    """When a person is to be told of errors. Conditions that are not given hold always.

    Raises:
        SpecError: a field is out of its range; says what was given, what was expected and what to type.
    """

    name: str = field(validator=_check_name)
    rate: float | None = field(default=None, kw_only=True, validator=_check_rate)
    """At least this many errors per minute, over the window."""
    count: int | None = field(default=None, kw_only=True, validator=_check_count)
    """At least this many errors in the window. With neither `rate` nor `count` every error that fits is enough."""
    window: float = field(default=60.0, kw_only=True, validator=seconds(60.0))
    """Seconds, to a sixtieth of it: an error leaves with its whole sixtieth."""
    severity: Severity | None = field(default=None, kw_only=True, validator=optional(Severity, "Severity.CRITICAL"))
    """Only errors at least this bad."""
    category: tuple[Category, ...] = field(
        default=(), kw_only=True, converter=categories, validator=only(Category, "Category.NETWORK")
    )
    """Only errors of these."""
    component: tuple[str, ...] = field(default=(), kw_only=True, converter=names, validator=only(str, '"orders"'))
    """Only errors of these."""
    cooldown: float = field(default=300.0, kw_only=True, validator=_check_cooldown)
    """Seconds after an alert before the next."""

    def fits(self, noted: Noted) -> bool:
        """Whether an error is one of those that the rule looks at."""
        return (
            (self.severity is None or noted.severity >= self.severity)
            and (not self.category or noted.category in self.category)
            and (not self.component or noted.component in self.component)
        )

    def enough(self, count: int) -> bool:
        """Whether so many in the window are enough."""
        return (self.count is None or count >= self.count) and (self.rate is None or count * 60.0 >= self.rate * self.window)


@frozen
class Due:
    """A rule fired."""

    rule: AlertRule
    count: int
    suppressed: int


@frozen
class ErrorAlert:
    """What hooks are told."""

    rule: str
    """The rule's name."""
    count: int
    """Errors in the rule's window that fit it."""
    rate: float
    """The same per minute."""
    sample: ErrorRecord
    """The last of them."""
    suppressed: int
    """How often the rule would have fired since its last alert, but for the cooldown."""
    at: float

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that JSON can hold."""
        return {**asdict(self, recurse=False), "sample": self.sample.to_dict()}


@define
class _Watched:
    rule: AlertRule
    seen: RateWindow = field(factory=RateWindow)
    fired_at: float | None = None
    suppressed: int = 0
    """Since the last alert."""


@define(init=False)
class AlertBook:
    """Knows which rules are due.

    Args:
        rules: each on its own.
    """

    fired: int
    suppressed: int
    _watched: tuple[_Watched, ...]

    def __init__(self, rules: Sequence[AlertRule]) -> None:
        self.fired = self.suppressed = 0
        self._watched = tuple(_Watched(rule) for rule in rules)

    def judge(self, noted: Noted) -> list[Due]:
        """One more error: the rules that fire now."""
        due = []
        for watched in self._watched:
            rule = watched.rule
            if not rule.fits(noted):
                continue
            number = int(noted.at * BUCKETS // rule.window)
            watched.seen.add(number)
            count = watched.seen.count(number)
            if not rule.enough(count):
                continue
            if watched.fired_at is not None and noted.at - watched.fired_at < rule.cooldown:
                watched.suppressed += 1
                self.suppressed += 1
                continue
            due.append(Due(rule, count, watched.suppressed))
            watched.fired_at = noted.at
            watched.suppressed = 0
            self.fired += 1
        return due
