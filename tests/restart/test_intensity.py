"""The restart machine, D and J: what is counted, and how many restarts are too many."""

from __future__ import annotations

from typing import Any

import pytest

from supervisor import decisions as d
from supervisor.backoff import Backoff
from supervisor.errors import RestartIntensityExceeded
from supervisor.exits import ExitReason, Failed
from supervisor.restart import RestartMachine
from supervisor.spec import Intensity, Restart, Scope, Strategy
from tests.restart.support import (
    BOOM,
    CLEAN,
    CRASHES,
    ONE_FOR_ALL,
    PERMANENT,
    REST_FOR_ONE,
    TRANSIENT,
    Nursery,
    child,
    dynamic,
    top,
)


@pytest.mark.item(35, 37)
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("restarts", [0, 1, 2, 5])
def test_one_failure_more_than_the_intensity_ends_the_supervisor(strategy: Strategy, restarts: int) -> None:
    nursery = Nursery(top("a", "b", strategy=strategy, intensity=Intensity(restarts, 10.0)))
    for _ in range(restarts):
        assert f"+a{nursery.life('a') + 1}" in nursery.ends("a")
    life = nursery.life("b")
    assert nursery.ends("a").startswith(f"gave-up:a -b{life} finish:RestartIntensityExceeded")


@pytest.mark.item(36)
def test_the_budget_is_the_supervisors_not_the_childs() -> None:
    nursery = Nursery(top("a", "b", "c", intensity=Intensity(2, 10.0)))
    nursery.ends("a")
    nursery.ends("b")
    assert nursery.ends("c").startswith("gave-up:c -b2 -a2 finish:")


@pytest.mark.item(38)
def test_the_window_slides() -> None:
    nursery = Nursery(top("a", intensity=Intensity(1, 10.0)))
    for _ in range(100):
        nursery.ends("a")
        nursery.now += 10.1
    assert nursery.running == "a101"
    nursery.ends("a")
    nursery.now += 9.9
    assert "gave-up:a" in nursery.ends("a")


@pytest.mark.item(39)
@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
def test_a_group_restart_counts_as_one(strategy: Strategy) -> None:
    nursery = Nursery(top("a", "b", "c", "d", strategy=strategy))
    nursery.ends("a")
    assert nursery.running == "a2 b2 c2 d2"
    assert nursery.machine.restarts_in_window(0.0) == 1


@pytest.mark.item(40)
@pytest.mark.parametrize("strategy", Strategy)
def test_each_failed_attempt_to_restart_counts(strategy: Strategy) -> None:
    nursery = Nursery(top("a", strategy=strategy, intensity=Intensity(3, 10.0)))
    nursery.failing = {"a"}
    assert nursery.ends("a").startswith("+a2 +a3 +a4 gave-up:a finish:RestartIntensityExceeded")


@pytest.mark.item(40, 116)
def test_a_dynamic_child_whose_restart_fails_uses_up_the_budget_too() -> None:
    nursery = Nursery(dynamic(intensity=Intensity(2, 10.0)))
    nursery.add("a")
    nursery.failing = {"a"}
    assert nursery.ends("a").startswith("+a2 +a3 gave-up:a finish:RestartIntensityExceeded")


@pytest.mark.item(42, 43)
@pytest.mark.parametrize("reason", [*CLEAN, *CRASHES], ids=str)
@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
def test_a_sibling_that_crashes_while_its_group_is_stopped_is_no_second_failure(strategy: Strategy, reason: ExitReason) -> None:
    nursery = Nursery(top("a", "b", "c", strategy=strategy), slow="bc")
    nursery.starts("b")
    nursery.starts("c")
    nursery.ends("a")
    assert nursery.ends("b", reason) == ""  # it was to be stopped after c, which still runs
    assert nursery.ends("c", reason) == "+a2 +b2"
    assert nursery.machine.restarts_in_window(0.0) == 1


@pytest.mark.item(36)
def test_a_restart_is_reported_with_what_decided_it() -> None:
    nursery = Nursery(top("a", child("b", backoff=Backoff(1.0, jitter=0.0))))
    nursery.ends("a")
    nursery.ends("b")
    nursery.due("b")
    nursery.ends("b")
    assert d.Restarting("b", BOOM, delay=2.0, failures=2, in_window=3) in nursery.effects


