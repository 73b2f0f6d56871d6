"""R. Timers."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from supervisor import ActorCrashed
from supervisor.testing import await_restart, crash
from tests.semantics.actors import Do, Journal, Recorder, Sleep, actor, block, opened, settle, tree

pytestmark = pytest.mark.anyio


@pytest.mark.item(187)
async def test_a_timer_fires_once_and_can_be_cancelled_before() -> None:
    journal, timers = Journal(), []

    def script(me: Recorder) -> None:
        timers.extend([me.after(1, "one"), me.after(2, "two"), me.after(3, "three")])

    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(script))
        await anyio.sleep(1.5)
        assert timers[1].cancel()
        assert not timers[1].cancel()
        assert not timers[0].cancel()
        await anyio.sleep(5)
        assert not timers[2].cancel()
        assert journal.lines == ["+a", "a: one", "a: three"]
        assert len(root._runtime.timekeeper) == 0


@pytest.mark.item(188)
@pytest.mark.parametrize("how", ["crash", "terminate"])
async def test_timers_end_with_their_life_even_if_a_tick_was_queued(how: str) -> None:
    journal = Journal()

    def script(me: Recorder) -> Any:
        me.after(1, "queued")
        me.after(10, "later")
        me.every(1, "tick")
        return anyio.sleep(5)

    async with opened(tree(actor(journal, "a"))) as root:
        root.child("a").tell(Do(script))
        await anyio.sleep(2)
        if how == "crash":
            crash(root.child("a"))
            await await_restart(root.child("a"))
        else:
            await root.terminate_child("a")
            await root.restart_child("a")
        await anyio.sleep(20)
        assert len(root._runtime.timekeeper) == 0
    assert journal.lines == ["+a", "-a", "+a", "-a"]


@pytest.mark.item(189)
async def test_a_timer_of_the_same_key_replaces_the_other_even_if_that_is_queued() -> None:
    journal = Journal()

    async def script(me: Recorder) -> None:
        me.after(1, "old", key="k")
        await anyio.sleep(2)  # "old" waits in the queue
        me.after(1, "new", key="k")

    async with opened(tree(actor(journal, "a"))) as root:
        root.child("a").tell(Do(script))
        await anyio.sleep(10)
    assert journal.lines == ["+a", "a: new", "-a"]


@pytest.mark.item(188, 189)
async def test_cancelling_a_replaced_timer_does_not_lose_its_successor() -> None:
    journal = Journal()

    def script(me: Recorder) -> None:
        old = me.after(1, "old", key="k")
        me.every(1, "new", key="k")
        old.cancel()

    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(script))
        await anyio.sleep(2.5)
        assert journal.lines == ["+a", "a: new", "a: new"]
        await root.terminate_child("a")
        assert len(root._runtime.timekeeper) == 0


@pytest.mark.item(189)
async def test_a_cancelled_tick_in_the_queue_is_not_delivered() -> None:
    journal = Journal()

    async def script(me: Recorder) -> None:
        timer = me.every(1, "tick")
        await anyio.sleep(2.5)
        assert timer.cancel()

    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(script))
        await anyio.sleep(5)
    assert journal.lines == ["+a", "-a"]


@pytest.mark.item(190)
async def test_ticks_do_not_pile_up_and_keep_their_beat() -> None:
    journal, times = Journal(), []

    def start(me: Recorder) -> None:
        me.every(1, Do(lambda _: times.append(anyio.current_time())))

    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(start))
        began = anyio.current_time()
        await anyio.sleep(3.5)
        root.child("a").tell(Sleep(5.0))
        await anyio.sleep(7)
    assert [round(time - began, 1) for time in times] == [1.0, 2.0, 3.0, 8.5, 9.0, 10.0]


@pytest.mark.item(190)
async def test_a_loop_that_was_blocked_does_not_catch_up_on_the_ticks_it_missed() -> None:
    journal, times = Journal(), []

    def start(me: Recorder) -> None:
        me.every(1, Do(lambda _: times.append(anyio.current_time())))

    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(start))
        began = anyio.current_time()
        await anyio.sleep(1.5)
        for _ in range(20):  # whether a second tick would find the first one handled is trio's toss of a coin
            block(2.5)
            await anyio.sleep(0.5)
        await anyio.sleep(1)
    late = [4.0 + 3.0 * n for n in range(20)]
    assert [round(time - began, 1) for time in times] == [1.0, *late, late[-1] + 1.0]


@pytest.mark.item(188)
@pytest.mark.parametrize("verb", ["after", "every"])
async def test_an_actor_whose_life_is_over_sets_no_timer(verb: str) -> None:
    journal, kept = Journal(), []
    async with opened(tree(actor(journal, "a"))) as root:
        ref = root.child("a")
        await ref.ask(Do(kept.append))
        crash(ref)
        await await_restart(ref)
        for key in (None, "k", "k"):
            assert not getattr(kept[0], verb)(1, "x", key).cancel()
        assert not kept[0].context.timers
        assert len(root._runtime.timekeeper) == 0
        await anyio.sleep(5)
        assert not kept[0].context.signals
    assert journal.lines == ["+a", "-a", "+a", "-a"]


@pytest.mark.item(187)
@pytest.mark.parametrize(("verb", "delay"), [("after", -1), ("after", float("nan")), ("every", 0), ("every", -1)])
async def test_a_timer_that_makes_no_sense_is_refused(verb: str, delay: float) -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        with pytest.raises(ActorCrashed) as caught:
            await root.child("a").ask(Do(lambda me: getattr(me, verb)(delay, "x")))
        assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.item(187)
async def test_a_timers_message_must_be_accepted() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        with pytest.raises(ActorCrashed) as caught:
            await root.child("a").ask(Do(lambda me: me.after(1, b"bytes")))
        assert isinstance(caught.value.__cause__, TypeError)


@pytest.mark.item(187)
async def test_timers_due_at_the_same_time_keep_the_order_in_which_they_were_set() -> None:
    journal = Journal()

    def script(me: Recorder) -> None:
        for text in "abc":
            me.after(1, text)

    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(script))
        await anyio.sleep(2)
        await settle()
    assert journal.lines == ["+a", "a: a", "a: b", "a: c", "-a"]
