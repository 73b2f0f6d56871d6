"""Which errors a fallback or a hedge is for: classes, or a function that is asked."""

from __future__ import annotations

from typing import Any

from attrs import Attribute

from actors.errors import Category, classify
from actors.errors.checks import refuse
from actors.resilience.breaking.verdict import Selector, selected
from actors.resilience.hooks import complain, plain_function

__all__ = ["a_choice", "as_tuple", "is_no_bug", "whole"]


def a_choice(instance: object, attribute: Attribute[Any], value: Any) -> None:
    """A validator: classes of errors, a function that is no `async def`, or None.

    Raises:
        SpecError: something else.
        TypeError: it is an `async def`.
    """
    classes = value if isinstance(value, tuple) else (value,) if isinstance(value, type) else None
    if classes is None:
        plain_function(instance, attribute, value)
    elif not classes or not all(isinstance(one, type) and issubclass(one, Exception) for one in classes):
        refuse(
            instance, attribute, value, f"subclasses of Exception, for example {attribute.name}=(NetworkError, TimeoutError)"
        )


def as_tuple(value: Any) -> Any:
    """A converter: a list from a file is a tuple."""
    return tuple(value) if isinstance(value, list) else value


def is_no_bug(error: Exception) -> bool:
    """Whether the error says something about the world rather than about the program: a mistake must not be hidden."""
    return classify(error).category is not Category.BUG


def whole(selector: Selector, error: Exception, whose: str) -> bool:
    """Whether an error is meant; a group is if each error in it is, as any other would be lost.

    Args:
        selector: classes, or a function. One that raises is logged, and means nothing: the caller gets the call's own error.
        error: what a call raised.
        whose: the policy's name, for the log.
    """
    try:
        return selected(selector, error, wholly=True)
    except Exception as failure:  # noqa: BLE001  # whoever called waits for the call's own error, not for the predicate's
        complain("the predicate `on` failed", failure, whose)
        return False
