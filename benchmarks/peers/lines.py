"""What the scripts say and the report holds: one line per figure, or per reason why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from rich.table import Table

from benchmarks.peers.harness import CASES, case_of
from benchmarks.rounds import Spread

__all__ = ["Line", "parse", "reasons", "table"]


class Line(Struct, frozen=True, kw_only=True):
    """A figure, or a reason."""

    peer: str
    case: str
    unit: str
    version: str = ""
    done: str = ""
    """What was done for it."""
    value: Spread | None = None
    floor: Spread | None = None
    """In the same unit, measured in the peer's own process."""
    ratio: Spread | None = None
    """How many times the floor it costs."""
    note: str = ""
    cannot: str = ""
    """Why the peer has no such figure."""
    failed: str = ""
    """Why there is none, although it should have one."""


def parse(output: str) -> list[Line]:
    """What a script printed.

    Raises:
        ValueError: a line is none, or there is no line.
    """
    found = [msgspec.json.decode(line, type=Line) for line in output.splitlines() if line.startswith("{")]
    if not found:
        raise ValueError(f"it printed no figure: {output[-200:]!r}")
    return found


def reasons(peer: str, case: str, *, cannot: str = "", failed: str = "") -> Line:
    """A line without a figure."""
    return Line(peer=peer, case=case, unit=CASES[case].unit, cannot=cannot, failed=failed)


def table(lines: Iterable[Line]) -> Table:
    """Case by case, in the order of the report."""
    drawn = Table("case", "peer", "figure", "unit", "floor", "times the floor", "did, and how")
    last = None
    for line in lines:
        if last is not None and case_of(line.case) != last:
            drawn.add_section()
        last = case_of(line.case)
        drawn.add_row(line.case, f"{line.peer} {line.version}".strip(), *_figures(line), _told(line))
    return drawn


def _figures(line: Line) -> tuple[str, str, str, str]:
    if line.value is None:
        return "[red]failed[/]" if line.failed else "-", line.unit, "", ""
    floor = line.floor.text(_decimals(line.floor)) if line.floor else ""
    return line.value.text(_decimals(line.value)), line.unit, floor, line.ratio.text(1) if line.ratio else ""


def _decimals(spread: Spread) -> int:
    return 0 if spread.median >= 1000 else 1 if spread.median >= 10 else 3


def _told(line: Line) -> str:
    if line.value is None:
        return line.failed or f"cannot: {line.cannot}"
    return f"{line.done}; {line.note}" if line.note else line.done


# The command of `python -m benchmarks` that is run in the place of one case, and the figures that are taken from it:
# (its name there, the case here, what a unit there is here).
Taken = tuple[str, str, float]
OURS: Mapping[str, tuple[str, tuple[Taken, ...]]] = {
    "tell-10-1": (
        "tell",
        (
            ("tell 1→1, bursts of 100", "tell-1-1", 1.0),
            ("tell 10→1", "tell-10-1", 1.0),
            ("tell 1→1000, bursts of 100", "tell-1-1000", 1.0),
        ),
    ),
    "ask-in-turn": ("ask", (("ask in turn", "ask-in-turn", 1.0), ("ask, 100 at once", "ask-100", 1.0))),
    "crash": (
        "crash",
        (
            ("crash to next message, bare, p50", "crash-p50", 1.0),
            ("crash to next message, bare, p99", "crash-p99", 1.0),
            ("crash to next message, bare, worst", "crash-worst", 1.0),
        ),
    ),
    "start-5k": ("start", (("start 5,000", "start-5k", 1.0),)),
    "start-100k": (
        "crowd",
        (
            ("start 100,000", "start-100k", 1.0),
            ("memory of an idle actor", "memory", 1.0),
            ("stop 100,000", "stop", 10.0),  # seconds for all of them: microseconds for each
        ),
    ),
}


def copied(command: str, wanted: Iterable[Taken], report: Mapping[str, Any], version: str) -> list[Line]:
    """Figures of oneforone's own report, one for each loop, under the names that the peers have."""
    found = []
    for name, case, times in wanted:
        unit = CASES[case_of(case)].unit
        figures = [figure for figure in report["figures"].get(command, ()) if figure["case"] == name]
        found += [_copied(figure, case, unit, times, version) for figure in figures]
    return found


def _copied(figure: Mapping[str, Any], case: str, unit: str, times: float, version: str) -> Line:
    def scaled(spread: Mapping[str, float] | None) -> Spread | None:
        return None if spread is None else Spread(**{key: value * times for key, value in spread.items()})

    return Line(
        peer=f"oneforone ({figure['loop']})",
        version=version,
        case=case,
        unit=unit,
        done=figure["done"],
        value=scaled(figure["value"]),
        floor=scaled(figure["floor"]),
        ratio=None if figure["ratio"] is None else Spread(**figure["ratio"]),
        note=f"copied from `python -m benchmarks`; the floor: {figure.get('floor_is') or 'none'}",
    )
