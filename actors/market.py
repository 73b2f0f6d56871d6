"""What an exchange says about a market, in our words: the same for every exchange.

An adapter decodes its frames straight into these structs (a subclass there renames the fields to the keys on the wire), so
one allocation carries an event from the socket to the subscriber. Prices and quantities are `Decimal`: an exchange sends
decimal text, and a float would not give it back.

Beside the data there are *markers*. A consumer sees every hole in its stream as a typed event, never as silence:

    Disconnected    the link is down; what follows is nothing until Resumed
    Resumed         data flows again, after `outage` seconds
    Gap             events between two ids are missing and were not filled
    Rejected        this feed does not deliver: the exchange refuses it, or does not have the symbol. The latter is repeated
                    every 10 s, for who subscribes later; once the symbol is listed, it ends with Resumed
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from actors.errors import UnknownInstrument

__all__ = [
    "Book",
    "BookDelta",
    "BookEvent",
    "BookSnapshot",
    "Disconnected",
    "Feed",
    "Gap",
    "InstrumentId",
    "Level",
    "Marker",
    "MarketEvent",
    "Quote",
    "QuoteEvent",
    "Rejected",
    "Resumed",
    "Subscription",
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


class Subscription(Struct, frozen=True, order=True):
    """One feed of one instrument: the unit that is subscribed, watched, counted and brought back."""

    instrument: InstrumentId
    feed: Feed

    def __str__(self) -> str:
        return f"{self.feed.value}:{self.instrument}"


class MarketEvent(Struct, frozen=True, kw_only=True):
    """What all market events carry."""

    instrument: InstrumentId = UNSET_INSTRUMENT
    received: float = 0.0
    """When the frame was read from the socket, in seconds of the loop's clock."""


class Trade(MarketEvent, frozen=True, kw_only=True):
    id: int
    """Counts up by one per trade of the instrument."""
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool
    """True: the seller was the aggressor."""
    time_ms: int
    """The exchange's time of the trade, milliseconds since 1970."""


class Quote(MarketEvent, frozen=True, kw_only=True):
    """Best bid and ask, as they stood at `update_id` of the book."""

    update_id: int
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal


class BookDelta(MarketEvent, frozen=True, kw_only=True):
    """Levels that changed between two states of a book. It fits a book whose id is `first_id - 1` or later in the delta."""

    first_id: int
    last_id: int
    bids: list[Level]
    asks: list[Level]


class BookSnapshot(MarketEvent, frozen=True, kw_only=True):
    """A whole book as the exchange gave it, best levels first."""

    last_id: int
    bids: list[Level]
    asks: list[Level]


class Book(MarketEvent, frozen=True, kw_only=True):
    """The best levels of a synchronised local book, best first."""

    update_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class Marker(Struct, frozen=True, kw_only=True):
    """A hole, or the end of one, in the stream of one subscription."""

    subscription: Subscription


class Disconnected(Marker, frozen=True, kw_only=True):
    reason: str


class Resumed(Marker, frozen=True, kw_only=True):
    outage: float
    """Seconds without data, by the loop's clock."""


class Gap(Marker, frozen=True, kw_only=True):
    after_id: int
    """The last id that was delivered."""
    before_id: int
    """The first id that was seen after the hole."""


class Rejected(Marker, frozen=True, kw_only=True):
    reason: str


TradeEvent = Trade | Disconnected | Resumed | Gap | Rejected
QuoteEvent = Quote | Disconnected | Resumed | Gap | Rejected
BookEvent = Book | Disconnected | Resumed | Gap | Rejected
