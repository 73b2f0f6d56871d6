"""REST over httpx: one GET, one answer, on trio and on asyncio."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Sequence
from functools import cache
from types import TracebackType
from typing import Self

import anyio
import httpx
from attrs import define, field

from actors.errors import ConnectFailed
from actors.ports import RestRequest, RestResponse
from actors.transport.failures import SOCKET_ERRORS, Row, explain, public_url

__all__ = ["HttpRest"]

ROWS: Sequence[Row] = (
    (httpx.TimeoutException, "no answer within {within:g} s"),
    (httpx.UnsupportedProtocol, "this is not an address of HTTP, expected for example https://host"),
    (httpx.RemoteProtocolError, "the server broke off its answer, or it is no HTTP"),
    (zlib.error, "the answer cannot be decompressed: {error}"),
)


class _TooLarge(Exception):
    pass


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates this machine trusts. Read once: it holds the loop up for tens of milliseconds, and clients are many."""
    return ssl.create_default_context()


@define(eq=False)
class _Progress:
    """How far a request came, as the layer below httpx tells it."""

    dialled: bool = False
    """A connection was opened for it."""
    sent: bool = False
    """It began to be sent."""
    answered: bool = False
    """The head of its answer has come."""

    async def trace(self, event: str, _: object) -> None:
        """Cancellation: atomic."""
        self.dialled = self.dialled or event == "connection.connect_tcp.started"
        self.sent = self.sent or event.endswith(".send_request_headers.started")
        self.answered = self.answered or event.endswith(".receive_response_headers.complete")

    @property
    def stale(self) -> bool:
        """It was sent over a connection of an earlier request, and nothing came back."""
        return self.sent and not self.dialled and not self.answered


@define(eq=False)
class HttpRest:
    """Fetches over HTTP(S). Use it as `async with HttpRest() as rest`; any number of tasks can share it.

    A server closes connections that are idle for long, and whoever is just then sending over one gets no answer. So what has
    been idle for `keep_alive` is not used again, and a GET over a connection of an earlier request that breaks off before the
    head of the answer came is made once more, over a fresh one. Should the server have seen it: a GET can be seen twice.

    Redirects are not followed, and neither proxies nor passwords of the environment (`.netrc`) are used. httpx logs every
    address at INFO; the query, where secrets may be, travels beside the address and is not in what httpx sees of it.

    Args:
        ssl_context: for `https` addresses; None: the certificates this machine trusts.
        timeout: seconds for a whole request: a place in the pool, connection, answer and body together.
        connections: how many are open at once, idle ones included; a further request waits. Those that replace stale ones
            are not counted among them; of these there are as many at most, and none of them idle.
        keep_alive: seconds after which an idle connection is not used again: fewer than the server's own, which are 60 or more
            at the exchanges that are known.
        max_size: bytes of the largest body, decompressed.
    """

    ssl_context: ssl.SSLContext | None = field(default=None, kw_only=True, repr=False)
    timeout: float = field(default=10.0, kw_only=True)
    connections: int = field(default=10, kw_only=True)
    keep_alive: float = field(default=25.0, kw_only=True)
    max_size: int = field(default=32 * 1024 * 1024, kw_only=True)
    stale_connections: int = field(default=0, init=False)
    """How many requests were made once more, because their connection was dead."""
    _client: httpx.AsyncClient | None = field(default=None, init=False, repr=False)
    _fresh: httpx.AsyncClient | None = field(default=None, init=False, repr=False)
    """Keeps no idle connections: what it sends goes over a new one."""

    async def __aenter__(self) -> Self:
        """Make the connection pool; connections are opened when they are needed. Cancellation: atomic."""
        verify = self.ssl_context or _trusted()
        self._client, self._fresh = self._made(verify, self.connections), self._made(verify, 0)
        return self

    def _made(self, verify: ssl.SSLContext, idle: int) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=verify,
            timeout=self.timeout,
            limits=httpx.Limits(
                max_connections=self.connections, max_keepalive_connections=idle, keepalive_expiry=self.keep_alive
            ),
            headers={"User-Agent": "oneforone", "Accept-Encoding": "gzip"},
            trust_env=False,
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all connections. Cancellation: shielded; nothing in it waits for the other side."""
        clients = self._client, self._fresh
        self._client = self._fresh = None
        with anyio.CancelScope(shield=True):
            for client in clients:
                if client is not None:
                    await client.aclose()

    async def get(self, base_url: str, request: RestRequest) -> RestResponse:
        """Fetch, whatever the status of the answer is.

        Args:
            base_url: of the endpoint, without a trailing slash.
            request: path and parameters.

        Raises:
            ConnectFailed: there was no answer, or it was too long; neither its text nor its `url` has the query.
            RuntimeError: outside of `async with`.

        Cancellation: may have happened.
        """
        if self._client is None or self._fresh is None:
            raise RuntimeError("this HttpRest is not open; use it inside `async with HttpRest() as rest:`")
        url = base_url + request.path
        try:
            with anyio.fail_after(self.timeout):
                return await self._fetch_once_more(self._client, self._fresh, url, request)
        except httpx.InvalidURL:
            # Not `from` it: the cause quotes the address.
            raise ConnectFailed(public_url(url), "this is not an address") from None
        except (*SOCKET_ERRORS, httpx.HTTPError, zlib.error, _TooLarge) as error:
            raise ConnectFailed(public_url(url), explain(error, ROWS, within=self.timeout)) from error

    async def _fetch_once_more(
        self, client: httpx.AsyncClient, fresh: httpx.AsyncClient, url: str, request: RestRequest
    ) -> RestResponse:
        """Fetch, over a fresh connection too if that of the pool was dead. Cancellation: may have happened."""
        progress = _Progress()
        try:
            return await self._fetch(client, url, request, progress)
        except (httpx.NetworkError, httpx.RemoteProtocolError, *SOCKET_ERRORS):
            if not progress.stale:
                raise
        self.stale_connections += 1
        return await self._fetch(fresh, url, request, _Progress())

    async def _fetch(self, client: httpx.AsyncClient, url: str, request: RestRequest, progress: _Progress) -> RestResponse:
        full = httpx.URL(url)
        if request.params:
            full = full.copy_merge_params(dict(request.params))
        address, target = full.copy_with(query=None), full.raw_path
        body, status = bytearray(), 0
        headers: dict[str, str] = {}
        # httpx is a tower of generators. Leaving it halfway would leave them to the garbage collector, which trio warns of;
        # cancelling makes the lowest raise, at its next read from the socket, and all of them end.
        with anyio.CancelScope() as giving_up:
            async with client.stream("GET", address, extensions={"target": target, "trace": progress.trace}) as response:
                status = response.status_code
                headers = {name.lower(): value for name, value in response.headers.items()}
                async for chunk in response.aiter_raw():
                    if len(body) > self.max_size:
                        giving_up.cancel()
                    else:
                        body += chunk
        return RestResponse(status, self._decoded(body, headers.get("content-encoding", "")), headers)

    def _decoded(self, body: bytearray, encoding: str) -> bytes:
        content = bytes(body)
        if encoding == "gzip":
            # By hand, because httpx decompresses a chunk whatever becomes of it: some kilobytes can be some gigabytes.
            gzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
            content = gzip.decompress(body, self.max_size + 1)
            if not gzip.eof and len(content) <= self.max_size:
                raise zlib.error("the end is missing")
        elif encoding not in {"", "identity"}:
            raise zlib.error(f"it is {encoding!r}, which was not asked for")
        if len(content) > self.max_size:
            raise _TooLarge(f"the answer is longer than {self.max_size} bytes")
        return content
