"""One side of the synthetic book, in whole ticks and lots."""

from __future__ import annotations

from bisect import bisect_left
from enum import IntEnum

from attrs import define, field

__all__ = ["Ladder", "Side"]


class Side(IntEnum):
    """The value is the direction that leads away from the touch."""

    BID = -1
    ASK = 1


@define
class Ladder:
    """Prices with their quantities, best first. Quantities are above 0, and there is always at least one level."""

    side: Side
    # Prices times the side, so that both sides are sorted best first. Invariant: set(_keys) == set(_lots)
    _keys: list[int] = field(factory=list, init=False)
    _lots: dict[int, int] = field(factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def best(self) -> tuple[int, int]:
        """Price and lots of the best level."""
        return self._keys[0] * self.side, self._lots[self._keys[0]]

    def lots(self, price: int) -> int:
        """What stands at this price; 0 where nothing does."""
        return self._lots.get(price * self.side, 0)

    def price_at(self, rank: int) -> int:
        """The price of a level; rank 0 is the best one."""
        return self._keys[rank] * self.side

    def set(self, price: int, lots: int) -> None:
        """Put so many lots at this price; 0 removes the level."""
        key = price * self.side
        if lots and key not in self._lots:
            self._keys.insert(bisect_left(self._keys, key), key)
        if lots:
            self._lots[key] = lots
        elif self._lots.pop(key, 0):
            del self._keys[bisect_left(self._keys, key)]

    def levels(self, limit: int) -> list[tuple[int, int]]:
        """The best levels, price and lots."""
        return [(key * self.side, self._lots[key]) for key in self._keys[:limit]]
