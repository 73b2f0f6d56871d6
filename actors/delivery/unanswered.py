"""Unanswered: subscriptions that were asked for, and of which nothing has been heard since, neither a word nor data.

A request can get lost, and so can its answer. A channel that is wont to be quiet would then be taken for quiet, for as long as
it may be. So it is asked for anew after 10 s, and after twice as long each time that was of no use, up to 80 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import define, field

from actors.market import Subscription

__all__ = ["Unanswered"]

PATIENCE: Final = 10.0
"""Seconds. To send is rationed, but a whole connection's subscriptions are few requests."""
DOUBLINGS: Final = 3


@define
class _Asked:
    connection: int
    events: int
    at: float
    times: int = 0


@define
class Unanswered:
    """Of one stream; no more than it has subscriptions. Times must not go backwards."""

    _asked: dict[Subscription, _Asked] = field(init=False, factory=dict)

    def asked(self, wanted: Subscription, connection: int, events: int, now: float) -> None:
        """It was asked for over this connection, when so many events of it had come."""
        before = self._asked.get(wanted)
        again = 0 if before is None or before.connection != connection else before.times + 1
        self._asked[wanted] = _Asked(connection, events, now, again)

    def confirmed(self, wanted: Subscription, connection: int) -> None:
        """The exchange said that it is subscribed."""
        asked = self._asked.get(wanted)
        if asked is not None and asked.connection <= connection:
            del self._asked[wanted]

    def forget(self, wanted: Subscription) -> None:
        """It is not asked for any more."""
        self._asked.pop(wanted, None)

    def due(self, connection: int, now: float) -> Iterator[tuple[Subscription, int]]:
        """Those for which it is time on this connection, and how many events of each had come when it was asked for."""
        for wanted, one in list(self._asked.items()):
            if one.connection == connection and now - one.at >= PATIENCE * (1 << min(one.times, DOUBLINGS)):
                yield wanted, one.events
