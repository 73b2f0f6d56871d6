"""What one life of an actor is, and what it owns: timers, background tasks, monitors, subscriptions.

All of it ends with the life. Nothing of it reaches the next one: a tick that was queued, a `Down` that was on its way are
dropped with the life they were meant for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
import structlog

from supervisor.agenda import Timer
from supervisor.errors import BadReply, NoSuchActor, StrayCancellation
from supervisor.exits import ExitReason, Failed, classify
from supervisor.mailbox import Envelope, PendingReply
from supervisor.messages import Down, Exit, Gone, Up, reply_fits, reply_type
from supervisor.parking import current_coroutine, stack_of, uninterrupted
from supervisor.place import Place
from supervisor.ref import Ref
from supervisor.registry import DuplicateRegistry, Owner, Registered, Registry, Unregistered
from supervisor.registry_view import Registrar
from supervisor.shelf import Shelf
from supervisor.spec import Name
from supervisor.store import Store

if TYPE_CHECKING:
    from supervisor.handle import Supervisor

__all__ = ["ActorTimer", "Context", "Monitor", "Reply", "read_exit"]

M = TypeVar("M")
T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


class ActorTimer:
    """A timer of one life. Its message comes in the lane that is never dropped; at most one waits there at a time."""

    __slots__ = ("_context", "_due", "_interval", "_key", "_timer", "active", "message", "queued")

    def __init__(self, context: Context, delay: float, message: object, interval: float | None, key: object) -> None:
        self.message = message
        self.active = True
        self.queued = False
        self._context = context
        self._interval = interval
        self._key = key
        self._due = context.runtime.now() + delay
        self._timer: Timer = context.runtime.timekeeper.after(delay, self._fire)

    def cancel(self) -> bool:
        """Forget it. A tick that is queued already is not delivered. Returns whether it was still to come."""
        was, self.active = self.active, False
        self._context.runtime.timekeeper.cancel(self._timer)
        self._forget()
        return was

    def delivered(self) -> None:
        """Its message is being handled."""
        self.queued = False
        if self._interval is None:
            self.active = False
            self._forget()

    def _forget(self) -> None:
        if self._context.timers.get(self._key) is self:  # the key may be another's by now
            del self._context.timers[self._key]

    def _fire(self) -> None:
        if not self.active:
            return  # it was cancelled in the very moment in which it was due
        if not self.queued:
            self.queued = True
            self._context.deliver(self)
        if self._interval is not None:
            now = self._context.runtime.now()
            self._due += self._interval
            if self._due <= now:
                self._due = now + self._interval  # a loop that was blocked does not catch up on missed ticks
            self._timer = self._context.runtime.timekeeper.after(self._due - now, self._fire)


SIGNALS_PER_WATCH = 100
"""What of one `watch` may wait to be handled: past that the oldest goes. The incarnations in the others show the gap."""


class Monitor:
    """One `monitor` or `watch` of one life. `cancel()` guarantees that nothing more of it is delivered."""

    __slots__ = ("_context", "_forever", "_place", "_waiting", "active")

    def __init__(self, context: Context, place: Place, *, forever: bool) -> None:
        self.active = True
        self._context = context
        self._place = place
        self._forever = forever
        self._waiting: deque[_Notice] = deque()
        context.monitors[self] = None
        place.watchers[self] = None

    def cancel(self) -> None:
        """Stop watching."""
        self.active = False
        self._place.watchers.pop(self, None)
        self._context.monitors.pop(self, None)

    def life_began(self, place: Place, incarnation: int) -> None:
        if self._forever:
            self._deliver(Up(Ref(place), incarnation))

    def life_ended(self, place: Place, incarnation: int, reason: ExitReason | None) -> None:
        self._deliver(Down(Ref(place), incarnation, reason))
        if not self._forever:
            place.watchers.pop(self, None)

    def place_closed(self, place: Place) -> None:
        if self._forever:
            self._deliver(Gone(Ref(place)))
        # Nothing more may come of it, also if the place is opened again: `Gone` is the last. And kept, each child that ever was
        # watched would stay in memory.
        place.watchers.pop(self, None)
        self._context.monitors.pop(self, None)

    def _deliver(self, message: object) -> None:
        if len(self._waiting) >= SIGNALS_PER_WATCH:
            # Who hangs while what it watches flaps would otherwise fill the memory.
            self._context.signals.remove(self._waiting.popleft())
        notice = _Notice(self, message)
        self._waiting.append(notice)
        self._context.deliver(notice)


class _Notice:
    """A signal on its way, dropped if its monitor is cancelled before it is handled."""

    __slots__ = ("_monitor", "message")

    def __init__(self, monitor: Monitor, message: object) -> None:
        self._monitor = monitor
        self.message = message

    @property
    def active(self) -> bool:
        return self._monitor.active

    def delivered(self) -> None:
        self._monitor._waiting.popleft()  # they are handled in order: it is the first
        if not self._monitor._forever:
            self._monitor.cancel()


class _ExitSignal:
    """An `Exit` on its way."""

    __slots__ = ("message", "place")
    active = True

    def __init__(self, place: Place, reason: ExitReason) -> None:
        self.place = place
        self.message = Exit(Ref(place), reason)

    def delivered(self) -> None: ...


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


class _Background:
    """One spawned task."""

    __slots__ = ("coroutine", "scope")

    def __init__(self) -> None:
        self.scope = anyio.CancelScope(shield=True)
        self.coroutine: Any = None


class Context:
    """One life of an actor: who it is, and what belongs to it.

    Args:
        place: where it lives.
        incarnation: the number of this life, from 1.
        supervisor: the handle of its supervisor.
        store: where its state is kept.
        on_crash: called when a background task ends the life.
    """

    def __init__(
        self,
        place: Place,
        incarnation: int,
        supervisor: Supervisor,
        store: Store,
        on_crash: Callable[[ExitReason], None],
    ) -> None:
        self.place = place
        self.runtime = place.runtime
        self.incarnation = incarnation
        self.supervisor = supervisor
        self.shelf = Shelf(store, place.path, place.runtime)
        self.stopping = False
        self.draining = False
        """It is to end when nothing is queued any more."""
        self.traps_exits = False
        self.idle: ActorTimer | None = None
        """What comes when nothing else does."""
        self.over = False
        """The life is over: what its actor's object, if somebody kept it, asks for now would be given up by nobody."""
        self.in_hand: Any = None
        """The item that is being handled."""
        self.deferred = False
        """Its reply will be given later."""
        self.signals: deque[Any] = deque()
        self.timers: dict[object, ActorTimer] = {}
        self.monitors: dict[Monitor, None] = {}
        self.background: dict[_Background, None] = {}
        self.replies: list[PendingReply] = []
        """Asks to be answered later; some may be answered by now."""
        self._replies_bound = 64
        self._on_crash = on_crash
        self._owner: Owner | None = None
        """What it has registered."""
        self._log: Any = None
        self._parker = self.runtime.parker()

    @property
    def ref(self) -> Ref[Any]:
        """The actor's own ref."""
        return Ref(self.place)

    @property
    def path(self) -> str:
        """Where it is in the tree."""
        return self.place.path

    @property
    def log(self) -> Any:
        """A structlog logger that says who speaks."""
        if self._log is None:
            self._log = structlog.get_logger("actor").bind(path=self.path, incarnation=self.incarnation)
        return self._log

    def deliver(self, signal: Any) -> None:
        """Put something in the lane that is never dropped."""
        self.signals.append(signal)
        if self.place.inbox is not None:
            self.place.inbox.reader.unpark()

    # ---- what an actor may do

    def after(self, delay: float, message: object, key: object = None, interval: float | None = None) -> ActorTimer:
        self.place.check(message)
        if not delay >= 0 or (interval is not None and interval <= 0):
            raise ValueError(f"{self.path} sets a timer of {delay!r} s; expected seconds from 0, and above 0 for every()")
        if key is not None and key in self.timers:
            self.timers[key].cancel()  # also a tick that is queued: a later timer of that key has nothing to do with it
        if key is None:
            key = object()
        timer = self.timers[key] = ActorTimer(self, delay, message, interval, key)
        if self.over:
            timer.cancel()
        return timer

    def idle_after(self, delay: float, message: object) -> ActorTimer:
        if self.idle is not None:
            self.idle.cancel()
        self.idle = self.after(delay, message)
        return self.idle

    def spawn(self, function: Callable[..., Awaitable[object]], *args: Any) -> None:
        if self.stopping:
            return  # the life is ending: its background work is over before it begins
        task = _Background()
        self.background[task] = None
        name = f"{self.path} {getattr(function, '__name__', 'task')}"
        self.runtime.spawn(self._run_background, task, function, args, name=name)

    @uninterrupted
    async def _run_background(self, task: _Background, function: Callable[..., Awaitable[object]], args: Any) -> None:
        """Run a spawned task to its end, and say how it ended. Cancellation: ends it; nothing leaves it."""
        task.coroutine = current_coroutine()
        reason: ExitReason | None = None
        try:
            with task.scope:
                await function(*args)
        except BaseException as error:  # noqa: BLE001  # the task's last act is to say how it ended
            reason = read_exit(error, self.path)
        del self.background[task]
        if not self.background:
            self._parker.unpark()
        if reason is not None:
            self._on_crash(reason)

    def monitor(self, target: Ref[Any]) -> Monitor:
        self._must_accept(Down, "monitor")
        place = target._place
        monitor = Monitor(self, place, forever=False)
        if self.over:
            monitor.cancel()
        elif place.life is None:
            monitor.life_ended(place, 0, None)
        return monitor

    def watch(self, target: Ref[Any]) -> Monitor:
        for signal in (Down, Up, Gone):
            self._must_accept(signal, "watch")
        place = target._place
        monitor = Monitor(self, place, forever=True)
        if self.over:
            monitor.cancel()
        elif place.closed:
            monitor.place_closed(place)
        elif place.life is not None and place.life.ready:
            monitor.life_began(place, place.life.incarnation)
        return monitor

    def link(self, target: Ref[Any]) -> None:
        place = target._place
        if self.over or place is self.place:
            return
        if place.life is not None:
            self.place.link(place)
        elif self.traps_exits:
            self.deliver(_ExitSignal(place, Failed(NoSuchActor(place.path))))
        else:
            raise NoSuchActor(place.path)

    def unlink(self, target: Ref[Any]) -> None:
        if self.over:
            return  # by now the links are the next life's
        self.place.unlink(target._place)
        for signal in [one for one in self.signals if isinstance(one, _ExitSignal) and one.place is target._place]:
            self.signals.remove(signal)

    def trap_exits(self) -> None:
        self._must_accept(Exit, "trap_exits")
        self.traps_exits = True

    def linked_ended(self, place: Place, reason: ExitReason) -> None:
        """A linked life is over, and this one traps exits."""
        self.deliver(_ExitSignal(place, reason))

    def lookup(self, name: Name[M]) -> Ref[M]:
        return Ref(self.place.names.find(name))

    def registry(self, declaration: Registry[K, V] | DuplicateRegistry[K, V]) -> Registrar[K, V]:
        if self._owner is None:
            self._owner = Owner(self.place)
            self._owner.over = self.over
        return self.runtime.registries.registrar(declaration, self._owner, self._listen)

    def _listen(self, topic: Any) -> None:
        for event in (Registered, Unregistered):
            self._must_accept(event, "listen")
        self.subscribe(topic)

    def subscribe(self, topic: Any) -> None:
        if self.over:
            return
        self.place.topics[topic] = self.incarnation
        self.runtime.topics.subscribe(topic, self.place)

    def unsubscribe(self, topic: Any) -> None:
        if self.over:
            return  # by now the subscription is the next life's
        self.place.topics.pop(topic, None)
        self.runtime.topics.unsubscribe(topic, self.place)

    def reply_later(self) -> Reply[Any]:
        item = self.in_hand
        if type(item) is not Envelope or item.reply is None or self.deferred:
            raise RuntimeError(f"{self.path} has no ask in hand to answer later; call reply_later() once, while handling one")
        self.deferred = True
        if len(self.replies) >= self._replies_bound:  # looking through all of them each time would cost what is pending
            self.replies = [reply for reply in self.replies if reply.pending]
            self._replies_bound = max(64, 2 * len(self.replies))
        self.replies.append(item.reply)
        return Reply(item.reply, type(item.message))

    def remember(self, value: object, key: str) -> None:
        self.shelf.remember(value, key)

    def recall(self, kind: type[T], key: str) -> T | None:
        return self.shelf.recall(kind, key)

    def recall_all(self, kind: type[T]) -> dict[str, T]:
        return self.shelf.recall_all(kind)

    def forget(self, key: str) -> None:
        self.shelf.forget(key)

    def wall_clock(self, at: float) -> float:
        """An instant of the loop's clock, in seconds since 1970: to be remembered. Loop clocks mean nothing to a later process.

        Args:
            at: seconds of the loop's clock, as of `anyio.current_time()`.
        """
        return at + (self.runtime.wall() - self.runtime.now())

    def loop_clock(self, wall: float) -> float:
        """An instant in seconds since 1970, on the loop's clock: after a recall. It may be in the past, and below 0.

        Args:
            wall: what `wall_clock` gave, in this process or an earlier one.
        """
        return wall - (self.runtime.wall() - self.runtime.now())

    # ---- the life's own

    def end_idle(self) -> None:
        """A message is to be handled: nobody is idle."""
        if self.idle is not None:
            self.idle.cancel()
            self.idle = None

    def renew_topics(self) -> None:
        """Drop the subscriptions of former lives that this one has not asked for again."""
        for topic, incarnation in list(self.place.topics.items()):
            if incarnation < self.incarnation:
                self.unsubscribe(topic)

    def cancel_background(self) -> None:
        """Cancel the spawned tasks, and let none begin any more."""
        self.stopping = True
        for task in self.background:
            task.scope.cancel()

    def background_stacks(self) -> list[str]:
        """Where the spawned tasks are, as text."""
        return [stack_of(task.coroutine) for task in self.background]

    async def background_ended(self) -> None:
        """Return when no spawned task is left.

        Cancellation: atomic.
        """
        while self.background:
            await self._parker.park()

    def release(self, reason: ExitReason) -> None:
        """The life is over: give up all it owns."""
        self.over = True
        if self._owner is not None:
            self._owner.release()
        for timer in list(self.timers.values()):
            timer.cancel()
        for monitor in list(self.monitors):
            monitor.cancel()
        for reply in self.replies:
            reply.crash(reason)
        self.replies.clear()
        self.signals.clear()

    def _must_accept(self, signal: type, verb: str) -> None:
        if not self.place.takes(signal):
            accepted = " | ".join(kind.__name__ for kind in self.place.accepts or ())
            raise TypeError(
                f"{self.path} calls {verb}() but does not accept {signal.__name__}; "
                f"write class ...(Actor[{accepted} | {signal.__name__}])"
            )


def read_exit(error: BaseException, path: str) -> ExitReason:
    """The exit reason of what left a task of a life, where no cancellation of ours is left.

    A cancellation is a crash, alone or in a group: read as any other `BaseException` it would end the whole tree.
    """
    cancelled = anyio.get_cancelled_exc_class()
    if isinstance(error, BaseExceptionGroup):
        stray, rest = error.split(cancelled)
        return classify(error) if stray is None else Failed(StrayCancellation(path)) if rest is None else classify(rest)
    return Failed(StrayCancellation(path)) if isinstance(error, cancelled) else classify(error)
