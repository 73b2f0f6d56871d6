"""StateManager: how each link is doing, and which fallbacks are in force.

The decisions are pure and stand below: `link_state` has the states and their table, `fallbacks` the evidence machines,
`endpoint_ranking` the order of the endpoints. Here the evidence comes in, and what is in force is said: at once when it
changes, and every 5 s as long as it is, for who was born since and has not heard it. What is in force, and an operator's word,
outlive this manager and its process.

    endpoint    the role's first choice is not the preferred one
    protocol    a link whose socket delivers nothing is polled over REST, if REST answers
    cache       a link that delivers nothing from any source: its last values, marked as stale
    rate        attempts, weight or the exchange's patience are used up: connections are merged
    partial     more to do than can be done: the least important subscriptions are given up
"""

from __future__ import annotations

from attrs import define, field

from actors.fallbacks import FallbackOptions
from actors.fallbacks.endpoint_ranking import RankingRules
from actors.link_state import LinkLimits, LinkPhase
from actors.ports import Exchange, Role
from actors.protocol import (
    EndpointDown,
    EndpointReport,
    EndpointUp,
    FallbackKind,
    FallbackMoved,
    FallbacksInForce,
    ForceFallback,
    LinkEnded,
    LinkReport,
    LinkStates,
    Pressure,
    StateMessage,
    Tick,
)
from actors.states.endpoint_roles import EndpointRoles
from actors.states.fallback_board import FallbackBoard
from actors.states.link_fallbacks import LinkFallbacks
from actors.states.venue_fallbacks import VenueFallbacks
from actors.states.venue_record import VenueRecord
from supervisor import Actor

__all__ = ["StateManager"]

LOOK_EVERY = 1.0
"""Seconds between looks at all evidence; what is told is looked at once besides."""
SAY_EVERY = 5.0
"""Seconds between two times that what is in force is said."""

OF_LINKS = frozenset({FallbackKind.PROTOCOL, FallbackKind.CACHE})


@define(eq=False)
class StateManager(Actor[StateMessage]):
    """Keeps link states, and puts fallbacks in force and lifts them.

    Args:
        exchange: its endpoints, in order of preference, and its limits.
        limits: the counts around the table of link states.
        options: how patient the fallbacks are.
        rules: of the ranking of endpoints.
        forget_after: seconds without a report after which a link is forgotten: it no longer exists. Longer than
            a breaker stays open: until then a stream may have nothing to report.
    """

    exchange: Exchange
    limits: LinkLimits = field(factory=LinkLimits)
    options: FallbackOptions = field(factory=FallbackOptions)
    rules: RankingRules = field(factory=RankingRules)
    forget_after: float = 600.0
    _board: FallbackBoard = field(init=False)
    _endpoints: EndpointRoles = field(init=False)
    _links: LinkFallbacks = field(init=False)
    _venue: VenueFallbacks = field(init=False)
    _said_at: float = field(init=False, default=0.0)

    async def on_start(self) -> None:
        """Recall what was in force. Cancellation: atomic."""
        now = self._said_at = self.context.runtime.now()
        self._board = FallbackBoard(self, self.exchange.venue)
        self._endpoints = EndpointRoles(self, self.exchange, self.rules, self._board)
        self._endpoints.begin(now)
        preferred, limits = self._endpoints.preferred(Role.STREAM), self.exchange.limits
        self._links = LinkFallbacks(self, preferred, limits, self.limits, self.options, self._board)
        record = VenueRecord(self.options, self._endpoints.number(Role.REST))
        self._venue = VenueFallbacks(self, record, self.options, self._board, self._links.down)
        for kept in self._board.recalled():
            if kept.kind in OF_LINKS:
                self._links.recall(kept, now)
            else:
                self._venue.recall(kept)
        self.every(LOOK_EVERY, Tick())

    def receive(self, message: StateMessage) -> dict[str, LinkPhase] | tuple[FallbackMoved, ...] | bool | None:
        """Take evidence in and act on it, or say what is in force."""
        now = self.context.runtime.now()
        match message:
            case LinkReport():
                if self._links.note(message, self._venue.record.rest_answers(now), now):
                    self._endpoints.give_up(Role.STREAM, message.endpoint, now)
            case LinkEnded(link):
                self._links.end(link, "the link is no more", now)
            case EndpointReport():
                if message.role is Role.REST:
                    self._venue.record.note_rest(message.endpoint, message.ok, message.banned_until, now)
                self._endpoints.note(message.role, message.endpoint, message.ok, message.seconds, now)
            case EndpointDown(role, endpoint):
                self._endpoints.give_up(role, endpoint, now, broken=True)
            case EndpointUp(role, endpoint):
                self._endpoints.forgive(role, endpoint, now)
            case Pressure(kind, share):
                self._venue.record.pressures.feed(kind.value, share, now)
                self._venue.look(self._links.interval(), now)
            case ForceFallback(kind, scope, on):
                return self._force(kind, scope, on, now)
            case FallbacksInForce():
                return self._board.in_force
            case LinkStates():
                return self._links.phases
            case Tick():
                self._look(now)
        return None

    def _force(self, kind: FallbackKind, scope: str, word: bool | None, now: float) -> bool:
        self.context.log.warning("an operator's word", kind=kind.value, scope=scope, on=word)
        if kind is FallbackKind.ENDPOINT:
            return self._endpoints.force(scope, word, now)
        return (self._links if kind in OF_LINKS else self._venue).force(kind, scope, word, now)

    def _look(self, now: float) -> None:
        """Look at all evidence, and say again what is in force when it is time."""
        self._links.look(self._venue.record.rest_answers(now), self.forget_after, now)
        self._endpoints.look(now)
        self._venue.look(self._links.interval(), now)
        if now - self._said_at >= SAY_EVERY:
            self._said_at = now
            self._endpoints.repeat()
            self._venue.say_again(now)
            # What is given up is said when it is known what is wanted.
            self._board.repeat(lambda moved: moved.kind is not FallbackKind.PARTIAL)
