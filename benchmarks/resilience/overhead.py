"""The figures of what policies cost: case by case, ours and the other libraries', each in a process and environment of its own.

Case by case, so that those who are compared are measured within seconds of each other; who comes first rotates.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from attrs import frozen

from benchmarks.loops import installed
from benchmarks.peers.environments import ROOT, NotHere, Peer, python_of
from benchmarks.resilience.harness import ASYNC, CALLS, CASES, FLOORS, Reading, read
from benchmarks.resilience.ours import TABLE
from benchmarks.rounds import CaseFailed, Figure, Options, Spread

__all__ = ["OTHERS", "OURS", "TARGETS", "figures_of", "resilience"]

OURS = "oneforone"
OTHERS = ("tenacity", "stamina", "pybreaker", "purgatory", "aiobreaker", "hyx")
ENVIRONMENT = Peer("resilience", "benchmarks.resilience.others", "resilience")
WITHIN = 300.0
"""Seconds for one case of one library, on all loops."""
NS = 1e9


@frozen
class Target:
    """What the median is to reach, in nanoseconds."""

    whole: float | None = None
    """The call with all that is around it."""
    beyond: float | None = None
    """What the policy adds to the floor."""


TARGETS: Mapping[str, Target] = {
    "breaker-sync": Target(beyond=500.0),
    "breaker": Target(beyond=500.0),
    "retry-sync": Target(beyond=400.0),
    "retry": Target(beyond=400.0),
    "pipeline": Target(beyond=2_000.0),
    "classify": Target(whole=10_000.0),
}
"""Of the project's issue 5, on the machine on which hyx's breaker takes 850 ns and its retry 1,050."""


def resilience(options: Options) -> list[Figure]:
    """Measure every case, on every loop that is wanted and installed.

    Raises:
        CaseFailed: one of ours did not do its work. Another library that fails, or cannot be installed, is told and left out.
    """
    loops = [loop for loop in options.loops if installed(loop)]
    calls = options.count(CALLS, 10)
    processes = _Processes(options, loops, calls, _environment(options))
    everybody = [OURS, *OTHERS] if processes.python else [OURS]
    found: list[Reading] = []
    for number, case in enumerate(CASES):
        if not options.beside:
            found += [_here(case, loop, options, calls) for loop in (loops if case in ASYNC else [""])]
            continue
        first = number % len(everybody)
        for who in everybody[first:] + everybody[:first]:
            options.progress(f"{case}, {who}")
            found += processes.read(who, case)
    order = [*CASES]
    readings = sorted(found, key=lambda one: (order.index(one.case), [OURS, *OTHERS].index(one.who)))
    return [figure for reading in readings for figure in figures_of(reading)]


def figures_of(reading: Reading) -> list[Figure]:
    """What the call takes, and what of it the policy adds; each round against the floor that was measured in it."""
    case, target = CASES[reading.case], TARGETS.get(reading.case, Target())
    ours = reading.who == OURS
    pairs = list(zip(reading.guarded, reading.bare, strict=True))
    if not all(bare for _, bare in pairs):
        raise CaseFailed(f"{case.what}: {reading.calls:,} calls cost nothing that can be measured; try a larger --scale")
    who = "" if ours else f"{reading.who} {reading.version}"
    done = f"{reading.calls:,} calls"
    whole = Figure(
        case=case.what,
        who=who,
        loop=reading.loop,
        done=done,
        unit="ns",
        value=Spread.of(guarded * NS for guarded, _ in pairs),
        floor=Spread.of(bare * NS for _, bare in pairs),
        floor_is=FLOORS[case.floor],
        ratio=Spread.of(guarded / bare for guarded, bare in pairs),
        target=target.whole if ours else None,
        decimals=0,
    )
    beyond = Figure(
        case=f"{case.what}, overhead",
        who=who,
        loop=reading.loop,
        done=done,
        unit="ns",
        value=Spread.of((guarded - bare) * NS for guarded, bare in pairs),
        floor_is=FLOORS[case.floor],
        target=target.beyond if ours else None,
        decimals=0,
    )
    return [whole, beyond]


def _environment(options: Options) -> str | None:
    """The interpreter of the other libraries; None where they are not wanted, or cannot be installed, which is told."""
    if not options.beside:
        return None
    options.progress("the environment of the other libraries")
    try:
        return python_of(ENVIRONMENT, requirements=Path(__file__).parent)
    except NotHere as error:
        print(f"no other library is measured: {error}", file=sys.stderr)
        return None


def _here(case: str, loop: str, options: Options, calls: int) -> Reading:
    """Ours, in this process."""
    return read(OURS, version(OURS), case, TABLE[case][0], loop, options.rounds, calls, options.warming)


@frozen
class _Processes:
    """Runs a case of a library in a process of its own."""

    options: Options
    loops: Sequence[str]
    calls: int
    python: str | None
    """Of the other libraries' environment; None: they are not measured."""

    def read(self, who: str, case: str) -> list[Reading]:
        """A line for each loop; none where the library has no such thing."""
        ours = who == OURS
        python = sys.executable if ours else str(self.python)
        script = "benchmarks.resilience.ours" if ours else ENVIRONMENT.script
        numbers = ["--rounds", str(self.options.rounds), "--calls", str(self.calls), "--loops", ",".join(self.loops)]
        try:
            command = [python, "-m", script, who, case, *numbers, *([] if ours else ["--brief"])]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN, check=True)
            return [Reading(**json.loads(line)) for line in done.stdout.splitlines()]
        except subprocess.TimeoutExpired:
            why = f"{case} of {who} was not done within {WITHIN:g} s"
        except subprocess.CalledProcessError as error:
            why = f"{case} of {who} failed: {(error.stderr.strip().splitlines() or ['nothing was said'])[-1]}"
        if ours:
            raise CaseFailed(why)
        print(why, file=sys.stderr)
        return []
