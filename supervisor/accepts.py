"""Which classes of messages an annotation names: `Actor[Deposit | Balance]` accepts two."""

from __future__ import annotations

import sys
import types
import typing
from typing import Any, ForwardRef, TypeVar, Union, get_args, get_origin

__all__ = ["accepted_types"]


def accepted_types(cls: type) -> tuple[type, ...] | None:
    """The classes that `Actor[...]` names; None for anything.

    Args:
        cls: a class of actors; what it accepts stands in its `__message_type__`.

    Raises:
        TypeError: it names something that is not a class.
    """
    try:
        known: tuple[type, ...] | None = cls.__dict__["__accepts__"]
    except KeyError:
        known = _flatten(getattr(cls, "__message_type__", Any), cls)
        type.__setattr__(cls, "__accepts__", known)  # each life asks
    return known


def _flatten(annotation: object, cls: type) -> tuple[type, ...] | None:
    if isinstance(annotation, str | ForwardRef):
        text = annotation if isinstance(annotation, str) else annotation.__forward_arg__
        annotation = eval(text, vars(sys.modules[cls.__module__]))  # noqa: S307  # an annotation of the class itself
    annotation = getattr(annotation, "__value__", annotation)  # type Message = Deposit | Balance
    if annotation is Any or annotation is object or isinstance(annotation, TypeVar):
        return None
    if annotation is None:
        return (type(None),)
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [_flatten(part, cls) for part in get_args(annotation)]
        return None if None in parts else tuple(kind for part in parts if part is not None for kind in part)
    kind = get_origin(annotation) or annotation
    if kind is typing.Literal:
        return tuple({type(value) for value in get_args(annotation)})
    if not isinstance(kind, type):
        raise TypeError(f"{cls.__name__} is an Actor[{annotation!r}]; expected classes, such as Actor[Deposit | Balance]")
    return (kind,)
