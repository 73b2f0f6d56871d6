"""M. Ask: how long it waits, who answers and when, and what it hears of who ends."""

from __future__ import annotations

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
    DeadLetter,
    Failed,
    Mailbox,
    Normal,
    NoSuchActor,
    Request,
    Restart,
    Stop,
)
from supervisor.mailbox import PendingReply
from supervisor.testing import crash, kill
from tests.semantics.actors import (
    NAME,
    Boom,
    BoomError,
    Do,
    Get,
    Journal,
    Note,
    Outcome,
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
async def test_to_owe_one_answer_more_costs_the_same_however_many_are_owed(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, number = 0, 500
    slot = PendingReply.pending

    def look(reply: PendingReply) -> bool:
        nonlocal looked
        looked += 1
        return bool(slot.__get__(reply))

    journal, kept = Journal(), []
    async with opened(tree(actor(journal, "a"))) as root, anyio.create_task_group() as group:
        monkeypatch.setattr(PendingReply, "pending", property(look, slot.__set__))
        for _ in range(number):
            Outcome(group, root.child("a"), Do(lambda me: kept.append(me.reply_later())))
        await settle()
        assert len(kept) == number
        assert looked < 10 * number
        for reply in kept:
            reply.give(None)


@pytest.mark.item(138, 176)
async def test_answers_that_were_given_are_not_kept() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        ref, owed = root.child("a"), []
        for _ in range(500):
            await ref.ask(Do(lambda me: me.reply_later().give(None)))
        assert await ref.ask(Do(lambda me: owed.append(len(me.context.replies)))) is None
        assert owed[0] <= 64


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
