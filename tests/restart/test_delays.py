"""The restart machine, S: delays between lives."""

from __future__ import annotations

import pytest

from supervisor import decisions as d
from supervisor.backoff import Backoff
from supervisor.exits import Shutdown
from supervisor.restart import Stage
from supervisor.spec import Exhausted, Intensity
from tests.restart.support import ONE_FOR_ALL, REST_FOR_ONE, Nursery, child, top


def delays(nursery: Nursery) -> list[float]:
    return [effect.delay for effect in nursery.effects if isinstance(effect, d.Restarting)]


@pytest.mark.item(192, 196)
def test_delays_grow_with_the_failures_in_a_row_failed_starts_included() -> None:
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, 5.0, jitter=0.0))))
    found = []
    nursery.failing = {"a"}
    nursery.ends("a")
    for _ in range(4):
        found += delays(nursery)
        nursery.due("a")
    assert found + delays(nursery) == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert nursery.machine.restarts_in_window(0.0) == 5


@pytest.mark.item(193)
@pytest.mark.parametrize(("lasted", "delay"), [(0.0, 2.0), (5.9, 2.0), (6.0, 1.0), (100.0, 1.0)])
def test_a_stable_life_sets_the_delay_back(lasted: float, delay: float) -> None:
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, 11.0, jitter=0.0))))
    nursery.ends("a")
    nursery.due("a")
    nursery.now += lasted
    nursery.ends("a")
    assert delays(nursery) == [delay]


@pytest.mark.item(193)
def test_a_long_start_is_no_stable_life() -> None:
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, 11.0, jitter=0.0))), slow="a")
    nursery.starts("a")
    nursery.ends("a")
    nursery.due("a")
    nursery.now += 100.0
    nursery.ends("a")
    assert delays(nursery) == [2.0]


@pytest.mark.parametrize(("random", "delay"), [(0.0, 0.5), (0.5, 1.0), (0.75, 1.25)])
def test_jitter_is_made_of_the_random_number_that_was_given(random: float, delay: float) -> None:
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, jitter=0.5))))
    assert nursery.ends("a", random=random) == f"a:{delay:g}s"


@pytest.mark.item(195)
def test_the_child_starts_when_its_delay_is_over_and_not_before() -> None:
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, jitter=0.0)), "b"))
    assert nursery.ends("a") == "a:1s"
    assert nursery.ends("b") == "+b2"
    assert nursery.due("a") == "+a2"


@pytest.mark.item(195)
def test_a_group_waits_for_the_delay_of_the_child_that_failed() -> None:
    nursery = Nursery(top("a", child("b", backoff=Backoff(1.0, jitter=0.0)), "c", strategy=REST_FOR_ONE), slow="c")
    nursery.starts("c")
    assert nursery.ends("b") == "b:1s -c1"
    assert nursery.due("b") == ""
    assert nursery.ends("c", Shutdown()) == "+b2 +c2"


@pytest.mark.item(48, 195)
def test_a_group_that_grew_to_the_left_waits_for_the_delay_all_the_same() -> None:
    nursery = Nursery(top("a", child("b", backoff=Backoff(1.0, jitter=0.0)), "c", strategy=REST_FOR_ONE))
    assert nursery.ends("b") == "b:1s -c1"
    assert nursery.ends("a") == ""
    assert nursery.due("b") == "+a2 +b2 +c2"


@pytest.mark.item(195)
def test_a_group_that_waits_for_a_delay_is_not_lost_when_someone_else_starts_meanwhile() -> None:
    nursery = Nursery(top("a", child("b", backoff=Backoff(1.0, jitter=0.0)), strategy=REST_FOR_ONE))
    nursery.terminate("a")
    nursery.slow = {"a"}
    assert nursery.resurrect("a") == "+a2"
    assert nursery.ends("b") == "b:1s"
    assert nursery.starts("a") == ""
    assert nursery.machine.stage is Stage.CLEARING
    assert nursery.due("b") == "+b2"


@pytest.mark.item(50, 81)
def test_a_child_brought_back_in_the_place_of_one_that_was_terminated_in_its_delay_waits_for_its_turn() -> None:
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, jitter=0.0)), "b", strategy=REST_FOR_ONE), slow="b")
    nursery.starts("b")
    assert nursery.ends("a") == "a:1s -b1"
    assert nursery.terminate("a") == "a:cancel close:a"
    assert nursery.resurrect("a") == ""
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"


@pytest.mark.item(81, 195)
def test_a_group_goes_on_without_a_child_that_is_terminated_in_its_delay() -> None:
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, jitter=0.0)), "b", strategy=ONE_FOR_ALL))
    assert nursery.ends("a") == "a:1s -b1"
    assert nursery.terminate("a") == "a:cancel close:a +b2"


@pytest.mark.item(194)
@pytest.mark.parametrize("exhausted", Exhausted)
def test_so_many_failures_in_a_row_are_too_many(exhausted: Exhausted) -> None:  # D10
    backoff = Backoff(1.0, jitter=0.0, give_up_after=3)
    nursery = Nursery(top(child("a", backoff=backoff), "b", intensity=Intensity(100, 10.0, exhausted=exhausted)))
    for _ in range(2):
        nursery.ends("a")
        nursery.due("a")
    end = "close:a" if exhausted is Exhausted.GIVE_UP else "-b1 finish:RestartIntensityExceeded"
    assert nursery.ends("a").startswith(f"gave-up:a {end}")


@pytest.mark.item(196)
def test_the_default_backoff_never_trips_the_default_intensity() -> None:  # D10
    nursery = Nursery(top(child("a", backoff=Backoff()), intensity=Intensity()))
    for _ in range(200):
        nursery.ends("a", random=0.0)
        wait = next(effect for effect in nursery.effects if isinstance(effect, d.Wait))
        nursery.now += wait.delay
        nursery.due("a")
    assert nursery.running == "a201"
