"""A tiny WebSocket client around websockets' Sans-I/O protocol, and a simulator inside the test's own process."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import httpx
import msgspec
from anyio.abc import SocketStream
from attrs import define, field
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.protocol import SEND_EOF
from websockets.uri import parse_uri

from actors.simulator import SimulatorConfig, Started, serve

PATIENCE = 60.0
"""Seconds after which a test is stuck: far more than the slowest machine needs."""


class Ended(Exception):
    """The connection is over."""

    def __init__(self, code: int | None, reason: str | None, *, reset: bool) -> None:
        super().__init__(f"{code} {reason!r} reset={reset}")
        self.code = code
        self.reason = reason
        self.reset = reset


@define(eq=False)
class Client:
    """Pongs by itself, unless told not to."""

    stream: SocketStream
    protocol: ClientProtocol
    answers_pings: bool = True
    pings: int = 0
    _texts: deque[bytes] = field(factory=deque)

    async def send(self, value: object) -> None:
        await self.send_text(msgspec.json.encode(value))

    async def send_text(self, text: bytes) -> None:
        self.protocol.send_text(text)
        await self._flush()

    async def ping(self) -> None:
        self.protocol.send_ping(b"here")
        await self._flush()

    async def next_text(self) -> bytes:
        with anyio.fail_after(PATIENCE):
            while not self._texts:
                await self._read()
        return self._texts.popleft()

    async def next(self) -> Any:
        return msgspec.json.decode(await self.next_text())

    async def ask(self, method: str, params: object = None, request_id: object = 1) -> Any:
        """Send a request; the answer. Events on the way are dropped."""
        await self.send({"method": method, "params": params, "id": request_id})
        while True:
            answer = await self.next()
            if "result" in answer or "code" in answer:
                return answer

    async def end(self) -> Ended:
        """Read until the connection is over."""
        with anyio.fail_after(PATIENCE):
            while True:
                try:
                    await self._read()
                except Ended as ended:
                    return ended

    async def _read(self) -> None:
        try:
            data = await self.stream.receive(65536)
        except (anyio.EndOfStream, anyio.BrokenResourceError) as exc:
            self.protocol.receive_eof()
            await self._flush()
            reset = isinstance(exc, anyio.BrokenResourceError)
            raise Ended(self.protocol.close_code, self.protocol.close_reason, reset=reset) from exc
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            if isinstance(event, Frame):
                self.pings += event.opcode is Opcode.PING
                if event.opcode is Opcode.TEXT:
                    self._texts.append(bytes(event.data))
        if self.answers_pings:
            await self._flush()

    async def _flush(self) -> None:
        try:
            for data in self.protocol.data_to_send():
                await (self.stream.send_eof() if data == SEND_EOF else self.stream.send(data))
        except (anyio.BrokenResourceError, OSError):
            return  # reading tells how it ended


@asynccontextmanager
async def connected(url: str, *, compression: bool = False, receive_buffer: int | None = None) -> AsyncIterator[Client]:
    uri = parse_uri(url)
    extensions = [ClientPerMessageDeflateFactory()] if compression else None
    protocol = ClientProtocol(uri, extensions=extensions, max_size=None)
    async with await anyio.connect_tcp(uri.host, uri.port) as stream:
        if receive_buffer is not None:
            raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610 -- this is no Django
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client = Client(stream, protocol)
        protocol.send_request(protocol.connect())
        await client._flush()
        with anyio.fail_after(PATIENCE):
            while protocol.state.name == "CONNECTING" and protocol.handshake_exc is None:
                await client._read()
        if protocol.handshake_exc is not None:
            raise protocol.handshake_exc
        yield client


@contextmanager
def only_the_first_error() -> Iterator[None]:
    """Unwraps groups of one, so that a test fails with the assertion that failed."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None


@asynccontextmanager
async def simulator(**settings: Any) -> AsyncIterator[Started]:
    """A simulator in this process."""
    running: list[Started] = []
    ready = anyio.Event()

    def started(what: Started) -> None:
        running.append(what)
        ready.set()

    async def run() -> None:
        await serve(SimulatorConfig(**settings), started=started)

    with only_the_first_error():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            with anyio.fail_after(PATIENCE):
                await ready.wait()
            try:
                yield running[0]
            finally:
                tasks.cancel_scope.cancel()


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        return await client.get(url)
