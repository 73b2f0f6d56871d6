from __future__ import annotations

import gc
from typing import Any

import anyio
import pytest

from supervisor.messages import Skipped
from supervisor.overflow import bounded_queue
from supervisor.parking import parker_type
from supervisor.reader import Buffer
from supervisor.spec import Conflate, Overflow
from supervisor.topics import Subscription, Topic, Topics

pytestmark = pytest.mark.anyio

TICKS: Topic[int] = Topic("ticks")
OTHER: Topic[int] = Topic("other")


class Box:
    """A subscriber that keeps what it takes."""

    def __init__(self, *, full: bool = False) -> None:
        self.taken: list[int] = []
        self.full = full

    def push(self, message: int) -> bool:
        if not self.full:
            self.taken.append(message)
        return not self.full


def subscription(topics: Topics, capacity: int = 10, policy: Overflow | Conflate = Overflow.DROP_OLDEST) -> Subscription[int]:
    return Subscription(topics, TICKS, Buffer(bounded_queue(capacity, policy), parker_type()()))


async def read(reader: Subscription[int], count: int) -> list[Any]:
    return [await anext(reader) for _ in range(count)]


def test_what_is_published_reaches_all_who_subscribe_to_that_topic() -> None:
    topics, one, two, other = Topics(), Box(), Box(), Box()
    topics.subscribe(TICKS, one)
    topics.subscribe(TICKS, two)
    topics.subscribe(OTHER, other)
    assert topics.publish(TICKS, 1) == 2
    assert (one.taken, two.taken, other.taken) == ([1], [1], [])


def test_publishing_counts_who_took_it() -> None:
    topics = Topics()
    assert topics.publish(TICKS, 1) == 0
    topics.subscribe(TICKS, Box())
    topics.subscribe(TICKS, Box(full=True))
    assert topics.publish(TICKS, 2) == 1


def test_a_topic_is_known_by_its_key() -> None:
    topics, box = Topics(), Box()
    topics.subscribe(Topic("ticks"), box)
    assert topics.publish(TICKS, 1) == 1
    assert str(TICKS) == "ticks"


def test_what_the_type_checkers_read_is_never_called() -> None:
    with pytest.raises(AssertionError, match="nothing calls it"):
        TICKS.__carries__()


def test_subscribing_twice_is_once() -> None:
    topics, box = Topics(), Box()
    topics.subscribe(TICKS, box)
    topics.subscribe(TICKS, box)
    assert topics.count(TICKS) == 1
    assert topics.publish(TICKS, 1) == 1


@pytest.mark.item(176)
def test_an_unsubscribed_box_gets_nothing_and_an_empty_topic_leaves_nothing_behind() -> None:
    topics, box = Topics(), Box()
    topics.unsubscribe(TICKS, box)
    topics.subscribe(TICKS, box)
    topics.unsubscribe(TICKS, Box())
    topics.unsubscribe(TICKS, box)
    assert topics.publish(TICKS, 1) == 0
    assert topics._subscribers == {}


def test_a_subscriber_may_leave_while_a_message_is_handed_out() -> None:
    topics, last = Topics(), Box()

    class Leaver(Box):
        def push(self, message: int) -> bool:
            topics.unsubscribe(TICKS, self)
            topics.unsubscribe(TICKS, last)
            return super().push(message)

    topics.subscribe(TICKS, Leaver())
    topics.subscribe(TICKS, last)
    topics.publish(TICKS, 1)
    assert topics.publish(TICKS, 2) == 0


async def test_a_subscription_holds_messages_from_when_it_is_made() -> None:
    topics = Topics()
    topics.publish(TICKS, 1)
    reader = subscription(topics)
    topics.publish(TICKS, 2)
    topics.publish(TICKS, 3)
    assert len(reader) == 2
    assert await read(reader, 2) == [2, 3]


async def test_a_reader_waits_for_the_next_message() -> None:
    topics, found = Topics(), []
    reader = subscription(topics)
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            found.extend(await read(reader, 1))

        group.start_soon(wait)
        await anyio.sleep(1)
        assert found == []
        topics.publish(TICKS, 7)
    assert found == [7]


async def test_a_slow_reader_is_told_once_what_it_missed() -> None:
    topics = Topics()
    reader = subscription(topics, capacity=2)
    for number in range(5):
        topics.publish(TICKS, number)
    assert await read(reader, 3) == [Skipped(3), 3, 4]
    topics.publish(TICKS, 5)
    assert await read(reader, 1) == [5]


TAKEN = {
    # whether one message too many, `2` after `0` and `1`, counts as taken
    Overflow.DROP_OLDEST: True,
    Overflow.DROP_NEWEST: False,
    Overflow.FAIL: False,
    Conflate(lambda number: number % 2): True,
}


@pytest.mark.parametrize("policy", TAKEN, ids=lambda policy: getattr(policy, "name", "CONFLATE"))
async def test_publishing_does_not_count_a_subscription_that_dropped_the_message(policy: Overflow | Conflate) -> None:
    topics = Topics()
    reader = subscription(topics, 2, policy)
    assert [topics.publish(TICKS, number) for number in range(3)] == [1, 1, TAKEN[policy]]
    first = (await read(reader, 1))[0]
    assert first == (2 if isinstance(policy, Conflate) else Skipped(1))  # what was replaced by its key was not missed


async def test_a_closed_subscription_gives_what_it_has_and_ends() -> None:
    topics = Topics()
    with subscription(topics) as reader:
        topics.publish(TICKS, 1)
    assert topics.publish(TICKS, 2) == 0
    reader.close()
    assert [message async for message in reader] == [1]


async def test_a_reader_that_waits_is_ended_with_the_tree() -> None:
    topics, boxed = Topics(), Box()
    topics.subscribe(TICKS, boxed)
    reader = subscription(topics)
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            assert [message async for message in reader] == []

        group.start_soon(wait)
        await anyio.sleep(1)
        topics.close()
    assert topics.count(TICKS) == 1


async def test_a_cancelled_reader_loses_nothing() -> None:
    topics = Topics()
    reader = subscription(topics)
    with anyio.move_on_after(1):
        await anext(reader)
    topics.publish(TICKS, 1)
    assert await read(reader, 1) == [1]


@pytest.mark.item(176)
async def test_a_subscription_that_was_dropped_takes_no_more() -> None:
    topics = Topics()
    reader = subscription(topics)
    assert topics.count(TICKS) == 1
    del reader
    gc.collect()
    assert topics.count(TICKS) == 0
