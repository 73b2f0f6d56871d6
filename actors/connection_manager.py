"""ConnectionManager: who may connect where, and when.

It dials nothing itself but probes. It grants leases: to the endpoint in force for the role, through that endpoint's breaker,
within the exchange's rate of connection attempts and of REST weight, which it remembers with the bans. Its promise: a refused
endpoint is not dialled again before its breaker allows it.

A lease's permit is settled by `LeaseOutcome`; if its holder dies first, the permit is given back without a verdict. An endpoint
that is out of use is probed when its breaker allows, so that there is evidence on which to return to it.
"""

from __future__ import annotations

import itertools
import math
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
    UseEndpoints,
)
from actors.resilience import BreakerConfig, BreakerMachine, BreakerState, LimiterMachine, Permit, RollingWindow
from actors.transport.failures import public_url
from supervisor import Actor, Down, Message, Monitor, Ref

__all__ = ["ConnectionManager"]

LEASES_PER_LIFE = 1 << 32


class _OpenBreaker(Message, frozen=True):
    """What is remembered of an open breaker: a restarted manager must not dial what its predecessor gave up on."""

    until: float
    """As all instants here, in seconds since 1970: the loop's clock means nothing to the next process."""


class _Spent(Message, frozen=True):
    """What is remembered of the exchange's limits: they count on, whoever manages them."""

    attempts: int
    weight: int
    at: float
    banned_until: float


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
    _breakers: dict[str, BreakerMachine] = field(init=False, factory=dict)
    _in_force: dict[Role, Endpoint] = field(init=False, factory=dict)
    _leases: dict[int, _Granted] = field(init=False, factory=dict)
    _ids: Callable[[], int] = field(init=False)
    _windows: dict[Role, RollingWindow] = field(init=False, factory=dict)
    """Connection attempts, and REST weight."""
    _attempts: LimiterMachine = field(init=False)
    _weight: LimiterMachine = field(init=False)
    _banned_until: float = field(init=False, default=-math.inf)
    _failed_at: dict[str, float] = field(init=False, factory=dict)
    """{endpoint: when its last failure was, unless it succeeded since}"""
    _out: bool = field(init=False, default=False)
    """No attempt to open a stream connection has succeeded since one failed."""

    async def on_start(self) -> None:
        """Know the endpoints; recall which breakers were open. Cancellation: atomic."""
        limits, now = self.exchange.limits, self.context.runtime.now()
        # Of no earlier life: a holder that outlived it must not settle what is another's now.
        self._ids = itertools.count(self.context.incarnation * LEASES_PER_LIFE).__next__
        self._windows = {
            Role.STREAM: RollingWindow(limits.attempts, limits.attempts_within),
            Role.REST: RollingWindow(limits.weight, limits.weight_within),
        }
        self._attempts, self._weight = LimiterMachine(self._windows[Role.STREAM]), LimiterMachine(self._windows[Role.REST])
        self._recall_spent(now)
        remembered = self.recall_all(_OpenBreaker)
        for endpoint in self.exchange.endpoints:
            self._endpoints[endpoint.name] = endpoint
            self._in_force.setdefault(endpoint.role, endpoint)
            breaker = self._breakers[endpoint.name] = BreakerMachine(endpoint.name, self.config)
            if endpoint.name in remembered:
                # Also where that time has passed: it is tried with care, and its recovery is told to who gave it up.
                until = self.context.loop_clock(remembered[endpoint.name].until)
                breaker.open_until(max(until, math.nextafter(now, math.inf)), now)
                breaker.drain_transitions()
                self.after(max(breaker.retry_at(now) - now, 0.0), Probe(endpoint.name), key=endpoint.name)
        preferred = self.recall_all(UseEndpoints)
        for use in preferred.values():
            self._in_force[use.role] = self._endpoints.get(use.order[0], self._in_force[use.role])
        # After a restart, holders wait for nobody: let them ask again.
        for role, endpoint in self._in_force.items():
            self.publish(ENDPOINTS, EndpointInForce(role, endpoint, self.exchange.venue))

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
            case UseEndpoints():
                self._use(message)
            case Probe(endpoint):
                self._probe(self._endpoints[endpoint])
        return None

    def _grant(self, role: Role, holder: Ref[Any], limiter: LimiterMachine, weight: int) -> Lease | Denied:
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
        self._remember_spent(now)
        lease = self._ids()
        self._leases[lease] = _Granted(endpoint, holder, self.monitor(holder), permit)
        return Lease(lease, endpoint)

    def _choose(self, role: Role, now: float) -> Endpoint:
        """The endpoint in force. A REST request is not tied to one: it goes to the best that has not just failed."""
        in_force = self._in_force[role]
        if role is not Role.REST:
            return in_force
        # Not the one in force first: a better one whose breaker is half open is tried by such a request, or by nobody.
        candidates = [endpoint for endpoint in self._endpoints.values() if endpoint.role is role]
        return next((endpoint for endpoint in candidates if not self._failing(endpoint, now)), in_force)

    def _failing(self, endpoint: Endpoint, now: float) -> bool:
        failed_at = self._failed_at.get(endpoint.name, -math.inf)
        breaker = self._breakers[endpoint.name]
        if breaker.state(now) is BreakerState.CLOSED:
            return now - failed_at < self.config.open_for
        return breaker.retry_at(now) > now

    def _recall_spent(self, now: float) -> None:
        spent = self.recall(_Spent)
        if spent is None:
            return
        for role, used in ((Role.STREAM, spent.attempts), (Role.REST, spent.weight)):
            if now - self.context.loop_clock(spent.at) < self._windows[role].within:
                self._windows[role].observe(now, used)
        self._ban(self.context.loop_clock(spent.banned_until))

    def _remember_spent(self, now: float) -> None:
        attempts, weight = self._windows[Role.STREAM].used(now), self._windows[Role.REST].used(now)
        wall_clock = self.context.wall_clock
        self.remember(_Spent(attempts, weight, wall_clock(now), wall_clock(self._banned_until)))

    def _ban(self, until: float) -> None:
        """The exchange bans an address, not an endpoint: no REST request anywhere before this time."""
        self._banned_until = max(self._banned_until, until)
        self._weight.ban_until(until)

    def _settle(self, outcome: LeaseOutcome) -> None:
        granted = self._leases.get(outcome.lease)
        if granted is None or granted.permit is None:
            return  # of an earlier life of this manager, whose breakers are gone
        permit, granted.permit = granted.permit, None
        breaker, now = self._breakers[granted.endpoint.name], self.context.runtime.now()
        if outcome.error is None:
            breaker.record_success(permit, now)
            self._failed_at.pop(granted.endpoint.name, None)
            self._out = self._out and granted.endpoint.role is not Role.STREAM
        elif outcome.blameless:
            breaker.release(permit)
        else:
            breaker.record_failure(permit, now, outcome.open_until)
            self._failed_at[granted.endpoint.name] = now
            if outcome.banned and outcome.open_until is not None and granted.endpoint.role is Role.REST:
                self._ban(outcome.open_until)
                self._remember_spent(now)
            self._log_failure(granted.endpoint, outcome.error)
        if outcome.error is not None:
            self._drop(outcome.lease)
        self._report(granted.endpoint)

    def _log_failure(self, endpoint: Endpoint, error: str) -> None:
        """The first failure of an outage is for everybody: it is all that who watches warnings learns of a missing network."""
        log = self.context.log
        if endpoint.role is Role.STREAM and not self._out:
            self._out = True
            log.warning("cannot connect", endpoint=endpoint.name, url=public_url(endpoint.url), error=error)
        else:
            log.info("attempt failed", endpoint=endpoint.name, error=error)

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

    def _use(self, use: UseEndpoints) -> None:
        endpoint = self._endpoints[use.order[0]]
        before = self._in_force[use.role]
        if before != endpoint:
            self._in_force[use.role] = endpoint
            self.remember(use, key=use.role.value)
            self.publish(ENDPOINTS, EndpointInForce(use.role, endpoint, self.exchange.venue))
            self._probe(before)  # nobody else tries it any more

    # ---- probes

    def _probe(self, endpoint: Endpoint) -> None:
        breaker, now = self._breakers[endpoint.name], self.context.runtime.now()
        if breaker.state(now) is BreakerState.CLOSED:
            return
        if self._in_force[endpoint.role] == endpoint or endpoint.role is not Role.STREAM:
            return  # whoever needs it will try it
        try:
            wait = self._attempts.delay(now)
            if wait > 0:
                self.after(wait, Probe(endpoint.name), key=endpoint.name)
                return
            permit = self._acquire(endpoint)
            self._attempts.try_take(now)  # after the permit: an attempt that is not made is not counted
            self._remember_spent(now)
            self.spawn(self._dial, endpoint, permit)
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
            self.publish(BREAKERS, BreakerMoved(moved.name, moved.before, moved.after, moved.at, self.exchange.venue))
            self.context.log.info("breaker moved", endpoint=moved.name, before=moved.before.value, after=moved.after.value)
            if moved.after is BreakerState.OPEN:
                until = breaker.retry_at(now)
                self.remember(_OpenBreaker(self.context.wall_clock(until)), key=endpoint.name)
                self.after(max(until - now, 0.0), Probe(endpoint.name), key=endpoint.name)
                states.tell(EndpointDown(endpoint.role, endpoint.name))
            elif moved.after is BreakerState.CLOSED:
                self.forget(endpoint.name)
                states.tell(EndpointUp(endpoint.role, endpoint.name))
