"""The demo as a user runs it: on both loops, on a synthetic market and on the real recording, every invariant holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.real_time, pytest.mark.slow]


def demo_on_both_loops(*arguments: str) -> None:
    """Both at once: a demo waits more than it works."""
    # Faster than a person would watch it. The pauses of the plan are waits for events, so speed changes no outcome.
    command = [sys.executable, "-m", "actors.cli", "demo", "--plain", "--speed", "6", *arguments]
    runs = {
        backend: subprocess.Popen([*command, "--backend", backend], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for backend in ("trio", "asyncio")
    }
    said = {backend: run.communicate(timeout=300)[0] for backend, run in runs.items()}
    assert {backend: (run.returncode, "all invariants hold" in said[backend]) for backend, run in runs.items()} == {
        "trio": (0, True),
        "asyncio": (0, True),
    }, said


def test_a_synthetic_market_is_survived_on_both_loops() -> None:
    demo_on_both_loops("--seed", "7")


def test_the_real_recording_is_survived_on_both_loops(recorded: Path) -> None:
    demo_on_both_loops("--replay", str(recorded / "binance-btcusdt" / "spot_btcusdt_20240808.gz"))
