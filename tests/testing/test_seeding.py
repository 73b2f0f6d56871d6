"""A seed repeats the order in which tasks go on, and leaves nothing behind in trio, asyncio or `random`."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections import deque
from pathlib import Path

import anyio
import pytest
import trio

from supervisor import SupervisorSpec, open_supervisor
from supervisor.testing import BACKENDS, CannotSeed, run_seeded, trace_of, virtual_backend
from supervisor.testing.private import check_loop
from tests.testing.programs import busy, racers

ROOT = Path(__file__).parent.parent.parent
each_backend = pytest.mark.parametrize("backend", BACKENDS)


@each_backend
def test_a_seed_repeats_an_interleaving(backend: str) -> None:
    for seed in range(20):
        assert run_seeded(racers, backend=backend, seed=seed) == run_seeded(racers, backend=backend, seed=seed)


@each_backend
def test_other_seeds_give_other_interleavings(backend: str) -> None:
    assert len({run_seeded(racers, backend=backend, seed=seed) for seed in range(20)}) > 15


@each_backend
def test_a_seed_covers_the_random_numbers_of_trees_and_programs(backend: str) -> None:
    async def main() -> tuple[str, float, float]:
        async with open_supervisor(SupervisorSpec("root")) as root:
            return root._runtime.tree_id, root._runtime.random.random(), random.random()

    first, again, other = (run_seeded(main, backend=backend, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert not set(first) & set(other)


@each_backend
def test_without_a_seed_every_tree_has_an_id_of_its_own(backend: str) -> None:
    async def main() -> str:
        async with open_supervisor(SupervisorSpec("root")) as root:
            return root._runtime.tree_id

    assert len({anyio.run(main, backend=backend) for _ in range(5)}) == 5


@each_backend
@pytest.mark.parametrize("fails", [False, True])
def test_everything_private_is_given_back(backend: str, fails: bool) -> None:
    module = trio._core._run
    before = module._r, module._r.getstate(), module._ALLOW_DETERMINISTIC_SCHEDULING, random.getstate()

    async def main() -> None:
        random.random()
        await racers()
        if fails:
            raise ZeroDivisionError

    if fails:
        with pytest.raises(ZeroDivisionError):
            run_seeded(main, backend=backend, seed=3)
    else:
        run_seeded(main, backend=backend, seed=3)
    assert before == (module._r, module._r.getstate(), module._ALLOW_DETERMINISTIC_SCHEDULING, random.getstate())


def test_plain_callbacks_of_asyncio_keep_their_place() -> None:
    async def main() -> list[str]:
        order: list[str] = []
        loop = asyncio.get_running_loop()

        async def task(name: str) -> None:
            order.append(name)

        tasks = []
        for number in range(4):
            tasks += [asyncio.create_task(task(f"task {2 * number}")), asyncio.create_task(task(f"task {2 * number + 1}"))]
            loop.call_soon(order.append, f"callback {number}")
        await asyncio.gather(*tasks)
        return order

    seen = set()
    for seed in range(20):
        order = run_seeded(main, backend="asyncio", seed=seed)
        assert order[2::3] == [f"callback {number}" for number in range(4)]
        assert [set(order[3 * n : 3 * n + 2]) for n in range(4)] == [{f"task {2 * n}", f"task {2 * n + 1}"} for n in range(4)]
        seen.add(tuple(order))
    assert len(seen) > 8


@pytest.mark.parametrize("name", ["_r", "_ALLOW_DETERMINISTIC_SCHEDULING"])
def test_a_trio_without_the_private_piece_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(trio._core._run, name)
    with pytest.raises(CannotSeed, match=rf"trio {trio.__version__} has no trio._core._run.{name}.*install one of these"):
        run_seeded(racers, backend="trio")


def test_an_asyncio_without_the_private_piece_is_refused() -> None:
    loop = asyncio.new_event_loop()
    try:
        check_loop(loop)
        loop._ready = []
        with pytest.raises(CannotSeed, match=r"asyncio 3\.\S+ has no BaseEventLoop._ready.*install one of these"):
            check_loop(loop)
    finally:
        loop._ready = deque()
        loop.close()


@each_backend
def test_one_seeded_backend_gives_the_same_run_again(backend: str) -> None:
    """As in a test of hypothesis, whose examples share a fixture."""
    name, options = virtual_backend(backend, 5)
    first, again = (anyio.run(racers, backend=name, backend_options=options) for _ in range(2))
    assert first == again


@pytest.mark.slow
@each_backend
def test_a_seed_is_the_same_in_every_process(backend: str) -> None:
    """Also where texts have other hashes, and objects other addresses."""
    code = f"""
import zlib
from supervisor.testing import trace_of
from tests.testing.programs import busy
print(zlib.crc32("\\n".join(trace_of(busy, backend={backend!r}, seed=7)).encode()))
"""
    found = set()
    for hashes in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": hashes}
        run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
        found.add(run.stdout)
    assert len(found) == 1


@each_backend
def test_the_steps_of_a_run_can_be_read(backend: str) -> None:
    lines = trace_of(busy, backend=backend, seed=1)
    assert any("root/a #" in line for line in lines)
    assert any(line.endswith("ChildEnded root/a") for line in lines)
