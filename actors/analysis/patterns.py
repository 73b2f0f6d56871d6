"""Which pattern fits what is going on. Pure: what is known is an argument.

The order of the questions is the theory of it: each one is about something that makes all the later ones look broken, too.

    1. Is our own event loop held?   Then pings are late, answers time out and clocks seem off: nothing else can be believed.
    2. Are we banned?                A ban looks like an outage: every endpoint refuses us. But it has an end, and trying makes
                                     it longer.
    3. Is it our network?            Then nothing answers anywhere. Names that cannot be looked up and networks that cannot be
                                     reached are about us, unless another venue is fine; a dead resolver leaves open
                                     connections alive, so about names another venue's life proves nothing.
    4. Is the exchange out?          Every endpoint of a role fails. What answers, if only to refuse, proves that our network
                                     works; mere silence does so only if another venue lives, or another role.
    5. Is the clock wrong?           Everything connects, and what is signed is refused.
    6. Is it one endpoint?           Others of its role work, or have not been tried.
    7. Otherwise something may be wrong that fits no pattern: UNCLEAR.

NONE if and only if nothing is wrong: a quiet market is not, nor a link that was lost once, nor one served by a fallback.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from attrs import Factory, frozen
from msgspec import Struct

from actors.analysis.failures import FailureKind
from actors.link_state import LinkPhase

__all__ = ["Diagnosis", "EndpointEvidence", "Evidence", "Pattern", "Recommendation", "diagnose"]

LAG_OF_A_HELD_LOOP = 1.0
"""Seconds."""
CLOCK_APART = 1.0
"""Seconds that the clocks must surely be apart: an exchange refuses what is signed with a time that far ahead."""
ENOUGH_FAILURES = 2
"""Failures that make an endpoint suspicious: one is a bad moment."""
STREAM = "stream"
"""The role whose endpoints links connect to."""
TROUBLED = frozenset({LinkPhase.UNSTABLE, LinkPhase.FAILING, LinkPhase.FAILED})
"""States of a link in which something is wrong. DEGRADED is not: it was lost once, or is quiet."""

OURS = frozenset({FailureKind.DNS, FailureKind.UNREACHABLE})
"""Failures that never left our machine or our network."""
ANSWERED = frozenset({FailureKind.REFUSED, FailureKind.RESET, FailureKind.SERVER, FailureKind.CLOSED, FailureKind.TLS})
"""Failures that somebody over there has caused: the way there works."""


class Pattern(StrEnum):
    """What may be behind it."""

    NONE = "none"
    """Nothing is wrong."""
    UNCLEAR = "unclear"
    """Something is wrong, and no pattern fits."""
    EXCHANGE_OUTAGE = "exchange_outage"
    ONE_ENDPOINT = "one_endpoint"
    OWN_NETWORK = "own_network"
    LOOP_BLOCKED = "loop_blocked"
    BAN = "ban"
    CLOCK = "clock"


class Recommendation(StrEnum):
    """What to do about it."""

    NOTHING = "nothing"
    WAIT = "wait"
    SWITCH_ENDPOINT = "switch_endpoint"
    CHECK_NETWORK = "check_network"
    FIND_BLOCKER = "find_blocker"
    WAIT_OUT_BAN = "wait_out_ban"
    SET_CLOCK = "set_clock"
    LOOK = "look"
    """A person should."""


class Diagnosis(Struct, frozen=True):
    """The pattern that fits best, and why."""

    pattern: Pattern
    action: Recommendation
    evidence: tuple[str, ...] = ()
    """One plain sentence each."""
    subject: str = ""
    """The endpoint, or the role, where it is about one."""
    until: float | None = None
    """When it ends by itself, where that is known, in seconds of the loop's clock."""


@frozen
class EndpointEvidence:
    """How an endpoint did of late."""

    name: str
    role: str
    """`stream` or `rest`."""
    successes: int = 0
    failures: Mapping[FailureKind, int] = Factory(dict)
    last_ok: bool | None = None
    """How its last use went; None: it was not used of late."""
    breaker_open: bool = False

    @property
    def failing(self) -> bool:
        """Its breaker is open, or it failed more than once and did not recover."""
        failed = sum(self.failures.values())
        return self.breaker_open or (self.last_ok is False and failed >= ENOUGH_FAILURES and failed > self.successes)

    def why(self) -> str:
        """One sentence."""
        kinds = [f"{count} x {kind.value}" for kind, count in sorted(self.failures.items(), key=lambda pair: -pair[1])]
        return f"{self.name} fails: {', '.join(kinds) or 'its breaker is open'}, {self.successes} successes."


