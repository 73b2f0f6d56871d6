"""`python -m benchmarks.report [BENCH PEERS]`: makes docs/performance.md of what the benchmarks wrote.

The page is made of nothing but the two files and `docs/performance/notes.md`, which is written by hand: what stands above its
first heading opens the page, the rest closes it. Each `yes` and `no` is computed anew from the figures. The figures of policies
may stand in a third file, which takes the place of what the first has of them: they were measured by themselves then.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import ClassVar, TypeVar

import msgspec
from cyclopts import App
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.comparison import Comparison, beside_others, table
from benchmarks.framework.quantities import QUANTITIES
from benchmarks.peers.lines import Line
from benchmarks.plots import Plot, draw, drawable
from benchmarks.resilience.page import beside_policies
from benchmarks.rounds import Figure

__all__ = ["FOLDER", "PAGE", "Chosen", "Ours", "Theirs", "main", "render", "written"]

FOLDER = Path(__file__).parent.parent / "docs" / "performance"
PAGE = FOLDER.with_suffix(".md")
BENCH, PEERS, RESILIENCE, NOTES = "bench.json", "peers.json", "resilience.json", "notes.md"
POLICIES = "resilience"
"""The case that other libraries take part in, and its own heading."""
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Messages": ("tell", "send"),
    "Questions": ("ask", "ring"),
    "Start, stop, memory": ("start", "crowd"),
    "Crashes": ("crash",),
    "Steady state": ("steady", "fair"),
    "Topics, timers, snapshots, import": ("publish", "timer", "snapshot", "import"),
    "Market data": ("frames", "clients", "books", "memory"),
}
"""Cases by heading; one that is in none of them stands under `Others`."""

app = App(name="python -m benchmarks.report", help="Makes docs/performance.md.")


class Chosen(Struct, frozen=True):
    """How much was done."""

    rounds: int
    scale: float = 1.0
    seconds: float = 0.0
    limit: int | None = None
    loops: tuple[str, ...] = ()


class Ours(Struct, frozen=True):
    """What `python -m benchmarks --json` writes."""

    command: ClassVar[str] = "benchmarks"
    at: datetime
    machine: str
    chosen: Chosen
    figures: dict[str, list[Figure]]
    failures: list[str] = []
    skipped: list[str] = []

    @property
    def named(self) -> list[tuple[str, Figure]]:
        """Every figure, under a name that says what it is by itself."""
        return [(_name(case, figure), figure) for case, figures in self.figures.items() for figure in figures if not figure.who]


class Theirs(Struct, frozen=True):
    """What `python -m benchmarks.peers --json` writes."""

    command: ClassVar[str] = "benchmarks.peers"
    at: datetime
    machine: str
    rounds: int
    figures: list[Line]
    seconds: float = 0.0


COLUMNS = ("case", "loop", "median (min to max)", "target", "reached", "floor", "times the floor", "at most", "reached")
R = TypeVar("R", "Ours", "Theirs")

HEAD = """\
# How fast it is

Made by `make bench-report` of [{bench}](performance/{bench}) and [{peers}](performance/{peers}), which the benchmarks wrote;
only the notes are written by hand. A test fails when this page is out of date.

