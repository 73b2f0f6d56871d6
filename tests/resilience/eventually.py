"""Waiting for what a thread will have done."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(condition: Callable[[], bool]) -> None:
    """Look until it is so; 20 seconds are far more than it takes."""
    until = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)  # a thread is looked at, which nobody can await
