"""Virtual time on both loops: a wait costs nothing, and time stands still while anything can run.

trio has it (`trio.testing.MockClock`); asyncio gets it here, by a selector that answers a wait by moving the loop's clock.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

import trio.testing

__all__ = ["BACKENDS", "virtual_backend"]

BACKENDS = ("trio", "asyncio")


class _JumpingSelector(selectors.SelectSelector):
    """Waits by moving the clock. Sockets still work: what is ready is seen before time moves."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout is None:
            # Nothing scheduled: only a socket or another thread can go on, so wait for it in real time.
            return ready or super().select(None)
        self.now += max(timeout, 0.0)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose clock starts at 0 and jumps to the next timer when nothing can run."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        # A timer must be due once the clock has jumped to it: without this the loop spins on rounding errors,
        # which grow with the clock: a microsecond is enough for three hundred years.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._jumping.now


def virtual_backend(name: str) -> tuple[str, dict[str, Any]]:
    """Backend name and options for `anyio.run` and for anyio's pytest fixture `anyio_backend`.

    Args:
        name: `"trio"` or `"asyncio"`.
    """
    if name == "trio":
        return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}
    return "asyncio", {"loop_factory": VirtualTimeLoop}
