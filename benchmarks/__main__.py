"""`python -m benchmarks [CASE ...]`: run the cases, print one table.

A figure that misses its target is a figure, and the exit code stays 0. It is 1 when a case did not do its work.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import msgspec
from attrs import evolve
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from benchmarks import books, frames, memory
from benchmarks.logs import log_to_stderr
from benchmarks.rounds import CaseFailed, Figure, Options

__all__ = ["CASES", "main"]

# A case is a function from Options to figures. A new one is added here and in README.md.
CASES: Mapping[str, Callable[[Options], list[Figure]]] = {"frames": frames.run, "books": books.run, "memory": memory.run}
LIBRARIES = ("anyio", "trio", "websockets", "msgspec")
WIDE = 170
"""Columns of the table where there is no terminal."""
_DEFAULTS = Options()

app = App(name="python -m benchmarks", help="Figures as ratios to a floor measured in the same run.")


@app.default
def bench(
    *cases: str,
    rounds: int = _DEFAULTS.rounds,
    seconds: float = _DEFAULTS.seconds,
    data: Path = _DEFAULTS.data,
    limit: int | None = None,
    json: Annotated[Path | None, Parameter(help="also write the figures to this file")] = None,
) -> int:
    """Run all cases, or those that are named.

    Args:
        cases: frames, books, memory.
        rounds: how often floor and case alternate.
        seconds: how long memory is watched, on each loop.
        data: where recorded traffic lies.
        limit: frames per round at most.

    Returns:
        The exit code.
    """
    unknown = [case for case in cases if case not in CASES]
    if unknown:
        print(f"no case {unknown[0]!r}; there are {', '.join(CASES)}", file=sys.stderr)
        return 2
    log_to_stderr(least="warning")
    # Written to a file, a table that is squeezed into eighty columns could not be read.
    console = Console() if sys.stdout.isatty() else Console(width=WIDE)
    options = Options(rounds=rounds, seconds=seconds, data=data, limit=limit)
    figures, failures = measure(cases or tuple(CASES), options, Console(stderr=True))
    console.print(table(figures))
    console.print(f"{machine()}; CPU time of the process, median of {rounds} rounds (min to max)", highlight=False)
    for failure in failures:
        console.print(failure, style="red", highlight=False)
    if json is not None:
        chosen = {"rounds": rounds, "seconds": seconds, "limit": limit}
        report = {"at": datetime.now(UTC), "machine": machine(), **chosen, "figures": figures, "failures": failures}
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
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
    drawn = Table("case", "did", "unit", "figure", "floor", "times the floor", "target", "reached")
    for case, lines in figures.items():
        for line in lines:
            drawn.add_row(
                f"{case}: {line.case}",
                line.done,
                line.unit,
                line.value.text(line.decimals),
                line.floor.text(line.decimals) if line.floor else "",
                line.ratio.text(2) if line.ratio else "",
                line.target,
                "[green]yes[/]" if line.reached else "[red]no[/]",
            )
        drawn.add_section()
    return drawn


def machine() -> str:
    """Where the figures were taken."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {libraries}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"


def main() -> None:
    """Run the command and exit with its code."""
    sys.exit(app(sys.argv[1:], result_action="return_value"))


if __name__ == "__main__":
    main()
