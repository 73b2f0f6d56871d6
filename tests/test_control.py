"""The control socket: it tells its owner how the tree is, and nothing that a client does hurts the tree."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import stat
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from supervisor import (
    Event,
    HookFailed,
    RestartIntensityExceeded,
    SpecError,
    StartError,
    Supervisor,
    TreeStopped,
    open_supervisor,
    run,
)
from supervisor.control.client import Unreachable, fetch_snapshot
from supervisor.control.server import FAREWELL, IDLE, MAX_CLIENTS, STALLED
from supervisor.control.wire import MAX_REQUEST
from tests.semantics.actors import STRICT, Boom, Journal, abcs, actor, many, opened, settle, task, tree

pytestmark = pytest.mark.anyio

SNAPSHOT = b'{"v":1,"get":"snapshot"}\n'


@pytest.fixture
def door() -> Iterator[str]:
    """A path short enough for a socket's address, which pytest's own are not always."""
    folder = tempfile.mkdtemp(prefix="one")
    yield f"{folder}/door"
    shutil.rmtree(folder)


@asynccontextmanager
async def watched(spec: Any, door: str, journal: Journal | None = None) -> AsyncIterator[Supervisor]:
    """The tree, with a control socket."""
    sinks = [journal.events.append if journal is not None else lambda _: None]
    with anyio.fail_after(5e6):
        async with open_supervisor(spec, sinks=sinks, control=door) as root:
            yield root


class Client:
    """The other end."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.buffer = b""

    async def line(self) -> dict[str, Any]:
        while b"\n" not in self.buffer:
            self.buffer += await self.stream.receive()
        line, _, self.buffer = self.buffer.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    async def ask(self, request: bytes) -> dict[str, Any]:
        await self.stream.send(request)
        return await self.line()

    async def is_closed(self) -> bool:
        try:
            self.buffer += await self.stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return True
        return False


@asynccontextmanager
async def connected(door: str) -> AsyncIterator[Client]:
    async with await anyio.connect_unix(door) as stream:
        yield Client(stream)


def there(path: str) -> bool:
    return os.path.lexists(path)


def write(path: str) -> None:
    Path(path).write_text("mine")


def read(path: str) -> str:
    return Path(path).read_text()


async def is_served(door: str) -> bool:
    """Whether somebody who behaves is still answered."""
    async with connected(door) as client:
        return (await client.ask(SNAPSHOT))["type"] == "snapshot"


# ---------------------------------------------------------------------------------------------------- what it tells


async def test_a_snapshot_is_that_of_the_tree(door: str) -> None:
    journal = Journal()
    async with watched(tree(*abcs(journal)), door) as root, connected(door) as client:
        told = await client.ask(SNAPSHOT)
        expected = root.snapshot()
    assert told["v"] == 1
    assert told["tree_id"] == expected.tree_id
    assert [(depth, one["path"], one["phase"]) for depth, one in told["children"]] == [
        (depth, one.path, one.phase) for depth, one in expected.flat()
    ]


async def test_a_client_may_ask_again(door: str) -> None:
    journal = Journal()
    async with watched(tree(*abcs(journal)), door) as root, connected(door) as client:
        first = await client.ask(SNAPSHOT)
        await root.terminate_child("b")
        await anyio.sleep(1.0)
        second = await client.ask(SNAPSHOT)
    assert first["children"][2][1]["phase"] == "running"
    assert second["children"][2][1]["phase"] == "stopped"


async def test_requests_in_one_packet_are_all_answered(door: str) -> None:
    async with watched(tree(*abcs(Journal())), door), connected(door) as client:
        assert (await client.ask(SNAPSHOT * 3))["type"] == "snapshot"
        assert (await client.line())["type"] == "snapshot"
        assert (await client.line())["type"] == "snapshot"


