"""What was flushed before `kill -9` is recalled after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

SEEDS = 32 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 4
"""Each is 26 processes that are killed at another moment."""

pytestmark = pytest.mark.anyio


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_was_flushed_before_kill_9_is_recalled_after_it(path: Path, seed: int) -> None:
    command = [sys.executable, "-m", "tests.crash_writer", str(path), str(seed), "25"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    rounds = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(rounds) == 26
    flushed = at_work = 0
    for number, one in enumerate(rounds):
        assert one["killed"], ran.stderr
        if one["recalled"] is not None:
            assert len(set(one["recalled"])) == 1, f"round {number} found values apart that were remembered together: {one}"
            assert one["whole"], f"round {number} found a value that nobody remembered: {one}"
            assert one["recalled"][0] >= flushed, f"round {number} recalled less than was flushed ({flushed}): {one}"
        if one["flushed"] is not None:
            flushed = one["flushed"]
            at_work += 1
    assert at_work >= 15
