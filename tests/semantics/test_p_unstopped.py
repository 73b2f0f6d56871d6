"""P. Structured concurrency: who will not end."""

from __future__ import annotations

import anyio
import pytest

from supervisor import ChildEnded, LifeUnstopped, Strategy, TaskSpec, Unstopped
from supervisor.testing import await_restart, crash
from tests.semantics.actors import Do, Get, Journal, Recorder, actor, incarnations, opened, phases, settle, tree

pytestmark = pytest.mark.anyio


class Stubborn:
    """A task that ignores every cancellation until it is released."""

    def __init__(self) -> None:
        self.release = anyio.Event()
        self.lives = 0
        self.alive = 0
        self.most = 0

    async def shielded(self) -> None:
        self.lives += 1
        self.alive += 1
        self.most = max(self.most, self.alive)
        with anyio.CancelScope(shield=True):
            await self.release.wait()
        await self._over()

    async def _over(self) -> None:
        try:
            if self.lives > 1:
                await anyio.sleep_forever()  # the next life is a good one
        finally:
            self.alive -= 1

    async def swallowing(self) -> None:
        self.lives += 1
        self.alive += 1
        self.most = max(self.most, self.alive)
        while not self.release.is_set():
            try:
                await anyio.sleep(0.3)
            except anyio.get_cancelled_exc_class():
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(0.1)
        await self._over()


@pytest.mark.item(69, 163)
@pytest.mark.parametrize("how", ["shielded", "swallowing"])
async def test_who_will_not_end_is_reported_with_its_stack_and_never_doubled(how: str) -> None:
    stubborn, journal = Stubborn(), Journal()
    spec = tree(TaskSpec("a", getattr(stubborn, how), shutdown=1.0), actor(journal, "b"))
    async with opened(spec, journal) as root:
        await settle()
        began = anyio.current_time()
        with pytest.raises(Unstopped) as caught:
            await root.terminate_child("a")
        assert anyio.current_time() - began == pytest.approx(2.0, abs=0.2)
        assert how in caught.value.stack
        report = journal.of(LifeUnstopped)[0]
        assert (report.path, report.incarnation) == ("root/a", 1)
        assert how in report.stack
        with pytest.raises(Exception, match=r"run|restart"):
            await root.restart_child("a")
        with pytest.raises(Unstopped):
            await root.terminate_child("a")
        assert await root.child("b").ask(Get()) == 0
        stubborn.release.set()
        await anyio.sleep(1)
        await root.terminate_child("a")
        assert phases(root)["a"] == "stopped"
        await root.restart_child("a")
        await settle()
    assert stubborn.most == 1
    assert stubborn.lives == 2


@pytest.mark.item(50, 163)
@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_a_group_restart_goes_on_without_who_will_not_end_and_takes_it_in_later(strategy: Strategy) -> None:
    stubborn, journal = Stubborn(), Journal()
    spec = tree(actor(journal, "a"), TaskSpec("b", stubborn.shielded, shutdown=1.0), actor(journal, "c"), strategy=strategy)
    async with opened(spec, journal) as root:
        await settle()
        crash(root.child("a"))
        await anyio.sleep(5)
        assert incarnations(root) == {"a": 2, "b": 1, "c": 2}
        assert stubborn.lives == 1
        stubborn.release.set()
        await settle()
        assert incarnations(root) == {"a": 2, "b": 2, "c": 2}
        assert stubborn.most == 1


@pytest.mark.item(163)
async def test_the_tree_waits_for_who_will_not_end_but_stops_the_others() -> None:
    stubborn, journal = Stubborn(), Journal()

    async def release() -> None:
        await anyio.sleep(30)
        stubborn.release.set()

    async with anyio.create_task_group() as group:
        async with opened(tree(actor(journal, "a"), TaskSpec("b", stubborn.shielded, shutdown=1.0)), journal):
            group.start_soon(release)
            await settle()
            began = anyio.current_time()
        assert anyio.current_time() - began == pytest.approx(30.0, abs=0.1)
    assert journal.lines == ["+a", "-a"]
    assert len(journal.of(LifeUnstopped)) == 1


@pytest.mark.item(163)
async def test_a_supervisor_whose_child_will_not_end_is_reported_to_who_stops_it() -> None:
    stubborn, journal = Stubborn(), Journal()
    inner = tree(actor(journal, "a"), TaskSpec("b", stubborn.shielded, shutdown=1.0), id="inner")
    async with opened(tree(inner), journal) as root:
        await settle()
        for _ in range(2):
            with pytest.raises(Unstopped):
                await root.terminate_child("inner")
        assert journal.lines == ["+a", "-a"]
        stubborn.release.set()
        await settle()
        await root.terminate_child("inner")
        assert phases(root) == {"inner": "stopped"}


@pytest.mark.item(153, 163)
async def test_stop_of_who_will_not_end_says_so() -> None:
    stubborn = Stubborn()
    async with opened(tree(TaskSpec("a", stubborn.shielded, shutdown=1.0))) as root:
        await settle()
        for _ in range(2):
            with pytest.raises(Unstopped):
                await root.child("a").stop()
        stubborn.release.set()


@pytest.mark.item(163)
async def test_who_survived_its_watchdog_does_not_hang_a_later_terminate() -> None:
    journal, release = Journal(), anyio.Event()

    async def block(_: Recorder) -> None:
        with anyio.CancelScope(shield=True):
            await release.wait()

    async with opened(tree(actor(journal, "a", watchdog=1.0)), journal) as root:
        root.child("a").tell(Do(block))
        await anyio.sleep(5)
        assert len(journal.of(LifeUnstopped)) == 1
        with pytest.raises(Unstopped):
            await root.terminate_child("a")
        release.set()
        await settle()
        assert phases(root) == {"a": "stopped"}
    assert journal.of(ChildEnded)[0].reason.startswith("Hung")


@pytest.mark.item(173)
async def test_the_end_is_seen_only_when_spawned_tasks_have_ended() -> None:
    journal = Journal()

    async def slow_to_go() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(2)
            journal("spawned ended")

    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(lambda me: me.spawn(slow_to_go)))
        await settle()
        crash(root.child("a"))
        await await_restart(root.child("a"))
        assert journal.lines == ["+a", "-a", "spawned ended", "+a"]


@pytest.mark.item(163)
async def test_who_will_not_end_because_of_what_it_spawned_is_reported_with_that_stack_too() -> None:
    stubborn, journal = Stubborn(), Journal()
    async with opened(tree(actor(journal, "a", shutdown=1.0)), journal) as root:
        await root.child("a").ask(Do(lambda me: me.spawn(stubborn.shielded)))
        await settle()
        with pytest.raises(Unstopped) as caught:
            await root.terminate_child("a")
        stubborn.release.set()
    for stack in (caught.value.stack, journal.of(LifeUnstopped)[0].stack):
        assert "in _main" in stack
        assert "in shielded" in stack
