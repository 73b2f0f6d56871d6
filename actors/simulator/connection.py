"""One WebSocket connection of a client: the thin shell around what is decided elsewhere.

Three tasks: one reads, one writes what is in the outbox, one watches pings and age. All of them end together, and the
socket is closed whatever happens. A connection that says goodbye still reads for GRACE seconds: closing a socket with
unread input resets it, and the client would lose the close frame that tells it why.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Sequence
from typing import Protocol

import anyio
from anyio.abc import SocketAttribute, SocketStream
from attrs import define, field
from websockets.frames import Frame, Opcode
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

from actors.simulator.config import SimulatorConfig
from actors.simulator.dialect import Answer, Session
from actors.simulator.effects import Silence
from actors.simulator.handshake import GONE, READ
from actors.simulator.limits import MessageGate, PingWatch
from actors.simulator.outbox import CHUNK, Outbox
from actors.simulator.status import Totals
from actors.simulator.valve import Valve

__all__ = ["GRACE", "Connection", "Registry"]

GRACE = 2.0
"""Seconds from a close frame to the end."""

TOO_MANY = (1008, "Too many requests")
TOO_SLOW = (1008, "slow consumer")
TOO_OLD = (1001, "connections live 24 hours")
TOO_QUIET = (4004, "No data received in 30s.")
"""As OKX says it, whatever its patience."""


class Registry(Protocol):
    """Who is told of changed subscriptions."""

    def subscribed(self, connection: Connection, streams: tuple[str, ...]) -> None: ...

    def unsubscribed(self, connection: Connection, streams: tuple[str, ...]) -> None: ...

    def announce(self, connections: Sequence[Connection], stream: str, data: bytes) -> None: ...


@define(eq=False)
class Connection:
    """A connection whose handshake is done.

    Args:
        number: of the connection, over all endpoints.
        endpoint: number of the one it came to.
        stream: its socket.
        protocol: in state OPEN.
        session: its subscriptions.
        config: limits and intervals.
        registry: is told of changed subscriptions.
        totals: is counted into.
        silence: what is stalled from the start.
    """

    number: int
    endpoint: int
    stream: SocketStream
    protocol: ServerProtocol
    session: Session
    config: SimulatorConfig
    registry: Registry
    totals: Totals
    silence: Silence
    frames_sent: int = field(default=0, init=False)
    messages_received: int = field(default=0, init=False)
    outbox: Outbox = field(init=False)
    reading: Valve = field(factory=Valve, init=False)
    writing: Valve = field(factory=Valve, init=False)
    is_half_open: bool = field(default=False, init=False)
    _gate: MessageGate = field(init=False)
    _pings: PingWatch = field(init=False)
    _opened: float = field(factory=anyio.current_time, init=False)
    _scope: anyio.CancelScope = field(factory=anyio.CancelScope, init=False)
    _working: anyio.CancelScope = field(factory=anyio.CancelScope, init=False)
    """Within it everything happens; a half-open connection has left it, and still has its socket."""
    _dies: tuple[float, int, str] = field(init=False)
    _look: anyio.Event = field(factory=anyio.Event, init=False)
    _said: float = field(factory=anyio.current_time, init=False)
    """When anything was sent last."""
    _wake: anyio.Event = field(factory=anyio.Event, init=False)
    _fragments: bytearray = field(factory=bytearray, init=False)

    def __attrs_post_init__(self) -> None:
        self.outbox = Outbox(self.config.outgoing_limit)
        self._dies = self._opened + self.config.max_age, *TOO_OLD
        self._gate = MessageGate(self.config.message_limit, self.config.message_window)
        self._pings = PingWatch(self.config.ping_interval, self.config.pong_timeout, self._opened)

    @property
    def is_open(self) -> bool:
        return self.protocol.state is State.OPEN

    async def run(self) -> None:
        """Serve until the connection ends.

        Cancellation: the socket is closed in any case.
        """
        try:
            with self._scope:
                with self._working:
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(self._write)
                        tasks.start_soon(self._watch)
                        await self._read()
                        tasks.cancel_scope.cancel()
                if self.is_half_open:
                    await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.aclose_forcefully(self.stream)

    def send(self, stream: str, payload: bytes, frame: bytes, release: float) -> None:
        """Send an event.

        Args:
            stream: its stream, which may be silent.
            payload: its text.
            frame: the text as a frame without compression, made once for all connections.
            release: when it may be written.
        """
        if not self.is_open:
            return
        if self.is_half_open or self.silence.covers(stream, anyio.current_time()):
            self.totals.frames_silenced += 1
            return
        if self.protocol.extensions:
            self.protocol.send_text(payload)
            frame = b"".join(self.protocol.data_to_send())
        self.outbox.put(frame, release)
        self._said = anyio.current_time()
        self.frames_sent += 1
        self.totals.frames_sent += 1
        self._wake.set()
        if self.outbox.overflows:
            self.close_as_too_slow()

    def close(self, code: int, reason: str) -> None:
        """Say goodbye. Data that waits is dropped, as a server that goes away does."""
        if not self.is_open or self.is_half_open:
            return
        self.outbox.drop_data()
        self.protocol.send_close(code, reason)
        self._flush()
        self._end_within_grace()

    def close_as_too_slow(self) -> None:
        """Say goodbye to a client that does not read."""
        self.totals.slow_consumers += 1
        self.close(*TOO_SLOW)

    def close_in(self, seconds: float, code: int, reason: str) -> None:
        """Say goodbye later, or at its end of life if that is sooner."""
        self._dies = min(self._dies, (anyio.current_time() + seconds, code, reason))
        self._look.set()

    def half_open(self) -> None:
        """Neither read nor write any more, for good; `abort` ends it."""
        self.is_half_open = True
        self._working.cancel()

    def abort(self) -> None:
        """Reset the socket, without goodbye."""
        raw = self.stream.extra(SocketAttribute.raw_socket)  # noqa: S610 -- this is no Django
        # Lingering for 0 seconds makes the close a reset: the client sees ECONNRESET rather than an end of file.
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._scope.cancel()

    async def _read(self) -> None:
        while True:
            try:
                data = await self.stream.receive(self.reading.slice(READ))
            except GONE:
                return
            await self.reading.passed(len(data))
            self.protocol.receive_data(data)
            for event in self.protocol.events_received():
                if isinstance(event, Frame) and self.is_open:
                    self._receive(event)
            self._flush()
            if not self.is_open:
                self._end_within_grace()

    def _receive(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            return
        self.messages_received += 1
        self.totals.messages_received += 1
        if not self._gate.admit(anyio.current_time()):
            self.totals.violations += 1
            self.close(*TOO_MANY)
        elif frame.opcode is Opcode.PONG:
            self._pings.pong(bytes(frame.data))
        elif frame.opcode is not Opcode.PING:  # the protocol has answered a ping by itself
            self._fragments += frame.data
            if frame.fin:
                text, self._fragments = bytes(self._fragments), bytearray()
                self._answer(self.session.answer(text))

    def _answer(self, answer: Answer) -> None:
        self.registry.unsubscribed(self, answer.removed)
        for text in (answer.reply, *answer.more):
            self.protocol.send_text(text)
        self._flush()
        for stream, data in answer.first:
            self.registry.announce((self,), stream, data)
        # After the answer: no event of a stream comes before its confirmation.
        self.registry.subscribed(self, answer.added)

    def _flush(self) -> None:
        """Move what the protocol wants written to the outbox."""
        for data in self.protocol.data_to_send():
            if data == SEND_EOF:
                self.outbox.end()
            else:
                self.outbox.put_urgent(data)
                self._said = anyio.current_time()
        self._wake.set()

    def _end_within_grace(self) -> None:
        self._scope.deadline = min(self._scope.deadline, anyio.current_time() + GRACE)

    async def _write(self) -> None:
        try:
            while True:
                # A fresh event before looking, or what comes while we look would wake nobody.
                self._wake = anyio.Event()
                data = self.outbox.take(anyio.current_time(), self.writing.slice(CHUNK))
                if data:
                    await self._send_paced(data)
                elif self.outbox.ended:
                    await self.stream.send_eof()
                    return
                else:
                    with anyio.CancelScope(deadline=self.outbox.next_release):
                        await self._wake.wait()
        except (*GONE, OSError):
            return  # the reader sees it too, and ends the connection

    async def _send_paced(self, data: bytes) -> None:
        while data:
            size = self.writing.slice(len(data))
            await self.writing.passed(size)
            await self.stream.send(data[:size])
            data = data[size:]

    async def _watch(self) -> None:
        """Ping, give up a client that does not answer, and say goodbye to one that is too old."""
        while self.is_open:
            dies_at, code, reason = self._dies
            self._look = anyio.Event()
            with anyio.CancelScope(deadline=min(self._pings.wake_at, dies_at, self._said + self.config.silence_limit)):
                await self._look.wait()
            now = anyio.current_time()
            if self._pings.is_lost(now):
                self.totals.unanswered_pings += 1
                self.abort()
            elif now >= dies_at:
                self.close(code, reason)
            elif now >= self._said + self.config.silence_limit:
                self.close(*TOO_QUIET)
            elif self.is_open and (payload := self._pings.ping(now)) is not None:
                self.protocol.send_ping(payload)
                self._flush()
