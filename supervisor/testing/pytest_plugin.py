"""A pytest plugin. Load it in the topmost conftest.py: `pytest_plugins = ["supervisor.testing.pytest_plugin"]`.

With anyio's plugin (`pytestmark = pytest.mark.anyio`, or `anyio_mode = auto`): each async test runs on trio and on asyncio, in
virtual time. `@pytest.mark.real_time` gives the loop's own clock, for sockets and subprocesses. `@pytest.mark.seeds(50)` runs a
test with the seeds 0 to 49, each a test of its own that is named by it; `@pytest.mark.seeds([17])` with that one.

With pytest-trio (`trio_mode = true`): take its fixture `autojump_clock` for virtual time (which does not wait for threads), and
`seeded_trio` for seeds, as arguments of the test itself; pytest-trio does not look further.

Fixtures
    anyio_backend  both loops, in virtual time; a conftest.py in a folder may define it otherwise for its tests
    open_tree      `async with open_tree(spec) as tree:`, see `supervisor.testing.open_tree`
    probe          a `Probe` that accepts anything
    schedule_seed  the seed of this run, or None
    seeded_trio    for pytest-trio: has trio go on with its tasks as the seed says
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import trio

from supervisor.testing.probes import Probe
from supervisor.testing.seeding import SeededRun
from supervisor.testing.trees import OpenTree
from supervisor.testing.trees import open_tree as _open_tree
from supervisor.testing.virtual_time import BACKENDS, SeededTrio, virtual_backend

__all__ = ["anyio_backend", "open_tree", "probe", "schedule_seed", "seeded_trio"]

SEEDS = "seeds(number_or_list): run the test with the seeds 0 to number-1, or with each of the list"
REAL_TIME = "real_time: the test runs on the loop's own clock, because sockets or processes are involved"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marks known."""
    config.addinivalue_line("markers", SEEDS)
    config.addinivalue_line("markers", REAL_TIME)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each seed."""
    mark = metafunc.definition.get_closest_marker("seeds")
    if mark is None:
        return
    given = mark.args[0] if len(mark.args) == 1 else mark.args
    seeds: list[Any] = list(range(given) if type(given) is int else given if isinstance(given, Iterable) else ())
    if not seeds or not all(type(one) is int for one in seeds):
        raise pytest.UsageError(f"{metafunc.definition.nodeid}: seeds{mark.args!r}; expected seeds(50) or seeds([17])")
    if "schedule_seed" not in metafunc.fixturenames:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid} has seeds but nothing that heeds them: mark it anyio, "
            f"or with pytest-trio take the fixture seeded_trio"
        )
    if metafunc.definition.get_closest_marker("real_time") is not None:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid} has seeds and real_time: real time is not repeated; take one away"
        )
    metafunc.parametrize("schedule_seed", seeds, ids=[f"seed{one}" for one in seeds], indirect=True)


@pytest.fixture
def schedule_seed(request: pytest.FixtureRequest) -> int | None:
    """The seed of this run; None without the mark `seeds`."""
    return getattr(request, "param", None)


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest, schedule_seed: int | None) -> tuple[str, dict[str, Any]]:
    """Both loops, in virtual time; with the mark `real_time`, on the loop's own clock."""
    if request.node.get_closest_marker("real_time"):
        return request.param, {}
    return virtual_backend(request.param, schedule_seed)


@pytest.fixture
def seeded_trio(schedule_seed: int | None) -> trio.abc.Instrument:
    """For pytest-trio, which gives each instrument among a test's arguments to `trio.run`."""
    return SeededTrio(SeededRun(0 if schedule_seed is None else schedule_seed))


@pytest.fixture
def open_tree() -> Callable[..., AbstractAsyncContextManager[OpenTree]]:
    """Opens trees: `async with open_tree(spec) as tree:`. Each must leave nothing behind."""
    return _open_tree


@pytest.fixture
def probe() -> Probe[Any]:
    """A probe that accepts anything."""
    return Probe()
