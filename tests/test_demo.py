"""The demo as a user runs it: on both loops, on a synthetic market and on the real recording, every invariant holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.real_time, pytest.mark.slow]


def demo(*arguments: str) -> str:
    # Faster than a person would watch it. The pauses of the plan are waits for events, so speed changes no outcome.
    command = [sys.executable, "-m", "actors.cli", "demo", "--plain", "--speed", "6", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_a_synthetic_market_is_survived(backend: str) -> None:
    assert "all invariants hold" in demo("--backend", backend, "--seed", "7")


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_the_real_recording_is_survived(backend: str, recorded: Path) -> None:
    recording = recorded / "binance-btcusdt" / "spot_btcusdt_20240808.gz"
    assert "all invariants hold" in demo("--backend", backend, "--replay", str(recording))
