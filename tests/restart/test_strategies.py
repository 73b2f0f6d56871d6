"""The restart machine, E: who is restarted with whom, and in which order."""

from __future__ import annotations

import pytest

from supervisor import decisions as d
from supervisor.backoff import Backoff
from supervisor.errors import StartError
from supervisor.exits import ExitReason, Normal, Shutdown
from supervisor.spec import Restart, Strategy
from tests.restart.support import BOOM, ONE_FOR_ALL, ONE_FOR_ONE, REST_FOR_ONE, TEMPORARY, TRANSIENT, Nursery, child, top

WHO_IS_RESTARTED = {
    # strategy, who fails: what is done to [a, b, c, d]
    (ONE_FOR_ONE, "a"): "+a2",  # 47
    (ONE_FOR_ONE, "c"): "+c2",
    (ONE_FOR_ALL, "a"): "-d1 -c1 -b1 +a2 +b2 +c2 +d2",  # 48
    (ONE_FOR_ALL, "c"): "-d1 -b1 -a1 +a2 +b2 +c2 +d2",
    (ONE_FOR_ALL, "d"): "-c1 -b1 -a1 +a2 +b2 +c2 +d2",
    (REST_FOR_ONE, "a"): "-d1 -c1 -b1 +a2 +b2 +c2 +d2",  # 49
    (REST_FOR_ONE, "c"): "-d1 +c2 +d2",
    (REST_FOR_ONE, "d"): "+d2",
}


@pytest.mark.parametrize(("strategy", "who"), WHO_IS_RESTARTED)
def test_the_strategy_says_who_is_restarted_and_in_which_order(strategy: Strategy, who: str) -> None:
    nursery = Nursery(top("a", "b", "c", "d", strategy=strategy))
    assert nursery.ends(who) == WHO_IS_RESTARTED[strategy, who]


@pytest.mark.item(50)
def test_none_of_a_group_is_started_before_all_have_ended() -> None:
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    assert nursery.ends("a") == "-c1 -b1"
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"


@pytest.mark.item(51)
@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
def test_a_temporary_bystander_is_stopped_and_forgotten(strategy: Strategy) -> None:
    nursery = Nursery(top("a", child("b", TEMPORARY), "c", strategy=strategy))
    assert nursery.ends("a") == "-c1 -b1 forget:b +a2 +c2"
    assert nursery.machine.restarts_in_window(0.0) == 1


@pytest.mark.item(52)
@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
@pytest.mark.parametrize(("restart", "reason"), [(TEMPORARY, BOOM), (TEMPORARY, Normal()), (TRANSIENT, Normal())], ids=str)
def test_who_does_not_come_back_leaves_the_group_alone(strategy: Strategy, restart: Restart, reason: ExitReason) -> None:
    nursery = Nursery(top(child("a", restart), "b", strategy=strategy))
    nursery.ends("a", reason)
    assert nursery.running == "b1"


@pytest.mark.item(53)
@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
def test_a_group_restart_brings_back_who_was_stopped_finished_or_ignored(strategy: Strategy) -> None:
    nursery = Nursery(top("a", "b", child("c", TRANSIENT), "d", strategy=strategy), begin=False)
    nursery.ignoring = {"d"}
    nursery.tell(d.Begin())
    nursery.terminate("b")
    nursery.ends("c", Normal())
    nursery.ignoring = set()
    assert nursery.ends("a") == "+a2 +b2 +c2 +d2"


@pytest.mark.item(54)
def test_under_one_for_all_a_failed_start_in_the_refill_takes_all_down_again() -> None:
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL), slow="c")
    nursery.starts("c")
    assert nursery.ends("a") == "-c1"
    assert nursery.ends("c", Shutdown()) == "-b1 +a2 +b2 +c2"
    assert nursery.ends("c") == "-b2 -a2 +a3 +b3 +c3"
    assert nursery.machine.restarts_in_window(0.0) == 2


@pytest.mark.item(55)
def test_under_rest_for_one_a_failed_start_in_the_refill_resumes_at_the_child_that_failed() -> None:
    nursery = Nursery(top("a", "b", "c", "d", strategy=REST_FOR_ONE), slow="c")
    nursery.starts("c")
    nursery.ends("b")
    assert nursery.ends("c", Shutdown()) == "+b2 +c2"
    assert nursery.ends("c") == "+c3"
    assert nursery.starts("c") == "+d2"
    assert nursery.running == "a1 b2 c3 d2"


@pytest.mark.item(56)
def test_during_such_a_retry_each_child_shows_where_it_is() -> None:
    backoff = Backoff(1.0, jitter=0.0)
    nursery = Nursery(top("a", child("b", backoff=backoff), "c", strategy=REST_FOR_ONE))
    assert nursery.ends("b") == "b:1s -c1"
    assert nursery.phases == {"a": "running", "b": "restarting", "c": "stopped"}


@pytest.mark.item(57)
def test_a_child_that_was_added_comes_last() -> None:
    nursery = Nursery(top("a", "b", strategy=ONE_FOR_ALL))
    nursery.add("0")
    assert nursery.ends("a") == "-01 -b1 +a2 +b2 +02"
    assert nursery.stop() == "-02 -b2 -a2 finish:shutdown"


