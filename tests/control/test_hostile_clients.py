"""The control socket: clients who mean harm, or know no better."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import anyio
import pytest

from supervisor import (
    Event,
    HookFailed,
    RestartIntensityExceeded,
    Supervisor,
    TreeStopped,
    open_supervisor,
)
from supervisor.control.server import FAREWELL, IDLE, MAX_CLIENTS, STALLED
from supervisor.control.wire import MAX_REQUEST
from tests.control.support import SNAPSHOT, connected, is_served, there, watched
from tests.semantics.actors import STRICT, Boom, Journal, abcs, actor, many, settle, task, tree

pytestmark = pytest.mark.anyio


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
