"""Rate: fewer, merged connections and requests, while connection attempts or REST weight are used up, or the exchange says that
we ask too much. It is lifted after a quiet time.
"""

from __future__ import annotations

import math

from attrs import define, field

from actors.fallbacks.force import FallbackChange, Force
from actors.fallbacks.options import FallbackOptions
from actors.fallbacks.switch import Patience, Switch

__all__ = ["Rate"]


@define
class Rate:
    """A venue's. Times must not go backwards.

    Args:
        options: how patient it is.
    """

    options: FallbackOptions
    force: Force = field(init=False)
    _short_since: float = field(init=False, default=math.inf)

    def __attrs_post_init__(self) -> None:
        options = self.options
        self.force = Force(Switch(Patience(put_after=0.0, lift_after=options.rate_lift_after, longest=options.longest)))

    @property
    def in_force(self) -> bool:
        return self.force.in_force

    def feed(self, share: float, what: str, now: float) -> FallbackChange | None:
        """Look at the evidence.

        Args:
            share: of what is allowed, the worst of all kinds.
            what: is that short, in a word.
            now: the time.
        """
        short = share >= 1
        self._short_since = min(self._short_since, now) if short else math.inf
        reason = f"{what}: {share:.0%} of what is allowed" if short else "nothing has been short for a while"
        return self.force.feed(short, reason, now)

    def helps(self, now: float) -> bool:
        """False: it is in force, and it has been short for so long that this alone is not enough."""
        return not self.in_force or now - max(self._short_since, self.force.since) < self.options.rate_helps_within
