"""Two stores on one file: in one tree, in two, in two processes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from supervisor import (
    Actor,
    ActorSpec,
    SqliteStore,
    StartError,
    StoreInUse,
    SupervisorSpec,
    open_supervisor,
)
from tests.sqlite.support import opened

pytestmark = pytest.mark.anyio


async def test_one_object_is_opened_once(path: Path) -> None:
    async with opened(path) as store:
        with pytest.raises(StoreInUse, match="another tree of this process"):
            store.open()
        store.put("a", "x", b"1")
        await store.flush()


async def test_one_file_is_opened_once_by_whatever_path(path: Path) -> None:
    link = path.with_name("link.sqlite")
    link.symlink_to(path)
    async with opened(path) as store:
        for other in (SqliteStore(path), SqliteStore(link), SqliteStore(path.parent / ".." / path.parent.name / path.name)):
            with pytest.raises(StoreInUse, match="another tree of this process; stop that one first"):
                other.open()
        store.put("a", "x", b"1")
        await store.flush()


async def test_a_hard_link_is_no_way_in(path: Path) -> None:
    async with opened(path) as store:
        link = path.with_name("link.sqlite")
        link.hardlink_to(path)
        with pytest.raises(StoreInUse, match=r"the store \S*link.sqlite is in use by another tree of this process") as caught:
            SqliteStore(link).open()
        assert caught.value.by is store
        assert not link.with_name("link.sqlite-wal").exists()
        store.put("a", "x", b"1")
        await store.flush()
    async with opened(link) as store:
        assert store.get("a", "x") == b"1"


class Idle(Actor[object]):
    async def receive(self, message: object) -> None: ...


def two_supervisors(one: SqliteStore, other: SqliteStore) -> SupervisorSpec:
    left = SupervisorSpec("left", [ActorSpec("a", Idle)], store=one)
    return SupervisorSpec("root", [left, SupervisorSpec("right", [ActorSpec("a", Idle)], store=other)])


async def test_two_supervisors_of_one_tree_with_a_store_each_on_one_file_are_told_to_share_one(path: Path) -> None:
    link = path.with_name("link.sqlite")
    link.symlink_to(path)
    words = rf"is in use by SqliteStore\('{path}'\) of this tree; make one SqliteStore and give it to both"
    for other in (path, link):
        with pytest.raises(StoreInUse, match=words) as caught:
            async with open_supervisor(two_supervisors(SqliteStore(path), SqliteStore(other))):
                pytest.fail("it began")
        assert caught.value.store == str(path)
    async with opened(path):
        """Nothing of the attempts is left in the way."""


async def test_two_supervisors_of_one_tree_can_share_one_store(path: Path) -> None:
    store = SqliteStore(path)
    async with open_supervisor(two_supervisors(store, store)) as root:
        assert [child.phase.value for child in root.which_children()] == ["running", "running"]


async def test_a_child_that_comes_with_a_store_of_its_own_on_the_trees_file_is_told_to_share(path: Path) -> None:
    spec = SupervisorSpec("root", [], store=SqliteStore(path))
    async with open_supervisor(spec, sinks=[lambda event: None]) as root:
        with pytest.raises(StartError, match="of this tree; make one SqliteStore and give it to both"):
            await root.start_child(ActorSpec("a", Idle, store=SqliteStore(path)))


async def test_two_supervisors_of_two_trees_of_one_process_are_told_to_stop_one(path: Path) -> None:
    store = SqliteStore(path)
    async with open_supervisor(two_supervisors(store, store)):
        for other in (store, SqliteStore(path)):
            with pytest.raises(StoreInUse, match="in use by another tree of this process; stop that one first"):
                async with open_supervisor(two_supervisors(other, other)):
                    pytest.fail("it began")


HOLD = """
import os, sys
from supervisor.sqlite_file import SqliteFile
file = SqliteFile(sys.argv[1])
print(os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.real_time
async def test_a_file_that_another_process_holds_is_refused_until_that_is_killed(path: Path) -> None:
    with subprocess.Popen(  # noqa: ASYNC220  # there is nothing else to do meanwhile
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        pid = holder.stdout.readline().strip()
        with pytest.raises(StoreInUse, match=rf"in use by process {pid} \(-c\); stop that one first"):
            SqliteStore(path).open()
        other = SqliteStore(path)
        with pytest.raises(StoreInUse, match=rf"in use by process {pid} \(-c\); stop that one first"):
            async with open_supervisor(two_supervisors(other, other)):
                pytest.fail("it began")
        holder.kill()
        holder.wait()
        async with opened(path) as store:
            store.put("a", "x", b"1")


HOLD_AND_FORK = """
import os, sys, time
from supervisor.sqlite_file import SqliteFile
file = SqliteFile(sys.argv[1])
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(300)  # it only holds what it inherited, until the test ends it
print(child, flush=True)
os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.real_time
async def test_a_forked_child_that_outlives_its_parent_does_not_keep_the_file(path: Path) -> None:
    """It inherits every descriptor: the lock must not be among what it inherits."""
    command = [sys.executable, "-c", HOLD_AND_FORK, str(path)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: ASYNC221  # nothing else to do meanwhile
    try:
        async with opened(path) as store:
            store.put("a", "x", b"1")
    finally:
        os.kill(int(ran.stdout), 9)


async def test_a_file_that_another_program_has_locked_is_refused(path: Path) -> None:
    async with opened(path):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreInUse, match="another program, which has locked it"):
            SqliteStore(path).open()
    async with opened(path):
        pass