async def test_the_last_events_are_told_in_their_order(door: str) -> None:
    journal = Journal()
    async with watched(tree(*abcs(journal)), door) as root, connected(door) as client:
        root.child("a").tell(Boom("password=hunter2"))
        await settle()
        await client.stream.send(b'{"v":1,"get":"events","recent":3,"level":"debug"}\n')
        told = [await client.line() for _ in range(4)]
    kinds = [one.get("event", {}).get("type") for one in told]
    assert kinds == ["ChildEnded", "RestartScheduled", "ChildStarted", None]
    assert told[-1] == {"v": 1, "type": "end"}
    assert "hunter2" not in json.dumps(told)
    assert "BoomError: password=***" in told[0]["event"]["error"]


async def test_a_flood_of_small_events_does_not_hide_the_crash_before_it(door: str) -> None:
    journal = Journal()
    async with watched(tree(*abcs(journal)), door) as root, connected(door) as client:
        root.child("a").tell(Boom())
        await settle()
        gone = root.child("b")
        await root.terminate_child("b")
        for _ in range(5_000):
            gone.tell("nobody reads this")
        told = await client.ask(b'{"v":1,"get":"events","recent":1,"level":"error"}\n')
    assert told["event"]["path"] == "root/a"


async def test_the_next_events_are_told_as_they_happen(door: str) -> None:
    journal = Journal()
    async with watched(tree(*abcs(journal)), door) as root, connected(door) as client:
        await client.stream.send(b'{"v":1,"get":"events","next":2,"level":"warning"}\n')
        await settle()
        root.child("a").tell(Boom())
        assert (await client.line())["event"]["type"] == "ChildEnded"
        assert (await client.line())["event"]["type"] == "RestartScheduled"
        assert (await client.line())["type"] == "end"
        assert (await client.ask(SNAPSHOT))["type"] == "snapshot"


async def test_who_follows_events_hears_the_end_of_the_tree(door: str) -> None:
    async with connected_after(tree(*abcs(Journal())), door) as (client, stop):
        await client.stream.send(b'{"v":1,"get":"events","next":1000}\n')
        await settle()
        stop.set()
        assert (await client.line())["event"]["type"] == "TreeStopped"
        assert (await client.line())["type"] == "end"
        assert await client.is_closed()


@asynccontextmanager
async def connected_after(spec: Any, door: str) -> AsyncIterator[tuple[Client, anyio.Event]]:
    """A client that outlives the tree, and what stops the tree."""
    stop, started = anyio.Event(), anyio.Event()

    async def live() -> None:
        async with watched(spec, door):
            started.set()
            await stop.wait()

    async with anyio.create_task_group() as group:
        group.start_soon(live)
        await started.wait()
        async with connected(door) as client:
            yield client, stop
        stop.set()


async def test_a_tree_that_is_starting_can_be_looked_at(door: str) -> None:
    journal = Journal(slow_start={"b": 5.0})
    async with anyio.create_task_group() as group:

        async def live() -> None:
            async with watched(tree(*abcs(journal)), door):
                pass

        group.start_soon(live)
        await anyio.sleep(1.0)
        async with connected(door) as client:
            told = await client.ask(SNAPSHOT)
    assert [one["phase"] for _, one in told["children"]] == ["starting", "running", "starting", "stopped"]


async def test_a_tree_that_is_stopping_can_be_looked_at(door: str) -> None:
    journal = Journal(slow_stop={"b": 3.0})
    async with connected_after(tree(*abcs(journal)), door) as (client, stop):
        stop.set()
        await anyio.sleep(1.0)
        told = await client.ask(SNAPSHOT)
    assert [one["phase"] for _, one in told["children"]] == ["stopping", "running", "stopping", "stopped"]


async def test_it_is_off_unless_it_is_asked_for(door: str) -> None:
    async with opened(tree(*abcs(Journal()))):
        assert os.listdir(Path(door).parent) == []


@pytest.mark.real_time
async def test_run_takes_a_path_too(door: str, anyio_backend_name: str) -> None:
    def look() -> list[str]:
        found: list[str] = []

        async def main(root: Supervisor) -> None:
            found.append((await anyio.to_thread.run_sync(fetch_snapshot, door)).root.id)

        run(tree(*abcs(Journal())), main, backend=anyio_backend_name, control=Path(door))
        return found

    assert await anyio.to_thread.run_sync(look) == ["root"]


