"""Every async test (`pytestmark = pytest.mark.anyio`) runs on trio and on asyncio, in virtual time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from supervisor.testing.virtual_time import BACKENDS, virtual_backend

DATA = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both loops; `@pytest.mark.real_time` gives the loop's own clock, for tests with sockets."""
    if request.node.get_closest_marker("real_time"):
        return request.param, {}
    return virtual_backend(request.param)


@pytest.fixture
def recorded() -> Path:
    """The folder of recorded traffic, beside the checkout."""
    if not DATA.is_dir():
        pytest.skip(f"recorded traffic is not here: {DATA} does not exist")
    return DATA
