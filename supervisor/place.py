"""Places: who can be told something, whichever life answers.

A `Place` is one child's spot in the tree: its path, queue, name, links and watchers. It outlives the child's lives. When it is
closed, its queue becomes dead letters and its asks fail; a path that was deleted and added again is another place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final, Protocol

from supervisor.errors import Draining, MailboxFull, NoSuchActor, Unstopped
from supervisor.events import MailboxOverflow
from supervisor.exits import ExitReason, Shutdown, tree_stop
from supervisor.mailbox import Inbox, PendingReply, message_of
from supervisor.overflow import FAIL, NOTHING, REFUSED
from supervisor.parking import refuse_thread
from supervisor.spec import Mailbox, Name, OnRestart
from supervisor.topics import Topic

if TYPE_CHECKING:
    from supervisor.names import Names
    from supervisor.runtime import Runtime

__all__ = ["CURRENT_PLACE", "LifeHandle", "Place", "Watcher"]

_NO_ITEMS: Final[deque[Any]] = deque(maxlen=0)
"""The items of all places that have no queue yet."""

CURRENT_PLACE: ContextVar[Place | None] = ContextVar("CURRENT_PLACE", default=None)
"""The place whose life runs in this task, so that an actor that waits for itself is told so instead of hanging."""

OVERFLOW_REPORT_EVERY = 1.0
"""Seconds between two reports of one mailbox's overflow."""


class LifeHandle(Protocol):
    """What a place can ask of the life in it."""

    @property
    def incarnation(self) -> int: ...

    @property
    def ready(self) -> bool: ...

    def request_stop(self, reason: ExitReason) -> None:
        """Ask it to end, with its grace."""
        ...

    def crash(self, error: BaseException) -> None:
        """End it as if it had raised this."""
        ...

    def kill(self) -> None:
        """End it now, without grace."""
        ...

    def wake(self) -> None:
        """Have it look whether there is something to do, if it has no task yet."""
        ...

    def drain(self) -> None:
        """Have it handle what is queued, then end."""
        ...

    def linked_ended(self, place: Place, reason: ExitReason) -> None:
        """A life that it is linked with is over."""
        ...


class Watcher(Protocol):
    """Whoever is told about the lives at a place."""

    def life_began(self, place: Place, incarnation: int) -> None: ...

    def life_ended(self, place: Place, incarnation: int, reason: ExitReason) -> None: ...

    def place_closed(self, place: Place) -> None: ...


