"""Every async test (`pytestmark = pytest.mark.anyio`) runs on trio and on asyncio, in virtual time: by our own plugin."""

from __future__ import annotations

import gc
import os
import re
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import Phase, settings

pytest_plugins = ["supervisor.testing.pytest_plugin", "tests.errors.accuracy"]

# The same examples in every run, so that a red run is about the change; `make soak` looks for new ones, and for many more.
settings.register_profile("default", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("soak", deadline=None, max_examples=2_000, print_blob=True)
# For `make mutants`, which asks only whether anything fails: few examples, and no smaller one is looked for.
PHASES = (Phase.explicit, Phase.generate)
settings.register_profile("mutants", deadline=None, derandomize=True, database=None, max_examples=25, phases=PHASES)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
DATA = Path(__file__).parent.parent.parent / "shared" / "data"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked `long` run on one loop here, some on trio and some on asyncio, because all would take too long.

    In `make soak` they run on both.
    """
    if not SOAK:
        left = {item for item in items if item.get_closest_marker("long") and _other_loop(item)}
        config.hook.pytest_deselected(items=list(left))
        items[:] = [item for item in items if item not in left]


def _other_loop(item: pytest.Item) -> bool:
    name, _, parameters = item.name.partition("[")
    loops = ("trio", "asyncio") if crc32(name.encode()) % 2 else ("asyncio", "trio")
    return loops[1] in re.split(r"[-\]]", parameters)


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: no collection, of which tests make many, has to look at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def recorded() -> Path:
    """The folder of recorded traffic, beside the checkout."""
    if not DATA.is_dir():
        pytest.skip(f"recorded traffic is not here: {DATA} does not exist")
    return DATA
