"""A book as OKX publishes it: the best 400 levels of each side, told at the market's depth events. Pure.

Between two of those nothing is published, so that every state that anybody sees, in a snapshot or after an update, has an id of
its own, and each update names the one before it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from decimal import Decimal
from zlib import crc32

from attrs import define, field

from actors.simulator.market import BookChange, Depth, PriceLevel

__all__ = ["LEVELS", "PublishedBook", "checksum", "short"]

LEVELS = 400
CHECKED = 25
_GONE = "0"

Shown = dict[Decimal, str]
"""{price: quantity}, best first."""


def short(number: str) -> str:
    """`60000.10000000` as OKX writes it, `60000.1`."""
    return number.rstrip("0").rstrip(".") if "." in number else number


@define
class _Side:
    """All levels of one side, and the best of them.

    Args:
        sign: -1 for bids, whose best is the highest.
    """

    sign: int
    _quantities: dict[Decimal, str] = field(factory=dict, init=False)
    _ranks: list[Decimal] = field(factory=list, init=False)
    """Prices times sign, the best first."""

    def take(self, levels: Iterable[PriceLevel]) -> None:
        for text, quantity in levels:
            price, rest = Decimal(short(text)), short(quantity)
            if rest != _GONE:
                if price not in self._quantities:
                    insort(self._ranks, price * self.sign)
                self._quantities[price] = rest
            elif self._quantities.pop(price, None) is not None:
                del self._ranks[bisect_left(self._ranks, price * self.sign)]

    def best(self) -> Shown:
        prices = (rank * self.sign for rank in self._ranks[:LEVELS])
        return {price: self._quantities[price] for price in prices}


@define(eq=False)
class PublishedBook:
    """One instrument's book.

    Args:
        seq_id: of what was published last.
        time_ms: when that was.
    """

    seq_id: int
    time_ms: int
    _bids: _Side = field(factory=lambda: _Side(-1), init=False)
    _asks: _Side = field(factory=lambda: _Side(1), init=False)
    _shown: tuple[Shown, Shown] = field(init=False, default=({}, {}))
    """What was published last."""
    _unseen: bool = field(init=False, default=True)
    """Something changed since then, of which nobody was told."""

    @classmethod
    def of(cls, depth: Depth, time_ms: int) -> PublishedBook:
        """Begin with this one, with all its levels."""
        book = cls(depth.last_id, time_ms)
        book._bids.take(depth.bids)
        book._asks.take(depth.asks)
        return book

    def levels(self, count: int = LEVELS) -> tuple[list[PriceLevel], list[PriceLevel]]:
        """Bids and asks as published last, best first."""
        bids, asks = self._now()
        return _rows(bids, count), _rows(asks, count)

    def change(self, change: BookChange, *, told: bool) -> tuple[int, list[PriceLevel], list[PriceLevel]] | None:
        """Take in what changed.

        Args:
            change: all of it.
            told: whether anybody will be told of it.

        Returns:
            The id before, and the bids and asks that are published; None where nobody is told, or the best levels are the same.
        """
        before = self._now() if told else ({}, {})
        self._bids.take(change.bids)
        self._asks.take(change.asks)
        self._unseen = True
        previous = self.seq_id
        if not told:
            self.seq_id, self.time_ms = change.last_id, change.time_ms
            return None
        # In the order of prices, so that the same seed says the same.
        bids, asks = (_difference(*pair) for pair in zip(before, self._now(), strict=True))
        if not (bids or asks):
            return None
        self.seq_id, self.time_ms = change.last_id, change.time_ms
        return previous, bids, asks

    @property
    def checksum(self) -> int:
        """Signed, as OKX wrote it."""
        return checksum(*self.levels(CHECKED))

    def _now(self) -> tuple[Shown, Shown]:
        if self._unseen:
            self._shown, self._unseen = (self._bids.best(), self._asks.best()), False
        return self._shown


def checksum(bids: list[PriceLevel], asks: list[PriceLevel]) -> int:
    """CRC32 of the best 25 levels, bids and asks in turn, with a sign."""
    texts = [f"{side[place][0]}:{side[place][1]}" for place in range(CHECKED) for side in (bids, asks) if place < len(side)]
    number = crc32(":".join(texts).encode())
    return number - 2**32 if number >= 2**31 else number


def _difference(before: Mapping[Decimal, str], after: Mapping[Decimal, str]) -> list[PriceLevel]:
    changed = [(f"{price:f}", quantity) for price, quantity in after.items() if before.get(price) != quantity]
    return changed + [(f"{price:f}", _GONE) for price in before if price not in after]


def _rows(side: Shown, count: int) -> list[PriceLevel]:
    return [(f"{price:f}", quantity) for price, quantity in list(side.items())[:count]]