@pytest.mark.item(43)
def test_two_failures_at_once_are_two_restarts_under_one_for_one() -> None:
    nursery = Nursery(top("a", "b"))
    assert nursery.tell(d.Ended("a", 1, BOOM), d.Ended("b", 1, BOOM)) == "+a2 +b2"
    assert nursery.machine.restarts_in_window(0.0) == 2


@pytest.mark.item(43)
@pytest.mark.parametrize("strategy", Strategy)
def test_a_stale_event_changes_nothing(strategy: Strategy) -> None:
    nursery = Nursery(top("a", "b", strategy=strategy))
    nursery.ends("a")
    assert nursery.tell(d.Ended("a", 1, BOOM), d.Started("a", 1), d.Ignored("a", 1), d.Overdue("a", 1), d.Due("a", 1)) == ""


@pytest.mark.item(44)
def test_each_attempt_waits_for_an_event_so_that_others_get_their_turn() -> None:
    nursery = Nursery(top("a", "b"), slow="a")
    nursery.starts("a")
    assert nursery.ends("a") == "+a2"
    assert nursery.ends("a") == "+a3"
    assert nursery.terminate("b") == "-b1 close:b"
    assert nursery.stop() == "-a3"


@pytest.mark.item(45)
def test_a_new_machine_has_an_empty_history() -> None:
    nursery = Nursery(top("a"))
    nursery.ends("a")
    assert Nursery(top("a")).machine.restarts_in_window(0.0) == 0


@pytest.mark.item(46, 109)
def test_the_error_of_a_supervisor_past_its_budget_names_the_child_and_its_error() -> None:  # D5
    nursery = Nursery(top("a", intensity=Intensity(0, 10.0)))
    nursery.ends("a")
    assert isinstance(nursery.finished, Failed)
    error = nursery.finished.error
    assert isinstance(error, RestartIntensityExceeded)
    assert (error.path, error.child, error.reason, error.__cause__) == ("top", "a", BOOM, BOOM.error)


@pytest.mark.item(41)
@pytest.mark.parametrize(
    "meddle",
    [
        lambda nursery: nursery.terminate("a"),
        lambda nursery: (nursery.terminate("a"), nursery.resurrect("a")),
        lambda nursery: nursery.add("z"),
    ],
    ids=["terminate", "restart by hand", "add"],
)
def test_what_operators_do_is_not_counted(meddle: Any) -> None:
    nursery = Nursery(top("a", "b"))
    meddle(nursery)
    assert nursery.machine.restarts_in_window(0.0) == 0


@pytest.mark.item(107, 108)
@pytest.mark.parametrize("restart", [PERMANENT, TRANSIENT])
def test_a_supervisor_past_its_budget_has_failed_so_its_own_supervisor_restarts_it(restart: Restart) -> None:  # D5
    inner = Nursery(top("a", intensity=Intensity(0, 10.0)))
    inner.ends("a")
    assert inner.finished is not None
    outer = Nursery(top(child("top", restart)))
    assert outer.ends("top", inner.finished) == "+top2"
    assert outer.machine.restarts_in_window(0.0) == 1


@pytest.mark.item(36)
def test_a_shared_budget_is_each_childs() -> None:
    nursery = Nursery(top("a", "b"))
    nursery.ends("a")
    machine = nursery.machine
    assert [machine.child_restarts_in_window(key, 10.0) for key in ("a", "b", "nobody")] == [1, 1, 1]
    assert [machine.child_restarts_in_window(key, 10.1) for key in ("a", "b", "nobody")] == [0, 0, 0]


def test_the_budget_counts_nothing_where_nothing_is_known() -> None:
    machine = RestartMachine(top("a", intensity=Intensity(1, 10.0, scope=Scope.CHILD)))
    assert machine.restarts_in_window(0.0) == 0
    assert machine.child_restarts_in_window("a", 0.0) == 0
    assert machine.child_restarts_in_window("nobody", 0.0) == 0


@pytest.mark.item(176)
def test_ten_thousand_restarts_leave_nothing_behind() -> None:
    nursery = Nursery(top("a", "b", intensity=Intensity(10, 1.0)))
    for _ in range(10_000):
        nursery.now += 0.2
        nursery.ends("a")
    assert len(nursery.machine._budget._times) <= 10
    assert nursery.running == "a10001 b1"
