"""REST over httpx: one GET, one answer, on trio and on asyncio."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Sequence
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


@define(eq=False)
class HttpRest:
    """Fetches over HTTP(S). Use it as `async with HttpRest() as rest`; any number of tasks can share it.

    Redirects are not followed, and neither proxies nor passwords of the environment (`.netrc`) are used. httpx logs every
    address at INFO; the query, where secrets may be, travels beside the address and is not in what httpx sees of it.

    Args:
        ssl_context: for `https` addresses; None: the certificates this machine trusts.
        timeout: seconds for a whole request: a place in the pool, connection, answer and body together.
        connections: how many are open at once, idle ones included; a further request waits.
        max_size: bytes of the largest body, decompressed.
    """

    ssl_context: ssl.SSLContext | None = field(default=None, kw_only=True, repr=False)
    timeout: float = field(default=10.0, kw_only=True)
    connections: int = field(default=10, kw_only=True)
    max_size: int = field(default=32 * 1024 * 1024, kw_only=True)
    _client: httpx.AsyncClient | None = field(default=None, init=False, repr=False)

    async def __aenter__(self) -> Self:
        """Make the connection pool; connections are opened when they are needed. Cancellation: atomic."""
        self._client = httpx.AsyncClient(
            verify=self.ssl_context or ssl.create_default_context(),
            timeout=self.timeout,
            limits=httpx.Limits(max_connections=self.connections, max_keepalive_connections=self.connections),
            headers={"User-Agent": "oneforone", "Accept-Encoding": "gzip"},
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all connections. Cancellation: shielded; nothing in it waits for the other side."""
        client, self._client = self._client, None
        if client is not None:
            with anyio.CancelScope(shield=True):
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
        if self._client is None:
            raise RuntimeError("this HttpRest is not open; use it inside `async with HttpRest() as rest:`")
        url = base_url + request.path
        try:
            with anyio.fail_after(self.timeout):
                return await self._fetch(self._client, url, request)
        except httpx.InvalidURL:
            # Not `from` it: the cause quotes the address.
            raise ConnectFailed(public_url(url), "this is not an address") from None
        except (*SOCKET_ERRORS, httpx.HTTPError, zlib.error, _TooLarge) as error:
            raise ConnectFailed(public_url(url), explain(error, ROWS, within=self.timeout)) from error

    async def _fetch(self, client: httpx.AsyncClient, url: str, request: RestRequest) -> RestResponse:
        full = httpx.URL(url)
        if request.params:
            full = full.copy_merge_params(dict(request.params))
        address, target = full.copy_with(query=None), full.raw_path
        body, status = bytearray(), 0
        headers: dict[str, str] = {}
        # httpx is a tower of generators. Leaving it halfway would leave them to the garbage collector, which trio warns of;
        # cancelling makes the lowest raise, at its next read from the socket, and all of them end.
        with anyio.CancelScope() as giving_up:
            async with client.stream("GET", address, extensions={"target": target}) as response:
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
