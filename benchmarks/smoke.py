"""`python -m benchmarks.smoke`: whether every case of the framework does its work, and whether what a message costs stays the
same as a tree grows. Shape only: nothing here looks at seconds, so a slow machine says the same as a fast one.

The exit code is 1 when a case did not do its work, or when a cost grew; a sentence says which, by how much, and what is
allowed.
"""

from __future__ import annotations

import faulthandler
import gc
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from attrs import evolve

from benchmarks.__main__ import CASES
from benchmarks.framework.growing import CHECKS
from benchmarks.framework.growth import Check, grown
from benchmarks.logs import log_to_stderr
from benchmarks.loops import LOOPS, installed
from benchmarks.operations import Cost
from benchmarks.rounds import CaseFailed, Figure, Options
from supervisor.testing import run_seeded

__all__ = ["check_growth", "counted", "main", "run_cases"]

WITHIN = 300.0
"""Seconds after which it ends itself with a traceback: what waits for a lost message in virtual time waits for ever."""
STDERR = 2
"""The file descriptor, which is there also while something else stands in for `sys.stderr`."""
COUNTED_ON = ("trio", "asyncio")
"""uvloop's own part is C, which is not seen, and the framework does there what it does on asyncio."""
NOT_OURS = ("frames", "clients", "books", "memory")
"""Cases of the actors: they want minutes, or recorded traffic."""
SMALL = Options(rounds=1, warming=0, scale=0.001, beside=False)
OUTSIDE = {"crowd": evolve(SMALL, scale=0.02), "import": SMALL}
"""Cases whose work is done in processes, and which run beside the others. A crowd has two thousand, as its memory is a
figure: a hundred may fit into what the process has already."""


# ---- the cases


def run_cases(cases: Mapping[str, Callable[[Options], list[Figure]]], say: Callable[[str], object]) -> list[str]:
    """Run every case once, in its smallest form, on every loop that is installed.

    Args:
        cases: by name.
        say: is told what each figure is of.

    Returns:
        What failed, each a sentence.
    """
    failures: list[str] = []

    def take(name: str, figures: Callable[[], list[Figure]]) -> None:
        try:
            for line in _lines(name, figures()):
                say(line)
        except CaseFailed as error:
            failures.append(f"{name}: {error}")

    with ThreadPoolExecutor(1) as beside:
        outside = {name: beside.submit(case, OUTSIDE[name]) for name, case in cases.items() if name in OUTSIDE}
        for name, case in cases.items():
            if name not in outside:
                take(name, partial(case, SMALL))
        for name, future in outside.items():
            take(name, future.result)
    return failures


def _lines(name: str, figures: Sequence[Figure]) -> Iterable[str]:
    """One for each figure, with the loops on which that was done.

    Raises:
        CaseFailed: a loop is missing, or did something else than the others.
    """
    if not figures:
        raise CaseFailed("no figure")
    for case in dict.fromkeys(figure.case for figure in figures):
        of_case = [figure for figure in figures if figure.case == case]
        loops, done = [figure.loop for figure in of_case], {figure.done for figure in of_case}
        if loops not in ([""], [loop for loop in LOOPS if installed(loop)]) or len(done) != 1:
            raise CaseFailed(f"{case} did {' and '.join(sorted(done))} on {', '.join(loops)}; expected the same on every loop")
        yield f"{name}: {case}: {done.pop()}{' on ' if loops[0] else ''}{', '.join(loops)}"


# ---- growth


def counted(check: Check, loop: str) -> dict[str, dict[int, Cost]]:
    """Do a check's work at all its sizes.

    Returns:
        By the names of the check's limits: what it cost at each size.

    Raises:
        CaseFailed: it did not do its work.
    """
    costs: dict[str, dict[int, Cost]] = {name: {} for name in check.limits}
    for size in check.sizes:
        # In virtual time and in one order: by a clock, a slow machine would need more turns of the loop for the same work.
        for name, cost in run_seeded(check.run, size, LOOPS[loop], backend=LOOPS[loop].backend).items():
            costs[name][size] = cost
    return costs


def check_growth(checks: Sequence[Check], loops: Sequence[str], say: Callable[[str], object]) -> list[str]:
    """Count at every size, and compare.

    Args:
        checks: what is done.
        loops: where.
        say: is told every cost.

    Returns:
        What failed, each a sentence.
    """
    failures = []
    for check in checks:
        for loop in loops:
            try:
                costs = counted(check, loop)
            except CaseFailed as error:
                failures.append(f"growth on {loop}: {error}")
                continue
            for name, sizes in costs.items():
                limit = check.limits[name]
                told = ", ".join(f"{cost.each:,.0f} at {size:,}" for size, cost in sizes.items())
                held = "" if limit.memory is None else f"; bytes held {', '.join(f'{one.memory:,}' for one in sizes.values())}"
                say(f"{name}, on {loop}: instructions {told}{held}")
                failures += grown(f"{name}, on {loop}", sizes, limit)
    return failures


def main() -> int:
    """Run everything and return the exit code."""
    faulthandler.dump_traceback_later(WITHIN, exit=True, file=STDERR)
    log_to_stderr(least="warning")
    gc.collect()
    gc.freeze()  # what was imported is not looked at in each of the many collections to come
    for loop in LOOPS:
        if not installed(loop):
            print(f"{loop} is not installed, so nothing runs on it")
    cases = {name: case for name, case in CASES.items() if name not in NOT_OURS}
    failures = run_cases(cases, print)
    failures += check_growth(CHECKS, COUNTED_ON, print)
    for failure in failures:
        print(f"FAILED {failure}", file=sys.stderr)
    checks = sum(len(check.limits) for check in CHECKS)
    print(f"{len(cases)} cases, {checks} checks of growth: {len(failures) or 'none'} failed")
    faulthandler.cancel_dump_traceback_later()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