class Place:
    """One child's spot in the tree.

    Args:
        runtime: the tree's.
        path: where it is, `bank/account`.
        mailbox: how its queue behaves; None for what handles no messages.
        accepts: the classes of messages it takes; None while that is not known, or for anything.
        names: the scope of names that its name belongs to.
    """

    __slots__ = (
        "_reporting", "_unreported", "accepted", "accepts", "alert", "closed", "draining", "inbox", "items", "kind", "life",
        "links", "name", "names", "path", "refusing", "room", "rouse", "runtime", "topics", "waiters", "watchers",
    )  # fmt: skip

    def __init__(
        self, runtime: Runtime, path: str, mailbox: Mailbox | None, accepts: tuple[type, ...] | None, names: Names
    ) -> None:
        self.runtime: Runtime = runtime
        self.path: str = path
        self.inbox: Inbox | None = None if mailbox is None else Inbox(mailbox, runtime.parker)
        self.kind: str = "task" if mailbox is None else "actor"
        """Who lives here; a supervisor says so itself."""
        self.accepts = accepts
        self.names: Names = names
        self.name: Name[Any] | None = None
        self.life: LifeHandle | None = None
        self.closed: bool = False
        self.draining: bool = False
        self.refusing: bool = mailbox is None
        """Takes no messages: there is no mailbox, or the place is closed or draining."""
        self.links: dict[Place, None] | None = None
        """The places whose lives are linked with the one here."""
        self.watchers: dict[Watcher, None] = {}
        self.waiters: dict[PendingReply, bool] = {}
        """Who waits for the current life to end; True for who asked for that, and must hear if it does not."""
        self.topics: dict[Topic[Any], int] = {}
        """What it subscribes to, and which life asked for it last."""
        self.accepted: set[type] = runtime.accepted(accepts)
        """Classes of messages that are known to be accepted; shared by all who accept the same."""
        self.items: deque[Any] = _NO_ITEMS
        """The queue's own deque, once there is one. Only the loop of a life takes from it, and who finds `room` appends."""
        self.room: int = 0
        """How long the queue may grow by mere appending. It is 0, so that a sender has to look closer, while a life sleeps
        here, the place takes no messages, or the policy looks for something in the queue."""
        self.alert: bool = False
        """The life here has more to look at than its queue."""
        self.rouse: Callable[[], object] | None = None
        """Wakes the task of the life here, if it has one, and if that sleeps."""
        self._reporting = False
        self._unreported = 0

    # ---- taking messages

    def check(self, message: object) -> None:
        """Refuse a message of a class that the actor does not accept.

        Raises:
            TypeError: naming what it accepts.
        """
        if not self.takes(type(message)):
            raise TypeError(self._unwelcome(message))

    def _unwelcome(self, message: object) -> str:
        if self.inbox is None:
            return f"{self.path} is a {self.kind}; it takes no messages"
        names = " | ".join(kind.__name__ for kind in self.accepts or ())
        if isinstance(message, type):
            return f"{self.path} does not accept a class; it is an Actor[{names}]: give {message.__name__}(...), not the class"
        return f"{self.path} does not accept {type(message).__name__}; it is an Actor[{names}]"

    def takes(self, kind: type) -> bool:
        if kind in self.accepted:
            return True
        fits = self.accepts is None or issubclass(kind, self.accepts)
        if fits:
            self.accepted.add(kind)
        return fits

    def learn(self, accepts: tuple[type, ...] | None) -> None:
        """Now it is known what the actor accepts: what was queued unchecked and is not accepted becomes dead letters."""
        if accepts == self.accepts or accepts is None or self.inbox is None:
            return
        self.accepts = accepts
        self.accepted = self.runtime.accepted(accepts)
        queue = self.inbox.queue
        if queue is None:
            return
        for item in queue.clear():
            if self.takes(type(message_of(item))):
                queue.offer(item)
            else:
                refused = f"{self.path} does not accept {type(message_of(item)).__name__}"
                self._discard(item, "not accepted", partial(TypeError, refused))
        self.inbox.wake_senders()

    def push(self, message: object) -> bool:
        """Take one message if that can be done now. Never waits, never raises."""
        if message.__class__ in self.accepted and len(self.items) < self.room:
            self.items.append(message)
            return True
        if self.refusing or not self.takes(type(message)):
            self.runtime.dead_letter(self.path, message, self._why_refused())
            return False
        return self.offer(message)

    def _why_refused(self) -> str:
        if self.inbox is None:
            return "takes no messages"
        if self.draining:
            return "draining"
        return "no such actor" if self.closed else "not accepted"

    def refusal(self) -> NoSuchActor | Draining:
        """The error of who asks a place that takes no messages."""
        return Draining(self.path) if self.draining else NoSuchActor(self.path)

    def wake(self) -> None:
        """Have the life here, if there is one, look whether there is something to do."""
        if self.rouse is not None:
            self.rouse()
        elif self.life is not None:
            self.life.wake()

    def offer(self, item: Any) -> bool:
        """Queue an item, by the mailbox's policy.

        Raises:
            RuntimeError: this is another thread than the tree's. Nothing has changed: who is told so must not have sent.
        """
        inbox = self.inbox
        assert inbox is not None  # noqa: S101  # callers have checked
        if get_ident() != self.runtime.home:
            refuse_thread()
        queue = inbox.queue
        if queue is None:
            queue = inbox.new_queue()
            self.items = queue.items
        outcome = queue.offer(item)
        if not self.room:
            # Whoever is roused looks at the queue before he sleeps: more is simply appended. Said first: where tasks are eager,
            # he has looked, and sleeps again, when `wake` returns.
            if not self.refusing:
                self.room = inbox.plain
            self.wake()
        if outcome is NOTHING:
            return True
        return self._overflowed(item, outcome)

    def _overflowed(self, item: Any, outcome: Any) -> bool:
        assert self.inbox is not None  # noqa: S101  # it has overflowed
        taken = outcome is not REFUSED and outcome is not FAIL
        if outcome is FAIL and self.life is not None:
            self.life.crash(MailboxFull(self.path, self.inbox.spec.capacity))
        self.inbox.dropped += 1
        self._unreported += 1
        if not self._reporting:
            self._report_overflow()
        full = partial(MailboxFull, self.path, self.inbox.spec.capacity)
        self._discard(outcome if taken else item, "mailbox full", full)
        return taken

    def _report_overflow(self) -> None:
        """Say how many messages were lost, when it begins and then once a second, until none is."""
        self._reporting = self._unreported > 0
        if self._reporting and self.inbox is not None:
            policy = getattr(self.inbox.spec.overflow, "value", "conflate")
            count, self._unreported = self._unreported, 0
            self.runtime.emit(MailboxOverflow(path=self.path, at=self.runtime.now(), policy=policy, dropped=count))
            self.runtime.timekeeper.after(OVERFLOW_REPORT_EVERY, self._report_overflow)

    # ---- lives

    def life_began(self, life: LifeHandle) -> None:
        """A life is ready here."""
        if self.watchers:
            for watcher in tuple(self.watchers):
                watcher.life_began(self, life.incarnation)

    def life_ended(self, incarnation: int, reason: ExitReason) -> None:
        """The life here is over. The queue is kept or dropped as the mailbox says."""
        self.life = self.rouse = None
        self._refuse(draining=False)
        if self.waiters:
            for waiter in tuple(self.waiters):
                waiter.give(reason)
            self.waiters.clear()
        if self.inbox is not None and self.inbox.spec.on_restart is OnRestart.DROP:
            for item in self.inbox.clear():
                if type(item) is PendingReply:
                    item.crash(reason)
                self.runtime.dead_letter(self.path, message_of(item), "its actor restarted")
            self.inbox.wake_senders()
        if self.watchers:
            for watcher in tuple(self.watchers):
                watcher.life_ended(self, incarnation, reason)
        if self.links:
            self._tell_linked(reason)

    def _tell_linked(self, reason: ExitReason) -> None:
        """Cut all ties of the life that ended, then say so to the lives at their other ends, and to none that follows them."""
        linked = [(other, other.life) for other in self.links or ()]
        for other, _ in linked:
            self.unlink(other)
        request = tree_stop(reason)
        # A request to stop the tree goes upwards, to where it is contained, and not around that through a link.
        told = reason if request is None else Shutdown(request.info)
        for other, life in linked:
            if life is not None and other.life is life:
                life.linked_ended(self, told)

    def drain(self) -> None:
        """Take no more; the life here handles what is queued, then ends."""
        if self.life is not None:
            self._refuse(draining=True)
            if self.inbox is not None:
                self.inbox.wake_senders()
            self.life.drain()

    def link(self, other: Place) -> None:
        """Tie the life here to the one there: how one ends, the other is told. Once per pair."""
        for one, its in ((self, other), (other, self)):
            one.links = {} if one.links is None else one.links
            one.links[its] = None

    def unlink(self, other: Place) -> None:
        """Cut the tie, if there is one."""
        for one, its in ((self, other), (other, self)):
            if one.links is not None:
                one.links.pop(its, None)

    def _refuse(self, *, draining: bool) -> None:
        self.draining = draining
        self.refusing = draining or self.closed or self.inbox is None
        if self.refusing:
            self.room = 0

    def life_overdue(self, stack: str) -> None:
        """The life here does not end: who asked it to hears so instead of waiting for ever."""
        for waiter in [waiter for waiter, asked in self.waiters.items() if asked]:
            waiter.fail(Unstopped(self.path, stack))

    def close(self) -> None:
        """Nobody lives here now. May be opened again: a stopped child can be restarted."""
        if self.closed:
            return
        self.closed = True
        self._refuse(draining=False)
        if self.name is not None:
            self.names.release(self.name, self)
        if self.inbox is not None:
            for item in self.inbox.clear():
                self._discard(item, "no such actor", partial(NoSuchActor, self.path))
            self.inbox.wake_senders()
        for topic in self.topics:
            self.runtime.topics.unsubscribe(topic, self)
        self.topics.clear()
        watchers, self.watchers = self.watchers, {}
        for watcher in watchers:
            watcher.place_closed(self)

    def open(self) -> None:
        """A life is to come.

        Raises:
            NameTaken: its name went to another in the meantime.
        """
        if self.name is not None:
            self.names.register(self.name, self)
        self.closed = False
        self._refuse(draining=False)

    def _discard(self, item: Any, reason: str, error: Callable[[], Exception]) -> None:
        if type(item) is PendingReply:
            item.fail(error())
        self.runtime.dead_letter(self.path, message_of(item), reason)
