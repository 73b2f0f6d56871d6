"""What the third review found: each test is red without its fix."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio
import pytest
from msgspec import Struct

from supervisor import (
    Actor,
    ActorSpec,
    AskCycle,
    AutoShutdown,
    DeadLetter,
    Diagnostics,
    HookFailed,
    Mailbox,
    OnError,
    Overflow,
    Ref,
    Restart,
    Stop,
    StopTree,
    Strategy,
    Unstopped,
    open_supervisor,
)
from supervisor.events import StateDiscarded
from supervisor.exits import Failed, Shutdown
from tests.semantics.actors import (
    LOOSE,
    Boom,
    BoomError,
    Do,
    Get,
    Journal,
    Note,
    Sleep,
    actor,
    incarnations,
    many,
    opened,
    phases,
    settle,
    task,
    tree,
)

pytestmark = pytest.mark.anyio

CYCLES = Diagnostics(ask_cycles=True)
RESUME = {BoomError: OnError.RESUME}


def links(ref: Ref[Any]) -> Do:
    return Do(lambda me: me.link(ref))


def fails(error: Exception) -> Do:
    def fail(_: Any) -> None:
        raise error

    return Do(fail)


# ---- links


async def test_a_request_to_stop_the_tree_that_is_contained_does_not_go_round_it_through_a_link() -> None:
    journal = Journal()
    contained = tree(actor(journal, "a"), id="contained", contains_stop=True)
    other = tree(actor(journal, "b"), id="other", intensity=LOOSE)
    async with opened(tree(contained, other), journal) as root:
        a, b = root.supervisor("contained").child("a"), root.supervisor("other").child("b")
        await a.ask(links(b))
        a.tell(fails(StopTree()))
        await settle()
        assert phases(root) == {"contained": "stopped", "other": "running"}


async def test_who_is_linked_with_a_supervisor_that_contains_a_request_is_restarted_like_anyone() -> None:
    journal = Journal()
    contained = tree(actor(journal, "a"), id="contained", contains_stop=True)
    async with opened(tree(contained, actor(journal, "b"), intensity=LOOSE), journal) as root:
        await root.child("b").ask(links(root.child("contained")))
        root.supervisor("contained").child("a").tell(fails(StopTree()))
        await settle()
        assert phases(root) == {"contained": "stopped", "b": "running"}


async def test_a_crash_in_a_circle_of_links_is_no_failure_of_anybodys_hook() -> None:
    journal = Journal()
    spec = tree(*(actor(journal, id) for id in "abc"), intensity=LOOSE)
    async with opened(spec, journal) as root:
        a, b, c = (root.child(id) for id in "abc")
        for one, other in ((a, b), (b, c), (c, a)):
            await one.ask(links(other))
        a.tell(Boom())
        await settle()
        assert [(event.path, event.hook, event.error) for event in journal.of(HookFailed)] == []


async def test_a_crash_of_who_is_linked_with_a_life_that_is_stopping_is_no_failure_of_its_hook() -> None:
    journal = Journal(slow_stop={"a": 1.0})
    async with opened(tree(actor(journal, "a"), actor(journal, "b"), intensity=LOOSE), journal) as root:
        a, b = root.child("a"), root.child("b")
        await a.ask(links(b))
        async with anyio.create_task_group() as group:
            group.start_soon(a.stop)
            await settle()
            b.tell(Boom())
        assert [(event.path, event.hook, event.error) for event in journal.of(HookFailed)] == []


async def test_a_link_with_a_life_that_is_over_does_not_end_the_next_one_there() -> None:
    journal = Journal()
    group = tree(many("s"), many("t"), id="group", strategy=Strategy.ONE_FOR_ALL, intensity=LOOSE)
    async with opened(tree(actor(journal, "a"), group, intensity=LOOSE), journal) as root:
        a, inner = root.child("a"), root.supervisor("group")
        await a.ask(links(inner.child("s")))
        await a.ask(links(inner.child("t")))
        a.tell(Boom())  # s fails with it, and t, empty as it is, has been restarted with s before its own turn comes
        await settle()
        assert incarnations(inner) == {"s": 2, "t": 2}


class Kept(Struct, frozen=True):
    value: int


class Recaller(Actor[Do | Kept]):
    """Healthy: recalls its state, and remembers it."""

    def __init__(self, journal: Journal, to: str) -> None:
        self.journal = journal
        self.to = to

    async def on_start(self) -> None:
        kept = self.recall(Kept)
        self.journal("nothing" if kept is None else str(kept.value))
        if kept is None:
            self.remember(Kept(7))
        self.link(self.context.supervisor.child(self.to))

    async def receive(self, message: Do | Kept) -> None: ...


async def test_a_life_that_ends_through_a_link_is_not_held_against_its_state() -> None:
    journal = Journal()
    spec = tree(
        actor(journal, "a"), ActorSpec("b", partial(Recaller, journal, "a"), restart=Restart.PERMANENT), intensity=LOOSE
    )
    async with opened(spec, journal) as root:
        await anyio.sleep(10.0)
        for _ in range(4):
            root.child("a").tell(Boom())
            await anyio.sleep(0.1)
        assert journal.of(StateDiscarded) == []


class Flooded(Recaller):
    async def receive(self, message: Do | Kept) -> None:
        await anyio.sleep(1.0)


async def test_a_life_that_a_flood_ends_is_not_held_against_its_state() -> None:
    journal, mailbox = Journal(), Mailbox(2, Overflow.FAIL)
    child = ActorSpec("b", partial(Flooded, journal, "a"), restart=Restart.PERMANENT, mailbox=mailbox)
    async with opened(tree(actor(journal, "a"), child, intensity=LOOSE), journal) as root:
        await anyio.sleep(10.0)
        for _ in range(4):
            for _ in range(5):
                root.child("b").tell(Kept(1))
            await anyio.sleep(0.1)
        assert journal.of(StateDiscarded) == []


async def test_exits_that_wait_to_be_handled_are_bounded() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "hub"), actor(journal, "flapping"), intensity=LOOSE), journal) as root:
        hub, flapping = root.child("hub"), root.child("flapping")
        await hub.ask(Do(lambda me: me.trap_exits()))
        kept: list[Any] = []
        await hub.ask(Do(kept.append))
        hub.tell(Sleep(1e5))
        await settle()
        for _ in range(1_000):
            await flapping.ask(links(hub))
            flapping.tell(Boom())
            await anyio.sleep(0.01)
        assert len(kept[0].context.signals) < 1_000


# ---- drain


async def _stubborn(release: anyio.Event) -> None:
    with anyio.CancelScope(shield=True):
        await release.wait()


@pytest.mark.parametrize("kind", ["actor", "task", "supervisor"])
async def test_who_drains_what_was_killed_and_still_runs_is_told_at_once(kind: str) -> None:
    journal, release = Journal(), anyio.Event()
    work = partial(_stubborn, release)
    child = {
        "actor": actor(journal, "x", shutdown=1.0),
        "task": task("x", work, shutdown=1.0),
        "supervisor": tree(task("y", work, shutdown=1.0), id="x"),
    }[kind]
    async with opened(tree(child), journal) as root:
        x = root.child("x")
        if kind == "actor":
            x.tell(Do(lambda _: work()))
        await settle()
        with pytest.raises(Unstopped):
            await (x.stop() if kind == "actor" else x.drain())
        told = False
        with anyio.move_on_after(100.0):
            try:
                await x.drain()
            except Unstopped:
                told = True
        release.set()
        assert told


async def test_a_drain_ends_although_a_tick_is_always_waiting() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", restart=Restart.TRANSIENT)), journal) as root:
        a = root.child("a")
        await a.ask(Do(lambda me: me.every(1.0, Sleep(1.5))))
        a.tell(Note("queued"))
        await anyio.sleep(10.0)
        reason = None
        with anyio.move_on_after(1000.0):
            reason = await a.drain()
        assert reason == Shutdown()


# ---- idle


async def test_a_message_that_expired_does_not_keep_the_idle_message_from_coming() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a")), journal) as root:
        a = root.child("a")

        async def work(me: Any) -> None:
            me.idle_after(5.0, Note("idle"))
            await anyio.sleep(1.0)

        a.tell(Do(work))
        a.tell(Note("expired"), expires=0.5)
        await anyio.sleep(2.0)
        assert [event.reason for event in journal.of(DeadLetter)] == ["expired"]
        await anyio.sleep(20.0)
        assert "a: idle" in journal.lines


# ---- on_error


async def test_a_life_that_says_stop_with_an_error_ends_although_it_would_resume_from_that_error() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", on_error=RESUME, restart=Restart.TEMPORARY)), journal) as root:
        a = root.child("a")
        a.tell(fails(Stop(Failed(BoomError()))))
        await settle()
        assert not a.alive


async def test_an_error_to_resume_from_does_not_turn_a_stop_that_was_asked_for_into_a_crash() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", on_error=RESUME, restart=Restart.TRANSIENT)), journal) as root:
        a = root.child("a")

        async def work(_: Any) -> None:
            await anyio.sleep(1.0)
            raise BoomError

        a.tell(Do(work))
        await settle()
        assert await a.stop() == Shutdown()
        assert not a.alive


async def test_a_significant_child_that_its_error_stops_counts_for_auto_shutdown() -> None:
    journal = Journal()
    child = actor(journal, "a", restart=Restart.TRANSIENT, significant=True, on_error={BoomError: OnError.STOP})
    inner = tree(child, actor(journal, "b"), id="inner", auto_shutdown=AutoShutdown.ANY_SIGNIFICANT, restart=Restart.TEMPORARY)
    async with opened(tree(inner), journal) as root:
        root.supervisor("inner").child("a").tell(Boom())
        await settle()
        assert phases(root) == {}


# ---- requests to stop the tree


async def test_a_request_to_stop_the_tree_is_heard_while_its_group_is_restarted() -> None:
    journal = Journal()
    spec = tree(*(actor(journal, id) for id in "abc"), strategy=Strategy.ONE_FOR_ALL, intensity=LOOSE)
    async with opened(spec, journal) as root:
        b = root.child("b")

        async def request() -> None:
            await anyio.sleep(1.0)
            raise StopTree

        b.tell(Do(lambda _: request()))
        await settle()
        root.child("a").tell(Boom())
        await anyio.sleep(20.0)
        assert phases(root) == {}


async def test_a_request_to_stop_the_tree_by_a_life_that_is_stopped_is_heard() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), actor(journal, "b")), journal) as root:

        async def request() -> None:
            await anyio.sleep(1.0)
            raise StopTree

        root.child("a").tell(Do(lambda _: request()))
        await settle()
        await root.terminate_child("a")
        await anyio.sleep(20.0)
        assert phases(root) == {}


async def test_a_request_that_is_contained_while_its_supervisor_starts_goes_no_further() -> None:
    journal = Journal(fail_start={"a": StopTree()})
    contained = tree(actor(journal, "a"), id="contained", contains_stop=True)
    async with opened(tree(contained, actor(journal, "b")), journal) as root:
        assert phases(root) == {"contained": "stopped", "b": "running"}


# ---- circles of asks


async def test_an_ask_that_was_answered_is_no_part_of_a_circle() -> None:
    journal = Journal()
    async with open_supervisor(tree(actor(journal, "a"), actor(journal, "b")), diagnostics=CYCLES) as root:
        a, b = root.child("a"), root.child("b")
        errors: list[Exception] = []

        async def ask_back(_: Any) -> None:
            try:
                await a.ask(Get())
            except AskCycle as error:
                errors.append(error)

        b.tell(Sleep(1.0))
        await settle()
        a.tell(Do(lambda _: b.ask(Get())))
        await settle()
        b.tell(Do(ask_back))  # right behind the question of a, which b will have answered when it comes to this
        await anyio.sleep(10.0)
        assert errors == []


async def test_who_answers_later_may_ask_the_asker_that_waits_meanwhile_by_another_task() -> None:
    journal = Journal()
    async with open_supervisor(tree(actor(journal, "a"), actor(journal, "b")), diagnostics=CYCLES) as root:
        a, b = root.child("a"), root.child("b")
        errors: list[Exception] = []

        async def answer_later(me: Any) -> None:
            reply = me.reply_later()

            async def answer() -> None:
                reply.give(None)

            me.spawn(answer)
            try:
                await a.ask(Get())
            except AskCycle as error:
                errors.append(error)

        assert await a.ask(Do(lambda _: b.ask(Do(answer_later)))) is None
        await settle()
        assert errors == []


async def test_an_ask_that_is_refused_as_a_circle_leaves_no_timer() -> None:
    journal = Journal()
    async with open_supervisor(tree(actor(journal, "a"), actor(journal, "b")), diagnostics=CYCLES) as root:
        a, b = root.child("a"), root.child("b")
        before: list[int] = []
        after: list[int] = []

        async def ask_back(me: Any) -> None:
            timekeeper = me.context.runtime.timekeeper
            before.append(len(timekeeper))
            with pytest.raises(AskCycle):
                await a.ask(Get(), timeout=1e6)
            after.append(len(timekeeper))

        await a.ask(Do(lambda _: b.ask(Do(ask_back))))
        assert after == before
