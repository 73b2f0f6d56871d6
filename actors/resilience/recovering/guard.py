"""Recovery around a call or a block.

When a guarded function fails, the recovery runs. Then, by what recovered it:

    RETRY, RESTART, FALLBACK    the function is called once more, if that is safe
    DEGRADE, IGNORE             it is left undone: the result is that of `instead`, or None
    nothing                     the error goes on

"If that is safe": to call it twice is the same as to call it once (`idempotent=True`), or what failed did certainly nothing and
may simply be made again (`Classification.retryable`). Where it is not safe, or the second call fails too, the error goes on. It
is always the function's own error that goes on, with a note that says what recovery made of it; but where an attempt of the
recovery may have carried out what the error says was not done, it is an `UnknownOutcome` that was raised from it.

A block (`with`) cannot be called once more: after RETRY, RESTART and FALLBACK its error goes on; after DEGRADE and IGNORE it
ends.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from enum import Enum
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from attrs import Factory, define, field

from actors.errors import Category, RecoveryError, UnknownOutcome, classify, current_context
from actors.resilience.doubt import in_doubt
from actors.resilience.error_text import said_by
from actors.resilience.naming import bear_name
from actors.resilience.policy import AnsweringPolicy, Passage, refuse_coroutine
from actors.resilience.recovering.action import RecoveryKind, RecoveryResult, RecoveryStatistics

if TYPE_CHECKING:
    from actors.resilience.recovering.recovery import Recovery

__all__ = ["RecoveryGuard"]

P = ParamSpec("P")
R = TypeVar("R")

NOTES = 8
"""With more notes an error gets no further one: one that is kept and raised again and again would collect them."""


class _Then(Enum):
    CALL = "call it once more"
    LEAVE = "leave it undone"
    RAISE = "the error goes on"


_MENDED = frozenset({RecoveryKind.RETRY, RecoveryKind.RESTART, RecoveryKind.FALLBACK})


@define(eq=False)
class RecoveryGuard(AnsweringPolicy[None]):
    """See `Recovery.guard`."""

    recovery: Recovery
    component: str | None = None
    operation: str | None = None
    idempotent: bool = False
    instead: Callable[..., Any] | None = field(default=None, repr=False)
    name: str = field(default=Factory(lambda self: self.recovery.name, takes_self=True), init=False, repr=False)

    def __str__(self) -> str:
        once = "idempotent" if self.idempotent else "not idempotent"
        return f"recovery {self.name} of {self.component or 'whatever fails'} ({once})"

    def statistics(self) -> RecoveryStatistics:
        """Those of the recovery behind it."""
        return self.recovery.statistics()

    def _wrapped(self, function: Callable[P, R]) -> Callable[P, R]:
        name = getattr(function, "__name__", None)

        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                result = function(*args, **kwargs)
            except Exception as error:
                then = self._mend(error, name, blocks=False)
                if then is _Then.RAISE:
                    raise
                if then is _Then.LEAVE:
                    return cast("R", None if self.instead is None else self.instead(*args, **kwargs))
                return function(*args, **kwargs)
            if type(result) is CoroutineType:
                refuse_coroutine(result)
            return result

        bear_name(guarded, function)
        return guarded

    def _awrapped(self, function: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
        name = getattr(function, "__name__", None)

        async def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            """Cancellation: as the function's, and as that of `recover`."""
            try:
                return await function(*args, **kwargs)
            except Exception as error:
                then = await self._amend(error, name, blocks=False)
                if then is _Then.RAISE:
                    raise
                if then is _Then.LEAVE:
                    given = None if self.instead is None else self.instead(*args, **kwargs)
                    return cast("R", await given if inspect.isawaitable(given) else given)
                return await function(*args, **kwargs)

        bear_name(guarded, function)
        return guarded

    def _passage(self) -> Passage[None]:
        return _Block(self)

    def _operation(self, error: Exception, name: str | None) -> str | None:
        # What the error says of itself is nearer to the truth than the name of a function around it.
        return self.operation or said_by(error, "operation") or current_context().operation or name

    def _mend(self, error: Exception, name: str | None, *, blocks: bool) -> _Then:
        operation = self._operation(error, name)
        try:
            result = self.recovery.recover_sync(error, component=self.component, operation=operation)
        except RecoveryError as refused:
            return _refused(error, refused)
        return self._then(error, result, blocks=blocks)

    async def _amend(self, error: Exception, name: str | None, *, blocks: bool) -> _Then:
        """Cancellation: as in `recover`."""
        operation = self._operation(error, name)
        try:
            result = await self.recovery.recover(error, component=self.component, operation=operation)
        except RecoveryError as refused:
            return _refused(error, refused)
        return self._then(error, result, blocks=blocks)

    def _then(self, error: Exception, result: RecoveryResult, *, blocks: bool) -> _Then:
        if result.outcome_unknown and result.by in (None, *_MENDED) and not self.idempotent and not in_doubt(error):
            # The error itself says that nothing was done, and whoever is further out would do it again.
            raise UnknownOutcome("an attempt to recover may have carried out what had failed") from error
        made = "1 attempt" if len(result.attempts) == 1 else f"{len(result.attempts)} attempts"
        if not result.recovered:
            return _note(error, f"recovery: none, after {made}" if result.attempts else "recovery: none; no action fits")
        if result.by not in _MENDED:
            return _Then.LEAVE
        if blocks:
            return _note(error, f"recovery: by {result.action}; a block is not run twice")
        if not self._safe(error, result):
            return _note(error, f"recovery: by {result.action}; not called again, which would not be safe unless idempotent")
        return _Then.CALL

    def _safe(self, error: Exception, result: RecoveryResult) -> bool:
        judged = classify(error)
        if self.idempotent:
            return judged.category is not Category.UNKNOWN_OUTCOME or judged.retryable(idempotent=True)
        return not result.outcome_unknown and not in_doubt(error, judged) and judged.retryable(idempotent=False)


def _refused(error: Exception, refused: RecoveryError) -> _Then:
    return _note(error, f"recovery: {refused}")


def _note(error: Exception, text: str) -> _Then:
    with suppress(Exception):  # an error that takes no notes must still be the one that is raised
        if len(getattr(error, "__notes__", ())) < NOTES:
            error.add_note(text)
    return _Then.RAISE


class _Block(Passage[None]):
    __slots__ = ("_guard",)

    def __init__(self, guard: RecoveryGuard) -> None:
        self._guard = guard

    def enter(self) -> None:
        """Nothing is taken."""

    def leave(self, error: BaseException | None) -> bool:
        if not isinstance(error, Exception):
            return False
        guard = self._guard
        return guard._mend(error, None, blocks=True) is _Then.LEAVE

    async def aleave(self, error: BaseException | None) -> bool:
        """Cancellation: as in `recover`; the error is its context."""
        if not isinstance(error, Exception):
            return False
        guard = self._guard
        return await guard._amend(error, None, blocks=True) is _Then.LEAVE
