"""What may stand in a file for an option, told from the option's type: nothing here knows which options there are.

    int, float, bool, str       as they are; a whole number is also a float
    an enum                     its value, where that is a text, otherwise its name
    X | None                    X, or the text "none", as TOML has no word for it
    tuple[X, ...], list[X]      a list
    type[Exception]             the name of an error of actors.errors, or of Python's own
    an attrs class              a table of its options; of a class that has its own section, a name such as "budget.rest"
    a policy                    the name of one, such as "retry.rest"
    a function, a clock         nothing: only code can say it

`read` turns what a file says into what the class takes, or into a `Mismatch` that says in words what may stand there.
"""

from __future__ import annotations

import builtins
import enum
import inspect
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from inspect import isclass
from types import SimpleNamespace
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs
from attrs import frozen

from actors import errors
from actors.resilience.configuring.option_text import did_you_mean
from actors.resilience.policy import Policy

__all__ = [
    "NONE",
    "Mismatch",
    "Nested",
    "Option",
    "Shape",
    "error_named",
    "expected",
    "options_of",
    "read_plain",
    "shape_of",
]

NONE = "none"
"""The text that stands for None."""
_LISTS: tuple[type, ...] = (tuple, list, frozenset, set, Sequence, AbstractSet)
_PLAIN = (bool, int, float, str)


@frozen
class Mismatch:
    """What was given does not fit."""

    expected: str
    """In words."""
    hint: str = ""
    """`; did you mean "fixed"?`, or nothing."""


@frozen
class Shape:
    """What may stand for one option. Several may at once: `float | Delays | None`."""

    plain: tuple[type, ...] = ()
    """Of bool, int, float and str."""
    enums: tuple[type[enum.Enum], ...] = ()
    words: tuple[str, ...] = ()
    """Of a Literal."""
    tables: tuple[type, ...] = ()
    """attrs classes."""
    policies: tuple[type, ...] = ()
    """Classes of which a file can only name one."""
    item: Shape | None = None
    """Of a list."""
    container: type = tuple
    """What a list becomes."""
    values: Shape | None = None
    """Of a table with any keys."""
    errors: bool = False
    nothing: bool = False
    anything: bool = False
    code: bool = False
    """Something else fits as well that only code can say."""

    @property
    def choices(self) -> tuple[str, ...]:
        """The words among which one is chosen. A member whose value is no text is chosen by its name."""
        members = [member for kind in self.enums for member in kind]
        return (*(one.value if isinstance(one.value, str) else one.name.lower() for one in members), *self.words)

    @property
    def settable(self) -> bool:
        """Whether a file can say anything but none."""
        inside = any(one is not None and one.settable for one in (self.item, self.values))
        return bool(self.plain or self.choices or self.tables or self.policies or self.errors or self.anything or inside)


@frozen
class Option:
    """A public field of an attrs class."""

    name: str
    shape: Shape
    attribute: attrs.Attribute[Any]

    @property
    def required(self) -> bool:
        return self.attribute.default is attrs.NOTHING


@frozen
class Nested:
    """A table, or a text that names something: whoever walks the file goes on with it."""

    kinds: tuple[type, ...]
    value: Any


@lru_cache(maxsize=256)
def options_of(kind: type) -> Mapping[str, Option]:
    """The public options of an attrs class, in the order in which it has them."""
    hints = _hints(kind)
    found: dict[str, Option] = {}
    for attribute in attrs.fields(kind):
        name = attribute.alias or attribute.name
        if attribute.init and not attribute.name.startswith("_"):
            found[name] = Option(name, shape_of(hints.get(attribute.name, Any)), attribute)
    return found


def _hints(kind: type) -> dict[str, Any]:
    """The types of the fields. `typing` alone would look names up in the public package that the class says it is from."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        own = SimpleNamespace(__annotations__=inspect.get_annotations(base))
        if own.__annotations__ and base.__module__ != "builtins":
            found.update(typing.get_type_hints(own, globalns=_namespace(base)))
    return found


def _namespace(kind: type) -> dict[str, Any]:
    """That of the module in which the class was written: where its functions, or whoever knows it by name, look names up."""
    found: dict[str, Any] = {}
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", {})
        if names.get(kind.__name__) is kind:
            found.update(names)
    for member in vars(kind).values():
        function = member.fget if isinstance(member, property) else member
        if isinstance(function, types.FunctionType) and not function.__code__.co_filename.startswith("<"):
            found.update(function.__globals__)
    return found


def shape_of(hint: Any) -> Shape:
    """What may stand for a value of this type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or hint is object or isinstance(hint, TypeVar):
        return Shape(anything=True)
    if origin in (Union, types.UnionType):
        return _together([shape_of(one) for one in arguments])
    if hint is None or hint is type(None):
        return Shape(nothing=True)
    if origin is typing.Annotated or origin is typing.ClassVar:
        return shape_of(arguments[0])
    if origin is Literal:
        return Shape(words=tuple(word for word in arguments if isinstance(word, str)))
    if origin is type or hint is type:
        return Shape(errors=True)
    actual = origin or hint
    if actual in _LISTS:
        inner = [one for one in arguments if one is not Ellipsis] or [Any]
        container = actual if actual in (list, frozenset, set) else frozenset if actual is AbstractSet else tuple
        return Shape(item=_together([shape_of(one) for one in inner]), container=container)
    if actual in (dict, Mapping):
        return Shape(values=shape_of(arguments[1]) if arguments else Shape(anything=True))
    if hint in _PLAIN:
        return Shape(plain=(hint,))
    if isclass(actual) and issubclass(actual, enum.Enum):
        return Shape(enums=(actual,))
    if isclass(actual) and issubclass(actual, Policy):
        return Shape(policies=(actual,))
    if isclass(actual) and attrs.has(actual):
        return Shape(tables=(actual,))
    return Shape(code=True)


