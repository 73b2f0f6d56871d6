"""Aside: routes that the exchange refuses, and when each is asked for again.

A refusal is seldom for ever: an exchange says so too while it is being maintained. So it is asked again after 10 s, and after
twice as long each time it was of no use, up to 5 minutes. The route is kept, so that what was missed meanwhile is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define, field

from actors.delivery.route import Route
from actors.market import Subscription

__all__ = ["FIRST_PAUSE", "LONGEST_PAUSE", "Aside"]

FIRST_PAUSE = 10.0
LONGEST_PAUSE = 300.0


@define
class _Refused:
    route: Route
    due: float
    pause: float


@define
class Aside:
    """The refused routes of one stream. Times must not go backwards."""

    _refused: dict[Subscription, _Refused] = field(init=False, factory=dict)
    _pauses: dict[Subscription, float] = field(init=False, factory=dict)
    """How long each that is being asked for again has waited."""

    def __iter__(self) -> Iterator[Route]:
        return iter([one.route for one in self._refused.values()])

    def put(self, route: Route, now: float) -> None:
        """The exchange refuses it."""
        before = self._pauses.pop(route.subscription, 0.0)
        pause = min(2.0 * before or FIRST_PAUSE, LONGEST_PAUSE)
        self._refused[route.subscription] = _Refused(route, now + pause, pause)

    def due(self, now: float) -> list[Route]:
        """Those that are to be asked for again now; they are no longer here."""
        ready = [wanted for wanted, one in self._refused.items() if now >= one.due]
        return [self._ask(wanted) for wanted in ready]

    def back(self, wanted: Iterable[Subscription]) -> list[Route]:
        """Those among these, whether they are due or not: somebody wants them anew. They are no longer here."""
        return [self._ask(one) for one in wanted if one in self._refused]

    def delivers(self, subscription: Subscription) -> None:
        """It is refused no longer."""
        self._pauses.pop(subscription, None)

    def drop(self, wanted: Iterable[Subscription]) -> list[Route]:
        """Forget all but these; which were forgotten."""
        kept = set(wanted)
        for gone in self._pauses.keys() - kept:
            del self._pauses[gone]
        return [self._refused.pop(one).route for one in list(self._refused) if one not in kept]

    def _ask(self, subscription: Subscription) -> Route:
        one = self._refused.pop(subscription)
        self._pauses[subscription] = one.pause
        return one.route
