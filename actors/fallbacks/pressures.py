"""Pressures: what is getting short, by kind. A report counts until the next of its kind, and no longer than it is fresh."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

__all__ = ["Pressures"]


@define
class Pressures:
    """The last report of each kind. Bounded by the kinds there are.

    Args:
        fresh: seconds that a report counts.
    """

    fresh: float
    _told: dict[str, tuple[float, float]] = field(init=False, factory=dict)
    """{kind: (share, when)}"""

    def feed(self, kind: str, share: float, now: float) -> None:
        """Something is this short; from a share of 1 on it is too short. What is no number at all is taken as 0."""
        self._told[kind] = (share if share > 0 else 0.0, now)

    def worst(self, kinds: Iterable[str], now: float) -> tuple[float, str]:
        """The greatest share among these kinds, and whose it is; `(0.0, "")` without any."""
        fresh = [(share, kind) for kind in kinds for share, at in [self._told.get(kind, (0.0, now))] if now - at < self.fresh]
        share, kind = max(fresh, default=(0.0, ""))
        return (share, kind) if share > 0 else (0.0, "")
