"""Hooks and predicates: functions that a policy's owner hands in, and that must not break the call they are told of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from attrs import Attribute

from actors.errors.checks import refuse
from actors.resilience.policy import is_async
from supervisor.secrets import redact

__all__ = ["complain", "plain_function", "tell"]

V = TypeVar("V")

TEXT = 500
"""Characters of an error's text that a log line keeps."""


def plain_function(instance: object, attribute: Attribute[Any], value: Any) -> None:
    """A validator: None, or a function that is no `async def`.

    Raises:
        SpecError: it cannot be called.
        TypeError: it is an `async def`, which nobody would await.
    """
    if value is None:
        return
    if not callable(value):
        refuse(instance, attribute, value, f"a function, for example {attribute.name}=print, or None")
    if is_async(value):
        raise TypeError(
            f"{type(instance).__name__}.{attribute.name} is {value!r}, an `async def`, which nobody would await; expected a "
            "plain function; have it start a task, or put what it is given into a queue"
        )


def tell(hook: Callable[[V], object], value: V, whose: str) -> bool:
    """Call a hook; True if it returned. What it raises is logged and goes no further."""
    try:
        hook(value)
    except Exception as error:  # noqa: BLE001  # a hook is somebody else's, and not what the call is about
        complain("a hook failed", error, whose)
        return False
    return True


def complain(what: str, error: Exception, whose: str) -> None:
    """Log the failure of a function that was handed in: its type and words, without secrets."""
    logger = structlog.get_logger("actors.resilience")
    logger.error(what, policy=whose, error=type(error).__name__, text=str(redact(error))[:TEXT])
