"""The actors that keep an exchange bot alive, on top of `supervisor`."""

from actors.bot_tree import bot_tree as bot_tree
from actors.exchange_tree import TreeOptions as TreeOptions, exchange_tree as exchange_tree
from actors.exchanges.binance import Binance as Binance
from actors.feeds import books as books, quotes as quotes, trades as trades
from actors.market import (
    Book as Book,
    BookEvent as BookEvent,
    Disconnected as Disconnected,
    Feed as Feed,
    Gap as Gap,
    InstrumentId as InstrumentId,
    Quote as Quote,
    QuoteEvent as QuoteEvent,
    Rejected as Rejected,
    Resumed as Resumed,
    Subscription as Subscription,
    Trade as Trade,
    TradeEvent as TradeEvent,
)
from actors.protocol import Unwant as Unwant, Want as Want
from actors.stream import StreamOptions as StreamOptions

__all__ = [
    "Binance",
    "Book",
    "BookEvent",
    "Disconnected",
    "Feed",
    "Gap",
    "InstrumentId",
    "Quote",
    "QuoteEvent",
    "Rejected",
    "Resumed",
    "StreamOptions",
    "Subscription",
    "Trade",
    "TradeEvent",
    "TreeOptions",
    "Unwant",
    "Want",
    "bot_tree",
    "books",
    "exchange_tree",
    "quotes",
    "trades",
]
