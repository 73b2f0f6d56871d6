"""The demo as a user runs it: on a synthetic market on both loops, and on the real recording, every invariant holds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = [pytest.mark.real_time, pytest.mark.slow]


LOOPS = ("trio", "asyncio")
SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"


def demo_on(loops: Sequence[str], *arguments: str) -> None:
    """All at once: a demo waits more than it works."""
    # Faster than a person would watch it. The pauses of the plan are waits for events, so speed changes no outcome.
    command = [sys.executable, "-m", "actors.cli", "demo", "--plain", "--speed", "6", *arguments]
    runs = {
        backend: subprocess.Popen([*command, "--backend", backend], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for backend in loops
    }
    said = {backend: run.communicate(timeout=300)[0] for backend, run in runs.items()}
    ended = {backend: (run.returncode, "all invariants hold" in said[backend]) for backend, run in runs.items()}
    assert ended == dict.fromkeys(loops, (0, True)), said


def test_a_synthetic_market_is_survived_on_both_loops() -> None:
    demo_on(LOOPS, "--seed", "7")


def test_the_real_recording_is_survived(recorded: Path) -> None:
    # What differs from a synthetic market is the market and not the loop, so `make test` has one, and `make soak` both.
    demo_on(LOOPS if SOAK else LOOPS[:1], "--replay", str(recorded / "binance-btcusdt" / "spot_btcusdt_20240808.gz"))
