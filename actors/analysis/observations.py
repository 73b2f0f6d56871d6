"""What was heard of late of endpoints, links and other venues, as evidence for a diagnosis. Bounded; without a clock.

Uses of an endpoint count for `within` seconds. What is not tried any more, because its breaker is open, stays known as failing.
Of other venues only one thing matters: whether any link of theirs delivers.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from attrs import define, field

from actors.analysis.failures import FailureKind, failure_kind
from actors.analysis.patterns import EndpointEvidence, Evidence
from actors.link_state import LinkPhase

__all__ = ["Observations"]

KEPT_USES = 200
"""Uses of one endpoint that are kept."""
MOST = 2_000
"""Endpoints, and links of each kind, that are kept; past that new ones are not taken in."""
DELIVERS = frozenset({LinkPhase.HEALTHY, LinkPhase.DEGRADED, LinkPhase.RECOVERING, LinkPhase.FALLBACK})


@define
class _Endpoint:
    role: str
    uses: deque[tuple[float, FailureKind | None]] = field(factory=lambda: deque(maxlen=KEPT_USES))
    """(when, how it failed; None: it did not)"""
    breaker_open: bool = False


@define
class Observations:
    """What one venue's monitor has heard.

    Args:
        venue: its own.
        within: seconds that the use of an endpoint counts.
    """

    venue: str
    within: float = 120.0
    banned_until: float | None = field(init=False, default=None)
    _endpoints: dict[str, _Endpoint] = field(init=False, factory=dict)
    _links: dict[str, LinkPhase] = field(init=False, factory=dict)
    _others: dict[tuple[str, str], LinkPhase] = field(init=False, factory=dict)
    """{(venue, link): its state}"""

    def know(self, endpoint: str, role: str) -> None:
        """There is this endpoint: one that was never tried is no proof of an outage."""
        if endpoint not in self._endpoints and len(self._endpoints) < MOST:
            self._endpoints[endpoint] = _Endpoint(role)

    def used(self, endpoint: str, role: str, *, ok: bool, reason: str, banned_until: float | None, now: float) -> None:
        """An endpoint was used."""
        self.know(endpoint, role)
        known = self._endpoints.get(endpoint)
        if known is not None:
            known.uses.append((now, None if ok else failure_kind(reason)))
        if banned_until is not None:
            self.banned_until = max(banned_until, self.banned_until or banned_until)

    def breaker(self, endpoint: str, *, is_open: bool) -> None:
        """An endpoint's breaker moved."""
        known = self._endpoints.get(endpoint)
        if known is not None:
            known.breaker_open = is_open

    def link(self, venue: str, link: str, phase: LinkPhase) -> None:
        """A link moved, of this venue or of another."""
        if venue == self.venue:
            if link in self._links or len(self._links) < MOST:
                self._links[link] = phase
        elif (venue, link) in self._others or len(self._others) < MOST:
            self._others[venue, link] = phase

    def forget_link(self, link: str) -> None:
        """It no longer exists."""
        self._links.pop(link, None)

    def phase_of(self, link: str) -> LinkPhase | None:
        """The state that a link of this venue was heard to be in."""
        return self._links.get(link)

    def evidence(self, now: float, *, lag: float, clock_apart: float | None) -> Evidence:
        """All of it, at this moment."""
        return Evidence(
            now=now,
            endpoints=[self._of(name, endpoint, now) for name, endpoint in self._endpoints.items()],
            links=Counter(self._links.values()),
            banned_until=self.banned_until,
            lag=lag,
            clock_apart=clock_apart,
            others_alive=self._others_alive(self._others.values()),
        )

    def _of(self, name: str, endpoint: _Endpoint, now: float) -> EndpointEvidence:
        uses = endpoint.uses
        while uses and now - uses[0][0] > self.within:
            uses.popleft()
        failures = Counter(kind for _, kind in uses if kind is not None)
        return EndpointEvidence(
            name=name,
            role=endpoint.role,
            successes=len(uses) - failures.total(),
            failures=failures,
            last_ok=uses[-1][1] is None if uses else None,
            breaker_open=endpoint.breaker_open,
        )

    def _others_alive(self, phases: Iterable[LinkPhase]) -> bool | None:
        known = list(phases)
        return any(phase in DELIVERS for phase in known) if known else None
