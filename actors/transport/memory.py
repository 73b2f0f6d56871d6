"""The fakes: an exchange in memory, held to the same contract as the real transport and REST client.

A test, or a simulator, is the exchange:

    transport = MemoryTransport()
    channel = await transport.connect("wss://exchange/ws")     # what the code under test does
    server = await transport.accept()                          # the exchange's end of it
    server.send('{"e": "trade"}')

Nothing takes time except `latency` and what the exchange's end is told to do, so all of it runs in virtual time.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Callable

import anyio
from anyio.lowlevel import checkpoint
from attrs import define, field, frozen

from actors.errors import ConnectFailed
from actors.ports import RestRequest, RestResponse
from actors.transport.failures import public_url
from actors.transport.memory_channel import MemoryChannel, MemoryServer, Signal, Wire

__all__ = ["Dial", "MemoryRest", "MemoryTransport", "RestCall"]

RECORDED = 10_000
"""Dials or requests that a fake remembers."""

Handler = Callable[[str, RestRequest], RestResponse | Awaitable[RestResponse]]


@frozen
class Dial:
    """One attempt to connect."""

    url: str
    at: float
    """Seconds of the loop's clock."""
    refused: str | None
    """Why it was refused; None: it was not."""


@define(eq=False)
class MemoryTransport:
    """Connections in memory.

    Args:
        latency: seconds that dialling takes.
        capacity: frames unread in either direction, and connections not yet accepted.
        max_size: bytes of the largest message to the client; a larger one ends the connection with 1009.
        close_timeout: seconds to wait for a frozen exchange's goodbye.
    """

    latency: float = field(default=0.0, kw_only=True)
    capacity: int = field(default=10_000, kw_only=True)
    max_size: int = field(default=4 * 1024 * 1024, kw_only=True)
    close_timeout: float = field(default=2.0, kw_only=True)
    dials: deque[Dial] = field(init=False, factory=lambda: deque(maxlen=RECORDED))
    """All attempts, the refused ones too, oldest first."""
    _refusals: dict[str, str] = field(init=False, factory=dict, repr=False)
    _waiting: deque[MemoryServer] = field(init=False, factory=deque, repr=False)
    _changed: Signal = field(init=False, factory=Signal, repr=False)

    async def connect(self, url: str) -> MemoryChannel:
        """Open a channel; its other end comes out of `accept`.

        Raises:
            ConnectFailed: this address is refused, or nobody accepts.

        Cancellation: atomic.
        """
        await checkpoint()
        if self.latency:
            await anyio.sleep(self.latency)
        reason = self._refusal(url)
        self.dials.append(Dial(url, anyio.current_time(), reason))
        if reason is not None:
            raise ConnectFailed(public_url(url), reason)
        wire = Wire(url, self.capacity, self.max_size, self.close_timeout)
        self._waiting.append(MemoryServer(wire))
        self._changed.notify()
        return MemoryChannel(wire)

    async def accept(self) -> MemoryServer:
        """The exchange's end of the oldest connection that was not yet accepted; waits for one. Cancellation: atomic."""
        await checkpoint()
        await self._changed.until(lambda: self._waiting)
        return self._waiting.popleft()

    def refuse(self, reason: str = "connection refused", *, url: str = "") -> None:
        """Refuse connections from now on. Those that are open stay open.

        Args:
            reason: the sentence in `ConnectFailed`.
            url: beginning of the addresses that are refused; all by default.
        """
        self._refusals[url] = reason

    def admit(self, *, url: str = "") -> None:
        """Take back `refuse` for the same beginning."""
        self._refusals.pop(url, None)

    def _refusal(self, url: str) -> str | None:
        matching = [beginning for beginning in self._refusals if url.startswith(beginning)]
        if matching:
            return self._refusals[max(matching, key=len)]
        return "nobody accepts connections" if len(self._waiting) >= self.capacity else None


@frozen
class RestCall:
    """One request that was made."""

    base_url: str
    request: RestRequest
    at: float
    """Seconds of the loop's clock."""


@define(eq=False)
class MemoryRest:
    """REST in memory.

    Args:
        handler: what answers: called with base URL and request, returns the answer, or an awaitable of it. It may raise
            ConnectFailed.
        latency: seconds before it is asked.
    """

    handler: Handler
    latency: float = field(default=0.0, kw_only=True)
    calls: deque[RestCall] = field(init=False, factory=lambda: deque(maxlen=RECORDED))
    """All requests, oldest first."""

    async def get(self, base_url: str, request: RestRequest) -> RestResponse:
        """Ask the handler.

        Raises:
            ConnectFailed: the handler raised it.

        Cancellation: may have happened.
        """
        await checkpoint()
        self.calls.append(RestCall(base_url, request, anyio.current_time()))
        if self.latency:
            await anyio.sleep(self.latency)
        answer = self.handler(base_url, request)
        response = await answer if inspect.isawaitable(answer) else answer
        headers = {name.lower(): value for name, value in response.headers.items()}
        return RestResponse(response.status, response.body, headers)
