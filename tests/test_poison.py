"""The decision whether a state is poisoned, as literal tables."""

from __future__ import annotations

import pytest

from supervisor.poison import LIMIT, Ending, Stage, Suspicion, after_life, aside

LIVED, FAILED, FAILED_ON_STATE = Ending.LIVED, Ending.FAILED, Ending.FAILED_ON_STATE
TRIED, CLEARED = Suspicion(3, Stage.TRIED), Suspicion(3, Stage.CLEARED)


@pytest.mark.parametrize(
    ("before", "ending", "after"),
    [
        (Suspicion(0), LIVED, Suspicion(0)),
        (Suspicion(0), FAILED, Suspicion(0)),
        (Suspicion(0), FAILED_ON_STATE, Suspicion(1)),
        (Suspicion(1), FAILED_ON_STATE, Suspicion(2)),
        (Suspicion(2), FAILED_ON_STATE, Suspicion(3)),
        (Suspicion(2), LIVED, Suspicion(0)),
        (Suspicion(2), FAILED, Suspicion(0)),
        (Suspicion(3), FAILED_ON_STATE, Suspicion(3)),
        (TRIED, LIVED, Suspicion(0)),
        (TRIED, FAILED, CLEARED),
        (TRIED, FAILED_ON_STATE, CLEARED),
        (CLEARED, FAILED_ON_STATE, CLEARED),
        (CLEARED, FAILED, CLEARED),
        (CLEARED, LIVED, Suspicion(0)),
    ],
    ids=str,
)
def test_the_suspicion_after_a_life(before: Suspicion, ending: Ending, after: Suspicion) -> None:
    assert after_life(before, ending) == after


@pytest.mark.parametrize(
    ("suspicion", "due"),
    [(Suspicion(0), False), (Suspicion(LIMIT - 1), False), (Suspicion(LIMIT), True), (TRIED, False), (CLEARED, False)],
    ids=str,
)
def test_the_state_is_due_after_three_lives_and_only_while_it_is_counted(suspicion: Suspicion, due: bool) -> None:
    assert suspicion.due is due


def test_three_lives_are_the_limit() -> None:
    assert LIMIT == 3


def test_what_is_set_aside_is_being_tried_without() -> None:
    assert aside(Suspicion(3)) == TRIED


def test_what_was_cleared_is_suspected_again_only_after_a_life_has_lived() -> None:
    suspicion = CLEARED
    for _ in range(10):
        suspicion = after_life(suspicion, FAILED_ON_STATE)
        assert not suspicion.due
    suspicion = after_life(suspicion, LIVED)
    for _ in range(LIMIT):
        suspicion = after_life(suspicion, FAILED_ON_STATE)
    assert suspicion.due
