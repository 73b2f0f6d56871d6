"""Validators for the fields of options: what is wrong is a SpecError that names the field, the value and what to type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import Attribute

from supervisor import SpecError
from supervisor.backoff import is_count, is_number

__all__ = ["count", "kind_of", "number", "refuse", "seconds"]

Validator = Callable[[Any, "Attribute[Any]", Any], None]


def refuse(instance: object, attribute: Attribute[Any], value: object, expected: str) -> None:
    """Raise SpecError for a field."""
    raise SpecError(f"{type(instance).__name__}.{attribute.name}", value, expected)


def number(allowed: Callable[[float], bool], expected: str, example: str, *, optional: bool = False) -> Validator:
    """A finite number that is allowed; `expected` says in words which are, `example` is one."""

    def check(instance: object, attribute: Attribute[Any], value: Any) -> None:
        if optional and value is None:
            return
        if not is_number(value) or not allowed(value):
            refuse(instance, attribute, value, f"{expected}, for example {attribute.name}={example}")

    return check


def seconds(example: float) -> Validator:
    """A finite number above 0."""
    return number(lambda value: value > 0, "seconds above 0", repr(example))


def count(example: int) -> Validator:
    """A whole number from 1 on."""

    def check(instance: object, attribute: Attribute[Any], value: object) -> None:
        if not is_count(value):
            refuse(instance, attribute, value, f"a count of 1 or more, for example {attribute.name}={example}")

    return check


def kind_of(kind: type, example: str) -> Validator:
    """A value of this class."""

    def check(instance: object, attribute: Attribute[Any], value: object) -> None:
        if not isinstance(value, kind):
            refuse(instance, attribute, value, f"{example}, for example {attribute.name}={kind.__name__}()")

    return check