@pytest.mark.item(53, 55)
@pytest.mark.parametrize("fails", ["d", "z"])
def test_a_failure_behind_the_refill_does_not_lose_who_still_waits(fails: str) -> None:
    nursery = Nursery(top("a", "b", "c", strategy=REST_FOR_ONE), slow="b")
    nursery.add("d")
    nursery.starts("b")
    nursery.ends("a")
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"
    if fails == "z":
        assert nursery.add("z") == "+z1"
        assert nursery.ends("z") == ""  # it waits for its turn, behind b
        assert nursery.starts("b") == "+c2 +d2 +z2"
    else:
        assert nursery.starts("b") == "+c2 +d2"


@pytest.mark.item(11)
def test_a_failure_during_the_first_start_does_not_lose_who_has_not_started_yet() -> None:
    nursery = Nursery(top("a", "b", "c", strategy=REST_FOR_ONE), slow="b")
    nursery.add("z")
    assert nursery.ends("z") == ""
    assert nursery.starts("b") == "+c1 +z2 ready"


@pytest.mark.item(48)
def test_a_failure_further_left_widens_the_group() -> None:
    nursery = Nursery(top("a", "b", "c", "d", strategy=REST_FOR_ONE), slow="d")
    nursery.starts("d")
    assert nursery.ends("c") == "-d1"
    assert nursery.ends("b") == ""
    assert nursery.ends("d", Shutdown()) == "+b2 +c2 +d2"


@pytest.mark.item(57)
def test_a_child_added_while_the_group_is_cleared_starts_in_its_turn() -> None:
    nursery = Nursery(top("a", "b", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    assert nursery.add("z") == ""
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"
    assert nursery.starts("b") == "+z1"
    assert nursery.answer is None


@pytest.mark.item(21, 57)
def test_a_refill_goes_on_behind_an_added_child_that_does_not_start() -> None:
    nursery = Nursery(top("a", "b", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    nursery.add("y")
    nursery.add("z")
    nursery.failing = {"y"}
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"
    assert nursery.starts("b") == "+y1 forget:y +z1"


@pytest.mark.item(52, 53)
def test_a_refill_goes_on_behind_a_child_that_ends_for_good_in_it() -> None:
    nursery = Nursery(top("a", child("b", TRANSIENT), "c", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"
    assert nursery.ends("b", Normal()) == "close:b +c2"


@pytest.mark.item(49)
def test_a_group_restart_does_not_wait_for_an_operators_stop_outside_the_group() -> None:
    nursery = Nursery(top("a", "b", "c", strategy=REST_FOR_ONE), slow="a")
    nursery.starts("a")
    assert nursery.terminate("a") == "-a1"
    assert nursery.ends("b") == "-c1 +b2 +c2"


@pytest.mark.item(53, 172)
def test_an_added_child_that_is_being_undone_is_left_out_of_the_group_restart_that_crosses_it() -> None:
    nursery = Nursery(top("a", strategy=ONE_FOR_ALL), slow="z")
    nursery.add("z")
    assert nursery.abandon("z") == "-z1"
    assert nursery.ends("a") == ""
    assert nursery.ends("z", Shutdown()) == "forget:z +a2"


@pytest.mark.item(17, 53)
def test_an_added_child_that_says_ignore_after_a_group_restart_crossed_it_is_kept() -> None:
    nursery = Nursery(top("a", strategy=ONE_FOR_ALL), slow="z")
    nursery.add("z")
    nursery.ends("a")
    assert nursery.ends("z", Shutdown()) == "+a2 +z2"
    assert nursery.tell(d.Ignored("z", 2)) == "close:z"
    assert nursery.answer is None


@pytest.mark.item(21, 51)
def test_a_temporary_child_being_added_is_started_after_the_group_restart_that_crossed_it() -> None:
    nursery = Nursery(top("a", strategy=ONE_FOR_ALL), slow="z")
    nursery.add("z", TEMPORARY)
    assert nursery.ends("a") == "-z1"
    assert nursery.ends("z", Shutdown()) == "+a2 +z2"
    nursery.starts("z")
    assert nursery.answer is None


@pytest.mark.item(21)
def test_an_added_child_whose_start_a_group_restart_crossed_is_still_discarded_if_it_fails() -> None:
    nursery = Nursery(top("a", strategy=ONE_FOR_ALL), slow="z")
    nursery.add("z")
    nursery.ends("a")
    nursery.ends("z", Shutdown())
    assert nursery.ends("z") == "forget:z"
    assert isinstance(nursery.answer, StartError)


@pytest.mark.item(30, 171)
def test_a_child_below_the_group_can_be_brought_back_while_the_group_is_cleared() -> None:
    nursery = Nursery(top("a", "b", "c", strategy=REST_FOR_ONE), slow="c")
    nursery.starts("c")
    nursery.terminate("a")
    assert nursery.ends("b") == "-c1"
    assert nursery.resurrect("a") == "+a2"
    assert nursery.answer is None
