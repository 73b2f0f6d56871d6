"""HealthMonitor: how healthy each component is, from the vitals that they report; what is behind it, and who should know.

The levels, their hysteresis and what a silence means are `vitals`; a component's record is its `component_chart`; alerts are
`alert_rules` and `alert_book`; the diagnosis is `analysis`. Its promise: a silent stream is DEGRADED within its time, and one
that no longer reports is UNKNOWN within its time to live.

Two components are its own: the event loop, whose lag it measures by short sleeps, and the clock, by asking the exchange. A new
life begins without charts: what is still wrong is found again within seconds. The alerts that were on it remembers, so that
each one ends.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import anyio
from attrs import define, field

from actors.alert_rules import Finding, ban_finding, diagnosis_finding, level_finding, link_finding, recovery_finding
from actors.analysis.announcing import Announcements
from actors.analysis.observations import Observations
from actors.analysis.patterns import Diagnosis, Pattern, diagnose
from actors.health.alert_desk import AlertDesk
from actors.health.clock_offset import ClockOffset
from actors.health.clock_probe import probe_clock
from actors.health.component_chart import Chart, levels_of
from actors.health.detail import alerts_as_data, charts_as_data, clock_as_data, diagnoses_as_data, trends_as_data
from actors.health.own_load import Backlog, LoadGauge, LoopLag, load_of
from actors.incidents import IncidentKind
from actors.ports import Exchange
from actors.protocol import (
    BREAKERS,
    ENDPOINT_REPORTS,
    FALLBACKS,
    HEALTH_CHANGES,
    LINK_CHANGES,
    RECOVERIES,
    RECOVERY,
    STATES,
    ActiveAlerts,
    BreakerMoved,
    Diagnose,
    EndpointReport,
    FallbackMoved,
    HealthChanged,
    HealthDetail,
    HealthMessage,
    HealthReport,
    LinkMoved,
    LinkQuality,
    LinkStates,
    Pressure,
    PressureKind,
    RaiseAlert,
    Recovered,
    Tick,
    Trouble,
    Vitals,
)
from actors.resilience import BreakerState
from actors.rest_gate import OpenRest
from actors.vitals import Health, HealthChange, HealthLevel, Reading, Vital
from supervisor import Actor, ActorCrashed, AskTimeout, MailboxFull, Name, NoSuchActor

__all__ = ["CLOCK", "EVENT_LOOP", "HealthMonitor"]

EVENT_LOOP, CLOCK = "event loop", "clock"
OWN = (EVENT_LOOP, CLOCK)
"""The components that are the monitor's own."""
LOUD = frozenset({HealthLevel.DEGRADED, HealthLevel.UNHEALTHY, HealthLevel.CRITICAL})
MOST_COMPONENTS = 5_000
SLEEP = 0.25
"""Seconds of the sleeps that measure the loop's lag."""
LOOKS_BETWEEN_MAILBOXES = 5
FALLBACK_HEARD_OF = 60.0
"""Seconds after which a fallback that is not said any more is not in force: it is said every few seconds while it is."""
INCIDENTS = {Pattern.BAN: IncidentKind.BAN, Pattern.CLOCK: IncidentKind.CLOCK, Pattern.ONE_ENDPOINT: IncidentKind.ENDPOINT}
BROKEN = frozenset({BreakerState.OPEN, BreakerState.HALF_OPEN})


