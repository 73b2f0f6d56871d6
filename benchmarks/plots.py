"""The plots of docs/performance.md: what stands in which, and how it is drawn.

What is drawn is chosen without matplotlib, so the page can be made where it is not installed; only `draw` needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from benchmarks.comparison import Comparison, short
from benchmarks.rounds import Figure, Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D

__all__ = ["PLOTS", "Mark", "Panel", "Plot", "compared", "draw", "drawable", "reached"]

OURS, OTHERS, FLOOR, FAINT, GRID = "#1f6fb2", "#3b3b3b", "#d1495b", "#8a8a8a", "#e6e6e6"
LOOPS = {
    "trio": ("o", "#1f6fb2", -0.2),
    "asyncio": ("s", "#e08e0b", 0.0),
    "uvloop": ("D", "#2c8c57", 0.2),
    "": ("o", OTHERS, 0.0),
}
"""How a loop is marked where three stand in one line: the sign, its colour, how far it is moved out of the others' way."""
MOST, LEAST = 10.0, 0.1
"""Shares of a target beyond these stand at the edge."""
STYLE: dict[Any, Any] = {  # from 3.11 on, matplotlib types the keys as literals
    "svg.hashsalt": "oneforone",  # ids are made of it: without, no two files would be alike
    "svg.fonttype": "none",  # text stays text: found by a search, and half the size
    "font.family": ["DejaVu Sans", "sans-serif"],  # a reader's own is narrower than this one, so nothing overlaps there either
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@frozen
class Plot:
    """One file."""

    file: str
    title: str
    figures: tuple[str, ...] = ()
    """Of the peers' report, one panel each; none: it is the plot of our own targets."""


PLOTS = (
    Plot("targets.svg", "How much of its target each figure reaches"),
    Plot("messages.svg", "Messages", ("tell-1-1", "tell-10-1", "tell-1-1000")),
    Plot("asks.svg", "Questions and their answers", ("ask-in-turn", "ask-100")),
    Plot("crashes.svg", "From a crash to the next message handled", ("crash-p50", "crash-p99")),
    Plot("crowds.svg", "Many actors: starting, idling, stopping", ("start-5k", "start-100k", "memory", "stop")),
)


@frozen
class Mark:
    """One line of a panel."""

    name: str
    ours: bool
    value: Spread | None = None
    floor: float | None = None
    absent: str = ""
    """What stands there where there is no figure."""


@frozen
class Panel:
    """What shares one axis."""

    title: str
    marks: list[Mark] = field(factory=list)


def compared(plot: Plot, comparison: Comparison) -> list[Panel]:
    """Ours and the others, for each figure of the plot that somebody has."""
    panels = []
    for name in plot.figures:
        marks = []
        for column in comparison.columns:
            line = comparison.line(name, column)
            value = None if line is None else line.value
            floor = None if line is None or line.floor is None else line.floor.median
            absent = "" if value is not None else "not measured" if line is None else "failed" if line.failed else "cannot"
            marks.append(Mark(column, column.startswith("oneforone"), value, floor, absent))
        if any(mark.value for mark in marks):
            unit = comparison.unit(name)
            better = "more" if unit.endswith("/s") else "less"
            panels.append(Panel(f"{comparison.title(name)}\n{unit}, {better} is better", marks))
    return panels


def reached(figures: Iterable[tuple[str, Figure]]) -> Mapping[str, Mapping[str, float]]:
    """The share of its target that each figure reaches, by name and loop: 1 and above is reached."""
    found: dict[str, dict[str, float]] = {}
    for name, figure in figures:
        if figure.target is not None:
            value = figure.value.median
            # A cost of nothing, or less, as an overhead can be, is as good as it gets.
            share = value / figure.target if figure.higher else figure.target / value if value > 0 else MOST
            found.setdefault(name, {})[figure.loop] = min(MOST, max(LEAST, share))
    return found


def drawable(figures: Iterable[tuple[str, Figure]], comparison: Comparison) -> list[Plot]:
    """The plots that there are figures for."""
    return [plot for plot in PLOTS if (compared(plot, comparison) if plot.figures else reached(figures))]


def draw(folder: Path, figures: Sequence[tuple[str, Figure]], comparison: Comparison) -> list[Path]:
    """Write the plots that there are figures for.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    written = []
    with mpl.rc_context(STYLE):
        for plot in drawable(figures, comparison):
            canvas = Canvas(layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
            if plot.figures:
                _comparison(canvas, plot, compared(plot, comparison))
            else:
                _targets(canvas, plot, reached(figures))
            file = folder / plot.file
            # Without date and creator, the same figures make the same file on another day.
            canvas.savefig(file, metadata={"Date": None, "Creator": None})
            written.append(file)
    return written


def _comparison(canvas: Canvas, plot: Plot, panels: Sequence[Panel]) -> None:
    names = [mark.name for mark in panels[0].marks]
    across = len(panels) if len(panels) < 4 else 2
    down = -(-len(panels) // across)
    canvas.set_size_inches(2.2 + 3.1 * across, 0.9 + down * (0.6 + 0.27 * len(names)))
    grid = canvas.subplots(down, across, squeeze=False)
    for number, axes in enumerate(grid.flat):
        if number >= len(panels):
            axes.set_visible(False)
            continue
        panel = panels[number]
        _axis(axes, [end for mark in panel.marks for end in _ends(mark)])
        _lines(axes, names, labelled=number % across == 0)
        axes.set_title(panel.title, loc="left", fontsize=9)
        for line, mark in enumerate(panel.marks):
            _mark(axes, line, mark)
    _words(
        canvas,
        plot.title,
        "Dot and number: the median. Line: from the least to the most of the rounds. Red: its floor, measured beside it.\n"
        "Logarithmic scale.",
    )


def _ends(mark: Mark) -> list[float]:
    spread = [] if mark.value is None else [mark.value.low, mark.value.median, mark.value.high]
    return [value for value in (*spread, mark.floor) if value is not None and value > 0]


def _mark(axes: Axes, line: int, mark: Mark) -> None:
    color = OURS if mark.ours else OTHERS
    if mark.value is None:
        clear = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        place = axes.get_yaxis_transform()
        axes.text(0.01, line, mark.absent, transform=place, va="center", color=FAINT, fontsize=8, bbox=clear)
        return
    if mark.floor is not None:
        axes.plot([mark.floor], [line], marker="|", markersize=11, markeredgewidth=1.6, color=FLOOR, zorder=4)
    axes.plot([mark.value.low, mark.value.high], [line, line], color=color, linewidth=2, alpha=0.45, solid_capstyle="butt")
    axes.plot([mark.value.median], [line], marker="o", markersize=6, color=color)
    number = short(mark.value.median)
    axes.text(1.02, line, number, transform=axes.get_yaxis_transform(), va="center", color=color, fontsize=8)


def _targets(canvas: Canvas, plot: Plot, shares: Mapping[str, Mapping[str, float]]) -> None:
    canvas.set_size_inches(9, 1.6 + 0.24 * len(shares))
    axes = canvas.subplots()
    _axis(axes, [share for of_loops in shares.values() for share in (1.0, *of_loops.values())])
    _lines(axes, list(shares), labelled=True)
    axes.axvline(1.0, color=FLOOR, linewidth=1.2, zorder=1)
    shown: dict[str, Line2D] = {}
    for line, of_loops in enumerate(shares.values()):
        for loop, share in of_loops.items():
            sign, color, aside = LOOPS[loop]
            marker = ">" if share == MOST else "<" if share == LEAST else sign
            (point,) = axes.plot([share], [line + aside], marker=marker, color=color, markersize=5, linestyle="")
            if loop and marker == sign:
                shown.setdefault(loop, point)
    axes.legend(
        list(shown.values()), list(shown), loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, handletextpad=0.1
    )
    _words(
        canvas,
        plot.title,
        f"1: reached. Right of it is better, whatever the figure. Beyond {MOST:g} or {LEAST:g}: an arrow at the edge.\n"
        "Logarithmic scale.",
    )


def _words(canvas: Canvas, title: str, below: str) -> None:
    canvas.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    canvas.supxlabel(below, x=0.01, ha="left", fontsize=8, color=FAINT)


def _axis(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis with plain numbers: a few of them, however far it goes."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = min(values), max(values)
    margin = max(1.15, (high / low) ** 0.06)
    axes.set_xscale("log")
    axes.set_xlim(low / margin, high * margin)
    subs = (1.0, 2.0, 5.0) if high / low < 300 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=20))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.tick_params(axis="x", labelsize=8, color=FAINT)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def _lines(axes: Axes, names: Sequence[str], *, labelled: bool) -> None:
    """A line for each name, the first at the top."""
    axes.set_yticks(range(len(names)), names if labelled else [""] * len(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
