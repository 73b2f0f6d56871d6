"""The trades of one symbol, as far as REST tells of them: bounded, and searched by id and by time. Pure.

Candles are kept from the first time that somebody asks for them, out of the trades that are known then: before that they
would cost something for nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from decimal import Decimal
from itertools import islice
from typing import TypeVar

from attrs import define, field
from msgspec import Struct

from actors.simulator.candles import Candles
from actors.simulator.trades import RecentTrade

__all__ = ["HISTORY", "Aggregate", "TradeHistory", "between", "from_id", "latest"]

HISTORY = 10_000
"""Trades kept per symbol, and as many aggregates."""


class Aggregate(Struct, frozen=True, gc=False):
    """All fills of one taker's order at one price."""

    id: int
    price: str
    quantity: str
    first_id: int
    last_id: int
    time_ms: int
    buyer_is_maker: bool


_Entry = TypeVar("_Entry", RecentTrade, Aggregate)


@define(eq=False)
class TradeHistory:
    """What happened, oldest first. Ids never go back."""

    trades: deque[RecentTrade] = field(factory=lambda: deque(maxlen=HISTORY), init=False)
    aggregates: deque[Aggregate] = field(factory=lambda: deque(maxlen=HISTORY), init=False)
    _open: list[RecentTrade] = field(factory=list, init=False)
    _candles: Candles | None = field(default=None, init=False)

    @property
    def last(self) -> RecentTrade | None:
        return self.trades[-1] if self.trades else None

    @property
    def candles(self) -> Candles:
        """Made when it is asked for first; kept up to date from then on."""
        if self._candles is None:
            self._candles = Candles()
            for trade in self.trades:
                self._candles.add(trade)
        return self._candles

    def add(self, trade: RecentTrade) -> None:
        self.trades.append(trade)
        if self._candles is not None:
            self._candles.add(trade)
        self._open.append(trade)
        # An aggregate that is not complete is not told: it would be told with another quantity later.
        if trade.ends:
            self.aggregates.append(_aggregate(self._open))
            self._open.clear()

    def add_aggregate(self, aggregate: Aggregate) -> None:
        """For a recording that has aggregates and no trades."""
        self.aggregates.append(aggregate)


def _aggregate(trades: list[RecentTrade]) -> Aggregate:
    first, last = trades[0], trades[-1]
    quantity = last.quantity if len(trades) == 1 else f"{sum(Decimal(trade.quantity) for trade in trades):.8f}"
    return Aggregate(last.aggregate_id, last.price, quantity, first.id, last.id, last.time_ms, last.buyer_is_maker)


def latest(entries: deque[_Entry], limit: int) -> list[_Entry]:
    """The newest ones, oldest first."""
    return list(islice(entries, max(len(entries) - limit, 0), None))


def from_id(entries: deque[_Entry], first: int, limit: int) -> list[_Entry]:
    """The oldest ones from an id on."""
    begin = bisect_left(entries, first, key=lambda entry: entry.id)
    return list(islice(entries, begin, begin + limit))


def between(entries: deque[_Entry], start_ms: int, end_ms: int, limit: int) -> list[_Entry]:
    """The oldest ones within these times, both inclusive."""
    begin = bisect_left(entries, start_ms, key=lambda entry: entry.time_ms)
    end = bisect_right(entries, end_ms, key=lambda entry: entry.time_ms)
    return list(islice(entries, begin, max(begin, min(end, begin + limit))))
