"""What a person sees: the live tree in a terminal, plain lines elsewhere, and the report at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from actors.demo.plan import Phase
from actors.demo.report import PhaseResult, Report
from actors.vitals import HealthLevel
from supervisor import ChildSnapshot, TreeSnapshot

__all__ = ["dashboard", "phase_line", "print_report"]

HAPPENED = 10
"""Lines that `what happened` takes."""

_PHASES = {"running": "green", "steady": "green", "restarting": "yellow", "starting": "yellow", "stopping": "yellow"}
_HEALTH = {HealthLevel.HEALTHY: "green", HealthLevel.WARNING: "yellow", HealthLevel.UNKNOWN: "bright_black"}


def dashboard(
    tree: TreeSnapshot,
    *,
    rates: Mapping[str, float],
    health: Mapping[str, HealthLevel],
    plan: Sequence[Phase],
    results: Sequence[PhaseResult],
    happened: Sequence[str],
    elapsed: float,
    height: int = 60,
) -> RenderableType:
    """The whole screen. What does not fit is left out, the least important first: the tree always stays.

    Args:
        tree: the supervision tree now.
        rates: {path: frames per second}.
        health: {component: level}.
        plan: all phases.
        results: those that are over.
        happened: the last lines of what happened.
        elapsed: seconds since the start.
        height: lines that the screen has.
    """
    title = f"oneforone demo · {elapsed:.0f} s · {len(results)}/{len(plan)} phases"
    now = plan[len(results)].title if len(results) < len(plan) else "done"
    shown: list[RenderableType] = [
        Panel(_tree_table(tree, rates, health), title=title, subtitle=Text(now), border_style="blue")
    ]
    left = height - len(tree.flat()) - 4
    if left >= len(plan) + 2:
        shown.append(Panel(_plan_table(plan, results), title="fault plan", border_style="blue"))
        left -= len(plan) + 2
    if left >= HAPPENED:
        lines = Text("\n".join(happened), style="bright_black", no_wrap=True, overflow="ellipsis")
        shown.append(Panel(lines, title="what happened", border_style="blue", height=HAPPENED))
    return Group(*shown)


def _tree_table(tree: TreeSnapshot, rates: Mapping[str, float], health: Mapping[str, HealthLevel]) -> Table:
    table = Table(box=None, expand=True, pad_edge=False)
    # The tree is what one looks at: a name that does not fit is cut, never wrapped.
    table.add_column("child", no_wrap=True, ratio=1)
    table.add_column("state", no_wrap=True)
    for name in ("life", "restarts", "backoff", "frames/s", "mailbox", "health"):
        table.add_column(name, justify="right", no_wrap=True)
    for depth, child in tree.flat():
        level = health.get(child.id) if child.kind == "actor" else None
        table.add_row(
            # A Text, because in a str rich reads [brackets].
            Text("│" * (depth - 1) + ("├ " if depth else "") + child.id),
            Text(child.phase, style=_PHASES.get(child.phase, "red")),
            str(child.incarnation or "-"),
            _restarts(child),
            "" if child.backoff_left is None else f"{child.backoff_left:.1f} s",
            f"{rates[child.path]:.0f}" if child.path in rates else "",
            "" if child.mailbox is None else str(child.mailbox),
            "" if level is None else Text(level.value, style=_HEALTH.get(level, "red")),
        )
    return table


def _restarts(child: ChildSnapshot) -> str:
    return f"{child.restarts_in_window}/{child.restarts_allowed}" if child.restarts_in_window else ""


def _plan_table(plan: Sequence[Phase], results: Sequence[PhaseResult]) -> Table:
    table = Table(box=None, expand=True, pad_edge=False, show_header=False)
    table.add_column(width=2)
    table.add_column()
    table.add_column(justify="right")
    for number, phase in enumerate(plan):
        if number < len(results):
            result = results[number]
            mark = Text("✗", style="red") if result.trouble else Text("✓", style="green")
            table.add_row(mark, Text(phase.title), Text(_outcome(result)))
        else:
            mark = Text("▶", style="yellow") if number == len(results) else Text("·", style="bright_black")
            table.add_row(mark, Text(phase.title), "")
    return table


def _outcome(result: PhaseResult) -> str:
    if result.trouble:
        return result.trouble
    compared = f"{min(result.compared.values(), default=0)}+ quotes compared"
    return compared if result.recovered_in is None else f"recovered in {result.recovered_in:.2f} s · {compared}"


def phase_line(elapsed: float, result: PhaseResult) -> str:
    """One phase as a plain line."""
    return f"[{elapsed:5.1f} s] {'✗' if result.trouble else '✓'} {result.phase.title}: {_outcome(result)}"


def print_report(console: Console, report: Report) -> None:
    """The figures, and what is broken."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bright_black")
    table.add_column()
    for name, figure in report.lines():
        table.add_row(name, Text(figure))
    broken = report.broken()
    verdict = Text("all invariants hold", style="bold green")
    if broken:
        verdict = Text("BROKEN\n" + "\n".join(f"  {line}" for line in broken), style="bold red")
    console.print(Panel(Group(table, Text(), verdict), title="report", border_style="red" if broken else "green"))
