"""Alerts, without a clock: when one begins, is held back, is said again, and ends."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from actors.errors import Severity

__all__ = ["Alert", "AlertKind"]


class AlertKind(StrEnum):
    CONNECTION = "connection"
    PERFORMANCE = "performance"
    SYSTEM = "system"
    RECOVERY = "recovery"


class Alert(Struct, frozen=True):
    """Something that a person may want to know."""

    kind: AlertKind
    key: str
    """What makes two of them the same: `link BTCUSDT`."""
    severity: Severity
    text: str
    since: float
    """When it began, in seconds of the loop's clock."""
    count: int = 1
    """How often it was raised, the suppressed times included."""
    suppressed: int = 0
    """How often it was raised without being said."""
    ended: float | None = None
