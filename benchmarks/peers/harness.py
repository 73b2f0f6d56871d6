"""What every peer's script shares: the cases, the rounds, the arithmetic, and one line of JSON per figure.

It runs in the peer's own environment, with nothing but the standard library and the peer, so it imports nothing else, and
nothing of oneforone. Rounds are taken as in `benchmarks/rounds.py`: floor and case alternate, and the first pair is not
counted. Time is the wall clock, because some peers work in threads, in other processes, or in another virtual machine.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from logging import NullHandler, getLogger
from pathlib import Path
from typing import Any

BURST = 100
"""Messages per burst in `tell-1-1`."""
SENDERS = 10
RECEIVERS = 1000
ASKERS = 100
PATIENCE = 60.0
"""Seconds after which an actor that should have told us that it is done is taken for lost."""


@dataclass(frozen=True)
class Case:
    """What is measured, in which unit."""

    what: str
    unit: str


# Names are short, because they are typed; `what` goes into the table.
CASES: Mapping[str, Case] = {
    "tell-1-1": Case("tell 1→1 in bursts of 100, synchronous handler", "million/s"),
    "tell-10-1": Case("tell 10→1", "million/s"),
    "tell-1-1000": Case("tell 1→1000 in bursts of 100", "million/s"),
    "ask-in-turn": Case("ask, one after another", "thousand/s"),
    "ask-100": Case("ask, 100 at once", "thousand/s"),
    "crash": Case("crash to next message handled", "µs"),
    "start-5k": Case("start 5 k actors under one supervisor", "thousand/s"),
    "start-100k": Case("start 100 k actors under one supervisor", "thousand/s"),
    "memory": Case("memory per idle actor", "bytes"),
    "stop": Case("stop all actors", "µs/actor"),
}
PERCENTILES = {"p50": 0.50, "p99": 0.99, "worst": 1.0}
"""`crash` gives three figures: crash-p50, crash-p99, crash-worst."""


def case_of(figure: str) -> str:
    """The case that has this figure: crash-p99 is one of crash."""
    return next(case for case in CASES if figure in (case, *(f"{case}-{part}" for part in PERCENTILES)))


class WorkNotDone(Exception):
    """A case did not do what it was to do, so it has no figure."""


@dataclass(frozen=True)
class Measured:
    """One round: so many units of work, and the seconds (or bytes) that they took together."""

    done: int
    amount: float

    @property
    def each(self) -> float:
        return self.amount / self.done


@dataclass(frozen=True)
class Latencies:
    """One round whose every piece of work was timed on its own, in seconds."""

    seconds: Sequence[float]

    def percentile(self, share: float) -> Measured:
        """The time that this share of the pieces did not exceed."""
        ordered = sorted(self.seconds)
        return Measured(1, ordered[min(len(ordered) - 1, int(share * len(ordered)))])


Round = Measured | Latencies


@dataclass(frozen=True)
class Plan:
    """How a peer runs a case."""

    body: Callable[[], Round]
    floor: Callable[[], Round] | None = None
    note: str = ""
    at_most: int | None = None
    """Rounds, where more would take too long."""
    warm: bool = True
    """Run one more round first and do not count it."""
    fresh: bool = False
    """Each round in a process of its own: memory once taken from the kernel is not taken again."""


@dataclass(frozen=True)
class Cannot:
    """Why a peer does not run a case."""

    reason: str


Table = Mapping[str, Plan | Cannot]


@dataclass
class Stopwatch:
    """Wall clock. What the garbage collector owes to those before is paid first, on both sides alike."""

    began: float = field(default=0.0)

    def start(self) -> None:
        gc.collect()
        self.began = time.perf_counter()

    def stop(self, done: int) -> Measured:
        return Measured(done, time.perf_counter() - self.began)


def check(did: object, expected: object, what: str) -> None:
    """Raises WorkNotDone unless both are equal."""
    if did != expected:
        raise WorkNotDone(f"{what}: {did!r}, and not {expected!r}")


def resident() -> int:
    """Bytes of this process in memory; where there is no /proc, the most there ever were."""
    statm = Path("/proc/self/statm")
    if statm.is_file():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


@contextmanager
def growth(count: int, into: list[Measured]) -> Iterator[None]:
    """How much this process grew in the block, for so many actors."""
    gc.collect()
    before = resident()
    yield
    gc.collect()
    into.append(Measured(count, float(resident() - before)))


def rounds_of(plan: Plan, rounds: int) -> tuple[list[Round], list[Round]]:
    """The floor and the case, the floor and the case, and so on: (cases, floors)."""
    cases: list[Round] = []
    floors: list[Round] = []
    wanted = min(rounds, plan.at_most or rounds)
    for number in range(-1 if plan.warm else 0, wanted):
        floor = plan.floor() if plan.floor else None
        case = plan.body()
        if number >= 0:
            cases.append(case)
            if floor is not None:
                floors.append(floor)
    return cases, floors


def scaled(unit: str, measured: Measured) -> float:
    """The figure in its unit, of what one round measured."""
    match unit:
        case "million/s":
            return 1e-6 / measured.each
        case "thousand/s":
            return 1e-3 / measured.each
        case "µs" | "µs/actor":
            return 1e6 * measured.each
        case "bytes":
            return measured.each
    raise AssertionError(f"no unit {unit!r}")


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def figure(name: str, unit: str, cases: Sequence[Measured], floors: Sequence[Measured], **told: str) -> dict[str, Any]:
    """One figure. `ratio` is how many times the floor it costs, each round against the floor just before it."""
    ratios = [case.each / floor.each for case, floor in zip(cases, floors, strict=False) if floor.each]
    return {
        "case": name,
        "unit": unit,
        "value": spread([scaled(unit, case) for case in cases]),
        "floor": spread([scaled(unit, floor) for floor in floors]) if floors else None,
        "ratio": spread(ratios) if ratios else None,
        **told,
    }


def figures(case: str, cases: Sequence[Round], floors: Sequence[Round], note: str) -> list[dict[str, Any]]:
    """The figures of one case: one, or one per percentile."""
    unit = CASES[case].unit
    whole = [round_ for round_ in cases if isinstance(round_, Measured)]
    if whole:
        bare = [floor for floor in floors if isinstance(floor, Measured)]
        return [figure(case, unit, whole, bare, done=f"{whole[0].done:,} a round, {len(whole)} rounds", note=note)]
    timed = [round_ for round_ in cases if isinstance(round_, Latencies)]
    bare_timed = [floor for floor in floors if isinstance(floor, Latencies)]
    done = f"{len(timed[0].seconds):,} a round, {len(timed)} rounds"
    return [
        figure(
            f"{case}-{name}",
            unit,
            [round_.percentile(share) for round_ in timed],
            [floor.percentile(share) for floor in bare_timed],
            done=done,
            note=note,
        )
        for name, share in PERCENTILES.items()
    ]


def in_fresh_processes(module: str, case: str, rounds: int) -> list[Round]:
    """Run the case once in each of so many processes."""
    found: list[Round] = []
    for _ in range(rounds):
        command = [sys.executable, "-m", module, case, "--once"]
        line = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
        done, amount = json.loads(line)
        found.append(Measured(done, amount))
    return found


def quiet_logs() -> None:
    """Records are made, and go nowhere: a peer is not measured by the speed of a terminal."""
    getLogger().addHandler(NullHandler())


def arguments(module: str) -> argparse.Namespace:
    """Those of every peer's script."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--once", action="store_true", help="one round, printed as [done, amount]")
    return parser.parse_args()


