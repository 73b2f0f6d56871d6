"""The real transport keeps the contract, with and without compression and over TLS; below, what only it can show."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import which
from typing import Any

import anyio
import pytest

from actors.errors import ConnectFailed, ConnectionLost
from actors.ports import FrameKind
from actors.transport import WebSocketChannel, WebSocketTransport
from tests.contracts.loopback import LoopbackExchange, Served, loopback_exchange, serve, unused_port
from tests.contracts.transport import PATIENCE, TransportContract, patience, receive_all, texts

pytestmark = pytest.mark.anyio


class RealExchange:
    def __init__(self, loopback: LoopbackExchange, transport: WebSocketTransport) -> None:
        self.loopback = loopback
        self.transport = transport
        self.url = loopback.url
        self.refused_url = f"ws://127.0.0.1:{unused_port()}/ws"

    async def accept(self) -> Served:
        return await self.loopback.accept()


@pytest.mark.real_time
class TestWebSocketTransport(TransportContract):
    @asynccontextmanager
    async def exchange(self, **options: Any) -> AsyncIterator[RealExchange]:
        async with loopback_exchange() as loopback:
            yield RealExchange(loopback, WebSocketTransport(**options))


@pytest.mark.real_time
class TestWebSocketTransportWithoutCompression(TransportContract):
    @asynccontextmanager
    async def exchange(self, **options: Any) -> AsyncIterator[RealExchange]:
        async with loopback_exchange(compression=False) as loopback:
            yield RealExchange(loopback, WebSocketTransport(compression=False, **options))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    if which("openssl") is None:
        pytest.skip("the openssl command is needed to make a certificate, and is not installed")
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=exchange.test"
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-out", str(files[0]), "-keyout", str(files[1])],
        check=True,
        capture_output=True,
    )
    return files


def server_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.mark.real_time
class TestWebSocketTransportOverTls(TransportContract):
    @pytest.fixture(autouse=True)
    def _certificate(self, certificate: tuple[Path, Path]) -> None:
        self.certificate = certificate

    @asynccontextmanager
    async def exchange(self, **options: Any) -> AsyncIterator[RealExchange]:
        trusting = ssl.create_default_context(cafile=str(self.certificate[0]))
        async with loopback_exchange(ssl_context=server_context(self.certificate)) as loopback:
            yield RealExchange(loopback, WebSocketTransport(ssl_context=trusting, **options))

    async def test_a_certificate_nobody_vouches_for_is_one_plain_sentence(self) -> None:
        with patience():
            async with self.exchange() as exchange:
                with pytest.raises(ConnectFailed) as caught:
                    await WebSocketTransport().connect(exchange.url)
        assert caught.value.reason == "the server's TLS certificate is not trusted: self-signed certificate"
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)

    async def test_a_certificate_for_another_host_is_one_plain_sentence(self) -> None:
        with patience():
            async with self.exchange() as exchange:
                with pytest.raises(ConnectFailed, match="certificate is not trusted: Hostname mismatch"):
                    await exchange.transport.connect(exchange.url.replace("127.0.0.1", "localhost"))

    async def test_a_server_without_tls_is_one_plain_sentence(self) -> None:
        async def handle(stream: anyio.abc.SocketStream) -> None:
            await stream.receive()
            await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        with patience():
            async with serve(handle) as port:
                with pytest.raises(ConnectFailed, match="TLS failed: "):
                    await WebSocketTransport().connect(f"wss://127.0.0.1:{port}")


@pytest.mark.real_time
class TestConnecting:
    async def test_the_servers_status_is_told(self) -> None:
        with patience():
            async with loopback_exchange() as loopback:
                loopback.status = 403
                with pytest.raises(ConnectFailed) as caught:
                    await WebSocketTransport().connect(loopback.url)
        assert caught.value.reason == "the server answered HTTP 403"

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [(["30"], 30.0), (["1.5"], 1.5), ([], None), (["soon"], None), (["0"], None), (["1e99"], None), (["7", "8"], 7.0)],
        ids=str,
    )
    async def test_a_refused_handshake_says_its_status_and_how_long_to_wait(
        self, headers: list[str], seconds: float | None
    ) -> None:
        with patience():
            async with loopback_exchange() as loopback:
                loopback.status, loopback.retry_after = 429, headers
                with pytest.raises(ConnectFailed) as caught:
                    await WebSocketTransport().connect(loopback.url)
        assert (caught.value.status, caught.value.retry_after) == (429, seconds)

    async def test_a_connection_that_nobody_answers_has_no_status(self) -> None:
        with patience(), pytest.raises(ConnectFailed) as caught:
            await WebSocketTransport().connect(f"ws://127.0.0.1:{unused_port()}")
        assert (caught.value.status, caught.value.retry_after) == (None, None)

    async def test_user_and_query_go_to_the_server(self) -> None:
        with patience():
            async with loopback_exchange() as loopback:
                url = loopback.url.replace("127", "me:secret@127") + "?streams=a/b"
                channel = await WebSocketTransport().connect(url)
                await channel.aclose()
        (request,) = loopback.requests
        assert request.path == "/ws?streams=a/b"
        assert request.headers["Authorization"].startswith("Basic ")

    async def test_what_came_with_the_handshake_is_received(self) -> None:
        with patience():
            async with loopback_exchange(greeting="hello") as loopback:
                channel = await WebSocketTransport().connect(loopback.url)
                frames, lost = await receive_all(channel)
                assert texts(frames) == ["hello"]
                assert (lost.clean, lost.close_code, lost.reason) == (True, 1008, "come back later")

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (b"SSH-2.0-OpenSSH_9.6\r\n", "the server does not speak WebSocket"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "the server answered HTTP 200"),
            (b"HTTP/1.1 101 X\r\n\r\n", "the WebSocket handshake failed: missing Connection header"),
            (b"", "the other side hung up before it had answered"),
        ],
    )
    async def test_a_server_that_is_no_websocket_is_one_plain_sentence(self, answer: bytes, reason: str) -> None:
        async def handle(stream: anyio.abc.SocketStream) -> None:
            await stream.receive()
            if answer:
                await stream.send(answer)

        with patience():
            async with serve(handle) as port:
                with pytest.raises(ConnectFailed) as caught:
                    await WebSocketTransport().connect(f"ws://127.0.0.1:{port}")
        assert caught.value.reason == reason

    async def test_a_server_that_never_answers_is_given_up(self) -> None:
        async def handle(_: anyio.abc.SocketStream) -> None:
            await anyio.sleep_forever()

        with patience():
            async with serve(handle) as port:
                with pytest.raises(ConnectFailed) as caught:
                    await WebSocketTransport(open_timeout=0.05).connect(f"ws://127.0.0.1:{port}")
        assert caught.value.reason == "no answer within 0.05 s"

    async def test_a_host_that_does_not_exist_is_one_plain_sentence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def lookup(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        with patience(), pytest.raises(ConnectFailed) as caught:
            await WebSocketTransport().connect("wss://no-such-host.invalid/ws")
        assert caught.value.reason == "the host cannot be looked up: Name or service not known"

    @pytest.mark.parametrize("url", ["https://host/ws", "wss://", "wss://host:99999/ws", "wss://me@host/?a=hunter2"])
    async def test_an_address_that_is_none_is_told_without_its_secrets(self, url: str) -> None:
        with pytest.raises(ConnectFailed, match="expected for example wss://host/path") as caught:
            await WebSocketTransport().connect(url)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.real_time
class TestWebSocketChannel:
    @asynccontextmanager
    async def connection(
        self, *, offer: bool = True, accept: bool = True, **options: Any
    ) -> AsyncIterator[tuple[WebSocketChannel, Served]]:
        with patience():
            async with loopback_exchange(compression=accept) as loopback:
                channel = await WebSocketTransport(compression=offer, **options).connect(loopback.url)
                try:
                    yield channel, await loopback.accept()
                finally:
                    channel.abort()
                    with anyio.CancelScope(shield=True):
                        await channel.aclose()

    @pytest.mark.parametrize(
        ("offer", "accept", "compressed"), [(True, True, True), (True, False, False), (False, True, False)]
    )
    async def test_compression_is_used_where_both_sides_want_it(self, offer: bool, accept: bool, compressed: bool) -> None:
        async with self.connection(offer=offer, accept=accept) as (channel, server):
            before = server.wire_bytes
            for _ in range(3):
                await server.send("0123456789" * 500)
                (frame,) = await channel.receive()
                assert frame.payload == b"0123456789" * 500
                await channel.send("0123456789" * 500)
                assert await server.received() == (FrameKind.TEXT, b"0123456789" * 500)
            assert (server.wire_bytes - before < 1000) is compressed

    async def test_the_size_limit_counts_what_was_decompressed(self) -> None:
        async with self.connection(max_size=100_000) as (channel, server):
            await server.send("0" * 100_001)
            assert server.wire_bytes < 10_000
            with pytest.raises(ConnectionLost, match="1009"):
                await channel.receive()

    async def test_fragments_are_joined_and_control_frames_pass_between_them(self) -> None:
        async with self.connection() as (channel, server):
            protocol = server.protocol
            protocol.send_text(b"one ", fin=False)
            protocol.send_ping(b"!")
            protocol.send_continuation(b"two ", fin=False)
            await server.flush()
            frames = list(await channel.receive())
            protocol.send_continuation(b"three", fin=True)
            protocol.send_binary(b"\x01", fin=False)
            protocol.send_continuation(b"\x02", fin=True)
            await server.flush()
            while len(frames) < 3:
                frames += await channel.receive()
            assert [(frame.kind, frame.payload) for frame in frames] == [
                (FrameKind.PING, b"!"),
                (FrameKind.TEXT, b"one two three"),
                (FrameKind.BINARY, b"\x01\x02"),
            ]

    async def test_the_size_limit_counts_all_fragments(self) -> None:
        async with self.connection(max_size=1000) as (channel, server):
            server.protocol.send_text(b"x" * 600, fin=False)
            server.protocol.send_continuation(b"x" * 600, fin=True)
            await server.flush()
            with pytest.raises(ConnectionLost) as caught:
                await channel.receive()
            assert caught.value.close_code == 1009
            assert await server.ended() == 1009

    async def test_a_server_in_the_middle_of_a_message_too_large_hears_why(self) -> None:
        async with self.connection(offer=False, max_size=1000) as (channel, server):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(server.send, "x" * 5_000_000)
                with pytest.raises(ConnectionLost, match="1009"):
                    await channel.receive()
            assert await server.ended() == 1009

    async def test_a_server_sees_an_abort_as_a_reset(self) -> None:
        async with self.connection() as (channel, server):
            channel.abort()
            await server.ended()
            assert isinstance(server.gone, anyio.BrokenResourceError)

    async def test_an_abort_does_not_change_an_end_that_was_settled(self) -> None:
        async with self.connection(offer=False, close_timeout=PATIENCE) as (channel, server):
            await server.freeze()
            ends: list[ConnectionLost] = []
            async with anyio.create_task_group() as tasks:

                async def send() -> None:
                    with pytest.raises(ConnectionLost) as caught:
                        await channel.send("x" * 20_000_000)
                    ends.append(caught.value)

                async def receive() -> None:
                    ends.append((await receive_all(channel))[1])

                # The sender holds the lock, so the answer to the goodbye cannot be written.
                tasks.start_soon(send)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(receive)
                await server.close(1001)
                while channel._lost is None:
                    await anyio.sleep(0.001)
                channel.abort()
            assert [lost.close_code for lost in ends] == [1001, 1001]
            assert ends[0] is ends[1]

    async def test_garbage_ends_the_connection_with_1002(self) -> None:
        async with self.connection() as (channel, server):
            await server.send("good")
            await server.stream.send(b"\xff\xff\xff\xff")
            frames, lost = await receive_all(channel)
            assert texts(frames) == ["good"]
            assert (lost.clean, lost.close_code) == (False, 1002)

    async def test_a_server_that_hangs_up_without_goodbye_is_an_unclean_end(self) -> None:
        async with self.connection() as (channel, server):
            await server.send("last")
            await server.hang_up()
            frames, lost = await receive_all(channel)
            assert texts(frames) == ["last"]
            assert (lost.clean, lost.close_code, lost.reason) == (False, 1006, "the other side hung up")

    async def test_a_goodbye_without_a_code_is_1005(self) -> None:
        async with self.connection() as (channel, server):
            server.protocol.send_close()
            await server.flush()
            _, lost = await receive_all(channel)
            assert (lost.clean, lost.close_code) == (True, 1005)

    async def test_a_send_into_a_dead_connection_raises_what_the_server_said_last(self) -> None:
        async with self.connection() as (channel, server):
            await server.send("unread")
            server.protocol.send_close(1008, "policy")
            await server.flush()
            await server.hang_up()
            with pytest.raises(ConnectionLost) as caught:
                while True:
                    await channel.send("x" * 100_000)
            assert (caught.value.clean, caught.value.close_code) in {(True, 1008), (False, 1006)}  # a reset may have eaten it
            frames, lost = await receive_all(channel)
            assert texts(frames) in (["unread"], [])
            assert lost is caught.value

    async def test_a_send_that_was_cut_off_closes_the_connection(self) -> None:
        async with self.connection(offer=False) as (channel, server):
            await server.freeze()
            with anyio.move_on_after(0.05) as scope:
                # More than all buffers between here and a server that does not read.
                await channel.send("x" * 20_000_000)
            assert scope.cancelled_caught
            with pytest.raises(ConnectionLost, match="cut off by a cancellation"):
                await channel.receive()

    async def test_abort_wakes_a_parked_send(self) -> None:
        async with self.connection(offer=False) as (channel, server):
            await server.freeze()
            async with anyio.create_task_group() as tasks:

                async def send() -> None:
                    with pytest.raises(ConnectionLost, match="aborted by this side"):
                        await channel.send("x" * 20_000_000)

                tasks.start_soon(send)
                await anyio.wait_all_tasks_blocked()
                channel.abort()

    async def test_a_goodbye_is_answered_only_so_long(self) -> None:
        async with self.connection(offer=False, close_timeout=0.05) as (channel, server):
            await server.freeze()
            async with anyio.create_task_group() as tasks:

                async def send() -> None:
                    with pytest.raises(ConnectionLost, match="1001"):
                        await channel.send("x" * 20_000_000)

                tasks.start_soon(send)
                await anyio.wait_all_tasks_blocked()
                await server.close(1001)
                _, lost = await receive_all(channel)
            assert (lost.clean, lost.close_code) == (True, 1001)

    async def test_two_receivers_are_a_mistake_that_is_told(self) -> None:
        async with self.connection() as (channel, server), anyio.create_task_group() as tasks:
            tasks.start_soon(channel.receive)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(anyio.BusyResourceError):
                await channel.receive()
            await server.send("for the first")

    async def test_a_receive_during_anothers_close_gets_the_end(self) -> None:
        async with self.connection(close_timeout=0.05) as (channel, server):
            await server.freeze()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(channel.aclose)
                await anyio.wait_all_tasks_blocked()
                with pytest.raises(ConnectionLost, match="without an answer"):
                    await channel.receive()

    async def test_small_requests_are_not_delayed(self) -> None:
        async with self.connection() as (channel, _):
            raw = channel._stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610 - not Django's
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
