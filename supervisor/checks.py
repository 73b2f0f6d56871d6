"""Checks of what callers give, where a wrong thing would otherwise surface later and elsewhere, as another error.

Each says what was given, what was expected and what to type.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from functools import partial
from inspect import Parameter, Signature, isawaitable, iscoroutine, signature
from types import FunctionType, MethodType
from typing import Any, TypeVar

from supervisor.backoff import is_number

__all__ = [
    "check_kind",
    "check_wait",
    "misfit",
    "must_await",
    "name_of",
    "refuse_coroutine",
    "signature_of",
    "takes_task_status",
    "task_misfit",
]

T = TypeVar("T")


def check_kind(value: object, kind: type, said: str, expected: str) -> None:
    """Refuse what is not of a class.

    Args:
        value: what was given.
        kind: what it must be.
        said: who got it: `bot/feed: link()`.
        expected: what to type.

    Raises:
        TypeError
    """
    if not isinstance(value, kind):
        raise TypeError(f"{said} got {value!r}; expected {expected}")


def check_wait(seconds: object, said: str, *, above: bool = False) -> None:
    """Refuse what is no number of seconds from 0; `math.inf` is one.

    Args:
        seconds: what was given.
        said: what it is: `ask(timeout=)`.
        above: whether 0 is refused, too.

    Raises:
        ValueError
    """
    fits = is_number(seconds) or seconds == math.inf
    if not fits or seconds < 0 or (above and seconds == 0):  # type: ignore[operator]  # it is a number by now
        least = "above 0" if above else "from 0"
        raise ValueError(f"{said} got {seconds!r}; expected seconds {least}, such as 5.0, or None")


def name_of(function: object) -> str:
    """What a function is called where it is written."""
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def signature_of(function: Callable[..., Any]) -> Signature | None:
    """The arguments that a function takes; None if it does not say."""
    try:
        return signature(function)
    except Exception:  # noqa: BLE001  # reading one may run code of anybody's: a property, an annotation
        return None


def misfit(function: Callable[..., Any], *args: object, **kwargs: object) -> str:
    """Why a function cannot be called with these arguments; empty: it can, or does not say what it takes."""
    known = signature_of(function)
    return "" if known is None else _bind(known, args, kwargs)


def _bind(known: Signature, args: tuple[object, ...], kwargs: dict[str, object]) -> str:
    try:
        known.bind(*args, **kwargs)
    except TypeError as error:
        return str(error)
    return ""


def takes_task_status(function: Callable[..., Any]) -> bool:
    """Whether a function wants to say itself when it is ready, as anyio's and trio's `start` have it."""
    return not _is_plain(function) and _wants_status(function, signature_of(function))


def task_misfit(function: Callable[..., Any]) -> str:
    """Why a function cannot be called as a task is, with `task_status` if it takes that and nothing else; empty: it can."""
    known = None if _is_plain(function) else signature_of(function)
    if known is None:
        return ""
    return _bind(known, (), {"task_status": None} if _wants_status(function, known) else {})


def _is_plain(function: Callable[..., Any]) -> bool:
    """Whether it is a function of Python's that has all its arguments, and no `task_status`, as can be read off its code.

    Every job is one: reading its signature would take longer than to make its spec.
    """
    inner: Any = function
    given = 0
    if type(inner) is partial and not inner.keywords:
        given, inner = len(inner.args), inner.func
    if type(inner) is MethodType:
        given, inner = given + 1, inner.__func__
    if type(inner) is not FunctionType or inner.__dict__:  # a __wrapped__ or __signature__ says something else
        return False
    code, defaults = inner.__code__, inner.__defaults__ or ()
    if code.co_kwonlyargcount or "task_status" in code.co_varnames[: code.co_argcount]:
        return False
    return code.co_argcount - len(defaults) <= given <= code.co_argcount


def _wants_status(function: Callable[..., Any], known: Signature | None) -> bool:
    if known is None or (isinstance(function, partial) and "task_status" in function.keywords):
        return False
    parameter = known.parameters.get("task_status")
    return parameter is not None and parameter.kind is not Parameter.POSITIONAL_ONLY


def refuse_coroutine(function: object, said: str) -> None:
    """Refuse what is not callable; the likeliest is `spawn(fetch(url))`, where `spawn(fetch, url)` was meant.

    Raises:
        TypeError
    """
    if callable(function):
        return
    expected = "an async function and its arguments, such as (fetch, url)"
    if iscoroutine(function):
        raise TypeError(f"{said} got {function!r}; expected {expected}: give the function itself, not what it returned")
    raise TypeError(f"{said} got {function!r}; expected {expected}")


def must_await(returned: Awaitable[T], said: str) -> Awaitable[T]:
    """What a function returned, if it can be awaited.

    Args:
        returned: by the call.
        said: who was called: `TaskSpec('poll').run`.

    Raises:
        TypeError: it cannot.
    """
    if iscoroutine(returned) or isawaitable(returned):
        return returned
    raise TypeError(f"{said} returned {returned!r}; expected an async function: async def")
