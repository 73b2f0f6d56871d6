"""VenueFallbacks: the fallbacks that are about a whole venue: merged connections, and subscriptions that are given up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field

from actors.fallbacks import FallbackChange, FallbackOptions, shed
from actors.market import Subscription
from actors.protocol import STREAMS, FallbackKind, Subscriptions
from actors.states.fallback_board import FallbackBoard, KeptFallback
from actors.states.venue_record import VenueRecord
from supervisor import Actor, ActorCrashed, AskTimeout, MailboxFull, NoSuchActor

__all__ = ["VenueFallbacks"]

_RATE, _PARTIAL = FallbackKind.RATE, FallbackKind.PARTIAL


@define(eq=False)
class VenueFallbacks:
    """One venue's.

    Args:
        actor: the StateManager.
        record: the evidence.
        options: how patient the fallbacks are, and what matters most.
        board: where they are said.
        down: the links that are down at a time.
    """

    actor: Actor[Any]
    record: VenueRecord
    options: FallbackOptions
    board: FallbackBoard
    down: Callable[[float], tuple[str, ...]]
    _wanted: tuple[Subscription, ...] = field(init=False, factory=tuple)
    """What the StreamManager said last that is wanted: some of it is to be given up."""
    _asks: bool = field(init=False, default=False)
    """It is being asked."""

    def look(self, interval: float, now: float) -> None:
        """Look at the evidence.

        Args:
            interval: seconds between two polls that the REST weight allows; 0: nothing is polled.
            now: the time.
        """
        self._show_rate(self.record.look_at_rate(now), now)
        before = self.record.partial.given_up
        self.record.look_at_work(interval, now)
        if self.record.partial.given_up != before:
            self._show_partial()

    def say_again(self, now: float) -> None:
        """See to it that what is in force is said with its particulars as they are now."""
        self.board.renew(_RATE, detail=self.down(now))
        if self.record.partial.in_force:
            self._ask_what_is_wanted()

    def force(self, kind: FallbackKind, scope: str, word: bool | None, now: float) -> bool:
        """An operator's word; False: there is no such scope."""
        if scope:
            return False
        if kind is _RATE:
            self._show_rate(self.record.rate.force.say(word, now), now)
            self.board.keep(_RATE, "", self.record.rate.force)
        else:
            self.record.partial.force.say(word, now)
            self._show_partial()
        return True

    def recall(self, kept: KeptFallback) -> None:
        """Go on where a predecessor was. What is given up is said when it is known what is wanted."""
        force = self.record.rate.force if kept.kind is _RATE else self.record.partial.force
        force.recall(kept.word, kept.reason, kept.since)
        if kept.kind is _PARTIAL:
            self.record.partial.kept = kept.kept
            if force.in_force:
                self._ask_what_is_wanted()
        elif force.in_force:
            self.board.put(_RATE, "", kept.reason, kept.since)

    def _show_rate(self, change: FallbackChange | None, now: float) -> None:
        if change is None:
            return
        if change.on:
            self.board.put(_RATE, "", change.reason, change.at, detail=self.down(now))
        else:
            self.board.lift(_RATE, "", change.reason, change.at)
        self.board.keep(_RATE, "", self.record.rate.force)

    def _show_partial(self) -> None:
        partial = self.record.partial
        self.board.keep(_PARTIAL, "", partial.force, partial.kept)
        if partial.in_force:
            self._ask_what_is_wanted()
        else:
            self.board.lift(_PARTIAL, "", partial.force.reason, partial.force.since)

    def _ask_what_is_wanted(self) -> None:
        if not self._asks:
            self._asks = True
            self.actor.spawn(self._learn_what_is_wanted)

    async def _learn_what_is_wanted(self) -> None:
        """Say what is given up, of what is wanted now. Cancellation: nothing is said."""
        try:
            self._wanted = await self.actor.lookup(STREAMS).ask(Subscriptions())
        except (AskTimeout, ActorCrashed, MailboxFull, NoSuchActor) as error:
            self.actor.context.log.info("what is wanted is not known", error=str(error))  # it is asked again in 5 s
        finally:
            self._asks = False
        partial = self.record.partial
        if partial.in_force and self._wanted:
            given_up = tuple(str(one) for one in shed(self._wanted, self.options.priorities, partial.given_up))
            self.board.put(_PARTIAL, "", partial.force.reason, partial.force.since, detail=given_up)
