"""The table says what each situation means; the properties say that there is an answer to every one."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.analysis.failures import FailureKind
from actors.analysis.patterns import TROUBLED, EndpointEvidence, Evidence, Pattern, Recommendation, diagnose
from actors.link_state import LinkPhase

K, P = FailureKind, Pattern


def bad(name: str, *kinds: FailureKind, role: str = "stream", successes: int = 0) -> EndpointEvidence:
    failures = dict.fromkeys(kinds or (K.REFUSED,), 3)
    return EndpointEvidence(name, role, successes=successes, failures=failures, last_ok=False)


def good(name: str, role: str = "stream", **fields: Any) -> EndpointEvidence:
    return EndpointEvidence(name, role, successes=20, last_ok=True, **fields)


def unused(name: str, role: str = "stream") -> EndpointEvidence:
    return EndpointEvidence(name, role)


def situation(*endpoints: EndpointEvidence, **fields: Any) -> Evidence:
    return Evidence(now=100.0, endpoints=endpoints, **fields)


DEAD = (bad("stream-1"), bad("stream-2"), bad("rest-1", role="rest"))
FINE = (good("stream-1"), good("stream-2"), good("rest-1", "rest"))

TABLE = {
    "nothing is known": (situation(), P.NONE, ""),
    "all is well": (situation(*FINE, links={LinkPhase.HEALTHY: 5}), P.NONE, ""),
    "a quiet market with pings": (situation(*FINE, links={LinkPhase.DEGRADED: 5}), P.NONE, ""),
    "all links served by a fallback": (situation(*FINE, links={LinkPhase.FALLBACK: 5}), P.NONE, ""),
    "one connection was lost": (situation(evolve(good("stream-1"), failures={K.RESET: 1}, last_ok=False)), P.NONE, ""),
    "it failed often and works again": (situation(evolve(good("stream-1"), failures={K.RESET: 30})), P.NONE, ""),
    "it fails now and then and failed just now": (
        situation(EndpointEvidence("stream-1", "stream", successes=9, failures={K.RESET: 3}, last_ok=False)), P.NONE, "",
    ),
    "everything refuses, another venue lives": (situation(*DEAD, others_alive=True), P.EXCHANGE_OUTAGE, ""),
    "everything refuses, nothing to compare with": (situation(*DEAD), P.EXCHANGE_OUTAGE, ""),
    "everything refuses, the other venue is dead, too": (situation(*DEAD, others_alive=False), P.EXCHANGE_OUTAGE, ""),
    "5xx everywhere": (situation(bad("s", K.SERVER), bad("r", K.SERVER, role="rest")), P.EXCHANGE_OUTAGE, ""),
    "all streams fail, REST answers": (
        situation(bad("stream-1", K.TIMEOUT), bad("stream-2", K.TIMEOUT), good("rest-1", "rest")), P.EXCHANGE_OUTAGE, "stream",
    ),
    "the only stream endpoint is silent, REST answers": (
        situation(bad("stream-1", K.SILENCE), good("rest-1", "rest")), P.EXCHANGE_OUTAGE, "stream",
    ),
    "timeouts everywhere, another venue lives": (
        situation(bad("s", K.TIMEOUT), bad("r", K.TIMEOUT, role="rest"), others_alive=True), P.EXCHANGE_OUTAGE, "",
    ),
    "timeouts everywhere, the other venue is dead, too": (
        situation(bad("s", K.TIMEOUT), bad("r", K.TIMEOUT, role="rest"), others_alive=False), P.OWN_NETWORK, "",
    ),
    "timeouts everywhere, nothing to compare with": (
        situation(bad("s", K.TIMEOUT), bad("r", K.TIMEOUT, role="rest")), P.UNCLEAR, "",
    ),
    "no name can be looked up": (situation(bad("s", K.DNS), bad("r", K.DNS, role="rest")), P.OWN_NETWORK, ""),
    "no name can be looked up, another venue lives on open connections": (
        situation(bad("s", K.DNS), bad("r", K.DNS, role="rest"), others_alive=True), P.OWN_NETWORK, "",
    ),
    "the network cannot be reached": (situation(bad("s", K.UNREACHABLE), bad("r", K.DNS, role="rest")), P.OWN_NETWORK, ""),
    "the hosts cannot be reached, another venue can": (
        situation(bad("s", K.UNREACHABLE), bad("r", K.UNREACHABLE, role="rest"), others_alive=True), P.EXCHANGE_OUTAGE, "",
    ),
    "one name cannot be looked up": (
        situation(bad("stream-1", K.DNS), good("stream-2"), good("rest-1", "rest")), P.ONE_ENDPOINT, "stream-1",
    ),
    "one of three is silent": (
        situation(bad("stream-1", K.SILENCE), good("stream-2"), good("stream-3")), P.ONE_ENDPOINT, "stream-1",
    ),
    "one fails, the other was not tried": (
        situation(bad("stream-1"), unused("stream-2"), good("rest-1", "rest")), P.ONE_ENDPOINT, "stream-1",
    ),
    "the breaker of one is open": (
        situation(evolve(unused("stream-1"), breaker_open=True), good("stream-2")), P.ONE_ENDPOINT, "stream-1",
    ),
    "every breaker is open and nobody tries any more": (
        situation(evolve(unused("stream-1"), breaker_open=True), good("rest-1", "rest")), P.EXCHANGE_OUTAGE, "stream",
    ),
    "a ban looks like an outage": (situation(*DEAD, banned_until=160.0, others_alive=True), P.BAN, ""),
    "a ban that is over is none": (situation(*FINE, banned_until=99.0), P.NONE, ""),
    "a held loop makes everything look broken": (
        situation(*DEAD, lag=3.0, banned_until=160.0, clock_apart=9.0), P.LOOP_BLOCKED, "",
    ),
    "a loop that is a little late": (situation(*FINE, lag=0.4), P.NONE, ""),
    "the clock is wrong": (situation(*FINE, clock_apart=2.5), P.CLOCK, ""),
    "the clock is a little off": (situation(*FINE, clock_apart=0.6), P.NONE, ""),
    "the clock is wrong and one endpoint fails": (situation(bad("a"), good("b"), clock_apart=2.5), P.CLOCK, ""),
    "the clock is wrong in an outage": (situation(*DEAD, clock_apart=2.5), P.EXCHANGE_OUTAGE, ""),
    "new connections are refused, open ones deliver": (situation(*DEAD[:2], links={LinkPhase.HEALTHY: 3}), P.UNCLEAR, ""),
    "REST times out, streams deliver": (
        situation(unused("stream-1"), bad("rest-1", K.TIMEOUT, role="rest"), links={LinkPhase.HEALTHY: 3}),
        P.EXCHANGE_OUTAGE, "rest",
    ),
    "REST cannot be reached, streams deliver": (
        situation(unused("stream-1"), bad("r", K.UNREACHABLE, role="rest"), links={LinkPhase.HEALTHY: 3}, others_alive=False),
        P.EXCHANGE_OUTAGE, "rest",
    ),
    "links fail and nobody knows why": (situation(*FINE, links={LinkPhase.FAILED: 2}), P.UNCLEAR, ""),
}  # fmt: skip
ACTIONS = {
    P.NONE: Recommendation.NOTHING,
    P.UNCLEAR: Recommendation.LOOK,
    P.EXCHANGE_OUTAGE: Recommendation.WAIT,
    P.ONE_ENDPOINT: Recommendation.SWITCH_ENDPOINT,
    P.OWN_NETWORK: Recommendation.CHECK_NETWORK,
    P.LOOP_BLOCKED: Recommendation.FIND_BLOCKER,
    P.BAN: Recommendation.WAIT_OUT_BAN,
    P.CLOCK: Recommendation.SET_CLOCK,
}


@pytest.mark.parametrize("name", TABLE)
def test_each_situation_has_its_pattern(name: str) -> None:
    evidence, pattern, subject = TABLE[name]
    found = diagnose(evidence)
    assert (found.pattern, found.subject) == (pattern, subject)


@pytest.mark.parametrize("name", TABLE)
def test_each_pattern_has_its_action(name: str) -> None:
    found = diagnose(TABLE[name][0])
    assert found.action is ACTIONS[found.pattern]


def test_every_pattern_stands_in_the_table() -> None:
    assert {pattern for _, pattern, _ in TABLE.values()} == set(Pattern)


def test_a_ban_says_when_it_ends() -> None:
    assert diagnose(situation(banned_until=160.0)).until == 160.0


endpoints = st.builds(
    EndpointEvidence,
    name=st.sampled_from(["a", "b", "c"]),
    role=st.sampled_from(["stream", "rest"]),
    successes=st.integers(0, 5),
    failures=st.dictionaries(st.sampled_from(FailureKind), st.integers(0, 5), max_size=3),
    last_ok=st.sampled_from([True, False, None]),
    breaker_open=st.booleans(),
)
anything = st.builds(
    Evidence,
    now=st.just(100.0),
    endpoints=st.lists(endpoints, max_size=4),
    links=st.dictionaries(st.sampled_from(LinkPhase), st.integers(0, 3), max_size=3),
    banned_until=st.none() | st.floats(allow_nan=True),
    lag=st.floats(allow_nan=True),
    clock_apart=st.none() | st.floats(allow_nan=True),
    others_alive=st.sampled_from([True, False, None]),
)


@settings(max_examples=60)
@given(anything)
def test_there_is_an_answer_to_everything_and_it_gives_reasons(evidence: Evidence) -> None:
    found = diagnose(evidence)
    assert found.action is ACTIONS[found.pattern]
    assert bool(found.evidence) == (found.pattern is not P.NONE)
    assert all(sentence.endswith(".") for sentence in found.evidence)


@settings(max_examples=60)
@given(anything)
def test_none_if_and_only_if_nothing_is_wrong(evidence: Evidence) -> None:
    banned, apart = evidence.banned_until, evidence.clock_apart
    wrong = (
        evidence.lag >= 1.0
        or (banned is not None and banned > evidence.now)
        or (apart is not None and apart >= 1.0)
        or any(one.failing for one in evidence.endpoints)
        or any(evidence.links.get(phase, 0) > 0 for phase in TROUBLED)
    )
    assert (diagnose(evidence).pattern is P.NONE) == (not wrong)
