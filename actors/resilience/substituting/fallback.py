"""When a call fails, something else is the answer: a value, what a function says, or the last good result.

    @Fallback(value=())                     @Fallback(instead=ask_kraken)          async with Fallback(value=0.0) as outcome:
    async def open_orders(): ...            async def price(symbol): ...               outcome.value = await fetch()
                                                                                   use(outcome.value, outcome.age)

Theory of operation:

* It is never silent. Each fallback is counted and told to `on_fallback`; a block sees it in its outcome.
* Of several sources the best is asked first: the last good result, while it is young enough, then the function, then the value.
  Where none has an answer, the error goes on as it was.
* Errors that mean a mistake in the program (`TypeError` and the like) are no reason for a fallback, unless `on` says so: the
  mistake would never be found. After an unknown outcome a fallback says nothing about the order: place none behind one.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from types import CoroutineType
from typing import Any, Generic, ParamSpec, TypeGuard, TypeVar, cast

from attrs import Attribute, Factory, define, field

from actors.errors.checks import count, number, refuse
from actors.resilience.breaking.verdict import Selector, in_words
from actors.resilience.choosing import a_choice, as_tuple, is_no_bug, whole
from actors.resilience.clock import Clock
from actors.resilience.hooks import complain, plain_function, tell
from actors.resilience.locking import Lock, new_lock
from actors.resilience.naming import bear_name, name_of
from actors.resilience.policy import AnsweringPolicy, Async, Passage, is_async, refuse_coroutine
from actors.resilience.retrying.notes import put_notes
from actors.resilience.substituting.good_results import GoodResult, GoodResults, key_of
from actors.resilience.substituting.outcome import (
    UNSET,
    Answer,
    FallbackEvent,
    FallbackKind,
    FallbackOutcome,
    FallbackStatistics,
    Unset,
)
from actors.resilience.tally import Tally
from supervisor import SpecError
from supervisor.secrets import redact

__all__ = ["Fallback"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


BLOCK = "block"
"""The key of what blocks come to."""


def _check_function(fallback: Fallback[Any], attribute: Attribute[Any], value: Any) -> None:
    if value is not None and not callable(value):
        refuse(fallback, attribute, value, f"a function of the error, for example {attribute.name}=ask_the_other_exchange")


@define(eq=False, kw_only=True)
class Fallback(AnsweringPolicy[FallbackOutcome[T]], Generic[T]):
    """Answers failed calls with something else.

    What stands in must be something that the function could have returned. An exception group is answered only if each error in
    it would be. A fallback inside of a retry or a breaker hides from them what they are there for: write it first.

    A cached result is the very object that the call returned; who changes it changes the cache. Results are told apart by the
    function and its arguments; of a method these hold its object, so that the cache keeps it alive: `key` can leave it out.
    All blocks share one result.

    Raises:
        SpecError: a field is out of its range, or there is nothing to fall back to.
        TypeError: `on_fallback` is an `async def`; or, when a sync function is decorated, `function` is one.
    """

    value: T | Unset = UNSET
    """Stands in for the result."""
    function: Callable[[Exception], T] | Callable[[Exception], Awaitable[T]] | None = field(
        default=None, validator=_check_function
    )
    """Given the error, returns what stands in. May be an `async def` for async calls. What it raises goes to the caller, with a
    note on the first error, which is its `__context__`."""
    instead: Callable[..., T] | Callable[..., Awaitable[T]] | None = field(default=None, validator=_check_function)
    """As `function`, but given the arguments of the call: the same question to somebody else. Not for blocks."""
    cached: float | None = field(
        default=None, validator=number(lambda value: value > 0, "seconds above 0, or None", "60.0", optional=True)
    )
    """Seconds for which the last good result may stand in; None: results are not kept."""
    entries: int = field(default=256, validator=count(256))
    """Good results that are kept. Of more, the one that was not used for longest is forgotten."""
    key: Callable[..., Hashable] | None = field(default=None, validator=plain_function)
    """Given the arguments of a call, returns what tells it apart from others; None: the arguments themselves."""
    on: Selector | None = field(default=None, validator=a_choice, converter=as_tuple)
    """Which errors: classes, or a function that is asked; None: every `Exception` that `classify` takes for no bug."""
    on_fallback: Callable[[FallbackEvent], object] | None = field(default=None, validator=plain_function)
    """Called after each fallback; what it raises is logged."""
    clock: Callable[[], float] | None = field(default=None, validator=plain_function)
    """For tests; None for the clock of the loop that runs, or `time.monotonic`."""
    name: str = "fallback"
    _clock: Clock = field(default=Factory(lambda self: Clock(self.clock), takes_self=True), init=False, repr=False)
    _lock: Lock = field(factory=new_lock, init=False, repr=False)
    _results: GoodResults[T] | None = field(init=False, repr=False)
    _counts: dict[FallbackKind, Tally] = field(factory=lambda: {kind: Tally() for kind in FallbackKind}, init=False, repr=False)
    _failed: Tally = field(factory=Tally, init=False, repr=False)
    _unanswered: Tally = field(factory=Tally, init=False, repr=False)
    _unhashable: Tally = field(factory=Tally, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        last = [name for name in ("function", "instead") if getattr(self, name) is not None]
        if self.value is not UNSET:
            last.append("value")
        if self.cached is None and not last:
            raise SpecError("Fallback", None, "something to fall back to: value=..., function=..., instead=... or cached=60.0")
        if len(last) > 1:
            raise SpecError(f"Fallback.{last[0]}", getattr(self, last[0]), f"one of {' and '.join(last)}: it has the last word")
        self._results = None if self.cached is None else GoodResults(self.entries, self.cached)

    def statistics(self) -> FallbackStatistics:
        """All that can be known of it, at this moment."""
        cached, function, value = (self._counts[kind].value() for kind in FallbackKind)
        with self._lock:
            kept = 0 if self._results is None else len(self._results)
        counts = (self._failed.value(), self._unanswered.value(), self._unhashable.value())
        return FallbackStatistics(cached, function, value, *counts, kept)

    def __str__(self) -> str:
        sources = [] if self.cached is None else [f"the last good result for {self.cached:g} s"]
        asked = self.function or self.instead
        if asked is not None:
            sources.append(f"what {name_of(asked)} says")
        if self.value is not UNSET:
            sources.append(f"the value {redact(repr(self.value))}"[:60])
        return f"{self.name}: {', then '.join(sources)}"

    def _awrapped(self, function: Callable[P, Awaitable[R]]) -> Async[P, R]:
        keep = self._results is not None

        async def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                result = await function(*args, **kwargs)
            except Exception as error:
                if not self._means(error):
                    raise
                ask = self._question(error, args, kwargs)
                answer = await self._aanswer(error, self._key(function, args, kwargs) if keep else None, ask)
                if answer is None:
                    raise
                return cast("R", answer.value)
            if keep:
                self._remember(self._key(function, args, kwargs), result)
            return result

        bear_name(guarded, function)
        return guarded

    def _wrapped(self, function: Callable[P, R]) -> Callable[P, R]:
        self._refuse_async()
        keep = self._results is not None

        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                result = function(*args, **kwargs)
            except Exception as error:
                if not self._means(error):
                    raise
                ask = self._question(error, args, kwargs)
                answer = self._answer(error, self._key(function, args, kwargs) if keep else None, ask)
                if answer is None:
                    raise
                return cast("R", answer.value)
            if type(result) is CoroutineType:
                refuse_coroutine(result)
            if keep:
                self._remember(self._key(function, args, kwargs), result)
            return result

        bear_name(guarded, function)
        return guarded

    def _passage(self) -> Passage[FallbackOutcome[T]]:
        return _Guarded(self)

    def _refuse_async(self) -> None:
        for option in ("function", "instead"):
            if is_async(getattr(self, option)):
                raise TypeError(
                    f"{self.name}.{option} is an `async def`, and a sync call cannot await it; expected a plain function"
                )

    def _question(self, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], Any] | None:
        """What to call for an answer, where a function is to be asked."""
        if self.instead is not None:
            return partial(self.instead, *args, **kwargs)
        return None if self.function is None else partial(self.function, error)

    def _key(self, function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable:
        if self.key is None:
            return key_of(function, args, kwargs)
        try:
            return function, self.key(*args, **kwargs)
        except Exception as failure:  # noqa: BLE001  # a call that succeeded must not lose its result for it
            complain("the function `key` failed", failure, self.name)
            return cast("Hashable", [])

    def _remember(self, key: Hashable, value: Any) -> None:
        if self._results is None:
            return
        now = self._clock.now()
        try:
            hash(key)  # outside of the lock: it may be somebody else's code
            with self._lock:
                self._results.remember(key, value, now)
        except Exception:  # noqa: BLE001  # so may be what compares it, and the call has its result
            self._unhashable.add()

    def _recall(self, key: Hashable) -> GoodResult[T] | None:
        if self._results is None:
            return None
        now = self._clock.now()
        try:
            hash(key)
            with self._lock:
                return self._results.recall(key, now)
        except Exception:  # noqa: BLE001  # as above
            self._unhashable.add()
            return None

    def _means(self, error: Exception) -> bool:
        return is_no_bug(error) if self.on is None else whole(self.on, error, self.name)

    def _answer(self, error: Exception, key: Hashable, ask: Callable[[], Any] | None) -> Answer[T] | None:
        """What stands in; None if nothing does."""
        answer = self._without_function(error, key)
        if answer is None and ask is not None:
            try:
                value = ask()
                refuse_coroutine(value)
            except Exception as failure:
                self._also_failed(failure, error)
                raise
            answer = Answer(cast("T", value), FallbackKind.FUNCTION)
        return self._stands_in(answer, error)

    async def _aanswer(self, error: Exception, key: Hashable, ask: Callable[[], Any] | None) -> Answer[T] | None:
        """As `_answer`, for a task.

        Cancellation: as the function's.
        """
        answer = self._without_function(error, key)
        if answer is None and ask is not None:
            try:
                value = ask()
                if inspect.isawaitable(value):
                    value = await value
            except Exception as failure:
                self._also_failed(failure, error)
                raise
            answer = Answer(cast("T", value), FallbackKind.FUNCTION)
        return self._stands_in(answer, error)

    def _without_function(self, error: Exception, key: Hashable) -> Answer[T] | None:
        found = self._recall(key)
        if found is not None:
            return Answer(found.value, FallbackKind.CACHED, found.age)
        return None if isinstance(self.value, Unset) else Answer(self.value, FallbackKind.VALUE)

    def _stands_in(self, answer: Answer[T] | None, error: Exception) -> Answer[T] | None:
        if answer is None:
            self._unanswered.add()
            return None
        self._counts[answer.kind].add()
        if self.on_fallback is not None:
            tell(self.on_fallback, FallbackEvent(self.name, error, answer.kind, answer.age), self.name)
        return answer

    def _also_failed(self, failure: Exception, error: Exception) -> None:
        self._failed.add()
        if failure.__context__ is None and failure is not error:
            failure.__context__ = error
        put_notes(failure, self.name, [f"raised while it stood in for {in_words(error)}"])


class _Guarded(Passage[FallbackOutcome[T]]):
    __slots__ = ("_fallback", "_outcome")

    def __init__(self, fallback: Fallback[T]) -> None:
        self._fallback = fallback
        self._outcome: FallbackOutcome[T] = FallbackOutcome()

    def enter(self) -> FallbackOutcome[T]:
        self._fallback._refuse_async()
        self._refuse_instead()
        return self._outcome

    async def aenter(self) -> FallbackOutcome[T]:
        """Cancellation: never waits."""
        self._refuse_instead()
        return self._outcome

    def leave(self, error: BaseException | None) -> bool:
        if not self._calls_for_answer(error):
            return False
        return self._settled(self._fallback._answer(error, BLOCK, self._fallback._question(error, (), {})), error)

    async def aleave(self, error: BaseException | None) -> bool:
        """Cancellation: as the function's; the error of the block is its context."""
        if not self._calls_for_answer(error):
            return False
        ask = self._fallback._question(error, (), {})
        return self._settled(await self._fallback._aanswer(error, BLOCK, ask), error)

    def _refuse_instead(self) -> None:
        if self._fallback.instead is not None:
            raise TypeError(
                f"{self._fallback.name}.instead is asked with a call's arguments, and a block has none; expected function="
            )

    def _calls_for_answer(self, error: BaseException | None) -> TypeGuard[Exception]:
        """Whether a fallback is to answer this."""
        outcome = self._outcome
        if error is None and not isinstance(outcome._value, Unset):
            self._fallback._remember(BLOCK, outcome._value)
        return isinstance(error, Exception) and self._fallback._means(error)

    def _settled(self, answer: Answer[T] | None, error: Exception) -> bool:
        if answer is None:
            return False
        outcome = self._outcome
        outcome.value, outcome.kind, outcome.age, outcome.error = answer.value, answer.kind, answer.age, error
        return True
