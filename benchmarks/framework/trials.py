"""A trial: something that the framework does, beside its floor, on every loop. All of them alternate, round by round."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial

import anyio
from attrs import frozen

from benchmarks.framework.quantities import QUANTITIES
from benchmarks.loops import LOOPS, Loop, installed
from benchmarks.rounds import CaseFailed, Figure, Options, Pair, Sample, Spread, alternate, must_measure

__all__ = ["Readings", "Side", "Trial", "compare", "figure_of", "figures_of"]

WITHIN = 120.0
"""Seconds that a side may take before it counts as failed: a message that is lost would be waited for without end."""

Readings = Mapping[str, Sample]
"""What one side measured in one round: a case by the names of its figures, a floor by the names of floors."""
Side = Callable[[Loop], Awaitable[Readings]]


@frozen
class Trial:
    """Both sides; each is run by a loop of its own, which is told to it."""

    name: str
    floor: Side
    case: Side
    most: int | None = None
    """Rounds at most; None: as many as are asked for."""


def run_side(trial: str, side: Side, loop: Loop) -> Readings:
    """One side, once.

    Raises:
        CaseFailed: also when it does not come to its end.
    """

    async def bounded() -> Readings:
        """Cancellation: as the side's own."""
        with anyio.fail_after(WITHIN):
            return await side(loop)

    try:
        return loop.run(bounded)
    except TimeoutError:
        raise CaseFailed(f"{trial}: not done on {loop.name} within {WITHIN:g} s") from None


def figures_of(trials: Iterable[Trial], options: Options) -> list[Figure]:
    """Measure the trials on every loop that is wanted and installed.

    Raises:
        CaseFailed: one did not do its work.
    """
    figures = []
    for trial in trials:
        floor, case = partial(run_side, trial.name, trial.floor), partial(run_side, trial.name, trial.case)
        figures += compare(trial.name, floor, case, options, most=trial.most)
    return figures


def compare(
    name: str,
    floor: Callable[[Loop], Readings],
    case: Callable[[Loop], Readings],
    options: Options,
    *,
    most: int | None = None,
) -> list[Figure]:
    """Measure a floor and a case, on one loop after another; then the next round.

    Args:
        name: of both, for who waits.
        floor: is told the loop.
        case: the same; what it reads is named as in `QUANTITIES`.
        options: which loops, and how many rounds.
        most: rounds at most; None: as many as are asked for.

    Raises:
        CaseFailed: one did not do its work.
    """
    loops = [LOOPS[loop] for loop in options.loops if installed(loop)]
    sides = {f"{name}, {loop.name}": (partial(floor, loop), partial(case, loop)) for loop in loops}
    rounds = options.rounds if most is None else min(most, options.rounds)
    results = alternate(sides, rounds, options.progress, options.warming)
    of_loops = [(loop.name, taken) for loop, taken in zip(loops, results.values(), strict=True)]
    names = of_loops[0][1][0][1] if of_loops else {}
    return [figure_of(name, loop, taken) for name in names for loop, taken in of_loops]


def figure_of(name: str, loop: str, rounds: Sequence[tuple[Readings, Readings]]) -> Figure:
    """One figure of all rounds, each with what the floor and what the case measured.

    Args:
        name: a key of `QUANTITIES`.
        loop: where it was measured.
        rounds: of that loop.

    Raises:
        CaseFailed: a floor measured nothing, or a rate would be of no time.
    """
    quantity = QUANTITIES[name]
    unit = quantity.unit
    cases = [case[name] for _, case in rounds]
    floors = [floor[quantity.floor] for floor, _ in rounds] if quantity.floor else []
    must_measure(floors, f"{name}: {quantity.floor}")
    if unit.rate:
        must_measure(cases, name)
    return Figure(
        case=name,
        loop=loop,
        done=f"{cases[0].done:,} {quantity.counts}",
        unit=unit.name,
        value=Spread.of(unit.of(case.each) for case in cases),
        floor=Spread.of(unit.of(floor.each) for floor in floors) if floors else None,
        floor_is=quantity.floor,
        ratio=Pair(cases, floors).ratio if floors else None,
        higher=unit.higher,
        target=quantity.targets.get(loop),
        target_ratio=quantity.ratio(loop),
        decimals=unit.decimals,
    )
