"""One open WebSocket connection: an anyio shell around websockets' Sans-I/O protocol.

How it works:

    frames        `_read` alone reads. What it parsed stands in `_frames` before it waits again, so a cancelled receive loses
                  nothing.
    the end       is found by whoever reads. `_finish` says the last word (the answer to a close frame, or why we give up) and
                  lets go of the socket. From then on every method raises `_lost`.
    a failed send does not decide why the connection ended: what the other side said last can often still be read.

Invariant: `_over` is set if and only if the socket is closed, and then `_lost` is not None.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint, checkpoint_if_cancelled
from attrs import define, field
from websockets.client import ClientProtocol
from websockets.exceptions import ProtocolError
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.protocol import State

from actors.errors import ConnectionLost
from actors.ports import Frame, FrameKind
from actors.transport.failures import SOCKET_ERRORS, explain

__all__ = ["READ_SIZE", "WebSocketChannel", "close_now"]

READ_SIZE = 65_536
"""Bytes per socket read. Larger buffers come from mmap, and cost more to get than they save in reads."""

ABNORMAL = 1006
"""The close code of a connection that ended without a close frame."""

TEXT, CONT, CLOSE, OPEN = (
    Opcode.TEXT,
    Opcode.CONT,
    Opcode.CLOSE,
    State.OPEN,
)  # per frame, a global is cheaper than an enum's attribute

KINDS = {
    Opcode.TEXT: FrameKind.TEXT,
    Opcode.BINARY: FrameKind.BINARY,
    Opcode.PING: FrameKind.PING,
    Opcode.PONG: FrameKind.PONG,
}


@define(eq=False, repr=False)
class WebSocketChannel:
    """One open WebSocket connection, made by `WebSocketTransport.connect`.

    Frames that came before an end are returned before `ConnectionLost` is raised; after our own `aclose` or `abort` they are
    dropped. However it ended, the socket is closed by the time `ConnectionLost` is raised.
    """

    _stream: ByteStream
    _protocol: ClientProtocol
    _close_timeout: float
    _frames: list[Frame] = field(init=False, factory=list)
    _partial: bytearray = field(init=False, factory=bytearray)
    _partial_kind: FrameKind = field(init=False, default=FrameKind.TEXT)
    _receiving: bool = field(init=False, default=False)
    _reading: bool = field(init=False, default=False)
    _closing: bool = field(init=False, default=False)
    _writing: anyio.Lock = field(init=False, factory=lambda: anyio.Lock(fast_acquire=True))
    _over: anyio.Event = field(init=False, factory=anyio.Event)
    _lost: ConnectionLost | None = field(init=False, default=None)

    async def receive(self) -> Sequence[Frame]:
        """Wait for at least one frame and return all that came with one read from the socket, in order.

        Pings are among them, and have not been answered. Fragments have been joined.

        Raises:
            ConnectionLost: the connection ended; frames that came before the end have been returned.
            anyio.BusyResourceError: another task is receiving.

        Cancellation: atomic; no frame is lost.
        """
        if self._receiving:
            raise anyio.BusyResourceError("receiving from")
        self._receiving = True
        try:
            if self._frames or self._lost is not None:
                await checkpoint()
            while not self._frames:
                if self._lost is not None:
                    raise self._lost.with_traceback(None)
                if self._reading:
                    await self._over.wait()
                else:
                    await self._read()
        finally:
            self._receiving = False
        frames, self._frames = self._frames, []
        return frames

    async def send(self, text: str) -> None:
        """Send one text frame.

        Raises:
            ConnectionLost: the connection has ended.

        Cancellation: may have happened. A frame that was cut off closes the connection, because what follows would be garbage.
        """
        await self._write(self._protocol.send_text, text.encode())

    async def ping(self, payload: bytes = b"") -> None:
        """Send a ping; the pong comes out of `receive`.

        Args:
            payload: at most 125 bytes.

        Raises:
            ConnectionLost: the connection has ended.
            ValueError: the payload is too long.

        Cancellation: as for `send`.
        """
        await self._write(self._protocol.send_ping, payload)

    async def pong(self, payload: bytes) -> None:
        """Answer a ping.

        Args:
            payload: the ping's.

        Raises:
            ConnectionLost: the connection has ended.
            ValueError: the payload is longer than 125 bytes.

        Cancellation: as for `send`.
        """
        await self._write(self._protocol.send_pong, payload)

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye, wait for the other side's (at most the transport's `close_timeout`), and close. Closing twice is fine.

        Args:
            code: a close code that may be sent: 1000 to 1014 without 1004 to 1006, or 3000 to 4999.
            reason: at most 123 bytes of UTF-8.

        Raises:
            ValueError: such a code or reason cannot be sent; the socket is closed all the same.

        Cancellation: the socket is closed in any case, then without goodbye.
        """
        try:
            with anyio.move_on_after(self._close_timeout):
                await self._say_goodbye(code, reason)
                await self._until_over()
        finally:
            self._let_go(ConnectionLost(clean=False, close_code=ABNORMAL, reason="closed by this side, without an answer"))
            self._frames.clear()
            # asyncio closes the socket one turn of the loop later.
            await cancel_shielded_checkpoint()

    def abort(self) -> None:
        """Close at once, without goodbye: the other side sees a reset.

        A parked `receive` or `send` wakes with `ConnectionLost`. Any code that runs on the loop may call it.
        """
        self._reset("aborted by this side")
        self._frames.clear()

    async def _read(self) -> None:
        """Read once, and finish if that was the end. Cancellation: atomic."""
        self._reading = True
        try:
            try:
                data = await self._stream.receive(READ_SIZE)
            except SOCKET_ERRORS as error:
                await self._finish(error)
            else:
                arrived = anyio.current_time()
                self._protocol.receive_data(data)
                if self._keep(self._protocol.events_received(), arrived):
                    await self._finish(None)
        finally:
            self._reading = False

    async def take(self, events: Sequence[Any], arrived: float) -> None:
        """Take what the transport read along with the handshake's answer.

        Args:
            events: websockets' frames.
            arrived: when they were read, in seconds of the loop's clock.

        Cancellation: atomic; the frames are kept first.
        """
        if self._keep(events, arrived):
            await self._finish(None)

    def _keep(self, events: Sequence[Any], arrived: float) -> bool:
        """Keep what was parsed from one read. True: that was the end."""
        frames, closed = self._frames, False
        for event in events:
            if event.opcode is TEXT and event.fin:
                # Without compression it is a bytearray; the port promises bytes.
                frames.append(Frame(bytes(event.data), arrived))
            elif event.opcode is CLOSE:
                closed = True
            else:
                self._keep_other(event, arrived)
        # An open protocol has nothing to say: only a close frame, or a frame that it cannot accept, makes it answer.
        return self._protocol.state is not OPEN and (closed or not self._closing)

    def _keep_other(self, event: WireFrame, arrived: float) -> None:
        if event.opcode is not CONT:
            kind = KINDS[event.opcode]
            if event.fin:
                self._frames.append(Frame(bytes(event.data), arrived, kind))
                return
            self._partial_kind = kind
        # The protocol has counted: all fragments together are no longer than max_size.
        self._partial += event.data
        if event.fin:
            self._frames.append(Frame(bytes(self._partial), arrived, self._partial_kind))
            self._partial = bytearray()

    async def _finish(self, error: BaseException | None) -> None:
        """Settle why it ended, say the last word, let go of the socket."""
        if self._over.is_set():
            return
        lost, failed = self._why(error)
        self._lost = lost
        try:
            with anyio.move_on_after(self._close_timeout), suppress(*SOCKET_ERRORS):
                async with self._writing:
                    await self._flush()
                while failed:
                    # To close with data unread would reset the connection, and destroy our close frame on its way.
                    await self._stream.receive(READ_SIZE)
        finally:
            self._let_go(lost)

    def _why(self, error: BaseException | None) -> tuple[ConnectionLost, bool]:
        """Why the connection ended, and whether because we could not go on."""
        self._protocol.receive_eof()
        close = self._protocol.close_exc
        if close.rcvd is not None:
            return ConnectionLost(clean=True, close_code=int(close.rcvd.code), reason=close.rcvd.reason), False
        if error is None and close.sent is not None:
            lost = ConnectionLost(clean=False, close_code=int(close.sent.code), reason=close.sent.reason)
        else:
            lost = ConnectionLost(clean=False, close_code=ABNORMAL, reason=explain(error) if error else "")
        lost.__cause__ = error or close.__cause__
        return lost, error is None

    async def _write(self, encode: Callable[[bytes], None], payload: bytes) -> None:
        async with self._writing:
            # A caller that is cancelled already must not cut off a frame, and with it the connection.
            await checkpoint_if_cancelled()
            broken = False
            if self._protocol.state is OPEN and self._lost is None:
                try:
                    encode(payload)
                    await self._flush()
                    return
                except ProtocolError as error:
                    raise ValueError(str(error)) from error
                except SOCKET_ERRORS:
                    broken = True
        await self._raise_lost(broken)

    async def _flush(self) -> None:
        """Write what the protocol has to say. Under the lock."""
        for data in self._protocol.data_to_send():
            if data:  # An empty one asks for a half-close, which TLS cannot do; the socket is closed soon anyhow.
                try:
                    await self._stream.send(data)
                except SOCKET_ERRORS:
                    raise
                except BaseException:
                    self._reset("a frame was cut off by a cancellation")
                    raise

    async def _raise_lost(self, broken: bool) -> NoReturn:
        if broken:
            try:
                with anyio.move_on_after(self._close_timeout):
                    await self._until_over()
            finally:
                self._reset("the other side no longer reads")
        # Who closes, or finishes, always lets go.
        await self._over.wait()
        if self._lost is None:
            raise AssertionError("let go without a reason")
        raise self._lost.with_traceback(None)

    async def _say_goodbye(self, code: int, reason: str) -> None:
        async with self._writing:
            if self._protocol.state is OPEN and self._lost is None:
                self._closing = True
                try:
                    self._protocol.send_close(code, reason)
                except ProtocolError as error:
                    raise ValueError(str(error)) from error
                with suppress(*SOCKET_ERRORS):  # Who reads finds out why.
                    await self._flush()

    async def _until_over(self) -> None:
        while not self._over.is_set():
            if self._reading:
                await self._over.wait()
            else:
                await self._read()

    def _reset(self, reason: str) -> None:
        if self._over.is_set():
            return
        # No lingering: what was not sent is dropped, and the other side gets a reset. A socket that is dead already refuses.
        with suppress(OSError):
            raw = self._stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not Django's
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._let_go(ConnectionLost(clean=False, close_code=ABNORMAL, reason=reason))

    def _let_go(self, lost: ConnectionLost) -> None:
        if not self._over.is_set():
            self._lost = self._lost or lost
            self._over.set()
            close_now(self._stream)


def close_now(stream: ByteStream) -> None:
    """Close a stream from synchronous code.

    anyio's streams close before their first wait (`anyio.aclose_forcefully` relies on it): one step of `aclose` is enough.
    """
    closing = stream.aclose().__await__()
    with suppress(StopIteration):
        next(closing)
    closing.close()
