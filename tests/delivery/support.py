"""Routes without a stream: what they publish is kept."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from attrs import define, field

from actors.delivery.line import Hole
from actors.delivery.numbered import NumberedRoute
from actors.delivery.pace import Pace
from actors.delivery.route import Route
from actors.feeds import feed_topic
from actors.market import Feed, InstrumentId, Marker, Quote, Subscription, Trade
from supervisor import Topic

BTC = InstrumentId("binance", "BTCUSDT", "BTC/USDT")
TRADES = Subscription(BTC, Feed.TRADES)
QUOTES = Subscription(BTC, Feed.QUOTES)


def trade(number: int) -> Trade:
    return Trade(
        id=number, price=Decimal(1), quantity=Decimal(1), buyer_is_maker=True, time_ms=number, instrument=BTC, received=0.0
    )


def quote(number: int) -> Quote:
    one = Decimal(1)
    return Quote(update_id=number, bid=one, bid_quantity=one, ask=one + one, ask_quantity=one, instrument=BTC)


@define(eq=False)
class Heard:
    """What consumers were told."""

    said: list[Any] = field(factory=list)
    asked: list[Hole] = field(factory=list)

    def publish(self, topic: Topic[Any], event: Any) -> None:
        self.said.append(event)

    def missing(self, subscription: Subscription, hole: Hole) -> None:
        self.asked.append(hole)

    @property
    def words(self) -> list[Any]:
        """Data by its sequence, markers by their names."""
        return [type(one).__name__ if isinstance(one, Marker) else one.sequence for one in self.said]

    def route(self, subscription: Subscription = QUOTES, *, now: float = 0.0) -> Route:
        return Route(subscription, feed_topic(subscription), self.publish, Pace(15.0), now)

    def numbered(self, *, fillable: bool = True, hold_for: float = 10.0) -> NumberedRoute:
        return NumberedRoute(TRADES, feed_topic(TRADES), self.publish, Pace(60.0), 0.0, self.missing, fillable, hold_for)
