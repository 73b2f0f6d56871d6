"""Which endpoint a lease goes to, or why there is none. No clock, no task: the ConnectionManager says what time it is.

Theory of operation:

* Each endpoint has a breaker. A lease goes to the first endpoint of the order in force whose breaker lets it in, then to those
  that are not in the order: to use what rests is better than to have nothing, and its breaker still says how often.
* A connection stays where it is for hours, so it follows the order. A request does not: it goes past an endpoint that has just
  failed, and it is what tries a better endpoint whose breaker is half open: nobody else would.
* What an operator has isolated is never used.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import define, field, frozen

from actors.leasing.budget import LeaseBudget, Shortage
from actors.ports import Endpoint, Limits, Role
from actors.protocol import Denial, Purpose
from actors.resilience import BreakerConfig, BreakerMachine, BreakerState, Permit
from actors.resilience.breaking.config import Refusal
from actors.transport.failures import public_url

__all__ = ["Grant", "Leasing"]

ASK_AGAIN = 10.0
"""Seconds after which to ask again where an operator has isolated everything: a release is not announced ahead."""


@frozen
class Grant:
    """Leave to use an endpoint once."""

    endpoint: Endpoint
    permit: Permit


def _by_name(endpoints: Iterable[Endpoint]) -> dict[str, Endpoint]:
    return {endpoint.name: endpoint for endpoint in endpoints}


@define(eq=False)
class Leasing:
    """Grants, and learns from how it went.

    Args:
        endpoints: all of them, each role's in order of preference.
        limits: the exchange's.
        config: of every endpoint's breaker.
    """

    endpoints: Mapping[str, Endpoint] = field(converter=_by_name)
    limits: Limits
    config: BreakerConfig = field(factory=BreakerConfig)
    budget: LeaseBudget = field(init=False)
    breakers: dict[str, BreakerMachine] = field(init=False)
    _orders: dict[Role, tuple[str, ...]] = field(init=False, factory=dict)
    _failed_at: dict[str, float] = field(init=False, factory=dict)
    """{endpoint: when its last failure was, unless it succeeded since}"""

    def __attrs_post_init__(self) -> None:
        self.budget = LeaseBudget(self.limits)
        self.breakers = {name: BreakerMachine(name, self.config) for name in self.endpoints}
        for role in Role:
            self._orders[role] = self._of(role)

    # ---- grants

    def ask(self, role: Role, purpose: Purpose, avoid: str, weight: int, now: float) -> Grant | Shortage:
        """Grant a lease, and count it; or say why not.

        Args:
            role: which endpoints.
            purpose: what a connection is wanted for.
            avoid: an endpoint that another one of the order is preferred to.
            weight: of a request.
            now: the time.
        """
        names = [name for name in self._candidates(role, avoid, now) if not self.is_isolated(name)]
        if not names:
            reason = f"no endpoint of the role {role.value} is in use: an operator has to release one"
            return Shortage(Denial.ISOLATED, now + ASK_AGAIN, reason)
        # Before the breaker is asked: a place for a probe would be taken, and not used.
        short = self.budget.shortage(role, purpose, weight, now)
        if short is not None:
            return short
        refusals: list[tuple[float, str]] = []
        for name in names:
            given = self.breakers[name].try_acquire(now)
            if not isinstance(given, Refusal):
                self.budget.spend(role, weight, now)
                return Grant(self.endpoints[name], given)
            refusals.append((given.until, str(given.error(name, given.until))))
        until, reason = min(refusals)
        return Shortage(Denial.CIRCUIT_OPEN, until, reason)

    def probe(self, endpoint: Endpoint, now: float) -> Grant | float:
        """Leave to see whether an endpoint can be reached again; or when to ask for that next."""
        short = self.budget.shortage(endpoint.role, Purpose.HAND_OVER, 1, now)
        if short is not None:
            return short.until
        given = self.breakers[endpoint.name].try_acquire(now)
        if isinstance(given, Refusal):
            return given.until
        self.budget.spend(endpoint.role, 1, now)
        return Grant(endpoint, given)

    def _candidates(self, role: Role, avoid: str, now: float) -> list[str]:
        order = self._orders[role]
        names = sorted(order, key=lambda name: name == avoid)
        names += [name for name in self._of(role) if name not in order]
        if role is not Role.REST or not names:
            return names
        preferred = self._of(role)
        better = preferred[: preferred.index(names[0])]
        tried = [name for name in better if self.breakers[name].state(now) is BreakerState.HALF_OPEN]
        return sorted(dict.fromkeys([*tried, *names]), key=lambda name: self._failing(name, now))

    def _failing(self, name: str, now: float) -> bool:
        breaker = self.breakers[name]
        if breaker.state(now) is BreakerState.CLOSED:
            return now - self._failed_at.get(name, -math.inf) < self.config.open_for
        return breaker.retry_at(now) > now

    # ---- outcomes

    def succeeded(self, grant: Grant, now: float) -> None:
        """It went well."""
        self.breakers[grant.endpoint.name].record_success(grant.permit, now)
        self._failed_at.pop(grant.endpoint.name, None)

    def failed(self, grant: Grant, now: float, reason: str, open_until: float | None = None) -> None:
        """The endpoint failed, and may have said when to come back."""
        self.breakers[grant.endpoint.name].record_failure(grant.permit, now, open_until, reason)
        self._failed_at[grant.endpoint.name] = now

    def given_back(self, grant: Grant) -> None:
        """It was not used, or says nothing about the endpoint."""
        self.breakers[grant.endpoint.name].release(grant.permit)

    # ---- the order, and what an operator decides

    def use(self, role: Role, order: Iterable[str]) -> bool:
        """Grant to these, best first; False: none of them is an endpoint of this role, and nothing changes."""
        known = tuple(dict.fromkeys(name for name in order if name in self._of(role)))
        self._orders[role] = known or self._orders[role]
        return bool(known)

    def first(self, role: Role) -> Endpoint | None:
        """Where leases go to first; None: there is no such endpoint, or all are isolated."""
        names = dict.fromkeys((*self._orders[role], *self._of(role)))
        return next((self.endpoints[name] for name in names if not self.is_isolated(name)), None)

    def is_isolated(self, name: str) -> bool:
        """Whether an operator has taken it out of use."""
        breaker = self.breakers[name]
        return not breaker.closed and breaker.state(-math.inf) is BreakerState.ISOLATED

    def isolate(self, name: str, now: float) -> bool:
        """Take it out of use; False: there is none of that name."""
        breaker = self.breakers.get(name)
        if breaker is not None and not self.is_isolated(name):
            breaker.isolate(now, "an operator")
        return breaker is not None

    def release(self, name: str, now: float) -> bool:
        """Bring it back; False: there is none of that name, or it was not isolated."""
        found = name in self.breakers and self.is_isolated(name)
        if found:
            self.breakers[name].reset(now, "an operator")
        return found

    def reset(self, now: float) -> int:
        """Close all that are not closed, but for the isolated: those stay until they are released. How many there were."""
        shut = [one for name, one in self.breakers.items() if not one.closed and not self.is_isolated(name)]
        for breaker in shut:
            breaker.reset(now, "an operator")
        self._failed_at.clear()
        return len(shut)

    def portrait(self, leases: Mapping[str, int], now: float) -> dict[str, dict[str, Any]]:
        """All that is known of each endpoint, and of what our address has spent, as plain data.

        Args:
            leases: how many each endpoint has.
            now: the time.
        """
        found: dict[str, dict[str, Any]] = {}
        for name, endpoint in self.endpoints.items():
            known = self.breakers[name].statistics(now)
            found[name] = {
                "role": endpoint.role.value,
                "url": public_url(endpoint.url),
                "breaker": known.state.value,
                "retry_in": None if known.retry_at == math.inf else max(known.retry_at - now, 0.0),
                "failures": known.failures,
                "leases": leases.get(name, 0),
                "first": self.first(endpoint.role) == endpoint,
            }
        for role, limit in ((Role.STREAM, self.limits.attempts), (Role.REST, self.limits.weight)):
            banned_for = max(self.budget.banned_until(role) - now, 0.0)
            used = self.budget.used(role, now)
            found[f"our address: {role.value}"] = {"used": used, "limit": limit, "banned_for": banned_for}
        return found

    def _of(self, role: Role) -> tuple[str, ...]:
        return tuple(name for name, endpoint in self.endpoints.items() if endpoint.role is role)
