"""O. Links: two lives that share one fate, unless one of them traps exits."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from supervisor import Actor, ActorCrashed, ActorSpec, ExitReason, Failed, Killed, Normal, NoSuchActor, Restart, Shutdown, Stop
from supervisor.testing import await_restart, crash, kill
from tests.semantics.actors import NAME, BoomError, Do, Journal, Outcome, Quit, actor, many, opened, settle, task, tree

pytestmark = pytest.mark.anyio

BOOM = Failed(BoomError("boom"))


def links(ref: Any) -> Do:
    return Do(lambda me: me.link(ref))


def ends(reason: ExitReason) -> Do:
    def end(_: Any) -> None:
        raise Stop(reason)

    return Do(end)


TRAP = Do(lambda me: me.trap_exits())


def pair(journal: Journal) -> Any:
    """Two actors that nobody restarts."""
    return tree(*(actor(journal, id, restart=Restart.TRANSIENT if id == "s" else Restart.TEMPORARY) for id in "ab"))


@pytest.mark.item(156)
@pytest.mark.parametrize("asker", ["a", "b"])
@pytest.mark.parametrize("reason", [BOOM, Shutdown("enough"), Killed()], ids=str)
async def test_how_one_ends_so_does_the_other_whoever_linked_them(asker: str, reason: ExitReason) -> None:
    journal = Journal()
    async with opened(pair(journal)) as root:
        a, b = root.child("a"), root.child("b")
        await {"a": a, "b": b}[asker].ask(links(b if asker == "a" else a))
        a.tell(ends(reason))
        await settle()
        assert not a.alive
        assert not b.alive
        assert journal.reasons["b"] == [reason]


@pytest.mark.item(156)
async def test_a_normal_end_takes_nobody_along() -> None:
    journal = Journal()
    async with opened(pair(journal)) as root:
        a, b = root.child("a"), root.child("b")
        await a.ask(links(b))
        a.tell(Quit())
        await settle()
        assert not a.alive
        assert b.alive


@pytest.mark.item(156)
async def test_a_pair_has_one_link_however_often_it_is_asked_for_and_either_side_may_cut_it() -> None:
    journal = Journal()
    async with opened(pair(journal)) as root:
        a, b = root.child("a"), root.child("b")
        for _ in range(2):
            await a.ask(links(b))
            await b.ask(links(a))
        await b.ask(Do(lambda me: me.unlink(a)))
        crash(a)
        await settle()
        assert b.alive


@pytest.mark.item(156)
async def test_a_link_with_oneself_is_none() -> None:
    journal = Journal()
    async with opened(pair(journal)) as root:
        a = root.child("a")
        await a.ask(links(a))
        assert a.alive


@pytest.mark.item(156)
async def test_a_link_is_between_lives_and_the_next_ones_are_free() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
        a, b = root.child("a"), root.child("b")
        await a.ask(links(b))
        crash(a)
        await await_restart(b, 1)
        await settle()
        assert crash(a) == 2
        await settle()
        assert [child.incarnation for child in root.which_children()] == [3, 2]


@pytest.mark.item(156)
@pytest.mark.parametrize("kind", ["task", "supervisor"])
async def test_tasks_and_supervisors_can_be_linked_with(kind: str) -> None:
    journal = Journal()
    other = (
        task("t", anyio.sleep_forever, restart=Restart.TEMPORARY) if kind == "task" else many("t", restart=Restart.TEMPORARY)
    )
    async with opened(tree(actor(journal, "a", restart=Restart.TEMPORARY), other)) as root:
        a, t = root.child("a"), root.child("t")
        await a.ask(links(t))
        crash(a)
        await settle()
        assert not t.alive


@pytest.mark.item(156)
async def test_a_life_that_another_takes_along_while_it_starts_has_not_started() -> None:
    journal = Journal()

    class Starting(Actor[int]):
        async def on_start(self) -> None:
            self.link(peer)
            crash(peer)
            await anyio.sleep(10)

        def receive(self, message: int) -> None: ...

    async with opened(tree(actor(journal, "a", restart=Restart.TEMPORARY))) as root:
        peer = root.child("a")
        with pytest.raises(RuntimeError, match="did not start: PoisonError"):
            await root.start_child(ActorSpec("s", Starting, restart=Restart.TEMPORARY))


@pytest.mark.item(157)
@pytest.mark.parametrize("reason", [BOOM, Shutdown("enough"), Killed(), Normal()], ids=str)
async def test_who_traps_exits_is_told_instead(reason: ExitReason) -> None:
    journal = Journal()
    async with opened(pair(journal)) as root:
        a, b = root.child("a"), root.child("b")
        await b.ask(TRAP)
        await b.ask(links(a))
        a.tell(ends(reason))
        await settle()
        assert b.alive
        assert journal.lines[-1] == f"b: Exit a {reason}"


@pytest.mark.item(157)
async def test_a_kill_is_not_trapped_but_a_kill_that_comes_through_a_link_is() -> None:
    journal = Journal()
    async with opened(pair(journal)) as root:
        a, b = root.child("a"), root.child("b")
        await b.ask(TRAP)
        await b.ask(links(a))
        kill(a)
        await settle()
        assert journal.lines[-1] == "b: Exit a killed"
        kill(b)
        await settle()
        assert not b.alive


@pytest.mark.item(157)
async def test_a_link_with_nobody_ends_who_asks() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", restart=Restart.TEMPORARY), actor(journal, "b"))) as root:
        a, b = root.child("a"), root.child("b")
        await root.terminate_child("b")
        with pytest.raises(ActorCrashed) as caught:
            await a.ask(links(b))
        assert isinstance(caught.value.__cause__, NoSuchActor)
        assert not a.alive


@pytest.mark.item(157)
async def test_a_link_with_nobody_is_an_exit_to_who_traps() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
        a, b = root.child("a"), root.child("b")
        await root.terminate_child("b")
        await a.ask(TRAP)
        await a.ask(links(b))
        await settle()
        assert journal.lines[-1] == "a: Exit b NoSuchActor: there is no actor at root/b"


@pytest.mark.item(157)
async def test_a_life_ends_itself_with_normal_and_no_other_is_hurt() -> None:
    journal = Journal()
    async with opened(pair(journal)) as root:
        a, b = root.child("a"), root.child("b")
        await a.ask(links(b))
        a.tell(ends(Normal()))
        await settle()
        assert (a.alive, b.alive) == (False, True)


@pytest.mark.item(157)
async def test_no_exit_comes_after_an_unlink_even_if_it_was_on_its_way() -> None:
    journal = Journal()
    async with opened(pair(journal)) as root:
        a, b = root.child("a"), root.child("b")
        await b.ask(TRAP)
        await b.ask(links(a))

        async def unlink_late(me: Any) -> None:
            await a.stop()
            me.unlink(a)

        await b.ask(Do(unlink_late))
        await settle()
        assert not any("Exit" in line for line in journal.lines)


@pytest.mark.item(157)
async def test_who_does_not_accept_exits_may_not_trap_them() -> None:
    class Deaf(Actor[int]):
        async def on_start(self) -> None:
            self.trap_exits()

        def receive(self, message: int) -> None: ...

    async with opened(many()) as root:
        with pytest.raises(RuntimeError, match=r"calls trap_exits\(\) but does not accept Exit; .*int \| Exit"):
            await root.start_child(ActorSpec("deaf", Deaf))


@pytest.mark.item(158)
async def test_an_exit_comes_when_the_name_is_free_again() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "w"), many())) as root:
        w, group = root.child("w"), root.supervisor("many")
        a = await group.start_child(actor(journal, "a", name=NAME, restart=Restart.TEMPORARY))
        await w.ask(TRAP)
        await w.ask(links(a))
        async with anyio.create_task_group() as tasks:
            Outcome(tasks, a, Quit())
        await settle()
        assert journal.lines[-1] == "w: Exit a normal"
        await group.start_child(actor(journal, "b", name=NAME))


async def test_an_actor_whose_life_is_over_links_with_nobody() -> None:
    journal = Journal()
    kept: list[Any] = []
    async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
        a, b = root.child("a"), root.child("b")
        await a.ask(Do(kept.append))
        crash(a)
        await await_restart(a, 1)
        kept[0].link(b)
        await a.ask(links(b))
        kept[0].unlink(b)
        crash(b)
        await settle()
        assert not kept[0].context.place.links
        assert [child.incarnation for child in root.which_children()] == [3, 2]
