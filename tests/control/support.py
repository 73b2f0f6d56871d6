"""What the tests of the control socket have in common."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from supervisor import (
    Supervisor,
    open_supervisor,
)
from tests.semantics.actors import Journal

SNAPSHOT = b'{"v":1,"get":"snapshot"}\n'


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