# ---------------------------------------------------------------------------------------------------- the file


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


# ---------------------------------------------------------------------------------------------------- clients who mean harm


GARBAGE = [
    b"\0" * 100 + b"\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"{}\n",
    b"[" * 4_000 + b"\n",
    b"\xff\xff\n",
    b'{"v":2,"get":"stop"}\n',
]


@pytest.mark.parametrize("line", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_is_answered_with_an_error_and_the_end(door: str, line: bytes) -> None:
    journal = Journal()
    async with watched(tree(*abcs(journal)), door, journal):
        async with connected(door) as client:
            assert (await client.ask(line))["type"] == "error"
            assert await client.is_closed()
        assert await is_served(door)
    assert journal.of(HookFailed) == []


async def test_a_line_without_an_end_is_not_kept(door: str) -> None:
    async with watched(tree(), door):
        async with connected(door) as client:
            told = await client.ask(b"x" * MAX_REQUEST)
            assert told["error"] == f"the request is longer than {MAX_REQUEST} bytes"
        assert await is_served(door)


async def test_a_line_whose_end_comes_too_late_is_too_long(door: str) -> None:
    async with watched(tree(), door), connected(door) as client:
        await client.stream.send(b"x" * (MAX_REQUEST - 10))
        await settle()
        assert "is longer than" in (await client.ask(b"x" * 1_000 + b"\n"))["error"]


async def test_a_line_that_is_only_begun_is_waited_for_and_then_no_longer(door: str) -> None:
    async with watched(tree(), door), connected(door) as client:
        await client.stream.send(SNAPSHOT[:10])
        await anyio.sleep(IDLE - 1)
        await client.stream.send(SNAPSHOT[10:-1])  # one more byte does not buy more time
        await anyio.sleep(2)
        assert await client.is_closed()


async def test_a_line_in_pieces_is_one_line(door: str) -> None:
    async with watched(tree(), door), connected(door) as client:
        for piece in (SNAPSHOT[:5], SNAPSHOT[5:20], SNAPSHOT[20:]):
            await client.stream.send(piece)
            await anyio.sleep(1.0)
        assert (await client.line())["type"] == "snapshot"


async def test_a_client_that_says_nothing_is_sent_away(door: str) -> None:
    async with watched(tree(), door), connected(door) as client:
        await anyio.sleep(IDLE + 1)
        assert await client.is_closed()


LARGE = tree(*[task(f"{number}{'x' * 500}", anyio.sleep_forever) for number in range(400)])
"""Its snapshot is more than a socket holds."""


async def test_a_client_that_never_reads_is_sent_away(door: str) -> None:
    async with watched(LARGE, door), connected(door) as client:
        await client.stream.send(SNAPSHOT * 3)
        await anyio.sleep(STALLED + 2)
        assert await is_served(door)
        while not await client.is_closed():
            pass
        assert client.buffer.count(b"\n") < 3


async def test_a_client_that_does_not_read_the_events_is_sent_away_without_a_word(door: str) -> None:
    journal = Journal()
    async with watched(tree(*abcs(journal)), door, journal) as root, connected(door) as client:
        await client.stream.send(b'{"v":1,"get":"events","next":100000,"level":"debug"}\n')
        await settle()
        gone = root.child("b")
        await root.terminate_child("b")
        for _ in range(9_000):
            gone.tell("nobody reads this")
        await anyio.sleep(STALLED + 2)
        while not await client.is_closed():
            pass
        assert b'"type":"end"' not in client.buffer
        assert await is_served(door)
    assert journal.of(HookFailed) == []


async def ending_takes(door: str, spec: Any, request: bytes) -> float:
    """How long a tree takes to end with a client that asked this, and neither reads nor leaves."""
    started, stop, done = anyio.Event(), anyio.Event(), anyio.Event()

    async def live() -> None:
        async with watched(spec, door):
            started.set()
            await stop.wait()
        done.set()

    async with anyio.create_task_group() as group:
        group.start_soon(live)
        await started.wait()
        async with connected(door) as client:
            if request:
                await client.stream.send(request)
            await anyio.sleep(1.0)
            began = anyio.current_time()
            stop.set()
            await done.wait()
            return anyio.current_time() - began
    raise AssertionError("the group ended before its body")


async def test_a_client_that_never_reads_hardly_delays_the_end(door: str) -> None:
    assert await ending_takes(door, LARGE, SNAPSHOT * 3) <= FAREWELL + 0.01


async def test_a_client_that_says_nothing_does_not_delay_the_end(door: str) -> None:
    assert await ending_takes(door, tree(), b"") < FAREWELL / 2


async def test_a_client_that_follows_events_does_not_delay_the_end(door: str) -> None:
    assert await ending_takes(door, tree(), b'{"v":1,"get":"events","next":1000}\n') < FAREWELL / 2


@pytest.mark.parametrize("request_", [SNAPSHOT, b'{"v":1,"get":"events","recent":100,"next":100}\n', SNAPSHOT[:7], b""])
async def test_a_client_that_leaves_in_the_middle_costs_nothing(door: str, request_: bytes) -> None:
    journal = Journal()
    async with watched(tree(*abcs(journal)), door, journal) as root:
        for _ in range(3 * MAX_CLIENTS):  # if their places were kept, nobody would be let in at the end
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(door)
                client.send(request_)
            await settle()
        root.child("a").tell(Boom())
        await settle()
        assert await is_served(door)
    assert journal.of(HookFailed) == []


async def test_one_client_too_many_is_told_so(door: str) -> None:
    async with watched(tree(), door):
        crowd = [socket.socket(socket.AF_UNIX) for _ in range(MAX_CLIENTS)]
        for one in crowd:
            one.connect(door)
        await settle()
        async with connected(door) as client:
            assert "8 clients are connected" in (await client.line())["error"]
            assert await client.is_closed()
        crowd.pop().close()
        await settle()
        assert await is_served(door)
        for one in crowd:
            one.close()


async def test_who_speaks_while_events_are_told_hears_no_more(door: str) -> None:
    async with watched(tree(), door), connected(door) as client:
        await client.stream.send(b'{"v":1,"get":"events","next":100}\n')
        await settle()
        await client.stream.send(b"enough\n")
        assert await client.is_closed()


async def test_asking_again_and_again_takes_one_snapshot(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0
    snapshot = Supervisor.snapshot

    def count(self: Supervisor) -> Any:
        nonlocal taken
        taken += 1
        return snapshot(self)

    async with watched(tree(*abcs(Journal())), door), connected(door) as client:
        monkeypatch.setattr(Supervisor, "snapshot", count)
        for _ in range(50):
            await client.ask(SNAPSHOT)
    assert taken <= 2


async def test_a_bug_in_an_answer_ends_that_client_and_is_reported(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal()

    def broken(self: Supervisor) -> Any:
        raise ZeroDivisionError("password=hunter2")

    async with watched(tree(*abcs(journal)), door, journal) as root:
        with monkeypatch.context() as patch, pytest.raises(anyio.EndOfStream):
            patch.setattr(Supervisor, "snapshot", broken)
            async with connected(door) as client:
                await client.ask(SNAPSHOT)
        assert await is_served(door)
        assert root.child("a").alive
    [report] = journal.of(HookFailed)
    assert report.hook == "the control socket"
    assert "ZeroDivisionError" in report.error
    assert "hunter2" not in report.error


async def test_a_sink_that_spoils_the_last_event_does_not_keep_it_open(door: str) -> None:
    def spoil(event: Event) -> None:
        if isinstance(event, TreeStopped):
            raise SystemExit(7)

    with anyio.fail_after(60):
        async with open_supervisor(tree(*abcs(Journal())), sinks=[spoil], control=door):
            pass
    assert not there(door)


async def test_a_cancellation_from_outside_stops_the_tree_in_order_and_closes_it(door: str) -> None:
    journal = Journal()
    with anyio.move_on_after(1.0):
        async with watched(tree(*abcs(journal)), door), connected(door) as client:
            await client.ask(SNAPSHOT)
            journal.take()
            await anyio.sleep_forever()
    assert journal.take() == ["-c", "-b", "-a"]
    assert not there(door)


async def test_a_tree_that_was_cancelled_can_be_looked_at_while_it_stops(door: str) -> None:
    journal, scope, started = Journal(slow_stop={"b": 3.0}), anyio.CancelScope(), anyio.Event()

    async def live() -> None:
        with scope:
            async with watched(tree(*abcs(journal)), door):
                started.set()
                await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(live)
        await started.wait()
        scope.cancel()
        await anyio.sleep(1.0)
        async with connected(door) as client:
            told = await client.ask(SNAPSHOT)
    assert [one["phase"] for _, one in told["children"]] == ["stopping", "running", "stopping", "stopped"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_a_native_cancel_of_its_task_ends_the_socket_and_not_the_tree(door: str) -> None:
    journal = Journal()
    async with watched(tree(*abcs(journal)), door) as root:
        for one in asyncio.all_tasks():
            if "control socket" in one.get_name():
                one.cancel()
        await settle()
        assert root.child("a").alive
        root.child("a").tell("still here")
        await settle()
        assert "a: still here" in journal.lines
    assert not there(door)


async def test_a_failure_of_the_tree_is_raised_bare_with_a_socket_as_without(door: str) -> None:
    journal = Journal()
    with pytest.raises(RestartIntensityExceeded):
        async with watched(tree(actor(journal, "a"), intensity=STRICT), door) as root:
            root.child("a").tell(Boom())
            await anyio.sleep_forever()


async def test_a_dynamic_root_can_be_looked_at(door: str) -> None:
    journal = Journal()
    async with watched(many("root"), door) as root, connected(door) as client:
        await root.start_child(actor(journal, "late"))
        told = await client.ask(SNAPSHOT)
    assert [one["id"] for _, one in told["children"]] == ["root", "late"]


# ---------------------------------------------------------------------------------------------------- who asks without a loop


def answering(door: str, answer: bytes | None) -> threading.Thread:
    """Somebody who is no tree, and answers once. None: not at all."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(door)
    listening.listen()

    def serve() -> None:
        with listening:
            client, _ = listening.accept()
            with client:
                client.recv(4096)
                if answer is None:
                    client.recv(4096)  # until the other side gives up
                else:
                    client.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


@pytest.mark.real_time
@pytest.mark.parametrize("answer", [b"hello\n", b'{"v":9,"type":"snapshot"}\n', b'{"v":1,"type":"end"}\n', b"half a li", b""])
def test_an_answer_that_is_none_is_an_error_in_words(door: str, answer: bytes) -> None:
    thread = answering(door, answer)
    with pytest.raises(Exception, match=r"control|hung up|answer") as caught:
        fetch_snapshot(door)
    assert type(caught.value).__name__ in {"WireError", "OtherVersion", "Unreachable"}
    thread.join()


@pytest.mark.real_time
def test_who_does_not_answer_is_not_waited_for_for_ever(door: str) -> None:
    thread = answering(door, None)
    with pytest.raises(Unreachable, match=r"within 0\.05 s; its loop"):
        fetch_snapshot(door, timeout=0.05)
    thread.join()


def test_a_socket_that_was_left_behind_is_told_from_none_at_all(door: str) -> None:
    with pytest.raises(Unreachable, match="no such file"):
        fetch_snapshot(door)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(door)
    with pytest.raises(Unreachable, match="the process that made it is gone"):
        fetch_snapshot(door)
    with pytest.raises(Unreachable, match="not a socket"):
        fetch_snapshot(str(Path(door).parent))
    with pytest.raises(Unreachable, match=r"cannot be reached|no such file"):
        fetch_snapshot(door + "x" * 200)
