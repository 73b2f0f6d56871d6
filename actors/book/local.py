"""LocalBook: the levels of one instrument, kept in order."""

from __future__ import annotations

from bisect import bisect_left, insort
from decimal import Decimal

from attrs import define, field

from actors.market import Book, BookDelta, BookSnapshot, InstrumentId, Level

__all__ = ["LocalBook"]


@define
class _Side:
    """One side's levels: the quantities by price, and the prices in ascending order."""

    quantities: dict[Decimal, Decimal] = field(factory=dict)
    prices: list[Decimal] = field(factory=list)

    def load(self, levels: list[Level]) -> None:
        self.quantities = {price: quantity for price, quantity in levels if quantity}
        self.prices = sorted(self.quantities)

    def apply(self, levels: list[Level]) -> None:
        quantities, prices = self.quantities, self.prices
        known = len(quantities)
        for price, quantity in levels:
            if quantity:
                quantities[price] = quantity
                # A longer dict tells that the price is new: hashing a Decimal once more to ask would cost more.
                if len(quantities) != known:
                    known += 1
                    insort(prices, price)
            elif quantities.pop(price, None) is not None:
                known -= 1
                del prices[bisect_left(prices, price)]

    def trim_lowest(self, depth: int) -> None:
        excess = len(self.prices) - depth
        if excess > 0:
            self._forget(self.prices[:excess])
            del self.prices[:excess]

    def trim_highest(self, depth: int) -> None:
        if len(self.prices) > depth:
            self._forget(self.prices[depth:])
            del self.prices[depth:]

    def level(self, place: int) -> Level | None:
        if not self.prices:
            return None
        price = self.prices[place]
        return price, self.quantities[price]

    def _forget(self, prices: list[Decimal]) -> None:
        for price in prices:
            del self.quantities[price]


@define
class LocalBook:
    """The levels of one instrument. It takes what it is given; whether that fits is for `BookSync` to say.

    Args:
        instrument: whose book.
        depth: levels kept per side; of more, the worst are forgotten and stay unknown until the exchange names them again.
    """

    instrument: InstrumentId
    depth: int = 5000
    update_id: int = field(default=0, init=False)
    """The id of the last update in it."""
    received: float = field(default=0.0, init=False)
    """When that update was read from the socket."""
    _bids: _Side = field(factory=_Side, init=False)
    _asks: _Side = field(factory=_Side, init=False)

    def load(self, snapshot: BookSnapshot) -> None:
        """Become this snapshot."""
        self._bids.load(snapshot.bids)
        self._asks.load(snapshot.asks)
        self._done(snapshot.last_id, snapshot.received)

    def apply(self, delta: BookDelta) -> None:
        """Change the levels that the delta names. A level that is taken away and was not known changes nothing."""
        self._bids.apply(delta.bids)
        self._asks.apply(delta.asks)
        self._done(delta.last_id, delta.received)

    @property
    def best_bid(self) -> Level | None:
        """The highest bid, or None without bids."""
        return self._bids.level(-1)

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask, or None without asks."""
        return self._asks.level(0)

    @property
    def top(self) -> tuple[Level | None, Level | None]:
        """The best bid and the best ask."""
        return self.best_bid, self.best_ask

    @property
    def levels(self) -> tuple[int, int]:
        """How many bids and asks there are."""
        return len(self._bids.prices), len(self._asks.prices)

    @property
    def crossed(self) -> bool:
        """The best bid is not below the best ask. No exchange has such a book, so an update was missed."""
        bids, asks = self._bids.prices, self._asks.prices
        return bool(bids and asks) and bids[-1] >= asks[0]

    def best(self, depth: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """The best bids and asks, up to `depth` per side, best first."""
        bids, asks = self._bids, self._asks
        return (
            tuple((price, bids.quantities[price]) for price in bids.prices[: -depth - 1 : -1]),
            tuple((price, asks.quantities[price]) for price in asks.prices[:depth]),
        )

    def view(self, depth: int = 20) -> Book:
        """The best levels as an event, up to `depth` per side, best first."""
        bids, asks = self.best(depth)
        return Book(instrument=self.instrument, received=self.received, update_id=self.update_id, bids=bids, asks=asks)

    def _done(self, update_id: int, received: float) -> None:
        self._bids.trim_lowest(self.depth)
        self._asks.trim_highest(self.depth)
        self.update_id = update_id
        self.received = received
