"""What one life of an actor is, and what it owns: timers, spawned tasks, monitors, links, subscriptions, what it registered.

All of it ends with the life. Nothing of it reaches the next one: a tick that was queued, a `Down` that was on its way are
dropped with the life they were meant for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from supervisor.checks import check_kind
from supervisor.errors import NoSuchActor
from supervisor.exits import ExitReason, Failed
from supervisor.mailbox import PendingReply, Reply
from supervisor.messages import Down, Exit, Gone, Up
from supervisor.parking import Parker
from supervisor.place import Place
from supervisor.ref import Ref
from supervisor.registries.registry import DuplicateRegistry, Owner, Registered, Registry, Unregistered
from supervisor.registries.registry_view import Registrar
from supervisor.runtime import Runtime
from supervisor.shelf import Shelf, begins_with_shelf
from supervisor.signals import SIGNALS_PER_WATCH, ActorTimer, ExitSignal, Monitor
from supervisor.spawned import Spawned, Spawner
from supervisor.spec import Name
from supervisor.store import Store
from supervisor.topics import check_topic

if TYPE_CHECKING:
    from supervisor.handle import Supervisor

__all__ = ["Context"]

M = TypeVar("M")
T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


class Context:
    """One life of an actor: who it is, and what belongs to it.

    Args:
        place: where it lives.
        incarnation: the number of this life, from 1.
        supervisor: the handle of its supervisor.
        store: where its state is kept.
        life: the life itself, told when a spawned task ends it.
    """

    __slots__ = (
        "_began", "_life", "_log", "_owner", "_reader", "_replies_bound", "_shelf", "_spawned", "_store", "deferred",
        "draining", "idle", "in_hand", "incarnation", "monitors", "over", "place", "replies", "runtime", "signals", "stopping",
        "supervisor", "timers", "traps_exits",
    )  # fmt: skip

    def __init__(
        self,
        place: Place,
        incarnation: int,
        supervisor: Supervisor,
        store: Store,
        life: Spawner,
    ) -> None:
        self.place: Place = place
        self.runtime: Runtime = place.runtime
        self.incarnation: int = incarnation
        self.supervisor: Supervisor = supervisor
        self.stopping: bool = False
        self.draining: bool = False
        """It is to end when nothing is queued any more."""
        self.traps_exits: bool = False
        self.idle: ActorTimer | None = None
        """What comes when nothing else does."""
        self.over: bool = False
        """The life is over: what its actor's object, if somebody kept it, asks for now would be given up by nobody."""
        self.in_hand: Any = None
        """The item that is being handled."""
        self.deferred: bool = False
        """Its reply will be given later."""
        # What most lives never need is made when it is needed: an empty deque alone has 760 bytes.
        self.signals: deque[Any] | None = None
        self.timers: dict[object, ActorTimer] = {}
        self.monitors: dict[Monitor, None] = {}
        self.replies: list[PendingReply] | None = None
        """Asks to be answered later; some may be answered by now."""
        self._replies_bound = 64
        self._life = life
        self._store = store
        self._began = 0.0
        self._shelf: Shelf | None = None
        self._spawned: Spawned | None = None
        self._reader: Parker | None = None
        self._owner: Owner | None = None
        """What it has registered."""
        self._log: Any = None

    @property
    def spawned(self) -> Spawned:
        """Its spawned tasks."""
        if self._spawned is None:
            self._spawned = Spawned(self.place, self._life)
        return self._spawned

    @property
    def rests(self) -> bool:
        """Whether the life's task sleeps until there is something to do."""
        return self._reader is not None and self._reader.parked

    @property
    def shelf(self) -> Shelf:
        """What its place remembers."""
        if self._shelf is None:
            self._shelf = Shelf(self._store, self.place.path, self.runtime)
            self._shelf.begin(self._began)
        return self._shelf

    @property
    def has_spawned(self) -> bool:
        """Whether a spawned task runs."""
        return bool(self._spawned)

    @property
    def reader(self) -> Parker:
        """Where the life sleeps when there is nothing to do."""
        if self._reader is None:
            self._reader = self.runtime.parker()
        return self._reader

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
        if self.signals is None:
            self.signals = deque()
        self.signals.append(signal)
        self.place.alert = True
        self.place.wake()

    def drop(self, signal: Any) -> None:
        """Take a signal back that is not handled yet."""
        if self.signals is not None:
            self.signals.remove(signal)

    def _exits_of(self, place: Place) -> list[ExitSignal]:
        return [one for one in self.signals or () if isinstance(one, ExitSignal) and one.place is place]

    # ---- what an actor may do

    def after(self, delay: float, message: object, key: object = None, interval: float | None = None) -> ActorTimer:
        self.place.check(message)
        try:
            fits = delay >= 0 and (interval is None or interval > 0)
        except TypeError:
            fits = False
        if not fits:
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
        self.place.alert = True
        return self.idle

    def spawn(self, function: Callable[..., Awaitable[object]], *args: Any) -> None:
        if self.stopping:
            return  # the life is ending: its background work is over before it begins
        self.spawned.spawn(function, args)

    def monitor(self, target: Ref[Any]) -> Monitor:
        self._check_ref(target, "monitor")
        self._must_accept(Down, "monitor")
        place = target._place
        monitor = Monitor(self, place, forever=False)
        if self.over:
            monitor.cancel()
        elif place.life is None:
            monitor.life_ended(place, 0, None)
        return monitor

    def watch(self, target: Ref[Any]) -> Monitor:
        self._check_ref(target, "watch")
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
        self._check_ref(target, "link")
        place = target._place
        if self.over or place is self.place:
            return
        if place.life is not None:
            self.place.link(place)
        elif self.traps_exits:
            self.deliver(ExitSignal(place, Failed(NoSuchActor(place.path))))
        else:
            raise NoSuchActor(place.path)

    def unlink(self, target: Ref[Any]) -> None:
        self._check_ref(target, "unlink")
        if self.over:
            return  # by now the links are the next life's
        self.place.unlink(target._place)
        for signal in self._exits_of(target._place):
            self.drop(signal)

    def trap_exits(self) -> None:
        self._must_accept(Exit, "trap_exits")
        self.traps_exits = True

    def linked_ended(self, place: Place, reason: ExitReason) -> None:
        """A linked life is over, and this one traps exits."""
        waiting = self._exits_of(place)
        if len(waiting) >= SIGNALS_PER_WATCH:
            self.drop(waiting[0])  # who hangs while what it is linked with flaps would otherwise fill the memory
        self.deliver(ExitSignal(place, reason))

    def lookup(self, name: Name[M]) -> Ref[M]:
        check_kind(name, Name, f"{self.path}: lookup()", "a Name, such as Name('account')")
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
        check_topic(topic, f"{self.path}: subscribe()")  # before it is recorded: the next life would stumble over it
        if self.over:
            return
        self.place.topics[topic] = self.incarnation
        self.runtime.topics.subscribe(topic, self.place)

    def unsubscribe(self, topic: Any) -> None:
        check_topic(topic, f"{self.path}: unsubscribe()")
        if self.over:
            return  # by now the subscription is the next life's
        self.place.topics.pop(topic, None)
        self.runtime.topics.unsubscribe(topic, self.place)

    def reply_later(self) -> Reply[Any]:
        item = self.in_hand
        if type(item) is not PendingReply or self.deferred:
            raise RuntimeError(f"{self.path} has no ask in hand to answer later; call reply_later() once, while handling one")
        self.deferred = item.deferred = True
        if self.replies is None:
            self.replies = []
        if len(self.replies) >= self._replies_bound:  # looking through all of them each time would cost what is pending
            self.replies = [reply for reply in self.replies if reply.pending]
            self._replies_bound = max(64, 2 * len(self.replies))
        self.replies.append(item)
        return Reply(item, type(item.message))

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

    def begin(self, began: float) -> None:
        """The life begins: what it remembers is looked at now, if there is a reason to.

        Args:
            began: when, in seconds of the loop's clock.

        Raises:
            StoreError: its store cannot be used.
        """
        self._began = began
        if begins_with_shelf(self._store, self.place.path):
            _ = self.shelf

    def end_idle(self) -> None:
        """A message is to be handled: nobody is idle."""
        if self.idle is not None:
            self.idle.cancel()
            self.idle = None

    def renew_topics(self) -> None:
        """Drop the subscriptions of former lives that this one has not asked for again."""
        if self.place.topics:
            for topic, incarnation in list(self.place.topics.items()):
                if incarnation < self.incarnation:
                    self.unsubscribe(topic)

    def stop(self) -> None:
        """Handle no message after the one in hand."""
        self.stopping = self.place.alert = True

    def cancel_background(self) -> None:
        """Cancel the spawned tasks, and let none begin any more."""
        self.stop()
        if self._spawned is not None:
            self._spawned.cancel()

    def release(self, reason: ExitReason, remembered: ExitReason) -> None:
        """The life is over: give up all it owns.

        Args:
            reason: how it ended.
            remembered: how it ended as far as what it remembers is concerned.
        """
        self.over = True
        if self._shelf is not None:
            self._shelf.end(remembered)
        if self._owner is not None:
            self._owner.release()
        if self.timers:
            for timer in list(self.timers.values()):
                timer.cancel()
        if self.monitors:
            for monitor in list(self.monitors):
                monitor.cancel()
        for reply in self.replies or ():
            reply.crash(reason)
        self.replies = self.signals = None

    def _check_ref(self, target: object, verb: str) -> None:
        check_kind(target, Ref, f"{self.path}: {verb}()", "a ref, such as self.lookup(Name('account'))")

    def _must_accept(self, signal: type, verb: str) -> None:
        if not self.place.takes(signal):
            accepted = " | ".join(kind.__name__ for kind in self.place.accepts or ())
            raise TypeError(
                f"{self.path} calls {verb}() but does not accept {signal.__name__}; "
                f"write class ...(Actor[{accepted} | {signal.__name__}])"
            )
