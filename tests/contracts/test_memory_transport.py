"""The transport in memory keeps the contract of the real one; below, what only it can show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from actors.errors import ConnectFailed, ConnectionLost
from actors.ports import FrameKind
from actors.transport import MemoryServer, MemoryTransport
from tests.contracts.transport import TransportContract

pytestmark = pytest.mark.anyio


class MemoryEnd:
    """`MemoryServer` as the contract speaks to a server."""

    def __init__(self, server: MemoryServer) -> None:
        self.server = server

    async def send(self, *payloads: str | bytes) -> None:
        self.server.send(*payloads)

    async def ping(self, payload: bytes = b"") -> None:
        self.server.ping(payload)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.server.close(code, reason)

    async def abort(self) -> None:
        self.server.abort()

    async def freeze(self) -> None:
        self.server.freeze()

    async def received(self) -> tuple[FrameKind, bytes]:
        frame = await self.server.received()
        return frame.kind, frame.payload

    async def ended(self) -> int:
        return (await self.server.wait_closed()).close_code


class MemoryExchange:
    url = "wss://exchange/ws"
    refused_url = "wss://refused/ws"

    def __init__(self, **options: Any) -> None:
        self.transport = MemoryTransport(**options)
        self.transport.refuse(url="wss://refused")
        self.transport.refuse(url="wss://me:hunter2@refused")

    async def accept(self) -> MemoryEnd:
        return MemoryEnd(await self.transport.accept())


class TestMemoryTransport(TransportContract):
    @asynccontextmanager
    async def exchange(self, **options: Any) -> AsyncIterator[MemoryExchange]:
        yield MemoryExchange(**options)

    async def test_arrival_is_exact_in_virtual_time(self) -> None:
        async with self.connection() as (channel, server):
            await anyio.sleep(3)
            at = anyio.current_time()
            await server.send("x")
            (frame,) = await channel.receive()
            assert frame.arrived == at

    async def test_dials_are_recorded_with_times_and_refusals(self) -> None:
        transport = MemoryTransport(latency=0.5)
        start = anyio.current_time()
        transport.refuse("HTTP 503")
        with pytest.raises(ConnectFailed, match="HTTP 503"):
            await transport.connect("wss://a")
        transport.admit()
        await transport.connect("wss://b")
        assert [(dial.url, dial.at - start, dial.refused) for dial in transport.dials] == [
            ("wss://a", 0.5, "HTTP 503"),
            ("wss://b", 1.0, None),
        ]

    async def test_the_longest_beginning_of_an_address_decides(self) -> None:
        transport = MemoryTransport()
        transport.refuse("all down")
        transport.refuse("this one down", url="wss://a")
        with pytest.raises(ConnectFailed, match="this one down"):
            await transport.connect("wss://a/ws")
        with pytest.raises(ConnectFailed, match="all down"):
            await transport.connect("wss://b/ws")

    async def test_accept_waits_for_a_dial(self) -> None:
        transport = MemoryTransport()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.connect, "wss://a/ws?x=1")
            server = await transport.accept()
        assert server.url == "wss://a/ws?x=1"
        assert server.lost is None

    async def test_nothing_grows_without_bound(self) -> None:
        transport = MemoryTransport(capacity=2)
        channel = await transport.connect("wss://a")
        server = await transport.accept()
        server.send("1", "2")
        with pytest.raises(BufferError, match="2 frames unread"):
            server.send("3")
        await channel.send("1")
        await channel.send("2")
        with anyio.move_on_after(1) as scope:
            await channel.send("3")
        assert scope.cancelled_caught
        with pytest.raises(ConnectionLost, match="cut off"):
            await channel.send("4")

    async def test_connections_nobody_accepts_are_bounded(self) -> None:
        transport = MemoryTransport(capacity=1)
        await transport.connect("wss://a")
        with pytest.raises(ConnectFailed, match="nobody accepts"):
            await transport.connect("wss://a")

    async def test_a_server_cannot_use_a_connection_that_ended(self) -> None:
        transport = MemoryTransport()
        channel = await transport.connect("wss://a")
        server = await transport.accept()
        await channel.send("bye")
        await channel.aclose(1000, "done")
        assert (await server.received()).payload == b"bye"
        with pytest.raises(ConnectionLost, match="done"):
            await server.received()
        with pytest.raises(ConnectionLost, match="done"):
            server.send("x")

    async def test_a_frozen_server_answers_no_ping(self) -> None:
        transport = MemoryTransport()
        channel = await transport.connect("wss://a")
        server = await transport.accept()
        server.freeze()
        await channel.ping(b"?")
        with anyio.move_on_after(60) as scope:
            await channel.receive()
        assert scope.cancelled_caught
