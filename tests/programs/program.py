"""What a program is: a tree whose children have scripts, people outside who interfere, and an end. Pure data, printable."""

from __future__ import annotations

from enum import Enum
from pprint import pformat
from typing import Any

from attrs import field, frozen

__all__ = ["ActorNode", "Driver", "End", "Node", "Program", "Run", "Start", "Step", "SupervisorNode", "TaskNode", "Word"]


@frozen
class Start:
    """How one life begins: "ok", "slow", "fail", "slow fail", "ignore", or "factory" (it cannot even be made)."""

    kind: str = "ok"
    seconds: float = 0.0


@frozen
class End:
    """How one life tidies up: "ok", "slow", "fail", or "stubborn": a kill is not heeded for so long."""

    kind: str = "ok"
    seconds: float = 0.0


@frozen
class Run:
    """What one life of a task does: "forever", "return" or "fail" after so long, "stubborn": it ends so long after its stop."""

    kind: str = "forever"
    seconds: float = 0.0
    ready_after: float = 0.0
    """Where the task says itself when it is ready."""


@frozen
class Word:
    """What a message has its actor do. `target` is a path, or a key."""

    kind: str = "nothing"
    target: str = ""
    seconds: float = 0.0


@frozen
class ActorNode:
    """An actor. A life past the end of the scripts is a good one, so that every program comes to rest."""

    id: str
    options: dict[str, Any] = field(factory=dict)
    starts: tuple[Start, ...] = ()
    ends: tuple[End, ...] = ()
    first: tuple[Word, ...] = ()
    """What each life does in `on_start`."""
    guarded: bool = False
    """Each life has a spawned task that is there to its very end."""
    script: str = ""
    """Its id in the accounts of lives, where others have the same id: a pool's members."""


@frozen
class TaskNode:
    """A task."""

    id: str
    options: dict[str, Any] = field(factory=dict)
    runs: tuple[Run, ...] = ()
    says_ready: bool = False


@frozen
class SupervisorNode:
    """A supervisor; a dynamic one has no children yet; the actors of a pool have all the same options."""

    id: str
    options: dict[str, Any] = field(factory=dict)
    children: tuple[Node, ...] = ()
    dynamic: bool = False
    pool: str = ""
    """The name of the pool, if it is one."""


Node = ActorNode | TaskNode | SupervisorNode


@frozen
class Step:
    """What somebody outside does: `after` so long, `verb` to `target` (a path)."""

    after: float
    verb: str
    target: str = ""
    word: Word = Word()
    timeout: float | None = None
    give_up: float | None = None
    """Cancelled after so long."""
    count: int = 1
    node: Node | None = None


@frozen
class Driver:
    """Somebody outside, with things to do one after the other."""

    name: str
    steps: tuple[Step, ...]


@frozen
class Program:
    """One program. `end`: "quiet" (wait until all has come to rest), "leave", "error" or "cancel", at `end_at`."""

    seed: int
    tree: SupervisorNode
    drivers: tuple[Driver, ...]
    end: str
    end_at: float
    deadline: float | None

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}: ends with {self.end!r} at {self.end_at:g} s, deadline {self.deadline}",
            *_drawn(self.tree, 1),
        ]
        for driver in self.drivers:
            lines.append(f"  {driver.name}:")
            lines += [f"    {_brief(step)}" for step in driver.steps]
        return "\n".join(lines)


def _drawn(node: Node, depth: int) -> list[str]:
    children = node.children if isinstance(node, SupervisorNode) else ()
    lines = ["  " * depth + _brief(node)]
    for child in children:
        lines += _drawn(child, depth + 1)
    return lines


def _brief(value: Any) -> str:
    """A value without the fields that say nothing."""
    parts = []
    for attribute in value.__attrs_attrs__:
        inner = getattr(value, attribute.name)
        if attribute.name == "children" or inner in ("", 0.0, None, (), {}, 1, False, Word()):
            continue
        text = _brief(inner) if hasattr(inner, "__attrs_attrs__") and attribute.name != "options" else _text(inner)
        parts.append(f"{attribute.name}={text}")
    return f"{type(value).__name__}({', '.join(parts)})"


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_brief(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={item if isinstance(item, Enum) else repr(item)}" for key, item in value.items()) + "}"
    return pformat(value, width=10_000)
