from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.resilience.limiting.bulkhead_machine import BulkheadMachine, Place


def waiting(bulkhead: BulkheadMachine, *holders: str, priority: int = 0) -> list[Place]:
    """Places for these, in a bulkhead that is full."""
    places = []
    for holder in holders:
        assert not bulkhead.enter(holder)
        places.append(Place(holder, priority))
        bulkhead.join(places[-1])
    return places


def test_as_many_as_the_limit_get_in() -> None:
    bulkhead = BulkheadMachine(2)
    assert [bulkhead.enter(holder) for holder in "abc"] == [True, True, False]


def test_who_is_inside_enters_again_without_a_second_slot() -> None:
    bulkhead = BulkheadMachine(1)
    assert [bulkhead.enter("a") for _ in range(3)] == [True] * 3
    assert bulkhead.in_use == 1


def test_the_slot_is_free_when_it_was_left_as_often_as_entered() -> None:
    bulkhead = BulkheadMachine(1)
    bulkhead.enter("a")
    bulkhead.enter("a")
    (place,) = waiting(bulkhead, "b")
    assert bulkhead.leave("a") == []
    assert bulkhead.leave("a") == [place]


def test_a_slot_is_handed_to_who_came_first() -> None:
    bulkhead = BulkheadMachine(1)
    bulkhead.enter("a")
    first, second = waiting(bulkhead, "b", "c")
    bulkhead.leave("a")
    assert (first.granted, second.granted, bulkhead.is_inside("b")) == (True, False, True)


def test_a_lower_priority_gets_the_slot_first() -> None:
    bulkhead = BulkheadMachine(1)
    bulkhead.enter("a")
    waiting(bulkhead, "b", priority=1)
    (urgent,) = waiting(bulkhead, "c", priority=0)
    assert bulkhead.leave("a") == [urgent]


def test_nobody_takes_a_slot_past_those_who_wait() -> None:
    bulkhead = BulkheadMachine(1)
    bulkhead.enter("a")
    waiting(bulkhead, "b")
    bulkhead.leave("a")
    assert not bulkhead.enter("c")


def test_who_gives_up_its_place_gets_no_slot() -> None:
    bulkhead = BulkheadMachine(1)
    bulkhead.enter("a")
    first, second = waiting(bulkhead, "b", "c")
    assert bulkhead.cancel(first) == []
    assert bulkhead.leave("a") == [second]


def test_a_slot_that_was_handed_to_somebody_who_gives_up_is_handed_on() -> None:
    bulkhead = BulkheadMachine(1)
    bulkhead.enter("a")
    first, second = waiting(bulkhead, "b", "c")
    bulkhead.leave("a")
    assert bulkhead.cancel(first) == [second]
    assert not bulkhead.is_inside("b")


def test_to_give_up_twice_changes_nothing() -> None:
    bulkhead = BulkheadMachine(1)
    bulkhead.enter("a")
    (place,) = waiting(bulkhead, "b")
    bulkhead.leave("a")
    bulkhead.cancel(place)
    bulkhead.enter("c")
    assert bulkhead.cancel(place) == []
    assert bulkhead.in_use == 1


def test_more_slots_are_handed_out_at_once() -> None:
    bulkhead = BulkheadMachine(1)
    bulkhead.enter("a")
    places = waiting(bulkhead, "b", "c", "d")
    assert bulkhead.resize(3) == places[:2]


def test_of_fewer_slots_the_next_ones_leave_first() -> None:
    bulkhead = BulkheadMachine(3)
    for holder in "abc":
        bulkhead.enter(holder)
    bulkhead.resize(1)
    (place,) = waiting(bulkhead, "d")
    assert [bulkhead.leave(holder) for holder in "abc"] == [[], [], [place]]


def test_the_peak_is_remembered() -> None:
    bulkhead = BulkheadMachine(5)
    for holder in "abc":
        bulkhead.enter(holder)
    for holder in "abc":
        bulkhead.leave(holder)
    bulkhead.enter("d")
    assert bulkhead.peak == 3


def test_who_is_not_inside_cannot_leave() -> None:
    with pytest.raises(ValueError, match="'a' leaves a bulkhead in which it is not"):
        BulkheadMachine(1).leave("a")


class AnyUse(RuleBasedStateMachine):
    """Whatever holders do, the machine does what a list of who is inside and a list of who waits would."""

    def __init__(self) -> None:
        super().__init__()
        self.bulkhead = BulkheadMachine(2)
        self.limit = 2
        self.inside: list[int] = []
        """Once for each time that it has entered."""
        self.line: list[Place] = []
        self.woken: list[Place] = []
        """Those that have got a slot, and do not know it yet."""
        self.next = 0

    def holders(self) -> set[int]:
        return set(self.inside)

    def expected(self) -> list[Place]:
        """Who gets a slot now, and has it from now on."""
        granted = []
        while self.line and len(self.holders()) < self.limit:
            granted.append(self.line.pop(0))
            self.inside.append(granted[-1].holder)
        self.woken += granted
        return granted

    @rule(priority=st.integers(-1, 1))
    def somebody_comes(self, priority: int) -> None:
        self.next += 1
        free = len(self.holders()) < self.limit
        assert self.bulkhead.enter(self.next) == free
        if free:
            self.inside.append(self.next)
        else:
            self.line.append(Place(self.next, priority))
            self.bulkhead.join(self.line[-1])
            self.line.sort(key=lambda place: place.priority)

    @precondition(lambda self: self.inside)
    @rule(which=st.integers(0, 99))
    def somebody_inside_enters_again(self, which: int) -> None:
        holder = self.inside[which % len(self.inside)]
        assert self.bulkhead.enter(holder)
        self.inside.append(holder)

    @precondition(lambda self: self.inside)
    @rule(which=st.integers(0, 99))
    def somebody_leaves(self, which: int) -> None:
        holder = self.inside.pop(which % len(self.inside))
        self.woken = [place for place in self.woken if place.holder != holder]
        assert self.bulkhead.leave(holder) == self.expected()

    @precondition(lambda self: self.line)
    @rule(which=st.integers(0, 99))
    def somebody_who_waits_gives_up(self, which: int) -> None:
        assert self.bulkhead.cancel(self.line.pop(which % len(self.line))) == []

    @precondition(lambda self: self.woken)
    @rule(which=st.integers(0, 99))
    def somebody_gives_up_who_has_just_got_a_slot(self, which: int) -> None:
        place = self.woken.pop(which % len(self.woken))
        self.inside.remove(place.holder)
        assert self.bulkhead.cancel(place) == self.expected()

    @rule(limit=st.integers(1, 4))
    def it_is_resized(self, limit: int) -> None:
        self.limit = limit
        assert self.bulkhead.resize(limit) == self.expected()

    @invariant()
    def nobody_is_lost(self) -> None:
        assert (self.bulkhead.in_use, self.bulkhead.waiting) == (len(self.holders()), len(self.line))
        assert not self.line or self.bulkhead.in_use >= self.bulkhead.limit


AnyUse.TestCase.settings = settings(max_examples=settings().max_examples * 30 // 100, stateful_step_count=30, deadline=None)
TestAnyUse = pytest.mark.slow(AnyUse.TestCase)
