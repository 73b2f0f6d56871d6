"""M. Work at hand: the watchdog over a message, and what an actor spawns."""

from __future__ import annotations

import anyio
import pytest

from supervisor import ActorCrashed, ChildEnded, Hung, Restart, Shutdown, Stop
from supervisor.testing import await_restart, crash
from tests.semantics.actors import (
    BoomError,
    Do,
    Get,
    Journal,
    Outcome,
    Sleep,
    actor,
    incarnations,
    opened,
    phases,
    settle,
    tree,
)

pytestmark = pytest.mark.anyio


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


@pytest.mark.item(201)
async def test_the_next_life_begins_when_what_the_last_one_spawned_has_ended() -> None:
    journal = Journal()

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(2.0)
            journal("work ended")

    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(lambda me: me.spawn(work)))
        crash(root.child("a"))
        await await_restart(root.child("a"), 1)
        assert journal.lines == ["+a", "-a", "work ended", "+a"]
