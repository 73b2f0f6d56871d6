from __future__ import annotations

import pytest

from supervisor.budget import Budget
from supervisor.spec import Intensity

SPENT = {
    # restarts allowed within 10 s, times: how many the window holds after each, 0 where it was one too many (35, 37, 38)
    (2, (0.0, 1.0, 2.0)): [1, 2, 0],
    (0, (0.0,)): [0],
    (1, (0.0, 10.0)): [1, 0],
    (1, (0.0, 10.1)): [1, 1],
    (2, (0.0, 9.0, 10.5, 19.5)): [1, 2, 2, 2],
    (1, (0.0, 5.0, 10.1)): [1, 0, 1],
}


@pytest.mark.parametrize(("allowed", "times"), SPENT)
def test_a_budget_holds_what_lies_in_its_window(allowed: int, times: tuple[float, ...]) -> None:
    budget = Budget(Intensity(allowed, 10.0))
    assert [budget.spend(at) for at in times] == SPENT[allowed, times]


def test_what_is_spent_is_forgotten_with_time() -> None:
    budget = Budget(Intensity(5, 10.0))
    budget.spend(0.0)
    budget.spend(6.0)
    assert [budget.spent(now) for now in (6.0, 10.0, 11.0, 17.0)] == [2, 2, 1, 0]


def test_a_copy_spends_for_itself() -> None:
    budget = Budget(Intensity(5, 10.0))
    budget.spend(0.0)
    assert budget.copy().spend(0.0) == 2
    assert budget.spent(0.0) == 1
