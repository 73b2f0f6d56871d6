"""What all parts of one running tree share."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, ContextVar, copy_context
from threading import get_ident
from time import time as wall_time
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from anyio import CancelScope, get_cancelled_exc_class

from supervisor.asking import Asking
from supervisor.events import DeadLetter, Event
from supervisor.messages import Undelivered
from supervisor.nursery import Nursery
from supervisor.parking import Parker, loop_clock, parker_type, scope_type, task_finder, time_is_virtual, uninterrupted
from supervisor.place import CURRENT_PLACE, Place
from supervisor.registries.registry_view import Registries
from supervisor.secrets import redact
from supervisor.store import MemoryStore
from supervisor.stores import Stores
from supervisor.telemetry import Sink, Telemetry
from supervisor.timekeeper import Timekeeper
from supervisor.topics import DEAD_LETTERS, Topics

if TYPE_CHECKING:
    from supervisor.branch import Branch

__all__ = ["ENTROPY", "RUNTIMES", "Runtime"]

ENTROPY: ContextVar[random.Random] = ContextVar("ENTROPY", default=random.SystemRandom())  # noqa: B039  # without state
"""Where a tree's id and its random numbers come from. A seeded test run puts its own here."""


_UNSET: Final = object()

DISCLOSED = 2_000
"""Characters of a message or a state in a crash report, at most."""


class Runtime:
    """One tree's nursery, clock, timers, topics, event sinks and default store.

    Args:
        nursery: where every task of the tree runs.
        sinks: who gets the events.
        stores: the durable stores that are open already.
    """

    def __init__(self, nursery: Nursery, sinks: Sequence[Sink], stores: Stores | None = None) -> None:
        entropy = ENTROPY.get()
        self.tree_id: str = f"{entropy.getrandbits(48):012x}"
        self.home: int = get_ident()
        """The thread of its loop."""
        self.now: Callable[[], float] = loop_clock()
        self.parker: Callable[[], Parker] = parker_type()
        self.current_task: Callable[[], Any] = task_finder()
        self.new_scope: Callable[[], CancelScope] = scope_type()
        self.timekeeper: Timekeeper = Timekeeper(self.now, self.parker())
        self.telemetry: Telemetry = Telemetry(sinks)
        self.emit: Callable[[Event], None] = self.telemetry.emit
        self.topics: Topics = Topics()
        self.registries: Registries = Registries(self.topics, self.parker)
        self.pools: dict[Place, Branch] = {}
        """Where each named pool is, for who looks it up."""
        self.store: MemoryStore = MemoryStore()
        self.stores: Stores = Stores() if stores is None else stores
        self.wall: Callable[[], float] = wall_time
        """The wall clock, in seconds since 1970."""
        if time_is_virtual():
            began = wall_time() - self.now()
            # The same time passes on both clocks, or instants would shift as they are remembered.
            self.wall = lambda: began + self.now()
        self.random: random.Random = random.Random(entropy.getrandbits(64))
        self.asking: Asking | None = None
        """In debug mode: who waits, in a handler, for whose answer."""
        self.disclose: Callable[[object], object] | None = None
        """What a crash report may say of a message or an actor."""
        self.closed: bool = False
        self.ended: bool = False
        """No life is left: nothing more will be published."""
        self.spare_parkers: list[Parker] = []
        """Where nobody sleeps now, for the next asks."""
        self.calls: int = 0
        """How often supervisors were asked to start or stop a child."""
        self._accepted: dict[tuple[type, ...] | None, set[type]] = {}
        self._nursery = nursery
        self._context: Context = copy_context()
        self._context.run(CURRENT_PLACE.set, None)  # a tree inside an actor is not the actor
        RUNTIMES.add(self)

    def accepted(self, accepts: tuple[type, ...] | None) -> set[type]:
        """The classes that are known to be accepted where these are: one set for all of a class of actors."""
        known = self._accepted.get(accepts)
        if known is None:
            known = self._accepted[accepts] = set(accepts or ())
        return known

    def variables(self) -> Context:
        """Context variables for something new: those of the tree, not of whoever asks for it."""
        return self._context.copy()

    def same_variables(self, variables: Context) -> bool:
        """Whether nobody has changed what `variables()` gave."""
        own = self._context  # compared one by one: a value that is merely equal is another, and its `==` may raise
        return len(variables) == len(own) and all(own.get(one, _UNSET) is value for one, value in variables.items())

    def spawn(
        self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any, name: str, variables: Context | None = None
    ) -> object:
        """Run a task in the tree's nursery, whoever asks.

        Args:
            function: what to run, with `args`.
            name: the task's.
            variables: what it sees as context variables, for itself alone; None: those of the tree.

        Returns:
            The task, where it is known before it runs; else None.
        """
        variables = self._context.copy() if variables is None else variables
        return self._nursery.start(function, *args, name=name, context=variables)

    @uninterrupted
    async def keep_time(self) -> None:
        """Run the timers until `close`.

        Cancellation: shielded; a native `task.cancel()` is not heeded, or nothing would have a grace from then on.
        """
        while not self.closed:
            try:
                await self.timekeeper.run()
            except get_cancelled_exc_class():
                continue

    def end_streams(self) -> None:
        """No life is left: who reads events or topics has read all there is."""
        self.ended = True
        self.topics.close()
        self.telemetry.close()

    def close(self) -> None:
        """End the timers, and the streams if that was not done."""
        self.closed = True
        self.end_streams()
        self.timekeeper.close()

    def dead_letter(self, path: str, message: object, reason: str) -> None:
        """Report a message that nobody will handle."""
        self.emit(DeadLetter(path=path, at=self.now(), message=type(message).__name__, reason=reason))
        if self.topics.count(DEAD_LETTERS) and not isinstance(message, Undelivered):  # its own dead letters would never end
            self.topics.publish(DEAD_LETTERS, Undelivered(path, message, reason, self.now()))

    def describe(self, value: object) -> str:
        """What a crash report says of a message or an actor: its class, or what `disclose` makes of it, without secrets."""
        kind = type(value).__name__
        if self.disclose is None:
            return kind
        try:
            return str(redact(self.disclose(value)))[:DISCLOSED]
        except Exception as error:  # noqa: BLE001  # a hook that fails hides the data, and hurts nobody
            return f"{kind}, about which disclose() raised {type(error).__name__}"


RUNTIMES: WeakSet[Runtime] = WeakSet()
"""The trees of this process that are still referred to, for who looks for what was left behind."""
