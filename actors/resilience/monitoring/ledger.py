"""What went wrong, counted: no clock, no lock, no logger. Whoever records says what time it is.

Rules
    1. Memory does not grow with the number of errors, nor with the number of names that are invented for them: history, labels
       and the list of the most common errors are bounded, and what a bound dropped is counted.
    2. Totals are exact, by category and by component too; components beyond the bound share the line `(other)`. Counts of the
       most common errors are too high by at most `over` (the "space saving" counts of Metwally and others): an error that makes
       up more than a share of 1/`names` of all is always among them, even if a thousand rare ones came before it.
    3. Rates are of the last `window` seconds, to a sixtieth of it: an error leaves with its whole sixtieth.
    4. A text is kept as it came and made fit to be shown when it is looked at: to do it for each error would cost more than all
       the rest. So nothing but an `ErrorRecord` gives it out.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from attrs import asdict, define, field, frozen

from actors.errors import Category, Severity
from actors.resilience.error_text import shown_text
from actors.resilience.monitoring.counts import BUCKETS, ErrorCount, RateWindow, TopCounts

__all__ = [
    "NOWHERE",
    "OTHER",
    "ErrorLedger",
    "ErrorLine",
    "ErrorRecord",
    "ErrorStatistics",
    "Noted",
    "record_of",
]

OTHER = "(other)"
"""The line of all names beyond the bound."""
NOWHERE = "(none)"
"""The line of errors of no component."""
LABEL = 80
"""Characters of a name that are kept."""


class Noted(NamedTuple):
    """One error as it is recorded. A tuple, because one is made for every error."""

    id: str
    kind: str
    code: str
    category: Category
    severity: Severity
    component: str | None
    operation: str | None
    text: str
    """Not fit to be shown."""
    at: float
    at_wall: float
    handled: bool

    def __repr__(self) -> str:
        # A traceback that shows local variables, or the repr of what holds this, must not give the text out.
        return repr(record_of(self))


@frozen(kw_only=True)
class ErrorRecord:
    """One error, fit to be shown."""

    id: str
    """That of the error itself, where it is one of `actors.errors`."""
    kind: str
    """The name of its type."""
    code: str
    """Its stable code, with the exchange's own; of a foreign error its type's name."""
    category: Category
    severity: Severity
    component: str | None
    operation: str | None
    message: str
    """Shortened, and without secrets."""
    at: float
    """On the clock of whoever recorded it."""
    at_wall: float
    """Seconds since 1970, for people only."""
    handled: bool
    """Whether it had no further consequence when it was recorded first."""

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that JSON can hold."""
        return {**asdict(self), "category": self.category.value, "severity": self.severity.name.lower()}


def record_of(noted: Noted) -> ErrorRecord:
    """The record of an error: its text without secrets, and shortened."""
    return ErrorRecord(
        id=noted.id,
        kind=noted.kind,
        code=noted.code,
        category=noted.category,
        severity=noted.severity,
        component=noted.component,
        operation=noted.operation,
        message=shown_text(noted.text),
        at=noted.at,
        at_wall=noted.at_wall,
        handled=noted.handled,
    )


@frozen
class ErrorLine:
    """The errors of one component, or of one category."""

    total: int
    per_minute: float
    by_category: dict[str, int] = field(factory=dict)
    """Of a component: the same by category."""


