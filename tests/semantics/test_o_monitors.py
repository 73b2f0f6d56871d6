"""O. Monitors and watches."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from supervisor import (
    Actor,
    ActorSpec,
    Backoff,
    Down,
    DynamicSupervisorSpec,
    Gone,
    Intensity,
    Ref,
    Restart,
    SupervisorSpec,
    Up,
    open_supervisor,
)
from supervisor.exits import Ignore
from supervisor.testing import await_restart, crash, kill
from tests.semantics.actors import (
    NAME,
    BoomError,
    Do,
    Journal,
    Outcome,
    Quit,
    Recorder,
    Sleep,
    actor,
    many,
    opened,
    settle,
    tree,
)

pytestmark = pytest.mark.anyio


def monitors(ref: Any) -> Do:
    return Do(lambda me: me.monitor(ref) and None)


def watches(ref: Any) -> Do:
    return Do(lambda me: me.watch(ref) and None)


@pytest.mark.item(158)
async def test_each_monitor_fires_once_and_follows_no_restart() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "w"), actor(journal, "a"))) as root:
        ref, watcher = root.child("a"), root.child("w")
        for _ in range(2):
            await watcher.ask(monitors(ref))
        for _ in range(2):
            crash(ref, BoomError())
            await await_restart(ref)
        await settle()
        assert [line for line in journal.lines if line.startswith("w: ")] == ["w: Down a 1 BoomError"] * 2
        assert not ref._place.watchers


@pytest.mark.item(158)
@pytest.mark.parametrize("how", ["stopped", "deleted", "restarting"])
async def test_a_monitor_of_who_has_no_life_fires_at_once(how: str) -> None:
    journal = Journal()
    spec = actor(journal, "a", backoff=Backoff(initial=100.0, maximum=100.0))
    async with opened(tree(actor(journal, "w"), spec)) as root:
        ref = root.child("a")
        if how == "restarting":
            crash(ref)
            await settle()
        else:
            await root.terminate_child("a")
        if how == "deleted":
            await root.delete_child("a")
        await root.child("w").ask(monitors(ref))
        await settle()
        assert journal.lines[-1] == "w: Down a 0 None"


@pytest.mark.item(158)
async def test_a_cancelled_monitor_delivers_nothing_more_even_if_it_had_fired() -> None:
    journal = Journal()

    async def script(me: Recorder, ref: Any) -> None:
        monitor = me.monitor(ref)
        kill(ref)
        await anyio.sleep(1)  # Down is queued by now
        monitor.cancel()

    async with opened(tree(actor(journal, "w"), actor(journal, "a"))) as root:
        await root.child("w").ask(Do(lambda me: script(me, root.child("a"))))
        await settle()
    assert not any("Down" in line for line in journal.lines)


@pytest.mark.item(158)
async def test_down_comes_when_the_name_is_free_again() -> None:
    journal, found = Journal(), []

    class Successor(Actor[Down | Do]):
        async def receive(self, message: Down | Do) -> Any:
            if isinstance(message, Do):
                return message.action(self)
            await self.context.supervisor.start_child(actor(journal, "b", name=NAME))
            found.append(self.lookup(NAME).path)
            return None

    spec = actor(journal, "a", name=NAME, restart=Restart.TEMPORARY)
    async with opened(tree(ActorSpec("w", Successor), spec)) as root:
        await root.child("w").ask(monitors(root.ref(NAME)))
        crash(root.child("a"))
        await settle()
    assert found == ["root/b"]


@pytest.mark.item(158)
async def test_a_watch_follows_the_place_from_life_to_life_to_its_end() -> None:
    journal = Journal(slow_start={"a": 1.0})
    async with opened(tree(actor(journal, "w"), actor(journal, "a"))) as root:
        ref, watcher = root.child("a"), root.child("w")
        await watcher.ask(watches(ref))
        crash(ref, BoomError())
        await await_restart(ref)
        await root.terminate_child("a")
        await settle()
        assert [line for line in journal.lines if line.startswith("w: ")] == [
            "w: Up a 1",
            "w: Down a 1 BoomError",
            "w: Up a 2",
            "w: Down a 2 shutdown",
            "w: Gone a",
        ]
        journal.take()
        await watcher.ask(watches(ref))
        await settle()
        assert journal.take() == ["w: Gone a"]


@pytest.mark.item(158)
async def test_a_watch_set_while_a_life_starts_says_up_once_when_it_is_ready() -> None:
    journal = Journal(slow_start={"a": 3.0})
    async with opened(tree(actor(journal, "w"))) as root, anyio.create_task_group() as group:
        group.start_soon(root.start_child, actor(journal, "a"))
        await settle()
        await root.child("w").ask(watches(root.child("a")))
        await anyio.sleep(1)
        assert journal.lines == ["+w"]
        await anyio.sleep(3)
        assert journal.lines == ["+w", "+a", "w: Up a 1"]


@pytest.mark.item(158)
async def test_a_watch_of_a_supervisor() -> None:
    journal = Journal()
    inner = tree(actor(journal, "x"), id="in", intensity=Intensity(0, 1.0))
    async with opened(tree(actor(journal, "w"), inner)) as root:
        await root.child("w").ask(watches(root.child("in")))
        crash(root.supervisor("in").child("x"))
        await await_restart(root.child("in"))
        await settle()
        lines = [line for line in journal.lines if line.startswith("w: ")]
        assert lines[0] == "w: Up in 1"
        assert lines[1].startswith("w: Down in 1 RestartIntensityExceeded")
        assert lines[2] == "w: Up in 2"


@pytest.mark.item(158)
async def test_an_end_by_ignore_is_an_end() -> None:
    journal = Journal(fail_start={"a": [None, Ignore()]})
    async with opened(tree(actor(journal, "w"), actor(journal, "a"))) as root:
        await root.child("w").ask(watches(root.child("a")))
        crash(root.child("a"), BoomError())
        await settle()
        assert [line for line in journal.lines if line.startswith("w: ")][1:] == [
            "w: Down a 1 BoomError",
            "w: Down a 2 normal",
            "w: Gone a",
        ]


@pytest.mark.item(158, 188)
async def test_monitors_end_with_the_life_that_set_them() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "w"), actor(journal, "a"))) as root:
        ref, watcher = root.child("a"), root.child("w")
        await watcher.ask(watches(ref))
        await watcher.ask(monitors(ref))
        crash(watcher)
        await await_restart(watcher)
        assert not ref._place.watchers
        crash(ref)
        await await_restart(ref)
        await settle()
        assert not any("Down" in line for line in journal.lines)


@pytest.mark.item(158)
async def test_who_does_not_accept_a_signal_may_not_ask_for_it() -> None:
    class Deaf(Actor[Do]):
        def receive(self, message: Do) -> Any:
            return message.action(self)

    journal = Journal()
    async with opened(tree(ActorSpec("w", Deaf), actor(journal, "a"))) as root:
        for request in (monitors, watches):
            with pytest.raises(Exception, match="ended before it answered") as caught:
                await root.child("w").ask(request(root.child("a")))
            assert "write class ...(Actor[Do | " in str(caught.value.__cause__)


@pytest.mark.item(158)
async def test_the_end_of_a_dynamic_child_is_gone() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "w"), many("m"))) as root:
        ref = await root.supervisor("m").start_child(actor(journal, "a", restart=Restart.TRANSIENT))
        await root.child("w").ask(watches(ref))
        ref.tell(Quit())
        await settle()
        assert journal.lines[-2:] == ["w: Down a 1 normal", "w: Gone a"]


async def test_a_watch_is_forgotten_when_its_place_is_gone() -> None:
    class Watching(Actor[Ref[Any] | Up | Down | Gone]):
        def receive(self, message: Ref[Any] | Up | Down | Gone) -> None:
            if isinstance(message, Ref):
                self.watch(message)
            seen.append(len(self.context.monitors))

    class Idle(Actor[object]):
        def receive(self, message: object) -> None: ...

    seen: list[int] = []
    tree = SupervisorSpec("root", [DynamicSupervisorSpec("many"), ActorSpec("watching", Watching)])
    async with open_supervisor(tree) as root:
        many = root.supervisor("many")
        for _ in range(5):
            idle = await many.start_child(ActorSpec("idle", Idle))
            root.child("watching").tell(idle)
            await anyio.sleep(1)
            await many.terminate_child(idle)
            await anyio.sleep(1)
    assert seen[-1] == 0


@pytest.mark.item(158)
async def test_gone_is_the_last_word_of_a_watch_that_came_too_late() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "w"), actor(journal, "a"))) as root:
        ref = root.child("a")
        await root.terminate_child("a")
        await root.child("w").ask(watches(ref))
        await root.restart_child("a")
        crash(ref)
        await await_restart(ref)
        await settle()
        assert [line for line in journal.lines if line.startswith("w: ")] == ["w: Gone a"]
        assert not ref._place.watchers


@pytest.mark.item(158)
@pytest.mark.parametrize("verb", ["monitor", "watch"])
async def test_an_actor_whose_life_is_over_watches_nobody(verb: str) -> None:
    journal, kept = Journal(), []
    async with opened(tree(actor(journal, "w"), actor(journal, "a"))) as root:
        ref, watcher = root.child("a"), root.child("w")
        await watcher.ask(Do(kept.append))
        crash(watcher)
        await await_restart(watcher)
        for target in (ref, watcher):
            assert not getattr(kept[0], verb)(target).active
        await root.terminate_child("a")
        assert not getattr(kept[0], verb)(ref).active
        assert not ref._place.watchers
        assert not watcher._place.watchers
        assert not kept[0].context.monitors
        assert not kept[0].context.signals
        await settle()
    assert not any(line.startswith("w: ") for line in journal.lines)


async def test_what_waits_of_one_watch_is_bounded_and_the_newest_stays() -> None:
    journal = Journal()
    spec = actor(journal, "a")
    async with (
        opened(tree(actor(journal, "w"), spec, intensity=Intensity(1_000_000, 1.0))) as root,
        anyio.create_task_group() as tasks,
    ):
        watcher, ref = root.child("w"), root.child("a")
        await watcher.ask(watches(ref))
        await settle()
        Outcome(tasks, watcher, Sleep(1.0))
        await settle()
        for life in range(1, 301):
            crash(ref)
            await await_restart(ref, life)
        life_of_watcher = watcher._place.life
        assert len(life_of_watcher._context.signals) == 100
        await anyio.sleep(2.0)
        heard = [line for line in journal.lines if line.startswith("w: ")]
        assert heard[-2:] == ["w: Down a 300 PoisonError: root/a was crashed on purpose", "w: Up a 301"]
        assert len(heard) == 101
        crash(ref)
        await await_restart(ref, 301)
        await settle()
        assert journal.lines[-1] == "w: Up a 302"
