"""Real servers on 127.0.0.1 for the contract suites: a WebSocket exchange and a plain HTTP one, both scripted by the test."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSStream
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from actors.ports import FrameKind, RestRequest, RestResponse

KINDS = {
    Opcode.TEXT: FrameKind.TEXT,
    Opcode.BINARY: FrameKind.BINARY,
    Opcode.PING: FrameKind.PING,
    Opcode.PONG: FrameKind.PONG,
}

GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class Ended(Exception):
    """The connection is over, and all that the client sent has been handed out."""


class Served:
    """The exchange's end of one real connection. It reads all the time, so it answers pings and goodbyes by itself."""

    def __init__(self, stream: ByteStream, protocol: ServerProtocol) -> None:
        self.stream = stream
        self.protocol = protocol
        self.wire_bytes = 0
        self.gone: BaseException | None = None
        """How reading ended, if the client was the first to hang up."""
        self._writing = anyio.Lock()
        self._inbox_in, self._inbox = anyio.create_memory_object_stream[tuple[FrameKind, bytes]](float("inf"))
        self._done = anyio.Event()
        self._attention = anyio.CancelScope()

    async def send(self, *payloads: str | bytes) -> None:
        """All in one write, so that they arrive together."""
        for payload in payloads:
            if isinstance(payload, str):
                self.protocol.send_text(payload.encode())
            else:
                self.protocol.send_binary(payload)
        await self.flush()

    async def ping(self, payload: bytes = b"") -> None:
        self.protocol.send_ping(payload)
        await self.flush()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.protocol.send_close(code, reason)
        await self.flush()

    async def abort(self) -> None:
        raw = self.stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not Django's
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await self.hang_up()

    async def hang_up(self) -> None:
        """End the TCP connection without a close frame."""
        await self.stream.aclose()

    async def freeze(self) -> None:
        """Stop reading; the connection stays open."""
        self._attention.cancel()
        await anyio.wait_all_tasks_blocked()

    async def received(self) -> tuple[FrameKind, bytes]:
        try:
            return await self._inbox.receive()
        except anyio.EndOfStream:
            raise Ended from None

    async def ended(self) -> int:
        """The close code that the server got, 1006 for none."""
        await self._done.wait()
        return int(self.protocol.close_code or 0)

    async def flush(self) -> None:
        data = b"".join(self.protocol.data_to_send())
        if data:
            self.wire_bytes += len(data)
            async with self._writing:
                await self.stream.send(data)

    async def run(self) -> None:
        with self._inbox_in, self._inbox:
            with self._attention:
                await self._read()
                self._done.set()
                self._inbox_in.close()
            await anyio.sleep_forever()

    async def _read(self) -> None:
        # Once an end has been agreed on, the server hangs up first.
        while not self.protocol.close_expected():
            try:
                self.protocol.receive_data(await self.stream.receive())
            except GONE as gone:
                self.gone = gone
                break
            self._hand_out()
            await self._try_flush()
        if self.protocol.state.name != "CLOSED" and self.protocol.close_rcvd is None:
            await self._drain()
        self.protocol.receive_eof()
        await self.stream.aclose()

    async def _drain(self) -> None:
        """We said goodbye first: read on until the client has answered."""
        while self.protocol.close_rcvd is None:
            try:
                self.protocol.receive_data(await self.stream.receive())
            except GONE:
                return
            self._hand_out()

    def _hand_out(self) -> None:
        for event in self.protocol.events_received():
            if isinstance(event, Request) or event.opcode not in KINDS:
                continue
            self._inbox_in.send_nowait((KINDS[event.opcode], bytes(event.data)))

    async def _try_flush(self) -> None:
        with suppress(GONE):
            await self.flush()


