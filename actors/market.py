"""What an exchange says about a market, in our words: the same for every exchange.

An adapter decodes its frames straight into these structs (a subclass there renames the fields to the keys on the wire), so
one allocation carries an event from the socket to the subscriber. Prices and quantities are `Decimal`: an exchange sends
decimal text, and a float would not give it back.

Beside the data there are *markers*. A consumer sees every hole in its stream as a typed event, never as silence:

    Disconnected    the link is down, or this feed is quiet; what follows is nothing until Resumed
    Resumed         data flows again, after `outage` seconds
    Filled          events between two ids were missed, were fetched, and follow now
    Gap             events between two ids are missing and were not filled
    SourceChanged   data comes another way from now on: over the stream, or polled
    Stale           no data: the last known value again, with its age
    Rejected        this feed does not deliver: the exchange refuses it, or does not have the symbol. The latter is repeated
                    every 10 s, for who subscribes later; once the symbol is listed, it ends with Resumed
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from actors.errors import UnknownInstrument

__all__ = [
    "AggregateEvent",
    "AggregateTrade",
    "AnyMarker",
    "AveragePrice",
    "AveragePriceEvent",
    "Book",
    "BookDelta",
    "BookEvent",
    "BookSnapshot",
    "Candle",
    "CandleEvent",
    "Disconnected",
    "Feed",
    "Filled",
    "Gap",
    "InstrumentId",
    "Level",
    "Marker",
    "MarketEvent",
    "MiniTicker",
    "MiniTickerEvent",
    "Quote",
    "QuoteEvent",
    "Rejected",
    "Resumed",
    "Source",
    "SourceChanged",
    "Stale",
    "Subscription",
    "Ticker24h",
    "TickerEvent",
    "Trade",
    "TradeEvent",
]

Level = tuple[Decimal, Decimal]
"""Price and quantity. In a delta, quantity 0 removes the level."""


class InstrumentId(Struct, frozen=True, order=True):
    """One tradable thing at one venue. Printed and parsed as `venue:canonical`."""

    venue: str
    native: str
    """The exchange's own symbol, `BTCUSDT`."""
    canonical: str
    """Ours, `BTC/USDT`: the same at every venue."""

    def __str__(self) -> str:
        return f"{self.venue}:{self.canonical}"


UNSET_INSTRUMENT = InstrumentId("", "", "")
"""What a freshly decoded event carries until its adapter has said which instrument the stream belongs to."""


def split_instrument(text: str) -> tuple[str, str]:
    """Split `"binance:BTC/USDT"` into venue and canonical symbol.

    Raises:
        UnknownInstrument: the text is not of that form.
    """
    venue, colon, canonical = text.partition(":")
    base, slash, quote = canonical.partition("/")
    if not (venue and colon and base and slash and quote):
        raise UnknownInstrument(text, "expected 'venue:BASE/QUOTE', for example 'binance:BTC/USDT'")
    if canonical != canonical.upper():
        # It would name a topic on which nothing is ever published.
        raise UnknownInstrument(text, f"symbols are in capitals: type '{venue}:{canonical.upper()}'")
    return venue, canonical


class Feed(StrEnum):
    """A kind of market data one can subscribe to."""

    TRADES = "trades"
    QUOTES = "quotes"
    BOOK = "book"
    """The whole book, kept in step with the exchange's."""
    AGGREGATES = "aggregates"
    """Trades of one order at one price as one."""
    PARTIAL_BOOK = "partial_book"
    """The best levels, each time as a whole; its option says how many: `20`."""
    CANDLES = "candles"
    """Its option is the interval: `1m`."""
    TICKER = "ticker"
    """Statistics of the last 24 hours."""
    MINI_TICKER = "mini_ticker"
    AVERAGE_PRICE = "average_price"


class Subscription(Struct, frozen=True, order=True, cache_hash=True):
    """One feed of one instrument: the unit that is subscribed, watched, counted and brought back."""

    instrument: InstrumentId
    feed: Feed
    option: str = ""
    """What the feed has to be told: the interval of candles, the levels of a partial book."""

    def __str__(self) -> str:
        return f"{self.feed.value}{'@' if self.option else ''}{self.option}:{self.instrument}"


class MarketEvent(Struct, frozen=True, kw_only=True):
    """What all market events carry."""

    instrument: InstrumentId = UNSET_INSTRUMENT
    received: float = 0.0
    """When the frame was read from the socket, in seconds of the loop's clock."""

    @property
    def sequence(self) -> int:
        """Its place among the events of its subscription. It never goes back, so that what comes twice is known by it.

        0: the exchange does not tell.
        """
        return 0


class Trade(MarketEvent, frozen=True, kw_only=True):
    id: int
    """Counts up by one per trade of the instrument."""
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool
    """True: the seller was the aggressor."""
    time_ms: int
    """The exchange's time of the trade, milliseconds since 1970."""

    @property
    def sequence(self) -> int:
        return self.id


