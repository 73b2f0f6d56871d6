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
from typing import Self

from attrs import field, frozen
from msgspec import Struct

__all__ = ["CaseFailed", "Figure", "Measured", "Options", "Pair", "Spread", "Stopwatch", "interleave"]


class CaseFailed(Exception):
    """A case did not do its work, so it has no figure; the message is one plain sentence."""


@frozen(kw_only=True)
class Options:
    """What can be chosen for a run."""

    rounds: int = 7
    data: Path = Path("../shared/data")
    """Where recorded traffic lies; where there is none, generated traffic is used."""
    limit: int | None = None
    """Frames per round at most; None: all there are."""
    seconds: float = 180.0
    """How long memory is watched."""
    progress: Callable[[str], object] = field(default=lambda _: None)
    """Is told what is being measured."""


@frozen
class Measured:
    """One round of one side: what it did, and the CPU time that took."""

    done: int
    seconds: float

    @property
    def each(self) -> float:
        """Seconds per unit of work."""
        return self.seconds / self.done


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
    done: str
    """What the case did, so that nobody has to believe a figure of nothing."""
    unit: str
    value: Spread
    floor: Spread | None = None
    """In the same unit."""
    ratio: Spread | None = None
    """How many times the floor it costs, each round against the floor measured just before it."""
    target: str
    reached: bool
    decimals: int = 2


@frozen
class Pair:
    """One case and the floor measured just before it, round by round."""

    cases: list[Measured] = field(factory=list)
    floors: list[Measured] = field(factory=list)

    @property
    def ratio(self) -> Spread:
        """CPU per unit of work, as a multiple of the floor's."""
        return Spread.of(case.each / floor.each for case, floor in zip(self.cases, self.floors, strict=True))

    @property
    def done(self) -> int:
        """Units of work in a round."""
        return self.cases[0].done


def interleave(
    floor: Callable[[], Measured], cases: Mapping[str, Callable[[], Measured]], rounds: int, progress: Callable[[str], object]
) -> dict[str, Pair]:
    """Measure the floor and a case, the floor and the next case, and so on; then the next round.

    Args:
        floor: does the least that could do the work.
        cases: each does the work as users do.
        rounds: how often. One more is run first and not counted: it imports, fills caches, specialises bytecode.
        progress: is told what is being measured.
    """
    pairs = {name: Pair() for name in cases}
    for number in range(rounds + 1):
        for name, case in cases.items():
            progress(f"{name}, round {number} of {rounds}")
            measured = floor(), case()
            if number:
                pairs[name].floors.append(measured[0])
                pairs[name].cases.append(measured[1])
    return pairs
