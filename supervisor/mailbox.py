"""A place's queue at run time: what is told to an actor and not yet handled.

Two lanes. The queue has a bound and an overflow policy, and belongs to the place: it outlives the lives. The signals (`Down`,
`Up`, `Exit`, timers) belong to one life and are handled first; they are bounded by what asks for them: one of each timer and
each monitor, and at most a hundred of each watch and of each place it is linked with.

An item is a bare message; where a reply is owed it is the `PendingReply` that holds the message, and where the message can
expire an `Expiring`. A bare message costs one append, an ask one object.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from supervisor.agenda import Timer
from supervisor.errors import ActorCrashed, AskTimeout, BadReply
from supervisor.exits import ExitReason
from supervisor.messages import reply_fits, reply_type
from supervisor.overflow import BoundedQueue, bounded_queue
from supervisor.parking import Parker
from supervisor.spec import Conflate, Mailbox

__all__ = ["WRAPPED", "Expiring", "Inbox", "PendingReply", "Reply", "message_of"]

T = TypeVar("T")

_ABANDONED: Final = RuntimeError("nobody waits for this answer")


class PendingReply(Timer):
    """An answer that someone waits for. It is given once: the first one counts. As a timer, it is its own deadline.

    Args:
        path: who is asked, for the errors.
        parker: where the asker sleeps.
        message: the request; None where something else than an actor is asked.
    """

    __slots__ = ("_error", "_parker", "_value", "deferred", "message", "path", "pending", "started", "timeout")

    def __init__(self, path: str, parker: Parker, message: Any = None) -> None:
        self.path: str = path
        self.message: Any = message
        self.pending: bool = True
        """Somebody waits, and nobody has answered."""
        self.started: bool = False
        """Whether the request was taken from the queue."""
        self.deferred: bool = False
        """Its answer was put off: it may come from anywhere."""
        self.timeout: float
        """Seconds, where there is a deadline."""
        self._parker = parker
        self._error: BaseException | None = None
        self._value: Any

    @property
    def abandoned(self) -> bool:
        """Who waited was cut off, and got no answer."""
        return self._error is _ABANDONED

    def give(self, value: Any) -> bool:
        """Answer; whether anybody got it."""
        if not self.pending:
            return False
        self._parker.unpark()  # first: in another thread it raises, and an answer that wakes nobody would be waited for in vain
        self.pending = False
        self._value = value
        return True

    def fail(self, error: BaseException) -> bool:
        """Answer with an error; whether anybody got it."""
        if not self.pending:
            return False
        self._parker.unpark()
        self.pending = False
        self._error = error
        return True

    def crash(self, reason: ExitReason) -> bool:
        """The life that had the request is over."""
        return self.fail(ActorCrashed(self.path, reason))

    def expire(self) -> None:
        """The deadline has passed."""
        self.fail(AskTimeout(self.path, self.timeout, started=self.started))

    def abandon(self) -> None:
        """Nobody waits any more."""
        if self.pending:
            self.pending, self._error = False, _ABANDONED

    def answer(self) -> Any:
        """What was given. Raises what it failed with."""
        if self._error is not None:
            raise self._error
        return self._value

    async def wait(self) -> Any:
        """The answer.

        Raises:
            Exception: what it failed with.

        Cancellation: may have happened; if the request was still queued, it is never handled.
        """
        try:
            while self.pending:
                await self._parker.park()
        except BaseException:
            self.abandon()
            raise
        return self.answer()


class Reply(Generic[T]):
    """The answer to an ask, to be given later and from anywhere. The first answer counts."""

    __slots__ = ("_reply", "_request")

    def __init__(self, reply: PendingReply, request: type) -> None:
        self._reply = reply
        self._request = request

    def give(self, value: T) -> bool:
        """Answer; whether anybody still waited.

        Raises:
            BadReply: it is not of the request's type.
        """
        if not reply_fits(value, reply_type(self._request)):
            raise BadReply(self._reply.path, self._request, value, reply_type(self._request))
        return self._reply.give(value)

    def fail(self, error: Exception) -> bool:
        """Answer with an error; whether anybody still waited."""
        return self._reply.fail(error)


class Expiring:
    """A message that is no longer worth handling at some time."""

    __slots__ = ("at", "message", "started")

    def __init__(self, message: Any, at: float) -> None:
        self.message: Any = message
        self.at: float = at
        self.started: bool = False
        """Whether it was taken from the queue."""


WRAPPED: Final = (PendingReply, Expiring)
"""The classes of items that hold a message. Every other item is one."""


def message_of(item: Any) -> Any:
    """The message of an item, whatever holds it."""
    return item.message if type(item) in WRAPPED else item


class Inbox:
    """The queue of one place.

    Args:
        spec: capacity and overflow policy.
        new_parker: makes places to sleep.
    """

    __slots__ = ("_new_parker", "dropped", "handled", "plain", "queue", "spec", "waiting")

    def __init__(self, spec: Mailbox, new_parker: Callable[[], Parker]) -> None:
        self.spec: Mailbox = spec
        self.plain: int = 0 if isinstance(spec.overflow, Conflate) else spec.capacity
        """How many items may simply be appended: all that have room, if nothing is looked for in the queue."""
        self.dropped: int = 0
        """Messages lost to overflow, over all lives."""
        self.handled: int = 0
        """Messages that lives have handled to the end."""
        self._new_parker = new_parker
        # Both are made when they are needed: an empty deque has 760 bytes, and most actors of a big tree are idle.
        self.queue: BoundedQueue | None = None
        """What holds the items, by the policy, once there was one."""
        self.waiting: deque[Parker] | None = None
        """The senders that wait for room, the first first."""

    def __len__(self) -> int:
        return 0 if self.queue is None else len(self.queue)

    def new_queue(self) -> BoundedQueue:
        """Make the queue: the first item is here."""
        overflow = self.spec.overflow
        if isinstance(overflow, Conflate):
            overflow = _conflate_messages(overflow)
        self.queue = bounded_queue(self.spec.capacity, overflow)
        return self.queue

    def clear(self) -> list[Any]:
        """Empty the queue and return what was in it."""
        return [] if self.queue is None else self.queue.clear()

    def take(self) -> Any:
        """The oldest item; wakes who waits for room."""
        assert self.queue is not None  # noqa: S101  # whoever takes has seen that there is something
        item = self.queue.take()
        if self.waiting:
            self.wake_sender()
        return item

    async def room(self) -> None:
        """Wait until there may be room; first come, first served. Check again afterwards.

        Cancellation: atomic; the turn passes to the next.
        """
        parker = self._new_parker()
        senders = self.waiting
        if senders is None:
            senders = self.waiting = deque()
        senders.append(parker)
        try:
            await parker.park()
        except BaseException:
            if parker in senders:
                senders.remove(parker)
            else:
                self.wake_sender()  # its turn had come: without this the room it was woken for would stay unused
            raise

    def wake_sender(self) -> None:
        """Let the first who waits for room look again."""
        if self.waiting:
            self.waiting.popleft().unpark()

    def wake_senders(self) -> None:
        """Let all who wait for room look again: the place was closed."""
        while self.waiting:
            self.waiting.popleft().unpark()


def _conflate_messages(overflow: Conflate) -> Conflate:
    """The same policy over items. A request is never replaced: someone waits for each."""

    def key(item: Any) -> object:
        return None if type(item) is PendingReply else overflow.key(message_of(item))

    return Conflate(key)
