"""The restart machine, 163: children that do not end."""

from __future__ import annotations

import pytest

from supervisor import decisions as d
from supervisor.errors import ChildRunning, Unstopped
from supervisor.exits import Killed, Shutdown
from tests.restart.support import ONE_FOR_ALL, REST_FOR_ONE, Nursery, top


def test_who_asked_for_a_stop_is_told_that_the_child_does_not_end() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.starts("a")
    nursery.terminate("a")
    nursery.overruns("a")
    assert isinstance(nursery.answer, Unstopped)
    assert nursery.answer.stack == "its stack"
    nursery.terminate("a")
    assert isinstance(nursery.answer, Unstopped)


def test_a_child_that_does_not_end_is_never_doubled() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.starts("a")
    nursery.terminate("a")
    nursery.overruns("a")
    assert nursery.resurrect("a") == ""
    assert isinstance(nursery.answer, ChildRunning)
    assert nursery.ends("a", Killed()) == "close:a"
    assert nursery.resurrect("a") == "+a2"


def test_a_group_restart_goes_on_without_a_child_that_does_not_end_and_takes_it_in_later() -> None:
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    assert nursery.ends("a") == "-c1 -b1"
    assert nursery.overruns("b") == "+a2 +c2"
    assert nursery.ends("b", Killed()) == "+b2"


def test_a_second_group_restart_does_not_lose_the_child_that_does_not_end() -> None:
    nursery = Nursery(top("a", "b", "c", strategy=REST_FOR_ONE), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    nursery.overruns("b")
    assert nursery.ends("c") == "+c3"
    assert nursery.ends("b", Killed()) == "+b2"


@pytest.mark.item(50)
def test_a_child_that_ends_late_waits_for_the_group_restart_in_progress() -> None:
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    nursery.overruns("b")
    nursery.slow = {"b", "c"}
    assert nursery.ends("a") == "-c2"
    assert nursery.ends("b", Killed()) == ""
    assert nursery.ends("c", Shutdown()) == "+a3 +b2"


@pytest.mark.item(50)
def test_a_child_that_ends_late_waits_for_the_group_even_if_someone_else_starts_meanwhile() -> None:
    nursery = Nursery(top("a", "b", "c", "d", strategy=REST_FOR_ONE), slow="c")
    nursery.starts("c")
    nursery.ends("b")
    assert nursery.overruns("c") == "+b2 +d2"
    nursery.terminate("a")
    nursery.slow = {"a", "c", "d"}
    assert nursery.resurrect("a") == "+a2"
    assert nursery.ends("b") == "-d2"
    assert nursery.ends("c", Killed()) == ""
    assert nursery.starts("a") == ""
    assert nursery.ends("d", Shutdown()) == "+b3 +c2"


@pytest.mark.item(163)
def test_a_refill_goes_on_behind_a_child_whose_new_life_hangs_in_its_start() -> None:
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"
    assert nursery.overruns("b") == "+c2"


@pytest.mark.item(50, 163)
def test_a_child_that_ends_late_during_the_refill_is_taken_in_behind_it() -> None:
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL), slow="bc")
    nursery.starts("b")
    nursery.starts("c")
    assert nursery.ends("a") == "-c1"
    assert nursery.ends("c", Shutdown()) == "-b1"
    assert nursery.overruns("b") == "+a2 +c2"
    assert nursery.ends("b", Killed()) == ""
    assert nursery.starts("c") == "+b2"


