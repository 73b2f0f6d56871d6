"""Partial: some subscriptions are given up for the others, while there is more to do than can be done.

The burden is what there is to do as a share of what can be done, as it is measured: with what is given up now. What it would be
with everything is the burden divided by the share that is kept. That estimate decides about lifting: the burden alone falls as
soon as something is given up, and would bring it back at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from attrs import define, field

from actors.fallbacks.force import FallbackChange, Force
from actors.fallbacks.options import FallbackOptions
from actors.fallbacks.switch import Patience, Switch
from actors.market import Subscription

__all__ = ["Partial", "shed"]

STEP = 0.1
"""The least share of what is kept that is given up at a time: less is not noticed."""
LEAST = 0.1
"""The least share that is kept."""
FORCED = 0.5
"""The share that is kept when an operator wants it so, without evidence that says how much."""
ROOM = 0.5
"""A burden from which on down twice as much can be kept."""


def shed(subscriptions: Sequence[Subscription], priorities: Sequence[str], wanted_share: float) -> tuple[Subscription, ...]:
    """Which are to be given up: the least important, and among equals the ones that were wanted last.

    Args:
        subscriptions: all that are wanted, in the order in which they came to be.
        priorities: feeds and symbols, most important first; what nothing here fits comes last. `trades`, `BTC/USDT`,
            `trades:BTC/USDT`, `candles@1m`, `binance:BTC/USDT`.
        wanted_share: of them to give up, from 0 to 1. One is always kept.
    """
    ranks = {text: rank for rank, text in reversed(list(enumerate(priorities)))}
    ordered = sorted(
        range(len(subscriptions)), key=lambda place: (min(map(_rank(ranks), _names(subscriptions[place]))), place), reverse=True
    )
    share = min(max(wanted_share, 0.0), 1.0)
    # A share that is meant to be 3 of 10 is 0.30000000000000004 after a subtraction: that is not 4.
    number = min(math.ceil(share * len(subscriptions) - 1e-9), max(len(subscriptions) - 1, 0))
    return tuple(subscriptions[place] for place in ordered[:number])


def _rank(ranks: dict[str, int]) -> Callable[[str], int]:
    return lambda text: ranks.get(text, len(ranks))


def _names(subscription: Subscription) -> tuple[str, ...]:
    """All texts that mean it, among others."""
    canonical, feed = subscription.instrument.canonical, subscription.feed.value
    exact = f"{feed}@{subscription.option}"
    return (
        feed,
        exact,
        canonical,
        f"{feed}:{canonical}",
        f"{exact}:{canonical}",
        str(subscription.instrument),
        str(subscription),
    )


@define
class Partial:
    """A venue's. Times must not go backwards.

    Args:
        options: how patient it is.
    """

    options: FallbackOptions
    force: Force = field(init=False)
    kept: float = field(init=False, default=1.0)
    """The share that the evidence wants kept."""
    _moved: float = field(init=False, default=-math.inf)
    """Since when the burden has been what it is now: too much, right, or small."""
    _band: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        options = self.options
        patience = Patience(put_after=options.partial_after, lift_after=options.partial_lift_after, longest=options.longest)
        self.force = Force(Switch(patience))

    @property
    def in_force(self) -> bool:
        return self.force.in_force

    @property
    def given_up(self) -> float:
        """The share that is to be given up now."""
        if not self.in_force:
            return 0.0
        return 1.0 - (self.kept if self.force.switch.in_force else FORCED)

    def feed(self, burden: float, what: str, now: float) -> FallbackChange | None:
        """Look at the evidence.

        Args:
            burden: what there is to do, as a share of what can be done; from 1 on it is too much.
            what: is so much, in a few words.
            now: the time.
        """
        bad = burden / self.kept >= 1
        was = self.force.switch.in_force
        reason = f"{what}: {burden:.0%} of what can be done" if bad else "there is room for everything again"
        change = self.force.feed(bad, reason, now)
        if not self.force.switch.in_force:
            self.kept = 1.0
        elif not was:
            self._keep(1 / burden, now)
        else:
            self._adjust(burden, now)
        return change

    def _adjust(self, burden: float, now: float) -> None:
        """Give more up while it is not enough, and bring some back while it is more than enough."""
        band = (burden >= 1) - (burden <= ROOM)
        if band != self._band:
            self._band, self._moved = band, now
        if band > 0 and now - self._moved >= self.options.partial_after:
            self._keep(self.kept / burden, now)
        elif band < 0 and now - self._moved >= self.force.switch.lift_after:
            self.kept, self._moved = min(2 * self.kept, 1 - STEP), now

    def _keep(self, share: float, now: float) -> None:
        self.kept = max(LEAST, min(share, self.kept * (1 - STEP)))
        self._moved = now
