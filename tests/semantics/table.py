"""`docs/semantics.md`, made of the checklist and of the marks that the tests carry: `make semantics`."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

from tests.semantics.items import ITEMS, NOT_DONE, SECTIONS

__all__ = ["PAGE", "proofs", "render"]

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "semantics.md"
SHOWN = 3
"""Tests that are named per item; the others are counted."""

HEAD = """\
# What is promised, and which test proves it

Made by `make semantics` from the marks of the tests; a test fails when it is out of date. The items are the project's
checklist of supervision: MUST is Erlang/OTP's or Elixir's own, SHOULD is real elsewhere or needed on nurseries, BEYOND is
what OTP lacks.

{MUST} MUST, {SHOULD} SHOULD and {BEYOND} BEYOND are proven by tests; the others say why not. Tests of `tests/semantics` run on
trio and on asyncio, in virtual time; those of `tests/restart` need no loop, because what they prove decides without one.
"""


@cache
def proofs() -> dict[int, list[tuple[str, str]]]:
    """The tests of each item: file and name."""
    found: dict[int, list[tuple[str, str]]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for number in _numbers(node):
                    found.setdefault(number, []).append((str(file.relative_to(ROOT)), node.name))
    return found


def _numbers(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[int]:
    return [
        argument.value
        for mark in function.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.item"
        for argument in mark.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, int)
    ]


def render() -> str:
    """The page."""
    found = proofs()
    all_of = Counter(level for level, _ in ITEMS.values())
    proven = Counter(level for number, (level, _) in ITEMS.items() if number in found)
    lines = [HEAD.format(**{level: f"{proven[level]} of {count}" for level, count in all_of.items()})]
    for number, (level, words) in ITEMS.items():
        if number in SECTIONS:
            lines += [f"\n## {SECTIONS[number]}\n", "| | level | what | proven by |", "|---|---|---|---|"]
        lines.append(f"| {number} | {level} | {words} | {_proven(number, found.get(number, []))} |")
    return "\n".join(lines) + "\n"


def _proven(number: int, tests: list[tuple[str, str]]) -> str:
    if not tests:
        return f"not done: {NOT_DONE.get(number, 'nobody said why')}"
    named = [f"[{name.removeprefix('test_').replace('_', ' ')}](../{file})" for file, name in tests[:SHOWN]]
    more = len(tests) - SHOWN
    return "; ".join(named) + (f"; and {more} more" if more > 0 else "")


if __name__ == "__main__":
    PAGE.write_text(render())