@pytest.mark.item(79, 163)
def test_a_late_child_that_was_terminated_meanwhile_stays_down() -> None:
    nursery = Nursery(top("a", "b", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    assert nursery.overruns("b") == "+a2"
    nursery.terminate("b")
    assert nursery.ends("b", Killed()) == "close:b"


@pytest.mark.item(163, 172)
def test_a_late_child_that_was_forgotten_meanwhile_is_not_missed() -> None:
    nursery = Nursery(top("a", strategy=ONE_FOR_ALL), slow="z")
    nursery.add("z")
    assert nursery.ends("a") == "-z1"
    assert nursery.overruns("z") == "+a2"
    nursery.abandon("z")
    assert nursery.ends("z", Killed()) == "forget:z"
    assert nursery.ends("a") == "+a3"


def test_a_copy_takes_in_who_ends_late_too() -> None:
    nursery = Nursery(top("a", "b", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    nursery.overruns("b")
    assert d.StartLife("b", 2) in nursery.machine.copy().decide(d.Ended("b", 1, Killed()), 0.0, 0.5)
    assert nursery.ends("b", Killed()) == "+b2"


def test_the_others_stop_and_the_supervisor_waits_for_the_one_that_does_not_end() -> None:
    nursery = Nursery(top("a", "b"), slow="b")
    nursery.starts("b")
    nursery.stop()
    assert nursery.overruns("b") == "-a1"
    assert nursery.finished is None
    assert nursery.ends("b", Killed()) == "finish:shutdown"


@pytest.mark.item(163)
def test_a_refill_is_not_held_up_by_a_child_that_was_terminated_and_does_not_end() -> None:
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"
    assert nursery.terminate("b") == "-b2"
    assert nursery.overruns("b") == "+c2"


def test_a_child_that_its_watchdog_killed_and_that_does_not_end_is_reported_to_who_stops_it() -> None:
    nursery = Nursery(top("a", "b"), slow="b")
    nursery.starts("b")
    assert nursery.overruns("b") == ""  # killed by its watchdog, not by us
    assert nursery.terminate("b") == "-b1"
    assert isinstance(nursery.answer, Unstopped)
    assert nursery.stop() == "-a1"


def test_a_hung_child_that_ends_at_last_is_restarted() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.starts("a")
    nursery.overruns("a")
    assert nursery.ends("a") == "+a2"


def test_who_asked_for_a_start_is_told_that_it_hangs_beyond_its_kill() -> None:
    nursery = Nursery(top("z"), slow="a")
    nursery.add("a")
    nursery.overruns("a")
    assert isinstance(nursery.answer, Unstopped)
    assert nursery.answer.stack == "its stack"
    assert nursery.ends("a", Killed()) == "forget:a"


@pytest.mark.item(21, 163)
def test_who_waits_for_a_start_that_a_group_restart_crossed_goes_on_waiting_while_the_old_life_hangs() -> None:
    nursery = Nursery(top("a", strategy=ONE_FOR_ALL), slow="z")
    nursery.add("z")
    nursery.ends("a")
    assert nursery.overruns("z") == "+a2"
    assert nursery.answer == "waits"
    assert nursery.ends("z", Killed()) == "+z2"
    nursery.starts("z")
    assert nursery.answer is None


@pytest.mark.item(163, 172)
def test_a_start_that_is_being_undone_and_hangs_is_not_asked_twice_to_stop() -> None:
    nursery = Nursery(top("z"), slow="a")
    nursery.add("a")
    assert nursery.abandon("a") == "-a1"
    assert nursery.overruns("a") == ""
    assert isinstance(nursery.answer, Unstopped)


@pytest.mark.item(53)
def test_a_child_that_says_ignore_while_its_group_is_stopped_gets_its_turn_again() -> None:
    nursery = Nursery(top("a", strategy=ONE_FOR_ALL), slow="z")
    nursery.add("z")
    assert nursery.ends("a") == "-z1"
    assert nursery.tell(d.Ignored("z", 1)) == "+a2 +z2"
    assert nursery.answer == "waits"


@pytest.mark.item(172)
def test_a_child_that_says_ignore_when_nobody_waits_any_more_is_forgotten() -> None:
    nursery = Nursery(top("z"), slow="a")
    nursery.add("a")
    nursery.abandon("a")
    assert nursery.tell(d.Ignored("a", 1)) == "forget:a"


def test_an_overdue_child_that_says_ignore_is_no_longer_overdue() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.terminate("a")
    nursery.overruns("a")
    nursery.tell(d.Ignored("a", 1))
    nursery.resurrect("a")
    nursery.starts("a")
    nursery.terminate("a")
    assert nursery.answer == "waits"
