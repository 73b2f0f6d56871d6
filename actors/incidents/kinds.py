"""What an incident is, and what is known of one. `incident_strategies` says how each is treated, `incident_book` keeps them."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from attrs import define, frozen
from msgspec import Struct, structs

from supervisor import Backoff

__all__ = [
    "BookLimits",
    "Incident",
    "IncidentKey",
    "IncidentKind",
    "IncidentRecord",
    "PastIncident",
    "RecoveryStrategy",
    "RememberedIncidents",
]


class IncidentKind(StrEnum):
    """What is to be recovered."""

    BOOK = "book"
    """A book is out of step."""
    TRADES = "trades"
    """Events of a numbered feed are missing."""
    LINK = "link"
    """A link has failed, and reconnecting does not help."""
    ENDPOINT = "endpoint"
    BAN = "ban"
    CLOCK = "clock"
    STREAM = "stream"
    """A stream was parked: it crashed too often."""


LONG = 300
"""Characters of a reason that are kept."""

IncidentKey = tuple[IncidentKind, str]
"""Kind and subject: two reports that agree in both are about the same incident."""


class RecoveryStrategy(StrEnum):
    IMMEDIATE = "immediate"
    DELAYED = "delayed"
    PROGRESSIVE = "progressive"
    """Milder means first, then stronger ones, with growing pauses."""
    MANUAL = "manual"
    """Only a person can: nothing is tried, it is alarmed."""


class IncidentRecord(Struct, frozen=True):
    """One incident, open or closed."""

    id: str
    kind: IncidentKind
    subject: str
    strategy: RecoveryStrategy
    since: float
    reports: int
    attempts: int
    reason: str
    ended: float | None = None
    """None: it is open."""
    ok: bool | None = None
    """How it ended; None while it is open."""
    escalated: bool = False
    """It was more than its workers could cure."""

    def on(self, clock: Callable[[float], float]) -> IncidentRecord:
        """The same with its instants on another clock."""
        return structs.replace(self, since=clock(self.since), ended=None if self.ended is None else clock(self.ended))


@frozen(kw_only=True)
class BookLimits:
    """How much is kept, and how patient it is. Times in seconds."""

    most_running: int = 16
    most_patient: int = 8
    """Of those that run: what may take minutes, all but books and trades. These take moments, and would wait for it."""
    most_waiting: int = 2_000
    history: int = 100
    """Closed incidents that are remembered."""
    known: int = 1_000
    """Ended ones whose return is noticed."""
    returns_within: float = 120.0
    """After its end, and its pause, an incident that comes is the same one again."""
    after_cure: Backoff = Backoff(initial=1.0, maximum=60.0)
    after_failure: Backoff = Backoff(initial=5.0, maximum=300.0)
    for_a_person: float = 300.0
    """The pause of what an attempt found to be a person's; and after so long without a report, a manual one ends."""
    manual_within: float = 86_400.0
    grace: float = 10.0
    """How long past its deadline a worker may take to end by itself."""
    longest_hold: float = 262_800.0
    """The longest time by which waiting for leave may put off a deadline: three days, the longest ban, and an hour."""


@define(eq=False)
class Incident:
    """One that is open."""

    id: str
    kind: IncidentKind
    subject: str
    strategy: RecoveryStrategy
    since: float
    not_before: float
    within: float
    """Seconds that its worker may take."""
    reason: str
    told: object = None
    """What the worker needs to know; not looked at here."""
    returns: int = 0
    reports: int = 1
    attempts: int = 0
    last_report: float = 0.0
    begun: float | None = None
    deadline: float | None = None
    """By when its worker has ended; None while there is none."""
    escalated: bool = False

    @property
    def key(self) -> IncidentKey:
        return (self.kind, self.subject)

    def record(self, ended: float | None = None, *, ok: bool | None = None, reason: str | None = None) -> IncidentRecord:
        """What is known of it."""
        why = self.reason if reason is None else reason[:LONG]
        counts = (self.since, self.reports, self.attempts, why, ended, ok, self.escalated)
        return IncidentRecord(self.id, self.kind, self.subject, self.strategy, *counts)


class PastIncident(Struct):
    """One that ended."""

    kind: IncidentKind
    subject: str
    ended: float
    paused_until: float
    returns: int
    alarmed: bool

    def on(self, clock: Callable[[float], float]) -> PastIncident:
        """The same with its instants on another clock."""
        return structs.replace(self, ended=clock(self.ended), paused_until=clock(self.paused_until))


class RememberedIncidents(Struct, frozen=True):
    """What is kept for the next life, as plain data; instants on the wall clock."""

    numbered: int
    open: tuple[IncidentRecord, ...]
    closed: tuple[IncidentRecord, ...]
    """Newest first."""
    past: tuple[PastIncident, ...]
