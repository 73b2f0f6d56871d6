"""What the RecoveryManager is told and asked."""

from __future__ import annotations

from typing import Any

from actors.incidents import IncidentKind, IncidentRecord
from actors.market import InstrumentId, Subscription
from supervisor import Message, Request

__all__ = [
    "Attempted",
    "BookIncident",
    "Incidents",
    "Recovered",
    "TradesMissing",
    "TriggerRecovery",
    "Trouble",
]


class BookIncident(Message, frozen=True):
    """A book is out of step and needs a snapshot. Said as often as one likes; treated once."""

    instrument: InstrumentId
    stream: Any  # Ref[StreamMessage]


class TradesMissing(Message, frozen=True):
    """Events of a numbered feed are missing. Said as often as one likes; treated once.

    The stream holds back what came after the hole until `ApplyFill`, and not for longer than its own patience.
    """

    subscription: Subscription
    after_id: int
    before_id: int
    stream: Any  # Ref[StreamMessage]


class Trouble(Message, frozen=True):
    """Something that reconnecting alone does not cure, by its error class. Said as often as one likes; treated once."""

    kind: IncidentKind
    subject: str
    """What it is about: a link, an endpoint, a component's path."""
    reason: str
    error: str = ""
    """The class of the error, where one is known: it decides the strategy. Its name, its code, or an HTTP status."""
    until: float | None = None
    """When the other side said to come back, in seconds of the loop's clock."""


class Attempted(Message, frozen=True):
    """A worker's word on how far it is."""

    incident: str
    """Its id."""
    attempts: int
    deadline: float
    """By when it will have ended. Later than it was, where it had to wait for leave to ask the exchange."""


class TriggerRecovery(Request[str], frozen=True):
    """An operator's word: begin to recover this now, as one incident. Answers the incident's id, also of one that runs."""

    kind: IncidentKind
    subject: str


class Incidents(Request[tuple[IncidentRecord, ...]], frozen=True):
    """Those that are open, and the last that are closed, newest first."""


class Recovered(Message, frozen=True):
    """Published on RECOVERIES: an incident is over."""

    instrument: InstrumentId | None
    seconds: float
    reports: int
    """How often it was reported."""
    ok: bool
    reason: str = ""
    kind: IncidentKind = IncidentKind.BOOK
    subject: str = ""
    attempts: int = 1
    venue: str = ""
    """Whose: topics are the whole tree's. Empty where the instrument says it."""
    escalated: bool = False
    """It was more than its workers could cure."""
