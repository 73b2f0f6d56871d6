"""The actors that keep an exchange bot alive, on top of `supervisor`."""

from actors.bot_tree import bot_tree as bot_tree
from actors.exchange_tree import TreeOptions as TreeOptions
from actors.exchange_tree import exchange_tree as exchange_tree
from actors.exchanges.binance import Binance as Binance
from actors.feeds import books as books
from actors.feeds import quotes as quotes
from actors.feeds import trades as trades
from actors.market import (
    Book as Book,
)
from actors.market import (
    BookEvent as BookEvent,
)
from actors.market import (
    Disconnected as Disconnected,
)
from actors.market import (
    Feed as Feed,
)
from actors.market import (
    Gap as Gap,
)
from actors.market import (
    InstrumentId as InstrumentId,
)
from actors.market import (
    Quote as Quote,
)
from actors.market import (
    QuoteEvent as QuoteEvent,
)
from actors.market import (
    Rejected as Rejected,
)
from actors.market import (
    Resumed as Resumed,
)
from actors.market import (
    Subscription as Subscription,
)
from actors.market import (
    Trade as Trade,
)
from actors.market import (
    TradeEvent as TradeEvent,
)
from actors.protocol import Unwant as Unwant
from actors.protocol import Want as Want
from actors.stream_options import StreamOptions as StreamOptions

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
    "books",
    "bot_tree",
    "exchange_tree",
    "quotes",
    "trades",
]