def _together(shapes: Sequence[Shape]) -> Shape:
    """What fits one of them."""
    whole = Shape()
    for shape in shapes:
        whole = attrs.evolve(
            whole,
            plain=(*whole.plain, *shape.plain),
            enums=(*whole.enums, *shape.enums),
            words=(*whole.words, *shape.words),
            tables=(*whole.tables, *shape.tables),
            policies=(*whole.policies, *shape.policies),
            item=_both(whole.item, shape.item),
            container=shape.container if shape.item else whole.container,
            values=_both(whole.values, shape.values),
            errors=whole.errors or shape.errors,
            nothing=whole.nothing or shape.nothing,
            anything=whole.anything or shape.anything,
            code=whole.code or shape.code,
        )
    return whole


def _both(one: Shape | None, other: Shape | None) -> Shape | None:
    return _together([one, other]) if one and other else one or other


# ---- what a file says


def read_plain(shape: Shape, value: object) -> object:
    """What the class takes for a value that is no list; a `Nested` where there is more to read, or a `Mismatch`."""
    if value is None or (value == NONE and shape.nothing and str not in shape.plain):
        return None if shape.nothing or shape.anything else _mismatch(shape, value)
    if isinstance(value, bool):
        fits = bool in shape.plain
    elif isinstance(value, int | float):
        if float in shape.plain and not (isinstance(value, int) and int in shape.plain):
            try:
                return float(value)
            except OverflowError:  # a whole number of hundreds of digits
                return _mismatch(shape, value)
        fits = int in shape.plain and isinstance(value, int)
    elif isinstance(value, str):
        return _read_text(shape, value)
    elif isinstance(value, Mapping) and shape.tables:
        return Nested(shape.tables, value)
    else:
        fits = False
    return value if fits or shape.anything else _mismatch(shape, value)


def _read_text(shape: Shape, text: str) -> object:
    for kind in shape.enums:
        for member in kind:
            if text == (member.value if isinstance(member.value, str) else member.name.lower()):
                return member
    if text in shape.words or str in shape.plain:
        return text
    if shape.tables or shape.policies:
        return Nested((*shape.tables, *shape.policies), text)
    if shape.errors:
        found = error_named(text)
        return found if found is not None else _mismatch(shape, text)
    return text if shape.anything else _mismatch(shape, text)


def error_named(name: str) -> type[Exception] | None:
    """The error of actors.errors with this name, or Python's own."""
    found = getattr(errors, name, None) if name in errors.__all__ else getattr(builtins, name, None)
    return found if isclass(found) and issubclass(found, Exception) else None


def _error_names() -> list[str]:
    return [name for name in (*errors.__all__, *vars(builtins)) if error_named(name) is not None]


def _mismatch(shape: Shape, value: object) -> Mismatch:
    known = [*shape.choices, *(_error_names() if shape.errors else [])]
    return Mismatch(expected(shape), did_you_mean(value, known, quoted=True))


def expected(shape: Shape) -> str:
    """What may stand there, in words."""
    said: list[str] = []
    if bool in shape.plain:
        said.append("true or false")
    if float in shape.plain:
        said.append("a number")
    elif int in shape.plain:
        said.append("a whole number")
    if str in shape.plain:
        said.append("text")
    said += [f'"{word}"' for word in shape.choices]
    said += [f"a table with the options of {kind.__name__}" for kind in shape.tables]
    if shape.policies:
        said.append('the name of a policy, such as "retry.rest"')
    if shape.errors:
        said.append('the name of an error, such as "NetworkError" or "TimeoutError"')
    if shape.errors and shape.item and shape.item.errors:
        said.append("a list of such names")
    elif shape.item:
        said.append(f"a list, each {expected(shape.item)}")
    if shape.values:
        said.append(f"a table, each value {expected(shape.values)}")
    if shape.nothing and shape.settable:
        said.append(f'"{NONE}"')
    if not said:
        return "nothing: only code can say it"
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} or {said[-1]}"
