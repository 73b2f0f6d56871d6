from __future__ import annotations

import pytest

from actors.alert_rules import (
    AlertKind,
    Finding,
    ban_finding,
    diagnosis_finding,
    level_finding,
    link_finding,
    recovery_finding,
)
from actors.analysis.patterns import Diagnosis, Pattern, Recommendation
from actors.errors import Severity
from actors.link_state import LinkPhase
from actors.vitals import HealthLevel


def severity(finding: Finding | None) -> Severity | None:
    assert finding is not None
    return finding.severity


@pytest.mark.parametrize("phase", LinkPhase)
def test_a_link_that_is_failing_or_failed_is_worth_an_alert(phase: LinkPhase) -> None:
    grave = {LinkPhase.FAILING: Severity.WARNING, LinkPhase.FAILED: Severity.ERROR}
    finding = link_finding("BTCUSDT", phase)
    assert (finding.kind, finding.key, finding.severity) == (AlertKind.CONNECTION, "link BTCUSDT", grave.get(phase))


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (HealthLevel.HEALTHY, None),
        (HealthLevel.DEGRADED, None),
        (HealthLevel.UNHEALTHY, Severity.ERROR),
        (HealthLevel.CRITICAL, Severity.CRITICAL),
    ],
)
def test_a_component_that_is_unhealthy_or_worse_is_worth_an_alert(level: HealthLevel, expected: Severity | None) -> None:
    assert severity(level_finding("BTCUSDT", level)) == expected


@pytest.mark.parametrize("component", ["event loop", "clock"])
def test_of_ourselves_degraded_is_bad_enough(component: str) -> None:
    finding = level_finding(component, HealthLevel.DEGRADED)
    assert finding is not None
    assert (finding.kind, finding.severity) == (AlertKind.SYSTEM, Severity.WARNING)


def test_what_is_not_known_proves_neither() -> None:
    assert level_finding("BTCUSDT", HealthLevel.UNKNOWN) is None


def test_a_ban_is_an_alert_until_it_is_over() -> None:
    assert (ban_finding("binance", 60.0).severity, ban_finding("binance", 0.0).severity) == (Severity.ERROR, None)


@pytest.mark.parametrize("pattern", Pattern)
def test_patterns_that_have_no_alert_of_their_own_get_one(pattern: Pattern) -> None:
    finding = diagnosis_finding(Diagnosis(pattern, Recommendation.LOOK))
    without = {Pattern.EXCHANGE_OUTAGE, Pattern.OWN_NETWORK, Pattern.ONE_ENDPOINT}
    assert (finding.severity is not None) == (pattern in without)


def test_an_incident_that_was_escalated_is_worth_an_alert() -> None:
    assert severity(recovery_finding("book", "BTCUSDT", ok=False, escalated=True, reason="no")) is Severity.CRITICAL


@pytest.mark.parametrize("escalated", [True, False])
def test_an_incident_that_was_cured_ends_it(escalated: bool) -> None:
    assert severity(recovery_finding("book", "BTCUSDT", ok=True, escalated=escalated, reason="")) is None


def test_of_one_that_lapsed_or_was_given_up_the_recovery_manager_speaks() -> None:
    assert recovery_finding("book", "BTCUSDT", ok=False, escalated=False, reason="no") is None
