"""The restart machine, D16: whose budget it is, and who is given up."""

from __future__ import annotations

import pytest

from supervisor import decisions as d
from supervisor.backoff import Backoff
from supervisor.errors import NoSuchActor, StartError
from supervisor.exits import Killed, Shutdown
from supervisor.spec import DynamicSupervisorSpec, Exhausted, Intensity, Scope, Strategy, SupervisorSpec
from tests.restart.support import BOOM, ONE_FOR_ALL, Nursery, child, dynamic, top


def test_with_a_budget_each_children_do_not_use_up_each_others() -> None:  # D16
    nursery = Nursery(top("a", "b", intensity=Intensity(1, 10.0, scope=Scope.CHILD)))
    nursery.ends("a")
    assert nursery.ends("b") == "+b2"
    assert nursery.ends("a").startswith("gave-up:a -b2 finish:RestartIntensityExceeded")
    assert nursery.machine.child_restarts_in_window("a", 0.0) == nursery.machine.child_restarts_in_window("b", 0.0) == 1
    assert nursery.machine.restarts_in_window(0.0) == 2


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("strategy", Strategy)
def test_who_is_given_up_is_parked_and_its_siblings_live_on(strategy: Strategy, scope: Scope) -> None:  # D16
    intensity = Intensity(0, 10.0, scope=scope, exhausted=Exhausted.GIVE_UP)
    nursery = Nursery(top("a", "b", strategy=strategy, intensity=intensity))
    assert nursery.ends("a") == "gave-up:a close:a"
    assert nursery.running == "b1"
    assert nursery.phases["a"] == "gave up"


@pytest.mark.item(38)
def test_a_restart_that_did_not_happen_is_not_counted() -> None:  # D16
    intensity = Intensity(1, 10.0, exhausted=Exhausted.GIVE_UP)
    nursery = Nursery(top("a", "b", "c", intensity=intensity))
    nursery.ends("a")
    nursery.now = 6.0
    assert nursery.ends("b") == "gave-up:b close:b"
    nursery.now = 11.0
    assert nursery.ends("c") == "+c2"


def test_a_parked_child_is_left_out_of_group_restarts() -> None:  # D16
    intensity = Intensity(1, 10.0, scope=Scope.CHILD, exhausted=Exhausted.GIVE_UP)
    nursery = Nursery(top("a", "b", strategy=ONE_FOR_ALL, intensity=intensity))
    nursery.ends("b")
    nursery.ends("b")
    assert nursery.ends("a") == "+a3"
    assert nursery.phases["b"] == "gave up"


def parked(spec: SupervisorSpec | DynamicSupervisorSpec) -> Nursery:
    nursery = Nursery(spec)
    nursery.add("a")
    nursery.ends("a")
    nursery.ends("a")
    assert nursery.phases["a"] == "gave up"
    return nursery


LENIENT = Intensity(1, 10.0, scope=Scope.CHILD, exhausted=Exhausted.GIVE_UP)
PARKED_IN = pytest.mark.parametrize(
    "spec", [top("z", intensity=LENIENT), dynamic(intensity=LENIENT)], ids=["static", "dynamic"]
)


@PARKED_IN
def test_a_parked_child_is_brought_back_by_hand_with_a_fresh_budget(spec: SupervisorSpec) -> None:  # D16
    nursery = parked(spec)
    assert nursery.resurrect("a") == "+a3"
    assert nursery.ends("a") == "+a4"


@PARKED_IN
def test_a_parked_child_that_cannot_be_brought_back_stays_parked(spec: SupervisorSpec) -> None:  # D16
    nursery = parked(spec)
    nursery.failing = {"a"}
    assert nursery.resurrect("a") == "+a3 close:a"
    assert isinstance(nursery.answer, StartError)
    assert nursery.phases["a"] == "gave up"


@pytest.mark.item(172)
@PARKED_IN
def test_a_parked_child_stays_parked_if_nobody_waits_for_its_hand_restart(spec: SupervisorSpec) -> None:  # D16
    nursery = parked(spec)
    nursery.slow = {"a"}
    nursery.resurrect("a")
    nursery.abandon("a")
    nursery.terminate("a")  # which only waits for what is being undone
    assert nursery.ends("a", Shutdown()) == "close:a"
    assert nursery.phases["a"] == "gave up"
    assert nursery.answer is None


@PARKED_IN
def test_who_terminates_a_parked_child_while_it_is_brought_back_has_it_stopped(spec: SupervisorSpec) -> None:  # D16
    nursery = parked(spec)
    nursery.slow = {"a"}
    nursery.resurrect("a")
    nursery.terminate("a")
    nursery.ends("a", Shutdown())
    assert nursery.phases.get("a", "forgotten") == ("forgotten" if nursery.machine.dynamic else "stopped")


