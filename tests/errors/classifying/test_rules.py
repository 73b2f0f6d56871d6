"""Rules: which of those that fit decides, what a rule can match and bring, and which is refused."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from actors.errors import Action, Category, Classification, ConnectFailed, Rule, Severity, classify
from actors.errors.classification import built_in
from supervisor import SpecError
from tests.errors.classifying.ladder import LADDER, REFUSED, Base, rule
from tests.errors.labelled.shape import foreign


class Near(Base):
    pass


@pytest.mark.parametrize("steps", range(len(LADDER)), ids=lambda steps: LADDER[steps].name)
def test_of_all_rules_that_fit_the_most_specific_decides(steps: int) -> None:
    assert classify(REFUSED, rules=LADDER[steps:]).rule == LADDER[steps].name
    assert classify(REFUSED, rules=LADDER[steps:][::-1]).rule == LADDER[steps].name


def test_of_equally_specific_rules_the_first_decides() -> None:
    assert classify(REFUSED, rules=[rule("first", text="no"), rule("second", text="left")]).rule == "first"


@pytest.mark.parametrize(
    "error", [REFUSED, httpx.ReadTimeout(""), ConnectFailed("u", "margin"), KeyError("margin"), 400], ids=repr
)
def test_a_rule_of_the_user_comes_before_any_that_is_built_in(error: object) -> None:
    mine = rule("mine", status=400) if error == 400 else rule("mine", kind=Exception)
    assert classify(error, rules=[mine]).rule == "mine"
    assert classify(error).rule != "mine"


def test_a_users_words_alone_come_before_a_built_in_type() -> None:
    assert classify(httpx.ReadTimeout("so much margin"), rules=[rule("mine", text="MARGIN")]).rule == "mine"
    assert classify(httpx.ReadTimeout("none"), rules=[rule("mine", text="MARGIN")]).rule == "TimeoutException"


def test_a_rule_that_does_not_fit_leaves_the_built_in_ones_in_force() -> None:
    other = [
        rule("venue", venue="other", code="E1"),
        rule("status", status=500),
        rule("code", code="E2"),
        rule("kind", kind=Near),
    ]
    assert classify(REFUSED, rules=other) == classify(REFUSED)


def test_the_nearest_base_type_decides() -> None:
    rules = [rule("base", kind=Base), rule("exception", kind=Exception), rule("near", kind=Near)]
    assert classify(Near(), rules=rules).rule == "near"
    assert classify(Near(), rules=rules[:2]).rule == "base"


def test_a_type_is_found_by_the_name_of_its_package_or_its_module() -> None:
    made = foreign("acme.sdk.errors", "Broken")
    assert classify(made(), rules=[rule("package", kind="acme.Broken")]).rule == "package"
    assert classify(made(), rules=[rule("module", kind="acme.sdk.errors.Broken")]).rule == "module"


def test_a_pattern_sees_small_letters_and_words_are_found_in_any_case() -> None:
    assert classify(Base("No MARGIN"), rules=[rule("pattern", text=re.compile(r"^no margin$"))]).rule == "pattern"
    assert classify(Base("no margin"), rules=[rule("words", text="NO Margin")]).rule == "words"


def test_a_rule_brings_its_severity_and_its_delay() -> None:
    mine = Rule("mine", "order", "wait", Severity.DEBUG, kind=Base, retry_after=9.0)
    assert classify(Base(), rules=[mine]) == Classification(Category.ORDER, Severity.DEBUG, Action.WAIT, 9.0, "mine")


@pytest.mark.parametrize(
    "what",
    [{}, {"kind": "ReadTimeout"}, {"kind": 3}, {"status": "400"}, {"status": True}, {"text": ""}, {"text": 3}],
    ids=str,
)
def test_a_rule_that_cannot_work_is_refused(what: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="expected"):
        rule("wrong", **what)


def test_the_rules_that_are_built_in_have_names_and_contradict_each_other_nowhere() -> None:
    assert all(one.name for one in built_in())
    said: dict[object, Rule] = {}
    for one in built_in():
        if one.text is None:
            before = said.setdefault((one.kind, one.venue, one.status, one.code), one)
            assert (before.category, before.action) == (one.category, one.action), one
