"""`python -m benchmarks [CASE ...]`: run the cases, print one table.

A figure that misses its target is a figure, and the exit code stays 0. It is 1 when a case did not do its work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from attrs import evolve
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from benchmarks import books, clients, frames, memory
from benchmarks.framework import asks, crashes, crowd, fairness, imports, messages, snapshots, starting, steady, timers, topics
from benchmarks.logs import log_to_stderr
from benchmarks.loops import LOOPS, installed
from benchmarks.machine import machine, versions
from benchmarks.resilience import overhead
from benchmarks.rounds import CaseFailed, Figure, Options

__all__ = ["CASES", "main"]

# A case is a function from Options to figures. A new one is added here and in README.md.
CASES: Mapping[str, Callable[[Options], list[Figure]]] = {
    "tell": messages.tell,
    "send": messages.send,
    "ask": asks.ask,
    "ring": asks.ring,
    "start": starting.start,
    "crowd": crowd.crowd,
    "crash": crashes.crash,
    "snapshot": snapshots.snapshot,
    "publish": topics.publish,
    "timer": timers.timer,
    "steady": steady.steady,
    "fair": fairness.fair,
    "import": imports.imported,
    "resilience": overhead.resilience,
    "frames": frames.run,
    "clients": clients.clients,
    "books": books.run,
    "memory": memory.run,
}
WIDE = 200
"""Columns of the table where there is no terminal."""
REPORT = Path("build/bench.json")
"""Where the figures of all cases are written when nothing else is said."""
WHOLE = ("rounds", "limit")
"""Options that count something."""
TINY = 1e-9
_DEFAULTS = Options()

app = App(name="python -m benchmarks", help="Figures as ratios to a floor measured in the same run.")


@app.default
def bench(
    *cases: str,
    rounds: int = _DEFAULTS.rounds,
    seconds: float = _DEFAULTS.seconds,
    data: Path = _DEFAULTS.data,
    limit: int | None = None,
    loops: str = ",".join(_DEFAULTS.loops),
    scale: float = _DEFAULTS.scale,
    json: Annotated[Path | None, Parameter(help="write the figures to this file; of all cases, to build/bench.json")] = None,
) -> int:
    """Run all cases, or those that are named.

    Args:
        cases: tell, send, ask, ring, start, crowd, crash, snapshot, publish, timer, steady, fair, import; resilience;
            frames, clients, books, memory.
        rounds: how often floor and case alternate.
        seconds: how long memory is watched, on each loop.
        data: where recorded traffic lies.
        limit: frames per round at most.
        loops: where the framework is measured, such as `trio,asyncio`.
        scale: how much of the framework's work is done; 0.01 for a look whether all runs.

    Returns:
        The exit code.
    """
    unknown = [case for case in cases if case not in CASES]
    if unknown:
        print(f"no case {unknown[0]!r}; there are {', '.join(CASES)}", file=sys.stderr)
        return 2
    wanted = tuple(loops.split(","))
    unknown = [loop for loop in wanted if loop not in LOOPS]
    if unknown:
        print(f"no loop {unknown[0]!r}; there are {', '.join(LOOPS)}", file=sys.stderr)
        return 2
    numbers = {"rounds": rounds, "seconds": seconds, "limit": limit, "scale": scale}
    wrong = [name for name, value in numbers.items() if value is not None and not value >= (1 if name in WHOLE else TINY)]
    if wrong:
        least = "1 or more" if wrong[0] in WHOLE else "a number above 0"
        print(f"--{wrong[0]} is {numbers[wrong[0]]}; expected {least}", file=sys.stderr)
        return 2
    log_to_stderr(least="warning")
    # Written to a file, a table that is squeezed into eighty columns could not be read.
    console = Console() if sys.stdout.isatty() else Console(width=WIDE)
    options = Options(rounds=rounds, seconds=seconds, data=data, limit=limit, loops=wanted, scale=scale)
    skipped = [f"{loop} is not installed, so nothing was measured on it" for loop in wanted if not installed(loop)]
    figures, failures = measure(cases or tuple(CASES), options, Console(stderr=True))
    console.print(table(figures))
    console.print(f"{machine()}; CPU time of the process, median of {rounds} rounds (min to max)", highlight=False)
    for failure in (*skipped, *failures):
        console.print(failure, style="red", highlight=False)
    if json is None and not cases:
        json = REPORT
    if json is not None:
        report = {
            "at": datetime.now(UTC),
            "machine": machine(),
            "versions": versions(),
            "chosen": {"rounds": rounds, "seconds": seconds, "limit": limit, "loops": wanted, "scale": scale},
            "figures": figures,
            "failures": failures,
            "skipped": skipped,
        }
        json.parent.mkdir(parents=True, exist_ok=True)
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
        console.print(f"written to {json}", highlight=False)
    return 1 if failures else 0


def measure(cases: Sequence[str], options: Options, console: Console) -> tuple[dict[str, list[Figure]], list[str]]:
    """Run the cases; what failed is told beside the figures of the others."""
    figures, failures = {}, []
    with console.status("") as status:
        for case in cases:
            status.update(case)
            try:
                figures[case] = CASES[case](evolve(options, progress=status.update))
            except CaseFailed as error:
                failures.append(str(error))
    return figures, failures


def table(figures: Mapping[str, Sequence[Figure]]) -> Table:
    """One table of everything."""
    drawn = Table(
        "case", "loop", "did", "unit", "figure", "target", "reached", "floor", "times the floor", "at most", "reached"
    )
    for case, lines in figures.items():
        for line in lines:
            name = f"{case}: {line.case}" if case not in line.case else line.case
            drawn.add_row(
                f"{name}; {line.who}" if line.who else name,
                line.loop,
                line.done,
                line.unit,
                line.value.text(line.decimals),
                line.target_text,
                _REACHED[line.reached],
                line.floor.text(line.decimals) if line.floor else "",
                line.ratio.text(2) if line.ratio else "",
                "" if line.target_ratio is None else f"{line.target_ratio:.2f}",
                _REACHED[line.ratio_reached],
            )
        drawn.add_section()
    return drawn


_REACHED = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}


def main() -> None:
    """Run the command and exit with its code."""
    sys.exit(app(sys.argv[1:], result_action="return_value"))


if __name__ == "__main__":
    main()