@pytest.mark.item(53)
def test_who_has_a_parked_child_stopped_while_it_is_brought_back_has_it_back_with_its_group() -> None:  # D16
    nursery = parked(top("z", strategy=ONE_FOR_ALL, intensity=LENIENT))
    nursery.slow = {"a"}
    nursery.resurrect("a")
    nursery.terminate("a")
    nursery.ends("a", Shutdown())
    assert nursery.ends("z") == "+z3 +a4"


@pytest.mark.item(79)
def test_a_parked_child_that_is_terminated_is_no_longer_parked_whatever_was_tried_before() -> None:  # D16
    nursery = parked(top("z", intensity=LENIENT))
    nursery.slow = {"a"}
    nursery.resurrect("a")
    nursery.abandon("a")
    nursery.ends("a", Shutdown())
    assert nursery.phases["a"] == "gave up"
    assert nursery.terminate("a") == "close:a"
    assert nursery.phases["a"] == "stopped"


@pytest.mark.item(163)
def test_a_parked_child_that_hangs_while_it_is_brought_back_is_parked_again() -> None:  # D16
    nursery = parked(top("z", intensity=LENIENT))
    nursery.slow = {"a"}
    nursery.resurrect("a")
    nursery.overruns("a")
    assert nursery.ends("a", Killed()) == "close:a"
    assert nursery.phases["a"] == "gave up"


@pytest.mark.item(17)
def test_a_parked_child_that_is_brought_back_and_says_ignore_is_no_longer_parked() -> None:  # D16
    nursery = parked(top("z", intensity=LENIENT))
    nursery.ignoring = {"a"}
    assert nursery.resurrect("a") == "+a3 close:a"
    assert nursery.answer is None
    assert nursery.phases["a"] == "stopped"


@pytest.mark.item(172)
def test_a_group_restart_leaves_out_a_parked_child_whose_hand_restart_nobody_waits_for() -> None:  # D16
    nursery = parked(top("z", strategy=ONE_FOR_ALL, intensity=LENIENT))
    nursery.slow = {"a"}
    nursery.resurrect("a")
    life = nursery.life("a")
    assert nursery.abandon("a") == f"-a{life}"
    assert nursery.ends("z") == ""
    assert nursery.ends("a", Shutdown()) == "close:a +z3"
    assert nursery.phases["a"] == "gave up"


@pytest.mark.item(53)
def test_a_refill_goes_on_behind_a_child_that_is_given_up_in_it() -> None:  # D16
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL, intensity=LENIENT), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    assert nursery.ends("c", BOOM) == ""
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"
    assert nursery.ends("b") == "-a2 +a3 +b3"
    assert nursery.ends("b") == "gave-up:b close:b +c2"


@pytest.mark.item(46)
def test_a_failure_that_is_one_too_many_is_reported_with_its_reason_and_the_limit() -> None:  # D16
    intensity = Intensity(0, 10.0, exhausted=Exhausted.GIVE_UP)
    nursery = Nursery(top("a", intensity=intensity))
    nursery.ends("a")
    assert d.GaveUp("a", BOOM, str(intensity), escalates=False) in nursery.effects


@pytest.mark.item(194)
@pytest.mark.parametrize("exhausted", Exhausted)
def test_so_many_failures_in_a_row_are_reported_as_that(exhausted: Exhausted) -> None:
    backoff = Backoff(1.0, jitter=0.0, give_up_after=1)
    nursery = Nursery(top(child("a", backoff=backoff), intensity=Intensity(9, 10.0, exhausted=exhausted)))
    nursery.ends("a")
    escalates = exhausted is Exhausted.ESCALATE
    assert d.GaveUp("a", BOOM, "1 failures in a row", escalates) in nursery.effects
    assert ("more than 1 failures in a row allows" in str(nursery.finished)) == escalates


def test_a_stop_answers_who_waits_for_a_parked_childs_turn() -> None:  # D16
    intensity = Intensity(1, 10.0, scope=Scope.CHILD, exhausted=Exhausted.GIVE_UP)
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL, intensity=intensity), slow="b")
    nursery.starts("b")
    nursery.ends("c")
    nursery.ends("b", Shutdown())
    nursery.starts("b")
    nursery.ends("c")
    nursery.ends("a")
    assert nursery.resurrect("c") == ""
    nursery.stop()
    assert isinstance(nursery.answer, NoSuchActor)
