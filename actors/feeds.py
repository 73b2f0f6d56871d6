"""The topics that market data travels on: `root.subscription(trades("binance:BTC/USDT"))`.

A topic is only a name. What it names is delivered if it was given to `exchange_tree` or asked for with `Want`; on one that
nobody wants there is nothing to hear, not even a rejection.

A reader that is too slow for a feed loses something, or memory grows without end. What is lost, `policy_of` says: of prices all
but the newest, of trades the oldest, and then the reader is told how many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from types import MappingProxyType
from typing import Any

from attrs import define, field

from actors.market import (
    AggregateEvent,
    AveragePrice,
    AveragePriceEvent,
    Book,
    BookEvent,
    Candle,
    CandleEvent,
    Feed,
    InstrumentId,
    Marker,
    MarketEvent,
    MiniTicker,
    MiniTickerEvent,
    Quote,
    QuoteEvent,
    Subscription,
    Ticker24h,
    TickerEvent,
    TradeEvent,
    split_instrument,
)
from supervisor import Conflate, Overflow, Topic

__all__ = [
    "aggregates",
    "average_prices",
    "books",
    "candles",
    "feed_of",
    "feed_topic",
    "mini_tickers",
    "partial_books",
    "policy_of",
    "quotes",
    "tickers",
    "trades",
]

CONFLATED: Mapping[Feed, type[MarketEvent]] = MappingProxyType(
    {
        Feed.QUOTES: Quote,
        Feed.BOOK: Book,
        Feed.PARTIAL_BOOK: Book,
        Feed.CANDLES: Candle,
        Feed.TICKER: Ticker24h,
        Feed.MINI_TICKER: MiniTicker,
        Feed.AVERAGE_PRICE: AveragePrice,
    }
)
"""{feed: its events}, where an event says how things are: a newer one makes an older one worthless. What is missing here says
what has happened, and every event counts."""


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


def policy_of(feed: Feed) -> Overflow | Conflate:
    """What becomes of a feed's events for a reader that is too slow: `Supervisor.subscription(topic, overflow=policy_of(feed))`
    or `Mailbox(1_000, policy_of(feed))`.

    Trades and aggregates: beyond the capacity the oldest go, and the reader is told of how many. Of all others a newer event
    replaces the one of its instrument that waits; of candles, the one of the same interval, so that each is seen closed.
    Markers are never replaced, and no event is put before a marker that came earlier.

    Returns:
        A policy for one reader. It counts markers, so each reader needs its own.
    """
    kind = CONFLATED.get(feed)
    return Overflow.DROP_OLDEST if kind is None else Conflate(_Newest(kind))


@define(eq=False)
class _Newest:
    """Which events replace each other: those of one instrument between two of its markers.

    Without the second half, what came after an outage would be read before it.

    Args:
        kind: of the events; no others are replaced.
    """

    kind: type[MarketEvent]
    _markers: Counter[InstrumentId] = field(factory=Counter)

    def __call__(self, event: object) -> Hashable:
        """The key of an event; None: it is not replaced."""
        if isinstance(event, Marker):
            self._markers[event.subscription.instrument] += 1
            return None
        if not isinstance(event, self.kind):
            return None
        place = event.instrument, self._markers[event.instrument]
        return (*place, event.interval, event.open_ms) if isinstance(event, Candle) else place


def _key(feed: Feed, instrument: str | InstrumentId, option: str = "") -> str:
    venue, canonical = split_instrument(str(instrument))
    return f"{feed.value}{'@' if option else ''}{option}:{venue}:{canonical}"
