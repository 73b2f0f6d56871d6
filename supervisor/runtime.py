"""What all parts of one running tree share."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, copy_context
from typing import Any

from anyio import get_cancelled_exc_class
from anyio.abc import TaskGroup

from supervisor.events import DeadLetter, Event
from supervisor.parking import loop_clock, parker_type, uninterrupted
from supervisor.ref import CURRENT_PLACE
from supervisor.store import MemoryStore
from supervisor.telemetry import Sink, Telemetry
from supervisor.timekeeper import Timekeeper
from supervisor.topics import Topics

__all__ = ["Runtime"]


class Runtime:
    """One tree's nursery, clock, timers, topics, event sinks and default store.

    Args:
        nursery: where every task of the tree runs.
        sinks: who gets the events.
    """

    def __init__(self, nursery: TaskGroup, sinks: Sequence[Sink]) -> None:
        self.tree_id = uuid.uuid4().hex[:12]
        self.now = loop_clock()
        self.parker = parker_type()
        self.timekeeper = Timekeeper(self.now, self.parker())
        self.telemetry = Telemetry(sinks)
        self.topics = Topics()
        self.store = MemoryStore()
        self.random = random.Random()
        self.closed = False
        self.ended = False
        """No life is left: nothing more will be published."""
        self.on_fatal: Callable[[BaseException], None] = lambda error: None
        """Stops the whole tree in order, for what no sink may swallow."""
        self._nursery = nursery
        self._context: Context = copy_context()
        self._context.run(CURRENT_PLACE.set, None)  # a tree inside an actor is not the actor

    def spawn(self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any, name: str) -> None:
        """Run a task in the tree's nursery, whoever asks: with the context variables of the tree, not of the caller."""
        # A copy, because a loop with eager tasks runs the new task inside this very call, and it may spawn in turn.
        self._context.copy().run(lambda: self._nursery.start_soon(function, *args, name=name))

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

    def emit(self, event: Event) -> None:
        try:
            self.telemetry.emit(event)
        except BaseException as error:  # noqa: BLE001  # Ctrl-C in a sink: let out here it would lose the end of a life
            self.on_fatal(error)

    def dead_letter(self, path: str, message: object, reason: str) -> None:
        """Report a message that nobody will handle."""
        self.emit(DeadLetter(path=path, at=self.now(), message=type(message).__name__, reason=reason))
