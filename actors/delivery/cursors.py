"""Cursors: where numbered feeds were, for who carries them next.

A subscription that moves to another stream begins there without its last id; what was missed during the move would be a hole
that nobody sees. All streams of a venue share one of these.
"""

from __future__ import annotations

from typing import Final

from attrs import define, field

from actors.market import Subscription

__all__ = ["Cursors"]

LAST: Final = 300.0
"""Seconds after which an id is of no use: what was missed since is more than anyone would fill."""
MOST: Final = 10_000
"""Subscriptions that are remembered; of more, the oldest are forgotten."""


@define(eq=False)
class Cursors:
    """{subscription: the last id that was handed out, and when it was left}."""

    _left: dict[Subscription, tuple[int, float]] = field(factory=dict, init=False)

    def leave(self, subscription: Subscription, last_id: int | None, now: float) -> None:
        """It is not carried any more, for now or for good."""
        if last_id is None:
            return
        self._left.pop(subscription, None)
        self._left[subscription] = (last_id, now)
        if len(self._left) > MOST:
            del self._left[next(iter(self._left))]

    def find(self, subscription: Subscription, now: float) -> int | None:
        """Where it was; None: that is not known, or too long ago."""
        last_id, at = self._left.pop(subscription, (None, now))
        return last_id if now - at < LAST else None
