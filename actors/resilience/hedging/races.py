"""The races that a hedge runs: of tasks, and of threads.

What ends a race leaves it as a value and is raised outside of the task group, so that the caller gets an error, a
`KeyboardInterrupt` or whatever else it was as it was raised, and in no group. Cancellation alone passes through the group.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import anyio

from actors.errors import Action, BulkheadFull, classify
from actors.resilience.breaking.verdict import in_words
from actors.resilience.choosing import whole
from actors.resilience.hedging.plan import HedgePlan, Next
from actors.resilience.policy import refuse_coroutine
from actors.resilience.retrying.notes import put_notes
from actors.resilience.thread_calls import ThreadCall
from actors.resilience.waiting import TaskWaiter

if TYPE_CHECKING:
    from actors.resilience.hedging.hedge import Hedge

__all__ = ["AsyncRace", "ThreadRace"]

R = TypeVar("R")


class _Entrants:
    """What both kinds of race have in common: the plan, the budget, the counts."""

    def __init__(self, hedge: Hedge) -> None:
        self.hedge = hedge
        self.plan = HedgePlan(hedge.hedges)
        self.costs: dict[int, int] = {}
        """{number of a call: what the budget was charged for it}"""
        hedge._calls.add()

    def next_one(self) -> int | None:
        """The number of the next call; None if there is none to start."""
        hedge = self.hedge
        if self.plan.started:
            cost = 0 if hedge.budget is None else hedge.budget.take(hedge.name)
            if cost is None:
                hedge._suppressed.add()
                return None
            hedge._hedges.add()
            self.costs[self.plan.started + 1] = cost
        return self.plan.start()

    def won(self, number: int) -> bool:
        """True if this is the answer."""
        if not self.plan.won():
            return False
        hedge = self.hedge
        if number > 1:
            hedge._won.add()
        if hedge.budget is not None:
            if number == 1:
                hedge.budget.succeeded()
            else:
                hedge.budget.give_back(self.costs[number])
        return True

    def failed(self, number: int, error: Exception) -> Next:
        on = self.hedge.on
        judged = classify(error)
        final = not (judged.retryable(idempotent=True) if on is None else whole(on, error, self.hedge.name))
        return self.plan.failed(number, error, final=final, again_now=judged.action is not Action.WAIT)

    def defeat(self) -> Exception:
        """What is raised because nobody won."""
        error = self.plan.error
        if error is None:
            raise AssertionError("a race ended with neither an answer nor an error")
        self.hedge._failed.add()
        if len(self.plan.failures) > 1:
            told = [f"call {number} of {self.plan.started} failed: {in_words(one)}" for number, one in self.plan.failures]
            put_notes(error, self.hedge.name, told)
        return error

    def forget(self) -> None:
        """Hold no error any more."""
        self.plan.error = None
        self.plan.failures.clear()


class AsyncRace(Generic[R]):
    """One race of tasks."""

    def __init__(self, hedge: Hedge, function: Callable[[], Awaitable[R]]) -> None:
        self._entrants = _Entrants(hedge)
        self._function = function
        self._cancelled = (anyio.get_cancelled_exc_class(), GeneratorExit)
        self._starter = TaskWaiter()
        self._value: R | None = None
        self._answered = False
        self._fatal: BaseException | None = None

    async def run(self) -> R:
        """The first answer.

        Cancellation: all calls are cancelled and awaited.
        """
        entrants = self._entrants
        async with anyio.create_task_group() as group:
            self._group = group
            first = cast("int", entrants.next_one())
            group.start_soon(self._start_others)
            await self._enter(first)
            if not entrants.plan.over:
                await anyio.sleep_forever()
        if self._answered:
            return cast("R", self._value)
        ended = self._fatal or entrants.defeat()
        try:
            raise ended
        finally:
            # Otherwise the error, its traceback and this race would hold each other.
            del ended
            self._fatal = None
            entrants.forget()

    async def _start_others(self) -> None:
        plan = self._entrants.plan
        while plan.may_start:
            delay = self._entrants.hedge._wait()
            if delay is not None:
                await self._starter.sleep(delay)
            number = None if delay is None else self._entrants.next_one()
            if number is None:
                if plan.close() is Next.OVER:
                    self._over()
                return
            self._group.start_soon(self._enter, number)

    async def _enter(self, number: int) -> None:
        try:
            value = await self._function()
        except Exception as error:  # noqa: BLE001  # it is kept, and raised where the race ends
            match self._entrants.failed(number, error):
                case Next.START:
                    self._starter.wake()
                case Next.OVER:
                    self._over()
                case Next.WAIT:
                    pass
        except self._cancelled as error:
            # A task of asyncio that awaits what somebody cancelled ends by itself. The race must not wait for it.
            self._end(error)
            raise
        except BaseException as error:  # noqa: BLE001  # as above
            self._end(error)
        else:
            if self._entrants.won(number):
                self._value, self._answered = value, True
                self._over()

    def _end(self, error: BaseException) -> None:
        if not self._entrants.plan.over:
            self._entrants.plan.over = True
            self._fatal = error
            self._over()

    def _over(self) -> None:
        self._group.cancel_scope.cancel()


class ThreadRace(Generic[R]):
    """One race of threads. Only `run` and what it calls, all in the caller's thread, look at the plan."""

    def __init__(self, hedge: Hedge, what: str, function: Callable[[], R]) -> None:
        self._entrants = _Entrants(hedge)
        self._what = what
        self._function = function
        self._over: queue.SimpleQueue[ThreadCall[R]] = queue.SimpleQueue()
        self._running: dict[ThreadCall[R], int] = {}

    def run(self) -> R:
        entrants = self._entrants
        left = entrants.hedge._left
        try:
            self._start()
            while not entrants.plan.over:
                if (call := self._next_answer()) is None:
                    self._start_hedge()
                    continue
                number = self._running.pop(call)
                try:
                    value = call.result()
                except Exception as error:  # noqa: BLE001  # it is raised where the race ends
                    if entrants.failed(number, error) is Next.START:
                        self._start_hedge()
                else:
                    entrants.won(number)
                    return value
        finally:
            # Also where a KeyboardInterrupt ends it.
            entrants.plan.over = True
            for call in self._running:
                if call.abandon():
                    left.left()
        ended = entrants.defeat()
        try:
            raise ended
        finally:
            del ended
            entrants.forget()

    def _next_answer(self) -> ThreadCall[R] | None:
        """The next call that is over; None when it is time for another one."""
        plan = self._entrants.plan
        patience = self._entrants.hedge._wait() if plan.may_start else None
        if patience is None:
            plan.close()
            return self._over.get()
        try:
            return self._over.get(timeout=min(patience, threading.TIMEOUT_MAX))
        except queue.Empty:
            return None

    def _start_hedge(self) -> None:
        try:
            self._entrants.hedge._left.check()
        except BulkheadFull:
            self._entrants.hedge._suppressed.add()
            self._entrants.plan.close()
            return
        self._start()

    def _start(self) -> None:
        number = self._entrants.next_one()
        if number is None:
            self._entrants.plan.close()
            return
        left = self._entrants.hedge._left
        call = ThreadCall(self._checked, self._over.put, lambda late: left.over(failed=late.error is not None))
        self._running[call] = number
        call.start(self._what)

    def _checked(self) -> R:
        result = self._function()
        if type(result) is CoroutineType:
            refuse_coroutine(result)
        return result
