"""What silences a linter or a type checker names the rule and says why."""

from __future__ import annotations

import re
import tokenize
from io import StringIO
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SILENCES = re.compile(r"#\s*(noqa|type:\s*ignore|pyright:\s*ignore|mypy:\s*ignore)")
REASONED = re.compile(
    r"#\s(noqa:\s[A-Z]+\d+(,\s[A-Z]+\d+)*|(type|pyright):\signore\[[\w-]+(,\s?[\w-]+)*\])\s*(#|--?)\s\S+(\s\S+)+"
)


def unreasoned(comment: str) -> bool:
    return bool(SILENCES.search(comment)) and not REASONED.search(comment)


@pytest.mark.parametrize("package", ["supervisor", "actors"])
def test_what_is_silenced_names_its_rule_and_its_reason(package: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{token.start[0]}: {token.string}"
        for file in sorted((ROOT / package).rglob("*.py"))
        for token in tokenize.generate_tokens(StringIO(file.read_text(encoding="utf-8")).readline)
        if token.type == tokenize.COMMENT and unreasoned(token.string)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("comment", "wanting"),
    [
        ("# noqa", True),
        ("# noqa: S101", True),
        ("# noqa: S101  #", True),
        ("# noqa  # because it is so", True),
        ("# type: ignore  # because it is so", True),
        ("# type: ignore[arg-type]", True),
        ("# pyright: ignore[reportAny]", True),
        ("# noqa: S101  # because it is so", False),
        ("# noqa: S101, BLE001 -- because it is so", False),
        ("# type: ignore[arg-type]  # because it is so", False),
        ("# nothing is silenced here", False),
    ],
)
def test_a_rule_without_a_reason_is_found(comment: str, wanting: bool) -> None:
    assert unreasoned(comment) is wanting
