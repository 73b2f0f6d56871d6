"""So many calls at once and no more, so that one slow thing cannot use up everything.

    orders = Bulkhead(limit=5, name="orders", queue=50, patience=2.0)

    @orders                                     async with orders: ...       orders.prioritised(-1).acall(cancel, order)
    async def place(order: Order) -> Ack: ...

A slot belongs to the task that entered, or the thread where no task runs: it may enter again without a second slot. It is told
by its identity, not by a context variable, of which a child task has a copy: ten children of one call are ten calls.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import Any, ParamSpec, TypeVar

from attrs import Attribute, Factory, define, field

from actors.errors.checks import count, number, refuse
from actors.resilience.limiting.slots import BulkheadStatistics, Slots
from actors.resilience.naming import bear_name
from actors.resilience.policy import Async, Passage, Policy, refuse_coroutine
from actors.resilience.waiting import who_runs
from supervisor.backoff import is_count

__all__ = ["Bulkhead"]

P = ParamSpec("P")
R = TypeVar("R")


def _check_queue(bulkhead: Bulkhead, attribute: Attribute[Any], value: Any) -> None:
    if not is_count(value, 0):
        refuse(bulkhead, attribute, value, "a count of 0 or more, for example queue=100")


def _check_priority(bulkhead: Bulkhead, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        refuse(bulkhead, attribute, value, "a whole number, the lower the sooner, for example priority=0")


_check_patience = number(lambda value: value >= 0, "seconds of 0 or more, or None", "5.0", optional=True)


@define(eq=False)
class Bulkhead(Policy[None]):
    """Lets so many calls in at once, has some more wait, and refuses the rest. Shared by tasks, threads and loops.

    A task or thread that is inside may enter again: it has its slot. Its child tasks and worker threads do not share that: who
    is inside and waits for a child that has to enter too needs a second slot, or waits for ever where the limit is 1.
    Lower priorities go first, and among equals first come first served; there is no ageing.

    Raises:
        SpecError: an option cannot work; says which, what was given and what to type.
        BulkheadFull: from a call or block, which was not begun: the queue is full, or its patience has ended.
    """

    limit: int = field(validator=count(10))
    """How many calls at once. `resize` changes it."""
    name: str = field(default="bulkhead", kw_only=True)
    """For errors and for people."""
    queue: int = field(kw_only=True, default=100, validator=_check_queue)
    """The most calls that wait; BulkheadFull for one more. 0: nobody waits."""
    patience: float | None = field(kw_only=True, default=None, validator=_check_patience)
    """The most seconds that a call waits, then BulkheadFull. None: without end."""
    priority: int = field(kw_only=True, default=0, validator=_check_priority)
    """Of a call that does not say otherwise: the lower the sooner."""
    clock: Callable[[], float] | None = field(default=None, kw_only=True)
    """For tests; None for the clock of the loop that runs."""
    _slots: Slots = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._slots = Slots(self.name, self.limit, self.queue, self.patience, self.clock)

    def __str__(self) -> str:
        patience = "" if self.patience is None else f" for {self.patience:g} s"
        queue = f", {self.queue} wait{patience}" if self.queue else ""
        return f"bulkhead {self.name}: {self.limit} at once{queue}"

    def prioritised(self, priority: int) -> Policy[None]:
        """A policy that shares this bulkhead, for calls of another priority: a decorator, a context manager, `call`."""
        return _Share(self, priority)

    def resize(self, limit: int) -> None:
        """Allow so many calls at once from now on. Nobody inside is put out: of too many, the next ones leave first.

        Raises:
            SpecError: it is no count of 1 or more.
        """
        self.limit = limit  # which asks the validator
        self._slots.resize(limit)

    def statistics(self) -> BulkheadStatistics:
        """What it has done so far, and how it is now."""
        return self._slots.statistics()

    def _wrapped(self, function: Callable[P, R]) -> Callable[P, R]:
        return _wrap(self, self.priority, function)

    def _awrapped(self, function: Callable[P, Awaitable[R]]) -> Async[P, R]:
        return _awrap(self, self.priority, function)

    def _passage(self) -> Passage[None]:
        return _Block(self, self.priority)


def _wrap(bulkhead: Bulkhead, priority: int, function: Callable[P, R]) -> Callable[P, R]:
    enter, wait, leave = bulkhead._slots.enter, bulkhead._slots.wait, bulkhead._slots.leave

    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        holder = who_runs()
        if not enter(holder):
            wait(holder, priority)
        try:
            result = function(*args, **kwargs)
        finally:
            leave(holder)
        if type(result) is CoroutineType:
            refuse_coroutine(result)
        return result

    bear_name(guarded, function)
    return guarded


def _awrap(bulkhead: Bulkhead, priority: int, function: Callable[P, Awaitable[R]]) -> Async[P, R]:
    enter, wait, leave = bulkhead._slots.enter, bulkhead._slots.await_slot, bulkhead._slots.leave

    async def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        holder = who_runs()
        if not enter(holder):
            await wait(holder, priority)
        try:
            return await function(*args, **kwargs)
        finally:
            leave(holder)

    bear_name(guarded, function)
    return guarded


class _Block(Passage[None]):
    """One `with` block. It leaves as who entered, wherever that is done."""

    __slots__ = ("_holder", "_priority", "_slots")

    def __init__(self, bulkhead: Bulkhead, priority: int) -> None:
        self._slots = bulkhead._slots
        self._priority = priority
        self._holder = who_runs()

    def enter(self) -> None:
        if not self._slots.enter(self._holder):
            self._slots.wait(self._holder, self._priority)

    async def aenter(self) -> None:
        """Cancellation: atomic; no slot is held."""
        if not self._slots.enter(self._holder):
            await self._slots.await_slot(self._holder, self._priority)

    def leave(self, error: BaseException | None) -> bool:
        self._slots.leave(self._holder)
        return False


@define(eq=False)
class _Share(Policy[None]):
    """A bulkhead, for calls of another priority."""

    bulkhead: Bulkhead
    priority: int
    name: str = field(default=Factory(lambda self: self.bulkhead.name, takes_self=True), init=False, repr=False)

    def __str__(self) -> str:
        return f"{self.bulkhead}; priority {self.priority}"

    def statistics(self) -> BulkheadStatistics:
        """The bulkhead's."""
        return self.bulkhead.statistics()

    def _wrapped(self, function: Callable[P, R]) -> Callable[P, R]:
        return _wrap(self.bulkhead, self.priority, function)

    def _awrapped(self, function: Callable[P, Awaitable[R]]) -> Async[P, R]:
        return _awrap(self.bulkhead, self.priority, function)

    def _passage(self) -> Passage[None]:
        return _Block(self.bulkhead, self.priority)
