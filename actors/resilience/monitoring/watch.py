"""Errors that leave a call or a block, on their way to an `ErrorMonitor`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from attrs import Factory, define, field

from actors.errors import current_context
from actors.resilience.error_text import said_by
from actors.resilience.monitoring.ledger import ErrorStatistics
from actors.resilience.naming import bear_name
from actors.resilience.policy import Passage, Policy, refuse_coroutine

if TYPE_CHECKING:
    from actors.resilience.monitoring.monitor import ErrorMonitor

__all__ = ["ErrorWatch"]

P = ParamSpec("P")
R = TypeVar("R")


@define(eq=False)
class ErrorWatch(Policy[None]):
    """See `ErrorMonitor.watching`."""

    monitor: ErrorMonitor
    component: str | None = None
    operation: str | None = None
    name: str = field(default=Factory(lambda self: self.monitor.name, takes_self=True), init=False, repr=False)

    def __str__(self) -> str:
        return f"errors of {self.component or 'whatever fails'} to {self.name}"

    def statistics(self) -> ErrorStatistics:
        """Those of the monitor behind it."""
        return self.monitor.statistics()

    def _wrapped(self, function: Callable[P, R]) -> Callable[P, R]:
        operation = self.operation or getattr(function, "__name__", None)
        coroutine = CoroutineType

        def watched(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                result = function(*args, **kwargs)
            except Exception as error:
                self._record(error, operation)
                raise
            if type(result) is coroutine:
                refuse_coroutine(result)
            return result

        bear_name(watched, function)
        return watched

    def _awrapped(self, function: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
        operation = self.operation or getattr(function, "__name__", None)

        async def watched(*args: P.args, **kwargs: P.kwargs) -> R:
            """Cancellation: as the function's."""
            try:
                return await function(*args, **kwargs)
            except Exception as error:
                self._record(error, operation)
                raise

        bear_name(watched, function)
        return watched

    def _passage(self) -> Passage[None]:
        return _Watched(self)

    def _record(self, error: Exception, operation: str | None) -> None:
        # What the error says of itself is nearer to the truth than the name of a function around it.
        operation = self.operation or said_by(error, "operation") or current_context().operation or operation
        self.monitor.record(error, component=self.component, operation=operation, handled=False)


class _Watched(Passage[None]):
    __slots__ = ("_watch",)

    def __init__(self, watch: ErrorWatch) -> None:
        self._watch = watch

    def enter(self) -> None:
        """Nothing is taken."""

    def leave(self, error: BaseException | None) -> bool:
        if isinstance(error, Exception):
            self._watch._record(error, None)
        return False
