"""The contract of `ports.Rest`, kept by the real client and the one in memory; below, what only one of them can show."""

from __future__ import annotations

import gzip
import logging
import ssl
import tracemalloc
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from unittest.mock import Mock

import anyio
import pytest

from actors.errors import ConnectFailed
from actors.ports import Rest, RestRequest, RestResponse
from actors.transport import HttpRest, MemoryRest
from tests.contracts.loopback import LoopbackRest, loopback_rest, serve, unused_port
from tests.contracts.transport import PATIENCE, patience

pytestmark = pytest.mark.anyio

Respond = Callable[[RestRequest], RestResponse | Awaitable[RestResponse]]


class RestContract(ABC):
    """What every REST client promises."""

    @abstractmethod
    def served(self, respond: Respond) -> AbstractAsyncContextManager[tuple[Rest, str, str]]:
        """A client, the base URL of what `respond` answers, and one where nobody answers."""

    async def test_it_is_a_rest_client(self) -> None:
        async with self.served(lambda _: RestResponse(200, b"")) as (rest, _, _):
            assert isinstance(rest, Rest)

    @pytest.mark.parametrize("status", [200, 404, 418, 503])
    async def test_every_status_is_an_answer(self, status: int) -> None:
        with patience():
            async with self.served(lambda _: RestResponse(status, b'{"code":-1}')) as (rest, base, _):
                response = await rest.get(base, RestRequest("/api"))
        assert (response.status, response.body) == (status, b'{"code":-1}')
        assert type(response.body) is bytes

    async def test_names_of_headers_are_in_lower_case(self) -> None:
        with patience():
            async with self.served(lambda _: RestResponse(200, b"", {"X-MBX-Used-Weight": "7"})) as (rest, base, _):
                response = await rest.get(base, RestRequest("/api"))
        assert response.headers["x-mbx-used-weight"] == "7"

    async def test_a_redirect_is_not_followed(self) -> None:
        with patience():
            async with self.served(lambda _: RestResponse(302, b"", {"Location": "/elsewhere"})) as (rest, base, _):
                assert (await rest.get(base, RestRequest("/api"))).status == 302

    async def test_nobody_there_is_one_plain_sentence_without_secrets(self) -> None:
        with patience():
            async with self.served(lambda _: RestResponse(200, b"")) as (rest, _, nobody):
                with pytest.raises(ConnectFailed) as caught:
                    await rest.get(nobody, RestRequest("/api", {"signature": "hunter2"}))
        assert caught.value.reason == "connection refused"
        assert caught.value.url == f"{nobody}/api"
        assert "hunter2" not in str(caught.value)

    async def test_requests_run_at_the_same_time(self) -> None:
        waiting = 0
        both = anyio.Event()

        async def respond(_: RestRequest) -> RestResponse:
            nonlocal waiting
            waiting += 1
            if waiting == 2:
                both.set()
            await both.wait()
            return RestResponse(200, b"")

        with patience():
            async with self.served(respond) as (rest, base, _), anyio.create_task_group() as tasks:
                tasks.start_soon(rest.get, base, RestRequest("/1"))
                tasks.start_soon(rest.get, base, RestRequest("/2"))

    async def test_a_cancelled_request_does_not_harm_the_next(self) -> None:
        asked = anyio.Event()

        async def respond(request: RestRequest) -> RestResponse:
            if request.path == "/slow":
                asked.set()
                await anyio.sleep_forever()
            return RestResponse(200, b"fine")

        with patience():
            async with self.served(respond) as (rest, base, _):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(rest.get, base, RestRequest("/slow"))
                    await asked.wait()
                    tasks.cancel_scope.cancel()
                assert (await rest.get(base, RestRequest("/fast"))).body == b"fine"


