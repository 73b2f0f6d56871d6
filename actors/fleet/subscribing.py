"""Which subscription a feed's topic stands for, at one exchange."""

from __future__ import annotations

from typing import Any

from actors.feeds import feed_of
from actors.market import Subscription
from actors.ports import Exchange
from supervisor import SpecError, Topic

__all__ = ["example_of", "subscription_to"]


def example_of(exchange: Exchange) -> str:
    """A feed of this exchange, as one types it."""
    return f'trades("{exchange.venue}:BTC/USDT")'


def subscription_to(exchange: Exchange, topic: Topic[Any]) -> Subscription:
    """The subscription behind a feed's topic.

    Raises:
        SpecError: the topic is of another venue, or not a feed.
        UnknownInstrument: an instrument that cannot be one here.
    """
    if not isinstance(topic, Topic):
        raise SpecError("feed", topic, f"a feed, such as {example_of(exchange)}")
    try:
        feed, option, venue, canonical = feed_of(topic)
    except ValueError:
        raise SpecError("feed", topic.key, f"a feed, such as {example_of(exchange)}") from None
    if venue != exchange.venue:
        raise SpecError("feed", topic.key, f"a feed of {exchange.venue}, such as {example_of(exchange)}")
    rule = exchange.feeds.get(feed)
    if rule is None:
        offered = ", ".join(sorted(feed.value for feed in exchange.feeds))
        raise SpecError("feed", topic.key, f"a feed that {venue} offers: {offered}")
    if option not in (rule.options or ("",)):
        raise SpecError("feed", topic.key, f"{feed.value} with one of {', '.join(rule.options) or 'no option'}")
    return Subscription(exchange.instrument(canonical), feed, option)