| | oneforone by itself | beside others |
| --- | --- | --- |
| measured | {ours.at:%Y-%m-%d %H:%M} UTC | {theirs.at:%Y-%m-%d %H:%M} UTC |
| machine | {ours.machine} | {theirs.machine} |
| rounds | {ours.chosen.rounds}, fewer of heavy cases | {theirs.rounds}, fewer of heavy cases |
| time | CPU time of the process; of latencies, the clock | the clock; of oneforone, as by itself |
"""


def render(ours: Ours, theirs: Theirs, notes: str, apart: Ours | None = None) -> str:
    """The page.

    Args:
        ours: of `make bench`.
        theirs: of `make bench-peers`.
        notes: the part that is written by hand.
        apart: of `python -m benchmarks resilience`, where that was measured by itself.
    """
    ours = joined(ours, apart)
    comparison = Comparison(theirs.figures)
    opening, heading, closing = notes.partition("## ")
    parts = [HEAD.format(bench=BENCH, peers=PEERS, ours=ours, theirs=theirs)]
    parts += [_reservations(ours), opening.strip() + "\n", _summary(ours), _plots(drawable(ours.named, comparison))]
    parts += _groups(ours)
    parts += _policies(ours, apart)
    parts += beside_others(comparison)
    parts += [_missed(ours), heading + closing]
    return "\n".join(part for part in parts if part.strip()).rstrip() + "\n"


def _reservations(ours: Ours) -> str:
    """What a reader has to know before the first figure."""
    said = [f"- {line}" for line in (*ours.failures, *ours.skipped)]
    if ours.chosen.scale != 1.0:
        said.insert(0, f"- **A quick run: {ours.chosen.scale:g} of the work. Whether a target is reached means nothing here.**")
    return "\n".join([*said, ""]) if said else ""


def _summary(ours: Ours) -> str:
    targets = [figure.reached for _, figure in ours.named if figure.reached is not None]
    ratios = [figure.ratio_reached for _, figure in ours.named if figure.ratio_reached is not None]
    return (
        f"**{sum(targets)} of {len(targets)} targets are reached, and {sum(ratios)} of {len(ratios)} as ratios to the floor.** "
        "What is missed, and by how much, is [listed below](#what-is-missed).\n"
    )


def _plots(plots: Iterable[Plot]) -> str:
    lines = [f"![{plot.title}; the tables have the figures](performance/{plot.file})\n" for plot in plots]
    return "\n".join(["## Plots\n", *lines]) if lines else ""


# ---- oneforone by itself


def _groups(ours: Ours) -> Iterator[str]:
    named = {POLICIES, *(case for cases in GROUPS.values() for case in cases)}
    others = tuple(case for case in ours.figures if case not in named)
    for heading, cases in {**GROUPS, "Others": others}.items():
        figures = [(_name(case, figure), figure) for case in cases for figure in ours.figures.get(case, ())]
        if figures:
            yield f"## {heading}\n"
            yield table(COLUMNS, _rows(figures))


def joined(ours: Ours, apart: Ours | None) -> Ours:
    """With the figures of policies that were measured by themselves in the place of its own, if those are not newer."""
    if apart is None or (POLICIES in ours.figures and ours.at > apart.at):
        return ours
    return replace(ours, figures={**ours.figures, POLICIES: apart.figures.get(POLICIES, [])})


def _policies(ours: Ours, apart: Ours | None) -> Iterator[str]:
    figures = ours.figures.get(POLICIES, [])
    if not figures:
        return
    yield "## Policies of resilience\n"
    if apart is not None and figures is apart.figures.get(POLICIES):
        at = f"{apart.at:%Y-%m-%d %H:%M} UTC"
        yield f"[Measured by themselves](performance/{RESILIENCE}), {at}, {apart.chosen.rounds} rounds, on {apart.machine}.\n"
        yield _reservations(apart)
    yield table(COLUMNS, _rows((_name(POLICIES, figure), figure) for figure in figures if not figure.who))
    yield from beside_policies(figures)


def _rows(figures: Iterable[tuple[str, Figure]]) -> Iterator[list[str]]:
    last = ""
    for name, figure in figures:
        yield [
            "" if name == last else f"**{name}**, {figure.unit}; {_did(figure)}",
            figure.loop,
            figure.value.text(figure.decimals),
            _wanted(figure),
            _verdict(figure),
            figure.floor.text(figure.decimals) if figure.floor else "",
            figure.ratio.text(2) if figure.ratio else "",
            "" if figure.target_ratio is None else f"{figure.target_ratio:.2f}",
            _ratio_verdict(figure),
        ]
        last = name


def _name(case: str, figure: Figure) -> str:
    """Those of the framework have names that no other has."""
    return figure.case if figure.case in QUANTITIES or case == POLICIES else f"{case}: {figure.case}"


def _did(figure: Figure) -> str:
    return f"{figure.done}; floor: {figure.floor_is}" if figure.floor_is else figure.done


def _wanted(figure: Figure) -> str:
    return "" if figure.target is None else f"{'≥' if figure.higher else '≤'} {figure.target:,g}"


def _verdict(figure: Figure) -> str:
    if figure.reached is None or figure.target is None:
        return ""
    return "yes" if figure.reached else f"**no**: {_by(figure.value.median, figure.target)}"


def _ratio_verdict(figure: Figure) -> str:
    if figure.ratio_reached is None or figure.target_ratio is None or figure.ratio is None:
        return ""
    return "yes" if figure.ratio_reached else f"**no**: {_by(figure.ratio.median, figure.target_ratio)}"


def _by(value: float, wanted: float) -> str:
    share = abs(value - wanted) / abs(wanted)
    much = "less than 1 %" if share < 0.005 else f"{share * 100:,.0f} %"
    return f"{much} {'short' if value < wanted else 'over'}"


def _missed(ours: Ours) -> str:
    """Every figure that misses its target or its ratio."""
    rows = [
        [
            name,
            figure.loop,
            f"{figure.value.median:,.{figure.decimals}f} {figure.unit}",
            _wanted(figure),
            _verdict(figure),
            "" if figure.ratio is None else f"{figure.ratio.median:.2f}",
            "" if figure.target_ratio is None else f"{figure.target_ratio:.2f}",
            _ratio_verdict(figure),
        ]
        for name, figure in ours.named
        if figure.reached is False or figure.ratio_reached is False
    ]
    if not rows:
        return "## What is missed\n\nNothing.\n"
    words = "Computed from the same figures: by how much a median is short of its target, or over it.\n"
    columns = ("case", "loop", "median", "target", "reached", "times the floor", "at most", "reached")
    return "\n".join(["## What is missed\n", words, table(columns, rows)])


# ---- the command


class NoReport(Exception):
    """A file is not what it should be; the message is one plain sentence."""


def load(bench: Path, peers: Path) -> tuple[Ours, Theirs]:
    """Both reports.

    Raises:
        NoReport: a file is something else.
    """
    return _read(bench, Ours), _read(peers, Theirs)


def _read(file: Path, kind: type[R]) -> R:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise NoReport(f"{file} is not what `python -m {kind.command} --json FILE` writes: {error}") from None


def written(folder: Path) -> str:
    """The page that the files of a folder make.

    Raises:
        NoReport
    """
    apart = folder / RESILIENCE
    measured = _read(apart, Ours) if apart.exists() else None
    return render(*load(folder / BENCH, folder / PEERS), (folder / NOTES).read_text(encoding="utf-8"), measured)


@app.default
def report(bench: Path | None = None, peers: Path | None = None, resilience: Path | None = None) -> int:
    """Make the page and its plots; without files, of those that were given before.

    Args:
        bench: what `make bench ARGS="--json FILE"` wrote.
        peers: what `make bench-peers ARGS="--json FILE"` wrote.
        resilience: what `make bench ARGS="resilience --json FILE"` wrote, where the policies were measured by themselves.

    Returns:
        The exit code: 2 when a file is not what it should be, and then nothing is changed.
    """
    try:
        ours, theirs = load(bench or FOLDER / BENCH, peers or FOLDER / PEERS)
        apart = resilience or FOLDER / RESILIENCE
        ours = joined(ours, _read(apart, Ours) if apart.exists() or resilience else None)
    except NoReport as error:
        print(error, file=sys.stderr)
        return 2
    for given, kept in ((bench, BENCH), (peers, PEERS), (resilience, RESILIENCE)):
        if given is not None:
            (FOLDER / kept).write_bytes(given.read_bytes())
    PAGE.write_text(written(FOLDER), encoding="utf-8")
    try:
        files = draw(FOLDER, ours.named, Comparison(theirs.figures))
    except ImportError as error:
        print(f"the page is made, the plots are not: {error}; try: pip install -e '.[bench]'", file=sys.stderr)
        return 1
    print(*(str(file) for file in (PAGE, *files)), sep="\n")
    return 0


def main() -> None:
    """Run the command and exit with its code."""
    sys.exit(app(sys.argv[1:], result_action="return_value"))


if __name__ == "__main__":
    main()
