"""Names and topics."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from supervisor import DeadLetter, Intensity, Mailbox, Name, NoSuchActor, Skipped, Topic
from supervisor.testing import await_restart, crash
from tests.semantics.actors import NAME, Do, Get, Journal, Recorder, Sleep, actor, opened, settle, tree

pytestmark = pytest.mark.anyio
TOPIC: Topic[Any] = Topic("news")


@pytest.mark.item(178, 180)
async def test_a_restarted_child_is_found_under_its_name() -> None:
    journal = Journal()
    inner = tree(actor(journal, "a", name=NAME), id="in", intensity=Intensity(1, 10.0))
    async with opened(tree(inner)) as root:
        ref = root.ref(NAME)
        for _ in range(2):  # the second time with its supervisor
            crash(ref)
            await await_restart(ref)
            assert root.ref(NAME) == ref
            assert await root.ref(NAME).ask(Get()) == 0
        await root.supervisor("in").terminate_child("a")
        with pytest.raises(NoSuchActor):
            root.ref(NAME)


@pytest.mark.item(177)
async def test_names_of_a_scope_are_its_own() -> None:
    journal = Journal()
    spec = tree(
        *(tree(actor(journal, f"{id}x", name=NAME), actor(journal, f"{id}y"), id=id, scoped=True) for id in "ab"),
        actor(journal, "outer", name=Name("outer")),
    )
    async with opened(spec) as root:
        with pytest.raises(NoSuchActor):
            root.ref(NAME)
        for id in "ab":
            inner = root.supervisor(id)
            assert inner.ref(NAME).path == f"root/{id}/{id}x"
            assert inner.ref(Name("outer")).path == "root/outer"
            found = await inner.child(f"{id}y").ask(Do(lambda me: me.lookup(NAME).path))
            assert found == f"root/{id}/{id}x"


def subscribes(topic: Topic[Any]) -> Do:
    return Do(lambda me: me.subscribe(topic))


@pytest.mark.item(188)
async def test_a_subscription_that_is_not_renewed_ends_with_the_life() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        ref = root.child("a")
        await ref.ask(subscribes(TOPIC))
        assert root.publish(TOPIC, "one") == 1
        await settle()
        crash(ref)
        await await_restart(ref)
        assert root.publish(TOPIC, "two") == 0
        await settle()
    assert [line for line in journal.lines if line.startswith("a: ")] == ["a: one"]


class Renews(Recorder):
    __slots__ = ()

    async def on_start(self) -> None:
        self.subscribe(TOPIC)
        await anyio.sleep(1)


@pytest.mark.item(188)
@pytest.mark.parametrize("level", ["actor", "supervisor"])
async def test_a_subscription_that_is_renewed_loses_nothing_in_between(level: str) -> None:
    from supervisor import ActorSpec

    journal = Journal()
    inner = tree(ActorSpec("a", lambda: Renews("a", journal)), id="in", intensity=Intensity(1, 10.0))
    async with opened(tree(inner)) as root:
        ref = root.supervisor("in").child("a")
        for _ in range(1 if level == "actor" else 2):
            crash(ref)
            await settle()
            assert root.publish(TOPIC, "while it starts") == 1
            await await_restart(ref, root.supervisor("in").which_children()[0].incarnation - 1)
        await settle()
        await ref.ask(subscribes(Topic("other")))
        crash(ref)
        await anyio.sleep(5)
        assert root.publish(Topic[Any]("other"), "x") == 0
        assert root.publish(TOPIC, "last") == 1
        await settle()
    assert [line for line in journal.lines if line.startswith("a: ")][-1] == "a: last"
    assert journal.lines.count("a: while it starts") == (1 if level == "actor" else 2)


async def test_a_closed_place_subscribes_to_nothing() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(subscribes(TOPIC))
        await root.terminate_child("a")
        assert root.publish(TOPIC, "x") == 0


@pytest.mark.item(188)
async def test_an_actor_whose_life_is_over_subscribes_to_nothing_and_leaves_its_successor_alone() -> None:
    journal, kept = Journal(), []
    async with opened(tree(actor(journal, "a"))) as root:
        ref = root.child("a")
        await ref.ask(Do(kept.append))
        crash(ref)
        await await_restart(ref)
        kept[0].subscribe(TOPIC)
        assert root.publish(TOPIC, "x") == 0
        assert not ref._place.topics
        await ref.ask(subscribes(TOPIC))
        kept[0].unsubscribe(TOPIC)
        assert root.publish(TOPIC, "y") == 1


async def test_what_a_subscriber_does_not_accept_is_a_dead_letter() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a")), journal) as root:
        await root.child("a").ask(subscribes(TOPIC))
        assert root.publish(TOPIC, b"bytes") == 0
        assert journal.of(DeadLetter)[0].reason == "not accepted"


async def test_a_slow_reader_outside_is_told_what_it_missed_once() -> None:
    async with opened(tree()) as root:
        with root.subscription(TOPIC, capacity=2) as reader:
            for number in range(5):
                root.publish(TOPIC, number)
            assert [await anext(reader) for _ in range(3)] == [Skipped(3), 3, 4]
        assert root.publish(TOPIC, 1) == 0
        late = root.subscription(TOPIC)
    assert [message async for message in late] == []
    with anyio.fail_after(1):
        assert [message async for message in root.subscription(TOPIC)] == []


async def test_a_slow_subscriber_hurts_no_other() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", mailbox=Mailbox(1)), actor(journal, "b"))) as root:
        for id in "ab":
            await root.child(id).ask(subscribes(TOPIC))
        root.child("a").tell(Sleep(10.0))
        await settle()
        assert [root.publish(TOPIC, text) for text in "123"] == [2, 1, 1]
        await settle()
        assert [line for line in journal.lines if line.startswith("b: ")] == ["b: 1", "b: 2", "b: 3"]
