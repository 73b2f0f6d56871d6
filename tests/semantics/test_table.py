"""The checklist itself: every MUST is proven, everything else is proven or says why not, and the page says so."""

from __future__ import annotations

import re

import pytest

from tests.conftest import DATA
from tests.semantics.items import INAPPLICABLE, ITEMS, NOT_DONE
from tests.semantics.table import PAGE, proofs, render


def test_every_must_is_proven_by_a_test() -> None:
    proven = proofs()
    assert [number for number, (level, _) in ITEMS.items() if level == "MUST" and number not in proven] == [*INAPPLICABLE]


def test_every_other_item_is_proven_or_says_why_not() -> None:
    proven = proofs()
    assert [number for number in ITEMS if number not in proven and number not in NOT_DONE] == []


def test_no_item_is_both_proven_and_not_done() -> None:
    assert sorted(proofs().keys() & NOT_DONE.keys()) == []


def test_no_test_proves_an_item_that_does_not_exist() -> None:
    assert sorted(proofs().keys() - ITEMS.keys()) == []


def test_the_page_is_what_the_marks_say() -> None:
    assert PAGE.read_text() == render(), "run `make semantics`"


def test_numbers_and_levels_are_those_of_the_reference() -> None:
    reference = DATA.parent / "reference" / "supervision-semantics.md"
    if not reference.exists():
        pytest.skip(f"the reference is not here: {reference} does not exist")
    stated = re.findall(r"^(\d+)\. \*\*(\w+)\*\*", reference.read_text(), re.MULTILINE)
    assert {int(number): level for number, level in stated} == {number: level for number, (level, _) in ITEMS.items()}
