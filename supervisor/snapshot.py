"""A whole tree as data, at one moment: for people as text, for programs as JSON, for drawings as DOT."""

from __future__ import annotations

import msgspec
from msgspec import Struct

__all__ = ["ChildSnapshot", "TreeSnapshot"]


class ChildSnapshot(Struct, frozen=True, kw_only=True):
    """One child, and all below it."""

    id: str
    path: str
    kind: str
    """actor, task, supervisor or dynamic supervisor."""
    phase: str
    """stopped, starting, running, stopping, restarting or gave up."""
    incarnation: int
    """The number of its current or last life; 0: it has had none."""
    restart: str
    uptime: float | None
    """Seconds since its life began; None: there is none."""
    failures: int
    """Failures in a row."""
    restarts_in_window: int
    """What its budget counts now: a supervisor's own; another child's where each has one, else 0."""
    restarts_allowed: int
    backoff_left: float | None
    """Seconds until its restart; None: none is waited for."""
    last_exit: str | None
    """How its last life ended."""
    mailbox: int | None
    """Messages queued; None: it has no mailbox."""
    dropped: int
    """Messages lost to overflow, over all its lives."""
    handled: int = 0
    """Messages that its lives have handled, signals included. Counted each time that it has handled all there was."""
    children: tuple[ChildSnapshot, ...] = ()

    def words(self) -> list[str]:
        """What there is to say about it: its phase, its life's number if it has had one, then what is worth a word."""
        words = [self.phase]
        if self.incarnation:
            words.append(f"life {self.incarnation}")
        if self.restarts_in_window:
            words.append(f"{self.restarts_in_window}/{self.restarts_allowed} restarts")
        if self.backoff_left is not None:
            words.append(f"next in {self.backoff_left:.1f} s")
        if self.mailbox:
            words.append(f"{self.mailbox} queued")
        if self.dropped:
            words.append(f"{self.dropped} dropped")
        if self.last_exit is not None:
            words.append(f"last: {' '.join(self.last_exit.split())}")
        return words


class TreeSnapshot(Struct, frozen=True, kw_only=True):
    """A tree at one moment."""

    tree_id: str
    at: float
    """When, in seconds of the loop's clock."""
    root: ChildSnapshot

    def flat(self) -> list[tuple[int, ChildSnapshot]]:
        """Every child with its depth, parents before children, in start order."""
        found: list[tuple[int, ChildSnapshot]] = []
        todo = [(0, self.root)]
        while todo:
            depth, child = todo.pop()
            found.append((depth, child))
            todo.extend((depth + 1, below) for below in reversed(child.children))
        return found

    def find(self, path: str) -> ChildSnapshot | None:
        """The child at a path, or None."""
        return next((child for _, child in self.flat() if child.path == path), None)

    def to_text(self) -> str:
        """The tree as indented lines, one child each."""
        return "\n".join("  " * depth + " · ".join([child.id, *child.words()]) for depth, child in self.flat())

    def to_json(self) -> bytes:
        """The tree as JSON, however deep: written from the root down, without recursion."""
        head = msgspec.json.encode({"tree_id": self.tree_id, "at": self.at})
        parts = [head[:-1], b',"root":']
        todo: list[bytes | ChildSnapshot] = [b"}", self.root]
        while todo:
            one = todo.pop()
            if isinstance(one, bytes):
                parts.append(one)
                continue
            fields = msgspec.structs.asdict(one)
            del fields["children"]
            parts.append(msgspec.json.encode(fields)[:-1] + b',"children":[')
            todo.append(b"]}")
            for number, below in enumerate(reversed(one.children)):
                todo.extend([b",", below] if number else [below])
        return b"".join(parts)

    def to_dot(self) -> str:
        """The tree in Graphviz' language."""
        lines = ["digraph tree {", "  node [shape=box, fontname=Helvetica];"]
        for _, child in self.flat():
            colour = _COLOURS.get(child.phase, "white")
            label = f"{_quoted(child.id)}\\n{child.phase} · life {child.incarnation}"
            node = _quoted(child.path)
            lines.append(f'  "{node}" [label="{label}", style=filled, fillcolor={colour}];')
            lines += [f'  "{node}" -> "{_quoted(below.path)}";' for below in child.children]
        return "\n".join([*lines, "}"])

    def __str__(self) -> str:
        return self.to_text()


_COLOURS = {
    "running": "palegreen",
    "restarting": "orange",
    "starting": "lightyellow",
    "gave up": "salmon",
    "stopped": "lightgrey",
}


def _quoted(text: str) -> str:
    """Text as it stands between Graphviz' quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
