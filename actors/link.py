"""Link: the way to an exchange and back, again and again. It asks for leases, dials, sends within the rate, reads, and tries
again.

A link is driven by one background task of a Stream and tells it what happens. It never ends by itself: an outage of an hour
costs no restart.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import anyio
from attrs import define, field

from actors.errors import ConnectFailed, ConnectionLost
from actors.ports import Channel, Endpoint, Exchange, Frame, FrameKind, Role, Session, Transport
from actors.protocol import ConnectionMessage, Denied, Lease, LeaseEnded, LeaseOutcome, RequestLease
from actors.reconnection import Abandon, BackOff, Reconnect, Reconnection, Verdict
from actors.resilience import RollingWindow
from actors.transport.failures import public_url
from supervisor import ActorCrashed, AskTimeout, MailboxFull, NoSuchActor, Ref
from supervisor.exits import classify, error_of

__all__ = ["Link", "LinkListener"]

OUTGOING = 1_000
"""Frames that wait to be sent; of more, the connection is given up: it would never catch up within the rate."""
DATA = (FrameKind.TEXT, FrameKind.BINARY)
RENEW_AT = 23 / 24
"""Share of the maximum age at which a connection is replaced."""
ASK_AGAIN = 1.0
"""Seconds after which a ConnectionManager that did not answer is asked again."""
LONGEST_SLEEP = 1e9
"""Seconds; a breaker that an operator holds open says `math.inf`, for which no loop has a timer."""


class LinkListener(Protocol):
    """Who is told what happens to a link. Never waits."""

    def link_up(self, session: Session, endpoint: Endpoint) -> None:
        """A connection is open. Say what to subscribe."""
        ...

    def link_frame(self, session: Session, frame: Frame) -> None:
        """A text frame came."""
        ...

    def link_refused(self, endpoint: Endpoint, reason: str) -> None:
        """An attempt failed."""
        ...

    def link_waits(self, until: float, reason: str) -> None:
        """There is no lease before this time."""
        ...

    def link_lost(self, endpoint: Endpoint, reason: str) -> None:
        """The connection is over."""
        ...

    def link_ended(self, reason: str) -> None:
        """The connection is over because this life is: it was stopped, crashed or killed. Nothing else will be told."""
        ...


@define(eq=False)
class _Outgoing:
    """What waits to be sent. A pong goes first: behind a long queue it would come too late."""

    _frames: deque[str] = field(factory=deque)
    _ping: Frame | None = None
    """The last ping that is not answered; an older one need not be."""
    _changed: anyio.Event = field(factory=anyio.Event)

    def put(self, item: str | Frame) -> bool:
        """Take one item; False: there is no room."""
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

    def take(self) -> str | Frame:
        """What is to be sent next."""
        ping, self._ping = self._ping, None
        return self._frames.popleft() if ping is None else ping


@define(eq=False)
class Link:
    """One Stream's connection.

    Args:
        exchange: protocol and limits.
        transport: opens channels.
        connections: the ConnectionManager.
        holder: the Stream, whose death gives the lease back.
        listener: the Stream's ear.
        now: the loop's clock.
        reconnection: the schedule.
    """

    exchange: Exchange
    transport: Transport
    connections: Ref[ConnectionMessage]
    holder: Ref[Any]
    listener: LinkListener
    now: Callable[[], float]
    reconnection: Reconnection
    endpoint: Endpoint | None = field(init=False, default=None)
    """Where the open connection goes to; None without one."""
    pinged_at: float = field(init=False, default=-math.inf)
    """When the exchange pinged last over the present connection."""
    _channel: Channel | None = field(init=False, default=None)
    _outgoing: _Outgoing | None = field(init=False, default=None)
    _window: RollingWindow = field(init=False)
    _cut: str | None = field(init=False, default=None)
    _pause: anyio.CancelScope | None = field(init=False, default=None)
    _hurried: bool = field(init=False, default=False)
    """Something changed since a lease was asked for last, perhaps while an attempt was on its way."""
    _random: Callable[[], float] = field(init=False, factory=lambda: random.Random().random)

    def __attrs_post_init__(self) -> None:
        self._renew_window()

    async def run(self) -> None:
        """Connect, serve, and connect again, for ever.

        Cancellation: the connection is closed.
        """
        while True:
            lease = await self._lease()
            if lease is None:
                continue
            match await self._use(lease):
                case Abandon(reason):
                    raise ConnectFailed(public_url(lease.endpoint.url), reason)
                case Reconnect(delay) | BackOff(delay):
                    await self._wait(delay)

    def say(self, frame: str) -> None:
        """Send a frame when the rate allows. Without a connection it is dropped: who comes back says everything again."""
        self._queue(frame)

    def cut(self, reason: str) -> None:
        """Give the open connection up: it is of no use."""
        if self._channel is not None:
            self._cut = reason
            self._channel.abort()

    def hurry(self) -> None:
        """Something changed: do not wait any longer to ask for a lease."""
        self._hurried = True
        if self._pause is not None:
            self._pause.cancel()

    # ---- a lease, a dial

    async def _lease(self) -> Lease | None:
        """Ask for a lease; None: not now, and the wait is over. Cancellation: atomic."""
        self._hurried = False
        try:
            answer = await self.connections.ask(RequestLease(Role.STREAM, self.holder))
        except (AskTimeout, ActorCrashed, MailboxFull, NoSuchActor) as error:
            self.listener.link_waits(self.now() + ASK_AGAIN, str(error))
            await self._wait(ASK_AGAIN)
            return None
        if isinstance(answer, Denied):
            self.listener.link_waits(answer.until, answer.reason)
            await self._wait(answer.until - self.now())
            return None
        return answer

    async def _use(self, lease: Lease) -> Verdict:
        """Dial, and serve what was opened. Cancellation: the connection is closed."""
        try:
            channel = await self.transport.connect(self.exchange.stream_url(lease.endpoint))
        except ConnectFailed as error:
            self.connections.tell(LeaseOutcome(lease.id, error=error.reason))
            self.listener.link_refused(lease.endpoint, error.reason)
            return self.reconnection.failed(self.now(), self._random(), reason=error.reason)
        self.connections.tell(LeaseOutcome(lease.id))
        self.endpoint, self._channel, self._cut, self._hurried = lease.endpoint, channel, None, False
        self.pinged_at = -math.inf
        try:
            reason, planned = await self._serve(channel, lease.endpoint)
        except BaseException as error:
            # Said here, because on_stop does not run after a kill: consumers would see a hole in silence.
            self.listener.link_ended(_words(error))
            raise
        else:
            # Before the goodbye, which the other side may let us wait for.
            self.listener.link_lost(lease.endpoint, reason)
        finally:
            self.endpoint = self._channel = self._outgoing = None
            self.connections.tell(LeaseEnded(lease.id))
            await channel.aclose()
        verdict = self.reconnection.lost(self.now(), self._random(), reason=reason)
        return Reconnect(0.0) if planned else verdict

    async def _wait(self, delay: float) -> None:
        """Wait, unless something hurries us, or has done so since we asked. Cancellation: atomic."""
        delay = 0.0 if self._hurried else delay
        with anyio.CancelScope() as self._pause:
            await anyio.sleep(min(max(delay, 0.0), LONGEST_SLEEP))
        self._pause = None

    # ---- one connection

    async def _serve(self, channel: Channel, endpoint: Endpoint) -> tuple[str, bool]:
        """Read and send until the connection is over; why it is, and whether that was planned. Cancellation: atomic."""
        self._renew_window()
        self._outgoing = outgoing = _Outgoing()
        reason, planned = "it reached its maximum age", True
        session = self.exchange.session()
        self.reconnection.connected(self.now())
        self.listener.link_up(session, endpoint)
        with anyio.move_on_after(self.exchange.limits.max_age * RENEW_AT):
            async with anyio.create_task_group() as group:
                group.start_soon(self._send_all, channel, outgoing)
                try:
                    await self._read(channel, session)
                except ConnectionLost as error:
                    reason, planned = self._cut or str(error), False
                group.cancel_scope.cancel()
        return reason, planned

    async def _read(self, channel: Channel, session: Session) -> None:
        """Hand out frames until the connection is over. Cancellation: atomic."""
        hand_out = self.listener.link_frame
        while True:
            for frame in await channel.receive():
                if frame.kind in DATA:
                    hand_out(session, frame)
                elif frame.kind is FrameKind.PING:
                    self.pinged_at = frame.arrived
                    self._queue(frame)

    async def _send_all(self, channel: Channel, outgoing: _Outgoing) -> None:
        """Send what is queued, within the rate. Pongs count. Cancellation: may have happened."""
        while True:
            await outgoing.wait()
            await self._room()
            item = outgoing.take()
            try:
                if isinstance(item, str):
                    await channel.send(item)
                else:
                    await channel.pong(item.payload)
            except ConnectionLost:
                return  # the reader says why
            # Counted when it has left: a send that was held up counts at the other end when it arrives.
            self._window.try_take(self.now())

    async def _room(self) -> None:
        """Return when the rate allows one more. Cancellation: atomic."""
        while True:
            delay = self._window.delay(self.now())
            if not delay:
                return
            await anyio.sleep(delay)

    def _queue(self, item: str | Frame) -> None:
        if self._outgoing is not None and not self._outgoing.put(item):
            self.cut(f"more than {OUTGOING} frames waited to be sent")

    def _renew_window(self) -> None:
        limits = self.exchange.limits
        self._window = RollingWindow(limits.messages, limits.messages_within)


def _words(error: BaseException) -> str:
    """Why a life ended, for consumers."""
    crash = error_of(classify(error))
    if crash is None or isinstance(crash, anyio.get_cancelled_exc_class()):
        return "the stream ended"
    return f"the stream crashed: {crash}"
