"""What a place remembers from life to life."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from supervisor import ActorSpec, Intensity, MemoryStore, Restart
from supervisor.testing import await_restart, crash
from tests.semantics.actors import Do, Journal, Recorder, actor, many, opened, tree

pytestmark = pytest.mark.anyio


class Position(msgspec.Struct):
    amount: int
    notes: list[str] = []


class Order(msgspec.Struct):
    id: str


def remember(value: object, key: str = "") -> Do:
    return Do(lambda me: me.remember(value, key))


def recall(kind: type, key: str = "") -> Do:
    return Do(lambda me: me.recall(kind, key))


async def test_state_survives_a_restart_by_type_and_key() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
        ref = root.child("a")
        assert await ref.ask(recall(Position)) is None
        await ref.ask(remember(Position(3)))
        await ref.ask(remember(Position(4), "x"))
        await ref.ask(remember(Order("o")))
        crash(ref)
        await await_restart(ref)
        assert await ref.ask(recall(Position)) == Position(3)
        assert await ref.ask(recall(Position, "x")) == Position(4)
        assert await ref.ask(recall(Order)) == Order("o")
        assert await ref.ask(Do(lambda me: me.recall_all(Position))) == {"": Position(3), "x": Position(4)}
        assert await root.child("b").ask(recall(Position)) is None
        await ref.ask(Do(lambda me: me.forget("x")))
        assert await ref.ask(recall(Position, "x")) is None
        await ref.ask(Do(lambda me: me.flush()))


async def test_what_is_remembered_is_a_snapshot() -> None:
    journal, position = Journal(), Position(1, ["a"])
    async with opened(tree(actor(journal, "a"))) as root:
        ref = root.child("a")
        await ref.ask(remember(position))
        position.amount = 2
        position.notes.append("b")
        assert await ref.ask(recall(Position)) == Position(1, ["a"])
        first = await ref.ask(recall(Position))
        first.amount = 9
        assert await ref.ask(recall(Position)) == Position(1, ["a"])


async def test_state_survives_stop_and_restart_by_hand_but_not_deletion() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(remember(Position(1)))
        await root.terminate_child("a")
        await root.restart_child("a")
        assert await root.child("a").ask(recall(Position)) == Position(1)
        await root.terminate_child("a")
        await root.delete_child("a")
        await root.start_child(actor(journal, "a"))
        assert await root.child("a").ask(recall(Position)) is None


async def test_state_below_a_deleted_supervisor_is_forgotten_too() -> None:
    journal = Journal()
    inner = tree(tree(actor(journal, "a"), id="deep"), id="in")
    async with opened(tree(inner)) as root:
        handle = root.supervisor("in").supervisor("deep")
        await handle.child("a").ask(remember(Position(1)))
        await root.terminate_child("in")
        await root.delete_child("in")
        await root.start_child(inner)
        assert await root.supervisor("in").supervisor("deep").child("a").ask(recall(Position)) is None
        assert not root._runtime.store._spaces


async def test_state_survives_the_restart_of_a_supervisor() -> None:
    journal = Journal()
    inner = tree(actor(journal, "a"), id="in", intensity=Intensity(0, 1.0))
    async with opened(tree(inner)) as root:
        ref = root.supervisor("in").child("a")
        await ref.ask(remember(Position(1)))
        crash(ref)
        await await_restart(ref)
        assert await ref.ask(recall(Position)) == Position(1)


async def test_dynamic_children_leave_nothing_behind() -> None:
    journal = Journal()
    async with opened(many()) as root:
        for _ in range(3):
            ref = await root.start_child(actor(journal, "a", restart=Restart.TEMPORARY))
            assert await ref.ask(recall(Position)) is None
            await ref.ask(remember(Position(1)))
            await root.terminate_child(ref)
        assert not root._runtime.store._spaces


@pytest.mark.parametrize("where", ["actor", "root", "inner"])
async def test_a_store_that_was_given_outlives_the_tree(where: str) -> None:
    journal, store = Journal(), MemoryStore()
    kwargs: dict[str, Any] = {"store": store}
    spec = actor(journal, "a", **kwargs if where == "actor" else {})
    inner = tree(spec, id="in", **kwargs if where == "inner" else {})
    whole = tree(inner, **kwargs if where == "root" else {})
    for expected in (None, Position(1)):
        async with opened(whole) as root:
            ref = root.supervisor("in").child("a")
            assert await ref.ask(recall(Position)) == expected
            await ref.ask(remember(Position(1)))


async def test_an_empty_store_is_a_store() -> None:
    class Sized(MemoryStore):
        def __len__(self) -> int:
            return len(self._spaces)

    journal, store = Journal(), Sized()
    async with opened(tree(ActorSpec("a", lambda: Recorder("a", journal), store=store))) as root:
        await root.child("a").ask(remember(Position(1)))
    assert len(store) == 1


async def test_a_key_may_be_any_text() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        ref = root.child("a")
        for key in ("b", "a\x00b", "a\x00", "\x00"):
            await ref.ask(remember(Position(len(key)), key))
        await ref.ask(Do(lambda me: me.forget("b")))
        assert await ref.ask(recall(Position, "a\x00b")) == Position(3)
        await ref.ask(Do(lambda me: me.forget("a\x00b")))
        assert await ref.ask(Do(lambda me: me.recall_all(Position))) == {"a\x00": Position(2), "\x00": Position(1)}
