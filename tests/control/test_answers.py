"""The control socket: what it tells."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from supervisor import (
    Supervisor,
    run,
)
from supervisor.control.client import fetch_snapshot
from tests.control.support import SNAPSHOT, Client, connected, watched
from tests.semantics.actors import Boom, Journal, abcs, opened, settle, tree

pytestmark = pytest.mark.anyio


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
