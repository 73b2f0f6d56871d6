"""Reads tables of plain data into attrs values, and collects all that is wrong with them: each problem with its full path.

Theory of operation:

* A table is read in *layers*: the defaults of its section, then what it says itself. A later layer wins, option by option;
  tables inside are merged in the same way, lists are replaced whole.
* What is right is told by the classes: `option_shapes` reads their types, and their validators (SpecError) say the rest. So
  that all validators are heard and not only the first, each one runs by itself, on an object that has every option that could
  be read. An option that could not be read is left away there: a validator that needs it is not asked, as its answer would be
  about something else.
* A value is shown in a problem only where it cannot be a secret: not below a key that sounds like one, not if it looks like
  one, and never for a key that nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import attrs
from attrs import define, field, frozen

from actors.resilience.configuring.option_shapes import (
    NONE,
    Mismatch,
    Nested,
    Option,
    Shape,
    expected,
    options_of,
    read_plain,
)
from actors.resilience.configuring.option_text import did_you_mean, path_of, shown
from supervisor import SpecError
from supervisor.secrets import redact

__all__ = ["CONFIG", "WRONG", "Layer", "Reader", "config_of"]

CONFIG = "config"
"""The field of a policy that keeps its options in a value of their own. In a file they stand where the policy's own do."""
WRONG: Any = object()
"""Stands for a value that could not be read; what is wrong with it is among the problems."""
_IN_CODE = re.compile(r"\b(?:None|True|False)\b")
_IN_A_FILE = {"None": f'"{NONE}"', "True": "true", "False": "false"}


@frozen
class Layer:
    """A table, and where it stands."""

    path: str
    table: Mapping[Any, object]


def _made(kind: type, options: dict[str, Any]) -> Any:
    return kind(**options)


def _nothing_named(kinds: tuple[type, ...], text: str, path: str) -> object:
    return Mismatch(" or ".join(f"a table with the options of {kind.__name__}" for kind in kinds))


