"""`leaks`: whether anything was left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from supervisor import (
    Actor,
    ActorSpec,
    DynamicSupervisorSpec,
    Mailbox,
    Name,
    Supervisor,
    SupervisorSpec,
    TaskSpec,
    Topic,
    open_supervisor,
)
from supervisor.testing import Leaked, await_restart, crash, leaks, open_tree, state_of
from tests.testing.programs import SPEC, busy, idle

pytestmark = pytest.mark.anyio

TICKS: Topic[str] = Topic("ticks")


class Anything(Actor[object]):
    async def receive(self, message: object) -> None:
        if isinstance(message, float):
            await anyio.sleep(message)


TREE = SupervisorSpec(
    "root",
    [
        ActorSpec("a", Anything, name=Name("first")),
        ActorSpec("b", Anything, mailbox=Mailbox(1)),
        DynamicSupervisorSpec("many"),
    ],
)


def actor(root: Supervisor, id: str) -> Anything:
    return state_of(root.child(id), Anything)


async def test_a_tree_that_has_ended_leaves_nothing() -> None:
    async with leaks(), open_supervisor(SPEC) as root:
        await await_restart(root.child("a"), crash(root.child("a")))
    async with leaks():
        await busy()


async def test_a_tree_that_runs_on_is_named() -> None:
    tree = open_supervisor(SPEC)
    with pytest.raises(Leaked, match=r"(?s)child     root/a\n.*task      root timekeeper\n.*tree      \w+ still runs"):
        async with leaks():
            await tree.__aenter__()
    await tree.__aexit__(None, None, None)


async def test_a_task_that_runs_on_is_named() -> None:
    async with anyio.create_task_group() as group:
        with pytest.raises(Leaked) as caught:
            async with leaks():
                group.start_soon(anyio.sleep_forever, name="the straggler")
        assert caught.value.leftovers == ("task      the straggler",)
        group.cancel_scope.cancel()


async def test_a_task_that_is_about_to_end_is_waited_for() -> None:
    async def brief() -> None:
        for _ in range(10):
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group, leaks():
        group.start_soon(brief)
    assert anyio.current_time() == 0


async def test_an_error_of_the_block_goes_on() -> None:
    async with anyio.create_task_group() as group:
        with pytest.raises(ZeroDivisionError):
            async with leaks():
                group.start_soon(anyio.sleep_forever)
                raise ZeroDivisionError
        group.cancel_scope.cancel()


async def test_a_running_tree_whose_children_come_and_go_leaves_nothing() -> None:
    async with open_supervisor(TREE) as root, leaks(root):
        await await_restart(root.child("a"), crash(root.child("a")))
        many = root.supervisor("many")
        ref = await many.start_child(TaskSpec("t", idle))
        actor(root, "a").watch(ref)
        actor(root, "a").after(1.0, "tick")
        with root.events(), root.subscription(TICKS):
            await anyio.sleep(2)
        await many.terminate_child(ref)


LEFTOVERS: dict[str, Callable[[Supervisor], Any]] = {
    "timer     ActorTimer._fire root/a": lambda root: actor(root, "a").after(5.0, "tick"),
    "monitor   of root/b, by root/a": lambda root: actor(root, "a").watch(root.child("b")),
    "subscriber of topic 'ticks': root/a": lambda root: actor(root, "a").subscribe(TICKS),
    "subscriber of topic 'ticks': a reader outside": lambda root: root.subscription(TICKS),
    "reader    of events()": lambda root: root.events(),
    "link      of root/a with root/b": lambda root: actor(root, "a").link(root.child("b")),
}


@pytest.mark.parametrize("leftover", LEFTOVERS)
async def test_what_a_running_tree_is_left_with_is_named(leftover: str) -> None:
    async with open_supervisor(TREE) as root:
        with pytest.raises(Leaked) as caught:
            async with leaks(root):
                kept = LEFTOVERS[leftover](root)
        assert leftover in caught.value.leftovers
        assert leftover in str(caught.value)
        del kept


async def test_children_and_names_that_stay_are_named() -> None:
    async with open_supervisor(TREE) as root:
        with pytest.raises(Leaked) as caught:
            async with leaks(root):
                await root.supervisor("many").start_child(ActorSpec("new", Anything, name=Name("second")))
        assert {"child     root/many/new", "name      'second' of root/many/new"} <= set(caught.value.leftovers)


async def test_who_waits_is_named() -> None:
    async with open_supervisor(TREE) as root, anyio.create_task_group() as group:
        b = root.child("b")
        b.tell(100.0)
        await anyio.sleep(1)
        b.tell("fills the mailbox")
        with pytest.raises(Leaked) as caught:
            async with leaks(root):
                group.start_soon(root.wait)
                group.start_soon(b.send, "has no room")
                group.start_soon(await_restart, b)
                await anyio.sleep(1)
        assert {
            "waiter    for the end of root",
            "waiter    for room in the mailbox of root/b",
            "monitor   of root/b, a Awaited",
        } <= set(caught.value.leftovers)
        group.cancel_scope.cancel()


async def test_a_dead_tree_that_is_still_held_is_looked_at() -> None:
    with pytest.raises(Leaked) as caught:
        async with leaks():
            async with open_supervisor(TREE) as root:
                place = root.child("a")._place
            place.runtime.timekeeper.after(5.0, print)
    assert caught.value.leftovers == ("timer     print",)


async def test_open_tree_looks_for_leftovers() -> None:
    async with anyio.create_task_group() as group:
        with pytest.raises(Leaked):
            async with open_tree(TREE):
                group.start_soon(anyio.sleep_forever)
        group.cancel_scope.cancel()


async def test_open_tree_ends_a_block_that_waits_for_ever() -> None:
    with pytest.raises(TimeoutError):
        async with open_tree(TREE):
            await anyio.sleep_forever()
