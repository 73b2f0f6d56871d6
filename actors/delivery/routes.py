"""Routes: all subscriptions of one stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from attrs import define, field

from actors.book import BookSync, LocalBook
from actors.delivery.aside import Aside
from actors.delivery.booked import BookRoute
from actors.delivery.cursors import Cursors
from actors.delivery.line import Hole
from actors.delivery.numbered import NumberedRoute
from actors.delivery.pace import Pace
from actors.delivery.route import Publish, Route
from actors.delivery.unanswered import Unanswered
from actors.feeds import feed_topic
from actors.market import Feed, InstrumentId, Subscription
from actors.ports import Exchange
from actors.stream_options import StreamOptions

__all__ = ["Routes"]

QUIET: Final = 2.0
"""Seconds without data over any connection after which a confirmed subscription is taken to be quiet, and not deaf."""


@define(eq=False)
class Routes:
    """The routes, by subscription.

    Args:
        exchange: how it serves each feed.
        options: how patient the stream is.
        publish: tells consumers.
        missing: asks for what a hole lacks.
        need_snapshot: says that a book is out of step.
        cursors: where numbered feeds were on other streams.
    """

    exchange: Exchange
    options: StreamOptions
    publish: Publish
    missing: Callable[[Subscription, Hole], object]
    need_snapshot: Callable[[InstrumentId], object]
    _cursors: Cursors = field(factory=Cursors)
    _routes: dict[Subscription, Route] = field(init=False, factory=dict)
    get: Callable[[Subscription], Route | None] = field(init=False)
    """The route of a subscription: the dictionary's own method, as it is asked for every frame."""
    _confirmed: dict[Subscription, float] = field(init=False, factory=dict)
    """{subscription: when the newest connection confirmed it}"""
    _unanswered: Unanswered = field(init=False, factory=Unanswered)
    _aside: Aside = field(init=False, factory=Aside)
    """Those that the exchange refuses: neither watched nor asked for, until it is time."""
    _poll_weight: int | None = field(init=False, default=None)
    _past: tuple[int, int] = field(init=False, default=(0, 0))
    """Duplicates and gaps of routes that are gone."""

    def __attrs_post_init__(self) -> None:
        self.get = self._routes.get

    def __iter__(self) -> Iterator[Route]:
        return iter(tuple(self._routes.values()))

    def __len__(self) -> int:
        return len(self._routes)

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        """All of them, in the order in which they were asked for."""
        return tuple(self._routes)

    @property
    def duplicates(self) -> int:
        """Events that came again, and were dropped."""
        known: tuple[Route, ...] = (*self, *self._aside)
        again = sum(route.line.duplicates for route in known if isinstance(route, NumberedRoute))
        return self._past[0] + again + sum(route.duplicates for route in known)

    @property
    def gaps(self) -> int:
        """Holes that nobody filled."""
        known: tuple[Route, ...] = (*self, *self._aside)
        return self._past[1] + sum(route.gaps for route in known)

    @property
    def poll_weight(self) -> int:
        """REST weight of asking once for all of them; 0: none can be asked for."""
        if self._poll_weight is None:
            requests = [self.exchange.poll_request(wanted, None) for wanted in self._routes]
            self._poll_weight = sum(request.weight for request in requests if request is not None)
        return self._poll_weight

    def book(self, instrument: InstrumentId) -> BookRoute | None:
        """The route of this instrument's book."""
        route = self._routes.get(Subscription(instrument, Feed.BOOK))
        return route if isinstance(route, BookRoute) else None

    def set(self, subscriptions: Sequence[Subscription], now: float, reason: str) -> tuple[Sequence[Route], Sequence[Route]]:
        """Have these and no others; which are new, and which are gone, for this reason."""
        gone = [route for wanted, route in self._routes.items() if wanted not in subscriptions]
        wanted_anew = {route.subscription: route for route in self._aside.back(subscriptions)}
        new = [
            wanted_anew.get(wanted) or self._new(wanted, now)
            for wanted in dict.fromkeys(subscriptions)
            if wanted not in self._routes
        ]
        for route in [*gone, *self._aside.drop(subscriptions)]:
            route.interrupt(reason, now)
            self._cursors.leave(route.subscription, route.cursor(), now)
            self.remove(route)
        for route in new:
            self._take_in(route, now)
        self._poll_weight = None
        return new, gone

    def remove(self, route: Route) -> None:
        """Forget one."""
        again = route.line.duplicates if isinstance(route, NumberedRoute) else 0
        self._past = (self._past[0] + route.duplicates + again, self._past[1] + route.gaps)
        self._drop(route.subscription)

    def _drop(self, subscription: Subscription) -> None:
        self._routes.pop(subscription, None)
        self._confirmed.pop(subscription, None)
        self._unanswered.forget(subscription)
        self._poll_weight = None

    # ---- what the exchange refuses

    def refused(self, route: Route, reason: str, now: float) -> None:
        """The exchange does not deliver it now."""
        self._drop(route.subscription)
        self._aside.put(route, now)
        route.reject(reason, now)

    def ask_again(self, now: float) -> Sequence[Route]:
        """Those that were refused, and are to be asked for again now."""
        due = self._aside.due(now)
        for route in due:
            self._take_in(route, now)
            route.refusals = 1  # it is asked for alone: a refusal is about nothing else
        self._poll_weight = None if due else self._poll_weight
        return due

    def _take_in(self, route: Route, now: float) -> None:
        route.begin_anew(now)
        self._routes[route.subscription] = route

    # ---- connections

    def connected(self, number: int, now: float, *, alone: bool) -> None:
        """All are asked for on a fresh connection."""
        for route in self._routes.values():
            route.connected(number, now, alone=alone)
            route.hand_over(begins=not alone)
        self._confirmed.clear()

    def asked(self, subscriptions: Sequence[Subscription], number: int, now: float) -> None:
        """These were asked for over this connection."""
        for wanted in subscriptions:
            route = self._routes.get(wanted)
            if route is not None:
                self._unanswered.asked(wanted, number, route.pace.events, now)

    def unanswered(self, number: int, now: float) -> Sequence[Route]:
        """Those that are neither confirmed nor deliver, though they were asked for over this connection some time ago."""
        found = []
        for wanted, events in self._unanswered.due(number, now):
            route = self._routes.get(wanted)
            if route is None or route.pace.events > events:
                self._unanswered.forget(wanted)
            else:
                found.append(route)
        return found

    def confirmed(self, subscriptions: Sequence[Subscription], number: int, now: float) -> None:
        """The exchange said that these are subscribed."""
        for wanted in subscriptions:
            route = self._routes.get(wanted)
            self._aside.delivers(wanted)
            self._unanswered.confirmed(wanted, number)
            if route is not None and number >= route.confirmed_over:
                route.confirmed_over = number
                self._confirmed[wanted] = now

    def settled(self, number: int, now: float) -> bool:
        """Everything that delivers does so over this connection, or is confirmed there and has been quiet on all since."""
        for wanted, route in self._routes.items():
            if route.heard_over >= number:
                continue
            since = self._confirmed.get(wanted)
            if since is None or route.confirmed_over < number or route.watched >= since or now - since < QUIET:
                return False
        return True

    def hand_over_ended(self) -> None:
        """One connection is left: what is missing now will not come over another."""
        for route in self._routes.values():
            route.hand_over(begins=False)

    def lost(self, reason: str, now: float) -> None:
        """There is no connection any more."""
        for route in self._routes.values():
            route.lost(reason, now)

    def excuse(self, seconds: float) -> None:
        """Time in which nobody could read does not count as silence."""
        for route in self._routes.values():
            route.watched += seconds

    # ---- where numbered feeds are

    def cursors(self) -> dict[str, int]:
        """{subscription: the last id that was handed out}."""
        at = {str(route.subscription): route.cursor() for route in (*self._routes.values(), *self._aside)}
        return {wanted: number for wanted, number in at.items() if number is not None}

    def go_on(self, cursors: Mapping[str, int]) -> None:
        """Go on where an earlier life was."""
        for wanted, route in self._routes.items():
            if isinstance(route, NumberedRoute) and str(wanted) in cursors:
                route.line.last_id = cursors[str(wanted)]

    def _new(self, wanted: Subscription, now: float) -> Route:
        rule = self.exchange.feeds[wanted.feed]
        patience = self.options.silence.get(wanted.feed, rule.pause)
        pace = Pace(patience, self.options.least_pause, self.options.learn)
        topic = feed_topic(wanted)
        if rule.numbered:
            fillable = self.exchange.fill_request(wanted, 1, 3) is not None
            hold_for, cursors = self.options.fill_within, self._cursors
            return NumberedRoute(wanted, topic, self.publish, pace, now, self.missing, fillable, hold_for, cursors)
        if wanted.feed is Feed.BOOK:
            in_band = self.exchange.snapshot_request(wanted.instrument) is None
            sync = BookSync(LocalBook(wanted.instrument, rule.levels), checksum=self.exchange.checksum)
            return BookRoute(
                wanted, topic, self.publish, pace, now, self.need_snapshot, sync, self.options.book_levels, in_band
            )
        return Route(wanted, topic, self.publish, pace, now)
