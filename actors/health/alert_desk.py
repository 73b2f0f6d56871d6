"""Where a HealthMonitor's alerts are said: published, logged, and remembered, so that each one ends whoever dies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define, field
from msgspec import structs

from actors.alert_rules import Alert, Finding
from actors.health.alert_book import AlertBook
from actors.protocol import ALERTS, AlertMoved
from supervisor import Actor, Message

__all__ = ["AlertDesk"]


class _Remembered(Message, frozen=True):
    """The alerts that are on. Their times are in seconds since 1970."""

    alerts: tuple[Alert, ...]


@define(eq=False)
class AlertDesk:
    """Says what the book says.

    Args:
        actor: whose alerts.
        venue: what they are about.
    """

    actor: Actor[Any]
    venue: str
    book: AlertBook = field(init=False, factory=AlertBook)
    _moved: bool = field(init=False, default=False)
    """They are to be remembered."""

    def resume(self) -> None:
        """Go on from what an earlier life remembered. Once, at the beginning."""
        context, remembered = self.actor.context, self.actor.recall(_Remembered)
        if remembered is not None:
            alerts = [structs.replace(alert, since=context.loop_clock(alert.since)) for alert in remembered.alerts]
            self._say(self.book.resume(alerts, context.runtime.now()))

    def take(self, finding: Finding | None) -> None:
        """Take in what a rule found."""
        if finding is not None:
            self._say(self.book.take(finding, self.actor.context.runtime.now()))

    def end(self, *keys: str) -> None:
        """There is no reason for these any more."""
        for key in keys:
            self._say(self.book.end(key, self.actor.context.runtime.now()))

    def look(self) -> None:
        """Let time pass. What has moved is remembered now, and not with each one: an outage moves hundreds at once."""
        context = self.actor.context
        self._say(self.book.check(context.runtime.now()))
        if self._moved:
            self._moved = False
            alerts = (structs.replace(alert, since=context.wall_clock(alert.since)) for alert in self.book.active())
            self.actor.remember(_Remembered(tuple(alerts)))

    def _say(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            self._moved = True
            self.actor.publish(ALERTS, AlertMoved(alert, self.venue))
            fields = {"kind": alert.kind.value, "key": alert.key, "text": alert.text, "count": alert.count}
            self.actor.context.log.warning("alert" if alert.ended is None else "alert ended", **fields)
