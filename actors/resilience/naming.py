"""What a function is called when people are told of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["bear_name", "name_of"]


def name_of(function: Callable[..., object]) -> str:
    """Its qualified name, without the place in a function where it was defined; of a partial, that of what it calls."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", None)
    if not isinstance(name, str):
        return type(function).__qualname__
    return name.rpartition("<locals>.")[2]


def bear_name(wrapper: Any, function: Callable[..., object]) -> None:
    """Have a wrapper called as what it wraps: the next policy around it tells people what was called, not how."""
    wrapper.__name__ = wrapper.__qualname__ = name_of(function)
