"""HealthMonitor among probes: what it says to whom."""

from __future__ import annotations

import time
from typing import Any

import anyio
import pytest

from actors.alert_rules import Alert, AlertKind
from actors.analysis.patterns import Pattern
from actors.errors import Severity
from actors.health_monitor import CLOCK, EVENT_LOOP
from actors.incidents import IncidentKind
from actors.link_state import LinkPhase
from actors.ports import Role
from actors.protocol import (
    ALERTS,
    BREAKERS,
    ENDPOINT_REPORTS,
    FALLBACKS,
    LINK_CHANGES,
    RECOVERIES,
    ActiveAlerts,
    BreakerMoved,
    Diagnose,
    EndpointReport,
    FallbackKind,
    FallbackMoved,
    HealthDetail,
    HealthReport,
    LinkMoved,
    LinkQuality,
    Pressure,
    PressureKind,
    RaiseAlert,
    Recovered,
    Trouble,
)
from actors.resilience import BreakerState
from actors.vitals import HealthLevel
from supervisor.testing import await_restart, crash
from tests.health.monitored import Exchange, Ward, until, ward

pytestmark = pytest.mark.anyio


def moved(link: str, after: LinkPhase, venue: str = "binance") -> LinkMoved:
    return LinkMoved(link, LinkPhase.HEALTHY, after, 0.0, venue)


def failed(endpoint: str, reason: str = "connection refused", **fields: Any) -> EndpointReport:
    role = Role.REST if endpoint.startswith("rest") else Role.STREAM
    return EndpointReport(role, endpoint, ok=False, reason=reason, **{"venue": "binance", **fields})


def hold(seconds: float) -> None:
    """Hold the loop itself: virtual time knows no such thing."""
    time.sleep(seconds)  # the loop is to be held: to await would let it go


async def fail(here: Ward, *endpoints: str, reason: str = "connection refused") -> None:
    for endpoint in endpoints:
        for _ in range(2):
            await here.say(ENDPOINT_REPORTS, failed(endpoint, reason))


async def pattern(here: Ward) -> Pattern:
    return (await here.monitor.ask(Diagnose())).pattern


# Quality


async def test_quality_is_told_to_whom_reported() -> None:
    async with ward() as here:
        await here.report(0.0, frames=10)
        await here.report(0.0, frames=20, losses=3)
        assert (await here.stream.received(LinkQuality)).score == pytest.approx(0.5)


async def test_a_flawless_connection_is_told_nothing() -> None:
    async with ward() as here:
        for frames in range(10):
            await here.report(0.0, frames=frames)
        assert here.stream.messages == []


# The own event loop


async def test_the_event_loop_is_a_component() -> None:
    async with ward() as here:
        await anyio.sleep(1.1)
        assert await here.monitor.ask(HealthReport()) == {"": HealthLevel.UNKNOWN, EVENT_LOOP: HealthLevel.HEALTHY}


@pytest.mark.real_time
@pytest.mark.slow
async def test_a_held_loop_is_seen_and_told() -> None:
    async with ward(check_every=0.1) as here:
        await anyio.sleep(0.15)
        hold(1.3)
        await anyio.sleep(0.4)
        assert await pattern(here) is Pattern.LOOP_BLOCKED
        pressure = await here.states.received(Pressure)
        assert pressure.kind is PressureKind.LOAD
        assert pressure.share >= 1.0
        assert EVENT_LOOP in here.alerts()


async def test_a_monitor_without_neighbours_lives() -> None:
    async with ward(neighbours=False) as here:
        await here.say(ENDPOINT_REPORTS, failed("rest-1", banned_until=anyio.current_time() + 60.0))
        await anyio.sleep(5.0)
        assert here.alerts() == ["ban"]


# The clock


async def test_a_clock_that_is_wrong_is_seen_alarmed_and_brought_to_a_worker() -> None:
    async with ward(Exchange(ahead=-7.0)) as here:
        trouble = await here.recovery.received(Trouble)
        assert (trouble.kind, trouble.subject) == (IncidentKind.CLOCK, "binance")
        assert (await here.monitor.ask(HealthReport()))[CLOCK] is HealthLevel.UNHEALTHY
        assert here.alerts() == ["clock"]
        found = (await here.monitor.ask(HealthDetail()))["clock"]
        assert found["offset"] == pytest.approx(-7.0, abs=0.2)
        assert found["uncertainty"] == pytest.approx(0.05, abs=0.02)  # half of the round trip


async def test_a_clock_that_is_right_again_is_believed_within_two_rounds() -> None:
    async with ward(Exchange(ahead=-7.0), clock_every=60.0) as here:
        await until(lambda: here.alerts() == ["clock"])
        here.exchange.ahead = 0.0
        await until(lambda: here.alerts(ended=True) == ["clock"], within=130.0)


