"""The part of docs/performance.md about policies: ours beside other libraries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.comparison import table
from benchmarks.rounds import Figure

__all__ = ["beside_policies"]

OURS = "oneforone"


def beside_policies(figures: Sequence[Figure]) -> Iterator[str]:
    """What each policy costs, a row for each case and loop; nothing where no other library was measured."""
    others = list(dict.fromkeys(figure.who for figure in figures if figure.who))
    if not others:
        return
    columns = ["", *others]
    found = {(figure.case, figure.loop, figure.who): figure for figure in figures}
    rows = []
    for case, loop in dict.fromkeys((figure.case, figure.loop) for figure in figures):
        cells = [found.get((case, loop, who)) for who in columns]
        if any(figure is not None and figure.who for figure in cells):
            rows.append([case, loop, *("" if figure is None else figure.value.text(figure.decimals) for figure in cells)])
    yield "Beside other libraries, in the same units, each in a process and environment of its own; an empty place has no such"
    yield "thing, or one that does not work on that loop.\n"
    yield table(("case", "loop", *(who or OURS for who in columns)), rows)
