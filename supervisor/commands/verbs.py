"""The commands for trees: `oneforone check`, `oneforone tree`, `oneforone doctor`. Each returns its exit code.

    0     all is well; of `check`, warnings do not count unless --strict
    1     something is not as it must be: a wrong spec, an environment in which trees do not run, a broken invariant of the demo
    2     wrong usage, or it could not start: no such module, nobody listens there, an option that does not exist
    130   interrupted
    141   nobody reads the output any more

These are the codes of every command of `oneforone`; the last two are given where the process ends, in `ending`.

In a terminal the output has colours; anywhere else it is plain text, one fact a line. What comes from a spec or from a running
tree is shown as it is, never as markup, and control characters are escaped.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from supervisor.commands.diagnosis import Health, diagnose
from supervisor.commands.drawing import describe, describe_child, outline, printable
from supervisor.commands.linting import Finding, Gravity, findings, walk
from supervisor.commands.loading import NotLoaded, load_spec
from supervisor.control.client import Unreachable, fetch_snapshot
from supervisor.control.wire import WireError
from supervisor.errors import SpecError
from supervisor.snapshot import TreeSnapshot
from supervisor.spec import ChildSpec

__all__ = ["BROKEN", "GOOD", "INTERRUPTED", "UNREAD", "WRONG", "check", "doctor", "ending", "tree"]

GOOD, BROKEN, WRONG, INTERRUPTED, UNREAD = 0, 1, 2, 130, 141

T = TypeVar("T")
SHOWN = 3
"""Paths that are named where many have the same finding."""
_PHASES = {
    "running": "green",
    "steady": "green",
    "restarting": "yellow",
    "starting": "yellow",
    "stopping": "yellow",
    "gave up": "bold red",
    "stopped": "dim",
}
_GRAVITIES = {Gravity.WARNING: "yellow", Gravity.WRONG: "bold red"}
_HEALTHS = {Health.GOOD: "green", Health.WARNING: "yellow", Health.BAD: "bold red"}


def check(
    target: str,
    /,
    *,
    strict: Annotated[bool, Parameter(negative=())] = False,
    portable: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Validate a tree's spec and draw it. The module is imported; nothing of the tree is started.

    Args:
        target: MODULE:SPEC, such as bot.trees:TREE; SPEC is a spec, or a function without arguments that returns one.
        strict: exit with 1 for warnings, too.
        portable: also say what could not be started on another machine, and why.

    Returns:
        The exit code: 1 when the spec is wrong, 2 when there is none.
    """
    try:
        spec = load_spec(target)
    except SpecError as error:
        _complain("check", "\n  ".join([str(error), *getattr(error, "__notes__", ())]))
        return BROKEN
    except NotLoaded as error:
        _complain("check", str(error))
        return WRONG
    found = list(findings(spec))
    if portable:
        found += [Finding(spec.id, "not-portable", reason) for reason in spec.portable()]
    console = _console()
    if console.is_terminal:
        console.print(_planted(((depth, _spec_label(one)) for depth, _, one, _ in walk(spec))))
        console.print()
    else:
        _write(outline((depth, " · ".join([one.id, *describe(one)])) for depth, _, one, _ in walk(spec)))
    _say(console, found)
    wrong = any(one.gravity is Gravity.WRONG for one in found)
    return BROKEN if wrong or (strict and found) else GOOD


def tree(
    path: Path,
    /,
    *,
    json: Annotated[bool, Parameter(negative=())] = False,
    dot: Annotated[bool, Parameter(negative=())] = False,
    watch: Annotated[float | None, Parameter(validator=Number(gt=0, lte=86_400))] = None,
) -> int:
    """Draw a tree that runs in another process, which was given control=PATH.

    Args:
        path: of its control socket.
        json: print JSON.
        dot: print it in Graphviz' language.
        watch: draw it again every so many seconds, until it ends.

    Returns:
        The exit code: 2 when nobody answers there.
    """
    if json and dot:
        _complain("tree", "--json and --dot exclude each other; give one of them")
        return WRONG
    try:
        snapshot = fetch_snapshot(str(path))
    except (Unreachable, WireError) as error:
        _complain("tree", str(error))
        return WRONG
    if json or dot:
        shown: Callable[[TreeSnapshot], str] = _json if json else TreeSnapshot.to_dot
    else:
        shown = _text
    console = _console()
    try:
        if console.is_terminal and not json and not dot:
            _draw(console, path, snapshot, watch)
        else:
            _write(shown(snapshot))
            while watch is not None:
                time.sleep(watch)  # this process has no loop: it only looks at another one's tree
                _write(("" if json else "\n") + shown(fetch_snapshot(str(path))))
    except (Unreachable, WireError) as error:
        ended = isinstance(error, Unreachable) and error.gone
        _complain("tree", f"the tree has ended: {error}" if ended else str(error))
        return GOOD if ended else WRONG
    return GOOD


