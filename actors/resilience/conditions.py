"""Fields that say what something is for: one value or several, as code has them or as a file does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from attrs import Attribute

from actors.errors import Action, Category
from actors.errors.checks import refuse

__all__ = ["advice", "categories", "names", "only", "optional"]


def names(given: Any) -> tuple[Any, ...]:
    """A converter: one or several as a tuple. What is no name is left to the validator."""
    return tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)


def categories(given: Any) -> tuple[Any, ...]:
    """A converter: one or several categories, or their values. What is none is left to the validator."""
    return _members(Category, given)


def advice(given: Any) -> tuple[Any, ...]:
    """As `categories`, for actions."""
    return _members(Action, given)


def _members(kind: type[Enum], given: Any) -> tuple[Any, ...]:
    values = {one.value for one in kind}
    return tuple(kind(one) if isinstance(one, str) and one in values else one for one in names(given))


def only(kind: type, example: str) -> Callable[[Any, Attribute[Any], Any], None]:
    """A validator: a tuple of nothing else."""

    def check(instance: object, attribute: Attribute[Any], value: Any) -> None:
        if not all(isinstance(one, kind) for one in value):
            refuse(instance, attribute, value, f"one or several {kind.__name__}, for example {attribute.name}={example}")

    return check


def optional(kind: type, example: str) -> Callable[[Any, Attribute[Any], Any], None]:
    """A validator: one of the kind, or None."""

    def check(instance: object, attribute: Attribute[Any], value: Any) -> None:
        if value is not None and not isinstance(value, kind):
            refuse(instance, attribute, value, f"{kind.__name__} or None, for example {attribute.name}={example}")

    return check
