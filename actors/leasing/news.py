"""What a ConnectionManager tells others: where leases go, what breakers did, how endpoints are doing, what is getting short."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from actors.leasing.machine import Leasing
from actors.ports import Endpoint, Role
from actors.protocol import (
    BREAKERS,
    ENDPOINT_REPORTS,
    ENDPOINTS,
    LEASES,
    STATES,
    BreakerMoved,
    EndpointDown,
    EndpointInForce,
    EndpointReport,
    EndpointUp,
    ManagerStarted,
    Pressure,
    PressureKind,
)
from actors.resilience import BreakerState
from actors.resilience.breaking.config import Transition
from actors.transport.failures import public_url
from supervisor import Actor

__all__ = ["LeaseNews"]

DOWN = (BreakerState.OPEN, BreakerState.ISOLATED)


@define(eq=False)
class LeaseNews:
    """Tells, on behalf of an actor.

    Args:
        actor: who tells.
        leasing: what is told of.
        venue: the exchange.
    """

    actor: Actor[Any]
    leasing: Leasing
    venue: str
    _first: dict[Role, Endpoint] = field(init=False, factory=dict)
    """Where leases go to first, as it was announced."""
    _out: bool = field(init=False, default=False)
    """No attempt to open a stream connection has succeeded since one failed."""

    def started(self) -> None:
        """Ask holders what they hold, and let them ask again: after a restart they wait for nobody."""
        self.actor.publish(LEASES, ManagerStarted(self.venue))
        self.first()

    def first(self, *, again: bool = False) -> None:
        """Say where leases go to first, where that has changed, or to whom waits `again` anyway."""
        for role in Role:
            first = self.leasing.first(role)
            if first is None:
                self._first.pop(role, None)
            elif again or self._first.get(role) != first:
                self._first[role] = first
                self.actor.publish(ENDPOINTS, EndpointInForce(role, first, self.venue))

    def moved(self, transition: Transition) -> None:
        """A breaker went from one state to another."""
        name, before, after = transition.name, transition.before, transition.after
        endpoint, states = self.leasing.endpoints[name], self.actor.lookup(STATES)
        self.actor.publish(BREAKERS, BreakerMoved(name, before, after, transition.at, self.venue))
        self.actor.context.log.info("breaker moved", endpoint=name, before=before.value, after=after.value)
        if after in DOWN:
            states.tell(EndpointDown(endpoint.role, name))
        elif after is BreakerState.CLOSED:
            states.tell(EndpointUp(endpoint.role, name))

    def went_well(self, endpoint: Endpoint, seconds: float | None) -> None:
        """A connection was opened, or a request answered."""
        self._out = self._out and endpoint.role is not Role.STREAM
        self._report(endpoint, True, seconds, "")

    def failed(self, endpoint: Endpoint, seconds: float | None, reason: str) -> None:
        """It was not. The first failure of an outage is a warning: who watches only those learns of a missing network by it."""
        log = self.actor.context.log
        if endpoint.role is Role.STREAM and not self._out:
            self._out = True
            log.warning("cannot connect", endpoint=endpoint.name, url=public_url(endpoint.url), error=reason)
        else:
            log.info("attempt failed", endpoint=endpoint.name, error=reason)
        self._report(endpoint, False, seconds, reason)

    def lost(self, endpoint: Endpoint, reason: str) -> None:
        """An open connection was lost, for which the endpoint may be to blame."""
        self._report(endpoint, False, None, reason)

    def asked_too_much(self) -> None:
        """The exchange says so."""
        self.actor.lookup(STATES).tell(Pressure(PressureKind.RATE, 1.0))

    def pressure(self) -> None:
        """Tell what is getting short, or is no longer, where it has changed."""
        for kind, share in self.leasing.budget.pressures(self.actor.context.runtime.now()):
            self.actor.lookup(STATES).tell(Pressure(kind, share))

    def _report(self, endpoint: Endpoint, ok: bool, seconds: float | None, reason: str) -> None:
        until = self.leasing.budget.banned_until(endpoint.role)
        banned = until if until > self.actor.context.runtime.now() else None
        told = EndpointReport(endpoint.role, endpoint.name, ok, seconds, reason, self.venue, banned)
        self.actor.lookup(STATES).tell(told)
        self.actor.publish(ENDPOINT_REPORTS, told)
