"""How fast bytes pass, changed at any time. The shell around one number."""

from __future__ import annotations

import math

import anyio
from attrs import define, field

__all__ = ["Valve"]

SLICES = 20
"""Slices per second in which bytes pass where the rate is limited, about."""


@define(eq=False)
class Valve:
    """Open until it is set."""

    rate: float | None = field(default=None, init=False)
    """Bytes per second; None: any number, 0: none."""
    _changed: anyio.Event = field(factory=anyio.Event, init=False)

    def set(self, rate: float | None) -> None:
        self.rate = rate
        self._changed.set()
        self._changed = anyio.Event()

    def slice(self, most: int) -> int:
        """How many bytes go in one go."""
        return most if self.rate is None else max(1, min(most, int(self.rate / SLICES)))

    async def passed(self, count: int) -> None:
        """Wait for as long as so many bytes take.

        Cancellation: atomic.
        """
        left = float(count)
        while (rate := self.rate) is not None and left > 0:
            began, changed = anyio.current_time(), self._changed
            with anyio.CancelScope(deadline=began + left / rate if rate else math.inf):
                await changed.wait()
            left -= (anyio.current_time() - began) * rate
