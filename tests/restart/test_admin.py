"""The restart machine, G: what an operator may do, and is answered."""

from __future__ import annotations

import pytest

from supervisor import decisions as d
from supervisor.backoff import Backoff
from supervisor.errors import (
    ChildAlreadyPresent,
    ChildAlreadyStarted,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    NoSuchActor,
    StartError,
    Unstopped,
)
from supervisor.exits import Normal, Shutdown
from supervisor.spec import Exhausted, Intensity, Restart, Strategy
from tests.restart.support import BOOM, ONE_FOR_ALL, PERMANENT, REST_FOR_ONE, TEMPORARY, TRANSIENT, Nursery, child, top

# phase of the child: what each call answers
STOPPED, RUNNING, RESTARTING, PARKED, UNKNOWN = "stopped", "running", "restarting", "gave up", "unknown"
ANSWERS: dict[str, dict[str, type | None]] = {
    #            add                   terminate      restart          delete
    STOPPED: {"add": ChildAlreadyPresent, "terminate": None, "resurrect": None, "delete": None},  # 78 80 82 84
    RUNNING: {"add": ChildAlreadyStarted, "terminate": None, "resurrect": ChildRunning, "delete": ChildRunning},  # 77 79
    RESTARTING: {"add": ChildAlreadyPresent, "terminate": None, "resurrect": ChildRestarting, "delete": ChildRestarting},  # 81
    PARKED: {"add": ChildAlreadyPresent, "terminate": None, "resurrect": None, "delete": None},  # D16
    UNKNOWN: {"add": None, "terminate": ChildNotFound, "resurrect": ChildNotFound, "delete": ChildNotFound},  # 80 82 84
}


def in_phase(phase: str) -> Nursery:
    backoff = Backoff(1.0, jitter=0.0, give_up_after=2 if phase == PARKED else None)
    intensity = Intensity(9, 10.0, exhausted=Exhausted.GIVE_UP)
    nursery = Nursery(top(*([] if phase == UNKNOWN else [child("a", backoff=backoff)]), "z", intensity=intensity))
    if phase == STOPPED:
        nursery.terminate("a")
    if phase in (RESTARTING, PARKED):
        nursery.ends("a")
    if phase == PARKED:
        nursery.due("a")
        nursery.ends("a")
    assert nursery.phases.get("a", UNKNOWN) == phase
    return nursery


@pytest.mark.parametrize(("phase", "verb"), [(phase, verb) for phase, verbs in ANSWERS.items() for verb in verbs])
def test_what_an_operator_is_answered_depends_on_the_childs_phase(phase: str, verb: str) -> None:
    nursery = in_phase(phase)
    getattr(nursery, verb)("a")
    expected = ANSWERS[phase][verb]
    assert nursery.answer is None if expected is None else isinstance(nursery.answer, expected), nursery.answer


@pytest.mark.item(86)
@pytest.mark.parametrize("verb", ["add", "terminate", "resurrect", "delete"])
@pytest.mark.parametrize("stage", ["before the beginning", "after the end"])
def test_a_supervisor_without_a_life_answers_that_there_is_none(stage: str, verb: str) -> None:
    nursery = Nursery(top("a"), begin=False)
    if stage == "after the end":
        nursery.tell(d.Begin(), d.StopSupervisor(Shutdown()))
    assert getattr(nursery, verb)("a") == ""
    assert isinstance(nursery.answer, NoSuchActor)


@pytest.mark.item(79)
@pytest.mark.parametrize("restart", [PERMANENT, TRANSIENT])
def test_a_terminated_child_stays_down_and_known(restart: Restart) -> None:
    nursery = Nursery(top(child("a", restart)))
    assert nursery.terminate("a") == "-a1 close:a"
    assert nursery.phases == {"a": "stopped"}


@pytest.mark.item(79, 85)
def test_a_terminated_temporary_child_is_forgotten() -> None:
    nursery = Nursery(top(child("a", TEMPORARY)))
    assert nursery.terminate("a") == "-a1 forget:a"
    nursery.resurrect("a")
    assert isinstance(nursery.answer, ChildNotFound)


