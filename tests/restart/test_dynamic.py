"""The restart machine, K: dynamic children."""

from __future__ import annotations

import pytest

from supervisor.backoff import Backoff
from supervisor.errors import ChildNotFound, MaxChildrenReached
from supervisor.spec import Restart
from tests.restart.support import CLEAN, COMES_BACK, CRASHES, Nursery, dynamic


@pytest.mark.item(113)
@pytest.mark.parametrize(("restart", "how"), COMES_BACK)
def test_dynamic_children_come_back_by_their_restart_type(restart: Restart, how: str) -> None:
    for reason in CLEAN if how == "clean" else CRASHES:
        nursery = Nursery(dynamic())
        nursery.add("a", restart)
        assert nursery.ends("a", reason) == COMES_BACK[restart, how].replace("close", "forget"), reason


@pytest.mark.item(114)
def test_max_children_counts_who_waits_for_a_restart() -> None:
    nursery = Nursery(dynamic(max_children=2))
    nursery.add("a", backoff=Backoff())
    nursery.add("b")
    nursery.ends("a")
    assert nursery.add("c") == ""
    assert isinstance(nursery.answer, MaxChildrenReached)
    assert nursery.answer.limit == 2
    nursery.terminate("a")
    assert nursery.add("c") == "+c1"


@pytest.mark.item(114)
def test_max_children_may_be_zero() -> None:
    nursery = Nursery(dynamic(max_children=0))
    nursery.add("a")
    assert isinstance(nursery.answer, MaxChildrenReached)


@pytest.mark.item(115)
def test_a_terminated_dynamic_child_is_gone() -> None:  # D2
    nursery = Nursery(dynamic())
    nursery.add("a")
    assert nursery.terminate("a") == "-a1 forget:a"
    nursery.terminate("a")
    assert isinstance(nursery.answer, ChildNotFound)


@pytest.mark.item(116)
def test_a_dynamic_child_whose_restart_says_ignore_is_forgotten() -> None:  # D4
    nursery = Nursery(dynamic())
    nursery.add("a")
    nursery.ignoring = {"a"}
    assert nursery.ends("a") == "+a2 forget:a"


@pytest.mark.item(117)
def test_a_child_recovers_when_a_later_attempt_succeeds() -> None:
    nursery = Nursery(dynamic(), slow="a")
    nursery.add("a")
    nursery.starts("a")
    nursery.ends("a")
    nursery.ends("a")
    nursery.starts("a")
    assert nursery.running == "a3"
    assert nursery.machine.restarts_in_window(0.0) == 2
