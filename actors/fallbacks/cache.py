"""Cache: the last known values, marked as stale, while a link delivers nothing from any source."""

from __future__ import annotations

from attrs import define, field

from actors.fallbacks.force import FallbackChange, Force
from actors.fallbacks.options import FallbackOptions
from actors.fallbacks.switch import Patience, Switch

__all__ = ["Cache"]

BETWEEN_POLLS = 2.0
"""Times the polling interval that may pass without data of a link that is polled: one poll may fail."""


@define
class Cache:
    """One link's. Times must not go backwards.

    Args:
        options: how patient it is.
    """

    options: FallbackOptions
    force: Force = field(init=False)

    def __attrs_post_init__(self) -> None:
        options = self.options
        self.force = Force(Switch(Patience(put_after=0.0, lift_after=options.cache_lift_after, longest=options.poll_after)))

    @property
    def in_force(self) -> bool:
        return self.force.in_force

    def feed(self, quiet: float, interval: float, now: float) -> FallbackChange | None:
        """Look at the evidence.

        Args:
            quiet: seconds without data of any source; 0 while there is no trouble.
            interval: seconds between two polls; 0 where it is not polled.
            now: the time.
        """
        if quiet >= max(self.options.cache_after, BETWEEN_POLLS * interval):
            return self.force.feed(True, f"no data of any source for {quiet:.1f} s", now)
        return self.force.feed(False, "data flows again", now)
