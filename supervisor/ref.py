"""Refs: the handles that others hold on a place in the tree. They survive the restarts of who lives there."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Generic, TypeVar

from supervisor.checks import check_wait
from supervisor.errors import AskedSelf, NoSuchActor
from supervisor.exits import ExitReason, Shutdown
from supervisor.mailbox import Expiring, PendingReply
from supervisor.messages import Asks
from supervisor.parking import refuse_thread, uninterrupted
from supervisor.place import CURRENT_PLACE, Place

__all__ = ["Ref"]

M_contra = TypeVar("M_contra", contravariant=True)
R = TypeVar("R")


SPARE_PARKERS = 128
"""Parkers that a tree keeps for its next asks, at most."""


class Ref(Generic[M_contra]):
    """A handle on a place in the tree. Survives restarts; usable from any task of the tree's loop."""

    __slots__ = ("_place",)

    def __init__(self, place: Place) -> None:
        self._place = place

    @property
    def path(self) -> str:
        """Where in the tree, `bank/account`."""
        return self._place.path

    @property
    def alive(self) -> bool:
        """Whether a life is there now."""
        return self._place.life is not None

    @uninterrupted
    def tell(self, message: M_contra, expires: float | None = None) -> bool:
        """Hand over a message without waiting.

        Args:
            message: one that the actor accepts.
            expires: seconds above 0, after which it is no longer worth handling; None: it always is.

        Returns:
            True: accepted here. False: the target is gone or full, and the message became a dead letter.

        Raises:
            TypeError: the actor does not accept such a message.
            ValueError: `expires` is no such time.
        """
        place = self._place
        if message.__class__ not in place.accepted:
            place.check(message)
        if len(place.items) < place.room and expires is None:  # the usual case: a life is at work there, and will come to it
            place.items.append(message)
            return True
        if place.refusing:
            return place.push(message)
        return place.offer(message if expires is None else self._expiring(message, expires))

    @uninterrupted
    async def send(self, message: M_contra) -> None:
        """Hand over a message, waiting for room in the mailbox: backpressure.

        Raises:
            TypeError: the actor does not accept such a message.
            NoSuchActor: nobody lives there, and nobody will.
            Draining: it takes no more.
            AskedSelf: an actor's own full mailbox would never get room.

        Cancellation: atomic; a message that was cut off was not sent.
        """
        place = self._place
        if message.__class__ not in place.accepted:
            place.check(message)
        if len(place.items) < place.room:  # as in `tell`
            place.items.append(message)
            return
        while True:
            if place.refusing or place.inbox is None:
                raise place.refusal()
            if place.inbox.queue is None or not place.inbox.queue.full:
                break
            self._refuse_self()
            place.alert = True
            await place.inbox.room()
        place.offer(message)

    @uninterrupted
    async def ask(self, request: Asks[M_contra, R], timeout: float | None = 5.0) -> R:
        """Ask and wait for the answer.

        Args:
            request: one that the actor accepts.
            timeout: seconds from 0, queueing included; None waits as long as it takes. With 0 the request is sent, and answered
                if that happens at once; whether it can is up to what else the loop has to do.

        Raises:
            TypeError: the actor does not accept such a request.
            ValueError: `timeout` is no such time.
            NoSuchActor: nobody lives there, and nobody will.
            Draining: it takes no more.
            MailboxFull: there was no room.
            ActorCrashed: the life that had the request ended before it answered.
            AskTimeout: `started` says whether the work had begun.
            AskedSelf: the actor asked itself.
            AskCycle: in debug mode, when the answer would have to wait for this very ask.

        Cancellation: may have happened; a request still queued is never handled.
        """
        place = self._place
        if request.__class__ not in place.accepted:
            place.check(request)
        asker = CURRENT_PLACE.get()
        if asker is place:
            raise AskedSelf(place.path)
        if place.refusing:
            raise place.refusal()
        if timeout is not None and (timeout.__class__ is not float or not timeout >= 0.0):
            check_wait(timeout, f"{place.path}: ask(timeout=)")  # before anything is taken that would not be given back
        runtime = place.runtime
        if get_ident() != runtime.home:
            refuse_thread()  # with a loop of its own, an asker there could not be answered
        parkers = runtime.spare_parkers
        parker = parkers.pop() if parkers else runtime.parker()
        reply = PendingReply(place.path, parker, request)
        asking = runtime.asking
        if asking is not None and asker is not None:
            asking.begin(asker, place, reply)
        if timeout is not None:
            reply.timeout, reply.action = timeout, reply.expire
            runtime.timekeeper.start(reply, timeout)
        try:
            if len(place.items) < place.room:
                place.items.append(reply)
            else:
                place.offer(reply)
            while reply.pending:  # as in `reply.wait()`, which would be one frame more for each wake-up
                await parker.park()
        except BaseException:
            reply.abandon()
            raise
        finally:
            if timeout is not None:
                runtime.timekeeper.cancel(reply)
            if asking is not None and asker is not None:
                asking.end(asker, reply)
            if len(parkers) < SPARE_PARKERS:
                parkers.append(parker)
        answer: R = reply.answer()
        return answer

    @uninterrupted
    async def stop(self, reason: ExitReason | None = None) -> ExitReason:
        """Ask the life there to stop, and wait until it is over. What follows is up to its restart type.

        Returns:
            How it ended.

        Raises:
            NoSuchActor: there is no life.
            AskedSelf: a life that waits for its own end, or for that of a supervisor above it, waits for ever; `raise Stop()`
                instead, or `self.spawn()` what waits.
            Unstopped: it was killed and still runs.

        Cancellation: may have happened.
        """
        if reason is not None and not isinstance(reason, ExitReason):
            raise TypeError(f"{self.path}: stop(reason) got {reason!r}; expected an exit reason, such as Shutdown('update')")
        wanted = Shutdown() if reason is None else reason

        def begin() -> None:
            if self._place.life is not None:
                self._place.life.request_stop(wanted)

        return await self._await_end(begin)

    @uninterrupted
    async def drain(self) -> ExitReason:
        """Have the life there handle what is queued, take no more meanwhile, and stop; wait until it is over.

        New messages are refused from now on, also the actor's own. What is queued is handled without a bound in time; then the
        life stops as at a stop: background work is cancelled, `on_stop` runs. What follows is up to its restart type; a task
        or a supervisor, which has no queue, is just stopped.

        Returns:
            How it ended.

        Raises:
            NoSuchActor: there is no life.
            AskedSelf: a life that waits for its own end waits for ever; `raise Stop()` instead.
            Unstopped: it was killed and still runs.

        Cancellation: may have happened; it goes on draining.
        """
        return await self._await_end(self._place.drain)

    async def _await_end(self, begin: Callable[[], None]) -> ExitReason:
        """Have the life there end, and wait for it. Cancellation: may have happened."""
        self._refuse_below()
        place = self._place
        if place.life is None:
            raise NoSuchActor(place.path)
        place.runtime.timekeeper.check_thread()
        waiter = PendingReply(place.path, place.runtime.parker())
        place.waiters[waiter] = True
        try:
            begin()
            ended: ExitReason = await waiter.wait()
            return ended
        finally:
            place.waiters.pop(waiter, None)

    def _expiring(self, message: object, expires: float) -> Expiring:
        place = self._place
        check_wait(expires, f"{place.path}: tell(expires=)", above=True)
        return Expiring(message, place.runtime.now() + expires)

    def _refuse_self(self) -> None:
        if CURRENT_PLACE.get() is self._place:
            raise AskedSelf(self._place.path)

    def _refuse_below(self) -> None:
        """Refuse to wait for the end of what the asker is a part of."""
        current = CURRENT_PLACE.get()
        if current is None or current.runtime is not self._place.runtime:
            return
        if current is self._place or current.path.startswith(f"{self._place.path}/"):
            raise AskedSelf(self._place.path)

    def __repr__(self) -> str:
        return f"<Ref {self.path} of {self._place.runtime.tree_id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other._place is self._place

    def __hash__(self) -> int:
        return hash((Ref, id(self._place)))
