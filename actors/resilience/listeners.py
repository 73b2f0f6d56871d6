"""Several hooks in one option: who listens is told after the fact, outside of any lock, and cannot break what he listens to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import Attribute

from actors.errors.checks import refuse
from actors.resilience import hooks
from actors.resilience.hooks import plain_function

__all__ = ["Listener", "listed", "listeners", "tell"]

Listener = Callable[[Any], object]


def listed(value: Iterable[Listener]) -> tuple[Listener, ...]:
    """A converter. (Not `tuple` itself: type checkers would refuse every list.)"""
    return tuple(value)


def listeners(example: str) -> Callable[[Any, Attribute[Any], Any], None]:
    """A validator: functions of one argument that are no `async def`. `example` is one, as a person would type it.

    Raises:
        TypeError: one is an `async def`, which nobody would await.
        SpecError: one cannot be called.
    """

    def check(instance: object, attribute: Attribute[Any], value: Any) -> None:
        for one in value:
            if not callable(one):
                refuse(instance, attribute, value, f"functions of one argument, for example {attribute.name}=[{example}]")
            plain_function(instance, attribute, one)

    return check


def tell(hearers: Iterable[Listener], value: object, whose: str) -> int:
    """Call each with the value, and return how many of them raised. Who raises is logged.

    Args:
        hearers: functions of one argument.
        value: what they are told.
        whose: on whose behalf, for the log.
    """
    return sum(not hooks.tell(hearer, value, whose) for hearer in hearers)