@pytest.mark.item(71)
def test_terminate_is_answered_when_the_child_has_ended_and_not_before() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.starts("a")
    assert nursery.terminate("a") == "-a1"
    first = nursery.call
    assert nursery.terminate("a") == ""
    assert nursery.answers == {}
    nursery.ends("a", BOOM)
    assert nursery.answers == {first: None, nursery.call: None}


@pytest.mark.item(81)
def test_terminate_cancels_a_restart_for_good() -> None:
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, jitter=0.0))))
    nursery.ends("a")
    assert nursery.terminate("a") == "a:cancel close:a"
    assert nursery.tell(d.Due("a", 1)) == ""


@pytest.mark.item(21, 79)
def test_terminate_of_a_starting_child_fails_the_start_that_was_asked_for() -> None:
    nursery = Nursery(top("z"), slow="a")
    nursery.add("a")
    start = nursery.call
    assert nursery.terminate("a") == "-a1"
    assert nursery.ends("a", Shutdown()) == "forget:a"
    failed = nursery.answers[start]
    assert isinstance(failed, StartError)
    assert failed.reason == Shutdown()
    assert nursery.answer is None


@pytest.mark.item(79)
@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
def test_a_child_terminated_in_a_group_restart_is_left_out_of_it(strategy: Strategy) -> None:
    nursery = Nursery(top("a", "b", "c", strategy=strategy), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    nursery.terminate("c")
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"
    assert nursery.starts("b") == ""
    assert nursery.phases["c"] == "stopped"


@pytest.mark.item(83)
def test_a_hand_restart_that_fails_leaves_the_child_stopped_and_known() -> None:
    nursery = Nursery(top("a", "b"))
    nursery.terminate("a")
    nursery.failing = {"a"}
    assert nursery.resurrect("a") == "+a2 close:a"
    assert isinstance(nursery.answer, StartError)
    assert nursery.phases == {"a": "stopped", "b": "running"}
    assert nursery.machine.restarts_in_window(0.0) == 0


@pytest.mark.item(53, 83)
@pytest.mark.parametrize("how", ["hand restart", "end"])
def test_a_child_whose_first_start_came_to_nothing_comes_back_with_its_group_like_any_other(how: str) -> None:
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL), slow="b")
    if how == "hand restart":
        nursery.starts("b")
        nursery.terminate("b")
        nursery.ends("b", Shutdown())
        nursery.resurrect("b")
        assert nursery.ends("b") == "close:b"
    else:
        nursery.terminate("b")  # it was starting
        assert nursery.ends("b", Shutdown()) == "close:b +c1 ready"
    assert nursery.ends("a").startswith("-c1 +a2 +b")
    assert nursery.ends("b").startswith("-a2 +a3 +b"), "a failure to restart, and no failed first start"


@pytest.mark.item(11, 163)
def test_the_first_start_goes_on_behind_a_hung_child_that_is_terminated() -> None:
    nursery = Nursery(top("a", "b"), slow="a")
    assert nursery.overruns("a") == ""
    assert nursery.terminate("a") == "-a1 +b1 ready"
    assert isinstance(nursery.answer, Unstopped)


@pytest.mark.item(21, 79)
def test_terminate_answers_who_waits_for_the_childs_turn_in_a_group() -> None:
    nursery = Nursery(top("a", "b", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    nursery.add("z")
    start = nursery.call
    assert nursery.terminate("z") == "forget:z"
    assert isinstance(nursery.answers[start], NoSuchActor)
    assert nursery.answer is None


@pytest.mark.item(17, 71)
def test_terminate_is_answered_when_the_child_says_ignore_instead() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.terminate("a")
    assert nursery.tell(d.Ignored("a", 1)) == "close:a ready"
    assert nursery.answer is None


@pytest.mark.item(193)
def test_a_hand_restart_sets_the_delay_back() -> None:
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, jitter=0.0))))
    nursery.ends("a")
    nursery.terminate("a")
    nursery.resurrect("a")
    assert nursery.ends("a") == "a:1s"


@pytest.mark.item(82)
def test_who_is_not_known_is_not_found_even_while_all_stop() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.stop()
    nursery.resurrect("nobody")
    assert isinstance(nursery.answer, ChildNotFound)


