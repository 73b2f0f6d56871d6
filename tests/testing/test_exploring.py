"""Running a program under many seeds, and checking that a seed says it all."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest

from supervisor.testing import (
    BACKENDS,
    NotDeterministic,
    assert_deterministic,
    explore,
    note,
    run_seeded,
    seeding,
    trace_of,
)
from tests.testing.programs import busy, racers

each_backend = pytest.mark.parametrize("backend", BACKENDS)


async def fragile() -> None:
    """Wrong in one order of 24."""
    order: list[str] = []

    async def add(name: str) -> None:
        await anyio.lowlevel.checkpoint()
        order.append(name)

    async with anyio.create_task_group() as group:
        for name in "abcd":
            group.start_soon(add, name)
    assert order != sorted(order, reverse=True)


@each_backend
def test_exploring_finds_a_rare_order_and_says_how_to_repeat_it(backend: str) -> None:
    with pytest.raises(AssertionError) as caught:
        explore(fragile, seeds=range(500), backends=[backend])
    note_left = caught.value.__notes__[-1]
    assert note_left.startswith("to repeat this run: run_seeded(fragile, ..., ")
    assert f"backend={backend!r}" in note_left
    seed = int(note_left.rpartition("seed=")[2].rstrip(")"))
    with pytest.raises(AssertionError):
        run_seeded(fragile, backend=backend, seed=seed)


def test_exploring_runs_each_seed_on_both_loops() -> None:
    assert explore(racers, seeds=range(5)) == 10


def test_exploring_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no seeds or no backends"):
        explore(racers, seeds=[])


@each_backend
def test_the_first_divergence_is_named(backend: str) -> None:
    runs = itertools.count()

    async def main() -> None:
        run = next(runs)
        note("one")
        note("two")
        note("three" if run == 0 else "four")
        note("five" if run == 0 else "six")

    with pytest.raises(NotDeterministic) as caught:
        assert_deterministic(main, backends=[backend], seeds=[17])
    error = caught.value
    assert (error.backend, error.seed, error.expected, error.got) == (backend, 17, "three", "four")
    assert error.before[-2:] == ("one", "two")
    assert error.step == len(trace_before(backend)) + 3
    assert f"differ, first at step {error.step}" in str(error)


def trace_before(backend: str) -> list[str]:
    """The steps of a run until its main task begins."""

    async def main() -> None:
        note("begin")

    lines = trace_of(main, backend=backend)
    return lines[: lines.index("begin")]


@each_backend
def test_another_task_at_the_same_step_is_a_divergence(backend: str) -> None:
    runs = itertools.count()

    async def left() -> None: ...

    async def right() -> None: ...

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(left if next(runs) == 0 else right)

    with pytest.raises(NotDeterministic, match=r"(?s)the first run: .*left.*the second run: .*right"):
        assert_deterministic(main, backends=[backend])


@each_backend
@pytest.mark.parametrize("longer", [0, 1])
def test_a_run_that_ends_earlier_is_a_divergence(backend: str, longer: int) -> None:
    runs = itertools.count()

    async def main() -> None:
        if next(runs) == longer:
            await anyio.lowlevel.checkpoint()

    with pytest.raises(NotDeterministic):
        assert_deterministic(main, backends=[backend])


@each_backend
def test_past_the_steps_that_are_kept_a_divergence_is_still_seen(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeding, "STEPS_KEPT", 20)
    runs = itertools.count()

    async def main() -> None:
        run = next(runs)
        for number in range(30):
            note(str(number))
        note(str(run))

    with pytest.raises(NotDeterministic, match="only the first 20 are kept"):
        assert_deterministic(main, backends=[backend])


@each_backend
def test_a_program_that_always_fails_fails(backend: str) -> None:
    async def main() -> None:
        raise KeyError("always")

    with pytest.raises(KeyError):
        assert_deterministic(main, backends=[backend])


@each_backend
def test_a_program_that_fails_in_one_run_only_is_a_divergence(backend: str) -> None:
    runs = itertools.count()

    async def main() -> None:
        if next(runs) == 1:
            raise KeyError

    with pytest.raises(NotDeterministic, match="the second run: raised KeyError"):
        assert_deterministic(main, backends=[backend])


@each_backend
def test_results_that_are_not_equal_are_a_divergence(backend: str) -> None:
    async def main() -> uuid.UUID:
        return uuid.uuid4()

    with pytest.raises(
        NotDeterministic, match=r"(?s)the first run:  returned UUID\(.*the second run: returned UUID\("
    ) as caught:
        assert_deterministic(main, backends=[backend])
    assert caught.value.step == len(trace_of(main, backend=backend)) + 1


def test_where_the_runs_differ_that_is_said_and_not_the_results() -> None:
    runs = itertools.count()

    async def main() -> int:
        run = next(runs)
        note(f"run {run}")
        return run

    with pytest.raises(NotDeterministic, match="the second run: run 1"):
        assert_deterministic(main, backends=["trio"])


@pytest.mark.parametrize("result", [lambda: [1, "a"], object, lambda: None], ids=["equal", "without an equality", "nothing"])
def test_results_that_are_equal_or_have_no_equality_are_none(result: Callable[[], object]) -> None:
    async def main() -> object:
        return result()

    assert_deterministic(main)


def test_results_without_an_equality_must_be_of_one_class() -> None:
    runs = itertools.count()

    class One: ...

    class Other: ...

    async def main() -> object:
        return (One, Other)[next(runs)]()

    with pytest.raises(NotDeterministic, match=r"(?s)One object.*Other object"):
        assert_deterministic(main, backends=["asyncio"])


def test_a_long_result_is_cut_in_the_error() -> None:
    async def main() -> str:
        return uuid.uuid4().hex * 1000

    with pytest.raises(NotDeterministic) as caught:
        assert_deterministic(main, backends=["trio"])
    assert len(str(caught.value)) < 3000


@pytest.mark.slow
def test_a_busy_tree_repeats_itself_step_by_step() -> None:
    """Our own framework: crashes, backoff with jitter, asks, timers, group restarts; every task step and every event."""
    assert_deterministic(busy, seeds=range(20))


@pytest.mark.slow
@each_backend
def test_a_busy_tree_goes_other_ways_under_other_seeds(backend: str) -> None:
    assert len({tuple(run_seeded(busy, backend=backend, seed=seed)) for seed in range(20)}) > 15


@each_backend
def test_notes_outside_of_a_comparison_are_not_kept(backend: str) -> None:
    async def main() -> None:
        note("nobody listens")

    run_seeded(main, backend=backend)
    anyio.run(main, backend=backend)


@each_backend
def test_in_which_order_tasks_were_woken_is_not_what_orders_them(backend: str) -> None:
    """It may be an accident of memory: a set of scopes is walked by their addresses when a group is cancelled."""
    runs = itertools.count()

    async def sleeper(number: int, event: anyio.Event) -> None:
        await event.wait()
        note(f"awake {number}")

    async def main() -> None:
        events = [anyio.Event() for _ in range(6)]
        async with anyio.create_task_group() as group:
            for number, event in enumerate(events):
                group.start_soon(sleeper, number, event)
            await anyio.sleep(1)
            for event in events if next(runs) == 0 else reversed(events):
                event.set()

    assert_deterministic(main, backends=[backend])


def test_a_set_of_tasks_has_one_order_on_asyncio() -> None:
    runs = itertools.count()

    async def main() -> None:
        kept = [object() for _ in range(1000 * next(runs))]
        tasks = {asyncio.create_task(asyncio.sleep(0), name=f"task {number}") for number in range(50)}
        note(" ".join(task.get_name() for task in tasks))
        await asyncio.gather(*tasks)
        del kept

    for _ in range(5):
        assert_deterministic(main, backends=["asyncio"])
