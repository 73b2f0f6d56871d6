"""How a figure is taken: floor and case alternate, round by round, and what is compared was measured one after the other.

A floor measured once at the start made ratios swing by half: a machine is not equally fast all the time. Time is CPU time of
this process, so that what else runs on the machine counts as little as it can.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol, Self, TypeVar

from attrs import field, frozen
from msgspec import Struct
from msgspec.structs import force_setattr

__all__ = [
    "CaseFailed",
    "Figure",
    "Measured",
    "Options",
    "Pair",
    "Sample",
    "Spread",
    "Stopwatch",
    "Taken",
    "alternate",
    "interleave",
    "must",
    "must_measure",
]

K = TypeVar("K")
F = TypeVar("F")
C = TypeVar("C")


class CaseFailed(Exception):
    """A case did not do its work, so it has no figure; the message is one plain sentence."""


def must(done: int, whole: int, what: str) -> None:
    """Refuse a figure of something else than was said.

    Raises:
        CaseFailed
    """
    if done != whole:
        raise CaseFailed(f"{what}: {done:,} of {whole:,}")


def must_measure(samples: Iterable[Sample], what: str) -> None:
    """Refuse to divide by what is too little for its clock.

    Raises:
        CaseFailed
    """
    for sample in samples:
        if not sample.each:
            raise CaseFailed(f"{what}: {sample.done:,} cost nothing that can be measured; try a larger --scale")


@frozen(kw_only=True)
class Options:
    """What can be chosen for a run."""

    rounds: int = 7
    data: Path = Path("../shared/data")
    """Where recorded traffic lies; where there is none, generated traffic is used."""
    limit: int | None = None
    """Frames per round at most; None: all there are."""
    seconds: float = 60.0
    """How long memory is watched."""
    loops: tuple[str, ...] = ("trio", "asyncio", "uvloop")
    """Where the framework is measured."""
    scale: float = 1.0
    """How much of the framework's work is done: 0.01 for a look whether all runs."""
    warming: int = 1
    """Rounds of the framework's cases that are not counted."""
    beside: bool = True
    """Whether other libraries' policies are measured beside ours; they want an environment of their own."""
    progress: Callable[[str], object] = field(default=lambda _: None)
    """Is told what is being measured."""

    def count(self, whole: int, least: int = 1) -> int:
        """How many of so many are done."""
        return max(least, round(whole * self.scale))


class Sample(Protocol):
    """One round of one side."""

    @property
    def done(self) -> int:
        """Units of work."""
        ...

    @property
    def each(self) -> float:
        """What one of them cost."""
        ...


@frozen
class Measured:
    """One round of one side: what it did, and the CPU time that took."""

    done: int
    seconds: float

    @property
    def each(self) -> float:
        """Seconds per unit of work."""
        return self.seconds / self.done


@frozen
class Taken:
    """One round of something else than CPU time: a percentile, a size, a share."""

    done: int
    """How many were looked at."""
    each: float


class Stopwatch:
    """CPU time of this process."""

    def start(self) -> None:
        """Begin. What the garbage collector owes to those before is paid first, on both sides alike."""
        gc.collect()
        self._began = time.process_time()

    def stop(self, done: int) -> Measured:
        """So much was done since `start`."""
        return Measured(done, time.process_time() - self._began)


class Spread(Struct, frozen=True):
    """Several rounds of one quantity."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        values = list(values)
        return cls(statistics.median(values), min(values), max(values))

    def text(self, decimals: int) -> str:
        """`2.10 (2.05 to 2.31)`."""
        median, low, high = (f"{value:,.{decimals}f}" for value in (self.median, self.low, self.high))
        return median if low == high else f"{median} ({low} to {high})"


class Figure(Struct, frozen=True, kw_only=True):
    """One line of the report."""

    case: str
    who: str = ""
    """Which other library's it is, with its version; empty: ours."""
    loop: str = ""
    """Where it was measured; empty: everywhere, or on none."""
    done: str
    """What the case did, so that nobody has to believe a figure of nothing."""
    unit: str
    value: Spread
    floor: Spread | None = None
    """In the same unit."""
    floor_is: str = ""
    """What the floor did."""
    ratio: Spread | None = None
    """How many times the floor it costs, each round against the floor measured just before it."""
    higher: bool = False
    """Whether a higher figure is the better one."""
    target: float | None = None
    """What the median is to reach; None: nothing was said."""
    target_ratio: float | None = None
    """How many times the floor it may cost; None: nothing was said. This moves with no machine."""
    decimals: int = 2
    target_text: str = ""
    """Computed: the target in words."""
    reached: bool | None = None
    """Computed, as nobody is to say so by hand. None: there is no target."""
    ratio_reached: bool | None = None
    """Computed: the same of the ratio."""

    def __post_init__(self) -> None:
        text, reached = "", None
        if self.target is not None:
            text = f"at {'least' if self.higher else 'most'} {self.target:,g}"
            reached = self.value.median >= self.target if self.higher else self.value.median <= self.target
        within = None if self.target_ratio is None or self.ratio is None else self.ratio.median <= self.target_ratio
        force_setattr(self, "target_text", text)
        force_setattr(self, "reached", reached)
        force_setattr(self, "ratio_reached", within)


@frozen
class Pair:
    """One case and the floor measured just before it, round by round."""

    cases: list[Sample] = field(factory=list)
    floors: list[Sample] = field(factory=list)

    @property
    def ratio(self) -> Spread:
        """Cost per unit of work, as a multiple of the floor's.

        Raises:
            CaseFailed: a floor measured nothing.
        """
        must_measure(self.floors, "the floor")
        return Spread.of(case.each / floor.each for case, floor in zip(self.cases, self.floors, strict=True))

    @property
    def done(self) -> int:
        """Units of work in a round."""
        return self.cases[0].done


def alternate(
    sides: Mapping[K, tuple[Callable[[], F], Callable[[], C]]], rounds: int, progress: Callable[[str], object], warming: int = 1
) -> dict[K, list[tuple[F, C]]]:
    """Run a floor and its case, the next floor and the next case, and so on; then the next round.

    Args:
        sides: the floor, which does the least that could do the work, and the case, which does it as users do.
        rounds: how often.
        progress: is told what is being measured.
        warming: rounds that are run first and not counted: they import, fill caches, specialise bytecode.

    Returns:
        What they returned, round by round.
    """
    results: dict[K, list[tuple[F, C]]] = {name: [] for name in sides}
    for number in range(1 - warming, rounds + 1):
        for name, (floor, case) in sides.items():
            progress(f"{name}, round {number} of {rounds}")
            measured = floor(), case()
            if number > 0:
                results[name].append(measured)
    return results


def interleave(
    floor: Callable[[], Sample], cases: Mapping[str, Callable[[], Sample]], rounds: int, progress: Callable[[str], object]
) -> dict[str, Pair]:
    """Measure the floor and a case, the same floor and the next case, and so on; then the next round.

    Args:
        floor: does the least that could do the work.
        cases: each does the work as users do.
        rounds: how often. One more is run first and not counted.
        progress: is told what is being measured.
    """
    results = alternate({name: (floor, case) for name, case in cases.items()}, rounds, progress)
    return {name: Pair([case for _, case in measured], [floor for floor, _ in measured]) for name, measured in results.items()}
