"""The peers' report by figure and by column, and the part of docs/performance.md that is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from benchmarks.loops import LOOPS
from benchmarks.peers.environments import PEERS
from benchmarks.peers.harness import CASES, PERCENTILES, case_of
from benchmarks.peers.lines import Line

__all__ = ["Comparison", "beside_others", "short", "table"]

ONEFORONE = "oneforone"


Notes = dict[tuple[str, str], list[str]]
"""Why there is no figure, and of whom."""


def short(value: float) -> str:
    """Three digits that count: `1.34`, `24.9`, `1,670`."""
    size = abs(value)
    if size >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:#.3g}".rstrip(".") if size >= 0.001 else f"{value:.2g}"


@frozen
class Comparison:
    """What all of them did."""

    lines: Sequence[Line]

    @property
    def columns(self) -> list[str]:
        """oneforone on its loops, then the others, in the order of the report."""
        known = [*(f"{ONEFORONE} ({loop})" for loop in LOOPS), *(peer.name for peer in PEERS)]
        there = dict.fromkeys(line.peer for line in self.lines if line.peer != ONEFORONE)
        return [name for name in known if name in there] + [name for name in there if name not in known]

    @property
    def figures(self) -> list[str]:
        """The names of the figures, in the order of the cases; a case that nobody has a figure of is one by itself."""
        found = []
        for case in CASES:
            names = [case, *(f"{case}-{part}" for part in PERCENTILES)]
            measured = {line.case for line in self.lines if line.value is not None}
            told = any(case_of(line.case) == case for line in self.lines)
            found += [name for name in names if name in measured] or ([case] if told else [])
        return found

    def line(self, figure: str, column: str) -> Line | None:
        """The figure, or the reason why there is none; None: nothing was said."""
        own = [line for line in self.lines if line.peer == column or column.startswith(f"{line.peer} (")]
        for line in own:
            if line.case == figure and line.value is not None:
                return line
        return next((line for line in own if line.value is None and line.case == case_of(figure)), None)

    def release(self, column: str) -> str:
        """The version, where it was told."""
        return next((line.version for line in self.lines if line.peer == column and line.version), "")

    def title(self, figure: str) -> str:
        """What is measured, in words."""
        case = case_of(figure)
        part = figure.removeprefix(case).removeprefix("-")
        return CASES[case].what + (f", {part}" if part else "")

    def unit(self, figure: str) -> str:
        """Of its numbers."""
        return CASES[case_of(figure)].unit


def beside_others(comparison: Comparison) -> Iterator[str]:
    """The part of the page that compares, piece by piece."""
    if not comparison.lines:
        return
    columns = comparison.columns
    heads = [f"{column} {release}".strip() for column in columns for release in [comparison.release(column)]]
    notes: Notes = {}
    medians = table(
        ("case", "unit", *heads),
        [
            [
                comparison.title(name),
                comparison.unit(name),
                *(_median(comparison.line(name, column), notes) for column in columns),
            ]
            for name in comparison.figures
        ],
    )
    ratios = table(("case", *heads), [row for name in comparison.figures if any((row := _ratios(comparison, name))[1:])])
    yield "## Beside others\n"
    yield "Medians; an empty place was not measured. The last table of this part has the range, the floor and what was done.\n"
    yield medians
    said = [f"{number}. {', '.join(who)} {verb}: {why}" for number, ((verb, why), who) in enumerate(notes.items(), 1)]
    yield "\n".join([*said, ""]) if said else ""
    yield "How many times its own floor each of them costs; less is better. Floors differ in kind, threads or"
    yield "tasks or calls, and the last table says of which kind each is.\n"
    yield ratios
    yield "<details><summary>What was done for each figure</summary>\n"
    yield table(
        ("case", "who", "median (min to max)", "unit", "floor", "times the floor", "did, and how"),
        (_told(line) for line in comparison.lines if line.value is not None),
    )
    yield "</details>\n"


def _median(line: Line | None, notes: Notes) -> str:
    """The figure; where there is none, the number of the note that says why."""
    if line is None:
        return ""
    if line.value is not None:
        return short(line.value.median)
    note = "failed" if line.failed else "cannot", line.failed or line.cannot
    who = notes.setdefault(note, [])
    if line.peer not in who:
        who.append(line.peer)
    return f"{note[0]} <sup>{list(notes).index(note) + 1}</sup>"


def _ratios(comparison: Comparison, name: str) -> list[str]:
    lines = [comparison.line(name, column) for column in comparison.columns]
    return [comparison.title(name), *("" if line is None or line.ratio is None else short(line.ratio.median) for line in lines)]


def _told(line: Line) -> list[str]:
    spreads = [
        "" if spread is None else f"{short(spread.median)} ({short(spread.low)} to {short(spread.high)})"
        for spread in (line.value, line.floor, line.ratio)
    ]
    return [line.case, line.peer, spreads[0], line.unit, *spreads[1:], f"{line.done}; {line.note}" if line.note else line.done]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