class LoopbackExchange:
    """Accepts WebSocket connections; what it does with one is the test's to say."""

    def __init__(self, port: int, *, ssl_context: ssl.SSLContext | None, compression: bool, greeting: str | None) -> None:
        scheme = "ws" if ssl_context is None else "wss"
        self.url = f"{scheme}://127.0.0.1:{port}/ws"
        self.requests: list[Request] = []
        self.status: int | None = None
        self.retry_after: list[str] = []
        """Said beside the status, as often as it is here."""
        self._ssl_context = ssl_context
        self._compression = compression
        self._greeting = greeting
        self._accepted_in, self._accepted = anyio.create_memory_object_stream[Served](100)

    async def accept(self) -> Served:
        return await self._accepted.receive()

    async def handle(self, raw: SocketStream) -> None:
        stream: ByteStream = raw
        try:
            if self._ssl_context is not None:
                stream = await TLSStream.wrap(raw, ssl_context=self._ssl_context, server_side=True, standard_compatible=False)
            served = await self._shake_hands(stream)
            if served is not None:
                await served.run()
        except GONE:
            pass
        finally:
            with anyio.CancelScope(shield=True):
                await stream.aclose()

    async def _shake_hands(self, stream: ByteStream) -> Served | None:
        extensions = [ServerPerMessageDeflateFactory()] if self._compression else None
        protocol = ServerProtocol(extensions=extensions, max_size=None)
        while not (events := protocol.events_received()):
            protocol.receive_data(await stream.receive())
        (request,) = events
        assert isinstance(request, Request)
        self.requests.append(request)
        if self.status is not None:
            refusal = protocol.reject(self.status, "no")
            for seconds in self.retry_after:
                refusal.headers["Retry-After"] = seconds
            protocol.send_response(refusal)
            await stream.send(b"".join(protocol.data_to_send()))
            return None
        protocol.send_response(protocol.accept(request))
        if self._greeting is not None:
            protocol.send_text(self._greeting.encode())
            protocol.send_close(1008, "come back later")
        served = Served(stream, protocol)
        await served.flush()
        await self._accepted_in.send(served)
        return served

    def close(self) -> None:
        self._accepted_in.close()
        self._accepted.close()


@asynccontextmanager
async def serve(handle: Callable[[SocketStream], Awaitable[Any]]) -> AsyncIterator[int]:
    """Listen on 127.0.0.1; yields the port. What still runs at the end is cancelled."""

    async def contained(stream: SocketStream) -> None:
        async with stream:
            await handle(stream)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, contained)
        yield listener.extra(SocketAttribute.local_port)  # noqa: S610 - not Django's
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def loopback_exchange(
    *, ssl_context: ssl.SSLContext | None = None, compression: bool = True, greeting: str | None = None
) -> AsyncIterator[LoopbackExchange]:
    """A WebSocket exchange. `greeting`: sent together with the handshake's answer and a goodbye."""

    async def handle(stream: SocketStream) -> None:
        await exchange.handle(stream)

    async with serve(handle) as port:
        exchange = LoopbackExchange(port, ssl_context=ssl_context, compression=compression, greeting=greeting)
        try:
            yield exchange
        finally:
            exchange.close()


class LoopbackRest:
    """Answers HTTP requests with what `respond` says."""

    def __init__(self) -> None:
        self.base_url = ""
        self.targets: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.open = 0
        self.most_open = 0
        self.respond: Callable[[RestRequest], RestResponse | Awaitable[RestResponse]] | None = None
        self.raw: bytes | None = None
        """Sent instead of an answer, before hanging up."""

    async def handle(self, stream: SocketStream) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while True:
                target = await self._request(stream)
                if self.raw is not None:
                    await stream.send(self.raw)
                    return
                await stream.send(await self._answer(target))
        except GONE:
            pass
        finally:
            self.open -= 1

    async def _request(self, stream: SocketStream) -> str:
        head = b""
        while b"\r\n\r\n" not in head:
            head += await stream.receive()
        lines = head.decode().split("\r\n")
        self.headers.append({name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])})
        target = lines[0].split()[1]
        self.targets.append(target)
        return target

    async def _answer(self, target: str) -> bytes:
        assert self.respond is not None
        response = self.respond(RestRequest(target))
        if isinstance(response, Awaitable):
            response = await response
        headers = {"Content-Length": str(len(response.body)), **response.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {response.status} X\r\n{head}\r\n".encode() + response.body


@asynccontextmanager
async def loopback_rest() -> AsyncIterator[LoopbackRest]:
    rest = LoopbackRest()
    async with serve(rest.handle) as port:
        rest.base_url = f"http://127.0.0.1:{port}"
        yield rest


def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
