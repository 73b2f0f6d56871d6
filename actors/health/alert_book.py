"""`AlertBook`: when an alert begins, is held back, is said again, and ends. Without a clock.

    raised ──▶ said ──▶ raised again: counted, held back ──▶ said again: after a growing time, or graver ──▶ ended: said once

Rule 1: the key says which alert it is. Raising one that is on counts it; it is said again only when it is graver than what was
said, or when its hold is over: 60 s at first, twice as long each time, an hour at most. What lasts is said again by the same
holds, though nobody raises it: nobody shall have to remember it.
Rule 2: its end is said once, and only to who was told of its beginning, which is everybody.
Rule 3: what comes and goes flaps. From the third beginning within the window on, an end is held back until it has lasted for
`settle` seconds; what begins again before that has never ended.
Rule 4: all is bounded. A new alert that finds no room displaces the mildest, which thereby ends, or is dropped if it is milder
itself; both are counted. What nobody has raised for a day ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from attrs import define, field
from msgspec import structs

from actors.alert_rules import Alert, AlertKind, Finding, found_again
from actors.errors import Severity

__all__ = ["AlertBook"]


@define
class _Active:
    """One alert that is on."""

    alert: Alert
    hold: float
    """Seconds from when it was said last until it may be said again."""
    said: float
    said_severity: Severity
    raised: float
    ending: float | None = None
    """Since when its end is held back."""


@define
class AlertBook:
    """The alerts of one venue. Times must not go backwards.

    Args:
        hold: seconds before an alert is said for the second time; twice as long before each further one.
        longest_hold: the most that it grows to.
        flaps: beginnings within the window that are flapping.
        window: seconds of that window.
        settle: seconds that the end of one that flaps must last.
        forget_after: seconds after which one that nobody raises any more ends.
        most: how many are on at once.
        kept: how many ended ones are remembered.
    """

    hold: float = 60.0
    longest_hold: float = 3600.0
    flaps: int = 3
    window: float = 300.0
    settle: float = 60.0
    forget_after: float = 86_400.0
    most: int = 500
    kept: int = 100
    dropped: int = field(init=False, default=0)
    """Alerts that found no room, or made room for a graver one."""
    _active: dict[str, _Active] = field(init=False, factory=dict)
    _ended: deque[Alert] = field(init=False)
    _begun: dict[str, deque[float]] = field(init=False, factory=dict)
    """{key: when it began of late}, the one that began longest ago first."""

    def __attrs_post_init__(self) -> None:
        self._ended = deque(maxlen=self.kept)

    def take(self, finding: Finding, now: float) -> tuple[Alert, ...]:
        """Take in what a rule found; what is to be published."""
        if finding.severity is None:
            return self.end(finding.key, now)
        return self.put(finding.kind, finding.key, finding.severity, finding.text, now)

    def put(self, kind: AlertKind, key: str, severity: Severity, text: str, now: float) -> tuple[Alert, ...]:
        """Raise an alert; what is to be published."""
        active = self._active.get(key)
        if active is None:
            return self._begin(Alert(kind, key, severity, text, now), now)
        active.raised, active.ending = now, None
        before = active.alert
        active.alert = structs.replace(before, severity=severity, text=text, count=before.count + 1)
        if severity > active.said_severity or now - active.said >= active.hold:
            return self._say(active, now)
        active.alert = structs.replace(active.alert, suppressed=before.suppressed + 1)
        return ()

    def resume(self, alerts: Collection[Alert], now: float) -> tuple[Alert, ...]:
        """Go on from the alerts of an earlier life; what is to be published: the ends of those that will be found again if
        their reason is still there. The others stay on.
        """
        over = [structs.replace(alert, ended=now) for alert in alerts if found_again(alert.key)]
        for alert in alerts:
            if not found_again(alert.key):
                self._active[alert.key] = _Active(alert, self.hold, now, alert.severity, now)
        self._ended += over
        return tuple(over)

    def end(self, key: str, now: float) -> tuple[Alert, ...]:
        """There is no reason for it any more; what is to be published."""
        active = self._active.get(key)
        if active is None:
            return ()
        if self._flaps(key, now):
            active.ending = now if active.ending is None else active.ending
            return ()
        return self._finish(key, now)

    def check(self, now: float) -> tuple[Alert, ...]:
        """Let time pass; what is to be published: what lasts, ends that have settled, what nobody raises any more."""
        said: list[Alert] = []
        for key, active in list(self._active.items()):
            if active.ending is not None:
                if now - active.ending >= self.settle:
                    said += self._finish(key, now)
            elif now - active.raised >= self.forget_after:
                said += self._finish(key, now)
            elif now - active.said >= active.hold:
                said += self._say(active, now)
        for key, begun in list(self._begun.items()):
            if now - begun[-1] > self.window and key not in self._active:
                del self._begun[key]
        return tuple(said)

    def active(self) -> tuple[Alert, ...]:
        """Those that have not ended, the gravest first, of these the oldest."""
        return tuple(sorted((one.alert for one in self._active.values()), key=lambda alert: (-alert.severity, alert.since)))

    def ended(self) -> tuple[Alert, ...]:
        """The last that have ended, the newest first."""
        return tuple(reversed(self._ended))

    def _begin(self, alert: Alert, now: float) -> tuple[Alert, ...]:
        displaced: tuple[Alert, ...] = ()
        if len(self._active) >= self.most:
            self.dropped += 1
            mildest = min(self._active.values(), key=lambda one: (one.alert.severity, one.raised)).alert
            if mildest.severity >= alert.severity:
                return ()
            displaced = self._finish(mildest.key, now)
        begun = self._begun.pop(alert.key, None)
        begun = deque(maxlen=self.flaps) if begun is None else begun
        begun.append(now)
        self._begun[alert.key] = begun  # last in order: the first is the one to forget
        if len(self._begun) > 2 * self.most:
            del self._begun[next(iter(self._begun))]
        self._active[alert.key] = _Active(alert, self.hold, now, alert.severity, now)
        return (*displaced, alert)

    def _flaps(self, key: str, now: float) -> bool:
        begun = self._begun.get(key)
        return begun is not None and len(begun) >= self.flaps and now - begun[0] <= self.window

    def _say(self, active: _Active, now: float) -> tuple[Alert, ...]:
        active.said, active.said_severity = now, active.alert.severity
        active.hold = min(2 * active.hold, self.longest_hold)
        return (active.alert,)

    def _finish(self, key: str, now: float) -> tuple[Alert, ...]:
        over = structs.replace(self._active.pop(key).alert, ended=now)
        self._ended.append(over)
        return (over,)
