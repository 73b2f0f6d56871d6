"""What every test here is given."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture
def door() -> Iterator[str]:
    """A path short enough for a socket's address, which pytest's own are not always."""
    folder = tempfile.mkdtemp(prefix="one")
    yield f"{folder}/door"
    shutil.rmtree(folder)
