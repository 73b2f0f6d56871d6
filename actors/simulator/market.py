"""What the server needs from a market, synthetic or recorded.

A market is a sequence of timed messages and the state that belongs to it. Nothing in it knows a clock: the player
decides when the next message is drawn. A message is drawn shortly before it is sent, so `depth` may be one message
ahead of the streams and never behind them: a client that finds a snapshot too old would have to ask again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from actors.simulator.history import TradeHistory
from actors.simulator.symbols import Symbol
from actors.simulator.trades import RecentTrade

__all__ = ["BestPrices", "BookChange", "Content", "Depth", "Market", "MarketMessage", "PriceLevel"]

PriceLevel = tuple[str, str]
"""Price and quantity as they stand on the wire."""


class BestPrices(Struct, frozen=True, gc=False):
    update_id: int
    bid: PriceLevel
    ask: PriceLevel


class BookChange(Struct, frozen=True):
    """Every update from `first_id` to `last_id`: the final quantity of each level that changed; 0 for one that is gone."""

    time_ms: int
    first_id: int
    last_id: int
    bids: Sequence[PriceLevel]
    asks: Sequence[PriceLevel]


Content = RecentTrade | BestPrices | BookChange


class MarketMessage(Struct, frozen=True, gc=False):
    time: float
    """Market seconds since the market's start."""
    stream: str
    """Binance's name of it, `btcusdt@trade`."""
    data: bytes
    """Binance's JSON of the event, without the combined streams' envelope."""
    native: str = ""
    """`BTCUSDT`."""
    content: Content | None = None
    """What it says, for other dialects and for what is derived from it; None: nothing that is known here."""


class Depth(Struct, frozen=True):
    """A book at one id, best levels first."""

    last_id: int
    bids: list[PriceLevel]
    asks: list[PriceLevel]


class Market(Protocol):
    @property
    def symbols(self) -> Sequence[Symbol]: ...

    @property
    def epoch_ms(self) -> int:
        """Exchange time of the market's start, milliseconds since 1970."""
        ...

    @property
    def skipped(self) -> int:
        """Lines of a recording that could not be used so far."""
        ...

    @property
    def first_skipped(self) -> str:
        """The first of them, and why; empty: there is none."""
        ...

    def messages(self) -> Iterator[MarketMessage]:
        """The market's course, in order of time. Drawing one moves the state on; call it once.

        Raises:
            RecordingError: the rest of a recording cannot be read.
        """
        ...

    def depth(self, native: str, limit: int) -> Depth | None:
        """The best levels now; None while the book is not known, or for an unknown symbol."""
        ...

    def history(self, native: str) -> TradeHistory:
        """The trades of a symbol so far; an empty one for an unknown symbol."""
        ...

    def plays(self, stream: str) -> bool:
        """Whether it brings this stream itself, so that nothing may be derived for it."""
        ...