def say(peer: str, release: str, lines: Sequence[Mapping[str, Any]]) -> None:
    """One line of JSON for each figure."""
    for line in lines:
        print(json.dumps({"peer": peer, "version": release, **line}), flush=True)


def main(peer: str, distribution: str, module: str, table: Table) -> None:
    """The script of a peer: run one case and print its figures.

    Args:
        peer: its name in the report.
        distribution: whose version is told; "" for none.
        module: how `python -m` finds the script.
        table: what it does for each case.
    """
    check(sorted(table), sorted(CASES), f"the cases of {peer}")
    chosen = arguments(module)
    quiet_logs()
    plan = table[chosen.case]
    release = version(distribution) if distribution else ""
    if isinstance(plan, Cannot):
        lines = [{"case": chosen.case, "unit": CASES[chosen.case].unit, "cannot": plan.reason}]
    elif chosen.once:
        measured = plan.body()
        if not isinstance(measured, Measured):
            raise TypeError("only what is measured as a whole is measured once")
        print(json.dumps([measured.done, measured.amount]))
        return
    elif plan.fresh:
        wanted = min(chosen.rounds, plan.at_most or chosen.rounds)
        lines = figures(chosen.case, in_fresh_processes(module, chosen.case, wanted), [], plan.note)
    else:
        lines = figures(chosen.case, *rounds_of(plan, chosen.rounds), plan.note)
    say(peer, release, lines)
