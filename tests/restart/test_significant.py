"""The restart machine, I: significant children and the automatic shutdown."""

from __future__ import annotations

import pytest

from supervisor.backoff import Backoff
from supervisor.exits import ExitReason, Killed, Normal, Shutdown
from supervisor.restart import Stage
from supervisor.spec import AutoShutdown, Restart, Strategy
from tests.restart.support import (
    ALL,
    ANY,
    BOOM,
    CRASHES,
    NEVER,
    ONE_FOR_ONE,
    TEMPORARY,
    TRANSIENT,
    Nursery,
    child,
    dynamic,
    top,
)


def significant(restart: Restart, auto: AutoShutdown, strategy: Strategy = ONE_FOR_ONE) -> Nursery:
    first, second = (child(key, restart, significant=auto is not NEVER) for key in "ab")
    return Nursery(top(first, second, "c", strategy=strategy, auto_shutdown=auto))


ENDS_FOR_GOOD = [
    (TEMPORARY, Normal()),
    (TEMPORARY, BOOM),
    (TEMPORARY, Killed()),
    (TRANSIENT, Normal()),
    (TRANSIENT, Shutdown()),
]


@pytest.mark.item(98)
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize(("restart", "reason"), ENDS_FOR_GOOD, ids=str)
def test_any_significant_child_that_ends_for_good_ends_the_supervisor(
    strategy: Strategy, restart: Restart, reason: ExitReason
) -> None:
    assert significant(restart, ANY, strategy).ends("a", reason).endswith("-c1 -b1 finish:shutdown")


@pytest.mark.item(99)
@pytest.mark.parametrize("auto", [ANY, ALL])
@pytest.mark.parametrize("reason", CRASHES, ids=str)
def test_a_significant_transient_child_that_crashes_is_restarted(auto: AutoShutdown, reason: ExitReason) -> None:
    nursery = significant(TRANSIENT, auto)
    assert nursery.ends("a", reason) == "+a2"


@pytest.mark.item(100)
@pytest.mark.parametrize(("restart", "reason"), ENDS_FOR_GOOD, ids=str)
def test_under_all_significant_the_last_one_counts(restart: Restart, reason: ExitReason) -> None:
    nursery = significant(restart, ALL)
    assert "finish" not in nursery.ends("a", reason)
    assert nursery.ends("b", reason).endswith("-c1 finish:shutdown")


@pytest.mark.item(101)
@pytest.mark.parametrize("auto", [ANY, ALL])
def test_terminating_significant_children_by_hand_ends_nothing(auto: AutoShutdown) -> None:
    nursery = significant(TRANSIENT, auto)
    nursery.terminate("a")
    nursery.terminate("b")
    assert nursery.running == "c1"


@pytest.mark.item(102)
@pytest.mark.parametrize("auto", [ANY, ALL])
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("restart", [TRANSIENT, TEMPORARY])
def test_significant_bystanders_of_a_group_restart_end_nothing(
    strategy: Strategy, auto: AutoShutdown, restart: Restart
) -> None:
    bystanders = [child(key, restart, significant=True) for key in "bc"]
    nursery = Nursery(top("a", *bystanders, strategy=strategy, auto_shutdown=auto))
    nursery.ends("a")
    assert nursery.machine.stage is Stage.STEADY


@pytest.mark.item(103)
@pytest.mark.parametrize("auto", AutoShutdown)
@pytest.mark.parametrize(("restart", "reason"), ENDS_FOR_GOOD, ids=str)
def test_other_children_end_nothing(auto: AutoShutdown, restart: Restart, reason: ExitReason) -> None:
    nursery = Nursery(top(child("a", restart), "b", auto_shutdown=auto))
    nursery.ends("a", reason)
    assert nursery.running == "b1"


@pytest.mark.item(103)
def test_a_significant_child_added_to_a_supervisor_that_heeds_none_ends_nothing() -> None:
    nursery = Nursery(top("a"))
    nursery.add("b", TEMPORARY, significant=True)
    assert nursery.ends("b") == "forget:b"


@pytest.mark.item(105)
def test_auto_shutdown_works_over_dynamic_children() -> None:
    nursery = Nursery(dynamic(auto_shutdown=ALL))
    nursery.add("a", TEMPORARY, significant=True)
    nursery.add("b", TEMPORARY, significant=True)
    assert nursery.ends("a") == "forget:a"
    assert nursery.ends("b") == "forget:b finish:shutdown"


@pytest.mark.item(106)
def test_a_restarting_significant_child_counts_as_active_and_a_terminated_one_does_not() -> None:
    first = child("a", TRANSIENT, significant=True, backoff=Backoff())
    nursery = Nursery(top(first, child("b", TRANSIENT, significant=True), auto_shutdown=ALL))
    nursery.ends("a")
    assert "finish" not in nursery.ends("b", Normal())
    nursery.resurrect("b")
    nursery.terminate("a")
    assert "finish:shutdown" in nursery.ends("b", Normal())
