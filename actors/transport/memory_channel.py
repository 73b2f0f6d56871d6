"""Both ends of a connection in memory: the client's and the exchange's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NoReturn

import anyio
from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint, checkpoint_if_cancelled
from attrs import define, field

from actors.errors import ConnectionLost
from actors.ports import Frame, FrameKind

__all__ = ["MemoryChannel", "MemoryServer", "Signal", "Wire"]

ABNORMAL = 1006
"""The close code of a connection that ended without a close frame."""


@define(eq=False, repr=False)
class Signal:
    """Wakes all who wait for a change."""

    _event: anyio.Event | None = None

    def notify(self) -> None:
        if self._event is not None:
            self._event.set()
            self._event = None

    async def until(self, true: Callable[[], object]) -> None:
        while not true():
            if self._event is None:
                self._event = anyio.Event()
            await self._event.wait()


@define(eq=False, repr=False)
class Wire:
    """What both ends of a connection share."""

    url: str
    capacity: int
    max_size: int
    close_timeout: float
    to_client: deque[tuple[FrameKind, bytes]] = field(init=False, factory=deque)
    to_server: deque[tuple[FrameKind, bytes]] = field(init=False, factory=deque)
    changed: Signal = field(init=False, factory=Signal)
    frozen: bool = field(init=False, default=False)
    closing: bool = field(init=False, default=False)
    lost: ConnectionLost | None = field(init=False, default=None)
    """How it ended for the client."""
    server_lost: ConnectionLost | None = field(init=False, default=None)
    """How it ended for the exchange."""

    def end(self, client: ConnectionLost, server: ConnectionLost) -> None:
        if self.lost is None:
            self.lost, self.server_lost = client, server
            self.changed.notify()


def _raise(lost: ConnectionLost | None) -> NoReturn:
    if lost is None:
        raise AssertionError("woken without an end")
    raise lost.with_traceback(None)


@define(eq=False, repr=False)
class MemoryChannel:
    """The client's end of a connection in memory."""

    _wire: Wire

    async def receive(self) -> Sequence[Frame]:
        """All frames that the exchange has sent, at least one; their time of arrival is now.

        Raises:
            ConnectionLost: the connection ended; frames from before have been returned.

        Cancellation: atomic; no frame is lost.
        """
        wire = self._wire
        await checkpoint()
        await wire.changed.until(lambda: wire.to_client or wire.lost)
        if not wire.to_client:
            _raise(wire.lost)
        arrived = anyio.current_time()
        frames = [Frame(payload, arrived, kind) for kind, payload in wire.to_client]
        wire.to_client.clear()
        return frames

    async def send(self, text: str) -> None:
        """Send one text frame; waits while the exchange's end has `capacity` frames unread.

        Raises:
            ConnectionLost: the connection has ended.

        Cancellation: may have happened. Cancelled while it waits for room, it closes the connection, as a cut-off frame would.
        """
        await self._write(FrameKind.TEXT, text.encode())

    async def ping(self, payload: bytes = b"") -> None:
        """Send a ping. The exchange's end answers, unless it is frozen.

        Args:
            payload: at most 125 bytes.

        Raises:
            ConnectionLost: the connection has ended.
            ValueError: the payload is too long.

        Cancellation: as for `send`.
        """
        _check_control(payload)
        await self._write(FrameKind.PING, payload)
        if not self._wire.frozen and self._wire.lost is None:
            self._wire.to_client.append((FrameKind.PONG, payload))
            self._wire.changed.notify()

    async def pong(self, payload: bytes) -> None:
        """Answer a ping.

        Args:
            payload: the ping's.

        Raises:
            ConnectionLost: the connection has ended.
            ValueError: the payload is too long.

        Cancellation: as for `send`.
        """
        _check_control(payload)
        await self._write(FrameKind.PONG, payload)

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye and close. Only a frozen exchange makes it wait, for `close_timeout` seconds. Closing twice is fine.

        Args:
            code: the close code.
            reason: at most 123 bytes of UTF-8.

        Raises:
            ValueError: the reason is too long; the connection is closed all the same.

        Cancellation: closed in any case, then without goodbye.
        """
        wire = self._wire
        wire.closing = True
        try:
            _check_control(reason.encode(), limit=123)
            await checkpoint_if_cancelled()
            if wire.frozen:
                with anyio.move_on_after(wire.close_timeout):
                    await wire.changed.until(lambda: wire.lost)
            else:
                goodbye = ConnectionLost(clean=True, close_code=code, reason=reason)
                wire.end(goodbye, ConnectionLost(clean=True, close_code=code, reason=reason))
        finally:
            wire.end(
                ConnectionLost(clean=False, close_code=ABNORMAL, reason="closed by this side, without an answer"),
                ConnectionLost(clean=False, close_code=ABNORMAL, reason="the client hung up"),
            )
            wire.to_client.clear()
        await cancel_shielded_checkpoint()

    def abort(self) -> None:
        """Close at once, without goodbye. A parked `receive` or `send` wakes with `ConnectionLost`."""
        self._reset("aborted by this side")
        self._wire.to_client.clear()

    async def _write(self, kind: FrameKind, payload: bytes) -> None:
        wire = self._wire
        await checkpoint_if_cancelled()
        try:
            await wire.changed.until(lambda: wire.lost or wire.closing or len(wire.to_server) < wire.capacity)
        except BaseException:
            self._reset("a frame was cut off by a cancellation")
            raise
        if wire.lost or wire.closing:
            await wire.changed.until(lambda: wire.lost)
            _raise(wire.lost)
        wire.to_server.append((kind, payload))
        wire.changed.notify()
        await cancel_shielded_checkpoint()

    def _reset(self, reason: str) -> None:
        self._wire.end(
            ConnectionLost(clean=False, close_code=ABNORMAL, reason=reason),
            ConnectionLost(clean=False, close_code=ABNORMAL, reason="reset by the client"),
        )


def _check_control(payload: bytes, *, limit: int = 125) -> None:
    if len(payload) > limit:
        raise ValueError(f"this takes at most {limit} bytes, not {len(payload)}")


@define(eq=False, repr=False)
class MemoryServer:
    """The exchange's end of a connection in memory.

    Like any server it answers pings and goodbyes by itself, until it is frozen.
    """

    _wire: Wire

    @property
    def url(self) -> str:
        """What the client dialled."""
        return self._wire.url

    @property
    def lost(self) -> ConnectionLost | None:
        """How the connection ended, seen from here; None while it is open."""
        return self._wire.server_lost

    def send(self, *payloads: str | bytes) -> None:
        """Send frames: text for `str`, binary for `bytes`. A client that is parked in `receive` gets all of one call at once.

        Raises:
            BufferError: the client has `capacity` frames unread.
            ConnectionLost: the connection has ended.
        """
        for payload in payloads:
            if isinstance(payload, str):
                self._push(FrameKind.TEXT, payload.encode())
            else:
                self._push(FrameKind.BINARY, payload)

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping. Raises like `send`; ValueError for more than 125 bytes."""
        _check_control(payload)
        self._push(FrameKind.PING, payload)

    async def received(self) -> Frame:
        """The client's next frame, pings and pongs included.

        Raises:
            ConnectionLost: the connection has ended, and all frames have been returned.

        Cancellation: atomic.
        """
        wire = self._wire
        await checkpoint()
        await wire.changed.until(lambda: wire.to_server or wire.server_lost)
        if not wire.to_server:
            _raise(wire.server_lost)
        kind, payload = wire.to_server.popleft()
        wire.changed.notify()
        return Frame(payload, anyio.current_time(), kind)

    async def wait_closed(self) -> ConnectionLost:
        """Wait for the end, and return how it was. Cancellation: atomic."""
        wire = self._wire
        await wire.changed.until(lambda: wire.server_lost)
        if wire.server_lost is None:
            raise AssertionError("woken without an end")
        return wire.server_lost

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye and close. The client still gets what was sent before."""
        self._wire.end(
            ConnectionLost(clean=True, close_code=code, reason=reason),
            ConnectionLost(clean=True, close_code=code, reason=reason),
        )

    def abort(self) -> None:
        """Vanish: the client's connection is reset. It still gets what was sent before."""
        self._wire.end(
            ConnectionLost(clean=False, close_code=ABNORMAL, reason="the other side reset the connection"),
            ConnectionLost(clean=False, close_code=ABNORMAL, reason="aborted by this side"),
        )

    def freeze(self) -> None:
        """Hang: from now on neither pings nor goodbyes are answered. The connection stays open."""
        self._wire.frozen = True

    def _push(self, kind: FrameKind, payload: bytes) -> None:
        wire = self._wire
        if wire.server_lost is not None:
            _raise(wire.server_lost)
        if len(payload) > wire.max_size:
            reason = f"frame with {len(payload)} bytes exceeds limit of {wire.max_size} bytes"
            wire.end(
                ConnectionLost(clean=False, close_code=1009, reason=reason),
                ConnectionLost(clean=True, close_code=1009, reason=reason),
            )
            return
        if len(wire.to_client) >= wire.capacity:
            raise BufferError(f"the client has {wire.capacity} frames unread")
        wire.to_client.append((kind, payload))
        wire.changed.notify()
