"""The topics that market data travels on: `root.subscription(trades("binance:BTC/USDT"))`.

A topic is only a name. What it names is delivered if it was given to `exchange_tree` or asked for with `Want`; on one that
nobody wants there is nothing to hear, not even a rejection.
"""

from __future__ import annotations

from typing import Any

from actors.market import (
    BookEvent,
    Feed,
    InstrumentId,
    QuoteEvent,
    Subscription,
    TradeEvent,
    split_instrument,
)
from supervisor import Topic

__all__ = ["books", "feed_of", "feed_topic", "quotes", "trades"]


def trades(instrument: str | InstrumentId) -> Topic[TradeEvent]:
    """Every trade of an instrument, and markers where the stream has a hole.

    Raises:
        UnknownInstrument: the text is not `venue:BASE/QUOTE`, the symbol in capitals.
    """
    return Topic(_key(Feed.TRADES, instrument))


def quotes(instrument: str | InstrumentId) -> Topic[QuoteEvent]:
    """Best bid and ask whenever they change. Raises UnknownInstrument."""
    return Topic(_key(Feed.QUOTES, instrument))


def books(instrument: str | InstrumentId) -> Topic[BookEvent]:
    """The best levels of the synchronised book, after each update. Raises UnknownInstrument."""
    return Topic(_key(Feed.BOOK, instrument))


def feed_topic(subscription: Subscription) -> Topic[Any]:
    """The topic on which a subscription's events and markers are published."""
    return Topic(str(subscription))


def feed_of(topic: Topic[Any]) -> tuple[Feed, str, str]:
    """Feed, venue and canonical symbol of a topic made here.

    Raises:
        ValueError: it is not one of these topics.
        UnknownInstrument: its instrument is not `venue:BASE/QUOTE`.
    """
    kind, _, instrument = topic.key.partition(":")
    if kind not in set(Feed):
        raise ValueError(f"{topic.key!r} is no feed; expected one such as trades('binance:BTC/USDT')")
    venue, canonical = split_instrument(instrument)
    return Feed(kind), venue, canonical


def _key(feed: Feed, instrument: str | InstrumentId) -> str:
    venue, canonical = split_instrument(str(instrument))
    return f"{feed.value}:{venue}:{canonical}"