async def test_an_exchange_that_does_not_answer_is_asked_again() -> None:
    async with ward(Exchange(ahead=0.0), clock_every=10.0) as here:
        here.exchange.ahead = None
        await anyio.sleep(15.0)
        assert (await here.monitor.ask(HealthDetail()))["clock"] is None
        here.exchange.ahead = 0.0
        await until(lambda: here.levels(CLOCK) == ["healthy"], within=15.0)


# Alerts


async def test_a_link_that_failed_is_an_alert_until_it_recovers() -> None:
    async with ward() as here:
        await here.say(LINK_CHANGES, moved("BTCUSDT", LinkPhase.FAILED))
        assert here.alerts() == ["link BTCUSDT"]
        await here.say(LINK_CHANGES, moved("BTCUSDT", LinkPhase.RECOVERING))
        assert here.alerts(ended=True) == ["link BTCUSDT"]


async def test_a_link_of_another_venue_is_none_of_ours() -> None:
    async with ward() as here:
        await here.say(LINK_CHANGES, moved("BTCUSDT", LinkPhase.FAILED, venue="okx"))
        await anyio.sleep(5.0)
        assert here.alerts() == []


async def test_a_component_that_is_critical_is_an_alert() -> None:
    async with ward() as here:
        await here.report(0.5, 0.5)
        assert here.alerts() == ["health part"]
        assert here.seen[ALERTS.key][0].alert.kind is AlertKind.PERFORMANCE


async def test_alerts_of_a_component_that_is_forgotten_end() -> None:
    async with ward(forget_after=60.0) as here:
        await here.say(LINK_CHANGES, moved("part", LinkPhase.FAILED))
        await here.report(0.5, 0.5)
        await anyio.sleep(65.0)
        assert sorted(here.alerts(ended=True)) == ["health part", "link part"]
        assert await pattern(here) is Pattern.NONE


async def test_an_incident_that_was_escalated_is_an_alert_until_its_like_is_cured() -> None:
    async with ward() as here:
        for subject, venue in (("a", "binance"), ("b", "okx")):
            fields = {"kind": IncidentKind.LINK, "subject": subject, "venue": venue, "escalated": True}
            await here.say(RECOVERIES, Recovered(None, 1.0, 1, ok=False, **fields))
        assert here.alerts() == ["recovery link a"]
        await here.say(RECOVERIES, Recovered(None, 1.0, 1, ok=True, kind=IncidentKind.LINK, subject="a", venue="binance"))
        assert here.alerts(ended=True) == ["recovery link a"]


async def test_everybody_can_raise_one_and_end_it() -> None:
    async with ward() as here:
        raised = RaiseAlert(AlertKind.RECOVERY, "parked", Severity.ERROR, "a stream is parked")
        here.monitor.tell(raised)
        here.monitor.tell(raised)
        (alert,) = await here.monitor.ask(ActiveAlerts())
        assert (alert.text, alert.count, alert.suppressed) == ("a stream is parked", 2, 1)
        here.monitor.tell(RaiseAlert(AlertKind.RECOVERY, "parked", Severity.ERROR, "", on=False))
        await anyio.sleep(0.1)
        assert (here.alerts(), here.alerts(ended=True)) == (["parked"], ["parked"])


async def test_a_life_after_a_crash_ends_what_it_will_find_again_and_keeps_the_rest() -> None:
    async with ward(links={"still": LinkPhase.FAILED}) as here:
        await here.say(LINK_CHANGES, moved("BTCUSDT", LinkPhase.FAILED))
        here.monitor.tell(RaiseAlert(AlertKind.RECOVERY, "parked", Severity.ERROR, "a stream is parked"))
        await anyio.sleep(2.0)
        crash(here.monitor)
        await await_restart(here.monitor)
        await anyio.sleep(1.0)
        assert sorted(here.alerts(ended=True)) == ["link BTCUSDT", "link still"]
        parked, still = sorted(await here.monitor.ask(ActiveAlerts()), key=lambda alert: alert.text)
        assert (parked.key, still.key) == ("parked", "link still")
        assert 2.5 < anyio.current_time() - parked.since < 4.0


async def test_links_that_moved_before_it_was_born_are_asked_for() -> None:
    async with ward(links={"BTCUSDT": LinkPhase.FAILED}) as here:
        await anyio.sleep(0.1)
        assert here.alerts() == ["link BTCUSDT"]


# Diagnosis


async def test_nothing_is_wrong_at_first() -> None:
    async with ward() as here:
        assert await pattern(here) is Pattern.NONE


async def test_an_outage_is_alarmed_once_it_is_sure_and_until_it_is_over() -> None:
    async with ward() as here:
        await fail(here, "stream-1", "stream-2", "rest-1")
        assert await pattern(here) is Pattern.EXCHANGE_OUTAGE
        await until(lambda: here.alerts() == ["diagnosis"], within=2.5)
        await anyio.sleep(130.0)
        assert here.alerts(ended=True) == ["diagnosis"]
        assert here.recovery.messages == []


