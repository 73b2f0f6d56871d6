"""Keeps calls within the limits of a server that counts them: several windows at once, for all who share one address.

limiter = RateLimiter(name="binance", windows=(Limit(6000, within=60.0), Limit(50, within=10.0, kind=LimitKind.BUCKET)))

@limiter                               @limiter.weighing(20, priority=1)       await limiter.atake(5)   # then make it
async def ping() -> None: ...          async def depth() -> Depth: ...         limiter.observe(1184, within=60.0)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from types import CoroutineType
from typing import Any, ParamSpec, TypeVar

from attrs import Attribute, Factory, define, field

from actors.errors import Category, classify
from actors.errors.checks import number, refuse
from actors.resilience.hints import LONGEST_BAN, asked_wait
from actors.resilience.limiting.gate import Gate, LimiterStatistics
from actors.resilience.limiting.limit import Limit
from actors.resilience.naming import bear_name
from actors.resilience.policy import Async, Passage, Policy, refuse_coroutine
from supervisor.backoff import is_count

__all__ = ["RateLimiter"]

P = ParamSpec("P")
R = TypeVar("R")


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, Iterable) else value


def _check_windows(limiter: RateLimiter, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple) or not value or not all(isinstance(one, Limit) for one in value):
        refuse(limiter, attribute, value, "limits, for example windows=(Limit(6000, within=60.0),)")


def _check_weight(limiter: RateLimiter, attribute: Attribute[Any], value: Any) -> None:
    heaviest = min(limit.window().heaviest for limit in limiter.windows)
    if not is_count(value) or value > heaviest:
        expected = f"a weight from 1 to {heaviest}, for which every window has room, for example weight=1"
        refuse(limiter, attribute, value, expected)


def _check_waiting(limiter: RateLimiter, attribute: Attribute[Any], value: Any) -> None:
    if not is_count(value, 0):
        refuse(limiter, attribute, value, "a count of 0 or more, for example waiting=1000")


def _check_priority(limiter: RateLimiter, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        refuse(limiter, attribute, value, "a whole number, the lower the sooner, for example priority=0")


_check_patience = number(lambda value: value >= 0, "seconds of 0 or more, or None", "5.0", optional=True)


@define(eq=False, kw_only=True)
class RateLimiter(Policy[None]):
    """Lets calls through as the limits allow, and has the others wait in a line. Shared by tasks, threads and loops.

    Lower priorities go first, and among equals first come first served; nobody overtakes a heavy call that does not fit yet.
    There is no ageing: a cancel must never wait for market data, so a steady stream of lower numbers keeps higher ones waiting,
    until their patience ends. A call counts from when it is made, whatever becomes of it.

    Raises:
        SpecError: an option cannot work; says which, what was given and what to type.
    """

    windows: tuple[Limit, ...] = field(converter=_as_tuple, validator=_check_windows)
    """Each holds for every call."""
    name: str = "limiter"
    """For errors and for people."""
    weight: int = field(default=1, validator=_check_weight)
    """Of a call that does not say otherwise."""
    priority: int = field(default=0, validator=_check_priority)
    """Of a call that does not say otherwise: the lower the sooner."""
    waiting: int = field(default=1000, validator=_check_waiting)
    """The most calls that wait; LimitReached for one more. 0: nobody waits."""
    patience: float | None = field(default=None, validator=_check_patience)
    """The most seconds that a call waits: LimitReached as soon as it is clear that it would be longer. None: without end."""
    heed: bool = True
    """Whether the error of a guarded call says something to all: one that means too many requests, and for how long to wait
    (HTTP 429 or 418 with Retry-After), is a ban for that long. The server counts by address, not by caller."""
    clock: Callable[[], float] | None = None
    """For tests; None for the clock of the loop that runs."""
    _gate: Gate = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        windows = tuple(limit.window() for limit in self.windows)
        self._gate = Gate(self.name, windows, self.waiting, self.patience, self.clock)

    def __str__(self) -> str:
        return f"rate limit {self.name}: {'; '.join(str(limit) for limit in self.windows)}"

    def take_nowait(self, weight: int | None = None, priority: int | None = None) -> None:
        """Count a call that is made now.

        Args:
            weight: what it weighs; None for the limiter's.
            priority: as who it comes, the lower the sooner; None for the limiter's.

        Raises:
            LimitReached: it would have to wait; says how long.
            ValueError: no window ever has room for this weight.
        """
        weight, priority = self._filled(weight, priority)
        if not self._gate.took(weight, priority):
            raise self._gate.refuse(weight, priority)

    def take(self, weight: int | None = None, priority: int | None = None) -> None:
        """Wait in this thread until a call may be made, and count it. Then make it at once.

        Args:
            weight: what it weighs; None for the limiter's.
            priority: as who it comes, the lower the sooner; None for the limiter's.

        Raises:
            LimitReached: too many wait, or it would be longer than the patience.
            RuntimeError: it would have to wait, and an event loop runs in this thread.
            ValueError: no window ever has room for this weight.
        """
        weight, priority = self._filled(weight, priority)
        if not self._gate.took(weight, priority):
            self._gate.wait(weight, priority)

    async def atake(self, weight: int | None = None, priority: int | None = None) -> None:
        """As `take`, for a task.

        Cancellation: atomic; the place in the line is given back, and those behind move up at once. No checkpoint where there
        is room.
        """
        weight, priority = self._filled(weight, priority)
        if not self._gate.took(weight, priority):
            await self._gate.await_turn(weight, priority)

    def weighing(self, weight: int, *, priority: int | None = None) -> Policy[None]:
        """A policy that shares this limiter, for calls of another weight or priority: a decorator, a context manager, `call`.

        Raises:
            ValueError: no window ever has room for this weight.
        """
        self._gate.check(weight)
        return _Share(self, *self._filled(weight, priority))

    def delay(self, weight: int | None = None, priority: int | None = None) -> float:
        """Seconds until a call would have its turn if it queued now. It walks the line, so it is not for every call."""
        return self._gate.delay(*self._filled(weight, priority))

    def observe(self, used: int, *, within: float) -> None:
        """The server says how much weight it has counted in its window of this length, as in a header of each answer.

        What it knows beyond our count, of other programs at the same address, counts from now on; less changes nothing.

        Args:
            used: the weight.
            within: seconds; a length that no window here has changes nothing.
        """
        self._gate.observe(used, within)

    def ban_until(self, moment: float) -> None:
        """Let nothing through before this time of the loop's clock. A ban is never shortened.

        Who waits and would lose patience is refused at once.
        """
        self._gate.ban_until(moment)

    def ban_for(self, seconds: float) -> None:
        """Let nothing through for so long. As `ban_until`."""
        self._gate.ban_for(seconds)

    def lift_ban(self) -> None:
        """Forget the ban. For an operator who knows that it is over: to be wrong makes most bans longer."""
        self._gate.lift_ban()

    def heed_error(self, error: BaseException) -> None:
        """Learn from a call that was not made through the limiter what `heed` learns from those that were."""
        seconds = _asked_to_wait(error)
        if seconds > 0:
            self._gate.ban_for(seconds)

    def statistics(self) -> LimiterStatistics:
        """What it has done so far, and how it is now."""
        return self._gate.statistics()

    def _wrapped(self, function: Callable[P, R]) -> Callable[P, R]:
        return _wrap(self, self.weight, self.priority, function)

    def _awrapped(self, function: Callable[P, Awaitable[R]]) -> Async[P, R]:
        return _awrap(self, self.weight, self.priority, function)

    def _passage(self) -> Passage[None]:
        return _Block(self, self.weight, self.priority)

    def _filled(self, weight: int | None, priority: int | None) -> tuple[int, int]:
        return self.weight if weight is None else weight, self.priority if priority is None else priority


def _asked_to_wait(error: BaseException) -> float:
    """Seconds for which the server wants to be left alone; 0 where it did not say so."""
    judged = classify(error)
    if judged.category is not Category.RATE_LIMIT:
        return 0.0
    # A ban is never shortened, so no slip of the other side may make one for ever.
    return min(asked_wait(error, judged) or 0.0, LONGEST_BAN)


def _learner(limiter: RateLimiter) -> Callable[[Exception], None]:
    return limiter.heed_error if limiter.heed else lambda error: None


def _wrap(limiter: RateLimiter, weight: int, priority: int, function: Callable[P, R]) -> Callable[P, R]:
    took, wait, learn = limiter._gate.took, limiter._gate.wait, _learner(limiter)

    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        if not took(weight, priority):
            wait(weight, priority)
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            learn(error)
            raise
        if type(result) is CoroutineType:
            refuse_coroutine(result)
        return result

    bear_name(limited, function)
    return limited


def _awrap(limiter: RateLimiter, weight: int, priority: int, function: Callable[P, Awaitable[R]]) -> Async[P, R]:
    took, wait, learn = limiter._gate.took, limiter._gate.await_turn, _learner(limiter)

    async def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        if not took(weight, priority):
            await wait(weight, priority)
        try:
            return await function(*args, **kwargs)
        except Exception as error:
            learn(error)
            raise

    bear_name(limited, function)
    return limited


class _Block(Passage[None]):
    """One `with` block."""

    __slots__ = ("_limiter", "_priority", "_weight")

    def __init__(self, limiter: RateLimiter, weight: int, priority: int) -> None:
        self._limiter = limiter
        self._weight = weight
        self._priority = priority

    def enter(self) -> None:
        self._limiter.take(self._weight, self._priority)

    async def aenter(self) -> None:
        """Cancellation: atomic; the place in the line is given back."""
        await self._limiter.atake(self._weight, self._priority)

    def leave(self, error: BaseException | None) -> bool:
        if isinstance(error, Exception):
            _learner(self._limiter)(error)
        return False


@define(eq=False)
class _Share(Policy[None]):
    """A limiter, for calls of another weight."""

    limiter: RateLimiter
    weight: int
    priority: int
    name: str = field(default=Factory(lambda self: self.limiter.name, takes_self=True), init=False, repr=False)

    def __str__(self) -> str:
        return f"{self.limiter}; weight {self.weight}, priority {self.priority}"

    def statistics(self) -> LimiterStatistics:
        """The limiter's."""
        return self.limiter.statistics()

    def _wrapped(self, function: Callable[P, R]) -> Callable[P, R]:
        return _wrap(self.limiter, self.weight, self.priority, function)

    def _awrapped(self, function: Callable[P, Awaitable[R]]) -> Async[P, R]:
        return _awrap(self.limiter, self.weight, self.priority, function)

    def _passage(self) -> Passage[None]:
        return _Block(self.limiter, self.weight, self.priority)
