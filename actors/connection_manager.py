"""ConnectionManager: who may connect where, and when.

It dials nothing itself but probes. It grants leases: to the endpoint in force for the role, through that endpoint's breaker,
within the exchange's rate of connection attempts and of REST weight. Its promise: a refused endpoint is not dialled again
before its breaker allows it.

A lease's permit is settled by `LeaseOutcome`; if its holder dies first, the permit is given back without a verdict. An endpoint
that is out of use is probed when its breaker allows, so that there is evidence on which to return to it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from attrs import define, field

from actors.errors import CircuitOpen, ConnectFailed
from actors.ports import Endpoint, Exchange, Role, Transport
from actors.protocol import (
    BREAKERS,
    ENDPOINTS,
    STATES,
    BreakerMoved,
    ConnectionMessage,
    Denied,
    EndpointDown,
    EndpointInForce,
    EndpointUp,
    Lease,
    LeaseEnded,
    LeaseOutcome,
    Probe,
    RequestLease,
    RequestWeight,
    UseEndpoint,
)
from actors.resilience import BreakerConfig, BreakerState, CircuitBreaker, Permit, RateLimiter, RollingWindow
from supervisor import Actor, Down, Message, Monitor, Ref

__all__ = ["ConnectionManager"]


class _OpenBreaker(Message, frozen=True):
    """What is remembered of an open breaker: a restarted manager must not dial what its predecessor gave up on."""

    until: float


@define(eq=False)
class _Granted:
    """A lease that has not ended."""

    endpoint: Endpoint
    holder: Ref[Any]
    monitor: Monitor
    permit: Permit | None
    """None once its outcome is known."""


@define(eq=False)
class ConnectionManager(Actor[ConnectionMessage]):
    """Grants leases.

    Args:
        exchange: its endpoints and limits.
        transport: for probes.
        config: of every endpoint's breaker.
    """

    exchange: Exchange
    transport: Transport
    config: BreakerConfig = field(factory=BreakerConfig)
    _endpoints: dict[str, Endpoint] = field(init=False, factory=dict)
    _breakers: dict[str, CircuitBreaker] = field(init=False, factory=dict)
    _in_force: dict[Role, Endpoint] = field(init=False, factory=dict)
    _leases: dict[int, _Granted] = field(init=False, factory=dict)
    _ids: Callable[[], int] = field(init=False, factory=lambda: itertools.count(1).__next__)
    _attempts: RateLimiter = field(init=False)
    _weight: RateLimiter = field(init=False)

    async def on_start(self) -> None:
        """Know the endpoints; recall which breakers were open. Cancellation: atomic."""
        limits, now = self.exchange.limits, self.context.runtime.now()
        self._attempts = RateLimiter(RollingWindow(limits.attempts, limits.attempts_within))
        self._weight = RateLimiter(RollingWindow(limits.weight, limits.weight_within))
        remembered = self.recall_all(_OpenBreaker)
        for endpoint in self.exchange.endpoints:
            self._endpoints[endpoint.name] = endpoint
            self._in_force.setdefault(endpoint.role, endpoint)
            breaker = self._breakers[endpoint.name] = CircuitBreaker(endpoint.name, self.config)
            if endpoint.name in remembered:
                breaker.open_until(remembered[endpoint.name].until, now)
                breaker.drain_transitions()
                self.after(max(breaker.retry_at(now) - now, 0.0), Probe(endpoint.name), key=endpoint.name)
        preferred = self.recall_all(UseEndpoint)
        for use in preferred.values():
            self._in_force[use.role] = self._endpoints.get(use.endpoint, self._in_force[use.role])
        # After a restart, holders wait for nobody: let them ask again.
        for role, endpoint in self._in_force.items():
            self.publish(ENDPOINTS, EndpointInForce(role, endpoint))

    def receive(self, message: ConnectionMessage) -> Lease | Denied | None:
        """Answer at once, whatever is asked."""
        match message:
            case RequestLease(role, holder):
                return self._grant(role, holder, self._attempts, 1)
            case RequestWeight(weight, holder):
                return self._grant(Role.REST, holder, self._weight, weight)
            case LeaseOutcome():
                self._settle(message)
            case LeaseEnded(lease):
                self._drop(lease)
            case Down(ref):
                for lease in [number for number, granted in self._leases.items() if granted.holder == ref]:
                    self._drop(lease)
            case UseEndpoint():
                self._use(message)
            case Probe(endpoint):
                self._probe(self._endpoints[endpoint])
        return None

    def _grant(self, role: Role, holder: Ref[Any], limiter: RateLimiter, weight: int) -> Lease | Denied:
        now = self.context.runtime.now()
        endpoint = self._choose(role, now)
        wait = limiter.delay(now, weight)
        if wait > 0:
            return Denied(now + wait, f"the exchange's limit at {endpoint.name} is used up")
        try:
            permit = self._acquire(endpoint)
        except CircuitOpen as error:
            return Denied(error.until, str(error))
        limiter.try_take(now, weight)
        lease = self._ids()
        self._leases[lease] = _Granted(endpoint, holder, self.monitor(holder), permit)
        return Lease(lease, endpoint)

    def _choose(self, role: Role, now: float) -> Endpoint:
        """The endpoint in force. A REST request is not tied to one: where it has just failed, it goes to one that has not."""
        in_force = self._in_force[role]
        if role is not Role.REST or not self._failing(in_force, now):
            return in_force
        others = [endpoint for endpoint in self._endpoints.values() if endpoint.role is role]
        return next((endpoint for endpoint in others if not self._failing(endpoint, now)), in_force)

    def _failing(self, endpoint: Endpoint, now: float) -> bool:
        statistics = self._breakers[endpoint.name].statistics(now)
        return statistics.consecutive_failures > 0 or statistics.state is not BreakerState.CLOSED

    def _settle(self, outcome: LeaseOutcome) -> None:
        granted = self._leases.get(outcome.lease)
        if granted is None or granted.permit is None:
            return  # of an earlier life of this manager, whose breakers are gone
        permit, granted.permit = granted.permit, None
        breaker, now = self._breakers[granted.endpoint.name], self.context.runtime.now()
        if outcome.error is None:
            breaker.record_success(permit, now)
        elif outcome.blameless:
            breaker.release(permit)
        else:
            breaker.record_failure(permit, now, outcome.open_until)
            self.context.log.info("attempt failed", endpoint=granted.endpoint.name, error=outcome.error)
        if outcome.error is not None:
            self._drop(outcome.lease)
        self._report(granted.endpoint)

    def _drop(self, lease: int) -> None:
        granted = self._leases.pop(lease, None)
        if granted is not None:
            granted.monitor.cancel()
            if granted.permit is not None:
                self._breakers[granted.endpoint.name].release(granted.permit)

    def _acquire(self, endpoint: Endpoint) -> Permit:
        try:
            return self._breakers[endpoint.name].acquire(self.context.runtime.now())
        finally:
            self._report(endpoint)

    def _use(self, use: UseEndpoint) -> None:
        endpoint = self._endpoints[use.endpoint]
        if self._in_force[use.role] != endpoint:
            self._in_force[use.role] = endpoint
            self.remember(use, key=use.role.value)
            self.publish(ENDPOINTS, EndpointInForce(use.role, endpoint))

    # ---- probes

    def _probe(self, endpoint: Endpoint) -> None:
        breaker, now = self._breakers[endpoint.name], self.context.runtime.now()
        if breaker.state(now) is BreakerState.CLOSED:
            return
        if self._in_force[endpoint.role] == endpoint or endpoint.role is not Role.STREAM:
            return  # whoever needs it will try it
        try:
            if self._attempts.try_take(now) == 0:
                self.spawn(self._dial, endpoint, self._acquire(endpoint))
            else:
                self.after(self._attempts.delay(now), Probe(endpoint.name), key=endpoint.name)
        except CircuitOpen as error:
            self.after(max(error.until - now, 0.1), Probe(endpoint.name), key=endpoint.name)

    async def _dial(self, endpoint: Endpoint, permit: Permit) -> None:
        """Open a connection and close it again, to know that it can be. Cancellation: the permit is given back."""
        breaker = self._breakers[endpoint.name]
        try:
            channel = await self.transport.connect(self.exchange.stream_url(endpoint))
        except ConnectFailed:
            breaker.record_failure(permit, self.context.runtime.now())
        except BaseException:
            breaker.release(permit)
            raise
        else:
            breaker.record_success(permit, self.context.runtime.now())
            await channel.aclose()
        self._report(endpoint)
        now = self.context.runtime.now()
        if breaker.state(now) is not BreakerState.CLOSED:
            self.after(max(breaker.retry_at(now) - now, self.config.ask_again), Probe(endpoint.name), key=endpoint.name)

    def _report(self, endpoint: Endpoint) -> None:
        """Tell what the breaker did, and see to what follows from it."""
        now, states = self.context.runtime.now(), self.lookup(STATES)
        breaker = self._breakers[endpoint.name]
        for moved in breaker.drain_transitions():
            self.publish(BREAKERS, BreakerMoved(moved.name, moved.before.value, moved.after.value, moved.at))
            self.context.log.info("breaker moved", endpoint=moved.name, before=moved.before.value, after=moved.after.value)
            if moved.after is BreakerState.OPEN:
                until = breaker.retry_at(now)
                self.remember(_OpenBreaker(until), key=endpoint.name)
                self.after(max(until - now, 0.0), Probe(endpoint.name), key=endpoint.name)
                states.tell(EndpointDown(endpoint.role, endpoint.name))
            elif moved.after is BreakerState.CLOSED:
                self.forget(_OpenBreaker, key=endpoint.name)
                states.tell(EndpointUp(endpoint.role, endpoint.name))
