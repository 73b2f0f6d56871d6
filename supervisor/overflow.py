"""What a bounded queue does with one message too many. Pure: it holds items and says what became of each.

One class a policy, one verb: `offer` says whether the item was taken and which other item, if any, was lost for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from supervisor.spec import Conflate, Overflow

__all__ = ["FAIL", "NOTHING", "REFUSED", "BoundedQueue", "Outcome", "bounded_queue"]


class Outcome:
    """What became of an offer, where that is no other item."""

    def __init__(self, word: str) -> None:
        self.word = word

    def __repr__(self) -> str:
        return self.word


NOTHING: Final = Outcome("nothing was lost")
"""The item was taken, and nothing was lost for it. An older one that it replaced by its key is not lost: that was asked for."""
REFUSED: Final = Outcome("the item was dropped")
"""The item itself was the one too many."""
FAIL: Final = Outcome("the queue is full")
"""The item was not taken, and the policy is that this is a failure."""


class BoundedQueue:
    """First in, first out; the newest item is the one too many.

    Args:
        capacity: items it holds at most.
    """

    __slots__ = ("capacity", "items")

    def __init__(self, capacity: int) -> None:
        self.capacity: int = capacity
        self.items: deque[Any] = deque()

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    @property
    def full(self) -> bool:
        return len(self.items) >= self.capacity

    def offer(self, item: Any) -> Any:
        """Take the item if the policy allows. Returns NOTHING, REFUSED, FAIL, or the older item that was dropped for it."""
        if len(self.items) < self.capacity:
            self.items.append(item)
            return NOTHING
        return self._overflow(item)

    def take(self) -> Any:
        """The oldest item. Raises IndexError when there is none."""
        return self.items.popleft()

    def clear(self) -> list[Any]:
        """Empty the queue and return what was in it."""
        items = list(self)
        self.items.clear()
        return items

    def _overflow(self, item: Any) -> Any:
        return REFUSED


class _DropOldest(BoundedQueue):
    """The oldest item is the one too many."""

    __slots__ = ()

    def _overflow(self, item: Any) -> Any:
        dropped = self.items.popleft()
        self.items.append(item)
        return dropped


class _Fail(BoundedQueue):
    """One too many is a failure of the queue's owner."""

    __slots__ = ()

    def _overflow(self, item: Any) -> Any:
        return FAIL


class _Conflating(BoundedQueue):
    """A newer item with the same key replaces the queued one, in its place; past capacity the oldest goes.

    The deque holds cells of item and key, so that an item can be replaced without searching for it.
    """

    __slots__ = ("_cells", "_key")

    def __init__(self, capacity: int, key: Callable[[Any], object]) -> None:
        super().__init__(capacity)
        self._key = key
        self._cells: dict[object, list[Any]] = {}

    def __iter__(self) -> Iterator[Any]:
        return (cell[0] for cell in self.items)

    def offer(self, item: Any) -> Any:
        key = self._key_of(item)
        cell = self._cells.get(key)
        if cell is not None:
            cell[0] = item
            return NOTHING
        dropped = self.take() if self.full else NOTHING
        cell = [item, key]
        self.items.append(cell)
        if key is not None:
            self._cells[key] = cell
        return dropped

    def take(self) -> Any:
        item, key = self.items.popleft()
        if key is not None:
            del self._cells[key]
        return item

    def clear(self) -> list[Any]:
        self._cells.clear()
        return super().clear()

    def _key_of(self, item: Any) -> object:
        try:
            key = self._key(item)
            hash(key)
        except Exception:  # noqa: BLE001  # it would raise out of `tell`, at a sender who knows nothing of the key
            return None  # the item is queued, and replaces nothing
        return key


def bounded_queue(capacity: int, overflow: Overflow | Conflate) -> BoundedQueue:
    """A queue of that capacity and policy."""
    if isinstance(overflow, Conflate):
        return _Conflating(capacity, overflow.key)
    kinds = {Overflow.DROP_NEWEST: BoundedQueue, Overflow.DROP_OLDEST: _DropOldest, Overflow.FAIL: _Fail}
    return kinds[overflow](capacity)
