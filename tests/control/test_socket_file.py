"""The control socket: its file, and whose it is."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from supervisor import (
    SpecError,
    StartError,
)
from tests.control.support import is_served, read, there, watched, write
from tests.semantics.actors import Journal, abcs, settle, tree

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o177])
async def test_only_the_owner_may_connect_whatever_the_umask(door: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        async with watched(tree(), door):
            assert oct(stat.S_IMODE(os.lstat(door).st_mode)) == "0o600"
            assert os.umask(umask) == umask
    finally:
        os.umask(before)


async def test_the_file_is_made_with_its_mode_and_not_changed_later(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two anybody could open it."""
    modes: list[int] = []
    bind = socket.socket.bind

    def look(self: socket.socket, address: Any) -> None:
        bind(self, address)
        modes.append(stat.S_IMODE(os.lstat(door).st_mode))
        with socket.socket(socket.AF_UNIX) as probe:  # and even so, nobody can be served yet
            modes.append(probe.connect_ex(door))

    monkeypatch.setattr(socket.socket, "bind", look)
    before = os.umask(0)
    try:
        async with watched(tree(), door):
            assert modes == [0o600, 111]
    finally:
        os.umask(before)


async def test_the_file_is_gone_when_the_tree_is(door: str) -> None:
    async with watched(tree(*abcs(Journal())), door):
        assert there(door)
    assert not there(door)


async def test_the_file_is_gone_when_the_tree_ends_by_itself(door: str) -> None:
    async with watched(tree(*abcs(Journal())), door) as root:
        await root.stop()
        await settle()
        assert not there(door)


async def test_the_file_is_gone_when_the_tree_does_not_start(door: str) -> None:
    journal = Journal(fail_start={"b": ValueError("no")})
    with pytest.raises(StartError):
        async with watched(tree(*abcs(journal)), door):
            pass
    assert not there(door)


async def test_a_file_that_took_its_place_is_left_alone(door: str) -> None:
    async with watched(tree(), door):
        os.unlink(door)
        write(door)
    assert read(door) == "mine"


async def test_a_dead_socket_is_replaced(door: str) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(door)
    async with watched(tree(), door):
        assert await is_served(door)


async def refused(door: Any, journal: Journal | None = None) -> SpecError:
    journal = journal or Journal()
    with pytest.raises(SpecError) as caught:
        async with watched(tree(*abcs(journal)), door):
            pass
    assert journal.lines == []  # nothing was started
    return caught.value


async def test_a_socket_somebody_listens_at_is_not_taken_over(door: str) -> None:
    async with watched(tree(), door):
        assert "listens there already" in (await refused(door)).expected
        assert await is_served(door)


async def test_a_socket_whose_queue_is_full_is_not_dead(door: str) -> None:
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as more:
        busy.bind(door)
        busy.listen(0)
        first.connect(door)
        more.setblocking(False)
        more.connect_ex(door)
        assert "listens there already" in (await refused(door)).expected


async def test_a_socket_that_is_bound_and_does_not_listen_yet_is_waited_for_by_a_lock(door: str) -> None:
    """Another process has bound its socket, and not yet called listen(): it holds the folder's lock meanwhile."""
    import fcntl

    folder = os.open(Path(door).parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(door)
            assert "cannot be locked" in (await refused(door)).expected
            other.listen()
            assert there(door)
    finally:
        os.close(folder)


async def test_a_lock_that_somebody_holds_for_ever_does_not_keep_a_tree_from_starting(door: str) -> None:
    import fcntl

    folder = os.open(Path(door).parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        async with watched(tree(), door):
            assert await is_served(door)
    finally:
        os.close(folder)


@pytest.mark.parametrize("kind", ["file", "folder", "link", "pipe"])
async def test_any_other_file_is_left_alone(door: str, kind: str) -> None:
    match kind:
        case "file":
            write(door)
        case "folder":
            os.mkdir(door)
        case "link":
            os.symlink("/nowhere", door)
        case "pipe":
            os.mkfifo(door)
    before = os.lstat(door)
    assert "another file" in (await refused(door)).expected
    assert os.lstat(door).st_ino == before.st_ino


async def test_a_path_longer_than_an_address_says_how_long_it_is(door: str) -> None:
    error = await refused(door + "x" * 108)
    assert error.field == "control"
    assert "at most 107 bytes" in error.expected
    assert str(len(door) + 108) in error.expected


@pytest.mark.parametrize("path", ["", 7, b"x", "a\0b", True, ["x"]], ids=repr)
async def test_what_is_no_path_is_refused(path: Any) -> None:
    assert (await refused(path)).field == "control"


async def test_a_folder_that_is_not_there_is_said(door: str) -> None:
    assert (
        "No such file" in (await refused(f"{door}/no/such")).expected
        or "Not a directory" in (await refused(f"{door}/no")).expected
    )
