"""The topics that market data travels on: `root.subscription(trades("binance:BTC/USDT"))`.

A topic is only a name. What it names is delivered if it was given to `exchange_tree` or asked for with `Want`; on one that
nobody wants there is nothing to hear, not even a rejection.
"""

from __future__ import annotations

from typing import Any

from actors.market import (
    AggregateEvent,
    AveragePriceEvent,
    BookEvent,
    CandleEvent,
    Feed,
    InstrumentId,
    MiniTickerEvent,
    QuoteEvent,
    Subscription,
    TickerEvent,
    TradeEvent,
    split_instrument,
)
from supervisor import Topic

__all__ = [
    "aggregates",
    "average_prices",
    "books",
    "candles",
    "feed_of",
    "feed_topic",
    "mini_tickers",
    "partial_books",
    "quotes",
    "tickers",
    "trades",
]


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


def aggregates(instrument: str | InstrumentId) -> Topic[AggregateEvent]:
    """Trades that one order made at one price, as one. Raises UnknownInstrument."""
    return Topic(_key(Feed.AGGREGATES, instrument))


def partial_books(instrument: str | InstrumentId, levels: int = 20) -> Topic[BookEvent]:
    """The best levels as the exchange sends them, each time as a whole. Raises UnknownInstrument."""
    return Topic(_key(Feed.PARTIAL_BOOK, instrument, str(levels)))


def candles(instrument: str | InstrumentId, interval: str = "1m") -> Topic[CandleEvent]:
    """Prices and volumes per interval, `1s` to `1M`, while they change and when they are closed. Raises UnknownInstrument."""
    return Topic(_key(Feed.CANDLES, instrument, interval))


def tickers(instrument: str | InstrumentId) -> Topic[TickerEvent]:
    """Statistics of the last 24 hours. Raises UnknownInstrument."""
    return Topic(_key(Feed.TICKER, instrument))


def mini_tickers(instrument: str | InstrumentId) -> Topic[MiniTickerEvent]:
    """The same in short. Raises UnknownInstrument."""
    return Topic(_key(Feed.MINI_TICKER, instrument))


def average_prices(instrument: str | InstrumentId) -> Topic[AveragePriceEvent]:
    """The average price over the exchange's own interval. Raises UnknownInstrument."""
    return Topic(_key(Feed.AVERAGE_PRICE, instrument))


def feed_topic(subscription: Subscription) -> Topic[Any]:
    """The topic on which a subscription's events and markers are published."""
    return Topic(str(subscription))


def feed_of(topic: Topic[Any]) -> tuple[Feed, str, str, str]:
    """Feed, option, venue and canonical symbol of a topic made here.

    Raises:
        ValueError: it is not one of these topics.
        UnknownInstrument: its instrument is not `venue:BASE/QUOTE`.
    """
    kind, _, instrument = topic.key.partition(":")
    name, _, option = kind.partition("@")
    if name not in set(Feed):
        raise ValueError(f"{topic.key!r} is no feed; expected one such as trades('binance:BTC/USDT')")
    venue, canonical = split_instrument(instrument)
    return Feed(name), option, venue, canonical


def _key(feed: Feed, instrument: str | InstrumentId, option: str = "") -> str:
    venue, canonical = split_instrument(str(instrument))
    return f"{feed.value}{'@' if option else ''}{option}:{venue}:{canonical}"
