"""Link: the way to an exchange and back, again and again. It asks for leases, dials, and keeps data flowing.

    serving      one connection at a time serves; when it is lost, the schedule says when to connect again
    hand-over    a connection that is too old, or whose end is announced, is replaced while it lives: the new one is subscribed,
                 and seen to deliver, before the old one goes
    spare        where it is allowed, one more connection is kept open without subscriptions, to take over at once

A link is driven by one background task of a Stream and tells it what happens. It never ends by itself: an outage of an hour
costs no restart.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import anyio
from anyio.abc import TaskGroup
from attrs import define, field

from actors.delivery.watch import PINGS_MISSED
from actors.errors import ConnectFailed
from actors.ports import Endpoint, Exchange, Frame, Role, Transport
from actors.protocol import ConnectionMessage, Denied, Lease, LeaseEnded, LeaseHeld, LeaseOutcome, Purpose, RequestLease
from actors.reconnection import Abandon, BackOff, Reconnect, Reconnection, Verdict
from actors.streaming.connection import LinkConnection
from actors.transport.failures import public_url
from actors.transport.refusals import Scope, judge_handshake
from supervisor import ActorCrashed, AskTimeout, Backoff, MailboxFull, NoSuchActor, Ref
from supervisor.exits import classify, error_of

__all__ = ["Link", "LinkListener", "LinkOptions"]

ASK_AGAIN: Final = 1.0
"""Seconds after which a ConnectionManager that did not answer is asked again."""
LEAST_WAIT: Final = 0.02
"""Seconds between two requests for leave, whatever the answer says."""
LONGEST_SLEEP: Final = 1e9
"""Seconds; a breaker that an operator holds open says `math.inf`, for which no loop has a timer."""
SPREAD: Final = 0.02
"""Share of a connection's life by which its renewal is brought forward at random: what was opened together must not be replaced
together."""


class LinkListener(Protocol):
    """Who is told what happens to a link. Never waits."""

    def link_up(self, connection: LinkConnection, *, alone: bool) -> None:
        """A connection is open. Say what to subscribe. Not alone: another one delivers, and this one is to replace it."""
        ...

    def link_frame(self, connection: LinkConnection, frame: Frame) -> None:
        """A text frame came."""
        ...

    def link_settled(self, connection: LinkConnection) -> bool:
        """Whether this connection delivers all that is subscribed and can be expected to deliver."""
        ...

    def link_replaced(self, old: LinkConnection) -> None:
        """A hand-over is over: one connection is left, be it the new one or the old one; `old` is the one that went."""
        ...

    def link_refused(self, endpoint: Endpoint, error: ConnectFailed) -> None:
        """An attempt failed, and there is no connection."""
        ...

    def link_waits(self, until: float, reason: str) -> None:
        """There is no lease before this time."""
        ...

    def link_lost(self, connection: LinkConnection, reason: str) -> None:
        """The last connection is over."""
        ...

    def link_ended(self, reason: str) -> None:
        """The connection is over because this life is: it was stopped, crashed or killed. Nothing else will be told."""
        ...


@define(eq=False)
class LinkOptions:
    """How a link goes about it.

    Args:
        settle_within: seconds that a new connection is given to deliver, before the old one is left or kept.
        spare: keep one more connection open.
        backoff: between attempts at a hand-over or a spare; nobody waits for those.
    """

    settle_within: float = 10.0
    spare: bool = False
    backoff: Backoff = field(default=Backoff(initial=2.0, maximum=60.0))


@define(eq=False)
class Link:
    """One Stream's connections.

    Args:
        exchange: protocol and limits.
        transport: opens channels.
        connections: the ConnectionManager.
        holder: the Stream, whose death gives the leases back.
        listener: the Stream's ear.
        now: the loop's clock.
        reconnection: the schedule.
        options: how it goes about it.
    """

    exchange: Exchange
    transport: Transport
    connections: Ref[ConnectionMessage]
    holder: Ref[Any]
    listener: LinkListener
    now: Callable[[], float]
    reconnection: Reconnection
    options: LinkOptions = field(factory=LinkOptions)
    serving: LinkConnection | None = field(init=False, default=None)
    """The connection that serves; None without one."""
    joining: LinkConnection | None = field(init=False, default=None)
    """The connection that is to replace it."""
    spare: LinkConnection | None = field(init=False, default=None)
    losses: int = field(init=False, default=0)
    """Connections lost, and attempts refused."""
    hand_overs: int = field(init=False, default=0)
    """Connections that were replaced without a hole."""
    _numbers: Iterator[int] = field(init=False, factory=lambda: itertools.count(1))
    _group: TaskGroup | None = field(init=False, default=None)
    _over: anyio.Event = field(init=False, factory=anyio.Event)
    """Set when nothing serves any more."""
    _verdict: Verdict = field(init=False, default=Reconnect(0.0))
    _pause: anyio.CancelScope | None = field(init=False, default=None)
    _hurried: bool = field(init=False, default=False)
    """Something changed since a lease was asked for last, perhaps while an attempt was on its way."""
    _last_url: str = field(init=False, default="")
    """Where the last attempt went, without what is secret."""
    _replacing: LinkConnection | None = field(init=False, default=None)
    """What a hand-over is to replace; it may wait for leave longer than this one lives."""
    _random: Callable[[], float] = field(init=False, factory=lambda: random.Random().random)

    async def run(self) -> None:
        """Connect, serve, and connect again, for ever.

        Raises:
            ConnectFailed: the schedule is at its end.

        Cancellation: the connections are closed.
        """
        try:
            async with anyio.create_task_group() as self._group:
                if self.options.spare and self.exchange.limits.spares:
                    self._group.start_soon(self._keep_spare)
                while True:
                    if await self._connect():
                        await self._over.wait()
                    await self._wait(self._delay())
        except BaseException as error:
            # Said here, because on_stop does not run after a kill: consumers would see a hole in silence.
            self.listener.link_ended(_words(error))
            raise

    @property
    def open(self) -> list[LinkConnection]:
        """All connections that are open, the serving one first."""
        return [one for one in (self.serving, self.joining, self.spare) if one is not None]

    def cut(self, reason: str, *, blameless: bool = False) -> None:
        """Give the serving connection up: it is of no use."""
        if self.serving is not None:
            self.serving.cut(reason, blameless=blameless)

    def hurry(self) -> None:
        """Something changed: do not wait any longer to ask for a lease."""
        self._hurried = True
        if self._pause is not None:
            self._pause.cancel()

    def renew(self, reason: str) -> None:
        """Replace the serving connection while it lives, or hurry to have one."""
        if self.serving is None:
            self.hurry()
        elif self._group is not None and self._replacing is not self.serving:
            self._replacing = self.serving
            self._group.start_soon(self._replace, self.serving, reason)

    def tell_held(self) -> None:
        """Say to a ConnectionManager that begins which connections are open."""
        for one in self.open:
            lease = one.lease
            held = LeaseHeld(lease.id, Role.STREAM, lease.endpoint.name, self.holder, lease.expiry)
            self.connections.tell(held)

    # ---- serving

    async def _connect(self) -> bool:
        """Have a connection serve; False: not now, and `_verdict` says when. Cancellation: atomic."""
        spare, self.spare = self.spare, None
        if spare is not None:
            self._serve_over(spare)
            return True
        self._hurried = False
        lease = await self._lease(Purpose.SERVE)
        if isinstance(lease, Denied):
            self.listener.link_waits(lease.until, lease.reason)
            self._verdict = BackOff(self._until(lease))
            return False
        opened = await self._dial(lease, Purpose.SERVE)
        if isinstance(opened, ConnectFailed):
            self.losses += 1
            self.listener.link_refused(lease.endpoint, opened)
            self._verdict = self.reconnection.failed(self.now(), self._random(), reason=opened.reason)
            return False
        self._serve_over(opened)
        return True

    def _serve_over(self, connection: LinkConnection) -> None:
        self.serving, self._over, self._hurried = connection, anyio.Event(), False
        connection.purpose = Purpose.SERVE
        self.reconnection.connected(self.now())
        self.listener.link_up(connection, alone=True)

    def _delay(self) -> float:
        """Seconds until the next attempt."""
        match self._verdict:
            case Abandon(reason):
                raise ConnectFailed(self._last_url, reason)
            case Reconnect(delay) | BackOff(delay):
                return delay

    def _until(self, denied: Denied) -> float:
        """Seconds to wait for leave. Never none at all: a time that has just come would be asked about in a loop."""
        return min(max(denied.until - self.now(), LEAST_WAIT), LONGEST_SLEEP)

    async def _lease(self, purpose: Purpose, avoid: str = "") -> Lease | Denied:
        """Ask for a lease. Cancellation: atomic."""
        try:
            return await self.connections.ask(RequestLease(Role.STREAM, self.holder, purpose, avoid))
        except (AskTimeout, ActorCrashed, MailboxFull, NoSuchActor) as error:
            return Denied(self.now() + ASK_AGAIN, str(error))

    async def _dial(self, lease: Lease, purpose: Purpose) -> LinkConnection | ConnectFailed:
        """Open a connection and begin to read it. Cancellation: atomic; a half-open socket is closed."""
        began, self._last_url = self.now(), public_url(lease.endpoint.url)
        try:
            channel = await self.transport.connect(self.exchange.stream_url(lease.endpoint))
        except ConnectFailed as error:
            self.connections.tell(self._refused(lease, error, self.now() - began))
            return error
        self.connections.tell(LeaseOutcome(lease.id, seconds=self.now() - began))
        connection = LinkConnection(
            number=next(self._numbers),
            lease=lease,
            channel=channel,
            session=self.exchange.session(),
            limits=self.exchange.limits,
            purpose=purpose,
            now=self.now,
            on_frame=self.listener.link_frame,
        )
        if self._group is None:
            raise AssertionError("a link dials only while it runs")
        self._group.start_soon(self._attend, connection)
        return connection

    def _refused(self, lease: Lease, error: ConnectFailed, seconds: float) -> LeaseOutcome:
        """What the ConnectionManager is told of an attempt that failed: with the time that the exchange named, if it did."""
        verdict = judge_handshake(error)
        return LeaseOutcome(
            lease.id,
            error=error.reason,
            open_until=None if verdict.wait is None else self.now() + verdict.wait,
            banned=verdict.scope is Scope.ADDRESS,
            paced=verdict.scope is Scope.ROLE,
            seconds=seconds,
        )

    async def _attend(self, connection: LinkConnection) -> None:
        """See a connection through, to its end. Cancellation: it is closed."""
        reason = ""
        with anyio.CancelScope() as watching:
            async with anyio.create_task_group() as group:
                group.start_soon(self._renew_in_time, connection)
                try:
                    reason = await connection.serve()
                except BaseException:
                    self.connections.tell(LeaseEnded(connection.lease.id))
                    connection.channel.abort()
                    raise
                watching.cancel()
        try:
            # Before the goodbye, which the other side may let us wait for.
            self._ended(connection, reason)
        finally:
            ended = LeaseEnded(connection.lease.id, reason, connection.blameless, connection.asked_too_much)
            self.connections.tell(ended)
            await connection.channel.aclose()

    async def _renew_in_time(self, connection: LinkConnection) -> None:
        """Wait until the connection is old, and have it replaced. Cancellation: atomic."""
        life = min(connection.lease.expiry - connection.opened, LONGEST_SLEEP)
        early = connection.opened + life * (1.0 - SPREAD * self._random())
        await anyio.sleep(min(max(early - self.now(), 0.0), LONGEST_SLEEP))
        if connection is self.serving:
            self.renew("it is near its maximum age")
        elif connection is self.spare:
            connection.leave("the spare is near its maximum age")

    def _ended(self, connection: LinkConnection, reason: str) -> None:
        if connection is self.spare:
            self.spare = None
        elif connection is self.joining:
            self.joining = None
            self.listener.link_replaced(connection)
        elif connection is self.serving:
            self.losses += 1
            self.serving, self.joining = self.joining, None
            if self.serving is not None:
                # The old one ended before the new one was seen to deliver: from here on it has to.
                self.serving.purpose = Purpose.SERVE
                self.listener.link_replaced(connection)
                return
            self.listener.link_lost(connection, reason)
            self._verdict = self._after_loss(connection, reason)
            self._hurried = self.spare is not None
            self._over.set()

    def _after_loss(self, connection: LinkConnection, reason: str) -> Verdict:
        now = self.now()
        if connection.asked_too_much:
            # It lived long enough, but we are the fault: to come back at once is what the exchange bans for.
            self.reconnection.lost(now, self._random(), reason=reason)
            return self.reconnection.failed(now, self._random(), reason=reason)
        return self.reconnection.lost(now, self._random(), reason=reason)

    async def _wait(self, delay: float) -> None:
        """Wait, unless something hurries us, or has done so since we asked. Cancellation: atomic."""
        delay = 0.0 if self._hurried else delay
        with anyio.CancelScope() as self._pause:
            await anyio.sleep(min(max(delay, 0.0), LONGEST_SLEEP))
        self._pause = None

    # ---- hand-over

    async def _replace(self, old: LinkConnection, reason: str) -> None:
        """Replace a connection while it lives. Cancellation: atomic; whichever serves goes on."""
        failures = 0
        try:
            while old is self.serving:
                lease = await self._lease(Purpose.HAND_OVER)
                if isinstance(lease, Denied):
                    # No failure to back off from: nothing was tried, and it is said when it may be.
                    await anyio.sleep(self._until(lease))
                    continue
                if await self._join(old, lease, reason):
                    return
                failures += 1
                await anyio.sleep(self.options.backoff.delay(failures, self._random()))
        finally:
            if self._replacing is old:
                self._replacing = None

    async def _join(self, old: LinkConnection, lease: Lease, reason: str) -> bool:
        """One attempt at a hand-over; True: it is done, or there is nothing to replace any more. Cancellation: atomic."""
        new = await self._dial(lease, Purpose.HAND_OVER)
        if isinstance(new, ConnectFailed):
            return False
        if old is not self.serving:
            new.leave("it was to replace a connection that is gone")
            return True
        self.joining = new
        self.listener.link_up(new, alone=False)
        settled = await self._settles(new)
        if new is not self.joining:
            return new is self.serving  # one of the two has ended meanwhile
        if not settled:
            new.leave("it did not deliver")
            return False
        self.serving, self.joining = new, None
        self.hand_overs += 1
        new.purpose = Purpose.SERVE
        old.leave(f"it was replaced: {reason}")
        self.listener.link_replaced(old)
        return True

    async def _settles(self, new: LinkConnection) -> bool:
        """Wait until a new connection delivers. Cancellation: atomic."""
        with anyio.move_on_after(self.options.settle_within):
            while new is self.joining:
                if self.listener.link_settled(new):
                    return True
                await anyio.sleep(0.02)
        return new.last_data is not None

    # ---- a spare

    async def _keep_spare(self) -> None:
        """Keep one connection open beside the serving one. Cancellation: atomic."""
        failures = 0
        while True:
            await anyio.sleep(self.options.backoff.delay(max(failures, 1), self._random()))
            if self.spare is not None and self._is_deaf(self.spare):
                self.spare.leave("no ping came over the spare for too long")
            if self.serving is None or self.spare is not None:
                continue
            lease = await self._lease(Purpose.SPARE, avoid=self.serving.endpoint.name)
            if isinstance(lease, Denied):
                await anyio.sleep(self._until(lease))
                continue
            opened = await self._dial(lease, Purpose.SPARE)
            failures = failures + 1 if isinstance(opened, ConnectFailed) else 0
            if not isinstance(opened, ConnectFailed):
                self._have_spare(opened)

    def _have_spare(self, spare: LinkConnection) -> None:
        self.spare = spare
        if self.serving is None:
            self.hurry()  # lost while the spare was being dialled: it need not wait for the schedule

    def _is_deaf(self, spare: LinkConnection) -> bool:
        """Nobody else looks after it: no data is to come over it."""
        return self.now() - max(spare.opened, spare.pinged) > PINGS_MISSED * self.exchange.limits.server_ping


def _words(error: BaseException) -> str:
    """Why a life ended, for consumers."""
    crash = error_of(classify(error))
    if crash is None or isinstance(crash, anyio.get_cancelled_exc_class()):
        return "the stream ended"
    return f"the stream crashed: {crash}"