class AggregateTrade(MarketEvent, frozen=True, kw_only=True):
    """Trades that one order made at one price, as one."""

    id: int
    """Counts up by one per aggregate of the instrument."""
    price: Decimal
    quantity: Decimal
    first_trade_id: int
    last_trade_id: int
    buyer_is_maker: bool
    time_ms: int

    @property
    def sequence(self) -> int:
        return self.id


class Quote(MarketEvent, frozen=True, kw_only=True):
    """Best bid and ask, as they stood at `update_id` of the book."""

    update_id: int
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal

    @property
    def sequence(self) -> int:
        return self.update_id


class BookDelta(MarketEvent, frozen=True, kw_only=True):
    """Levels that changed between two states of a book. It fits a book whose id is `first_id - 1` or later in the delta.

    Where the exchange says which state it follows (`previous_id`), it fits that state alone.
    """

    first_id: int
    last_id: int
    bids: list[Level]
    asks: list[Level]
    previous_id: int | None = None
    """The id of the state before, where ids do not count up by one."""
    checksum: int | None = None
    """Of the state after, as the exchange computes it; None where it sends none."""

    @property
    def sequence(self) -> int:
        return self.last_id


class BookSnapshot(MarketEvent, frozen=True, kw_only=True):
    """A whole book as the exchange gave it, best levels first."""

    last_id: int
    bids: list[Level]
    asks: list[Level]
    checksum: int | None = None

    @property
    def sequence(self) -> int:
        return self.last_id


class Book(MarketEvent, frozen=True, kw_only=True):
    """The best levels of a book at one id, best first: of a synchronised local one, or as the exchange sends them."""

    update_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    @property
    def sequence(self) -> int:
        return self.update_id


class Candle(MarketEvent, frozen=True, kw_only=True):
    """One interval's prices and volumes, so far or closed."""

    interval: str
    open_ms: int
    """When the interval begins, milliseconds since 1970."""
    close_ms: int
    """Its last millisecond."""
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int
    closed: bool
    """False: it is still changing."""
    time_ms: int
    """When the exchange said so."""

    @property
    def sequence(self) -> int:
        return self.time_ms


class MiniTicker(MarketEvent, frozen=True, kw_only=True):
    """The last 24 hours in short."""

    open: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    volume: Decimal
    quote_volume: Decimal
    time_ms: int

    @property
    def sequence(self) -> int:
        return self.time_ms


class Ticker24h(MarketEvent, frozen=True, kw_only=True):
    """The last 24 hours, with the best bid and ask."""

    open: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    volume: Decimal
    quote_volume: Decimal
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal
    time_ms: int

    @property
    def sequence(self) -> int:
        return self.time_ms


class AveragePrice(MarketEvent, frozen=True, kw_only=True):
    """The average price over the exchange's own interval."""

    price: Decimal
    interval: str
    """Over what: `5m`."""
    time_ms: int

    @property
    def sequence(self) -> int:
        return self.time_ms


class Source(StrEnum):
    """Where a subscription's data comes from."""

    STREAM = "stream"
    POLLING = "polling"
    """REST requests, again and again: slower, and what was between two of them is lost where ids cannot fill it."""


class Marker(Struct, frozen=True, kw_only=True):
    """A hole, or the end of one, in the stream of one subscription."""

    subscription: Subscription


class Disconnected(Marker, frozen=True, kw_only=True):
    reason: str


class Resumed(Marker, frozen=True, kw_only=True):
    outage: float
    """Seconds without data, by the loop's clock."""


class Filled(Marker, frozen=True, kw_only=True):
    after_id: int
    """The last id before the hole."""
    before_id: int
    """The first id after it. What is between was fetched, and follows."""


class Gap(Marker, frozen=True, kw_only=True):
    after_id: int
    """The last id that was delivered."""
    before_id: int
    """The first id that was seen after the hole."""


class SourceChanged(Marker, frozen=True, kw_only=True):
    source: Source
    reason: str


class Stale(Marker, frozen=True, kw_only=True):
    event: MarketEvent
    """What was delivered last. Do not trade on it as if it were now."""
    age: float
    """Seconds since it was received."""


class Rejected(Marker, frozen=True, kw_only=True):
    reason: str


AnyMarker = Disconnected | Resumed | Filled | Gap | SourceChanged | Stale | Rejected

TradeEvent = Trade | AnyMarker
AggregateEvent = AggregateTrade | AnyMarker
QuoteEvent = Quote | AnyMarker
BookEvent = Book | AnyMarker
CandleEvent = Candle | AnyMarker
TickerEvent = Ticker24h | AnyMarker
MiniTickerEvent = MiniTicker | AnyMarker
AveragePriceEvent = AveragePrice | AnyMarker
