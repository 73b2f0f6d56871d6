"""M. Ask, tell, send, mailboxes, and what an actor does with its hands."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from supervisor import (
    Actor,
    ActorCrashed,
    ActorSpec,
    AskedSelf,
    AskTimeout,
    BadReply,
    ChildEnded,
    Conflate,
    DeadLetter,
    Failed,
    HookFailed,
    Hung,
    Mailbox,
    MailboxFull,
    MailboxOverflow,
    Name,
    Normal,
    NoSuchActor,
    OnRestart,
    Overflow,
    Request,
    Restart,
    Shutdown,
    Stop,
)
from supervisor.testing import await_restart, crash, kill
from tests.semantics.actors import (
    Boom,
    BoomError,
    Do,
    Get,
    Journal,
    Note,
    Quit,
    Recorder,
    Sleep,
    Who,
    Wrong,
    actor,
    incarnations,
    opened,
    phases,
    settle,
    tree,
)

pytestmark = pytest.mark.anyio
NAME: Name[Any] = Name("somebody")


class Outcome:
    """What an ask in another task came to."""

    def __init__(self, group: Any, ref: Any, request: Any, timeout: float | None = 1000.0) -> None:
        self.value: Any = None
        self.scope = anyio.CancelScope()
        group.start_soon(self._ask, ref, request, timeout)

    async def _ask(self, ref: Any, request: Any, timeout: float | None) -> None:
        try:
            with self.scope:
                self.value = await ref.ask(request, timeout=timeout)
        except Exception as error:
            self.value = error


@pytest.mark.item(133)
async def test_an_ask_of_who_is_gone_fails_at_once() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", restart=Restart.TRANSIENT))) as root:
        ref = root.child("a")
        ref.tell(Quit())
        await settle()
        with pytest.raises(NoSuchActor):
            await ref.ask(Get(), timeout=1000)
        with pytest.raises(NoSuchActor):
            await ref.send("x")
        assert anyio.current_time() < 0.1
    with pytest.raises(NoSuchActor):
        await ref.ask(Get())


@pytest.mark.item(134)
async def test_a_timeout_leaves_the_actor_alone_and_its_late_reply_goes_nowhere() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        ref = root.child("a")
        with pytest.raises(AskTimeout) as caught:
            await ref.ask(Sleep(10.0))
        assert caught.value.started
        assert anyio.current_time() == pytest.approx(5.0, abs=0.01)
        with pytest.raises(AskTimeout) as caught:
            await ref.ask(Get(), timeout=1.0)
        assert not caught.value.started
        await anyio.sleep(10)
        assert await ref.ask(Get()) == 1  # Sleep was handled, the first Get never
        assert incarnations(root) == {"a": 1}


@pytest.mark.item(134)
async def test_a_timeout_of_zero_and_none() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        ref = root.child("a")
        with pytest.raises(AskTimeout):
            await ref.ask(Sleep(1.0), timeout=0)
        assert await ref.ask(Sleep(1e6), timeout=None) == "slept"


@pytest.mark.item(134)
async def test_a_request_whose_asker_was_cancelled_is_never_handled() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a")), journal) as root, anyio.create_task_group() as group:
        ref = root.child("a")
        ref.tell(Sleep(5.0))
        outcome = Outcome(group, ref, Note("never"))
        await settle()
        outcome.scope.cancel()
        await anyio.sleep(6)
        assert await ref.ask(Get()) == 1
        assert [letter.reason for letter in journal.of(DeadLetter)] == ["expired"]
    assert "a: never" not in journal.lines


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


@pytest.mark.item(135, 141)
@pytest.mark.parametrize("how", ["crash", "stop", "kill", "shutdown", "terminate"])
async def test_who_ends_with_an_ask_in_hand_says_so_at_once(how: str) -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", shutdown=2.0))) as root, anyio.create_task_group() as group:
        ref = root.child("a")
        match how:
            case "crash":
                outcome = Outcome(group, ref, Boom("x"))
            case "stop":
                outcome = Outcome(group, ref, Quit())
            case _:
                outcome = Outcome(group, ref, Sleep(1000.0))
        await settle()
        match how:
            case "kill":
                kill(ref)
            case "shutdown":
                await root.stop()
            case "terminate":
                await root.terminate_child("a")
        await settle()
        assert isinstance(outcome.value, ActorCrashed)
        assert anyio.current_time() < 2.1
        if how == "crash":
            assert isinstance(outcome.value.__cause__, BoomError)
            assert isinstance(outcome.value.reason, Failed)
        if how == "stop":
            assert outcome.value.reason == Normal()


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


@pytest.mark.item(137)
async def test_an_answer_can_be_given_before_the_stop() -> None:
    journal = Journal()

    def answer_and_stop(me: Recorder) -> None:
        me.reply_later().give("bye")
        raise Stop

    async with opened(tree(actor(journal, "a", restart=Restart.TRANSIENT))) as root:
        assert await root.child("a").ask(Do(answer_and_stop)) == "bye"
        await settle()
        assert phases(root) == {"a": "stopped"}


@pytest.mark.item(138)
async def test_an_answer_can_come_later_from_anywhere_and_once() -> None:
    journal, given = Journal(), []

    def later(me: Recorder) -> str:
        reply = me.reply_later()

        async def answer() -> None:
            await anyio.sleep(3)
            given.extend([reply.give(42), reply.give(43), reply.fail(BoomError())])

        me.spawn(answer)
        return "this does not count"

    async with opened(tree(actor(journal, "a"))) as root:
        ref = root.child("a")
        assert await ref.ask(Do(later)) == 42
        await settle()
        assert given == [True, False, False]
        assert await ref.ask(Get()) == 1


@pytest.mark.item(135, 138)
async def test_who_ends_with_an_answer_owed_says_so() -> None:
    journal, kept = Journal(), []
    async with opened(tree(actor(journal, "a"))) as root, anyio.create_task_group() as group:
        ref = root.child("a")
        outcome = Outcome(group, ref, Do(lambda me: kept.append(me.reply_later())))
        await settle()
        assert await ref.ask(Get()) == 1
        crash(ref)
        await settle()
        assert isinstance(outcome.value, ActorCrashed)
        assert not kept[0].give("late")


@pytest.mark.item(138)
async def test_reply_later_needs_an_ask() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a")), journal) as root:
        root.child("a").tell(Do(lambda me: me.reply_later()))
        await settle()
        assert "no ask in hand" in journal.of(ChildEnded)[0].reason


@pytest.mark.item(139)
@pytest.mark.parametrize("how", ["ask", "ask by name", "send", "stop"])
async def test_waiting_for_oneself_is_refused(how: str) -> None:
    journal = Journal()

    async def act(me: Recorder) -> None:
        match how:
            case "ask":
                await me.context.ref.ask(Get())
            case "ask by name":
                await me.lookup(NAME).ask(Get())
            case "send":
                while True:
                    await me.context.ref.send("x")
            case "stop":
                await me.context.ref.stop()

    async with opened(tree(actor(journal, "a", name=NAME, mailbox=Mailbox(3)))) as root:
        with pytest.raises(ActorCrashed) as caught:
            await root.child("a").ask(Do(act))
        assert isinstance(caught.value.__cause__, AskedSelf)
        assert anyio.current_time() < 0.1


@pytest.mark.item(139)
async def test_a_spawned_task_may_ask_its_own_actor() -> None:
    journal, got = Journal(), []

    async def ask(me: Recorder) -> None:
        got.append(await me.context.ref.ask(Get()))

    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(lambda me: me.spawn(ask, me)))
        await settle()
    assert got == [1]


@pytest.mark.item(140)
async def test_a_reply_of_the_wrong_type_crashes_who_gave_it() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        with pytest.raises(ActorCrashed) as caught:
            await root.child("a").ask(Wrong())
        cause = caught.value.__cause__
        assert isinstance(cause, BadReply)
        assert (cause.request, cause.reply, cause.expected) == (Wrong, "a text", int)
        assert await root.child("a").ask(Who()) == 2


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


@pytest.mark.item(147)
async def test_an_ask_does_not_look_at_the_askers_queue() -> None:
    journal = Journal()

    async def ask(me: Recorder) -> int:
        return await me.context.supervisor.child("b").ask(Get())

    spec = tree(actor(journal, "a", mailbox=Mailbox(50_000)), actor(journal, "b"))
    async with opened(spec) as root, anyio.create_task_group() as group:
        ref = root.child("a")
        outcome = Outcome(group, ref, Do(ask))
        await settle()
        assert outcome.value == 0


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


@pytest.mark.item(195)
async def test_a_watchdog_kills_a_life_that_hangs_over_one_message() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", watchdog=3.0)), journal) as root, anyio.create_task_group() as group:
        ref = root.child("a")
        for _ in range(3):
            assert await ref.ask(Sleep(2.0)) == "slept"
            await anyio.sleep(10)
        began = anyio.current_time()
        outcome = Outcome(group, ref, Sleep(1000.0))
        await await_restart(ref)
        assert anyio.current_time() - began == pytest.approx(3.0, abs=0.01)
        await settle()
        assert isinstance(outcome.value, ActorCrashed)
        ended = journal.of(ChildEnded)[0]
        assert isinstance(ended.cause, Hung)
        assert ended.cause.what == "Sleep"
        assert "-a" not in journal.lines  # on_stop does not run after a hang


@pytest.mark.item(195)
async def test_a_watchdog_bounds_each_message_not_their_sum() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", watchdog=3.0))) as root:
        for _ in range(5):
            root.child("a").tell(Sleep(2.0))
        await anyio.sleep(11)
        assert incarnations(root) == {"a": 1}


@pytest.mark.item(151, 173)
async def test_spawned_work_that_fails_fails_the_life() -> None:
    journal = Journal()

    async def fail() -> None:
        await anyio.sleep(1)
        raise BoomError("spawned")

    async with opened(tree(actor(journal, "a")), journal) as root:
        ref = root.child("a")
        await ref.ask(Do(lambda me: me.spawn(fail)))
        ref.tell(Sleep(100.0))
        await anyio.sleep(2)
        assert incarnations(root) == {"a": 2}
        assert journal.of(ChildEnded)[0].reason == "BoomError: spawned"
        assert journal.lines == ["+a", "a sleeps", "-a", "+a"]


@pytest.mark.item(151)
async def test_stop_in_spawned_work_stops_the_life_and_an_end_of_it_does_not() -> None:
    journal = Journal()

    async def done() -> None:
        return

    async def stop() -> None:
        raise Stop(Shutdown("spawned"))

    async with opened(tree(actor(journal, "a", restart=Restart.TRANSIENT)), journal) as root:
        ref = root.child("a")
        await ref.ask(Do(lambda me: me.spawn(done)))
        await settle()
        assert await ref.ask(Get()) == 1
        await ref.ask(Do(lambda me: me.spawn(stop)))
        await settle()
        assert journal.of(ChildEnded)[0].reason == "shutdown (spawned)"
        assert phases(root) == {"a": "stopped"}


@pytest.mark.item(151, 173)
async def test_spawned_work_is_cancelled_when_the_life_stops() -> None:
    journal = Journal()

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            journal("cancelled")

    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(lambda me: me.spawn(work)))
        await settle()
    assert journal.lines == ["+a", "cancelled", "-a"] or journal.lines == ["+a", "-a", "cancelled"]


@pytest.mark.item(144)
async def test_an_actor_without_receive_crashes_with_a_clear_error() -> None:
    class Mute(Actor[str]):
        pass

    journal = Journal()
    async with opened(tree(ActorSpec("a", Mute, restart=Restart.TEMPORARY)), journal) as root:
        root.child("a").tell("x")
        await settle()
    assert "has no receive" in journal.of(ChildEnded)[0].reason


class Echo(Request[list[int]], frozen=True):
    values: list[int]


@pytest.mark.item(140)
async def test_a_reply_is_checked_as_far_as_its_container() -> None:
    class Echoes(Actor[Echo]):
        def receive(self, message: Echo) -> list[int]:
            return message.values

    async with opened(tree(ActorSpec("a", Echoes))) as root:
        assert await root.child("a").ask(Echo([1, 2])) == [1, 2]


@pytest.mark.item(134)
async def test_many_asks_leave_no_timer_behind() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        for _ in range(1000):
            await root.child("a").ask(Get(), timeout=1000.0)
        assert len(root._runtime.timekeeper) == 0
