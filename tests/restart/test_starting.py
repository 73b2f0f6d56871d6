"""The restart machine, B: how a supervisor starts."""

from __future__ import annotations

import pytest

from supervisor import decisions as d
from supervisor.errors import NoSuchActor, StartError
from supervisor.exits import Failed, Shutdown
from supervisor.restart import Stage
from supervisor.spec import Restart, Strategy, SupervisorSpec
from tests.restart.support import BOOM, ONE_FOR_ALL, PERMANENT, REST_FOR_ONE, TEMPORARY, TRANSIENT, Nursery, child, dynamic, top


@pytest.mark.item(11)
def test_children_start_left_to_right_each_after_the_one_before_is_running() -> None:
    nursery = Nursery(top("b", "a", "c"), slow="a")
    assert nursery.begun == "+b1 +a1"
    assert nursery.starts("a") == "+c1 ready"


@pytest.mark.item(12)
def test_the_first_that_fails_to_start_undoes_the_others_in_reverse_order() -> None:
    nursery = Nursery(top("a", "b", "c", "d"), begin=False)
    nursery.failing = {"c"}
    assert nursery.tell(d.Begin()).startswith("+a1 +b1 +c1 -b1 -a1 finish:StartError: top/c did not start: ValueError: boom")
    assert isinstance(nursery.finished, Failed)
    assert nursery.finished.error.__cause__ is BOOM.error


@pytest.mark.item(14)
@pytest.mark.parametrize("strategy", Strategy)
def test_a_failed_first_start_is_not_tried_again(strategy: Strategy) -> None:
    nursery = Nursery(top("a", "b", strategy=strategy), begin=False)
    nursery.failing = {"b"}
    nursery.tell(d.Begin())
    assert nursery.machine.restarts_in_window(0.0) == 0
    assert nursery.machine.stage is Stage.DONE


@pytest.mark.item(14)
@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
def test_a_first_start_that_a_sibling_interrupted_is_still_a_first_start(strategy: Strategy) -> None:
    nursery = Nursery(top("a", "b", "c", strategy=strategy), slow="b")
    assert nursery.ends("a") == "-b1"
    nursery.failing, nursery.slow = {"b"}, set()
    assert "finish:StartError: top/b" in nursery.ends("b", Shutdown())


@pytest.mark.item(11, 51)
@pytest.mark.parametrize("restart", Restart)
def test_a_group_restart_during_the_first_start_leaves_nobody_out(restart: Restart) -> None:
    nursery = Nursery(top("a", child("b", restart), child("c", restart), strategy=REST_FOR_ONE), slow="b")
    assert nursery.ends("a") == "-b1"
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"
    assert nursery.starts("b") == "+c1 ready"


@pytest.mark.item(17)
@pytest.mark.parametrize("restart", [PERMANENT, TRANSIENT])
def test_a_child_that_says_ignore_is_kept_without_a_life(restart: Restart) -> None:
    nursery = Nursery(top(child("a", restart), "b"), begin=False)
    nursery.ignoring = {"a"}
    assert nursery.tell(d.Begin()) == "+a1 close:a +b1 ready"
    assert nursery.phases == {"a": "stopped", "b": "running"}


@pytest.mark.item(17, 21)
def test_an_added_child_that_says_ignore_is_kept_too() -> None:
    nursery = Nursery(top("z"))
    nursery.ignoring = {"a"}
    assert nursery.add("a") == "+a1 close:a"
    assert nursery.answer is None


@pytest.mark.item(17, 53)
def test_a_child_that_said_ignore_comes_back_with_its_group_like_any_other() -> None:
    nursery = Nursery(top("a", "b", strategy=ONE_FOR_ALL), begin=False)
    nursery.ignoring = {"b"}
    nursery.tell(d.Begin())
    nursery.ignoring, nursery.slow = set(), {"b"}
    assert nursery.ends("a") == "+a2 +b2"
    assert nursery.ends("b") == "-a2 +a3 +b3", "a failure to restart, and no failed first start"


@pytest.mark.item(18)
def test_a_temporary_child_that_says_ignore_is_forgotten() -> None:
    nursery = Nursery(top(child("a", TEMPORARY), "b"), begin=False)
    nursery.ignoring = {"a"}
    assert nursery.tell(d.Begin()) == "+a1 forget:a +b1 ready"


@pytest.mark.item(19)
@pytest.mark.parametrize("restart", Restart)
def test_a_dynamic_supervisor_forgets_who_says_ignore(restart: Restart) -> None:
    nursery = Nursery(dynamic())
    nursery.ignoring = {"a"}
    assert nursery.add("a", restart) == "+a1 forget:a"
    assert nursery.answer is None
    assert nursery.stop() == "finish:shutdown"


@pytest.mark.item(21, 41)
@pytest.mark.parametrize("spec", [top("z"), dynamic()], ids=["static", "dynamic"])
def test_an_added_child_that_does_not_start_is_discarded(spec: SupervisorSpec) -> None:
    nursery = Nursery(spec)
    nursery.failing = {"a"}
    assert nursery.add("a") == "+a1 forget:a"
    assert isinstance(nursery.answer, StartError)
    assert nursery.answer.__cause__ is BOOM.error
    assert nursery.machine.restarts_in_window(0.0) == 0
    assert nursery.machine.stage is Stage.STEADY


@pytest.mark.item(24, 25)
@pytest.mark.parametrize("spec", [top("a"), dynamic()], ids=["static", "dynamic"])
def test_nothing_is_added_to_a_supervisor_that_stops_or_has_stopped(spec: SupervisorSpec) -> None:
    nursery = Nursery(spec, slow="ab")
    nursery.add("b")
    nursery.stop()
    nursery.add("c")
    assert isinstance(nursery.answer, NoSuchActor)
    nursery.tell(d.Ended("a", 1, Shutdown()), d.Ended("b", 1, Shutdown()))
    assert nursery.machine.stage is Stage.DONE
    nursery.add("c")
    assert isinstance(nursery.answer, NoSuchActor)


def test_a_supervisor_that_is_stopped_before_it_begins_starts_nothing() -> None:
    nursery = Nursery(top("a"), begin=False)
    assert nursery.stop() == "finish:shutdown"
    assert nursery.tell(d.Begin()) == ""


def test_a_machine_begins_once() -> None:
    nursery = Nursery(top("a"))
    assert nursery.tell(d.Begin()) == ""


@pytest.mark.item(11)
def test_a_first_start_that_hangs_is_waited_for_also_when_a_group_restart_crosses_it() -> None:
    nursery = Nursery(top("a", "b", strategy=REST_FOR_ONE), slow="a")
    nursery.add("z")
    nursery.overruns("a")
    assert nursery.ends("z") == ""
    assert nursery.phases["b"] == "stopped"
    assert nursery.starts("a") == "+b1 +z2 ready"
