"""ConnectionManager: who may connect where, and when.

It dials nothing itself but probes. It grants leases: `leasing` chooses the endpoint and asks its breaker, `lease_budget` knows
what our address may still spend. Here is what they are told and what is made of it: messages, timers, monitors, memory. Its
promises: a request is answered at once; a refused endpoint is not dialled again before its breaker allows it; a limit or a ban
of the exchange holds for the whole address, across crashes and restarts.

A lease's permit is settled by `LeaseOutcome`; if its holder dies first, the permit is given back without a verdict. An endpoint
that leases do not go to first is probed when its breaker allows, so that there is evidence on which to return to it.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

from attrs import define, field

from actors.errors import ConnectFailed
from actors.leasing.budget import Shortage
from actors.leasing.machine import Grant, Leasing
from actors.leasing.memory import LeaseMemory
from actors.leasing.news import LeaseNews
from actors.ports import Endpoint, Exchange, Role, Transport
from actors.protocol import (
    CircuitIsOpen,
    ConnectionMessage,
    Denial,
    Denied,
    EndpointStates,
    IsolateEndpoint,
    Lease,
    LeaseEnded,
    LeaseHeld,
    LeaseOutcome,
    Probe,
    Purpose,
    ReleaseEndpoint,
    RequestLease,
    RequestWeight,
    ResetBreakers,
    Tick,
    UseEndpoints,
)
from actors.resilience import BreakerConfig, BreakerState
from actors.transport.refusals import LONGEST_WAIT, Scope, judge_handshake
from supervisor import Actor, Down, Monitor, Ref

__all__ = ["ConnectionManager"]

LEASES_PER_LIFE = 1 << 32
LEASES_AT_ONCE = 10_000
"""Leases that have not ended; of more, a holder asks again and again and ends none."""
RENEW_AT = 23 / 24
"""Share of the maximum age at which a connection is to be replaced."""
CHECK_EVERY = 5.0
"""Seconds between looks at what has become of pressure and of leases that nobody reported on."""
LEAST_PAUSE = 0.1
"""Seconds between two looks whether an endpoint may be probed."""
ABANDONED = 120.0
"""Seconds after which a lease without an outcome is taken back: whoever asked for it has been cancelled."""


@define(eq=False)
class _Granted:
    """A lease that has not ended."""

    endpoint: Endpoint
    holder: Ref[Any]
    monitor: Monitor
    at: float
    grant: Grant | None
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
    _leasing: Leasing = field(init=False)
    _memory: LeaseMemory = field(init=False)
    _news: LeaseNews = field(init=False)
    _leases: dict[int, _Granted] = field(init=False, factory=dict)
    _ids: Callable[[], int] = field(init=False)

    async def on_start(self) -> None:
        """Know the endpoints; recall what was open, isolated, spent and banned. Cancellation: atomic."""
        # Of no earlier life: a holder that outlived it must not settle what is another's now.
        self._ids = itertools.count(self.context.incarnation * LEASES_PER_LIFE).__next__
        self._leasing = Leasing(self.exchange.endpoints, self.exchange.limits, self.config)
        self._memory = LeaseMemory(self, self._leasing)
        self._news = LeaseNews(self, self._leasing, self.exchange.venue)
        now = self.context.runtime.now()
        for endpoint in self._memory.recall(now):
            self._probe_at(endpoint, self._leasing.breakers[endpoint].retry_at(now))
        self._report()  # of what is isolated
        self.every(CHECK_EVERY, Tick())
        self._news.started()

    def receive(self, message: ConnectionMessage) -> Lease | Denied | bool | int | dict[str, dict[str, Any]] | None:
        """Answer at once, whatever is asked."""
        now = self.context.runtime.now()
        match message:
            case RequestLease(role, holder, purpose, avoid):
                return self._grant(role, holder, purpose, avoid, 1)
            case RequestWeight(weight, holder):
                return self._grant(Role.REST, holder, Purpose.SERVE, "", weight)
            case LeaseOutcome():
                self._settle(message)
            case LeaseEnded():
                self._end(message)
            case LeaseHeld():
                self._hold(message)
            case Down(ref):
                self._drop_all(lambda granted: granted.holder == ref)
            case UseEndpoints(role, order):
                if self._leasing.use(role, order):
                    self._memory.order(message)
                    self._news.first()
                    for endpoint in self._leasing.endpoints:
                        self._probe(endpoint)  # which leases may not go to any more
            case Probe(endpoint):
                self._probe(endpoint)
            case Tick():
                self._drop_all(lambda granted: granted.grant is not None and now - granted.at >= ABANDONED)
                self._news.pressure()
            case IsolateEndpoint() | ReleaseEndpoint() | ResetBreakers():
                return self._obey(message, now)
            case EndpointStates():
                held = Counter(one.endpoint.name for one in self._leases.values())
                return self._leasing.portrait(held, now)
        return None

    # ---- leases

    def _grant(self, role: Role, holder: Ref[Any], purpose: Purpose, avoid: str, weight: int) -> Lease | Denied:
        now = self.context.runtime.now()
        if len(self._leases) >= LEASES_AT_ONCE:
            return Denied(now + CHECK_EVERY, f"{LEASES_AT_ONCE} leases have not ended")
        answer = self._leasing.ask(role, purpose, avoid, weight, now)
        self._report()  # an opening may have run out
        self._news.pressure()
        if isinstance(answer, Shortage):
            if answer.kind is Denial.CIRCUIT_OPEN:
                return CircuitIsOpen(answer.until, answer.reason)
            return Denied(answer.until, answer.reason, answer.kind)
        self._memory.spent(now)
        lease = self._ids()
        self._leases[lease] = _Granted(answer.endpoint, holder, self.monitor(holder), now, answer)
        if role is Role.REST:
            return Lease(lease, answer.endpoint, answer.permit.epoch)
        self._leasing.budget.began(lease, now)
        return Lease(lease, answer.endpoint, answer.permit.epoch, now + self.exchange.limits.max_age * RENEW_AT)

    def _settle(self, outcome: LeaseOutcome) -> None:
        now = self.context.runtime.now()
        granted = self._leases.get(outcome.lease)
        # What the exchange says of our address is true whoever heard it, under whatever lease.
        self._heed(outcome, Role.REST if granted is None else granted.endpoint.role, now)
        if granted is None or granted.grant is None:
            return  # of an earlier life of this manager, whose breakers are gone
        grant, granted.grant = granted.grant, None
        no_verdict = outcome.blameless or outcome.banned or outcome.paced
        ok = outcome.error is None
        self._leasing.budget.ended(outcome.lease, ok=None if no_verdict else ok)
        if ok:
            self._leasing.succeeded(grant, now)
            self._news.went_well(grant.endpoint, outcome.seconds)
        elif no_verdict:
            self._leasing.given_back(grant)
        else:
            until = None if outcome.open_until is None else min(outcome.open_until, now + LONGEST_WAIT)
            self._leasing.failed(grant, now, outcome.error or "", until)
            self._news.failed(grant.endpoint, outcome.seconds, outcome.error or "")
        if not ok:
            self._drop(outcome.lease)
        self._report()

    def _heed(self, outcome: LeaseOutcome, role: Role, now: float) -> None:
        """Take in what the exchange says about our address: its count, its bans."""
        if outcome.used_weight is not None:
            self._leasing.budget.observe(now, outcome.used_weight)
            self._news.pressure()
        if (outcome.banned or outcome.paced) and outcome.open_until is not None:
            self._ban(outcome.open_until, now, everything=outcome.banned or role is Role.STREAM)

    def _ban(self, until: float, now: float, *, everything: bool) -> None:
        until = min(until, now + LONGEST_WAIT)
        self._leasing.budget.ban(until, *(Role if everything else (Role.REST,)))
        self._memory.spent(now)
        self.context.log.warning("the exchange lets us wait", seconds=round(until - now, 1), connects=everything)
        self._news.asked_too_much()

    def _end(self, ended: LeaseEnded) -> None:
        granted = self._leases.get(ended.lease)
        self._drop(ended.lease)
        if ended.asked_too_much:
            self._news.asked_too_much()
        if granted is not None and not ended.blameless:
            self._news.lost(granted.endpoint, ended.reason)

    def _hold(self, held: LeaseHeld) -> None:
        """A connection outlived the manager that gave leave for it."""
        endpoint = self._leasing.endpoints.get(held.endpoint)
        if endpoint is not None and held.lease not in self._leases and len(self._leases) < LEASES_AT_ONCE:
            now = self.context.runtime.now()
            self._leases[held.lease] = _Granted(endpoint, held.holder, self.monitor(held.holder), now, None)

    def _drop_all(self, concerned: Callable[[_Granted], bool]) -> None:
        for lease in [number for number, granted in self._leases.items() if concerned(granted)]:
            self._drop(lease)

    def _drop(self, lease: int) -> None:
        granted = self._leases.pop(lease, None)
        if granted is not None:
            granted.monitor.cancel()
            self._leasing.budget.ended(lease, ok=None)
            if granted.grant is not None:
                self._leasing.given_back(granted.grant)

    # ---- operators

    def _obey(self, order: IsolateEndpoint | ReleaseEndpoint | ResetBreakers, now: float) -> bool | int:
        done: bool | int
        match order:
            case IsolateEndpoint(endpoint):
                done = self._leasing.isolate(endpoint, now)
                if done:
                    self._memory.isolated(endpoint)
            case ReleaseEndpoint(endpoint):
                done = self._leasing.release(endpoint, now)
                self._memory.released(endpoint)
            case ResetBreakers():
                done = self._leasing.reset(now)
        self._report()
        # Who waits for a breaker's time need not wait any longer.
        self._news.first(again=not isinstance(order, IsolateEndpoint))
        return done

    # ---- probes

    def _probe_at(self, endpoint: str, moment: float) -> None:
        wait = moment - self.context.runtime.now()
        self.after(min(max(wait, 0.0), LONGEST_WAIT), Probe(endpoint), key=endpoint)

    def _probe(self, name: str) -> None:
        endpoint, now = self._leasing.endpoints.get(name), self.context.runtime.now()
        if endpoint is None or endpoint.role is not Role.STREAM or self._leasing.first(endpoint.role) == endpoint:
            return  # whoever needs it will try it
        if self._leasing.breakers[name].state(now) is BreakerState.CLOSED:
            return
        answer = self._leasing.probe(endpoint, now)
        self._report()
        if isinstance(answer, Grant):
            self._memory.spent(now)
            self.spawn(self._dial, answer)
        else:
            self._probe_at(name, max(answer, now + LEAST_PAUSE))

    async def _dial(self, grant: Grant) -> None:
        """Open a connection and close it again, to know that it can be. Cancellation: the permit is given back."""
        endpoint, began = grant.endpoint, self.context.runtime.now()
        try:
            channel = await self.transport.connect(self.exchange.stream_url(endpoint))
        except ConnectFailed as error:
            now, verdict = self.context.runtime.now(), judge_handshake(error)
            until = None if verdict.wait is None else now + verdict.wait
            if until is not None and verdict.scope in (Scope.ROLE, Scope.ADDRESS):
                self._leasing.given_back(grant)
                self._ban(until, now, everything=True)
            else:
                self._leasing.failed(grant, now, error.reason, until)
                self._news.failed(endpoint, now - began, error.reason)
        except BaseException:
            self._leasing.given_back(grant)
            raise
        else:
            now = self.context.runtime.now()
            self._leasing.succeeded(grant, now)
            self._news.went_well(endpoint, now - began)
            await channel.aclose()
        self._report()
        now = self.context.runtime.now()
        breaker = self._leasing.breakers[endpoint.name]
        if breaker.state(now) is not BreakerState.CLOSED:
            self._probe_at(endpoint.name, max(breaker.retry_at(now), now + self.config.ask_again))

    def _report(self) -> None:
        """Tell what breakers did, and see to what follows from it."""
        for name, breaker in self._leasing.breakers.items():
            for transition in breaker.drain_transitions() if breaker.untold else ():
                self._news.moved(transition)
                if transition.after is BreakerState.OPEN:
                    until = breaker.retry_at(self.context.runtime.now())
                    self._memory.opened(name, until)
                    self._probe_at(name, until)
                elif transition.after is BreakerState.CLOSED:
                    self._memory.closed(name)
