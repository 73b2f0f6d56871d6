"""A place's queue at run time: what is told to an actor and not yet handled.

Two lanes. The queue has a bound and an overflow policy, and belongs to the place: it outlives the lives. The signals (`Down`,
`Up`, `Exit`, timers) belong to one life and are handled first; they are bounded by what asks for them: one of each timer and
each monitor, and at most a hundred of each watch and of each place it is linked with.

An item is a bare message, or an `Envelope` where a reply is owed or the message can expire: a bare message costs one append.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from supervisor.errors import ActorCrashed, AskTimeout, BadReply
from supervisor.exits import ExitReason
from supervisor.messages import reply_fits, reply_type
from supervisor.overflow import BoundedQueue, bounded_queue
from supervisor.parking import Parker
from supervisor.spec import Conflate, Mailbox

__all__ = ["Envelope", "Inbox", "PendingReply", "Reply", "message_of"]

T = TypeVar("T")

_UNSET: Final = object()


class PendingReply:
    """An answer that someone waits for. It is given once: the first one counts."""

    __slots__ = ("_error", "_parker", "_value", "abandoned", "deferred", "path", "started")

    def __init__(self, path: str, parker: Parker) -> None:
        self.path: str = path
        self.started: bool = False
        """Whether the request was taken from the queue."""
        self.deferred: bool = False
        """Its answer was put off: it may come from anywhere."""
        self.abandoned: bool = False
        """Nobody waits any more."""
        self._parker = parker
        self._value: Any = _UNSET
        self._error: BaseException | None = None

    @property
    def pending(self) -> bool:
        return self._value is _UNSET and self._error is None and not self.abandoned

    def give(self, value: Any) -> bool:
        """Answer; whether anybody got it."""
        if not self.pending:
            return False
        self._parker.unpark()  # first: in another thread it raises, and an answer that wakes nobody would be waited for in vain
        self._value = value
        return True

    def fail(self, error: BaseException) -> bool:
        """Answer with an error; whether anybody got it."""
        if not self.pending:
            return False
        self._parker.unpark()
        self._error = error
        return True

    def crash(self, reason: ExitReason) -> bool:
        """The life that had the request is over."""
        return self.fail(ActorCrashed(self.path, reason))

    def expire(self, timeout: float) -> None:
        """The deadline has passed."""
        if self.fail(AskTimeout(self.path, timeout, started=self.started)):
            self.abandoned = True

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
            self.abandoned = True
            raise
        if self._error is not None:
            raise self._error
        return self._value


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


class Envelope:
    """A message that is owed a reply, or that can expire."""

    __slots__ = ("expires", "message", "reply")

    def __init__(self, message: Any, reply: PendingReply | None = None, expires: float | None = None) -> None:
        self.message: Any = message
        self.reply: PendingReply | None = reply
        self.expires: float | None = expires

    def expired(self, now: Callable[[], float]) -> bool:
        """Whether handling it would serve nobody."""
        if self.reply is not None:
            return self.reply.abandoned
        return self.expires is not None and now() >= self.expires


def message_of(item: Any) -> Any:
    """The message of an item, in an envelope or not."""
    return item.message if type(item) is Envelope else item


class Inbox:
    """The queue of one place.

    Args:
        spec: capacity and overflow policy.
        new_parker: makes places to sleep.
    """

    __slots__ = ("_new_parker", "_senders", "dropped", "queue", "reader", "spec")

    def __init__(self, spec: Mailbox, new_parker: Callable[[], Parker]) -> None:
        overflow = spec.overflow
        if isinstance(overflow, Conflate):
            overflow = _conflate_messages(overflow)
        self.spec: Mailbox = spec
        self.queue: BoundedQueue = bounded_queue(spec.capacity, overflow)
        self.reader: Parker = new_parker()
        """Where the life sleeps when there is nothing to do."""
        self.dropped: int = 0
        """Messages lost to overflow, over all lives."""
        self._new_parker = new_parker
        self._senders: deque[Parker] = deque()

    def __len__(self) -> int:
        return len(self.queue)

    def offer(self, item: Any) -> Any:
        """Take an item if the policy allows; what became of it is told as `BoundedQueue.offer` does."""
        self.reader.unpark()  # first: in another thread it raises, and who is told so must not have sent all the same
        return self.queue.offer(item)

    def take(self) -> Any:
        """The oldest item; wakes who waits for room."""
        item = self.queue.take()
        if self._senders:
            self.wake_sender()
        return item

    async def room(self) -> None:
        """Wait until there may be room; first come, first served. Check again afterwards.

        Cancellation: atomic; the turn passes to the next.
        """
        parker = self._new_parker()
        self._senders.append(parker)
        try:
            await parker.park()
        except BaseException:
            if parker in self._senders:
                self._senders.remove(parker)
            else:
                self.wake_sender()  # its turn had come: without this the room it was woken for would stay unused
            raise

    def wake_sender(self) -> None:
        """Let the first who waits for room look again."""
        if self._senders:
            self._senders.popleft().unpark()

    def wake_senders(self) -> None:
        """Let all who wait for room look again: the place was closed."""
        while self._senders:
            self._senders.popleft().unpark()


def _conflate_messages(overflow: Conflate) -> Conflate:
    """The same policy over items. A request is never replaced: someone waits for each."""

    def key(item: Any) -> object:
        if type(item) is Envelope:
            return None if item.reply is not None else overflow.key(item.message)
        return overflow.key(item)

    return Conflate(key)
