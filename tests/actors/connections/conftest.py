"""What several tests of connections need."""

from __future__ import annotations

import anyio
import pytest


@pytest.fixture
def down(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds for which no process ran, of which the loop's clock knows nothing."""
    seconds = [0.0]
    monkeypatch.setattr("supervisor.runtime.wall_time", lambda: 1_700_000_000.0 + anyio.current_time() + seconds[0])
    return seconds
