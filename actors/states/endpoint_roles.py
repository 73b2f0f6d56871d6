"""EndpointRoles: the endpoints of every role, best first, said to the ConnectionManager and remembered."""

from __future__ import annotations

import math
from typing import Any

from attrs import define, field
from msgspec import structs

from actors.fallbacks import EndpointChoice
from actors.fallbacks.endpoint_ranking import EndpointRanking, RankingRules, RememberedEndpoint
from actors.ports import Exchange, Role
from actors.protocol import CONNECTIONS, FallbackKind, UseEndpoints
from actors.states.fallback_board import FallbackBoard
from supervisor import Actor, Message

__all__ = ["EndpointRoles"]


class _Kept(Message, frozen=True):
    """What is remembered of one role's endpoints."""

    ranking: tuple[RememberedEndpoint, ...]
    words: dict[str, bool]


@define(eq=False)
class EndpointRoles:
    """All roles of one exchange.

    Args:
        actor: the StateManager.
        exchange: its endpoints, each role's in order of preference.
        rules: of the rankings.
        board: where it is said that another one than the preferred is used.
    """

    actor: Actor[Any]
    exchange: Exchange
    rules: RankingRules
    board: FallbackBoard
    _choices: dict[Role, EndpointChoice] = field(init=False, factory=dict)
    _kept: dict[Role, _Kept] = field(init=False, factory=dict)

    def begin(self, now: float) -> None:
        """Recall what a predecessor knew, and say what follows."""
        for role in Role:
            names = tuple(endpoint.name for endpoint in self.exchange.endpoints if endpoint.role is role)
            if not names:
                continue
            choice = self._choices[role] = EndpointChoice(EndpointRanking(names, self.rules))
            kept = self.actor.recall(_Kept, key=role.value)
            if kept is not None:
                choice.ranking.recall(self._moved(kept.ranking, self.actor.context.loop_clock), now)
                for endpoint, word in kept.words.items():
                    choice.say(endpoint, word)
        self.look(now)
        self.repeat()

    def number(self, role: Role) -> int:
        """How many endpoints a role has."""
        return len(self._choices[role].ranking.names) if role in self._choices else 0

    def preferred(self, role: Role) -> str:
        return self._choices[role].preferred if role in self._choices else ""

    def note(self, role: Role, endpoint: str, ok: bool, seconds: float | None, now: float) -> None:
        """How one use went."""
        if role in self._choices:
            self._choices[role].ranking.note(endpoint, ok, seconds, now)
            self.look(now)

    def give_up(self, role: Role, endpoint: str, now: float, *, broken: bool = False) -> None:
        """It is of no use, or its breaker is open."""
        if role in self._choices:
            self._choices[role].ranking.give_up(endpoint, now, broken=broken)
            self.look(now)

    def forgive(self, role: Role, endpoint: str, now: float) -> None:
        """It can be used again."""
        if role in self._choices:
            self._choices[role].ranking.forgive(endpoint, now)
            self.look(now)

    def force(self, scope: str, word: bool | None, now: float) -> bool:
        """An operator's word: for an endpoint, or a role's preferred one. False: there is nothing of that name."""
        scope = scope or Role.STREAM.value
        said = [choice.say(choice.preferred if scope == role.value else scope, word) for role, choice in self._choices.items()]
        self.look(now)
        return any(said)

    def look(self, now: float) -> None:
        """Choose again, and say what has changed."""
        for role, choice in self._choices.items():
            if choice.look(now):
                self.actor.context.log.warning("endpoints in force", role=role.value, order=choice.order)
                self._say(role, choice)
            kept = _Kept(choice.ranking.remembered(), dict(choice.words))
            if kept != self._kept.get(role):
                self._kept[role] = kept
                ranking = self._moved(kept.ranking, self.actor.context.wall_clock)
                self.actor.remember(structs.replace(kept, ranking=ranking), key=role.value)
        self._show(now)

    def repeat(self) -> None:
        """Say it again: the ConnectionManager may have been born since."""
        for role, choice in self._choices.items():
            self._say(role, choice)

    def _say(self, role: Role, choice: EndpointChoice) -> None:
        self.actor.lookup(CONNECTIONS).tell(UseEndpoints(role, choice.order))

    def _show(self, now: float) -> None:
        others = [f"{role.value} goes to {choice.order[0]}" for role, choice in self._choices.items() if choice.in_force]
        reason, resting = ", ".join(others), tuple(name for one in self._choices.values() for name in one.ranking.resting(now))
        if not reason:
            self.board.lift(FallbackKind.ENDPOINT, "", "the preferred endpoints are used", now)
        elif reason != self.board.reason(FallbackKind.ENDPOINT):
            self.board.put(FallbackKind.ENDPOINT, "", reason, now, detail=resting)
        else:
            self.board.renew(FallbackKind.ENDPOINT, detail=resting)

    def _moved(self, ranking: tuple[RememberedEndpoint, ...], clock: Any) -> tuple[RememberedEndpoint, ...]:
        """With its instants on another clock."""
        return tuple(structs.replace(one, until=clock(one.until)) if math.isfinite(one.until) else one for one in ranking)
