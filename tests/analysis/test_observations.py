from __future__ import annotations

import pytest

from actors.analysis.failures import FailureKind
from actors.analysis.observations import KEPT_USES, MOST, Observations
from actors.analysis.patterns import EndpointEvidence, Evidence
from actors.link_state import LinkPhase


def seen() -> Observations:
    one = Observations("binance")
    one.know("stream-1", "stream")
    return one


def use(one: Observations, now: float, *, reason: str | None = None, endpoint: str = "stream-1") -> None:
    one.used(endpoint, "stream", ok=reason is None, reason=reason or "", banned_until=None, now=now)


def evidence(one: Observations, now: float = 0.0) -> Evidence:
    return one.evidence(now, lag=0.0, clock_apart=None)


def only(one: Observations, now: float = 0.0) -> EndpointEvidence:
    (found,) = evidence(one, now).endpoints
    return found


def test_an_endpoint_that_was_not_used_is_known_of() -> None:
    assert (only(seen()).last_ok, only(seen()).failing) == (None, False)


def test_failures_are_counted_by_kind() -> None:
    one = seen()
    for reason in ("connection refused", "connection refused", "no answer within 10 s"):
        use(one, 0.0, reason=reason)
    use(one, 1.0)
    found = only(one, 1.0)
    assert found.failures == {FailureKind.REFUSED: 2, FailureKind.TIMEOUT: 1}
    assert (found.successes, found.last_ok) == (1, True)


def test_a_use_of_long_ago_does_not_count() -> None:
    one = seen()
    use(one, 0.0, reason="connection refused")
    assert only(one, 121.0).failures == {}


def test_an_open_breaker_counts_for_as_long_as_it_is_open() -> None:
    one = seen()
    one.breaker("stream-1", is_open=True)
    assert only(one, 1e6).failing
    one.breaker("stream-1", is_open=False)
    assert not only(one, 1e6).failing


def test_a_ban_is_that_of_the_latest_end() -> None:
    one = seen()
    for until in (50.0, 90.0, 60.0):
        one.used("rest-1", "rest", ok=False, reason="HTTP 418", banned_until=until, now=0.0)
    assert evidence(one).banned_until == 90.0


def test_links_are_counted_by_state() -> None:
    one = seen()
    for link in ("a", "b"):
        one.link("binance", link, LinkPhase.FAILED)
    one.link("binance", "b", LinkPhase.RECOVERING)
    assert evidence(one).links == {LinkPhase.FAILED: 1, LinkPhase.RECOVERING: 1}


def test_a_link_that_no_longer_exists_does_not_count() -> None:
    one = seen()
    one.link("binance", "a", LinkPhase.FAILED)
    one.forget_link("a")
    assert evidence(one).links == {}


@pytest.mark.parametrize(
    ("phases", "alive"),
    [
        ([], None),
        ([LinkPhase.FAILED], False),
        ([LinkPhase.FAILED, LinkPhase.HEALTHY], True),
        ([LinkPhase.UNSTABLE, LinkPhase.FAILING], False),
    ],
)
def test_another_venue_lives_if_any_of_its_links_does(phases: list[LinkPhase], alive: bool | None) -> None:
    one = seen()
    for number, phase in enumerate(phases):
        one.link("okx", str(number), phase)
    assert evidence(one).others_alive is alive


def test_all_is_bounded() -> None:
    one = seen()
    for number in range(MOST + 10):
        one.link("okx", str(number), LinkPhase.HEALTHY)
        one.link("binance", str(number), LinkPhase.HEALTHY)
        one.know(str(number), "rest")
    for _ in range(KEPT_USES + 10):
        use(one, 0.0)
    found = evidence(one)
    assert len(found.endpoints) == sum(found.links.values()) == MOST
    assert next(one.successes for one in found.endpoints if one.name == "stream-1") == KEPT_USES
