"""The actors that keep an exchange bot alive, on top of `supervisor`.

What is named here is imported when it is first used: who needs `actors.resilience` alone loads no sockets and no exchange.
"""

import importlib
import sys
import types
import typing

if typing.TYPE_CHECKING:
    from actors.bot_tree import bot_tree as bot_tree
    from actors.errors import UnknownInstrument as UnknownInstrument
    from actors.exchange_tree import TreeOptions as TreeOptions
    from actors.exchange_tree import exchange_tree as exchange_tree
    from actors.exchanges.binance import Binance as Binance
    from actors.exchanges.okx import Okx as Okx
    from actors.fallbacks import FallbackOptions as FallbackOptions
    from actors.fault_tolerance import FaultTolerance as FaultTolerance
    from actors.fault_tolerance import HealthCheck as HealthCheck
    from actors.fault_tolerance import NoSuchVenue as NoSuchVenue
    from actors.fault_tolerance import SystemHealth as SystemHealth
    from actors.fault_tolerance import VenueHealth as VenueHealth
    from actors.feeds import aggregates as aggregates
    from actors.feeds import average_prices as average_prices
    from actors.feeds import books as books
    from actors.feeds import candles as candles
    from actors.feeds import mini_tickers as mini_tickers
    from actors.feeds import partial_books as partial_books
    from actors.feeds import quotes as quotes
    from actors.feeds import tickers as tickers
    from actors.feeds import trades as trades
    from actors.incidents import IncidentKind as IncidentKind
    from actors.market import AggregateEvent as AggregateEvent
    from actors.market import AggregateTrade as AggregateTrade
    from actors.market import AveragePrice as AveragePrice
    from actors.market import AveragePriceEvent as AveragePriceEvent
    from actors.market import Book as Book
    from actors.market import BookEvent as BookEvent
    from actors.market import Candle as Candle
    from actors.market import CandleEvent as CandleEvent
    from actors.market import Disconnected as Disconnected
    from actors.market import Feed as Feed
    from actors.market import Filled as Filled
    from actors.market import Gap as Gap
    from actors.market import InstrumentId as InstrumentId
    from actors.market import Marker as Marker
    from actors.market import MiniTicker as MiniTicker
    from actors.market import MiniTickerEvent as MiniTickerEvent
    from actors.market import Quote as Quote
    from actors.market import QuoteEvent as QuoteEvent
    from actors.market import Rejected as Rejected
    from actors.market import Resumed as Resumed
    from actors.market import Source as Source
    from actors.market import SourceChanged as SourceChanged
    from actors.market import Stale as Stale
    from actors.market import Subscription as Subscription
    from actors.market import Ticker24h as Ticker24h
    from actors.market import TickerEvent as TickerEvent
    from actors.market import Trade as Trade
    from actors.market import TradeEvent as TradeEvent
    from actors.protocol import FallbackKind as FallbackKind
    from actors.protocol import Unwant as Unwant
    from actors.protocol import Want as Want
    from actors.stream_options import StreamOptions as StreamOptions
    from actors.vitals import HealthLevel as HealthLevel

__all__ = [
    "AggregateEvent",
    "AggregateTrade",
    "AveragePrice",
    "AveragePriceEvent",
    "Binance",
    "Book",
    "BookEvent",
    "Candle",
    "CandleEvent",
    "Disconnected",
    "FallbackKind",
    "FallbackOptions",
    "FaultTolerance",
    "Feed",
    "Filled",
    "Gap",
    "HealthCheck",
    "HealthLevel",
    "IncidentKind",
    "InstrumentId",
    "Marker",
    "MiniTicker",
    "MiniTickerEvent",
    "NoSuchVenue",
    "Okx",
    "Quote",
    "QuoteEvent",
    "Rejected",
    "Resumed",
    "Source",
    "SourceChanged",
    "Stale",
    "StreamOptions",
    "Subscription",
    "SystemHealth",
    "Ticker24h",
    "TickerEvent",
    "Trade",
    "TradeEvent",
    "TreeOptions",
    "UnknownInstrument",
    "Unwant",
    "VenueHealth",
    "Want",
    "aggregates",
    "average_prices",
    "books",
    "bot_tree",
    "candles",
    "exchange_tree",
    "mini_tickers",
    "partial_books",
    "quotes",
    "tickers",
    "trades",
]

_HOMES = {
    "actors.bot_tree": "bot_tree",
    "actors.errors": "UnknownInstrument",
    "actors.exchange_tree": "TreeOptions exchange_tree",
    "actors.exchanges.binance": "Binance",
    "actors.exchanges.okx": "Okx",
    "actors.fallbacks": "FallbackOptions",
    "actors.fault_tolerance": "FaultTolerance HealthCheck NoSuchVenue SystemHealth VenueHealth",
    "actors.feeds": "aggregates average_prices books candles mini_tickers partial_books quotes tickers trades",
    "actors.incidents": "IncidentKind",
    "actors.market": """AggregateEvent AggregateTrade AveragePrice AveragePriceEvent Book BookEvent Candle CandleEvent
        Disconnected Feed Filled Gap InstrumentId Marker MiniTicker MiniTickerEvent Quote QuoteEvent Rejected Resumed Source
        SourceChanged Stale Subscription Ticker24h TickerEvent Trade TradeEvent""",
    "actors.protocol": "FallbackKind Unwant Want",
    "actors.stream_options": "StreamOptions",
    "actors.vitals": "HealthLevel",
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
