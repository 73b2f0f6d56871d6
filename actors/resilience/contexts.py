"""Who was doing what: errors that are raised inside carry it, also those of other libraries.

    with error_context(component="router", operation="place order", request_id=client_order_id):
        ...
    async with async_error_context(component="feed"):
        ...

Our own errors take the context when they are made. At the end of a block it is put on the others too: on one of ours that was
made elsewhere, into the fields that are still empty; on a foreign one, as a note. Of nested blocks the inner one inherits what
it does not say itself, so a foreign error gets one note, from the innermost block. Nothing is swallowed, and what is no
`Exception` is not touched at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from types import TracebackType
from typing import Protocol

from attrs import asdict

from actors.errors import ActorsError, ErrorContext, current_context
from actors.errors.context import entered, left
from actors.resilience.hooks import complain
from supervisor.secrets import redact

__all__ = ["AsyncErrorBlock", "ErrorBlock", "Inside", "Monitor", "async_error_context", "error_context", "mark", "report"]

NOTE = "in "
"""How the note on a foreign error begins."""
LEAVES = 100
"""Errors of one group that are marked."""


class Monitor(Protocol):
    """What counts errors: an `ErrorMonitor`."""

    def record(self, error: Exception, /, *, component: str | None = None, operation: str | None = None) -> object:
        """One more error."""
        ...


def mark(error: Exception, context: ErrorContext) -> None:
    """Put a context on an error: into the empty fields of our own, as a note on others. Once, whoever asks how often."""
    said = {name: value for name, value in asdict(context).items() if value is not None}
    if not said:
        return
    for one in _leaves(error):
        if isinstance(one, ActorsError):
            for name, value in said.items():
                if getattr(one, name) is None:
                    setattr(one, name, value)
    if not isinstance(error, ActorsError) and not any(_is_ours(note) for note in getattr(error, "__notes__", ())):
        error.add_note(NOTE + redact(", ".join(f"{name} {value}" for name, value in said.items())))


def report(error: Exception, monitor: Monitor | None, context: ErrorContext) -> None:
    """Tell a monitor, which cannot break the call that failed."""
    if monitor is None:
        return
    try:
        monitor.record(error, component=context.component, operation=context.operation)
    except Exception as failure:  # noqa: BLE001  # the caller waits for its own error
        complain("an error monitor failed", failure, context.component or "error_context")


def _is_ours(note: object) -> bool:
    return isinstance(note, str) and note.startswith(tuple(f"{NOTE}{name} " for name in asdict(ErrorContext())))


def _leaves(error: Exception) -> Iterator[Exception]:
    waiting, seen = [error], 0
    while waiting and seen < LEAVES:
        one = waiting.pop()
        seen += 1
        if isinstance(one, ExceptionGroup):
            waiting.extend(one.exceptions)
        else:
            yield one


class Inside:
    """Puts a context in force, again and again, and remembers what it came to within the context around it.

    Args:
        context: what is None in it is inherited.
    """

    __slots__ = ("_context", "_last")

    def __init__(self, context: ErrorContext) -> None:
        self._context = context
        self._last: tuple[ErrorContext, ErrorContext] | None = None
        """What was around it, and what the two came to; one value, as threads share it."""

    def enter(self) -> ErrorContext:
        """Put it in force; what was before, for `leave`."""
        last = self._last
        if last is not None and current_context() is last[0]:
            left(last[1])
            return last[0]
        before = entered(self._context)
        self._last = before, current_context()
        return before

    def leave(self, before: ErrorContext, error: BaseException | None, monitor: Monitor | None) -> None:
        """Put back what was before, and mark and report the error that ended it."""
        context = current_context()
        left(before)
        if isinstance(error, Exception):
            mark(error, context)
            report(error, monitor, context)


# The blocks that are open here, innermost last, with what was in force before each. Not on the block: one that is shared
# would put back for one task what it found in another.
_open: ContextVar[tuple[tuple[_Block, ErrorContext], ...]] = ContextVar("oneforone_error_blocks", default=())


class _Block:
    __slots__ = ("_context", "_inside", "_monitor")

    def __init__(self, context: ErrorContext, monitor: Monitor | None) -> None:
        self._context = context
        self._inside = Inside(context)
        self._monitor = monitor

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._context})"

    def _enter(self) -> ErrorContext:
        _open.set((*_open.get(), (self, self._inside.enter())))
        return current_context()

    def _leave(self, error: BaseException | None) -> None:
        blocks = _open.get()
        for at in range(len(blocks) - 1, -1, -1):
            block, before = blocks[at]
            if block is self:
                _open.set(blocks[:at] + blocks[at + 1 :])
                break
        else:  # it was entered in another task (a generator, a fixture): what is in force here is not its own to end
            before = self._inside.enter()
        self._inside.leave(before, error, self._monitor)


class ErrorBlock(_Block):
    """Made by `error_context`."""

    def __enter__(self) -> ErrorContext:
        return self._enter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._leave(error)


class AsyncErrorBlock(_Block):
    """Made by `async_error_context`."""

    async def __aenter__(self) -> ErrorContext:
        return self._enter()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._leave(error)


def error_context(
    *,
    component: str | None = None,
    operation: str | None = None,
    request_id: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    monitor: Monitor | None = None,
) -> ErrorBlock:
    """A `with` block whose errors carry where they happened. `as` names the context in force.

    Args:
        component: which part of the bot.
        operation: what it is doing.
        request_id: of which request.
        user_id: for whom.
        session_id: in which session.
        monitor: told of each `Exception` that leaves the block.
    """
    return ErrorBlock(ErrorContext(component, operation, request_id, user_id, session_id), monitor)


def async_error_context(
    *,
    component: str | None = None,
    operation: str | None = None,
    request_id: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    monitor: Monitor | None = None,
) -> AsyncErrorBlock:
    """As `error_context`, for `async with`. It never waits."""
    return AsyncErrorBlock(ErrorContext(component, operation, request_id, user_id, session_id), monitor)
