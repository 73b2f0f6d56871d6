"""The actors that keep an exchange bot alive, on top of `supervisor`.

What is named here is imported when it is first used: who needs `actors.resilience` alone loads no sockets and no exchange.
"""

import importlib
import sys
import types
import typing

if typing.TYPE_CHECKING:
    from actors.bot_tree import bot_tree as bot_tree
    from actors.exchange_tree import TreeOptions as TreeOptions
    from actors.exchange_tree import exchange_tree as exchange_tree
    from actors.exchanges.binance import Binance as Binance
    from actors.exchanges.okx import Okx as Okx
    from actors.feeds import books as books
    from actors.feeds import quotes as quotes
    from actors.feeds import trades as trades
    from actors.market import Book as Book
    from actors.market import BookEvent as BookEvent
    from actors.market import Disconnected as Disconnected
    from actors.market import Feed as Feed
    from actors.market import Gap as Gap
    from actors.market import InstrumentId as InstrumentId
    from actors.market import Quote as Quote
    from actors.market import QuoteEvent as QuoteEvent
    from actors.market import Rejected as Rejected
    from actors.market import Resumed as Resumed
    from actors.market import Subscription as Subscription
    from actors.market import Trade as Trade
    from actors.market import TradeEvent as TradeEvent
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
    "Okx",
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

_HOMES = {
    "actors.bot_tree": "bot_tree",
    "actors.exchange_tree": "TreeOptions exchange_tree",
    "actors.exchanges.binance": "Binance",
    "actors.exchanges.okx": "Okx",
    "actors.feeds": "books quotes trades",
    "actors.market": """Book BookEvent Disconnected Feed Gap InstrumentId Quote QuoteEvent Rejected Resumed Subscription
        Trade TradeEvent""",
    "actors.protocol": "Unwant Want",
    "actors.stream_options": "StreamOptions",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value  # so that it is looked for once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(types.ModuleType):
    """A package whose functions may have the name of the module that they stand in.

    Python binds a submodule to its package once it is imported, by whomever: `actors.bot_tree` would then be the module.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name in _HOME_OF and isinstance(value, types.ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