@frozen(kw_only=True)
class ErrorStatistics:
    """The errors at one moment. The counts are totals since the monitor was made."""

    total: int
    handled: int
    unhandled: int
    repeats: int
    """Errors that were recorded once more on their way through several layers. They are not in the other counts."""
    per_minute: float
    """Over the last window."""
    by_category: dict[str, ErrorLine]
    by_component: dict[str, ErrorLine]
    by_severity: dict[str, int]
    most_common: tuple[ErrorCount, ...]
    recoveries: int
    """Recoveries that have ended."""
    recovered: int
    """Those that mended what was broken."""
    recovery_rate: float | None
    """The share of them; None as long as there was none."""
    trips: dict[str, int]
    """How often each breaker opened."""
    history_dropped: int
    """Records that the bound of the history made it forget."""
    names_dropped: int
    """Names that had to make room in `most_common`."""
    labels_dropped: int
    """Errors and trips that are counted under `(other)`."""
    alerts: int = 0
    """Alerts that were given."""
    alerts_suppressed: int = 0
    """Those that were due during a cooldown."""
    broken_listeners: int = 0

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that JSON can hold."""
        return {**asdict(self), "most_common": [asdict(one) for one in self.most_common]}


class _Line:
    __slots__ = ("by_category", "rate", "total")

    def __init__(self) -> None:
        self.total = 0
        self.rate = RateWindow()
        self.by_category: dict[Category, list[int]] = {}
        """{category: [count]}"""


@define
class ErrorLedger:
    """Counts errors.

    Args:
        window: seconds that rates look back on.
        history: errors that are kept.
        names: codes that are kept for the most common errors.
        labels: components, and breakers, that are counted by name.
    """

    window: float
    history: int
    names: int
    labels: int
    total: int = field(default=0, init=False)
    _handled: int = field(default=0, init=False)
    _repeats: int = field(default=0, init=False)
    _all: RateWindow = field(factory=RateWindow, init=False)
    _per_second: float = field(init=False)
    """Steps of the rate windows in a second."""
    _categories: dict[Category, _Line] = field(factory=dict, init=False)
    _components: dict[str, _Line] = field(factory=dict, init=False)
    _severities: dict[Severity, list[int]] = field(factory=dict, init=False)
    """{severity: [count]}"""
    _top: TopCounts = field(init=False)
    _ring: deque[Noted] = field(init=False)
    _trips: dict[str, int] = field(factory=dict, init=False)
    _labels_dropped: int = field(default=0, init=False)
    _recoveries: int = field(default=0, init=False)
    _recovered: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._per_second = BUCKETS / self.window
        self._top = TopCounts(self.names)
        self._ring = deque(maxlen=self.history)

    def record(self, noted: Noted) -> None:
        """One more error."""
        number = int(noted.at * self._per_second // 1)
        self.total += 1
        self._handled += noted.handled
        self._all.add(number)
        category = noted.category
        line = self._categories.get(category)
        if line is None:
            line = self._categories[category] = _Line()
        line.total += 1
        line.rate.add(number)
        line = self._component(noted.component)
        line.total += 1
        line.rate.add(number)
        # Cells, so that each is looked up once: the hash of an enum's member is computed in Python.
        cell = line.by_category.get(category)
        if cell is None:
            cell = line.by_category[category] = [0]
        cell[0] += 1
        cell = self._severities.get(noted.severity)
        if cell is None:
            cell = self._severities[noted.severity] = [0]
        cell[0] += 1
        self._top.add(noted.code)
        self._ring.append(noted)

    def repeat(self, *, no_longer_handled: bool) -> None:
        """An error that was recorded before is recorded again.

        Args:
            no_longer_handled: it was recorded as handled, and now as one that was not.
        """
        self._repeats += 1
        self._handled -= no_longer_handled

    def trip(self, breaker: str) -> None:
        """A breaker opened."""
        name = self._label(breaker, self._trips)
        self._trips[name] = self._trips.get(name, 0) + 1

    def recovery(self, *, recovered: bool) -> None:
        """A recovery has ended."""
        self._recoveries += 1
        self._recovered += recovered

    def recent(self, most: int | None = None) -> list[Noted]:
        """The last errors, oldest first."""
        noted = list(self._ring)
        return noted if most is None else noted[max(len(noted) - most, 0) :]

    def statistics(self, now: float, most_common: int) -> ErrorStatistics:
        """All that is counted, at this moment."""
        number = int(now * self._per_second // 1)
        return ErrorStatistics(
            total=self.total,
            handled=self._handled,
            unhandled=self.total - self._handled,
            repeats=self._repeats,
            per_minute=self._per_minute(self._all, number),
            by_category={category.value: self._shown(line, number) for category, line in self._categories.items()},
            by_component={name: self._shown(line, number) for name, line in self._components.items()},
            by_severity={severity.name.lower(): cell[0] for severity, cell in sorted(self._severities.items())},
            most_common=self._top.top(most_common),
            recoveries=self._recoveries,
            recovered=self._recovered,
            recovery_rate=self._recovered / self._recoveries if self._recoveries else None,
            trips=dict(self._trips),
            history_dropped=self.total - len(self._ring),
            names_dropped=self._top.dropped,
            labels_dropped=self._labels_dropped,
        )

    def _component(self, component: str | None) -> _Line:
        found = self._components.get(component or NOWHERE)
        if found is None:
            name = NOWHERE if component is None else self._label(component, self._components)
            found = self._components.get(name)
            if found is None:
                found = self._components[name] = _Line()
        return found

    def _label(self, name: str, known: dict[str, Any]) -> str:
        """The name under which it is counted."""
        name = name[:LABEL]
        if name in known or len(known.keys() - {OTHER, NOWHERE}) < self.labels:
            return name
        self._labels_dropped += 1
        return OTHER

    def _per_minute(self, rate: RateWindow, number: int) -> float:
        return rate.count(number) * 60.0 / self.window

    def _shown(self, line: _Line, number: int) -> ErrorLine:
        by_category = {category.value: cell[0] for category, cell in line.by_category.items()}
        return ErrorLine(line.total, self._per_minute(line.rate, number), by_category)
