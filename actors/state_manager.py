"""StateManager: how each link is doing, and which endpoint is in force.

The states and their table are `link_state`. The fallback of this first version is the endpoint: its promise is that a dead
endpoint is left for a live one. The evidence that one is dead: its breaker has opened, or a link's machine asks for a fallback.
A better one is returned to when its breaker has closed again; links that flow over the fallback are not torn down for it.
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
    UseEndpoint,
)
from supervisor import Actor, Message

__all__ = ["StateManager"]


class _InForce(Message, frozen=True):
    """What is remembered: a restarted StateManager goes on where its predecessor was."""

    endpoint: str
    given_up: dict[str, float]


@define(eq=False)
class StateManager(Actor[StateMessage]):
    """Keeps link states and puts the endpoint fallback in force and lifts it.

    Args:
        exchange: its endpoints, in order of preference.
        limits: the counts around the transition table.
    """

    exchange: Exchange
    limits: LinkLimits = field(factory=LinkLimits)
    _links: dict[str, LinkState] = field(init=False, factory=dict)
    _in_force: dict[Role, str] = field(init=False, factory=dict)
    _given_up: dict[Role, dict[str, float]] = field(init=False, factory=dict)
    """{role: {endpoint: since when it is given up}}"""

    async def on_start(self) -> None:
        """Recall what was in force. Cancellation: atomic."""
        for role in Role:
            endpoints = self._of(role)
            if endpoints:
                remembered = self.recall(_InForce, key=role.value)
                self._in_force[role] = endpoints[0].name if remembered is None else remembered.endpoint
                self._given_up[role] = {} if remembered is None else dict(remembered.given_up)

    def receive(self, message: StateMessage) -> dict[str, LinkPhase] | None:
        """Take a report in, and act on it."""
        match message:
            case LinkReport():
                self._note(message)
            case EndpointDown(role, endpoint):
                self._give_up(role, endpoint)
            case EndpointUp(role, endpoint):
                self._given_up[role].pop(endpoint, None)
                self._choose(role)
            case LinkStates():
                return {name: link.phase for name, link in self._links.items()}
        return None

    def _note(self, report: LinkReport) -> None:
        link = self._links.get(report.link)
        if link is None:
            link = self._links[report.link] = LinkState(self.limits)
        if report.event is LinkEvent.CONNECTED:
            fallback = report.endpoint != self._of(Role.STREAM)[0].name
            if fallback != link.on_fallback:
                self._feed(report.link, link, LinkEvent.FALLBACK_ON if fallback else LinkEvent.FALLBACK_OFF)
        self._feed(report.link, link, report.event)
        if link.wants_fallback and report.endpoint == self._in_force[Role.STREAM]:
            self._give_up(Role.STREAM, report.endpoint)

    def _feed(self, name: str, link: LinkState, event: LinkEvent) -> None:
        change = link.feed(event, self.context.runtime.now())
        if change is not None:
            self.publish(LINK_CHANGES, LinkMoved(name, change.before, change.after, change.at))
            self.context.log.info("link moved", link=name, before=change.before.value, after=change.after.value)

    def _give_up(self, role: Role, endpoint: str) -> None:
        self._given_up[role][endpoint] = self.context.runtime.now()
        self._choose(role)

    def _choose(self, role: Role) -> None:
        """Put the best endpoint in force: the most preferred that is not given up, else the one given up longest ago."""
        given_up = self._given_up[role]
        endpoints = [endpoint.name for endpoint in self._of(role)]
        alive = [name for name in endpoints if name not in given_up]
        best = alive[0] if alive else min(endpoints, key=lambda name: given_up[name])
        before, self._in_force[role] = self._in_force[role], best
        self.remember(_InForce(best, given_up), key=role.value)
        if best != before:
            self.context.log.warning("endpoint in force", role=role.value, before=before, after=best)
            self.lookup(CONNECTIONS).tell(UseEndpoint(role, best))

    def _of(self, role: Role) -> list[Endpoint]:
        return [endpoint for endpoint in self.exchange.endpoints if endpoint.role is role]
