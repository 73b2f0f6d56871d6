"""Calls that fail for a passing reason are made again, as long as that helps and can do no harm.

    @Retry(idempotent=True)                     for attempt in Retry(attempts=5):
    async def fetch(symbol): ...                    with attempt:
                                                        attempt.set_result(fetch(symbol))

Theory of operation:

* Whether an error may be tried again, `classify` says, or `on`. But a call whose outcome is unknown (a timeout, a connection
  lost after the request was sent) is made again only if it is declared `idempotent`: a second order is worse than an error.
* What the caller gets in the end is the last error itself, with notes, or the last result. Nothing is wrapped.
* A call that succeeds at once pays for a `try` and for a count. Whatever else there is to do begins with the first failure;
  options that need more (a deadline, a timeout, a look at the result) give the function another wrapper.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from random import random as random_number
from types import CoroutineType
from typing import Any, Never, NoReturn, ParamSpec, TypeVar

from attrs import Attribute, Factory, field, frozen

from actors.errors import CallTimeout
from actors.errors.checks import count, kind_of, number, refuse
from actors.resilience.choosing import as_tuple
from actors.resilience.clock import Clock
from actors.resilience.hooks import complain, plain_function
from actors.resilience.naming import bear_name
from actors.resilience.policy import Async, Policy, refuse_coroutine
from actors.resilience.retrying.attempts import Attempts
from actors.resilience.retrying.budget import RetryBudget
from actors.resilience.retrying.delays import Delays
from actors.resilience.retrying.plan import RetryRules, StopReason
from actors.resilience.retrying.record import RetryCounts, RetryEvent, RetryStatistics
from actors.resilience.retrying.verdict import Judged, On
from actors.resilience.tally import Tally
from supervisor.backoff import is_number
from supervisor.parking import scope_within
from supervisor.secrets import redact

__all__ = ["Retry"]

P = ParamSpec("P")
R = TypeVar("R")


def _check_on(retry: Retry, attribute: Attribute[Any], value: Any) -> None:
    classes = value if isinstance(value, tuple) else (value,)
    if all(isinstance(one, type) for one in classes):
        # Cancellation, KeyboardInterrupt and the like are no failures, and nothing may swallow them.
        if not classes or not all(issubclass(one, Exception) for one in classes):
            refuse(retry, attribute, value, "subclasses of Exception, for example on=(ConnectionLost, RateLimited)")
    elif isinstance(value, tuple):
        refuse(retry, attribute, value, "a tuple of classes of errors, for example on=(ConnectionLost, RateLimited)")
    else:
        plain_function(retry, attribute, value)


def _check_idempotent(retry: Retry, attribute: Attribute[Any], value: object) -> None:
    # A text such as "no" would count as True, and an order would be sent twice.
    if not isinstance(value, bool):
        refuse(retry, attribute, value, "idempotent=True or idempotent=False")


def _check_random(retry: Retry, attribute: Attribute[Any], value: object) -> None:
    if not callable(value):
        refuse(retry, attribute, value, "a function that returns a number in [0, 1), for example random=random.random")


def _check_hint_ceiling(retry: Retry, attribute: Attribute[Any], value: Any) -> None:
    if not is_number(value) or value < retry.hint_floor:
        example = f"for example hint_ceiling={max(300.0, retry.hint_floor)!r}"
        refuse(retry, attribute, value, f"seconds, no less than hint_floor={retry.hint_floor!r}, {example}")


def _check_budget(retry: Retry, attribute: Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, RetryBudget):
        refuse(retry, attribute, value, "a RetryBudget, for example budget=RetryBudget(), or None")


def _rules(retry: Retry) -> RetryRules:
    return RetryRules(
        attempts=retry.attempts,
        within=retry.within,
        idempotent=retry.idempotent,
        delays=retry.delays,
        hint_floor=retry.hint_floor,
        hint_ceiling=retry.hint_ceiling,
    )


def _clock(retry: Retry) -> Clock:
    return Clock(retry.clock)


_seconds_or_none = number(lambda value: value > 0, "seconds above 0, or None", "10.0", optional=True)


@frozen(eq=False)
class Retry(Policy[Never]):
    """Makes a call again when it failed for a passing reason.

    In the end the last error is raised, the same object, with a note for each attempt and one that says why it was not tried
    again. When attempts are used up because of `on_result`, the last result is returned.

    A sync call that would have to wait where an event loop runs is not tried again: its error says so. A group of errors is
    tried again only if each error in it may be. To `stop` a call that waits, make it through `begin()`; to run a block again,
    write `for attempt in retry: with attempt: ...`, or `async for`.

    Raises:
        SpecError: a field is out of its range; says what was given, what was expected and what to type.
        TypeError: a hook or predicate is an `async def`; a sync function or block is given to one with an `attempt_timeout`,
            because a thread cannot be stopped: put a `Timeout` inside, in a `Pipeline`.
    """

    attempts: int = field(default=3, validator=count(3))
    """Calls at most, the first included."""
    within: float | None = field(kw_only=True, default=None, validator=_seconds_or_none)
    """Seconds for all of it: no attempt begins after that, and no wait is begun that would end after it. It does not cut an
    attempt short; an `attempt_timeout` does, and ends at this deadline too."""
    attempt_timeout: float | None = field(kw_only=True, default=None, validator=_seconds_or_none)
    """Seconds for one attempt; then it is cancelled, and has failed with CallTimeout. That is an unknown outcome: unless the
    call is `idempotent`, it is bounded by this, and not tried again."""
    delays: Delays = field(kw_only=True, factory=Delays, validator=kind_of(Delays, "Delays"))
    """Waits between attempts."""
    on: On = field(kw_only=True, default=None, converter=as_tuple, validator=_check_on)
    """What may be tried again: a class of errors, several, or a predicate that is given an error (of a group, each one); None:
    what `classify` says."""
    on_result: Callable[[Any], bool] | None = field(kw_only=True, default=None, validator=plain_function)
    """Whether a result is to be tried again."""
    idempotent: bool = field(kw_only=True, default=False, validator=_check_idempotent)
    """To do it twice is the same as to do it once. Without that, a call whose outcome is unknown is never made again, whatever
    `on` says."""
    hint_floor: float = field(
        kw_only=True, default=0.0, validator=number(lambda value: value >= 0, "seconds of 0 or more", "0.0")
    )
    """Where the other side says how long to wait, we wait at least this long. `delays` has no part in such a wait."""
    hint_ceiling: float = field(kw_only=True, default=300.0, validator=_check_hint_ceiling)
    """Where it says more than this, we do not wait at all. Up to a tenth, at most 1 s, is added to what it says."""
    budget: RetryBudget | None = field(kw_only=True, default=None, validator=_check_budget)
    """Shared by all that call the same server."""
    on_retry: Callable[[RetryEvent], object] | None = field(kw_only=True, default=None, validator=plain_function)
    """Called before each wait. What it raises is logged."""
    random: Callable[[], float] = field(kw_only=True, default=random_number, validator=_check_random)
    """A number in [0, 1), for jitter."""
    clock: Callable[[], float] | None = field(kw_only=True, default=None, validator=plain_function)
    """For tests; None for the clock of the loop that runs, or `time.monotonic`."""
    name: str = field(default="retry", kw_only=True)
    _rules: RetryRules = field(default=Factory(_rules, takes_self=True), init=False, repr=False)
    _clock: Clock = field(default=Factory(_clock, takes_self=True), init=False, repr=False)
    _first_try: Tally = field(factory=Tally, init=False, repr=False)
    _counts: RetryCounts = field(factory=RetryCounts, init=False, repr=False)

    def begin(self, *, blocking: bool = False) -> Attempts:
        """The attempts of one call: to be able to stop it, or to drive it by hand. The time of `within` starts here.

        Args:
            blocking: for who drives it by hand: waits are made with `sleep`, not with `asleep`.
        """
        return Attempts(self, None if self.within is None else self._clock.now(), blocking=blocking)

    def __iter__(self) -> Attempts:
        return iter(self.begin())

    def __aiter__(self) -> Attempts:
        return self.begin().__aiter__()

    def statistics(self) -> RetryStatistics:
        """All that can be known of it, at this moment."""
        return self._counts.statistics(self._first_try.value())

    def __str__(self) -> str:
        within = "" if self.within is None else f" within {self.within:g} s"
        each = "" if self.attempt_timeout is None else f" of {self.attempt_timeout:g} s"
        what = ", also after an unknown outcome" if self.idempotent else ""
        budget = "" if self.budget is None else f", on the {self.budget.name}"
        return f"{self.name}: {self.attempts} attempts{each}{within}, {self.delays}{what}{budget}"

    # The policy

    def _wrapped(self, function: Callable[P, R]) -> Callable[P, R]:
        self._refuse_attempt_timeout()
        succeed = self._successes()
        now = None if self.within is None else self._clock.now
        unwanted = None if self.on_result is None else self._unwanted

        def retried(*args: P.args, **kwargs: P.kwargs) -> R:
            started = None if now is None else now()
            try:
                result = function(*args, **kwargs)
            except Exception as error:
                attempts = Attempts(self, started, blocking=True)
                delay = attempts.after(error)
                if delay is None:
                    raise
            else:
                if type(result) is CoroutineType:
                    refuse_coroutine(result)
                if unwanted is None or not unwanted(result):
                    succeed()
                    return result
                attempts = Attempts(self, started, blocking=True)
                delay = attempts._failed(None, result)
                if delay is None:
                    return result
            return attempts._run(function, args, kwargs, delay)

        bear_name(retried, function)
        return retried

    def _awrapped(self, function: Callable[P, Awaitable[R]]) -> Async[P, R]:
        succeed = self._successes()
        now = None if self.within is None else self._clock.now
        unwanted = None if self.on_result is None else self._unwanted
        timed = None if self.attempt_timeout is None else self._timed

        async def retried(*args: P.args, **kwargs: P.kwargs) -> R:
            started = None if now is None else now()
            try:
                if timed is None:
                    result = await function(*args, **kwargs)
                else:
                    result = await timed(function, args, kwargs, 1, started)
            except Exception as error:
                attempts = Attempts(self, started)
                delay = attempts.after(error)
                if delay is None:
                    raise
            else:
                if unwanted is None or not unwanted(result):
                    succeed()
                    return result
                attempts = Attempts(self, started)
                delay = attempts._failed(None, result)
                if delay is None:
                    return result
            return await attempts._arun(function, args, kwargs, delay)

        bear_name(retried, function)
        return retried

    def _passage(self) -> NoReturn:
        raise TypeError(
            "a `with` block cannot be run again by what guards it; expected: for attempt in retry: with attempt: ... "
            "(or async for attempt in retry: async with attempt: ...)"
        )

    # For its attempts

    def _successes(self) -> Callable[[], object]:
        """What counts a success at the first try."""
        return self._first_try.add if self.budget is None else self._succeed

    def _succeed(self) -> None:
        self._first_try.add()
        if self.budget is not None:
            self.budget.succeeded()

    def _unwanted(self, result: object) -> bool:
        if self.on_result is None:
            return False
        try:
            return bool(self.on_result(result))
        except Exception as failure:  # noqa: BLE001  # the call has its result, which the predicate's failure must not take away
            complain("the predicate `on_result` failed", failure, self.name)
            return False

    async def _timed(
        self, function: Callable[..., Awaitable[R]], args: Any, kwargs: Any, attempt: int, started: float | None
    ) -> R:
        """One attempt with a timeout.

        Cancellation: as the function's.
        """
        seconds = self._seconds_left(started)
        with scope_within(seconds):
            return await function(*args, **kwargs)
        # Only our own scope's cancellation ends there; any other goes on through it.
        raise self._timed_out(attempt, seconds)

    def _seconds_left(self, started: float | None) -> float:
        """What an attempt that begins now may take."""
        seconds = math.inf if self.attempt_timeout is None else self.attempt_timeout
        if self.within is not None and started is not None:
            seconds = max(min(seconds, self.within - (self._clock.now() - started)), 0.0)
        return seconds

    def _timed_out(self, attempt: int, seconds: float) -> CallTimeout:
        return CallTimeout(f"attempt {attempt}", seconds, name=self.name)

    def _refuse_attempt_timeout(self) -> None:
        if self.attempt_timeout is not None:
            raise TypeError(
                f"{self.name} has attempt_timeout={self.attempt_timeout!r}, but a thread cannot be stopped; expected an async "
                "function, `async for`, or a Timeout inside: Pipeline(Retry(...), Timeout(...))"
            )

    def _explain(self, reason: StopReason, judged: Judged | None, why: str) -> str:
        """Why a call is not tried again, in words."""
        match reason:
            case StopReason.NOT_RETRYABLE:
                category = "unknown" if judged is None else judged.classification.category
                return f"not retryable: {category}" + ("" if self.on is None else ", and not what `on` names")
            case StopReason.UNKNOWN_OUTCOME:
                return "outcome unknown, and the call is not declared idempotent: pass idempotent=True, or reconcile first"
            case StopReason.STOPPED:
                return "cancelled by stop" + (f": {redact(why)}" if why else "")
            case StopReason.ATTEMPTS:
                return f"all {self.attempts} attempts are used up" if self.attempts > 1 else "there is one attempt"
            case StopReason.HINT_TOO_LONG:
                hint = None if judged is None else judged.verdict.hint
                return f"the other side asks to wait {hint:g} s, more than hint_ceiling={self.hint_ceiling!r}"
            case StopReason.DEADLINE:
                return f"the next attempt would begin after the deadline of {self.within:g} s"
            case StopReason.WOULD_BLOCK:
                return "to wait here would block the event loop: use an async function, or a worker thread"
            case StopReason.BUDGET:
                return f"the {self.budget.name if self.budget else 'budget'} is empty"
