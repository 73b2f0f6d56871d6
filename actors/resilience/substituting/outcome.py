"""What a fallback did, in values: the answer it gave, what hooks are told of it, what is counted, what a block sees."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final, Generic, TypeVar

from attrs import frozen

__all__ = ["UNSET", "Answer", "FallbackEvent", "FallbackKind", "FallbackOutcome", "FallbackStatistics", "Unset"]

T = TypeVar("T")


class FallbackKind(StrEnum):
    """Where an answer came from."""

    CACHED = "cached"
    FUNCTION = "function"
    VALUE = "value"


class Unset(Enum):
    UNSET = "unset"

    def __repr__(self) -> str:
        return "<unset>"


UNSET: Final = Unset.UNSET


@frozen
class FallbackEvent:
    """Something else than the call itself gave the answer."""

    name: str
    """The policy's name."""
    error: Exception
    """Why."""
    kind: FallbackKind
    age: float | None
    """Seconds since a cached result was new."""


@frozen
class FallbackStatistics:
    """What a fallback has seen so far."""

    cached: int
    """Errors that the last good result stood in for."""
    functions: int
    """Errors that the function answered."""
    values: int
    """Errors that the value stood in for."""
    failed: int
    """Errors that the function failed to answer, too."""
    unanswered: int
    """Errors that went on because nothing stood in: no good result that is young enough, and nothing else."""
    unhashable: int
    """Calls whose result could not be kept or found, because their key cannot be hashed."""
    kept: int
    """Good results that are kept now."""


@frozen
class Answer(Generic[T]):
    """What stands in."""

    value: T
    kind: FallbackKind
    age: float | None = None


class FallbackOutcome(Generic[T]):
    """What a block came to. In the block, set `value` to its result."""

    __slots__ = ("_value", "age", "error", "kind")

    def __init__(self) -> None:
        self._value: T | Unset = UNSET
        self.error: Exception | None = None
        """Why a fallback stands in; None if `value` is the block's own."""
        self.kind: FallbackKind | None = None
        """Where the fallback came from."""
        self.age: float | None = None
        """Seconds since a cached result was new."""

    @property
    def value(self) -> T:
        """The block's result, or what stands in for it.

        Raises:
            LookupError: the block has not set it.
        """
        if self._value is UNSET:
            raise LookupError("the block has not set its result; expected `outcome.value = ...` in it")
        return self._value

    @value.setter
    def value(self, value: T) -> None:
        self._value = value
