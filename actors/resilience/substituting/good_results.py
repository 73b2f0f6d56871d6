"""The last good result of each call, by its arguments: bounded, and no clock. The caller says what time it is."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

from attrs import define, field, frozen

__all__ = ["GoodResult", "GoodResults", "key_of"]

T = TypeVar("T")


@frozen
class GoodResult(Generic[T]):
    """A result, and how old it is."""

    value: T
    age: float
    """Seconds."""


@define
class GoodResults(Generic[T]):
    """The last good result of each key. Of more than `entries` keys, the one that was not used for longest is forgotten.

    Args:
        entries: how many keys.
        oldest: seconds; what is older is no result.
    """

    entries: int
    oldest: float
    _kept: OrderedDict[Hashable, tuple[float, T]] = field(factory=OrderedDict, init=False)
    """{key: when, result}, the one that was used last at the end."""

    def remember(self, key: Hashable, value: T, now: float) -> None:
        """Keep a result.

        Raises:
            TypeError: the key cannot be hashed.
        """
        self._kept[key] = (now, value)
        self._kept.move_to_end(key)
        if len(self._kept) > self.entries:
            self._kept.popitem(last=False)

    def recall(self, key: Hashable, now: float) -> GoodResult[T] | None:
        """The last good result; None if there is none that is young enough.

        Raises:
            TypeError: the key cannot be hashed.
        """
        found = self._kept.get(key)
        if found is None:
            return None
        at, value = found
        # A clock of another loop may lie a little before: nothing is younger than new.
        age = max(0.0, now - at)
        if age > self.oldest:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return GoodResult(value, age)

    def __len__(self) -> int:
        return len(self._kept)


def key_of(function: Callable[..., object], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Hashable:
    """What tells calls apart: the function, its arguments and their types, as `1 == 1.0 == True`."""
    named = tuple(sorted(kwargs.items()))
    return function, args, named, tuple(map(type, args)), tuple(type(value) for _, value in named)
