from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.fallbacks import FallbackChange, Force, Patience, Switch

PATIENCE = Patience(put_after=10.0, lift_after=60.0, longest=240.0)
AT_ONCE = Patience(put_after=0.0, lift_after=60.0, longest=240.0)


def moves(machine: Switch, *evidence: tuple[float, bool]) -> list[float]:
    """When it moved."""
    return [at for at, bad in evidence if machine.feed(bad, at)]


def test_bad_evidence_has_to_last() -> None:
    assert moves(Switch(PATIENCE), (0.0, True), (9.9, True), (10.0, True), (11.0, True)) == [10.0]


def test_one_good_look_begins_the_wait_anew() -> None:
    assert moves(Switch(PATIENCE), (0.0, True), (5.0, False), (6.0, True), (15.9, True), (16.0, True)) == [16.0]


def test_without_patience_it_is_put_in_force_at_once() -> None:
    assert moves(Switch(AT_ONCE), (3.0, True)) == [3.0]


def test_good_evidence_has_to_last_too() -> None:
    assert moves(Switch(AT_ONCE), (0.0, True), (1.0, False), (60.9, False), (61.0, False)) == [0.0, 61.0]


def test_one_bad_look_begins_the_wait_for_lifting_anew() -> None:
    evidence = [(0.0, True), (1.0, False), (50.0, True), (51.0, False), (110.0, False), (111.0, False)]
    assert moves(Switch(AT_ONCE), *evidence) == [0.0, 111.0]


def test_what_comes_back_at_once_is_lifted_twice_as_late_each_time_up_to_the_longest() -> None:
    machine, now, waits = Switch(AT_ONCE), 0.0, []
    for _ in range(5):
        machine.feed(True, now)
        machine.feed(False, now)
        waits.append(machine.lift_after)
        now += machine.lift_after
        assert machine.feed(False, now)
        now += 1.0
    assert waits == [60.0, 120.0, 240.0, 240.0, 240.0]


@pytest.mark.parametrize(("pause", "patience"), [(60.0, 120.0), (60.1, 60.0)])
def test_what_comes_back_later_than_its_patience_begins_anew(pause: float, patience: float) -> None:
    machine = Switch(AT_ONCE)
    moves(machine, (0.0, True), (0.0, False), (60.0, False), (60.0 + pause, True))
    assert machine.lift_after == patience


def test_a_longest_below_the_first_patience_does_not_shorten_it() -> None:
    machine = Switch(Patience(put_after=0.0, lift_after=60.0, longest=5.0))
    moves(machine, (0.0, True), (0.0, False), (60.0, False), (61.0, True))
    assert machine.lift_after == 60.0


# An operator's word


def forced(word: bool | None, *evidence: tuple[float, bool]) -> Force:
    force = Force(Switch(AT_ONCE))
    for at, bad in evidence:
        force.feed(bad, "evidence", at)
    force.say(word, 100.0)
    return force


def test_a_word_puts_it_in_force_without_evidence() -> None:
    force = Force(Switch(AT_ONCE))
    assert force.say(True, 5.0) == FallbackChange(True, "an operator has put it in force", 5.0)
    assert force.feed(False, "all is well", 1000.0) is None
    assert (force.in_force, force.since) == (True, 5.0)


def test_a_word_lifts_it_whatever_the_evidence() -> None:
    force = forced(False, (0.0, True))
    assert [force.feed(True, "bad", 200.0), force.in_force, force.since] == [None, False, 100.0]


def test_a_word_that_says_what_is_changes_nothing_but_holds() -> None:
    force = forced(True, (0.0, True))
    assert (force.reason, force.since) == ("evidence", 0.0)
    force.feed(False, "good", 200.0)
    force.feed(False, "good", 900.0)
    assert force.in_force


def test_a_word_taken_back_leaves_it_to_the_evidence() -> None:
    force = forced(False, (0.0, True))
    force.feed(True, "bad", 150.0)
    change = force.say(None, 200.0)
    assert change is not None
    assert change.on


def test_what_was_in_force_before_a_restart_is_lifted_by_evidence_that_lasts() -> None:
    force = Force(Switch(AT_ONCE))
    force.recall(None, "bad", 3.0)
    assert (force.in_force, force.reason, force.since) == (True, "bad", 3.0)
    assert [force.feed(False, "good", at) is not None for at in (10.0, 69.9, 70.0)] == [False, False, True]


@pytest.mark.parametrize("word", [True, False])
def test_a_word_outlives_a_restart(word: bool) -> None:
    force = Force(Switch(AT_ONCE))
    force.recall(word, "bad", 3.0)
    force.feed(not word, "evidence", 10.0)
    force.feed(not word, "evidence", 999.0)
    assert force.in_force is word


def test_what_is_neither_in_force_nor_spoken_about_need_not_be_remembered() -> None:
    assert [Force(Switch(AT_ONCE)).idle, forced(True).idle, forced(False).idle, forced(None).idle] == [True, False, False, True]


# Whatever happens

STEPS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.5, 5.0, 20.0, 70.0])), max_size=80)


@settings(max_examples=60)
@given(STEPS)
def test_it_never_moves_faster_than_its_patience(steps: list[tuple[bool, float]]) -> None:
    machine, now, moved = Switch(PATIENCE), 0.0, []
    for bad, pause in steps:
        now += pause
        if machine.feed(bad, now):
            moved.append((now, machine.in_force))
    assert [on for _, on in moved] == [number % 2 == 0 for number in range(len(moved))]
    for (before, _), (at, on) in itertools.pairwise(moved):
        assert at - before >= (PATIENCE.put_after if on else PATIENCE.lift_after)


@settings(max_examples=60)
@given(STEPS)
def test_after_any_history_it_is_lifted_when_evidence_is_good_for_long_enough(steps: list[tuple[bool, float]]) -> None:
    machine, now = Switch(PATIENCE), 0.0
    for bad, pause in steps:
        now += pause
        machine.feed(bad, now)
    machine.feed(False, now)
    machine.feed(False, now + PATIENCE.longest)
    assert not machine.in_force


def test_evidence_that_swings_for_ever_moves_it_ever_less_often() -> None:
    machine, now, puts = Switch(AT_ONCE), 0.0, 0
    while now < 36_000.0:
        # As soon as it is lifted the evidence is bad again.
        puts += machine.feed(not machine.in_force, now) and machine.in_force
        now += 1.0
    assert puts <= 36_000.0 / AT_ONCE.longest + 3


@settings(max_examples=60)
@given(STEPS, st.booleans())
def test_a_word_wins_over_any_evidence(steps: list[tuple[bool, float]], word: bool) -> None:
    force, now = Force(Switch(PATIENCE)), 0.0
    force.say(word, now)
    for bad, pause in steps:
        now += pause
        assert force.feed(bad, "evidence", now) is None
        assert force.in_force is word
