"""The pytest plugin, in the projects of people who use it: with anyio's plugin, and with pytest-trio."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from supervisor.testing.pytest_plugin import pytest_generate_tests

CONFTEST = 'pytest_plugins = ["supervisor.testing.pytest_plugin"]\n'
ACTORS = """
import anyio, pytest, sys
from supervisor import Actor, ActorSpec, ChildEnded, Request, SupervisorSpec
from supervisor.testing import Leaked, await_restart, crash

class Get(Request[int], frozen=True):
    pass

class Five(Actor[Get]):
    def receive(self, message: Get) -> int:
        return 5

SPEC = SupervisorSpec("root", [ActorSpec("five", Five)])

async def race():
    order = []
    async def racer(number):
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        order.append(number)
    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(racer, number)
    return tuple(order)
"""
WITH_ANYIO = (
    ACTORS
    + """
import asyncio, trio
pytestmark = pytest.mark.anyio
seen = {}

async def test_a_tree(open_tree, probe):
    async with open_tree(probe.in_tree(SPEC, "root/five")) as tree:
        await anyio.sleep(3600)
        probe.answers(Get, 6)
        assert await tree.root.child("five").ask(Get()) == 6
        await await_restart(tree.root.child("five"), crash(tree.root.child("five")))
        assert len(tree.of(ChildEnded)) == 1

@pytest.mark.seeds(8)
async def test_a_seed_is_heeded(schedule_seed, anyio_backend_name):
    order = await race()
    seen.setdefault(anyio_backend_name, []).append(order)
    async def again():
        return await race()

def test_seeds_differ():
    assert {len(orders) for orders in seen.values()} == {8}
    assert all(len(set(orders)) > 4 for orders in seen.values())

@pytest.mark.seeds([3, 3])
async def test_a_seed_repeats(anyio_backend_name):
    seen.setdefault(("again", anyio_backend_name), set()).add(await race())

def test_one_seed_one_order():
    assert {len(orders) for key, orders in seen.items() if key[0] == "again"} == {1}

@pytest.mark.real_time
async def test_real_time():
    assert anyio.current_time() > 0

@pytest.mark.seeds(2)
async def test_fails():
    assert False
"""
)
WITH_TRIO = (
    ACTORS
    + """
import trio
seen = []

async def test_a_tree(open_tree, probe, autojump_clock):
    async with open_tree(SPEC) as tree:
        await trio.sleep(3600)
        assert await tree.root.child("five").ask(Get()) == 5

@pytest.fixture
async def tree(open_tree, autojump_clock):
    async with open_tree(SPEC) as tree:
        yield tree

async def test_a_fixture_of_mine(tree):
    assert await tree.root.child("five").ask(Get()) == 5

@pytest.mark.seeds([1, 1, 2, 3, 4])
async def test_a_seed_is_heeded(seeded_trio, autojump_clock):
    seen.append(await race())

def test_seeds_differ():
    assert len(seen) == 5
    assert seen[0] == seen[1]
    assert len(set(seen)) > 2
"""
)


def run(folder: Path, tests: str, ini: str, *options: str) -> str:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text(f"[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n{ini}\n")
    (folder / "test_mine.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-p", "no:xdist", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


@pytest.mark.slow
def test_with_the_plugin_of_anyio(tmp_path: Path) -> None:
    said = run(tmp_path, WITH_ANYIO, "")
    assert "4 failed, 26 passed" in said, said
    for backend in ("trio", "asyncio"):
        assert f"test_a_tree[{backend}] PASSED" in said
        assert f"FAILED test_mine.py::test_fails[{backend}-seed1]" in said


@pytest.mark.slow
def test_with_pytest_trio(tmp_path: Path) -> None:
    said = run(tmp_path, WITH_TRIO, "trio_mode = true")
    assert "8 passed" in said, said


@pytest.mark.slow
def test_the_kit_does_not_need_pytest() -> None:
    code = "import sys, supervisor.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class _Metafunc:
    """What pytest says of a test."""

    def __init__(self, fixturenames: list[str], *arguments: object) -> None:
        self.fixturenames = fixturenames
        self.definition = self
        self.nodeid = "test_mine.py::test_x"
        self.arguments = arguments
        self.given: list[int] = []
        self.real_time: object = None

    def get_closest_marker(self, name: str) -> object:
        if name == "real_time":
            return self.real_time
        return pytest.mark.seeds(*self.arguments).mark

    def parametrize(self, name: str, seeds: list[int], ids: list[str], indirect: bool) -> None:
        self.given = seeds


def test_a_number_or_a_list_of_seeds_is_taken() -> None:
    for arguments, seeds in (((3,), [0, 1, 2]), (([7, 9],), [7, 9]), ((range(2, 4),), [2, 3]), ((5, 6), [5, 6])):
        test = _Metafunc(["schedule_seed"], *arguments)
        pytest_generate_tests(test)
        assert test.given == seeds


def test_seeds_without_anything_that_heeds_them_are_refused() -> None:
    with pytest.raises(pytest.UsageError, match="has seeds but nothing that heeds them"):
        pytest_generate_tests(_Metafunc([], 3))


def test_seeds_in_real_time_are_refused() -> None:
    test = _Metafunc(["schedule_seed"], 3)
    test.real_time = pytest.mark.real_time.mark
    with pytest.raises(pytest.UsageError, match="real time is not repeated"):
        pytest_generate_tests(test)


@pytest.mark.parametrize("arguments", [(), (0,), ("3",), ([1.5],), (None,), (True,)], ids=str)
def test_wrong_seeds_are_refused(arguments: tuple[object, ...]) -> None:
    with pytest.raises(pytest.UsageError, match=r"expected seeds\(50\) or seeds\(\[17\]\)"):
        pytest_generate_tests(_Metafunc(["schedule_seed"], *arguments))
