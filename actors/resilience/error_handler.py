"""`@handle_errors(operation, component)`: errors get their context, are logged once, reported, and raised or answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from enum import Enum
from typing import Any, Final, ParamSpec, Protocol, TypeVar, cast, overload

import structlog

from actors.errors import ActorsError, Classification, ErrorContext, classify, current_context
from actors.resilience.breaking.verdict import in_words
from actors.resilience.contexts import Inside, Monitor
from actors.resilience.naming import bear_name
from actors.resilience.policy import Async, Passage, Policy, refuse_coroutine
from actors.resilience.tally import Tally

__all__ = ["ErrorHandler", "FallbackDecorator", "handle_errors"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class _Unset(Enum):
    UNSET = "unset"


UNSET: Final = _Unset.UNSET
LOGGED = "_oneforone_logged"
"""The attribute of an error that was logged: who handles it further out does not log it again."""


class FallbackDecorator(Protocol[T_co]):
    """Takes a function, sync or async, and returns one that may return the fallback as well."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Callable[P, Coroutine[Any, Any, R | T_co]]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, R | T_co]: ...


class ErrorHandler(Policy[ErrorContext]):
    """Made by `handle_errors`: a decorator, and for `with` blocks where there is no fallback."""

    def __init__(self, context: ErrorContext, fallback: object, monitor: Monitor | None) -> None:
        self.name: str = f"{context.component}: {context.operation}"
        self._context = context
        self._inside = Inside(context)
        self._fallback = fallback
        self._monitor = monitor
        self._handled = Tally()

    def statistics(self) -> int:
        """How many errors were handled."""
        return self._handled.value()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    def __str__(self) -> str:
        stands_in = "" if self._fallback is UNSET else ", and answered with the fallback"
        return f"{self.name}: errors are logged{stands_in}"

    def _wrapped(self, function: Callable[P, R]) -> Callable[P, R]:
        inside = self._inside

        def handled(*args: P.args, **kwargs: P.kwargs) -> R:
            before = inside.enter()
            failure: BaseException | None = None
            try:
                return cast("R", refuse_coroutine(function(*args, **kwargs)))
            except BaseException as error:
                failure = error
                if self._answers(error):
                    return cast("R", self._fallback)
                raise
            finally:
                inside.leave(before, failure, self._monitor)
                del failure  # otherwise the error and this frame would hold each other

        bear_name(handled, function)
        return handled

    def _awrapped(self, function: Callable[P, Awaitable[R]]) -> Async[P, R]:
        inside = self._inside

        async def handled(*args: P.args, **kwargs: P.kwargs) -> R:
            before = inside.enter()
            failure: BaseException | None = None
            try:
                return await function(*args, **kwargs)
            except BaseException as error:
                failure = error
                if self._answers(error):
                    return cast("R", self._fallback)
                raise
            finally:
                inside.leave(before, failure, self._monitor)
                del failure

        bear_name(handled, function)
        return handled

    def _passage(self) -> Passage[ErrorContext]:
        if self._fallback is not UNSET:
            raise TypeError(
                f"handle_errors({self._context.operation!r}, ...) has a fallback, which a `with` block cannot return; expected "
                "a decorated function, or `with Fallback(value=...) as outcome`"
            )
        return _Handled(self)

    def _answers(self, error: BaseException) -> bool:
        """Log an error; True if the fallback answers it."""
        if not isinstance(error, Exception):
            return False
        self._handled.add()
        log_once(error, current_context())
        return self._fallback is not UNSET


class _Handled(Passage[ErrorContext]):
    __slots__ = ("_before", "_handler")

    def __init__(self, handler: ErrorHandler) -> None:
        self._handler = handler

    def enter(self) -> ErrorContext:
        self._before = self._handler._inside.enter()
        return current_context()

    def leave(self, error: BaseException | None) -> bool:
        if error is not None:
            self._handler._answers(error)
        self._handler._inside.leave(self._before, error, self._handler._monitor)
        return False


def log_once(error: Exception, context: ErrorContext) -> None:
    """Log an error with its classification, unless that was done: its type and words without secrets, and no arguments."""
    if getattr(error, LOGGED, False):
        return
    with suppress(AttributeError):  # an error that takes no attributes: better twice than never
        setattr(error, LOGGED, True)
    judged: Classification = classify(error)
    log = structlog.get_logger("actors.resilience")
    getattr(log, judged.severity.name.lower())(
        f"{context.operation} failed",
        component=context.component,
        operation=context.operation,
        request_id=context.request_id,
        error=in_words(error),
        error_id=error.id if isinstance(error, ActorsError) else None,
        category=judged.category.value,
        severity=judged.severity.name.lower(),
        action=judged.action.value,
        rule=judged.rule,
    )


@overload
def handle_errors(operation: str, component: str, *, monitor: Monitor | None = None) -> ErrorHandler: ...
@overload
def handle_errors(operation: str, component: str, *, fallback: T, monitor: Monitor | None = None) -> FallbackDecorator[T]: ...
def handle_errors(operation: str, component: str, *, fallback: object = UNSET, monitor: Monitor | None = None) -> Any:
    """A decorator for the places where errors are handled, and not only passed on.

    Errors that are raised inside carry the operation and the component (`error_context`). Each `Exception` is logged once,
    however many of these it passes, with its classification and without secrets or arguments, and reported to the monitor. Then
    it is raised as it was, or the fallback is returned if there is one.

    A fallback answers every `Exception`, bugs and unknown outcomes too: a `Fallback` is choosier.

    Args:
        operation: what is being done, in the bot's words.
        component: by which part of the bot.
        fallback: what to return in place of a result.
        monitor: an `ErrorMonitor`.
    """
    return ErrorHandler(ErrorContext(component, operation), fallback, monitor)
