"""M. Draining an actor, and the message that comes when nothing else does."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from supervisor import ActorCrashed, AskedSelf, Draining, Killed, Mailbox, NoSuchActor, Restart, Shutdown
from supervisor.testing import await_restart, crash, kill
from tests.semantics.actors import Do, Get, Journal, Note, Outcome, Sleep, actor, many, opened, settle, task, tree

pytestmark = pytest.mark.anyio


@pytest.mark.item(149)
async def test_what_is_queued_is_handled_and_then_the_life_stops() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", restart=Restart.TRANSIENT))) as root:
        a = root.child("a")
        for number in range(1000):
            a.tell(number)
        assert await a.drain() == Shutdown()
        assert journal.lines[1:-1] == [f"a: {number}" for number in range(1000)]
        assert journal.lines[-1] == "-a"


@pytest.mark.item(149)
async def test_new_messages_are_refused_meanwhile() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", mailbox=Mailbox(2))), journal) as root, anyio.create_task_group() as tasks:
        a = root.child("a")
        asked = Outcome(tasks, a, Sleep(1.0))
        await settle()
        a.tell("one")
        a.tell("two")
        waiting: list[Any] = []

        async def send() -> None:
            try:
                await a.send("three")
            except Draining as error:
                waiting.append(error)

        tasks.start_soon(send)
        await settle()
        tasks.start_soon(a.drain)
        await settle()
        assert a.tell("late") is False
        with pytest.raises(Draining, match="root/a is draining: it handles what is queued and takes no more"):
            await a.ask(Get())
        assert len(waiting) == 1
        assert [letter.reason for letter in journal.events if type(letter).__name__ == "DeadLetter"] == ["draining"]
        await anyio.sleep(2.0)
        assert asked.value == "slept"
        assert {"a: one", "a: two"} <= set(journal.lines)
        assert a.tell("to the next life") is True


@pytest.mark.item(149)
async def test_asks_that_are_queued_are_answered() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", restart=Restart.TRANSIENT))) as root, anyio.create_task_group() as tasks:
        a = root.child("a")
        Outcome(tasks, a, Sleep(1.0))
        await settle()
        asks = [Outcome(tasks, a, Get()) for _ in range(3)]
        await settle()
        await a.drain()
        await settle()
        assert sorted(ask.value for ask in asks) == [1, 2, 3]


@pytest.mark.item(149)
async def test_who_is_cancelled_while_it_waits_leaves_it_draining() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", restart=Restart.TRANSIENT))) as root, anyio.create_task_group() as tasks:
        a = root.child("a")
        Outcome(tasks, a, Sleep(5.0))
        await settle()
        with anyio.move_on_after(1.0):
            await a.drain()
        assert a.alive
        assert a.tell("late") is False
        await anyio.sleep(5.0)
        assert not a.alive


@pytest.mark.item(149)
async def test_a_stop_or_a_crash_cuts_a_drain_short() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", restart=Restart.TRANSIENT))) as root, anyio.create_task_group() as tasks:
        a = root.child("a")
        Outcome(tasks, a, Sleep(1.0))
        await settle()
        left = Outcome(tasks, a, Get())
        await settle()
        tasks.start_soon(a.drain)
        await settle()
        assert await a.stop() == Shutdown()
        await settle()
        assert isinstance(left.value, NoSuchActor | ActorCrashed)


@pytest.mark.item(149)
async def test_a_task_and_a_supervisor_are_just_stopped() -> None:
    journal = Journal()
    spec = tree(task("t", anyio.sleep_forever, restart=Restart.TRANSIENT), many("s", restart=Restart.TRANSIENT))
    async with opened(spec, journal) as root:
        assert await root.child("t").drain() == Shutdown()
        assert await root.child("s").drain() == Shutdown()


async def test_nobody_drains_itself_or_who_has_no_life() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
        a = root.child("a")

        async def drain_myself(me: Any) -> str:
            with pytest.raises(AskedSelf):
                await me.context.ref.drain()
            return "refused"

        assert await a.ask(Do(drain_myself)) == "refused"
        await root.terminate_child("b")
        with pytest.raises(NoSuchActor):
            await root.child("b").drain()


async def test_a_drained_permanent_child_comes_back_and_takes_messages_again() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        a = root.child("a")
        await a.drain()
        await settle()
        assert await a.ask(Get()) == 0


async def test_a_drain_that_a_kill_ends_leaves_the_place_open() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root, anyio.create_task_group() as tasks:
        a = root.child("a")
        Outcome(tasks, a, Sleep(50.0))
        await settle()
        ended: list[Any] = []

        async def drain() -> None:
            ended.append(await a.drain())

        tasks.start_soon(drain)
        await settle()
        kill(a)
        await settle()
        assert ended == [Killed()]
        assert a.tell("hello") is True


# ---- idle


@pytest.mark.item(145)
async def test_the_idle_message_comes_when_nothing_else_does() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(lambda me: me.idle_after(5.0, "idle") and None))
        await anyio.sleep(4.9)
        assert journal.lines == ["+a"]
        await anyio.sleep(0.2)
        assert journal.lines == ["+a", "a: idle"]
        await anyio.sleep(60.0)
        assert journal.lines == ["+a", "a: idle"]


@pytest.mark.item(145)
@pytest.mark.parametrize("how", ["tell", "ask", "timer"])
async def test_any_message_cancels_it(how: str) -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        a = root.child("a")
        if how == "timer":
            await a.ask(Do(lambda me: me.after(3.0, "tick") and None))
        await a.ask(Do(lambda me: me.idle_after(5.0, "idle") and None))
        await anyio.sleep(3.5)
        if how == "tell":
            a.tell("hello")
        if how == "ask":
            await a.ask(Note("asked"))
        await anyio.sleep(60.0)
        assert "a: idle" not in journal.lines


@pytest.mark.item(145)
async def test_a_message_that_waits_when_it_is_due_cancels_it_too() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root, anyio.create_task_group() as tasks:
        a = root.child("a")

        async def busy(me: Any) -> None:
            me.idle_after(1.0, "idle")
            await anyio.sleep(2.0)

        Outcome(tasks, a, Do(busy))
        await settle()
        a.tell("hello")
        await anyio.sleep(60.0)
        assert journal.lines == ["+a", "a: hello"]


@pytest.mark.item(145)
async def test_setting_it_again_replaces_it() -> None:
    journal = Journal()

    def twice(me: Any) -> None:
        me.idle_after(5.0, "first")
        me.idle_after(6.0, "second")

    async with opened(tree(actor(journal, "a"))) as root:
        a = root.child("a")
        await a.ask(Do(twice))
        await anyio.sleep(60.0)
        assert journal.lines == ["+a", "a: second"]


@pytest.mark.item(145, 188)
async def test_it_ends_with_the_life() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        a = root.child("a")
        await a.ask(Do(lambda me: me.idle_after(5.0, "idle") and None))
        crash(a)
        await await_restart(a, 1)
        await anyio.sleep(60.0)
        assert "a: idle" not in journal.lines