@define
class Reader:
    """Reads one file.

    Args:
        named: what a text stands for where one of these classes is expected: the value, WRONG if it reported why not, or a
            Mismatch.
        make: makes a value of a class of these options.
    """

    named: Callable[[tuple[type, ...], str, str], object] = _nothing_named
    make: Callable[[type, dict[str, Any]], Any] = _made
    _problems: dict[str, None] = field(factory=dict, init=False)

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is wrong, in the order in which it was found; each once, also if it is a default of many."""
        return tuple(self._problems)

    def report(self, problem: str) -> None:
        """One more problem, a sentence that begins with a path."""
        self._problems[problem] = None

    def read(self, kind: type, layers: Sequence[Layer], **given: object) -> Any:
        """A value of this class, or WRONG.

        Args:
            kind: an attrs class.
            layers: where its options stand, the strongest last.
            given: options that the file does not say itself.
        """
        before = len(self._problems)
        if inner := config_of(kind):
            layers, its = _split(layers, inner)
            given[CONFIG] = self.read(inner, its)
        options, values, places, wrong = self._options(kind, layers, given)
        where = layers[-1].path
        for name, option in options.items():
            if option.required and name not in values and name not in wrong:
                self.report(f"{path_of(where, name)} is missing; expected {_in_a_file(self._expected(kind, option, None))}")
                wrong.add(name)
        wrong |= {name for name, value in given.items() if value is WRONG}
        known = {name: value for name, value in {**values, **given}.items() if value is not WRONG}
        self._validate(kind, known, places, wrong, where, partial=False)
        if wrong or len(self._problems) > before:
            return WRONG
        try:
            return self.make(kind, {**values, **given})
        except SpecError as error:
            _, dot, name = error.field.rpartition(".")
            # Without a dot it is about the whole.
            self._refuse(places.get(name, path_of(where, name)) if dot else where, error.value, error.expected)
        except ValueError as error:
            self.report(f"{where}: {redact(str(error))}")
        return WRONG

    def check(self, kind: type, layer: Layer, *left_out: str) -> None:
        """Report what is wrong with a table of defaults, of which nothing is made by itself.

        Args:
            kind: the class whose defaults they are.
            layer: the table.
            left_out: options that cannot have a default.
        """
        given: dict[str, object] = {name: None for name in left_out}  # noqa: C420  # dict.fromkeys has a narrower type
        if inner := config_of(kind):
            (layer,), (its,) = _split([layer], inner)
            given[CONFIG] = None
            self.check(inner, its)
        _, values, places, wrong = self._options(kind, [layer], given)
        self._validate(kind, values, places, wrong | {*given}, layer.path, partial=True)

    # ---- options

    def _options(
        self, kind: type, layers: Sequence[Layer], given: Mapping[str, object]
    ) -> tuple[dict[str, Option], dict[str, Any], dict[str, str], set[str]]:
        """The options there are, the values that could be read, where they stand, and the names of those that could not."""
        options = {name: option for name, option in options_of(kind).items() if name not in given}
        inner = config_of(kind)
        among = {**options, **(options_of(inner) if inner else {})}
        known = [name for name, option in among.items() if option.shape.settable]
        for layer in layers:
            for key in [key for key in layer.table if key not in options]:
                if key == "name" and key in given:
                    self.report(f"{path_of(layer.path, key)} is not said here; expected it in the header, as in [retry.rest]")
                else:
                    told = f"{path_of(layer.path, key)} is no option of {kind.__name__}{did_you_mean(key, known)}"
                    self.report(f"{told}; there are {', '.join(known)}")
        values: dict[str, Any] = {}
        places: dict[str, str] = {}
        wrong: set[str] = set()
        for name, option in options.items():
            entries = [(path_of(layer.path, name), layer.table[name]) for layer in layers if name in layer.table]
            if not entries:
                continue
            places[name] = entries[-1][0]
            value = self._option(kind, option, entries)
            if value is WRONG:
                wrong.add(name)
            else:
                values[name] = value
        return options, values, places, wrong

    def _option(self, kind: type, option: Option, entries: Sequence[tuple[str, object]]) -> Any:
        path, value = entries[-1]
        if not option.shape.settable:
            said = f"{path} cannot be said in a file, as it is a function or another object"
            self.report(f"{said}; set {kind.__name__}.{option.name} in code")
            return WRONG
        found = self._value(option.name, option.shape, entries)
        if isinstance(found, Mismatch):
            self._refuse(path, value, self._expected(kind, option, value, found.expected), found.hint)
            return WRONG
        return found

    def _value(self, name: str, shape: Shape, entries: Sequence[tuple[str, object]]) -> Any:
        """The value, WRONG if a part of it was reported, or a Mismatch of the whole."""
        path, value = entries[-1]
        if isinstance(value, list | tuple):
            return self._list(name, shape, path, value)
        if isinstance(value, Mapping) and shape.values is not None:
            found = {key: self._part(name, shape.values, path_of(path, key), one) for key, one in value.items()}
            return WRONG if any(one is WRONG for one in found.values()) else found
        read = read_plain(shape, value)
        if not isinstance(read, Nested):
            return read
        if isinstance(read.value, str):
            return self.named(read.kinds, read.value, path)
        return self.read(_most_fitting(read.kinds, read.value), _merged(entries))

    def _list(self, name: str, shape: Shape, path: str, value: Sequence[object]) -> Any:
        if shape.item is None:
            return list(value) if shape.anything else Mismatch(expected(shape))
        found = [self._part(name, shape.item, f"{path}[{number}]", one) for number, one in enumerate(value)]
        return WRONG if any(one is WRONG for one in found) else shape.container(found)

    def _part(self, name: str, shape: Shape, path: str, value: object) -> Any:
        found = self._value(name, shape, [(path, value)])
        if isinstance(found, Mismatch):
            self._refuse(path, value, found.expected, found.hint, key=name)
            return WRONG
        return found

    # ---- validators

    def _validate(
        self, kind: type, values: Mapping[str, Any], places: Mapping[str, str], wrong: set[str], where: str, *, partial: bool
    ) -> None:
        """Ask every validator about the options that could be read."""
        trial = _trial(kind, values, wrong)
        for attribute in attrs.fields(kind):
            name = attribute.alias or attribute.name
            if attribute.validator is None or not hasattr(trial, attribute.name) or (partial and name not in values):
                continue
            try:
                attribute.validator(trial, attribute, getattr(trial, attribute.name))
            except SpecError as error:
                wrong.add(name)
                # Those that come after must not compare theirs with it.
                object.__delattr__(trial, attribute.name)
                place = places.get(name, f"{path_of(where, name)}, which is not given,")
                self._refuse(place, error.value, error.expected, key=name)
            except AttributeError:
                if not wrong:
                    raise

    def _expected(self, kind: type, option: Option, value: object, otherwise: str = "") -> str:
        """In the words of the validator where the type alone says no more than `a number`; they have an example, too."""
        shape, check = option.shape, option.attribute.validator
        if check is not None and shape.plain and not (shape.enums or shape.words or shape.tables or shape.item):
            try:
                check(_trial(kind, {}, ()), option.attribute, WRONG if value is None else value)
            except SpecError as error:
                return error.expected
            except Exception:  # noqa: BLE001  # it was made for values of the right type, and this one is not
                return otherwise or expected(shape)
        return otherwise or expected(shape)

    def _refuse(self, path: str, value: object, wanted: str, hint: str = "", *, key: str = "") -> None:
        # Both the option and, of a table with any keys, the key: either may sound like a secret.
        name = f"{key} {path.rpartition('.')[2]}"
        self.report(f"{path} is {shown(name, value)}; expected {_in_a_file(wanted)}{hint}")


def _in_a_file(wanted: str) -> str:
    """What a class says of its options, in the words of a file."""
    return _IN_CODE.sub(lambda found: _IN_A_FILE[found[0]], wanted)


def config_of(kind: type) -> type | None:
    """The class whose options stand among those of a policy that keeps them in its `config`."""
    option = options_of(kind).get(CONFIG)
    return option.shape.tables[0] if option is not None and len(option.shape.tables) == 1 else None


def _split(layers: Sequence[Layer], inner: type) -> tuple[list[Layer], list[Layer]]:
    """The same tables without the options of the inner class, and with them alone."""
    names = options_of(inner).keys()
    own = [Layer(one.path, {key: value for key, value in one.table.items() if key not in names}) for one in layers]
    its = [Layer(one.path, {key: value for key, value in one.table.items() if key in names}) for one in layers]
    return own, its


def _trial(kind: type, values: Mapping[str, Any], wrong: Collection[str]) -> Any:
    """An object of the class with these options and the defaults of the others; without those that are wrong."""
    trial: Any = object.__new__(kind)
    for attribute in attrs.fields(kind):
        name = attribute.alias or attribute.name
        if name in values:
            object.__setattr__(trial, attribute.name, _converted(attribute, values[name]))
        elif name not in wrong and attribute.init and attribute.default is not attrs.NOTHING:
            default: Any = attribute.default
            if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # attrs types Factory as a function
                if default.takes_self:
                    continue  # made of other options, of which some may be missing here
                default = default.factory()
            object.__setattr__(trial, attribute.name, _converted(attribute, default))
    return trial


def _converted(attribute: attrs.Attribute[Any], value: object) -> object:
    convert: Any = attribute.converter
    return value if convert is None or isinstance(convert, attrs.Converter) else convert(value)


def _most_fitting(kinds: Sequence[type], table: Mapping[Any, object]) -> type:
    """Of several classes the one that knows the most of these keys."""
    return max(kinds, key=lambda kind: len(table.keys() & options_of(kind).keys()))


def _merged(entries: Sequence[tuple[str, object]]) -> list[Layer]:
    """The tables that are merged: a value that is none ends what stands below it."""
    layers: list[Layer] = []
    for path, value in entries:
        if isinstance(value, Mapping):
            layers.append(Layer(path, value))
        else:
            layers.clear()
    return layers