class TestMemoryRest(RestContract):
    @asynccontextmanager
    async def served(self, respond: Respond) -> AsyncIterator[tuple[Rest, str, str]]:
        def handle(base_url: str, request: RestRequest) -> RestResponse | Awaitable[RestResponse]:
            if base_url == "https://nobody":
                raise ConnectFailed(f"{base_url}{request.path}", "connection refused")
            return respond(request)

        yield MemoryRest(handle), "https://exchange", "https://nobody"

    async def test_calls_are_recorded_with_their_times(self) -> None:
        rest = MemoryRest(lambda *_: RestResponse(200, b""), latency=0.5)
        start = anyio.current_time()
        await rest.get("https://a", RestRequest("/1", weight=5))
        await rest.get("https://b", RestRequest("/2"))
        assert [(call.base_url, call.request.path, call.request.weight, call.at - start) for call in rest.calls] == [
            ("https://a", "/1", 5, 0.0),
            ("https://b", "/2", 1, 0.5),
        ]
        assert anyio.current_time() - start == 1.0


@pytest.mark.real_time
class TestHttpRest(RestContract):
    @asynccontextmanager
    async def served(self, respond: Respond) -> AsyncIterator[tuple[Rest, str, str]]:
        async with loopback_rest() as server, HttpRest() as rest:
            server.respond = respond
            yield rest, server.base_url, f"http://127.0.0.1:{unused_port()}"

    @asynccontextmanager
    async def client(self, respond: Respond | None = None, **options: Any) -> AsyncIterator[tuple[HttpRest, LoopbackRest]]:
        with patience():
            async with loopback_rest() as server, HttpRest(**options) as rest:
                server.respond = respond or (lambda _: RestResponse(200, b""))
                yield rest, server

    async def test_parameters_are_the_query(self) -> None:
        async with self.client() as (rest, server):
            await rest.get(server.base_url, RestRequest("/api", {"symbol": "BTC/USDT", "limit": "5"}))
            await rest.get(server.base_url, RestRequest("/api"))
        assert server.targets == ["/api?symbol=BTC%2FUSDT&limit=5", "/api"]

    async def test_parameters_join_a_query_in_the_path(self) -> None:
        async with self.client() as (rest, server):
            await rest.get(server.base_url, RestRequest("/api?a=1", {"b": "2"}))
            await rest.get(server.base_url, RestRequest("/api?a=1"))
        assert server.targets == ["/api?a=1&b=2", "/api?a=1"]

    async def test_no_log_has_the_query(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            async with self.client() as (rest, server):
                await rest.get(server.base_url, RestRequest("/api", {"signature": "hunter2"}))
        assert server.targets == ["/api?signature=hunter2"]
        assert "hunter2" not in caplog.text

    async def test_connections_are_used_again(self) -> None:
        async with self.client() as (rest, server):
            for _ in range(5):
                await rest.get(server.base_url, RestRequest("/api"))
            assert server.most_open == 1

    async def test_the_pool_is_bounded(self) -> None:
        async with self.client(connections=2) as (rest, server), anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(rest.get, server.base_url, RestRequest(f"/{number}"))
        assert len(server.targets) == 10
        assert server.most_open <= 2

    async def test_a_compressed_answer_is_decompressed(self) -> None:
        answer = RestResponse(200, gzip.compress(b"0123456789" * 1000), {"Content-Encoding": "gzip"})
        async with self.client(lambda _: answer) as (rest, server):
            assert (await rest.get(server.base_url, RestRequest("/"))).body == b"0123456789" * 1000

    @pytest.mark.parametrize("size", [1001, 1_000_000])
    @pytest.mark.parametrize("encoding", ["identity", "gzip"])
    async def test_an_answer_too_long_is_given_up(self, encoding: str, size: int) -> None:
        body = b"0" * size if encoding == "identity" else gzip.compress(b"0" * size)
        answer = RestResponse(200, body, {"Content-Encoding": encoding})
        async with self.client(lambda _: answer, max_size=1000) as (rest, server):
            with pytest.raises(ConnectFailed) as caught:
                await rest.get(server.base_url, RestRequest("/"))
            assert caught.value.reason == "the answer is longer than 1000 bytes"

    async def test_an_endless_answer_is_given_up_without_waiting_for_its_end(self) -> None:
        async def handle(stream: anyio.abc.SocketStream) -> None:
            await stream.receive()
            await stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                while True:
                    await stream.send(b"." * 1000)
            except anyio.BrokenResourceError:
                pass

        with patience():
            async with serve(handle) as port, HttpRest(timeout=PATIENCE, max_size=10_000) as rest:
                with pytest.raises(ConnectFailed, match="longer than 10000 bytes"):
                    await rest.get(f"http://127.0.0.1:{port}", RestRequest("/"))

    async def test_a_decompression_bomb_does_not_go_off(self) -> None:
        bomb = RestResponse(200, gzip.compress(bytes(20_000_000)), {"Content-Encoding": "gzip"})
        async with self.client(lambda _: bomb, max_size=1_000_000) as (rest, server):
            tracemalloc.start()
            try:
                with pytest.raises(ConnectFailed, match="longer than 1000000 bytes"):
                    await rest.get(server.base_url, RestRequest("/"))
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert peak < 5_000_000

    async def test_no_answer_in_time_is_given_up(self) -> None:
        async def respond(_: RestRequest) -> RestResponse:
            await anyio.sleep_forever()
            raise AssertionError

        async with self.client(respond, timeout=0.05) as (rest, server):
            with pytest.raises(ConnectFailed) as caught:
                await rest.get(server.base_url, RestRequest("/"))
            assert caught.value.reason == "no answer within 0.05 s"

    async def test_a_dripping_answer_is_given_up_too(self) -> None:
        async def handle(stream: anyio.abc.SocketStream) -> None:
            await stream.receive()
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while True:
                await stream.send(b".")
                await anyio.sleep(0.001)

        with patience():
            async with serve(handle) as port, HttpRest(timeout=0.05) as rest:
                with pytest.raises(ConnectFailed, match=r"no answer within 0\.05 s"):
                    await rest.get(f"http://127.0.0.1:{port}", RestRequest("/"))

    @pytest.mark.parametrize(
        ("raw", "reason"),
        [
            (b"SSH-2.0-OpenSSH_9.6\r\n", "the server broke off its answer, or it is no HTTP"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbroken", "the server broke off its answer, or it is no HTTP"),
            (
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n???",
                "the answer cannot be decompressed: Error -3 while decompressing data: incorrect header check",
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n" + gzip.compress(b"0", mtime=0)[:10],
                "the answer cannot be decompressed: the end is missing",
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\n0",
                "the answer cannot be decompressed: it is 'br', which was not asked for",
            ),
        ],
    )
    async def test_an_answer_that_is_none_is_one_plain_sentence(self, raw: bytes, reason: str) -> None:
        async with self.client() as (rest, server):
            server.raw = raw
            with pytest.raises(ConnectFailed) as caught:
                await rest.get(server.base_url, RestRequest("/"))
            assert caught.value.reason == reason

    @pytest.mark.parametrize(
        ("base", "reason"),
        [
            ("http://host:notaport", "this is not an address"),
            ("ftp://127.0.0.1", "this is not an address of HTTP, expected for example https://host"),
        ],
    )
    async def test_an_address_that_is_none_is_told(self, base: str, reason: str) -> None:
        async with self.client() as (rest, _):
            with pytest.raises(ConnectFailed) as caught:
                await rest.get(base, RestRequest("/"))
            assert caught.value.reason == reason

    async def test_outside_of_its_context_it_says_how_to_use_it(self) -> None:
        rest = HttpRest()
        with pytest.raises(RuntimeError, match="async with HttpRest"):
            await rest.get("http://127.0.0.1", RestRequest("/"))
        async with rest:
            pass
        with pytest.raises(RuntimeError, match="async with HttpRest"):
            await rest.get("http://127.0.0.1", RestRequest("/"))

    async def test_the_certificates_of_the_machine_are_read_once_however_many_clients_there_are(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Reading them blocks the loop for tens of milliseconds, and every recovery has a client of its own.
        monkeypatch.setattr("actors.transport.rest.ssl.create_default_context", read := Mock(wraps=ssl.create_default_context))
        for _ in range(3):
            async with HttpRest():
                pass
        assert read.call_count <= 1
