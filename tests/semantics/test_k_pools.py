"""K. Pools: a fixed number of identical actors, and which of them has which key."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import anyio
import pytest
from attrs import evolve

from supervisor import (
    KILL,
    Actor,
    AskedSelf,
    ChildNotFound,
    DeadLetter,
    Intensity,
    Mailbox,
    Message,
    Name,
    NameTaken,
    NoSuchActor,
    Pool,
    PoolEmpty,
    PoolSpec,
    Restart,
    SpecError,
    StartError,
    Strategy,
)
from supervisor.pool import position_of
from supervisor.testing import await_restart, crash, kill
from tests.semantics.actors import (
    LOOSE,
    Boom,
    BoomError,
    Do,
    Get,
    Journal,
    Note,
    Recorder,
    Sleep,
    actor,
    incarnations,
    many,
    opened,
    phases,
    settle,
    tree,
)

pytestmark = pytest.mark.anyio
POOL: Pool[Any] = Pool("workers")


def pool(journal: Journal, size: int = 3, **kwargs: Any) -> PoolSpec[Any]:
    kwargs = {"name": POOL, "intensity": LOOSE, **kwargs}
    return PoolSpec("pool", lambda number: Recorder(str(number), journal), size, **kwargs)


class Key(Message, frozen=True):
    text: str


@pytest.mark.item(120)
@pytest.mark.parametrize(("key", "position"), [(0, 0), (1, 1), (4, 1), (-4, 1), (-3, 0), (10**30 + 1, 2)])
def test_a_whole_number_belongs_to_its_remainder(key: int, position: int) -> None:
    assert position_of(key, 3) == position


@pytest.mark.item(120)
def test_other_keys_are_hashed_alike_in_every_process() -> None:
    keys = "['BTC/USDT', 'x', b'x', ('a', 1), 1.5, True, None, frozenset(['a', 'b', 'c'])]"
    code = f"from supervisor.pool import position_of; print([position_of(key, 1000) for key in {keys}])"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={"PYTHONHASHSEED": "7", "PATH": ""}
    )
    found = [position_of(key, 1000) for key in eval(keys)]  # noqa: S307  # the line above
    assert done.stdout.strip() == str(found)
    assert found[:6] == [165, 828, 944, 868, 661, 609]  # a change of these moves every key of every pool


@pytest.mark.item(120)
def test_hashed_keys_are_spread_over_the_members() -> None:
    counts = [0] * 4
    for number in range(4_000):
        counts[position_of(f"user-{number}", 4)] += 1
    assert min(counts) > 850


@pytest.mark.item(120)
def test_equal_keys_of_different_kinds_may_differ_but_never_change() -> None:
    assert position_of(Key("a"), 1000) == position_of(Key("a"), 1000)
    with pytest.raises(TypeError, match=r"a pool got the key <object .*expected a number, a text"):
        position_of(object(), 3)


@pytest.mark.item(120)
async def test_a_pool_has_so_many_members_and_each_knows_its_number() -> None:
    journal = Journal()
    async with opened(tree(pool(journal))) as root:
        found = root.pool(POOL)
        assert [ref.path for ref in found.members()] == ["root/pool/0", "root/pool/1", "root/pool/2"]
        assert [await ref.ask(Do(lambda me: me.id)) for ref in found.members()] == ["0", "1", "2"]
        assert (found.size, found.path, repr(found)) == (3, "root/pool", "<PoolHandle root/pool, 3 of 3>")
        assert found.member(4) == found.member(1) == root.supervisor("pool").child("1")


@pytest.mark.item(120)
async def test_a_member_restarts_alone_and_keeps_its_keys() -> None:
    journal = Journal()
    async with opened(tree(pool(journal))) as root:
        found = root.pool(POOL)
        ref = found.member("BTC/USDT")
        for _ in range(2):
            crash(ref)
            await await_restart(ref)
        assert found.member("BTC/USDT") == ref
        number = ref.path[-1]
        assert incarnations(root.supervisor("pool")) == {**dict.fromkeys("012", 1), number: 3}


@pytest.mark.item(120)
async def test_a_pool_is_a_supervisor_to_everybody() -> None:
    journal = Journal()
    async with opened(tree(pool(journal))) as root:
        (child,) = root.which_children()
        assert (child.id, child.kind) == ("pool", "supervisor")
        assert root.snapshot().root.children[0].children[2].path == "root/pool/2"
        assert root.supervisor("pool").count_children().workers == 3


@pytest.mark.item(120)
async def test_a_pool_can_be_the_root() -> None:
    async with opened(pool(Journal())) as root:
        assert root.pool(POOL).member(2).path == "pool/2"


@pytest.mark.item(120)
async def test_a_pool_can_come_and_go_at_run_time() -> None:
    journal = Journal()
    async with opened(many()) as root:
        for _ in range(2):
            await root.start_child(pool(journal))
            assert await root.pool(POOL).member(0).ask(Get()) == 0
            with pytest.raises(NameTaken):
                await root.start_child(pool(journal))
            await root.terminate_child("pool")
            with pytest.raises(NoSuchActor):
                root.pool(POOL)
        assert root._runtime.pools == {}


@pytest.mark.item(120)
async def test_actors_find_a_pool_by_its_name_and_its_scope() -> None:
    journal = Journal()
    spec = tree(
        *(tree(pool(journal), actor(journal, "a"), id=id, scoped=True) for id in "xy"),
        actor(journal, "outside"),
    )
    find = Do(lambda me: me.context.supervisor.pool(POOL).path)
    async with opened(spec) as root:
        for id in "xy":
            assert await root.supervisor(id).child("a").ask(find) == f"root/{id}/pool"
            assert await root.supervisor(id).supervisor("pool").child("0").ask(find) == f"root/{id}/pool"
        with pytest.raises(NoSuchActor):
            root.pool(POOL)


@pytest.mark.item(120)
async def test_a_name_of_an_actor_is_no_pool() -> None:
    async with opened(tree(actor(Journal(), "a", name=Name("workers")))) as root:
        with pytest.raises(NoSuchActor, match="the pool 'workers'"):
            root.pool(POOL)
        with pytest.raises(TypeError, match=r"expected the name of a pool, such as Pool\('workers'\)"):
            root.pool("workers")


@pytest.mark.item(120)
async def test_resized_to_fewer_the_last_are_stopped_and_keep_their_specs() -> None:
    journal = Journal()
    async with opened(tree(pool(journal, 4))) as root:
        found, inner = root.pool(POOL), root.supervisor("pool")
        journal.take()
        await found.resize(2)
        assert journal.lines == ["-3", "-2"]
        count = inner.count_children()
        assert (count.specs, count.active, found.size) == (4, 2, 2)
        assert [found.member(key).path[-1] for key in range(4)] == ["0", "1", "0", "1"]
        assert len(found.members()) == 2


@pytest.mark.item(120)
async def test_resized_to_more_they_come_back() -> None:
    journal = Journal()
    async with opened(tree(pool(journal, 4))) as root:
        found = root.pool(POOL)
        await found.resize(1)
        journal.take()
        await found.resize(3)
        assert journal.lines == ["+1", "+2"]
        assert [await found.member(key).ask(Do(lambda me: me.id)) for key in (1, 2, 3)] == ["1", "2", "0"]
        await found.resize(3)
        assert journal.lines == ["+1", "+2"]


@pytest.mark.item(120)
async def test_an_empty_pool_has_a_member_for_no_key() -> None:
    async with opened(tree(pool(Journal()))) as root:
        found = root.pool(POOL)
        await found.resize(0)
        with pytest.raises(PoolEmpty, match="the pool root/pool has no member at work") as caught:
            found.member("x")
        assert (caught.value.path, caught.value.size, found.members()) == ("root/pool", 3, [])
        assert isinstance(caught.value, LookupError)
        await found.resize(1)
        assert found.member("x").path == "root/pool/0"


@pytest.mark.item(120)
@pytest.mark.parametrize("size", [-1, 4, True, 1.0, None], ids=str)
async def test_a_pool_is_resized_within_its_first_size(size: Any) -> None:
    async with opened(tree(pool(Journal()))) as root:
        with pytest.raises(ValueError, match="expected a whole number from 0 to 3"):
            await root.pool(POOL).resize(size)
        assert root.pool(POOL).size == 3


@pytest.mark.item(120)
async def test_a_pool_whose_supervisor_restarts_has_its_first_size_again() -> None:
    async with opened(tree(pool(Journal(), intensity=Intensity(0, 10.0)), intensity=LOOSE)) as root:
        found = root.pool(POOL)
        await found.resize(1)
        crash(found.member(0))
        await settle()
        assert found.size == 3
        assert root.pool(POOL).member(2).alive
        assert phases(root.supervisor("pool")) == dict.fromkeys("012", "running")


@pytest.mark.item(120)
async def test_who_is_about_to_be_stopped_gets_no_more_keys() -> None:
    journal = Journal(slow_stop={"2": 3.0})
    async with opened(tree(pool(journal))) as root, anyio.create_task_group() as group:
        group.start_soon(root.pool(POOL).resize, 2)
        await anyio.sleep(1)
        assert root.pool(POOL).member(2).path == "root/pool/0"
        await anyio.sleep(3)
        assert "-2" in journal.lines


@pytest.mark.item(120)
async def test_two_resizes_at_once_are_done_one_after_the_other() -> None:
    journal = Journal(slow_stop={"2": 3.0})
    async with opened(tree(pool(journal))) as root:
        async with anyio.create_task_group() as group:
            group.start_soon(root.pool(POOL).resize, 0)
            await settle()
            group.start_soon(root.pool(POOL).resize, 3)
        assert root.pool(POOL).size == 3
        assert phases(root.supervisor("pool")) == dict.fromkeys("012", "running")


@pytest.mark.item(120)
async def test_a_resize_that_is_cut_leaves_a_size_that_is_true() -> None:
    journal = Journal(slow_stop={"1": 4.0})
    async with opened(tree(pool(journal))) as root:
        found = root.pool(POOL)
        with anyio.move_on_after(1):
            await found.resize(0)
        assert found.size == 1
        await anyio.sleep(5)
        assert phases(root.supervisor("pool")) == {"0": "running", "1": "stopped", "2": "stopped"}
        await found.resize(3)
        assert phases(root.supervisor("pool")) == dict.fromkeys("012", "running")


@pytest.mark.item(120)
async def test_a_member_that_does_not_start_ends_the_resize_there() -> None:
    journal = Journal(fail_start={"1": [None, BoomError("no")]})
    async with opened(tree(pool(journal))) as root:
        found = root.pool(POOL)
        await found.resize(0)
        with pytest.raises(StartError):
            await found.resize(3)
        assert found.size == 1
        await found.resize(3)
        assert found.size == 3


@pytest.mark.item(120)
async def test_a_member_does_not_stop_itself() -> None:
    async def shrink(me: Any) -> str:
        try:
            await me.context.supervisor.pool(POOL).resize(0)
        except AskedSelf:
            return "refused"
        return "done"

    async with opened(tree(pool(Journal()))) as root:
        assert await root.pool(POOL).member(1).ask(Do(shrink)) == "refused"
        assert root.pool(POOL).size == 3


@pytest.mark.item(120)
async def test_what_a_stopped_member_had_queued_becomes_dead_letters() -> None:
    journal = Journal()
    async with opened(tree(pool(journal, 1)), journal) as root:
        ref = root.pool(POOL).member(0)
        ref.tell(Sleep(2.0))
        ref.tell(Note("never"))
        await settle()
        await root.pool(POOL).resize(0)
        assert [event.message for event in journal.of(DeadLetter)] == ["Note"]
        assert "0 slept" in journal.lines


@pytest.mark.item(120)
async def test_a_member_that_was_deleted_by_hand_is_not_found() -> None:
    async with opened(tree(pool(Journal()))) as root:
        inner = root.supervisor("pool")
        await inner.terminate_child("1")
        await inner.delete_child("1")
        with pytest.raises(ChildNotFound):
            root.pool(POOL).member(1)


@pytest.mark.item(120)
async def test_what_each_member_is_given_is_in_the_spec_of_the_pool() -> None:
    spec = pool(
        Journal(), member_restart=Restart.TRANSIENT, member_shutdown=KILL, mailbox=Mailbox(7), start_timeout=3.0, watchdog=2.0
    )
    for member in spec.children:
        assert (member.restart, member.shutdown) == (Restart.TRANSIENT, KILL)
        assert (member.mailbox, member.start_timeout, member.watchdog) == (Mailbox(7), 3.0, 2.0)
    assert (spec.restart, spec.strategy) == (Restart.PERMANENT, Strategy.ONE_FOR_ONE)
    async with opened(spec) as root:
        kill(root.pool(POOL).member(0))
        await settle()
        root.pool(POOL).member(1).tell(Boom())
        await settle()
        assert incarnations(root) == {"0": 2, "1": 2, "2": 1}


def test_a_pool_of_one_factory_equals_another() -> None:
    class Worker(Actor[int]):
        def __init__(self, number: int) -> None: ...

    assert PoolSpec("a", Worker, 2) == PoolSpec("a", Worker, 2)
    assert PoolSpec("a", Worker, 2) != PoolSpec("a", Worker, 3)
    assert hash(PoolSpec("a", Worker, 2)) == hash(PoolSpec("a", Worker, 2))
    assert "children" not in repr(PoolSpec("a", Worker, 2))
    assert len(evolve(PoolSpec("a", Worker, 2), size=3).children) == 3


@pytest.mark.item(120)
@pytest.mark.parametrize("size", [0, -1, True, 2.0, "x", None], ids=str)
def test_a_pool_has_at_least_one_member(size: Any) -> None:
    with pytest.raises(SpecError, match=r"PoolSpec.size is .*expected a whole number from 1"):
        PoolSpec("pool", lambda number: Recorder(str(number), Journal()), size)


@pytest.mark.parametrize(
    ("field", "value"),
    [("start", 3), ("name", Name("workers")), ("member_restart", Restart.TEMPORARY), ("mailbox", 3), ("watchdog", 0)],
    ids=str,
)
def test_what_a_pool_cannot_be_made_of_is_refused(field: str, value: Any) -> None:
    given: dict[str, Any] = {"start": lambda number: Recorder(str(number), Journal()), "size": 2, field: value}
    with pytest.raises(SpecError, match=rf"(PoolSpec|ActorSpec)\.{field} is "):
        PoolSpec("pool", **given)


@pytest.mark.parametrize("key", ["", "a/b", 3], ids=str)
def test_the_name_of_a_pool_is_a_text(key: Any) -> None:
    with pytest.raises(SpecError, match=r"Pool\.key is "):
        Pool(key)


def test_two_pools_of_one_name_are_refused_in_one_tree() -> None:
    with pytest.raises(SpecError, match="'pool' has this one"):
        tree(pool(Journal()), PoolSpec("other", lambda number: Recorder(str(number), Journal()), 2, name=POOL))