@pytest.mark.item(79, 172)
def test_a_hand_restart_that_nobody_waits_for_and_someone_terminates_leaves_the_child_stopped() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.starts("a")
    nursery.terminate("a")
    nursery.ends("a", Shutdown())
    nursery.resurrect("a")
    nursery.abandon("a")
    nursery.terminate("a")
    assert nursery.ends("a", Shutdown()) == "close:a"
    assert nursery.phases == {"a": "stopped"}


@pytest.mark.item(25)
def test_nobody_is_brought_back_by_a_supervisor_that_stops() -> None:
    nursery = Nursery(top("a", "b"), slow="a")
    nursery.terminate("b")
    nursery.stop()
    assert nursery.resurrect("b") == ""
    assert isinstance(nursery.answer, NoSuchActor)


@pytest.mark.item(84)
def test_a_deleted_child_is_unknown() -> None:
    nursery = Nursery(top("a"))
    nursery.terminate("a")
    assert nursery.delete("a") == "forget:a"
    nursery.resurrect("a")
    assert isinstance(nursery.answer, ChildNotFound)


@pytest.mark.item(91, 169, 172)
def test_a_start_that_nobody_waits_for_is_undone() -> None:
    nursery = Nursery(top("z"), slow="a")
    nursery.add("a")
    assert nursery.abandon("a") == "-a1"
    assert nursery.ends("a", Shutdown()) == "forget:a"


@pytest.mark.item(172)
def test_a_hand_restart_that_nobody_waits_for_is_undone() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.starts("a")
    nursery.terminate("a")
    nursery.ends("a", Shutdown())
    nursery.resurrect("a")
    assert nursery.abandon("a") == "-a2"
    assert nursery.ends("a", Shutdown()) == "close:a"
    assert nursery.phases == {"a": "stopped"}


@pytest.mark.item(172)
@pytest.mark.parametrize("known", [True, False])
def test_a_start_that_nobody_waits_for_is_undone_before_its_turn_in_a_group(known: bool) -> None:
    nursery = Nursery(top("a", "b", *(["c"] if known else []), strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    if known:
        nursery.terminate("c")
    nursery.ends("a")
    if known:
        assert nursery.resurrect("c") == ""
        nursery.resurrect("c")
        assert isinstance(nursery.answer, ChildRestarting)  # a group restart brings it back anyway (53)
    else:
        nursery.add("c")
        assert nursery.abandon("c") == "forget:c"
        assert isinstance(nursery.answer, NoSuchActor)
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"


@pytest.mark.item(43, 79)
def test_a_start_that_crosses_its_stop_is_stopped_all_the_same() -> None:
    nursery = Nursery(top("a"), slow="a")
    assert nursery.terminate("a") == "-a1"
    assert nursery.starts("a") == ""
    assert nursery.phases == {"a": "stopping"}


@pytest.mark.item(172)
def test_nobody_else_can_undo_a_start() -> None:
    nursery = Nursery(top("z"), slow="a")
    nursery.add("a")
    assert nursery.tell(d.Abandon("a", "somebody else")) == ""
    nursery.starts("a")
    assert nursery.answer is None


@pytest.mark.item(53, 172)
def test_a_hand_restart_that_nobody_waits_for_is_done_by_the_group_restart_that_crosses_it() -> None:
    nursery = Nursery(top(child("a", TRANSIENT), "b", strategy=ONE_FOR_ALL), slow="a")
    nursery.starts("a")
    nursery.terminate("a")
    nursery.ends("a", Shutdown())
    nursery.resurrect("a")
    assert nursery.abandon("a") == "-a2"
    assert nursery.ends("b") == ""
    assert nursery.ends("a", Shutdown()) == "+a3"
    assert nursery.ends("a", Normal()) == "close:a +b2"
    assert isinstance(nursery.answer, StartError)
    assert nursery.answer.reason == Normal()


@pytest.mark.item(172)
def test_a_start_that_is_done_is_not_undone() -> None:
    nursery = Nursery(top("z"))
    nursery.add("a")
    assert nursery.abandon("a") == ""
    assert nursery.running == "z1 a1"
