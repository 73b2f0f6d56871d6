"""How a labelled shape is written down, and how the errors of libraries that are not installed are built."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from attrs import frozen

from actors.errors import Action, Category


@frozen
class Shape:
    """One error as it arrives, and what it is."""

    name: str
    build: Callable[[], object]
    category: Category
    action: Action
    retry_after: float | None = None
    """Seconds, where the other side named them."""


def shape(verdict: str, name: str, build: Callable[[], object], retry_after: float | None = None) -> Shape:
    """A shape.

    Args:
        verdict: category and action, as in "network retry".
        name: for people.
        build: makes the error.
        retry_after: seconds that have to be found in it.
    """
    category, action = verdict.split()
    return Shape(name, build, Category(category), Action(action), retry_after)


def same(value: object) -> Callable[[], object]:
    """For a value that can be shared."""
    return lambda: value


def foreign(module: str, name: str, *bases: type[BaseException], **members: Any) -> type[Any]:
    """A type of a library that need not be installed: only its name, its module and its bases count."""
    made = types.new_class(name, bases or (Exception,), exec_body=lambda body: body.update(members))
    made.__module__ = module
    made.__qualname__ = name
    return made


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """The error as it is caught: raised, `from` another one."""
    try:
        raise error from cause
    except BaseException as caught:
        return caught
