"""StateManager: how each link is doing, and which endpoint is in force.

The states and their table are `link_state`. The fallback of this first version is the endpoint: its promise is that a dead
endpoint is left for a live one. The evidence that one is dead: its breaker has opened, or a link's machine asks for a fallback.
A better one is returned to when its breaker has closed again, or some time after links gave it up whose connections it accepts;
links that flow over the fallback are not torn down for it.
"""

from __future__ import annotations

from attrs import define, field

from actors.link_state import LinkEvent, LinkLimits, LinkPhase, LinkState
from actors.ports import Endpoint, Exchange, Role
from actors.protocol import (
    CONNECTIONS,
    LINK_CHANGES,
    EndpointDown,
    EndpointUp,
    LinkMoved,
    LinkReport,
    LinkStates,
    StateMessage,
    Tick,
    UseEndpoints,
)
from supervisor import Actor, Message

__all__ = ["StateManager"]

CHECK_EVERY = 5.0
"""Seconds between looks whether an endpoint is to be trusted again."""


class _InForce(Message, frozen=True):
    """What is remembered: a restarted StateManager goes on where its predecessor was."""

    endpoint: str
    given_up: dict[str, float]
    """{endpoint: since when}, in seconds since 1970: the loop's clock means nothing to the next process."""
    broken: list[str]


@define(eq=False)
class StateManager(Actor[StateMessage]):
    """Keeps link states and puts the endpoint fallback in force and lifts it.

    Args:
        exchange: its endpoints, in order of preference.
        limits: the counts around the transition table.
        forgive_after: seconds after which an endpoint that links gave up, but that accepts connections, is trusted again: no
            breaker will ever speak for it.
        forget_after: seconds without a report after which a link is forgotten: it no longer exists. Longer than
            a breaker stays open: until then a stream has nothing to report.
    """

    exchange: Exchange
    limits: LinkLimits = field(factory=LinkLimits)
    forgive_after: float = 300.0
    forget_after: float = 600.0
    _links: dict[str, LinkState] = field(init=False, factory=dict)
    _at: dict[str, str] = field(init=False, factory=dict)
    """{link: the endpoint that its record is about}"""
    _in_force: dict[Role, str] = field(init=False, factory=dict)
    _heard_of: dict[str, float] = field(init=False, factory=dict)
    """{link: when it was reported on last}"""
    _given_up: dict[Role, dict[str, float]] = field(init=False, factory=dict)
    """{role: {endpoint: since when it is given up}}"""
    _broken: set[str] = field(init=False, factory=set)
    """Endpoints whose breaker is open."""

    async def on_start(self) -> None:
        """Recall what was in force. Cancellation: atomic."""
        for role in Role:
            endpoints = self._of(role)
            if endpoints:
                remembered = self.recall(_InForce, key=role.value)
                self._in_force[role] = endpoints[0].name if remembered is None else remembered.endpoint
                given_up = {} if remembered is None else remembered.given_up
                self._given_up[role] = {name: self.context.loop_clock(since) for name, since in given_up.items()}
                self._broken.update(() if remembered is None else remembered.broken)
        self.every(CHECK_EVERY, Tick())

    def receive(self, message: StateMessage) -> dict[str, LinkPhase] | None:
        """Take a report in, and act on it."""
        match message:
            case LinkReport():
                self._note(message)
            case EndpointDown(role, endpoint):
                self._broken.add(endpoint)
                self._give_up(role, endpoint)
            case EndpointUp(role, endpoint):
                self._broken.discard(endpoint)
                self._given_up[role].pop(endpoint, None)
                self._choose(role)
            case Tick():
                self._forgive()
                self._forget()
            case LinkStates():
                return {name: link.phase for name, link in self._links.items()}
        return None

    def _note(self, report: LinkReport) -> None:
        link = self._links.get(report.link)
        if link is None:
            link = self._links[report.link] = LinkState(self.limits)
        preferred = self._of(Role.STREAM)[0].name
        if report.endpoint != self._at.get(report.link, preferred):
            # Another endpoint begins without a record: what was held against the last one must not count against it.
            self._feed(report.link, link, LinkEvent.FALLBACK_OFF if report.endpoint == preferred else LinkEvent.FALLBACK_ON)
        self._at[report.link], self._heard_of[report.link] = report.endpoint, self.context.runtime.now()
        self._feed(report.link, link, report.event)
        if link.wants_fallback and report.endpoint == self._in_force[Role.STREAM]:
            self._give_up(Role.STREAM, report.endpoint)

    def _feed(self, name: str, link: LinkState, event: LinkEvent) -> None:
        change = link.feed(event, self.context.runtime.now())
        if change is not None:
            self.publish(LINK_CHANGES, LinkMoved(name, change.before, change.after, change.at, self.exchange.venue))
            self.context.log.info("link moved", link=name, before=change.before.value, after=change.after.value)

    def _give_up(self, role: Role, endpoint: str) -> None:
        self._given_up[role][endpoint] = self.context.runtime.now()
        self._choose(role)

    def _forgive(self) -> None:
        now = self.context.runtime.now()
        for role, given_up in self._given_up.items():
            for endpoint, since in list(given_up.items()):
                if endpoint not in self._broken and now - since >= self.forgive_after:
                    del given_up[endpoint]
                    self._choose(role)

    def _forget(self) -> None:
        now = self.context.runtime.now()
        for link, heard_of in list(self._heard_of.items()):
            if now - heard_of > self.forget_after:
                del self._links[link], self._at[link], self._heard_of[link]

    def _choose(self, role: Role) -> None:
        """Put the best endpoint in force: the most preferred that is not given up, else the one given up longest ago."""
        given_up = self._given_up[role]
        endpoints = [endpoint.name for endpoint in self._of(role)]
        alive = [name for name in endpoints if name not in given_up]
        best = alive[0] if alive else min(endpoints, key=lambda name: given_up[name])
        before, self._in_force[role] = self._in_force[role], best
        broken = sorted(self._broken & set(endpoints))
        since = {name: self.context.wall_clock(at) for name, at in given_up.items()}
        self.remember(_InForce(best, since, broken), key=role.value)
        if best != before:
            self.context.log.warning("endpoint in force", role=role.value, before=before, after=best)
            self.lookup(CONNECTIONS).tell(UseEndpoints(role, (best,)))

    def _of(self, role: Role) -> list[Endpoint]:
        return [endpoint for endpoint in self.exchange.endpoints if endpoint.role is role]
