"""An action of a recovery: which errors it fits, and when it has its turn."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.errors import Action, Category, CircuitOpen, Classification, ExchangeRefused, Severity, classify
from actors.resilience import Incident, RecoveryAction, When
from actors.resilience.error_text import code_of
from actors.resilience.recovering.plan import choose
from supervisor import SpecError
from tests.resilience.recovering.calls import IGNORE, RESTART, RETRY, action, lost


def incident(error: Exception | None = None, **fields: Any) -> Incident:
    error = lost() if error is None else error
    return Incident(error, classify(error), **fields)


def chosen(own: list[RecoveryAction], common: list[RecoveryAction], what: Incident | None = None) -> list[str]:
    return [one.name for one in choose(own, common, what or incident(), lambda *_: None)]


# Conditions


@pytest.mark.parametrize(
    ("when", "fits"),
    [
        (When(), True),
        (When(category=Category.NETWORK), True),
        (When(category=(Category.ORDER, Category.NETWORK)), True),
        (When(category=Category.ORDER), False),
        (When(severity=Severity.WARNING), True),
        (When(severity=Severity.ERROR), False),
        (When(action=Action.RETRY), True),
        (When(action=Action.NEVER), False),
        (When(component="orders"), True),
        (When(component=["users", "books"]), False),
        (When(operation="place"), True),
        (When(operation="cancel"), False),
        (When(code="connect_failed"), True),
        (When(code="circuit_open"), False),
        (When(predicate=lambda found: found.times == 2), True),
        (When(predicate=lambda found: found.times == 3), False),
        (When(category=Category.NETWORK, component="books"), False),
    ],
)
def test_an_action_fits_if_all_of_its_conditions_hold(when: When, fits: bool) -> None:
    assert when.fits(incident(component="orders", operation="place", times=2)) is fits


def test_the_code_of_a_foreign_error_is_the_name_of_its_type() -> None:
    assert When(code="KeyError").fits(incident(KeyError("x")))


def test_conditions_are_read_from_their_texts() -> None:
    assert When(category="network", action=["retry", "wait"]) == When(  # as a file has them
        category=(Category.NETWORK,), action=(Action.RETRY, Action.WAIT)
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("category", "networks"), ("category", 3), ("severity", 40.5), ("action", "RETRYING"), ("component", 7), ("predicate", 7)],
)
def test_a_wrong_condition_is_refused(name: str, value: Any) -> None:
    with pytest.raises(SpecError) as caught:
        When(**{name: value})
    assert caught.value.field == f"When.{name}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "retrying"),
        ("run", "reconnect"),
        ("priority", 1.5),
        ("attempts", 0),
        ("within", 0),
        ("delay", -1),
        ("backoff", 1.0),
        ("when", "always"),
        ("idempotent", 1),
    ],
)
def test_a_wrong_action_is_refused(name: str, value: Any) -> None:
    with pytest.raises(SpecError) as caught:
        RecoveryAction(**{"kind": RETRY, name: value})
    assert caught.value.field == f"RecoveryAction.{name}"


def test_what_is_ignored_has_nothing_to_run() -> None:
    with pytest.raises(SpecError, match=r"RecoveryAction\.run"):
        RecoveryAction(IGNORE, print)


def test_an_action_is_called_by_its_kind_unless_it_has_a_name() -> None:
    # A text is what a file has.
    assert (RecoveryAction("restart").name, RecoveryAction(RESTART, name="reconnect").name) == ("restart", "reconnect")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ExchangeRefused(400, -2010, ""), "exchange_refused -2010"),
        (ExchangeRefused(502, 0, ""), "exchange_refused"),
        (CircuitOpen("x", 1.0), "circuit_open"),
        (KeyError(), "KeyError"),
    ],
    ids=["with the exchange's own code", "without one", "of ours", "foreign"],
)
def test_an_error_s_code_tells_it_from_others(error: Exception, code: str) -> None:
    assert code_of(error) == code


def test_a_classification_of_a_user_is_what_conditions_look_at() -> None:
    mine = Incident(KeyError(), Classification(Category.ORDER, Severity.CRITICAL, Action.NEVER))
    assert When(category=Category.ORDER, severity=Severity.CRITICAL).fits(mine)


# Choosing


def test_the_higher_priority_comes_first_and_of_equals_the_one_written_first() -> None:
    actions = [action(name="a"), action(name="b", priority=5), action(name="c", priority=5), action(name="d", priority=-1)]
    assert chosen([], actions) == ["b", "c", "a", "d"]


def test_a_component_s_own_actions_come_before_the_common_ones_whatever_their_priority() -> None:
    assert chosen([action(name="own")], [action(name="common", priority=100)]) == ["own", "common"]


def test_an_action_that_does_not_fit_is_not_chosen() -> None:
    assert chosen([], [action(when=When(category=Category.ORDER)), action(name="fits")]) == ["fits"]


def test_a_condition_that_raises_does_not_fit_and_is_told() -> None:
    told: list[str] = []

    def broken(_: Incident) -> bool:
        raise KeyError("oops")

    actions = [action(name="bad", when=When(predicate=broken)), action(name="good")]
    left = choose([], actions, incident(), lambda one, error: told.append(f"{one.name} {type(error).__name__}"))
    assert ([one.name for one in left], told) == (["good"], ["bad KeyError"])


@given(
    *[
        st.lists(st.tuples(st.integers(-2, 2), st.sampled_from([Category.NETWORK, Category.ORDER, None])), max_size=6)
        for _ in range(2)
    ]
)
@settings(max_examples=settings().max_examples * 40 // 100)
def test_the_choice_is_that_of_a_naive_selection_sort(own: list[Any], common: list[Any]) -> None:
    def build(group: list[Any], label: str) -> list[RecoveryAction]:
        return [
            action(name=f"{label}{at}", priority=priority, when=When() if category is None else When(category=category))
            for at, (priority, category) in enumerate(group)
        ]

    def naive(group: list[RecoveryAction]) -> list[str]:
        left = [one for one in group if one.when.category in ((), (Category.NETWORK,))]
        ordered = []
        while left:
            best = left[0]
            for one in left:
                if one.priority > best.priority:
                    best = one
            left.remove(best)
            ordered.append(best.name)
        return ordered

    mine, everyones = build(own, "own"), build(common, "common")
    assert chosen(mine, everyones) == naive(mine) + naive(everyones)


def test_equal_priorities_keep_their_order_for_every_permutation() -> None:
    for order in itertools.permutations("abc"):
        assert chosen([], [action(name=name) for name in order]) == list(order)
