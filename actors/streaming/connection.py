"""LinkConnection: one open connection of a link, from its lease to its end. It reads, and sends within the rate.

Its end is one of three: it was lost, it was cut because it is of no use, or it is left for another.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

import anyio
from attrs import define, field

from actors.errors import ConnectionLost
from actors.ports import Channel, Endpoint, Frame, FrameKind, Limits, Session
from actors.protocol import Lease, Purpose
from actors.resilience import RollingWindow

__all__ = ["LinkConnection", "OnFrame"]

OUTGOING: Final = 1_000
"""Frames that wait to be sent; of more, the connection is given up: it would never catch up within the rate."""
POLICY_VIOLATION: Final = 1008
"""The close code of an exchange that finds that we send too much."""
DATA: Final = (FrameKind.TEXT, FrameKind.BINARY)

OnFrame = Callable[["LinkConnection", Frame], object]


@define(eq=False)
class _Outgoing:
    """What waits to be sent. A pong goes first: behind a long queue it would come too late."""

    _frames: deque[str | None] = field(factory=deque)
    _ping: Frame | None = None
    """The last ping that is not answered; an older one need not be."""
    _changed: anyio.Event = field(factory=anyio.Event)

    def put(self, item: str | Frame | None) -> bool:
        """Take one item (None: a ping of ours); False: there is no room."""
        if isinstance(item, Frame):
            self._ping = item
        elif len(self._frames) < OUTGOING:
            self._frames.append(item)
        else:
            return False
        self._changed.set()
        return True

    async def wait(self) -> None:
        """Return when there is something to send. Cancellation: atomic."""
        while self._ping is None and not self._frames:
            self._changed = anyio.Event()
            await self._changed.wait()

    def take(self) -> str | Frame | None:
        """What is to be sent next."""
        ping, self._ping = self._ping, None
        return self._frames.popleft() if ping is None else ping


@define(eq=False)
class LinkConnection:
    """One open connection.

    Args:
        number: counts the connections of a link from 1; a newer one has the larger number.
        lease: under which it was opened.
        channel: the socket.
        session: the exchange's protocol on it.
        limits: of the exchange.
        purpose: what it was opened for.
        now: the loop's clock.
        on_frame: is given every text frame.
    """

    number: int
    lease: Lease
    channel: Channel
    session: Session
    limits: Limits
    purpose: Purpose
    now: Callable[[], float]
    on_frame: OnFrame
    opened: float = field(init=False)
    pinged: float = field(init=False, default=-math.inf)
    """When the exchange gave a sign of life last, by a ping of its own or an answer to ours."""
    last_data: float | None = field(init=False, default=None)
    """When data came last. Answers are no data: an endpoint that only answers is dead."""
    blameless: bool = field(init=False, default=False)
    """It was cut, or left, for a reason that says nothing against its endpoint."""
    lost: ConnectionLost | None = field(init=False, default=None)
    """How it ended by itself."""
    _cut: str | None = field(init=False, default=None)
    _outgoing: _Outgoing = field(init=False, factory=_Outgoing)
    _window: RollingWindow = field(init=False)
    _scope: anyio.CancelScope = field(init=False, factory=anyio.CancelScope)

    def __attrs_post_init__(self) -> None:
        self.opened = self.now()
        self._window = RollingWindow(self.limits.messages, self.limits.messages_within)

    @property
    def endpoint(self) -> Endpoint:
        """Where it goes to."""
        return self.lease.endpoint

    @property
    def asked_too_much(self) -> bool:
        """The exchange closed it because we send too much."""
        return self.lost is not None and self.lost.close_code == POLICY_VIOLATION

    def say(self, frame: str) -> None:
        """Send a frame when the rate allows."""
        self._put(frame)

    def cut(self, reason: str, *, blameless: bool = False) -> None:
        """Give it up: it is of no use. It ends as if it had been lost, for this reason."""
        self._cut, self.blameless = reason, blameless
        self.channel.abort()

    def leave(self, reason: str) -> None:
        """End it: another one serves."""
        self._cut, self.blameless = reason, True
        self._scope.cancel()

    async def serve(self) -> str:
        """Read and send until it is over; why it is. The socket is still to be closed.

        Cancellation: atomic.
        """
        reason = ""
        with self._scope:
            async with anyio.create_task_group() as group:
                group.start_soon(self._send_all)
                if math.isfinite(self.limits.client_ping):
                    group.start_soon(self._ping_all)
                try:
                    await self._read()
                except ConnectionLost as error:
                    self.lost = error
                    reason = self._cut or str(error)
                group.cancel_scope.cancel()
        return reason or self._cut or "it was left"

    async def _read(self) -> None:
        """Hand out frames until the connection is over. Cancellation: atomic."""
        on_frame = self.on_frame
        while True:
            for frame in await self.channel.receive():
                if frame.kind in DATA:
                    on_frame(self, frame)
                else:
                    self.pinged = frame.arrived
                    if frame.kind is FrameKind.PING:
                        self._put(frame)

    async def _send_all(self) -> None:
        """Send what is queued, within the rate. Pongs count. Cancellation: may have happened."""
        outgoing, channel = self._outgoing, self.channel
        while True:
            await outgoing.wait()
            await self._room()
            item = outgoing.take()
            try:
                if isinstance(item, str):
                    await channel.send(item)
                elif item is None:
                    await channel.ping()
                else:
                    await channel.pong(item.payload)
            except ConnectionLost:
                return  # the reader says why
            # Counted when it has left: a send that was held up counts at the other end when it arrives.
            self._window.try_take(self.now())

    async def _ping_all(self) -> None:
        """Ask for signs of life, and cut what gives none. Cancellation: may have happened."""
        every, asked = self.limits.client_ping, -math.inf
        while True:
            await anyio.sleep(every)
            if max(self.pinged, self.last_data or -math.inf) < asked:
                self.cut(f"no sign of life for {every:g} s, though it was asked for one")
                return
            asked = self.now()
            self._put(self.session.ping())

    async def _room(self) -> None:
        """Return when the rate allows one more. Cancellation: atomic."""
        while True:
            delay = self._window.delay(self.now())
            if not delay:
                return
            await anyio.sleep(delay)

    def _put(self, item: str | Frame | None) -> None:
        if not self._outgoing.put(item):
            self.cut(f"more than {OUTGOING} frames waited to be sent")
