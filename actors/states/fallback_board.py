"""FallbackBoard: what is in force, said to all and remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import define, field
from msgspec import structs

from actors.fallbacks import FallbackChange, Force
from actors.protocol import FALLBACKS, FallbackKind, FallbackMoved
from supervisor import Actor, Message

__all__ = ["FallbackBoard", "KeptFallback"]


class KeptFallback(Message, frozen=True):
    """What is remembered of one fallback that is in force, or that an operator has spoken about."""

    kind: FallbackKind
    scope: str
    word: bool | None
    reason: str
    since: float
    """As told: in seconds of the loop's clock. Remembered: in seconds since 1970, because the loop's clock means nothing to the
    next process."""
    kept: float = 1.0
    """Of PARTIAL: the share that is kept."""


@define(eq=False)
class FallbackBoard:
    """The board of one StateManager.

    Args:
        actor: on whose behalf it speaks and remembers.
        venue: whose fallbacks they are.
    """

    actor: Actor[Any]
    venue: str
    _in_force: dict[tuple[FallbackKind, str], FallbackMoved] = field(init=False, factory=dict)

    @property
    def in_force(self) -> tuple[FallbackMoved, ...]:
        return tuple(self._in_force.values())

    def __contains__(self, key: tuple[FallbackKind, str]) -> bool:
        return key in self._in_force

    def reason(self, kind: FallbackKind, scope: str = "") -> str:
        """Why it is in force; empty: it is not."""
        moved = self._in_force.get((kind, scope))
        return "" if moved is None else moved.reason

    def put(
        self, kind: FallbackKind, scope: str, reason: str, since: float, *, detail: tuple[str, ...] = (), interval: float = 0.0
    ) -> None:
        """It is in force: say so."""
        moved = FallbackMoved(kind, scope, True, reason, since, self.venue, detail, interval)
        if (kind, scope) not in self._in_force:
            self.actor.context.log.warning("fallback in force", kind=kind.value, scope=scope, reason=reason)
        self._in_force[kind, scope] = moved
        self.actor.publish(FALLBACKS, moved)

    def lift(self, kind: FallbackKind, scope: str, reason: str, since: float) -> None:
        """It is in force no longer: say so, if it was."""
        if self._in_force.pop((kind, scope), None) is not None:
            self.actor.context.log.warning("fallback lifted", kind=kind.value, scope=scope, reason=reason)
            self.actor.publish(FALLBACKS, FallbackMoved(kind, scope, False, reason, since, self.venue))

    def show(self, kind: FallbackKind, scope: str, change: FallbackChange, **more: Any) -> None:
        """Say a change."""
        if change.on:
            self.put(kind, scope, change.reason, change.at, **more)
        else:
            self.lift(kind, scope, change.reason, change.at)

    def renew(self, kind: FallbackKind, scope: str = "", **more: Any) -> None:
        """It is in force with other particulars, that are said with the next repetition."""
        moved = self._in_force.get((kind, scope))
        if moved is not None:
            self._in_force[kind, scope] = structs.replace(moved, **more)

    def repeat(self, wanted: Callable[[FallbackMoved], bool] = lambda moved: True) -> None:
        """Say again what is in force, as far as it is wanted."""
        for moved in self._in_force.values():
            if wanted(moved):
                self.actor.publish(FALLBACKS, moved)

    # ---- what outlives it

    def keep(self, kind: FallbackKind, scope: str, force: Force, kept: float = 1.0) -> None:
        """Remember it, or that there is nothing to remember."""
        if force.idle:
            self.forget(kind, scope)
        else:
            since = self.actor.context.wall_clock(force.since)
            kept_one = KeptFallback(kind, scope, force.word, force.reason, since, kept)
            self.actor.remember(kept_one, key=f"{kind.value} {scope}")

    def forget(self, kind: FallbackKind, scope: str) -> None:
        """There is nothing to remember of it."""
        self.actor.forget(f"{kind.value} {scope}")

    def recalled(self) -> Iterable[KeptFallback]:
        """What a predecessor kept, those of the venue first."""
        to_loop = self.actor.context.loop_clock
        kept = (structs.replace(one, since=to_loop(one.since)) for one in self.actor.recall_all(KeptFallback).values())
        return sorted(kept, key=lambda one: one.scope)
