"""What becomes of a GET whose pooled connection is dead: servers on real sockets that close what is idle, and die on reuse."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from attrs import define, field

from actors.errors import ConnectFailed
from actors.ports import RestRequest
from actors.transport import HttpRest
from tests.contracts.loopback import serve
from tests.contracts.transport import patience

pytestmark = [pytest.mark.anyio, pytest.mark.real_time]

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi"


@define(eq=False)
class Server:
    """Answers the first request of a connection; `then` says what becomes of the others."""

    then: bytes | None = ANSWER
    """Sent to a further request; None: nothing."""
    first: bytes | None = ANSWER
    """Sent to the first request."""
    rst: bool = False
    """Connections end with a reset."""
    hangs_up: bool = False
    """Connections end after the first request."""
    requests: list[int] = field(factory=list)
    """[how many requests its connection had had before] of each request."""
    ended: int = 0

    async def handle(self, stream: SocketStream) -> None:
        for number in range(100):
            head = b""
            while b"\r\n\r\n" not in head:
                try:
                    head += await stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    return
            self.requests.append(number)
            answer = self.then if number else self.first
            if answer is not None:
                await stream.send(answer)
            if answer != ANSWER or (self.hangs_up and not number):
                break
        if self.rst:
            raw = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not Django's
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()
        self.ended += 1


@asynccontextmanager
async def client(server: Server, **options: Any) -> AsyncIterator[tuple[HttpRest, Callable[[], Any]]]:
    with patience():
        async with serve(server.handle) as port, HttpRest(**options) as rest:

            async def get() -> bytes:
                return (await rest.get(f"http://127.0.0.1:{port}", RestRequest("/api"))).body

            yield rest, get


@pytest.mark.parametrize("rst", [False, True], ids=["closed", "reset"])
async def test_a_get_over_a_connection_that_dies_on_reuse_is_made_once_more(rst: bool) -> None:
    server = Server(then=None, rst=rst)
    async with client(server) as (rest, get):
        assert await get() == b"fine"
        assert rest.stale_connections == 0
        assert await get() == b"fine"
        assert rest.stale_connections == 1
    assert server.requests == [0, 1, 0]


@pytest.mark.parametrize("rst", [False, True], ids=["closed", "reset"])
async def test_a_connection_that_the_server_closed_while_it_was_idle_fails_no_request(rst: bool) -> None:
    server = Server(hangs_up=True, rst=rst)
    async with client(server) as (_, get):
        for turn in range(1, 4):
            assert await get() == b"fine"
            while server.ended < turn:
                await anyio.sleep(0.001)  # until the server has closed it
    assert server.requests == [0, 0, 0]


async def test_requests_at_the_same_time_are_all_made_once_more() -> None:
    server = Server(then=None)
    answers: list[bytes] = []

    async with client(server, connections=5) as (rest, get):

        async def ask() -> None:
            answers.append(await get())

        for _ in range(2):
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(ask)
    assert answers == [b"fine"] * 10
    assert server.requests.count(1) == rest.stale_connections


@pytest.mark.parametrize("rst", [False, True], ids=["closed", "reset"])
async def test_a_get_over_a_fresh_connection_is_not_made_again(rst: bool) -> None:
    server = Server(first=None, rst=rst)
    async with client(server) as (rest, get):
        with pytest.raises(ConnectFailed):
            await get()
    assert server.requests == [0]
    assert rest.stale_connections == 0


async def test_a_get_is_made_once_more_and_not_twice() -> None:
    server = Server(then=None)
    async with client(server) as (rest, get):
        await get()
        server.first = None
        with pytest.raises(ConnectFailed):
            await get()
    assert server.requests == [0, 1, 0]
    assert rest.stale_connections == 1


async def test_a_get_whose_answer_has_begun_is_not_made_again() -> None:
    server = Server(then=HALF)
    async with client(server) as (rest, get):
        await get()
        with pytest.raises(ConnectFailed, match="broke off"):
            await get()
    assert server.requests == [0, 1]
    assert rest.stale_connections == 0


async def test_a_get_that_is_not_answered_in_time_is_not_made_again() -> None:
    class Silent(Server):
        async def handle(self, stream: SocketStream) -> None:
            await stream.receive()
            await stream.send(ANSWER)
            await stream.receive()
            self.requests.append(1)
            await anyio.sleep_forever()

    server = Silent()
    async with client(server, timeout=0.1) as (rest, get):
        await get()
        with pytest.raises(ConnectFailed, match="no answer within"):
            await get()
    assert server.requests == [1]
    assert rest.stale_connections == 0


@pytest.mark.parametrize(("keep_alive", "expected"), [(0.02, [0, 0]), (25.0, [0, 1])], ids=["short", "long"])
async def test_a_connection_that_was_idle_for_long_is_not_used_again(keep_alive: float, expected: list[int]) -> None:
    server = Server()
    async with client(server, keep_alive=keep_alive) as (_, get):
        await get()
        await anyio.sleep(0.05)  # longer than the shorter keep-alive
        await get()
    assert server.requests == expected
