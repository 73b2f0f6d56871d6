"""Who was doing what when an error happened: inherited by the errors that are raised inside.

A context belongs to the task or thread in which it is in force, and to the tasks that are started there.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TypedDict

from attrs import asdict, evolve, frozen

__all__ = ["ErrorContext", "ErrorFields", "current_context", "entered", "left"]


class ErrorFields(TypedDict, total=False):
    """Keyword arguments that every error of `actors` takes. What is not given is taken from the context in force."""

    component: str | None
    operation: str | None
    request_id: str | None
    user_id: str | None
    session_id: str | None
    hint: str | None


@frozen
class ErrorContext:
    """Where an error happened, in the bot's own words."""

    component: str | None = None
    """Which part of the bot."""
    operation: str | None = None
    """What it was doing."""
    request_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None


_NOWHERE = ErrorContext()
_current: ContextVar[ErrorContext] = ContextVar("oneforone_error_context", default=_NOWHERE)


def current_context() -> ErrorContext:
    """The context in force here."""
    return _current.get()


def entered(context: ErrorContext) -> ErrorContext:
    """Put a context in force, and return the one that was; what is None in the new one is inherited from it."""
    before = _current.get()
    _current.set(evolve(before, **{name: value for name, value in asdict(context).items() if value is not None}))
    return before


def left(before: ErrorContext) -> None:
    """Put back what `entered` returned."""
    _current.set(before)