@frozen
class Evidence:
    """All that is known at one moment."""

    now: float
    endpoints: Sequence[EndpointEvidence] = ()
    """All of the venue, also those that were not used."""
    links: Mapping[LinkPhase, int] = Factory(dict)
    """How many links are in each state."""
    banned_until: float | None = None
    lag: float = 0.0
    """Seconds: the worst of the event loop of late."""
    clock_apart: float | None = None
    """Seconds that the clocks are surely apart; None: not known."""
    others_alive: bool | None = None
    """Whether data flows from another venue; None: there is none to compare with."""

    @property
    def flows(self) -> bool:
        """Data flows from this venue, whatever new connections meet: one of long ago is no use of an endpoint of late."""
        return self.links.get(LinkPhase.HEALTHY, 0) > 0

    @property
    def reached(self) -> bool | None:
        """Whether our network reaches anybody, by what flows; None: nothing flowed before either."""
        return True if self.flows else self.others_alive


def diagnose(evidence: Evidence) -> Diagnosis:
    """The first pattern, in the order above, that fits. Never raises."""
    for question in _QUESTIONS:
        answer = question(evidence)
        if answer is not None:
            return answer
    return Diagnosis(Pattern.NONE, Recommendation.NOTHING)


def _loop(evidence: Evidence) -> Diagnosis | None:
    if not evidence.lag >= LAG_OF_A_HELD_LOOP:
        return None
    sentence = f"Our event loop was held for {evidence.lag:.1f} s: nothing else that was measured meanwhile can be believed."
    return Diagnosis(Pattern.LOOP_BLOCKED, Recommendation.FIND_BLOCKER, (sentence,))


def _ban(evidence: Evidence) -> Diagnosis | None:
    until = evidence.banned_until
    if until is None or not until > evidence.now:
        return None
    sentence = f"The exchange refuses our address for {until - evidence.now:.0f} s more."
    return Diagnosis(Pattern.BAN, Recommendation.WAIT_OUT_BAN, (sentence,), until=until)


def _network(evidence: Evidence) -> Diagnosis | None:
    failing = [one for one in evidence.endpoints if one.failing]
    if not failing or any(one.last_ok for one in evidence.endpoints):
        return None
    kinds = _kinds(failing)
    fits, because = False, ""
    if evidence.reached is False and not kinds & ANSWERED:
        fits, because = True, "No other venue delivers either."
    elif kinds and kinds <= OURS and not evidence.reached:
        fits, because = True, "Nothing has left our own network."
    elif kinds == {FailureKind.DNS}:
        fits, because = True, "No name can be looked up; what still flows does so over connections that were open before."
    if not fits:
        return None
    return Diagnosis(Pattern.OWN_NETWORK, Recommendation.CHECK_NETWORK, (*(one.why() for one in failing), because))


def _outage(evidence: Evidence) -> Diagnosis | None:
    for role in dict.fromkeys(one.role for one in evidence.endpoints):
        ours = [one for one in evidence.endpoints if one.role == role]
        if not all(one.failing for one in ours) or (role == STREAM and evidence.flows):
            continue
        elsewhere = [one for one in evidence.endpoints if one.role != role]
        reached = _kinds(ours) & ANSWERED or any(one.last_ok for one in elsewhere) or evidence.reached
        if not reached:
            continue  # it may be our network as well: who says that a packet ever got there?
        because = [one.why() for one in ours]
        if evidence.others_alive:
            because.append("Another venue delivers: our network works.")
        whole = all(one.failing for one in elsewhere)
        return Diagnosis(Pattern.EXCHANGE_OUTAGE, Recommendation.WAIT, tuple(because), subject="" if whole else role)
    return None


def _clock(evidence: Evidence) -> Diagnosis | None:
    apart = evidence.clock_apart
    if apart is None or not apart >= CLOCK_APART:
        return None
    sentence = f"Our clock and the exchange's are {apart:.2f} s apart, at the least."
    return Diagnosis(Pattern.CLOCK, Recommendation.SET_CLOCK, (sentence,))


def _endpoint(evidence: Evidence) -> Diagnosis | None:
    for role in dict.fromkeys(one.role for one in evidence.endpoints):
        ours = [one for one in evidence.endpoints if one.role == role]
        failing = [one for one in ours if one.failing]
        if not failing or len(failing) == len(ours):
            continue
        others = ", ".join(one.name for one in ours if not one.failing)
        because = (*(one.why() for one in failing), f"Not so: {others}.")
        worst = max(failing, key=lambda one: sum(one.failures.values()))
        return Diagnosis(Pattern.ONE_ENDPOINT, Recommendation.SWITCH_ENDPOINT, because, subject=worst.name)
    return None


def _unclear(evidence: Evidence) -> Diagnosis | None:
    because = [one.why() for one in evidence.endpoints if one.failing]
    because += [
        f"{count} links are {phase.value}." for phase, count in evidence.links.items() if phase in TROUBLED and count > 0
    ]
    return Diagnosis(Pattern.UNCLEAR, Recommendation.LOOK, tuple(because)) if because else None


_QUESTIONS: Sequence[Callable[[Evidence], Diagnosis | None]] = (_loop, _ban, _network, _outage, _clock, _endpoint, _unclear)


def _kinds(endpoints: Sequence[EndpointEvidence]) -> frozenset[FailureKind]:
    return frozenset(kind for one in endpoints for kind, count in one.failures.items() if count > 0)
