from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.overflow import FAIL, NOTHING, REFUSED, BoundedQueue, Outcome, bounded_queue
from supervisor.spec import Conflate, Overflow


def first_letter(item: str) -> str | None:
    """Items that begin with `_` are not to be conflated."""
    return None if item.startswith("_") else item[0]


CONFLATE = Conflate(first_letter)

ONE_TOO_MANY = {
    # policy, what is queued, what is offered: the answer, what is queued then
    (Overflow.DROP_NEWEST, "a1 b1", "c1"): (REFUSED, "a1 b1"),
    (Overflow.DROP_OLDEST, "a1 b1", "c1"): ("a1", "b1 c1"),
    (Overflow.FAIL, "a1 b1", "c1"): (FAIL, "a1 b1"),
    (CONFLATE, "a1 b1", "c1"): ("a1", "b1 c1"),
    (CONFLATE, "a1 b1", "b2"): (NOTHING, "a1 b2"),
    (CONFLATE, "a1 b1", "a2"): (NOTHING, "a2 b1"),
    (CONFLATE, "a1", "a2"): (NOTHING, "a2"),
    (CONFLATE, "_1 _2", "_3"): ("_1", "_2 _3"),
    (CONFLATE, "_1", "_1"): (NOTHING, "_1 _1"),
}


@pytest.mark.parametrize(("policy", "queued", "offered"), ONE_TOO_MANY)
def test_the_policy_says_what_goes(policy: Any, queued: str, offered: str) -> None:
    queue = bounded_queue(2, policy)
    for item in queued.split():
        assert queue.offer(item) is NOTHING
    dropped, left = ONE_TOO_MANY[policy, queued, offered]
    assert queue.offer(offered) == dropped
    assert list(queue) == left.split()


@pytest.mark.parametrize("policy", [*Overflow, CONFLATE], ids=lambda policy: getattr(policy, "name", "CONFLATE"))
def test_a_queue_that_is_not_full_takes_everything_and_gives_it_back_in_order(policy: Any) -> None:
    queue = bounded_queue(3, policy)
    assert [queue.offer(item) for item in ("a1", "b1", "c1")] == [NOTHING] * 3
    assert queue.full
    assert [queue.take() for _ in range(3)] == ["a1", "b1", "c1"]
    assert len(queue) == 0
    assert not queue.full


@pytest.mark.parametrize("policy", [*Overflow, CONFLATE], ids=lambda policy: getattr(policy, "name", "CONFLATE"))
def test_taking_from_an_empty_queue_is_an_index_error(policy: Any) -> None:
    with pytest.raises(IndexError):
        bounded_queue(1, policy).take()


@pytest.mark.parametrize("policy", [*Overflow, CONFLATE], ids=lambda policy: getattr(policy, "name", "CONFLATE"))
def test_a_cleared_queue_is_as_new(policy: Any) -> None:
    queue = bounded_queue(2, policy)
    queue.offer("a1")
    queue.offer("b1")
    assert queue.clear() == ["a1", "b1"]
    assert queue.offer("a2") is NOTHING
    assert list(queue) == ["a2"]


def test_an_item_that_replaces_itself_drops_nothing() -> None:
    queue = bounded_queue(2, CONFLATE)
    item = "a1"
    queue.offer(item)
    assert queue.offer(item) is NOTHING
    assert list(queue) == [item]


def test_a_taken_item_is_not_replaced() -> None:
    queue = bounded_queue(2, CONFLATE)
    queue.offer("a1")
    queue.take()
    assert queue.offer("a2") is NOTHING
    assert queue.take() == "a2"


def test_an_item_that_was_pushed_out_is_not_replaced() -> None:
    queue = bounded_queue(1, CONFLATE)
    queue.offer("a1")
    queue.offer("b1")
    assert queue.offer("a2") == "b1"
    assert list(queue) == ["a2"]


def test_what_an_offer_answers_can_be_read() -> None:
    assert [repr(NOTHING), repr(REFUSED), repr(FAIL)] == ["nothing was lost", "the item was dropped", "the queue is full"]
    assert repr(Outcome("a word")) == "a word"


class Model:
    """The same, slowly, with a list."""

    def __init__(self, capacity: int, policy: Overflow | Conflate) -> None:
        self.capacity = capacity
        self.policy = policy
        self.items: list[str] = []

    def offer(self, item: str) -> Any:
        if isinstance(self.policy, Conflate) and (key := first_letter(item)) is not None:
            for at, old in enumerate(self.items):
                if first_letter(old) == key:
                    self.items[at] = item
                    return NOTHING
        if len(self.items) < self.capacity:
            self.items.append(item)
            return NOTHING
        match self.policy:
            case Overflow.DROP_NEWEST:
                return REFUSED
            case Overflow.FAIL:
                return FAIL
            case _:
                self.items.append(item)
                return self.items.pop(0)


@pytest.mark.parametrize("policy", [*Overflow, CONFLATE], ids=lambda policy: getattr(policy, "name", "CONFLATE"))
@given(capacity=st.integers(1, 4), moves=st.lists(st.sampled_from("abc_<!"), max_size=40))
def test_any_sequence_ends_as_in_the_model(policy: Any, capacity: int, moves: list[str]) -> None:
    queue: BoundedQueue = bounded_queue(capacity, policy)
    model = Model(capacity, policy)
    for number, move in enumerate(moves):
        if move == "<":
            assert (queue.take() if len(queue) else None) == (model.items.pop(0) if model.items else None)
        elif move == "!" and number % 3 == 0:
            assert queue.clear() == model.items
            model.items = []
        else:
            assert queue.offer(f"{move}{number}") == model.offer(f"{move}{number}")
        assert list(queue) == model.items
        assert len(queue) == len(model.items)
        assert queue.full == (len(model.items) >= capacity)


@pytest.mark.parametrize("key", [lambda item: item.nothing, lambda item: [item]], ids=["raises", "unhashable"])
def test_a_key_function_that_gives_no_usable_key_lets_the_item_be_queued(key: Any) -> None:
    queue = bounded_queue(2, Conflate(key))
    assert queue.offer("a") is NOTHING
    assert queue.offer("b") is NOTHING
    assert list(queue) == ["a", "b"]
