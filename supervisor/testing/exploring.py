"""Run a program under many seeds, repeat one, and check that a seed says it all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import anyio

from supervisor.testing.seeding import SeededRun, Trace
from supervisor.testing.virtual_time import BACKENDS, virtual_backend

__all__ = ["assert_deterministic", "explore", "run_seeded", "trace_of"]

T = TypeVar("T")


def run_seeded(program: Callable[..., Awaitable[T]], *args: Any, backend: str = "trio", seed: int = 0) -> T:
    """Run an async function in a loop of its own, in virtual time; the seed repeats the order in which its tasks go on.

    Args:
        program: called with `args`.
        backend: trio or asyncio.
        seed: any whole number.

    Raises:
        BaseException: what the program raised, with a note that says how to repeat it.
        CannotSeed: this trio or Python is not known to the kit.
    """
    return _run(program, args, backend, SeededRun(seed))


def explore(
    program: Callable[..., Awaitable[object]],
    *args: Any,
    seeds: Iterable[int] = range(100),
    backends: Iterable[str] = BACKENDS,
) -> int:
    """Run an async function once for each seed and each loop, until it fails.

    Args:
        program: called with `args`, each time in a loop of its own, in virtual time.
        seeds: of the runs.
        backends: of the runs.

    Returns:
        How many runs there were.

    Raises:
        BaseException: what the program raised, with a note that says how to repeat it.
        ValueError: there was no run at all, which proves nothing.
    """
    known = list(backends)
    count = 0
    for seed in seeds:
        for backend in known:
            _run(program, args, backend, SeededRun(seed))
            count += 1
    if not count:
        raise ValueError("explore() got no seeds or no backends; expected at least one of each, such as range(100)")
    return count


def trace_of(program: Callable[..., Awaitable[object]], *args: Any, backend: str = "trio", seed: int = 0) -> list[str]:
    """What the tasks of a seeded run did, one line for each step: time, task, number; and the lines of `note`.

    Only the first 200,000 lines are kept.

    Raises:
        BaseException: what the program raised.
    """
    trace = Trace()
    _run(program, args, backend, SeededRun(seed, trace))
    return trace.lines


def assert_deterministic(
    program: Callable[..., Awaitable[object]],
    *args: Any,
    seeds: Iterable[int] = (0,),
    backends: Iterable[str] = BACKENDS,
) -> None:
    """Run an async function twice with each seed, and compare every step of its tasks, every `note`, and what it returns.

    Both runs share a process: what differs between processes only, such as the order of a set of texts, is not found.

    Args:
        program: called with `args`. It must begin from the same state each time. What it returns is compared with `==`, where
            its class has one.
        seeds: each is run twice on each loop.
        backends: of the runs.

    Raises:
        NotDeterministic: two runs differed. It says the step, what the first run did and what the second did instead.
        BaseException: what the program raised, in both runs alike.
    """
    known = list(backends)
    for seed in seeds:
        for backend in known:
            first = Trace()
            result, failure = _outcome(program, args, backend, SeededRun(seed, first))
            second = Trace(first)
            other, again = _outcome(program, args, backend, SeededRun(seed, second))
            first.end()
            second.end()
            if not _alike(result, other):
                second.results(result, other)
            second.raise_difference(backend, seed)
            if again is not None or failure is not None:
                raise again or failure or AssertionError


def _alike(one: object, other: object) -> bool:
    """Whether two results are equal. Without an equality of its own, nothing can be said of one but its class."""
    if type(one).__eq__ is object.__eq__:
        return type(one) is type(other)
    return bool(one == other)


def _outcome(
    program: Callable[..., Awaitable[object]], args: Any, backend: str, run: SeededRun
) -> tuple[object, Exception | None]:
    """What the program returned, and what it raised."""
    try:
        return _run(program, args, backend, run), None
    except Exception as error:  # noqa: BLE001  # raised by the caller, unless the runs differ, which explains more
        # Part of what is compared: a run that fails and one that does not may have had the same steps.
        assert run.trace is not None  # noqa: S101  # it is compared with another
        run.trace.record(f"raised {type(error).__name__}")
        return None, error


def _run(program: Callable[..., Awaitable[T]], args: Any, backend: str, run: SeededRun) -> T:
    name, options = virtual_backend(backend, run=run)
    try:
        result: T = anyio.run(program, *args, backend=name, backend_options=options)
    except BaseException as error:
        title = getattr(program, "__name__", "program")
        error.add_note(f"to repeat this run: run_seeded({title}, ..., backend={backend!r}, seed={run.seed})")
        raise
    return result
