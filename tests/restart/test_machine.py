"""The restart machine as a value: nonsense does not change it, and a copy goes its own way."""

from __future__ import annotations

from itertools import product

import pytest

from supervisor import decisions as d
from supervisor.errors import NoSuchActor
from supervisor.exits import Shutdown
from supervisor.restart import RestartMachine, Stage
from supervisor.spec import Intensity, Scope, Strategy, SupervisorSpec
from tests.restart.support import BOOM, ONE_FOR_ALL, Nursery, dynamic, top


@pytest.mark.parametrize(
    "spec", [top("a", "b", strategy=one) for one in Strategy] + [dynamic()], ids=lambda spec: repr(spec)[:9]
)
@pytest.mark.parametrize("stage", range(5))
def test_nonsense_changes_nothing(spec: SupervisorSpec, stage: int) -> None:
    nursery = Nursery(spec, slow="b", begin=stage > 0)
    if stage > 1:
        nursery.add("b")
        nursery.tell(d.Started("b", 1))
    if stage > 2:
        nursery.terminate("b")
    if stage > 3:
        nursery.tell(d.StopSupervisor(Shutdown()))
    for key, life in product(["", "nobody", "a", "b"], [-1, 7]):
        about_a_life = [d.Started(key, life), d.Ignored(key, life), d.Ended(key, life, BOOM), d.Overdue(key, life)]
        assert nursery.tell(*about_a_life, d.Due(key, life), d.Abandon(key, object()), d.Abandon(key, None)) == ""


@pytest.mark.parametrize("scope", Scope)
def test_a_copy_has_spent_what_the_original_has(scope: Scope) -> None:
    nursery = Nursery(top("a", intensity=Intensity(5, 10.0, scope=scope)))
    nursery.ends("a")
    twin = nursery.machine.copy()
    twin.decide(d.Ended("a", 2, BOOM), 0.0, 0.5)
    assert twin.restarts_in_window(0.0) == 2
    assert nursery.machine.restarts_in_window(0.0) == 1


def test_a_machine_speaks_of_its_path_in_the_tree() -> None:
    machine = RestartMachine(top("a"), "root/top")
    (answer,) = machine.decide(d.Terminate("a", "call"), 0.0, 0.5)
    assert isinstance(answer, d.Answer)
    assert isinstance(answer.error, NoSuchActor)
    assert answer.error.path == "root/top"


def test_a_copy_of_a_machine_that_has_not_begun_begins_for_itself() -> None:
    machine = RestartMachine(top("a"))
    assert machine.copy().decide(d.Begin(), 0.0, 0.5) == machine.decide(d.Begin(), 0.0, 0.5) == [d.StartLife("a", 1)]


def test_a_copy_goes_its_own_way() -> None:
    nursery = Nursery(top("a", "b", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    nursery.terminate("b")
    twin = nursery.machine.copy()
    twin.decide(d.Overdue("b", 1), 0.0, 0.5)
    twin.decide(d.Ended("a", 1, BOOM), 0.0, 0.5)
    assert nursery.machine.stage is Stage.STEADY
    assert nursery.machine.restarts_in_window(0.0) == 0
    assert not nursery.machine.children["b"].overdue
    assert nursery.ends("b") == "close:b"
    assert nursery.answer is None
