"""Another call of the same when the first is slow: whoever answers first wins, the others are stopped.

    @Hedge(delay=0.2, idempotent=True)              async with Hedge(delay=0.2, idempotent=True) as race:
    async def fetch(symbol): ...                        value = await race(fetch, symbol)

Theory of operation:

* Async, the race is a task group of its own: nothing outlives the call, and the losers are cancelled and awaited. The first
  call runs in the caller's own task, so that it sees nothing of the race; only the others are tasks.
* Sync, each call runs in a worker thread with a copy of the context, the first one too. The losers cannot be stopped: they
  are abandoned, counted and bounded, and what they raise is of no interest, as another call has answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar, overload

from attrs import Attribute, Factory, define, field, frozen

from actors.errors.checks import count, refuse
from actors.resilience.breaking.verdict import Selector
from actors.resilience.choosing import a_choice, as_tuple
from actors.resilience.hedging.races import AsyncRace, ThreadRace
from actors.resilience.hooks import complain, plain_function
from actors.resilience.naming import bear_name, name_of
from actors.resilience.policy import Async, Passage, Policy
from actors.resilience.retrying.budget import RetryBudget
from actors.resilience.tally import Tally
from actors.resilience.thread_calls import Abandoned
from actors.resilience.waiting import in_a_loop, refuse_to_block
from supervisor.backoff import is_number

__all__ = ["Hedge", "HedgeStatistics", "Race"]

P = ParamSpec("P")
R = TypeVar("R")


@frozen
class HedgeStatistics:
    """What a hedge has seen so far."""

    calls: int
    """Calls that began."""
    hedges: int
    """Further calls that were started."""
    won: int
    """Calls that a further one answered first."""
    failed: int
    """Calls that nobody answered."""
    suppressed: int
    """Further calls that did not start: the budget was empty, or too many abandoned ones run."""
    abandoned: int
    """Losers in threads that still run."""


def _check_idempotent(hedge: Hedge, attribute: Attribute[Any], value: object) -> None:
    if value is not True:
        expected = "True: hedged calls are carried out twice, so declare that this does no harm, and never hedge an order"
        refuse(hedge, attribute, value, expected)


def _check_delay(hedge: Hedge, attribute: Attribute[Any], value: Any) -> None:
    if callable(value):
        plain_function(hedge, attribute, value)
    elif not is_number(value) or value < 0:
        refuse(hedge, attribute, value, "seconds of 0 or more, for example delay=0.2, or a function that returns them")


def _check_budget(hedge: Hedge, attribute: Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, RetryBudget):
        refuse(hedge, attribute, value, "a RetryBudget, for example budget=RetryBudget(), or None")


class Race:
    """What a block has of a hedge: `await race(fetch, symbol)`, or `race(fetch, symbol)` in a plain `with`."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call: Callable[..., Any] | None = call

    @overload
    def __call__(self, function: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a function through the hedge.

        Raises:
            RuntimeError: the block is over.
        """
        if self._call is None:
            raise RuntimeError(
                f"{name_of(function)} was to be called through a hedge whose block is over; expected: in the block"
            )
        return self._call(function, *args, **kwargs)


class _RacePassage(Passage[Race]):
    __slots__ = ("_hedge", "_race")

    def __init__(self, hedge: Hedge) -> None:
        self._hedge = hedge

    def enter(self) -> Race:
        self._race = Race(self._hedge.call)
        return self._race

    async def aenter(self) -> Race:
        """Cancellation: never waits."""
        self._race = Race(self._hedge.acall)
        return self._race

    def leave(self, error: BaseException | None) -> bool:
        self._race._call = None
        return False


@define(eq=False, kw_only=True)
class Hedge(Policy[Race]):
    """Makes the same call again while the first one has not answered yet, and takes the first answer.

    If a call fails, the others may still win; if nothing runs any more, the next one starts at once, unless the other side
    asked to wait. If all fail, the first error is raised, with the others in its notes. An error that `on` does not mean ends
    the race.

    Raises:
        SpecError: a field is out of its range; says what was given, what was expected and what to type.
        TypeError: `on` is an `async def`.
        BulkheadFull: from a sync call, before it begins: too many abandoned losers still run.
    """

    delay: float | Callable[[], float] = field(validator=_check_delay)
    """Seconds without an answer after which the next call starts; 0: all start at once. A function is asked before each wait:
    a percentile of what calls took lately is a good answer. If it fails, that is logged, and no other call starts."""
    idempotent: bool = field(validator=_check_idempotent)
    """Must be True: to do it twice is the same as to do it once."""
    hedges: int = field(default=1, validator=count(1))
    """Calls beyond the first."""
    budget: RetryBudget | None = field(default=None, validator=_check_budget)
    """Shared with retries and other hedges: none are started while it is empty."""
    on: Selector | None = field(default=None, validator=a_choice, converter=as_tuple)
    """After which errors another call may still succeed: classes, or a function that is asked; None: what `classify` says."""
    abandoned: int = field(default=8, validator=count(8))
    """Losers that may still run in threads. While as many do, no new call begins, and none is hedged."""
    name: str = "hedge"
    _calls: Tally = field(factory=Tally, init=False, repr=False)
    _hedges: Tally = field(factory=Tally, init=False, repr=False)
    _won: Tally = field(factory=Tally, init=False, repr=False)
    _failed: Tally = field(factory=Tally, init=False, repr=False)
    _suppressed: Tally = field(factory=Tally, init=False, repr=False)
    _left: Abandoned = field(
        default=Factory(lambda self: Abandoned(self.name, self.abandoned), takes_self=True), init=False, repr=False
    )

    def statistics(self) -> HedgeStatistics:
        """All that can be known of it, at this moment."""
        return HedgeStatistics(
            calls=self._calls.value(),
            hedges=self._hedges.value(),
            won=self._won.value(),
            failed=self._failed.value(),
            suppressed=self._suppressed.value(),
            abandoned=self._left.running,
        )

    def __str__(self) -> str:
        after = f"{self.delay:g} s" if isinstance(self.delay, int | float) else f"{name_of(self.delay)}()"
        budget = "" if self.budget is None else f", on the {self.budget.name}"
        return f"{self.name}: {self.hedges} more after {after} each{budget}"

    def _awrapped(self, function: Callable[P, Awaitable[R]]) -> Async[P, R]:
        async def hedged(*args: P.args, **kwargs: P.kwargs) -> R:
            return await AsyncRace(self, partial(function, *args, **kwargs)).run()

        bear_name(hedged, function)
        return hedged

    def _wrapped(self, function: Callable[P, R]) -> Callable[P, R]:
        what = name_of(function)

        def hedged(*args: P.args, **kwargs: P.kwargs) -> R:
            if in_a_loop():
                refuse_to_block(f"{what}, which a hedge waits for,", "an `async def`, or a worker thread (anyio.to_thread)")
            self._left.check()
            return ThreadRace(self, what, partial(function, *args, **kwargs)).run()

        bear_name(hedged, function)
        return hedged

    def _passage(self) -> Passage[Race]:
        return _RacePassage(self)

    def _wait(self) -> float | None:
        """Seconds until the next call is to start; None if nobody knows, so that none does."""
        if not callable(self.delay):
            return self.delay
        try:
            delay = self.delay()
        except Exception as error:  # noqa: BLE001  # the call itself is well, and must not fail for it
            complain("the function `delay` failed", error, self.name)
            return None
        if not is_number(delay) or delay < 0:
            complain(
                "the function `delay` failed", ValueError(f"it returned {delay!r}; expected seconds of 0 or more"), self.name
            )
            return None
        return delay