async def test_one_endpoint_that_fails_is_brought_to_a_worker_again_and_again() -> None:
    async with ward() as here:
        await fail(here, "stream-1")
        for _ in range(3):
            trouble = await here.recovery.received(Trouble, timeout=35.0)
            assert (trouble.kind, trouble.subject) == (IncidentKind.ENDPOINT, "stream-1")


async def test_a_ban_has_an_end_and_is_brought_to_a_worker() -> None:
    async with ward() as here:
        until_then = anyio.current_time() + 60.0
        await here.say(ENDPOINT_REPORTS, failed("rest-1", "HTTP 418", banned_until=until_then))
        diagnosis = await here.monitor.ask(Diagnose())
        assert (diagnosis.pattern, diagnosis.until) == (Pattern.BAN, until_then)
        trouble = await here.recovery.received(Trouble)
        assert (trouble.kind, trouble.error) == (IncidentKind.BAN, "Banned")
        await anyio.sleep(60.0)
        assert (here.alerts(), here.alerts(ended=True)) == (["ban"], ["ban"])


async def test_a_ban_at_another_venue_is_none_of_ours() -> None:
    async with ward() as here:
        await here.say(ENDPOINT_REPORTS, failed("rest-1", banned_until=anyio.current_time() + 60.0, venue="okx"))
        assert await pattern(here) is Pattern.NONE


@pytest.mark.parametrize(
    ("phase", "expected"), [(LinkPhase.HEALTHY, Pattern.EXCHANGE_OUTAGE), (LinkPhase.FAILED, Pattern.OWN_NETWORK)]
)
async def test_another_venue_tells_an_outage_from_our_own_network(phase: LinkPhase, expected: Pattern) -> None:
    async with ward() as here:
        await here.say(LINK_CHANGES, moved("BTC-USDT", phase, venue="okx"))
        await fail(here, "stream-1", "stream-2", "rest-1", reason="no answer within 10 s")
        assert await pattern(here) is expected


async def test_a_breaker_that_is_open_is_evidence_until_it_has_closed() -> None:
    async with ward() as here:
        found = []
        for after in (BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED):
            await here.say(BREAKERS, BreakerMoved("stream-1", BreakerState.CLOSED, after, 0.0, "binance"))
            found.append(await pattern(here))
        assert found == [Pattern.ONE_ENDPOINT, Pattern.ONE_ENDPOINT, Pattern.NONE]


# Detail


async def test_the_detail_is_in_plain_types_and_says_all() -> None:
    async with ward(Exchange(ahead=0.5)) as here:
        for frames in range(30):
            await here.report(0.02, frames=10 * frames, latency=0.1)
        await fail(here, "stream-1")
        await here.say(FALLBACKS, FallbackMoved(FallbackKind.ENDPOINT, "", True, "it fails", 0.0, "binance"))
        await anyio.sleep(3.0)
        detail = await here.monitor.ask(HealthDetail())
        _check_plain(detail)
        part = detail["components"]["part"]
        assert (part["level"], part["connection"]["endpoint"]) == ("degraded", "stream-1")
        assert part["connection"]["frames_per_second"] == pytest.approx(20.0, rel=0.1)
        assert detail["diagnosis"]["pattern"] == detail["diagnoses"][0]["pattern"] == "one_endpoint"
        assert [alert["key"] for alert in detail["alerts"]["active"]] == ["diagnosis"]
        assert [fallback["kind"] for fallback in detail["fallbacks"]] == ["endpoint"]
        assert detail["trends"][EVENT_LOOP]["lag"]["trend"] == "flat"
        assert detail["trends"][CLOCK]["clock"]["trend"] in {"flat", "rising", "falling"}
        assert detail["trends"]["part"]["quality"]["trend"] in {"flat", "falling"}


async def test_a_fallback_that_is_lifted_is_no_longer_shown() -> None:
    async with ward() as here:
        for on in (True, False):
            await here.say(FALLBACKS, FallbackMoved(FallbackKind.CACHE, "BTCUSDT", on, "", 0.0, "binance"))
        assert (await here.monitor.ask(HealthDetail()))["fallbacks"] == []


async def test_components_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.health_monitor.MOST_COMPONENTS", 2)
    async with ward() as here:
        for component in "abc":
            await here.report(0.0, component=component)
        detail = await here.monitor.ask(HealthDetail())
        assert detail["reports_refused"] >= 1
        assert len(detail["components"]) == 2


def _check_plain(value: Any) -> None:
    assert not isinstance(value, Alert)
    assert type(value) in {dict, list, str, int, float, bool, type(None)}, repr(value)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_plain(inner)
