"""What a server allows, as a value: so much weight within so many seconds, counted in this way."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from attrs import Attribute, field, frozen

from actors.errors.checks import count, kind_of, refuse, seconds
from actors.resilience.limiting.rolling_window import RollingWindow
from actors.resilience.limiting.token_bucket import TokenBucket
from actors.resilience.limiting.window import Window
from supervisor.backoff import is_count

__all__ = ["Limit", "LimitKind"]


class LimitKind(StrEnum):
    """How a server counts."""

    STRICT = "strict"
    """What went in the last seconds: never more in any window, wherever it begins."""
    BUCKET = "bucket"
    """A bucket that is refilled all the time: a burst, and then the average."""


def _kind(value: Any) -> Any:
    return next((kind for kind in LimitKind if value == kind.value), value)


def _check_burst(limit: Limit, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and limit.kind is not LimitKind.BUCKET:
        refuse(limit, attribute, value, "None: only a limit of kind=LimitKind.BUCKET has a burst")
    if value is not None and not is_count(value):
        refuse(limit, attribute, value, f"a weight of 1 or more, for example burst={limit.weight!r}, or None for the weight")


@frozen
class Limit:
    """One limit of a server.

    Raises:
        SpecError: a field is out of its range.
    """

    weight: int = field(validator=count(6000))
    """What may go in one window; each call weighs 1, if it does not say otherwise."""
    within: float = field(validator=seconds(60.0))
    """The window's length in seconds."""
    kind: LimitKind = field(default=LimitKind.STRICT, converter=_kind, validator=kind_of(LimitKind, "strict or bucket"))
    burst: int | None = field(default=None, validator=_check_burst)
    """Of a bucket: what goes at once when it is full; None for the weight. In the first window it lets through both."""

    def __str__(self) -> str:
        burst = "" if self.kind is LimitKind.STRICT else f", bucket of {self.burst or self.weight}"
        return f"{self.weight} in {self.within:g} s{burst}"

    def window(self) -> Window:
        """What counts for this limit."""
        if self.kind is LimitKind.STRICT:
            return RollingWindow(self.weight, self.within)
        return TokenBucket(self.weight, self.within, self.burst)
