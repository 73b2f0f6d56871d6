"""The restart machine, F: how a supervisor stops."""

from __future__ import annotations

from itertools import product

import pytest

from supervisor.backoff import Backoff
from supervisor.errors import StartError
from supervisor.exits import ExitReason, Killed, Normal, Shutdown
from supervisor.spec import Restart, Strategy
from tests.restart.support import BOOM, CTRL_C, ONE_FOR_ALL, REST_FOR_ONE, Nursery, child, dynamic, top


@pytest.mark.item(60)
def test_static_children_stop_in_reverse_order_one_at_a_time() -> None:
    nursery = Nursery(top("a", "b", "c"), slow="abc")
    for key in "abc":
        nursery.starts(key)
    assert nursery.stop() == "-c1"
    assert nursery.ends("c", Shutdown()) == "-b1"
    assert nursery.ends("b", Killed()) == "-a1"
    assert nursery.ends("a", Shutdown()) == "finish:shutdown"


@pytest.mark.item(66, 67)
@pytest.mark.parametrize(
    ("restart", "reason"), [*product(Restart, [Normal(), Shutdown(), Shutdown("x"), BOOM, Killed()])], ids=str
)
def test_who_ends_by_itself_during_the_shutdown_stays_down(restart: Restart, reason: ExitReason) -> None:
    nursery = Nursery(top(child("a", restart), "b", child("c", restart)), slow="b")
    nursery.starts("b")
    assert nursery.stop() == "-c1 -b1"
    assert nursery.ends("a", reason) == ""
    assert nursery.ends("b", BOOM) == "finish:shutdown"


@pytest.mark.item(68, 195)
def test_a_stop_ends_a_restart_loop_and_its_delay() -> None:
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, jitter=0.0)), "b"))
    assert nursery.ends("a") == "a:1s"
    assert nursery.stop() == "a:cancel -b1 finish:shutdown"
    assert nursery.phases == {"a": "stopped", "b": "stopped"}
    assert nursery.due("a") == ""


@pytest.mark.item(171)
def test_a_stop_interrupts_a_child_that_is_starting() -> None:
    nursery = Nursery(top("a", "b", "c"), slow="b")
    assert nursery.stop() == "-b1"
    assert nursery.ends("b", Shutdown()) == "-a1 finish:shutdown"


@pytest.mark.item(68)
@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
def test_a_stop_overtakes_a_group_restart(strategy: Strategy) -> None:
    nursery = Nursery(top("a", "b", "c", strategy=strategy), slow="c")
    nursery.starts("c")
    nursery.ends("b")
    assert nursery.stop() == ""
    assert nursery.ends("c", Shutdown()).endswith("-a1 finish:shutdown" if strategy is REST_FOR_ONE else "finish:shutdown")


@pytest.mark.item(72)
def test_dynamic_children_stop_all_at_once() -> None:
    nursery = Nursery(dynamic(), slow="abc")
    for key in "abc":
        nursery.add(key)
        nursery.starts(key)
    assert nursery.stop() == "-a1 -b1 -c1"
    assert nursery.ends("b", Shutdown()) == ""
    assert nursery.ends("c", Shutdown()) == ""
    assert nursery.ends("a", Shutdown()) == "finish:shutdown"


@pytest.mark.item(72)
def test_a_dynamic_child_that_is_stopping_already_is_not_asked_again() -> None:
    nursery = Nursery(dynamic(), slow="ab")
    nursery.add("a")
    nursery.add("b")
    nursery.terminate("a")
    assert nursery.stop() == "-b1"


@pytest.mark.item(21, 171)
def test_who_waits_for_a_start_that_a_stop_interrupts_is_answered_when_it_has_ended() -> None:
    nursery = Nursery(top("z"), slow="a")
    nursery.add("a")
    assert nursery.stop() == "-a1"
    assert nursery.answer == "waits"
    assert nursery.ends("a", Shutdown()) == "-z1 finish:shutdown"
    assert isinstance(nursery.answer, StartError)


def test_the_first_reason_to_stop_is_the_reason() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.stop(Shutdown("first"))
    nursery.stop(Shutdown("second"))
    assert nursery.ends("a", Shutdown()) == "finish:shutdown (first)"


@pytest.mark.item(166)
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("restart", Restart)
def test_what_is_no_exception_ends_the_tree_in_order(strategy: Strategy, restart: Restart) -> None:
    nursery = Nursery(top("a", child("b", restart), "c", strategy=strategy))
    assert nursery.ends("b", CTRL_C).split()[-3:] == ["-c1", "-a1", "finish:KeyboardInterrupt"]


@pytest.mark.item(21, 166)
def test_who_waits_for_a_start_that_ends_the_tree_is_told_why() -> None:
    nursery = Nursery(top("z"), slow="a")
    nursery.add("a")
    assert nursery.ends("a", CTRL_C) == "forget:a -z1 finish:KeyboardInterrupt"
    assert isinstance(nursery.answer, StartError)
    assert nursery.answer.reason == CTRL_C


@pytest.mark.item(166)
def test_what_is_no_exception_wins_over_the_reason_of_a_stop_in_progress() -> None:
    nursery = Nursery(top("a", "b"), slow="a")
    nursery.stop()
    assert nursery.ends("a", CTRL_C).endswith("finish:KeyboardInterrupt")
