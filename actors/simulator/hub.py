"""Who is connected, who is subscribed to what, and what happens to the events on their way there."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Sequence
from random import Random

import anyio
import anyio.lowlevel
from anyio.abc import SocketStream
from attrs import define, field
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from actors.simulator.config import SimulatorConfig
from actors.simulator.connection import Connection
from actors.simulator.dialect import Refusal, Session, Wanted
from actors.simulator.effects import Damage, Network, Silence, choose
from actors.simulator.faults import Target
from actors.simulator.status import ConnectionStatus, Totals

__all__ = ["Hub"]

PATIENCE = 5.0
"""Seconds for which a market at full speed waits for a client that does not read."""
POLL = 0.001


@define(eq=False)
class Hub:
    """Implements `connection.Registry`.

    Args:
        config: limits of connections.
    """

    config: SimulatorConfig
    first_subscription: anyio.Event = field(factory=anyio.Event, init=False)
    """Set when the first stream is subscribed."""
    totals: Totals = field(factory=Totals, init=False)
    accepted: Counter[int] = field(factory=Counter, init=False)
    """Stream connections so far, by endpoint."""
    damage: Damage = field(factory=Damage, init=False)
    network: Network = field(init=False)
    silence: Silence = field(factory=Silence, init=False)
    """What new connections are stalled in."""
    half_open: bool = field(default=False, init=False)
    """Whether new connections are half-open."""
    refused: dict[str, Refusal] = field(factory=dict, init=False)
    """Streams that may not be subscribed."""
    wanted: Wanted = field(init=False)
    """What somebody is subscribed to."""
    _random: Random = field(init=False)
    _connections: dict[int, Connection] = field(factory=dict, init=False)
    # By stream, then by the connection's number.
    _subscribers: dict[str, dict[int, Connection]] = field(factory=dict, init=False)
    _numbers: itertools.count[int] = field(factory=lambda: itertools.count(1), init=False)

    def __attrs_post_init__(self) -> None:
        self._random = Random(f"{self.config.seed}:faults")
        self.wanted = Wanted(self._subscribers.keys())
        self.network = Network(Random(f"{self.config.seed}:network"))

    async def serve(self, endpoint: int, stream: SocketStream, protocol: ServerProtocol, session: Session) -> None:
        """Serve a connection whose handshake is done, until it ends.

        Cancellation: the socket is closed in any case.
        """
        connection = Connection(
            next(self._numbers),
            endpoint,
            stream,
            protocol,
            session,
            self.config,
            self,
            self.totals,
            self.silence.copy(),
        )
        self._connections[connection.number] = connection
        self.totals.connections += 1
        self.accepted[endpoint] += 1
        try:
            self.subscribed(connection, tuple(session.streams))
            if self.half_open:
                connection.half_open()
            await connection.run()
        finally:
            self.unsubscribed(connection, tuple(session.streams))
            del self._connections[connection.number]

    def subscribed(self, connection: Connection, streams: tuple[str, ...]) -> None:
        for name in streams:
            self._subscribers.setdefault(name, {})[connection.number] = connection
        self.wanted.changes += 1
        if streams:
            self.first_subscription.set()

    def unsubscribed(self, connection: Connection, streams: tuple[str, ...]) -> None:
        for name in streams:
            subscribers = self._subscribers.get(name, {})
            subscribers.pop(connection.number, None)
            if not subscribers:
                self._subscribers.pop(name, None)
        self.wanted.changes += 1

    def publish(self, stream: str, data: bytes) -> None:
        """Send an event to its subscribers, damaged or late where that was ordered."""
        subscribers = self._subscribers.get(stream)
        if subscribers is None:
            return
        passed = self.damage.passes(stream, data)
        if passed is not None:
            self._send(list(subscribers.values()), stream, passed)

    def announce(self, connections: Sequence[Connection], stream: str, data: bytes) -> None:
        """Send these connections what nobody subscribes to."""
        self._send(connections, stream, data)

    def _send(self, connections: Sequence[Connection], stream: str, data: bytes) -> None:
        now = anyio.current_time()
        made: dict[Hashable, tuple[bytes, bytes]] = {}
        for connection in connections:
            form = connection.session.form
            if form not in made:
                payload = connection.session.payload(stream, data)
                made[form] = payload, Frame(Opcode.TEXT, payload).serialize(mask=False)
            connection.send(stream, *made[form], self.network.release_at(now))

    def select(self, target: Target) -> Sequence[Connection]:
        """The open connections that a command is meant for, in the order of their numbers."""
        candidates = [
            c
            for c in self._connections.values()
            if c.is_open
            and target.endpoint in (None, c.endpoint)
            and (target.stream is None or target.stream in c.session.streams)
        ]
        return choose(candidates, target.count, self._random)

    def stall(self, connections: Sequence[Connection], stream: str | None, until: float) -> None:
        for connection in connections:
            connection.silence.begin(stream, until)

    def resume(self) -> int:
        """End what lasts: see `faults.Resume`. How many connections there are."""
        self.silence.end()
        self.refused.clear()
        self.half_open = False
        connections = list(self._connections.values())
        for connection in connections:
            connection.silence.end()
            connection.reading.set(None)
            connection.writing.set(None)
            if connection.is_half_open:
                connection.abort()
        return len(connections)

    async def room(self) -> None:
        """Wait until every client has read most of what it was sent; who has not within PATIENCE is too slow.

        Cancellation: atomic.
        """
        await anyio.lowlevel.checkpoint()
        with anyio.move_on_after(PATIENCE):
            while self._slow():  # noqa: ASYNC110 -- only at full speed, and over many queues at once
                await anyio.sleep(POLL)
        for connection in self._slow():
            connection.close_as_too_slow()

    def _slow(self) -> list[Connection]:
        half = self.config.outgoing_limit // 2
        return [c for c in self._connections.values() if c.is_open and c.outbox.size > half]

    def status(self) -> list[ConnectionStatus]:
        return [
            ConnectionStatus(
                number=c.number,
                endpoint=c.endpoint,
                subscriptions=tuple(c.session.streams),
                frames_sent=c.frames_sent,
                messages_received=c.messages_received,
                waiting_bytes=c.outbox.size,
                half_open=c.is_half_open,
            )
            for c in self._connections.values()
        ]