@define(eq=False)
class HealthMonitor(Actor[HealthMessage]):
    """Keeps one chart per component, and tells who should know.

    Args:
        venue: whose components.
        ttl: seconds that a report counts.
        forget_after: seconds without a report after which a component is forgotten: it no longer exists.
        check_every: seconds between looks for what has not reported, at the own load, and for a diagnosis.
        exchange: the adapter: its endpoints, and how to ask for its time; None: of endpoints only those that are reported on
            are known.
        open_rest: makes the REST client that asks for the time; None: nobody asks.
        clock_every: seconds between two rounds of asking.
    """

    venue: str
    ttl: float = 10.0
    forget_after: float = 600.0
    check_every: float = 1.0
    exchange: Exchange | None = field(default=None, kw_only=True)
    open_rest: OpenRest | None = field(default=None, kw_only=True)
    clock_every: float = field(default=60.0, kw_only=True)
    _charts: dict[str, Chart] = field(init=False, factory=dict)
    _refused: int = field(init=False, default=0)
    """Reports of components for which there was no room."""
    _alerts: AlertDesk = field(init=False)
    _seen: Observations = field(init=False)
    _lag: LoopLag = field(init=False, factory=LoopLag)
    _gauge: LoadGauge = field(init=False, factory=LoadGauge)
    _clock: ClockOffset = field(init=False, factory=ClockOffset)
    _fallbacks: dict[tuple[str, str], tuple[float, FallbackMoved]] = field(init=False, factory=dict)
    """{(kind, scope): (when it was heard of last, what)}"""
    _looks: int = field(init=False, default=0)
    _backlog: float = field(init=False, default=0.0)
    _mailboxes: Backlog = field(init=False, factory=Backlog)
    _banned: bool = field(init=False, default=False)
    _diagnoses: Announcements = field(init=False, factory=Announcements)

    async def on_start(self) -> None:
        """Begin to look, and end the alerts of an earlier life. Cancellation: atomic."""
        self._seen, self._alerts = Observations(self.venue), AlertDesk(self, self.venue)
        for endpoint in () if self.exchange is None else self.exchange.endpoints:
            self._seen.know(endpoint.name, endpoint.role.value)
        for topic in (LINK_CHANGES, BREAKERS, ENDPOINT_REPORTS, FALLBACKS, RECOVERIES):
            self.subscribe(topic)
        self._alerts.resume()
        self.every(self.check_every, Tick())
        self.spawn(self._ask_for_links)
        self.spawn(self._watch_loop)
        if self.exchange is not None and self.open_rest is not None:
            self.spawn(probe_clock, self, self.exchange, self.open_rest, self._clock, self.clock_every)

    def receive(self, message: HealthMessage) -> Any:
        """Take a report in, or say how things are."""
        now = self.context.runtime.now()
        match message:
            case Vitals():
                self._report(message, now)
            case Tick():
                self._look(now)
            case HealthReport():
                return levels_of(self._charts, OWN, now)
            case HealthDetail():
                return self._detail(now)
            case ActiveAlerts():
                return self._alerts.book.active()
            case Diagnose():
                return self._diagnose(now)
            case RaiseAlert(kind, key, severity, text, on):
                self._alerts.take(Finding(kind, key, severity if on else None, text))
            case _:
                self._hear(message, now)
        return None

    def _hear(self, message: LinkMoved | BreakerMoved | EndpointReport | FallbackMoved | Recovered, now: float) -> None:
        """What others published. Of other venues only whether they live."""
        match message:
            case LinkMoved(link, _, after, _, venue):
                self._seen.link(venue, link, after)
                if venue == self.venue:
                    self._alerts.take(link_finding(link, after))
            case BreakerMoved(endpoint, _, after, _, venue):
                if venue == self.venue:
                    self._seen.breaker(endpoint, is_open=after in BROKEN)
            case EndpointReport(role, endpoint, ok, _, reason, venue, banned_until):
                if venue in ("", self.venue):  # without one it was told to us, not published
                    self._seen.used(endpoint, role.value, ok=ok, reason=reason, banned_until=banned_until, now=now)
            case FallbackMoved(kind, scope, on, _, _, venue):
                if venue == self.venue and on:
                    self._fallbacks[kind.value, scope] = (now, message)
                elif venue == self.venue:
                    self._fallbacks.pop((kind.value, scope), None)
            case Recovered():
                venue = message.venue or (self.venue if message.instrument is None else message.instrument.venue)
                if venue == self.venue:
                    subject = message.subject or ("" if message.instrument is None else message.instrument.native)
                    ok, grave, reason = message.ok, message.escalated, message.reason
                    self._alerts.take(recovery_finding(message.kind.value, subject, ok=ok, escalated=grave, reason=reason))

    # ---- components

    def _report(self, vitals: Vitals, now: float) -> None:
        component = vitals.component
        chart = self._charts.get(component)
        if chart is None:
            if len(self._charts) >= MOST_COMPONENTS:
                self._refused += 1
                return
            chart = self._charts[component] = Chart(Health(component, ttl=self.ttl))
        chart.critical = vitals.critical
        taken = chart.take(vitals.readings, vitals.connection, now)
        for change in taken.changes:
            self._moved(change)
        if taken.quality is not None and vitals.sender is not None:
            vitals.sender.tell(LinkQuality(taken.quality))

    def _moved(self, change: HealthChange) -> None:
        said = HealthChanged(change.component, change.before, change.after, change.at, self.venue)
        self.publish(HEALTH_CHANGES, said)
        log = self.context.log.warning if change.after in LOUD else self.context.log.info
        log("health changed", component=change.component, before=change.before.value, after=change.after.value)
        self._alerts.take(level_finding(change.component, change.after))

    def _forget(self, name: str) -> None:
        """It no longer exists: nothing will ever end what was said of it."""
        del self._charts[name]
        self._seen.forget_link(name)
        self._alerts.end(f"health {name}", f"link {name}")

    # ---- looks

    async def _watch_loop(self) -> None:
        """Measure how long a short sleep takes. Cancellation: atomic."""
        now = self.context.runtime.now
        while True:
            before = now()
            await anyio.sleep(SLEEP)
            self._lag.slept(before, now(), SLEEP)

    async def _ask_for_links(self) -> None:
        """How links are, who was born after they moved would never hear. Cancellation: atomic."""
        with suppress(NoSuchActor, AskTimeout, ActorCrashed, MailboxFull):
            for link, phase in (await self.lookup(STATES).ask(LinkStates())).items():
                if self._seen.phase_of(link) is None:
                    now = self.context.runtime.now()
                    self._hear(LinkMoved(link, phase, phase, now, self.venue), now)

    def _look(self, now: float) -> None:
        for name, chart in list(self._charts.items()):
            outlived = chart.health.check(now)
            if outlived is not None:
                self._moved(outlived)
            if now - chart.reported > self.forget_after:
                self._forget(name)
        self._look_at_ourselves(now)
        self._announce(self._diagnose(now), now)
        left = (self._seen.banned_until or now) - now
        if (left > 0) is not self._banned:
            self._banned = left > 0
            self._alerts.take(ban_finding(self.venue, left))
        self._alerts.look()
        for key, (heard, _) in list(self._fallbacks.items()):
            if now - heard > FALLBACK_HEARD_OF:
                del self._fallbacks[key]

    def _look_at_ourselves(self, now: float) -> None:
        self._looks += 1
        if self._looks % LOOKS_BETWEEN_MAILBOXES == 0:
            self._backlog = self._mailboxes.look(self.context.supervisor.snapshot())
        lag = self._lag.worst(now)
        self._report(Vitals(EVENT_LOOP, (Reading(Vital.LAG, lag), Reading(Vital.BACKLOG, self._backlog))), now)
        estimate = self._clock.estimate(now)
        if estimate is not None:
            self._report(Vitals(CLOCK, (Reading(Vital.CLOCK, estimate.surely),), critical=False), now)
        share = self._gauge.look(load_of(lag, self._backlog), now)
        if share is not None:
            self._tell(STATES, Pressure(PressureKind.LOAD, share))

    # ---- diagnosis

    def _diagnose(self, now: float) -> Diagnosis:
        estimate = self._clock.estimate(now)
        apart = None if estimate is None else estimate.surely
        return diagnose(self._seen.evidence(now, lag=self._lag.worst(now), clock_apart=apart))

    def _announce(self, diagnosis: Diagnosis, now: float) -> None:
        announcing = self._diagnoses.look(diagnosis, now)
        reason = " ".join(diagnosis.evidence)
        if announcing.moved:
            pattern, action = diagnosis.pattern.value, diagnosis.action.value
            log = self.context.log.info if diagnosis.pattern is Pattern.NONE else self.context.log.warning
            log("diagnosis", pattern=pattern, action=action, subject=diagnosis.subject, evidence=reason)
            self._alerts.take(diagnosis_finding(diagnosis))
        kind = INCIDENTS.get(diagnosis.pattern)
        if announcing.due and kind is not None:
            error = "Banned" if kind is IncidentKind.BAN else ""
            self._tell(RECOVERY, Trouble(kind, diagnosis.subject or self.venue, reason, error))

    # ---- telling

    def _tell(self, name: Name[Any], message: object) -> None:
        with suppress(NoSuchActor):  # a tree without one
            self.lookup(name).tell(message)

    def _detail(self, now: float) -> dict[str, Any]:
        fallbacks = [{"kind": one.kind.value, "scope": one.scope, "reason": one.reason} for _, one in self._fallbacks.values()]
        return {
            "venue": self.venue,
            "at": now,
            "levels": {name: level.value for name, level in levels_of(self._charts, OWN, now).items()},
            "components": charts_as_data(self._charts, now),
            "clock": clock_as_data(self._clock, now),
            "load": {"lag": self._lag.worst(now), "backlog": self._backlog, "short": self._gauge.short},
            "alerts": alerts_as_data(self._alerts.book),
            "diagnosis": diagnoses_as_data([(now, self._diagnose(now))])[0],
            "diagnoses": diagnoses_as_data(self._diagnoses.history),
            "fallbacks": fallbacks,
            "trends": trends_as_data(self._charts, OWN, now),
            "reports_refused": self._refused,
        }
