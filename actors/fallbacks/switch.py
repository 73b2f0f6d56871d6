"""Switch: in force or not, by evidence that lasts.

The rules:

1. It is put in force when the evidence has been bad for `put_after` seconds without a break.
2. It is lifted when the evidence has been good for its patience without a break. That is `lift_after` at first.
3. What has to be put in force again within its patience after it was lifted was lifted too early: its patience doubles, up to
   `longest`. Else it begins anew. So evidence that swings for ever moves it ever less often.

Between two looks the evidence counts as unchanged.
"""

from __future__ import annotations

import math

from attrs import define, field, frozen

__all__ = ["Patience", "Switch"]


@frozen(kw_only=True)
class Patience:
    """How long evidence has to last. Times in seconds."""

    put_after: float
    """0: at once."""
    lift_after: float
    longest: float
    """No lifting waits for more than this, however often it came back."""


@define
class Switch:
    """One switch. Times must not go backwards.

    Args:
        patience: how long evidence has to last.
    """

    patience: Patience
    in_force: bool = field(default=False, init=False)
    lift_after: float = field(init=False)
    """Seconds of good evidence that lift it now."""
    _turned: float | None = field(default=None, init=False)
    """Since when the evidence has been against the present position; None: it is not."""
    _lifted_at: float = field(default=-math.inf, init=False)

    def __attrs_post_init__(self) -> None:
        self.lift_after = self.patience.lift_after

    def feed(self, bad: bool, now: float) -> bool:
        """Look at the evidence; True: it was put in force or lifted by that."""
        if bad == self.in_force:
            self._turned = None
            return False
        if self._turned is None:
            self._turned = now
        if now - self._turned < (self.lift_after if self.in_force else self.patience.put_after):
            return False
        self._turn(now)
        return True

    def put(self) -> None:
        """It was in force before a restart, and is again."""
        self.in_force, self._turned = True, None

    def _turn(self, now: float) -> None:
        self._turned = None
        self.in_force = not self.in_force
        if not self.in_force:
            self._lifted_at = now
        elif now - self._lifted_at <= self.lift_after:
            self.lift_after = min(2 * self.lift_after, max(self.patience.longest, self.patience.lift_after))
        else:
            self.lift_after = self.patience.lift_after
