"""The attempts of one call: what a retry keeps of it, and what drives it.

    retry.begin().acall(function, ...)          a call that somebody else can `stop` while it waits
    for attempt in retry: with attempt: ...     a block that is run again
    attempts.after(error) and .asleep(delay)    for whoever drives the attempts himself, such as a pipeline

Theory of operation:

* Nothing of a call lives on the policy: each call has `Attempts` of its own, and they are for one call.
* An attempt begins outside of any `except` block. Inside of one, its errors would carry the errors before as their context,
  and a cancellation would too.
* The last error is kept only while the call waits: error, traceback, frame and attempts would form a circle.
* What the budget was charged for a try is given back when the try succeeds, is cancelled, or never begins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeAlias, TypeVar, cast

from actors.resilience.hooks import tell
from actors.resilience.policy import refuse_coroutine
from actors.resilience.retrying.attempt import Attempt
from actors.resilience.retrying.notes import RetryNotes, put_notes
from actors.resilience.retrying.plan import RetryPlan, StopReason, Verdict
from actors.resilience.retrying.record import RetryEvent
from actors.resilience.retrying.verdict import Judged, judge
from actors.resilience.waiting import TaskWaiter, ThreadWaiter, Waiter, in_a_loop

if TYPE_CHECKING:
    from actors.resilience.retrying.retry import Retry

__all__ = ["Attempts"]

P = ParamSpec("P")
R = TypeVar("R")

_Args: TypeAlias = tuple[Any, ...]
_Kwargs: TypeAlias = dict[str, Any]

_UNWANTED = Verdict()


class Attempts:
    """The attempts of one call. `retry.begin()` makes one.

    `stop(reason)` ends the retrying from anywhere: from another task, another thread, the handler of a message. For an order
    that turned out to be accepted while the next attempt was waited for:

        attempts = pending[order_id] = retry.begin()
        await attempts.acall(place, order)
        ...
        pending[order_id].stop("accepted meanwhile")        # elsewhere; what waits wakes, and the last error is raised

    To drive it by hand: make an attempt; then `delay = attempts.after(error, result)`. None: it is over, raise the error
    (its notes are on it) or return the result. Else `attempts.sleep(delay)` or `await attempts.asleep(delay)`; True: make the
    next attempt, False: it was stopped, raise the error or return the result. An attempt that ended with something that is no
    `Exception` is reported by `release()`, and nothing else.

    Args:
        retry: the policy.
        started: when the first attempt began, on the policy's clock; None: that does not matter.
        blocking: `sleep` will be used, not `asleep`: where an event loop runs, nothing is tried again that needs a wait.
    """

    __slots__ = (
        "_begun",
        "_blocking",
        "_current",
        "_error",
        "_notes",
        "_plan",
        "_result",
        "_retry",
        "_spent",
        "_started",
        "_waiter",
        "_why",
        "number",
    )

    def __init__(self, retry: Retry, started: float | None = None, *, blocking: bool = False) -> None:
        self._retry = retry
        self._blocking = blocking
        self._plan = RetryPlan(retry._rules)
        self._notes = RetryNotes(retry.attempts)
        self._started = started
        self._spent = 0
        self._begun = False
        self._error: Exception | None = None
        self._result: Any = None
        self._waiter: Waiter | None = None
        self._current: Attempt | None = None
        self._why = ""
        self.number: int = 1
        """Of the attempt that is made now, or was made last."""

    # For everybody

    def stop(self, reason: str = "") -> None:
        """Try nothing again. An attempt that is being made goes on, and what it ends with is what the call ends with; so does
        the first, if none was made yet.

        Args:
            reason: for the note on the error.
        """
        self._why = reason
        # In this order: whoever goes to sleep now sees the one or is seen by the other.
        self._plan.stopped = True
        waiter = self._waiter
        if waiter is not None:
            waiter.wake()

    def call(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a sync function, in this thread, as often as the policy says."""
        self._begin()
        self._blocking = True
        self._retry._refuse_attempt_timeout()
        return self._run(function, args, kwargs)

    async def acall(self, function: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call an async function, as often as the policy says.

        Cancellation: as the function's; between attempts, nothing is tried again.
        """
        self._begin()
        return await self._arun(function, args, kwargs)

    # For whoever drives it

    def after(self, error: Exception | None, result: object = None) -> float | None:
        """An attempt ended.

        Args:
            error: what it failed with, or None.
            result: what it returned.

        Returns:
            Seconds to wait before the next; None if there is none. Then the error carries its notes.
        """
        if error is None and not self._retry._unwanted(result):
            self._succeeded()
            return None
        return self._failed(error, result)

    def sleep(self, seconds: float) -> bool:
        """Wait in this thread; False if there is to be no other attempt after all.

        Args:
            seconds: what `after` returned.
        """
        began = self._retry._clock.now()
        try:
            if seconds:
                waiter = self._waiter = ThreadWaiter()
                if not self._plan.stopped:
                    waiter.sleep(seconds)
        except BaseException:
            self.release()
            raise
        finally:
            self._woke(began)
        return self._goes_on()

    async def asleep(self, seconds: float) -> bool:
        """As `sleep`, for a task.

        Cancellation: nothing is tried again, and what the budget was charged is given back.
        """
        began = self._retry._clock.now()
        try:
            waiter = self._waiter = TaskWaiter()
            if self._plan.stopped:
                waiter.wake()
            await waiter.sleep(seconds)
        except BaseException:
            self.release()
            raise
        finally:
            self._woke(began)
        return self._goes_on()

    def release(self) -> None:
        """The attempt, or the wait for it, was cancelled: no verdict."""
        self._error = self._result = None
        self._give_back()

    # Blocks

    def __iter__(self) -> Self:
        self._begin()
        self._blocking = True
        self._retry._refuse_attempt_timeout()
        return self

    def __aiter__(self) -> Self:
        self._begin()
        return self

    def __next__(self) -> Attempt:
        if self._current is not None:
            delay = self._current._delay_after()
            if delay is None or not self.sleep(delay):
                self._over()
                raise StopIteration
        self._current = Attempt(self)
        return self._current

    async def __anext__(self) -> Attempt:
        """The next attempt, after its wait.

        Cancellation: as `asleep`.
        """
        if self._current is not None:
            delay = self._current._delay_after()
            if delay is None or not await self.asleep(delay):
                self._over()
                raise StopAsyncIteration
        self._current = Attempt(self)
        return self._current

    # The machinery

    def _begin(self) -> None:
        if self._begun:
            raise RuntimeError("these attempts have been used for a call; expected new ones for each: retry.begin()")
        self._begun = True

    def _run(self, function: Callable[..., R], args: _Args, kwargs: _Kwargs, delay: float | None = None) -> R:
        while True:
            if delay is not None and not self.sleep(delay):
                return cast("R", self._over())
            try:
                result = function(*args, **kwargs)
            except Exception as error:
                delay = self.after(error)
                if delay is None:
                    raise
            except BaseException:
                self.release()
                raise
            else:
                if type(result) is CoroutineType:
                    self.release()
                    refuse_coroutine(result)
                delay = self.after(None, result)
                if delay is None:
                    return result

    async def _arun(self, function: Callable[..., Awaitable[R]], args: _Args, kwargs: _Kwargs, delay: float | None = None) -> R:
        """Attempt after attempt; with a `delay` first, where one was made already.

        Cancellation: as `acall`.
        """
        timed = self._retry.attempt_timeout is not None
        while True:
            if delay is not None and not await self.asleep(delay):
                return cast("R", self._over())
            try:
                if timed:
                    result = await self._retry._timed(function, args, kwargs, self.number, self._started)
                else:
                    result = await function(*args, **kwargs)
            except Exception as error:
                delay = self.after(error)
                if delay is None:
                    raise
            except BaseException:
                self.release()
                raise
            else:
                delay = self.after(None, result)
                if delay is None:
                    return result

    def _failed(self, error: Exception | None, result: object) -> float | None:
        retry = self._retry
        self._spent = 0
        now = retry._clock.now()
        started = self._started
        if started is None:
            started = self._started = now
        judged = None if error is None else judge(error, retry.on, retry.name)
        verdict = _UNWANTED if judged is None else judged.verdict
        blocked = self._blocking and in_a_loop()
        answer = self._plan.after(now - started, verdict, retry.random(), blocked=blocked)
        if not isinstance(answer, StopReason) and retry.budget is not None:
            cost = retry.budget.take(retry.name, throttled=judged is not None and judged.throttled)
            if cost is None:
                answer = StopReason.BUDGET
            else:
                self._spent = cost
        retry._counts.failed(first=self.number == 1)
        if isinstance(answer, StopReason):
            self._end(answer, error, judged, now - started)
            return None
        self._notes.failed(self.number, now - started, error)
        self._error, self._result = error, result
        self._tell(answer, error, judged, now - started)
        return answer

    def _succeeded(self) -> None:
        retry = self._retry
        if self.number == 1:
            retry._succeed()
        else:
            retry._counts.recovered()
            self._give_back()

    def _give_back(self) -> None:
        if self._spent and self._retry.budget is not None:
            self._retry.budget.give_back(self._spent)
        self._spent = 0

    def _end(self, reason: StopReason, error: Exception | None, judged: Judged | None, elapsed: float) -> None:
        retry = self._retry
        retry._counts.ended(reason)
        if error is not None:
            if self.number > 1:
                # Of a single attempt the error itself tells all there is to tell.
                self._notes.failed(self.number, elapsed, error)
            put_notes(error, retry.name, self._notes.lines(retry._explain(reason, judged, self._why)))

    def _tell(self, delay: float, error: Exception | None, judged: Judged | None, elapsed: float) -> None:
        retry = self._retry
        if retry.on_retry is None:
            return
        classification = None if judged is None else judged.classification
        if judged is None or classification is None:
            reason = "its result was not wanted"
        else:
            hint = judged.verdict.hint
            reason = (
                str(classification.category) if hint is None else f"{classification.category}, which asks to wait {hint:g} s"
            )
        event = RetryEvent(
            name=retry.name,
            attempt=self.number,
            delay=delay,
            error=error,
            classification=classification,
            reason=reason,
            elapsed=elapsed,
        )
        if not tell(retry.on_retry, event, retry.name):
            retry._counts.hook_failed()

    def _woke(self, began: float) -> None:
        self._waiter = None
        slept = max(self._retry._clock.now() - began, 0.0)
        self._retry._counts.woke(slept)
        self._notes.waited(slept)

    def _goes_on(self) -> bool:
        retry = self._retry
        reason = None
        if self._plan.stopped:
            reason = StopReason.STOPPED
        elif retry.within is not None and self._started is not None and retry._clock.now() - self._started >= retry.within:
            # The loop was busy, or the machine asleep: the wait was longer than it should have been.
            reason = StopReason.DEADLINE
        if reason is None:
            self._error = self._result = None
            self.number += 1
            retry._counts.retried()
            return True
        self._give_back()
        retry._counts.ended(reason)
        if self._error is not None:
            put_notes(self._error, retry.name, self._notes.lines(retry._explain(reason, None, self._why)))
        return False

    def _over(self) -> Any:
        """Raise the last error, or return the last result, of a call that ended while it waited."""
        error, result = self._error, self._result
        self._error = self._result = None
        if error is None:
            return result
        try:
            raise error
        finally:
            del error
