"""Every async test (`pytestmark = pytest.mark.anyio`) runs on trio and on asyncio, in virtual time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from supervisor.testing.virtual_time import BACKENDS, virtual_backend

# The same examples in every run, so that a red run is about the change; `make soak` looks for new ones, and for many more.
settings.register_profile("default", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("soak", deadline=None, max_examples=2_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

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
