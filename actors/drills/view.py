"""What a person sees: a line when a drill is over, a table in a terminal, and what was reached."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from actors.drills.plan import GIVE_UP, STABLE_AFTER, Client, Fault
from actors.drills.result import Outcome, Reach, Report

__all__ = ["absent_line", "cells", "outcome_line", "print_report", "reach_line"]

COLUMNS = ("new data after", "worst", "all streams after", "noticed after", "gap", "lost", "twice", "new links", "median of")
WIDTHS = (("new data after", 8), ("worst", 7), ("all streams after", 7), ("noticed, or gap", 8))
"""Columns of the table, and what their figures take: all of them fit a terminal of 80 characters."""
COUNTS = (("lost", 7), ("twice", 6), ("new links", 6), ("of", 4))
NOTES = (
    "Streams: ours trades, quotes, books; ccxt trades, books; python-binance trades, quotes, deltas of books. "
    "Lost are trades; twice came any event. "
    f"Ours takes a connection for stable after {STABLE_AFTER:g} s, because faults come every few seconds. "
    "Synthetic market at {speed:g} x, {seconds:.0f} s in all."
)


def cells(outcome: Outcome) -> tuple[str, ...]:
    """The figures of an outcome, one for each of the columns; empty: the fault has none."""
    rounds = len(outcome.rounds)
    if not rounds:
        return ("-",) * len(COLUMNS)
    silence, shutdown = outcome.fault is Fault.SILENCE, outcome.fault is Fault.SHUTDOWN
    noticed = outcome.median("noticed")
    return (
        "" if shutdown else _seconds(outcome.median("back")),
        _seconds(outcome.worst("gap" if shutdown else "back")),
        _seconds(outcome.median("whole")),
        "" if not silence else f">{GIVE_UP:g} s, not noticed" if noticed is None else _seconds(noticed),
        _seconds(outcome.median("gap")) if shutdown else "",
        f"{outcome.lost:,}",
        f"{outcome.duplicates:,}",
        f"{outcome.connections:,}",
        f"{rounds}",
    )


def outcome_line(outcome: Outcome) -> str:
    """An outcome as a plain line."""
    named = [f"{name} {cell}" for name, cell in zip(COLUMNS, cells(outcome), strict=True) if cell]
    failed = [f"failed: {outcome.failed}"] if outcome.failed else []
    return f"{outcome.fault.heading} · {_who(outcome)}: {', '.join([*failed, *(named if outcome.rounds else [])])}"


def absent_line(client: Client) -> str:
    """A client that is not here."""
    return f"{client}: not installed (pip install {client.distribution})"


def reach_line(reach: Reach) -> str:
    """A thing to be reached as a plain line."""
    return f"{_verdict(reach)}: {reach.what}: {reach.measured}"


def print_report(console: Console, report: Report) -> None:
    """The table where there is a terminal, and what was reached.

    Args:
        console: lines that were printed as the drills went on are not repeated where it is no terminal.
        report: judged.
    """
    if console.is_terminal:
        console.print(_table(report))
    for reach in report.reach:
        style = {True: "green", False: "bold red", None: "yellow"}[reach.met]
        console.print(Text(reach_line(reach), style=style if console.is_terminal else ""), soft_wrap=True)
    console.print(Text(NOTES.format(speed=report.speed, seconds=report.seconds)), soft_wrap=True)


def _table(report: Report) -> Table:
    table = Table(title="resilience", title_style="bold", box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("", min_width=14)
    for name, width in (*WIDTHS, *COUNTS):
        table.add_column(name, justify="right", width=width)
    for fault in Fault:
        of_fault = [outcome for outcome in report.outcomes if outcome.fault is fault]
        if of_fault:
            table.add_row(Text(fault.heading, style="bold"))
        for outcome in sorted(of_fault, key=lambda outcome: list(Client).index(outcome.client)):
            back, worst, whole, noticed, gap, *counts = cells(outcome)
            table.add_row(str(outcome.client), *(Text(cell) for cell in (back, worst, whole, noticed or gap, *counts)))
        for client in report.absent if of_fault else ():
            table.add_row(f"{client} not installed")
    return table


def _who(outcome: Outcome) -> str:
    return f"{outcome.client} {outcome.version}".strip()


def _verdict(reach: Reach) -> str:
    return {True: "met", False: "MISSED", None: "not judged"}[reach.met]


def _seconds(value: float | None) -> str:
    return f">{GIVE_UP:g} s" if value is None else f"{value:.2f} s"
