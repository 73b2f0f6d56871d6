"""The restart machine, C: who comes back."""

from __future__ import annotations

import pytest

from supervisor.exits import Normal
from supervisor.spec import Restart, Strategy
from tests.restart.support import CLEAN, COMES_BACK, CRASHES, TEMPORARY, TRANSIENT, Nursery, child, top


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize(("restart", "how"), COMES_BACK)
def test_the_restart_type_says_who_comes_back(strategy: Strategy, restart: Restart, how: str) -> None:
    for reason in CLEAN if how == "clean" else CRASHES:
        nursery = Nursery(top(child("a", restart), strategy=strategy))
        assert nursery.ends("a", reason) == COMES_BACK[restart, how], reason


@pytest.mark.item(26, 41)
@pytest.mark.parametrize("restart", Restart)
def test_only_restarts_are_counted(restart: Restart) -> None:
    for reason in [*CLEAN, *CRASHES]:
        nursery = Nursery(top(child("a", restart)))
        restarted = "+a2" in nursery.ends("a", reason)
        assert nursery.machine.restarts_in_window(0.0) == restarted


@pytest.mark.item(29)
def test_the_id_of_a_temporary_child_is_free_when_it_has_ended() -> None:
    nursery = Nursery(top(child("a", TEMPORARY)))
    nursery.ends("a")
    assert nursery.add("a") == "+a1"
    assert nursery.answer is None


@pytest.mark.item(30)
def test_a_finished_transient_child_can_be_brought_back() -> None:
    nursery = Nursery(top(child("a", TRANSIENT)))
    nursery.ends("a", Normal())
    assert nursery.resurrect("a") == "+a2"
    assert nursery.answer is None
