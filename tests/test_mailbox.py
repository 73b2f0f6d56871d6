from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from supervisor.errors import ActorCrashed, AskTimeout, NoSuchActor
from supervisor.exits import Failed, Killed
from supervisor.mailbox import Expiring, Inbox, PendingReply, message_of
from supervisor.overflow import FAIL, NOTHING, REFUSED
from supervisor.parking import parker_type
from supervisor.spec import Conflate, Mailbox, Overflow

pytestmark = pytest.mark.anyio


def reply() -> PendingReply:
    one = PendingReply("bank/till", parker_type()())
    one.timeout = 5.0
    return one


def inbox(capacity: int = 2, overflow: Overflow | Conflate = Overflow.DROP_NEWEST) -> Inbox:
    box = Inbox(Mailbox(capacity, overflow), parker_type())
    box.new_queue()
    return box


async def answers(one: PendingReply, act: Callable[[], object]) -> Any:
    """What who waits gets, if this is done while it waits."""
    found: list[Any] = []
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            try:
                found.append(await one.wait())
            except Exception as error:
                found.append(error)

        group.start_soon(wait)
        await anyio.sleep(1)
        act()
    return found[0]


@pytest.mark.parametrize("value", [5, None, False, ValueError("a value")], ids=repr)
async def test_who_waits_gets_the_answer(value: Any) -> None:
    one = reply()
    assert await answers(one, lambda: one.give(value)) is value


async def test_an_answer_may_come_before_it_is_waited_for() -> None:
    one = reply()
    assert one.give(5)
    assert await one.wait() == 5


@pytest.mark.item(138)
async def test_the_first_answer_counts() -> None:
    one = reply()
    assert [one.give(1), one.give(2), one.fail(ValueError()), one.crash(Killed())] == [True, False, False, False]
    one.expire()
    assert await one.wait() == 1
    assert not one.abandoned


async def test_who_waits_gets_the_error() -> None:
    one, error = reply(), NoSuchActor("bank/till")
    assert await answers(one, lambda: one.fail(error)) is error
    assert not one.pending


@pytest.mark.item(135, 141)
@pytest.mark.parametrize(("reason", "cause"), [(Failed(ValueError("boom")), ValueError), (Killed(), None)], ids=str)
async def test_a_crash_of_who_was_asked_is_told_with_its_cause(reason: Any, cause: type | None) -> None:
    one = reply()
    error = await answers(one, lambda: one.crash(reason))
    assert isinstance(error, ActorCrashed)
    assert (error.path, error.reason) == ("bank/till", reason)
    assert error.__cause__ is None if cause is None else isinstance(error.__cause__, cause)


@pytest.mark.item(134)
@pytest.mark.parametrize("started", [True, False])
async def test_a_timeout_says_whether_the_work_had_begun(started: bool) -> None:  # D14
    one = reply()
    one.started = started
    error = await answers(one, one.expire)
    assert isinstance(error, AskTimeout)
    assert (error.started, error.timeout) == (started, 5.0)
    assert not one.pending


@pytest.mark.item(134)
async def test_a_late_answer_reaches_nobody() -> None:
    one = reply()
    one.expire()
    assert not one.give(5)


async def test_who_waits_and_is_cancelled_abandons_the_request() -> None:  # D14
    one = reply()
    with anyio.move_on_after(1):
        await one.wait()
    assert one.abandoned
    assert not one.pending
    assert not one.give(5)


# -------------------------------------------------------------------------------------------------------------- envelopes


async def test_an_item_is_a_message_or_holds_one() -> None:
    held = PendingReply("bank/till", parker_type()(), "a")
    assert message_of("a") == message_of(Expiring("a", 10.0)) == message_of(held) == "a"


# ------------------------------------------------------------------------------------------------------------------- inbox


@pytest.mark.item(143)
async def test_an_inbox_gives_items_in_order() -> None:
    box = inbox()
    assert [box.queue.offer("a"), box.queue.offer("b"), box.queue.offer("c")] == [NOTHING, NOTHING, REFUSED]
    assert len(box) == 2
    assert [box.take(), box.take()] == ["a", "b"]


async def test_an_inbox_obeys_its_policy() -> None:
    box = inbox(1, Overflow.FAIL)
    box.queue.offer("a")
    assert box.queue.offer("b") is FAIL


@pytest.mark.item(135)
async def test_a_request_is_never_conflated() -> None:
    box = inbox(5, Conflate(lambda message: message[0]))
    asked = PendingReply("bank/till", parker_type()(), "a1")
    box.queue.offer("a0")
    box.queue.offer(asked)
    assert box.queue.offer("a2") is NOTHING
    assert [message_of(item) for item in box.queue] == ["a2", "a1"]


async def test_messages_that_can_expire_are_conflated_like_others() -> None:
    box = inbox(5, Conflate(lambda message: message[0]))
    first = Expiring("a1", 5.0)
    box.queue.offer(first)
    assert box.queue.offer("a2") is NOTHING
    assert box.queue.offer(Expiring("a3", 9.0)) is NOTHING
    assert [message_of(item) for item in box.queue] == ["a3"]


class Senders:
    """Tasks that wait for room, by name, and the order in which they got it."""

    def __init__(self, box: Inbox, group: anyio.abc.TaskGroup) -> None:
        self.box = box
        self.group = group
        self.woken: list[str] = []
        self.scopes: dict[str, anyio.CancelScope] = {}

    async def start(self, names: str) -> None:
        for name in names:
            self.group.start_soon(self._wait, name)
            await anyio.sleep(0.1)

    async def _wait(self, name: str) -> None:
        with anyio.CancelScope() as self.scopes[name]:
            await self.box.room()
            self.woken.append(name)


async def test_who_waits_for_room_gets_it_first_come_first_served() -> None:
    box = inbox()
    box.queue.offer("x")
    box.queue.offer("y")
    async with anyio.create_task_group() as group:
        senders = Senders(box, group)
        await senders.start("abc")
        box.take()
        await anyio.sleep(1)
        assert senders.woken == ["a"]
        box.take()
        await anyio.sleep(1)
        assert senders.woken == ["a", "b"]
        box.wake_senders()
    assert senders.woken == ["a", "b", "c"]


async def test_who_gives_up_waiting_for_room_is_passed_over() -> None:
    box = inbox()
    box.queue.offer("x")
    async with anyio.create_task_group() as group:
        senders = Senders(box, group)
        await senders.start("abc")
        senders.scopes["a"].cancel()
        await anyio.sleep(1)
        box.take()
        await anyio.sleep(1)
        assert senders.woken == ["b"]
        box.wake_senders()


async def test_a_turn_that_comes_together_with_a_cancellation_is_not_lost() -> None:
    box = inbox()
    box.queue.offer("x")
    async with anyio.create_task_group() as group:
        senders = Senders(box, group)
        await senders.start("ab")
        senders.scopes["a"].cancel()
        box.take()
        await anyio.sleep(1)
        assert senders.woken in (["b"], ["a"])
        box.wake_senders()
        await anyio.sleep(1)
    assert "b" in senders.woken
    assert not box.waiting


async def test_waking_where_nobody_waits_does_nothing() -> None:
    box = inbox()
    box.wake_sender()
    box.wake_senders()
    box.queue.offer("a")
    assert box.take() == "a"
