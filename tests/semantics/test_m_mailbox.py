"""M. Mailboxes: tell and send, their order, what is left at a restart, and what happens when they are full."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from supervisor import (
    Actor,
    ActorCrashed,
    ActorSpec,
    ChildEnded,
    Conflate,
    DeadLetter,
    DynamicSupervisorSpec,
    HookFailed,
    Mailbox,
    MailboxFull,
    MailboxOverflow,
    NoSuchActor,
    OnRestart,
    Overflow,
    Restart,
)
from supervisor.testing import await_restart, crash
from tests.semantics.actors import (
    LOOSE,
    Boom,
    Do,
    Get,
    Journal,
    Outcome,
    Recorder,
    Sleep,
    Who,
    actor,
    incarnations,
    opened,
    settle,
    tree,
)

pytestmark = pytest.mark.anyio


@pytest.mark.item(134)
async def test_a_tell_past_its_time_is_never_handled() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a")), journal) as root:
        ref = root.child("a")
        ref.tell(Sleep(5.0))
        assert ref.tell("stale", expires=4.0)
        assert ref.tell("fresh", expires=6.0)
        await anyio.sleep(7)
        assert [(letter.message, letter.reason) for letter in journal.of(DeadLetter)] == [("str", "expired")]
    assert "a: fresh" in journal.lines
    assert "a: stale" not in journal.lines


@pytest.mark.item(136)
@pytest.mark.parametrize("policy", list(OnRestart))
async def test_what_was_queued_is_kept_or_dropped_at_a_restart(policy: OnRestart) -> None:
    journal = Journal()
    spec = actor(journal, "a", mailbox=Mailbox(on_restart=policy))
    async with opened(tree(spec), journal) as root, anyio.create_task_group() as group:
        ref = root.child("a")
        ref.tell(Boom())
        outcome = Outcome(group, ref, Who())
        await settle()
        ref.tell("later")
        await settle()
        if policy is OnRestart.KEEP:
            assert outcome.value == 2
        crash(ref)
        ref.tell("queued")
        await await_restart(ref)
        await settle()
        assert ("a: queued" in journal.lines) is (policy is OnRestart.KEEP)


@pytest.mark.item(136)
async def test_queued_asks_fail_at_once_when_the_queue_is_dropped() -> None:
    journal = Journal(slow_start={})
    spec = actor(journal, "a", mailbox=Mailbox(on_restart=OnRestart.DROP))
    async with opened(tree(spec), journal) as root, anyio.create_task_group() as group:
        ref = root.child("a")
        ref.tell(Sleep(5.0))
        await settle()
        outcome = Outcome(group, ref, Who())
        await settle()
        crash(ref)
        await settle()
        assert isinstance(outcome.value, ActorCrashed)
        assert len(journal.of(DeadLetter)) == 2  # Sleep, which was cut, and Who


@pytest.mark.item(136)
async def test_the_message_that_crashed_a_life_is_not_handled_again() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a")), journal) as root:
        root.child("a").tell(Boom("why"))
        root.child("a").tell("next")
        await settle()
        assert incarnations(root) == {"a": 2}
        assert journal.lines == ["+a", "-a", "+a", "a: next"]
        letter = journal.of(DeadLetter)[0]
        assert letter.message == "Boom"
        assert "BoomError: why" in letter.reason


@pytest.mark.item(135)
async def test_a_place_that_closes_fails_the_asks_that_were_queued() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", shutdown=1.0)), journal) as root, anyio.create_task_group() as group:
        ref = root.child("a")
        ref.tell(Sleep(1000.0))
        outcome = Outcome(group, ref, Who())
        await settle()
        await root.terminate_child("a")
        await settle()
        assert isinstance(outcome.value, NoSuchActor)
        assert not ref.tell("late")
        assert journal.of(DeadLetter)[-1].reason == "no such actor"


@pytest.mark.item(142)
async def test_a_tell_neither_fails_nor_waits() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", mailbox=Mailbox(2))), journal) as root:
        ref = root.child("a")
        assert [ref.tell(text) for text in "123"] == [True, True, False]
        await root.terminate_child("a")
        assert not ref.tell("gone")
        await root.delete_child("a")
        assert not ref.tell("deleted")
    assert not ref.tell("ended")
    reasons = [letter.reason for letter in journal.of(DeadLetter)]
    assert reasons.count("mailbox full") == 1
    assert reasons[-1] == "no such actor"


@pytest.mark.item(142)
async def test_a_message_of_the_wrong_type_is_the_senders_error() -> None:
    journal = Journal()

    class Ints(Actor[int]):
        def receive(self, message: int) -> None: ...

    async with opened(tree(ActorSpec("a", Ints)), journal) as root:
        ref = root.child("a")
        for verb in (ref.tell, ref.ask, ref.send):
            with pytest.raises(TypeError, match=r"root/a does not accept str; it is an Actor\[int\]"):
                result = verb("text")
                await result
        assert ref.tell(True)  # a subclass of int
        await settle()
        assert incarnations(root) == {"a": 1}
    assert journal.of(DeadLetter) == []


@pytest.mark.item(143)
async def test_messages_of_one_sender_keep_their_order() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", mailbox=Mailbox(100)))) as root:
        ref = root.child("a")
        for number in range(500):
            await ref.send(number)
        await settle()
    assert journal.lines[1:-1] == [f"a: {number}" for number in range(500)]


@pytest.mark.item(148)
async def test_signals_come_though_the_mailbox_is_full() -> None:
    journal = Journal()

    def script(me: Recorder) -> Any:
        me.monitor(me.context.supervisor.child("b"))
        me.after(1, "timer")
        return anyio.sleep(2)

    async with opened(tree(actor(journal, "a", mailbox=Mailbox(1)), actor(journal, "b"))) as root:
        ref = root.child("a")
        ref.tell(Do(script))
        await settle()
        assert ref.tell("one")
        assert not ref.tell("two")
        crash(root.child("b"))
        await anyio.sleep(3)
    assert journal.lines[4:7] == ["a: Down b 1 PoisonError: root/b was crashed on purpose", "a: timer", "a: one"]


@pytest.mark.item(150)
async def test_overflow_is_an_event_at_most_once_a_second() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", mailbox=Mailbox(1))), journal) as root:
        ref = root.child("a")
        ref.tell(Sleep(10))
        await settle()
        for _ in range(5):
            for _ in range(100):
                ref.tell("x")
            await anyio.sleep(0.5)
        events = journal.of(MailboxOverflow)
        assert 2 <= len(events) <= 4
        assert (events[0].dropped, events[0].policy) == (1, "drop_newest")
        assert sum(event.dropped for event in events) <= 499
        assert root.snapshot().root.children[0].dropped == 499


@pytest.mark.item(150)
async def test_overflow_policies() -> None:
    for overflow, left in ((Overflow.DROP_NEWEST, "12"), (Overflow.DROP_OLDEST, "34")):
        journal = Journal()
        async with opened(tree(actor(journal, "a", mailbox=Mailbox(2, overflow)))) as root:
            for text in "1234":
                root.child("a").tell(text)
            await settle()
        assert journal.lines[1:-1] == [f"a: {text}" for text in left]


@pytest.mark.item(150)
async def test_an_overflow_under_fail_crashes_the_actor_once() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", mailbox=Mailbox(2, Overflow.FAIL))), journal) as root:
        ref = root.child("a")
        ref.tell(Sleep(100.0))
        await settle()
        assert [ref.tell(text) for text in "123456"] == [True, True, False, False, False, False]
        await settle()
        assert isinstance(journal.of(ChildEnded)[0].cause, MailboxFull)
        assert incarnations(root) == {"a": 2}
        assert not journal.of(HookFailed)
        assert journal.lines[-2:] == ["a: 1", "a: 2"]


@pytest.mark.item(150)
async def test_a_full_mailbox_refuses_an_ask() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", mailbox=Mailbox(1)))) as root:
        ref = root.child("a")
        ref.tell(Sleep(100.0))
        await settle()
        ref.tell("x")
        with pytest.raises(MailboxFull):
            await ref.ask(Get())
        assert anyio.current_time() < 0.1


@pytest.mark.item(150)
async def test_the_oldest_ask_hears_that_it_had_to_go() -> None:
    journal = Journal()
    spec = actor(journal, "a", mailbox=Mailbox(1, Overflow.DROP_OLDEST))
    async with opened(tree(spec)) as root, anyio.create_task_group() as group:
        ref = root.child("a")
        ref.tell(Sleep(100.0))
        await settle()
        outcome = Outcome(group, ref, Get())
        await settle()
        ref.tell("newer")
        await settle()
        assert isinstance(outcome.value, MailboxFull)
        group.cancel_scope.cancel()


@pytest.mark.item(150)
async def test_conflation_replaces_what_is_told_but_never_an_ask() -> None:
    journal = Journal()
    mailbox = Mailbox(10, Conflate(type))
    async with opened(tree(actor(journal, "a", mailbox=mailbox))) as root, anyio.create_task_group() as group:
        ref = root.child("a")
        ref.tell(Sleep(5.0))
        await settle()
        first, second = Outcome(group, ref, Get()), Outcome(group, ref, Get())
        await settle()
        for text in "123":
            ref.tell(text)
        await anyio.sleep(6)
        assert {first.value, second.value} == {1, 2}
    assert journal.lines == ["+a", "a sleeps", "a slept", "a: 3", "-a"]


@pytest.mark.item(143, 150)
async def test_send_waits_for_room_and_a_cut_send_was_not_sent() -> None:
    journal, sent = Journal(), []
    async with opened(tree(actor(journal, "a", mailbox=Mailbox(1)))) as root, anyio.create_task_group() as group:
        ref = root.child("a")

        async def send(text: str, patience: float) -> None:
            with anyio.move_on_after(patience):
                await ref.send(text)
                sent.append(text)

        ref.tell(Sleep(5.0))
        await settle()
        ref.tell("0")
        for text, patience in (("1", 100.0), ("cut", 2.0), ("2", 100.0)):
            group.start_soon(send, text, patience)
            await settle()
        await anyio.sleep(3)
        assert sent == []
        await anyio.sleep(3)
        assert sent == ["1", "2"]
    assert journal.lines == ["+a", "a sleeps", "a slept", "a: 0", "a: 1", "a: 2", "-a"]


@pytest.mark.item(150)
async def test_a_waiting_send_hears_that_the_place_closed() -> None:
    journal, errors = Journal(), []
    async with opened(tree(actor(journal, "a", mailbox=Mailbox(1)))) as root, anyio.create_task_group() as group:
        ref = root.child("a")

        async def send() -> None:
            with pytest.raises(NoSuchActor):
                await ref.send("x")
            errors.append("gone")

        ref.tell(Sleep(100.0))
        await settle()
        ref.tell("0")
        group.start_soon(send)
        await settle()
        await root.terminate_child("a")
        await settle()
        assert errors == ["gone"]


@pytest.mark.item(144)
async def test_an_actor_without_receive_crashes_with_a_clear_error() -> None:
    class Mute(Actor[str]):
        pass

    journal = Journal()
    async with opened(tree(ActorSpec("a", Mute, restart=Restart.TEMPORARY)), journal) as root:
        root.child("a").tell("x")
        await settle()
    assert "has no receive" in journal.of(ChildEnded)[0].reason


class Slow(Actor[int]):
    """Each message takes a while of a clock of its own."""

    def __init__(self, seconds: float, clock: list[float], handled: list[int]) -> None:
        self.seconds = seconds
        self.clock = clock
        self.handled = handled

    def receive(self, message: int) -> None:
        self.clock[0] += self.seconds
        self.handled.append(message)


@pytest.mark.parametrize(
    ("seconds", "in_one_go"), [(0.0, 256), (0.0001, 32), (0.0006, 4), (0.003, 1), (1.0, 1)], ids=lambda value: f"{value:g}"
)
async def test_a_flooded_actor_gives_way_after_about_two_milliseconds(
    seconds: float, in_one_go: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, handled, goes = [0.0], list[int](), [0]

    async def give_way() -> None:
        goes.append(len(handled))
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr("supervisor.loop.give_way", give_way)
    async with opened(tree(dynamic := DynamicSupervisorSpec("many"))) as root:
        runtime = root._runtime
        real = runtime.now
        runtime.now = lambda: real() + clock[0]
        ref = await root.supervisor(dynamic.id).start_child(
            ActorSpec("a", lambda: Slow(seconds, clock, handled), mailbox=Mailbox(2_000))
        )
        for number in range(1_024):
            ref.tell(number)
        while len(handled) < 1_024:
            await anyio.lowlevel.checkpoint()
    assert {after - before for before, after in pairwise(goes)} == {in_one_go}


@pytest.mark.item(200)
async def test_over_several_failures_the_queue_keeps_its_order_and_no_failing_message_runs_again() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), intensity=LOOSE), journal) as root:
        a = root.child("a")
        for number in range(6):
            a.tell(number)
            a.tell(Boom(str(number)))
        await settle()
        assert [line for line in journal.lines if line.startswith("a:")] == [f"a: {number}" for number in range(6)]
        assert [event.reason for event in journal.of(ChildEnded)] == [f"BoomError: {number}" for number in range(6)]