def doctor() -> int:
    """See whether trees can run here: versions, event loops, files, clocks. Nothing leaves the machine.

    Returns:
        The exit code: 1 when something is bad.
    """
    found = diagnose()
    console = _console()
    width = max(len(one.what) for one in found)
    for one in found:
        line = f"{one.health.value:<7}  {one.what:<{width}}  {one.sentence}"
        if console.is_terminal:
            text = Text(printable(line))
            text.stylize(_HEALTHS[one.health], 0, 7)
            console.print(text, soft_wrap=True)
        else:
            _write(printable(line))
    return BROKEN if any(one.health is Health.BAD for one in found) else GOOD


def ending(command: Callable[[], T]) -> T | int:
    """What a command returns; 130 when it was interrupted, 141 when nobody reads its output any more."""
    try:
        result = command()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # What is left in the buffer would be written at exit, and complained about, to nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    return result


# ------------------------------------------------------------------------------------------------------------ running trees


def _draw(console: Console, path: Path, snapshot: TreeSnapshot, watch: float | None) -> None:
    if watch is None:
        console.print(_running(snapshot))
        return
    with Live(_running(snapshot), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(watch)  # as above
            live.update(_running(fetch_snapshot(str(path))), refresh=True)


def _running(snapshot: TreeSnapshot) -> Tree:
    rows = []
    for depth, child in snapshot.flat():
        phase, *rest = describe_child(child)
        label = Text(printable(child.id), style="bold")
        label.append(f"  {printable(phase)}", style=f"not bold {_PHASES.get(child.phase, '')}")
        rows.append((depth, label.append("".join(f" · {printable(part)}" for part in rest), style="not bold dim")))
    return _planted(rows)


def _text(snapshot: TreeSnapshot) -> str:
    return outline((depth, " · ".join([child.id, *describe_child(child)])) for depth, child in snapshot.flat())


def _json(snapshot: TreeSnapshot) -> str:
    return snapshot.to_json().decode()


# ------------------------------------------------------------------------------------------------------------------- output


def _console() -> Console:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows ASCII only gets escapes, and no traceback
    return Console(highlight=False)


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _complain(command: str, sentence: str) -> None:
    lines = [printable(line) for line in sentence.splitlines()]
    print(f"oneforone {command}: " + "\n".join(lines), file=sys.stderr)


def _spec_label(spec: ChildSpec) -> Text:
    kind, *rest = (printable(part) for part in describe(spec))
    label = Text(printable(spec.id), style="bold")
    return label.append(f"  {kind}", style="not bold cyan").append("".join(f" · {part}" for part in rest), style="not bold dim")


def _planted(rows: Iterable[tuple[int, Text]]) -> Tree:
    """Rows with their depth, parents first, as a drawing."""
    open_branches: list[Tree] = []
    for depth, label in rows:
        del open_branches[depth:]
        open_branches.append(open_branches[-1].add(label) if open_branches else Tree(label, guide_style="dim"))
    return open_branches[0]


def _say(console: Console, found: list[Finding]) -> None:
    """The findings, those of one kind together: fifty like children have one thing to say."""
    alike: dict[tuple[Gravity, str, str], list[str]] = {}
    for one in found:
        alike.setdefault((one.gravity, one.code, one.sentence), []).append(one.path)
    for (gravity, code, sentence), paths in alike.items():
        more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
        line = printable(f"{gravity.value}: {', '.join(paths[:SHOWN])}{more}: {sentence} [{code}]")
        if console.is_terminal:
            text = Text(line)
            text.stylize(_GRAVITIES[gravity], 0, len(gravity.value))
            console.print(text)
        else:
            _write(line)
    if not found:
        _write("nothing to say against it")
