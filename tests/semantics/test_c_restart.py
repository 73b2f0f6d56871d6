"""C. Restart types."""

from __future__ import annotations

import gc
import weakref
from functools import partial
from typing import Any

import anyio
import pytest

from supervisor import ActorSpec, ChildEnded, Failed, Killed, Normal, NoSuchActor, Restart, Shutdown, Stop, TaskSpec
from supervisor.exits import ExitReason
from supervisor.testing import await_restart, crash, kill
from tests.semantics.actors import (
    LOOSE,
    Boom,
    BoomError,
    Do,
    Get,
    Journal,
    Recorder,
    actor,
    incarnations,
    many,
    opened,
    phases,
    settle,
    tree,
)

pytestmark = pytest.mark.anyio

REASONS = [Normal(), Shutdown(), Shutdown("why"), Failed(BoomError("x")), Killed()]


def end_with(ref: Any, reason: ExitReason) -> None:
    """Have the life there end so, by itself."""
    if isinstance(reason, Killed):
        kill(ref)
    elif isinstance(reason, Failed):
        crash(ref, reason.error)
    else:

        def stop(_: Recorder) -> None:
            raise Stop(reason)

        ref.tell(Do(stop))


@pytest.mark.item(26)
@pytest.mark.parametrize("reason", REASONS, ids=str)
@pytest.mark.parametrize("dynamic", [False, True])
async def test_permanent_comes_back_after_any_end(reason: ExitReason, dynamic: bool) -> None:
    journal = Journal()
    async with opened(many() if dynamic else tree(), journal) as root:
        ref = await root.start_child(actor(journal, "a"))
        end_with(ref, reason)
        assert await await_restart(ref, 1) == 2
        assert root.snapshot().root.restarts_in_window == 1
        assert [str(event.reason) for event in journal.of(ChildEnded)] == [str(reason)]


@pytest.mark.item(27, 28, 113)
@pytest.mark.parametrize("reason", REASONS, ids=str)
@pytest.mark.parametrize("dynamic", [False, True])
async def test_transient_comes_back_after_an_abnormal_end_only(reason: ExitReason, dynamic: bool) -> None:
    journal = Journal()
    async with opened(many() if dynamic else tree(), journal) as root:
        ref = await root.start_child(actor(journal, "a", restart=Restart.TRANSIENT))
        end_with(ref, reason)
        await settle()
        if isinstance(reason, Failed | Killed):
            assert incarnations(root) == {"a": 2}
        else:
            assert phases(root) == ({} if dynamic else {"a": "stopped"})
            count = root.count_children()
            assert (count.specs, count.active) == (0 if dynamic else 1, 0)
            with pytest.raises(NoSuchActor):
                await ref.ask(Get())


@pytest.mark.item(29, 113)
@pytest.mark.parametrize("reason", REASONS, ids=str)
@pytest.mark.parametrize("dynamic", [False, True])
async def test_temporary_never_comes_back_and_its_id_is_free(reason: ExitReason, dynamic: bool) -> None:
    journal = Journal()
    spec = actor(journal, "a", restart=Restart.TEMPORARY)
    async with opened(many() if dynamic else tree(), journal) as root:
        old = await root.start_child(spec)
        end_with(old, reason)
        await settle()
        assert root.which_children() == []
        new = await root.start_child(spec)
        assert new != old
        assert new.path == old.path
        with pytest.raises(NoSuchActor):
            await old.ask(Get())
        assert await new.ask(Get()) == 0


@pytest.mark.item(30)
async def test_a_finished_transient_child_can_be_brought_back() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", restart=Restart.TRANSIENT))) as root:
        ref = root.child("a")
        end_with(ref, Normal())
        await settle()
        assert await root.restart_child("a") == ref
        assert await ref.ask(Get()) == 0


class Big:
    pass


@pytest.mark.item(31)
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("kind", ["actor", "task"])
async def test_what_a_temporary_child_was_started_with_is_not_kept(dynamic: bool, kind: str) -> None:
    journal = Journal()

    def make(big: Big) -> Recorder:
        return Recorder("a", journal)

    async def work(big: Big) -> None:
        del big
        await anyio.sleep_forever()

    async with opened(many() if dynamic else tree()) as root:
        for _ in range(2):
            big = Big()
            gone = weakref.ref(big)
            if kind == "actor":
                ref = await root.start_child(ActorSpec("a", partial(make, big), restart=Restart.TEMPORARY))
            else:
                ref = await root.start_child(TaskSpec("a", partial(work, big), restart=Restart.TEMPORARY))
            del big
            await settle()
            gc.collect()
            assert ref.alive
            assert gone() is None
            kill(ref)
            await settle()


@pytest.mark.item(32)
async def test_a_restart_is_a_new_life_from_the_same_start() -> None:
    journal, made = Journal(), []

    def make() -> Recorder:
        made.append(Recorder("a", journal))
        return made[-1]

    async with opened(tree(ActorSpec("a", make))) as root:
        ref = root.child("a")
        assert await ref.ask(Get()) == 0
        assert await ref.ask(Get()) == 1
        crash(ref)
        assert await await_restart(ref) == 2
        assert await ref.ask(Get()) == 0
    assert made[0] is not made[1]


@pytest.mark.item(32)
async def test_a_factory_that_gives_the_same_actor_twice_is_refused() -> None:
    journal = Journal()
    actor_ = Recorder("a", journal)
    with pytest.raises(Exception, match="gave up") as caught:
        async with opened(tree(ActorSpec("a", lambda: actor_))) as root:
            crash(root.child("a"))
            await anyio.sleep_forever()
    assert "lived before" in str(caught.value.__cause__)


@pytest.mark.item(33)
@pytest.mark.parametrize("reason", REASONS, ids=str)
async def test_what_is_loud_and_what_is_not(reason: ExitReason) -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a")), journal) as root:
        end_with(root.child("a"), reason)
        await settle()
    event = journal.of(ChildEnded)[0]
    loud = isinstance(reason, Failed | Killed)
    assert event.level == ("error" if loud else "debug")
    assert (event.path, event.incarnation, event.restart, event.abnormal) == ("root/a", 1, "permanent", loud)
    assert event.cause is (reason.error if isinstance(reason, Failed) else None)


@pytest.mark.item(34)
async def test_a_parked_child_stays_parked_until_it_is_brought_back() -> None:
    from supervisor import ChildGaveUp, Exhausted, Intensity, Scope

    journal = Journal()
    intensity = Intensity(1, 10.0, scope=Scope.CHILD, exhausted=Exhausted.GIVE_UP)
    async with opened(tree(actor(journal, "a"), actor(journal, "b"), intensity=intensity), journal) as root:
        for _ in range(2):
            root.child("a").tell(Boom())
            await settle()
        assert phases(root) == {"a": "gave up", "b": "running"}
        assert len(journal.of(ChildGaveUp)) == 1
        await root.restart_child("a")
        assert phases(root) == {"a": "running", "b": "running"}


@pytest.mark.item(32, 176)
async def test_lives_follow_each_other_without_end() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), intensity=LOOSE)) as root:
        for number in range(1, 50):
            crash(root.child("a"))
            assert await await_restart(root.child("a")) == number + 1
