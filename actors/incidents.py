"""Incidents, without a clock: which reports are about the same one, what is tried when, and when it is given up."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

__all__ = ["IncidentKind", "IncidentRecord", "RecoveryStrategy"]


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
