"""TOML and YAML as plain data, with the line of whatever cannot be read.

YAML is read as YAML 1.2 and node by node: nothing in a file can make an object. What YAML 1.1, 1.2 and a reader understand
differently (`yes`, `on`, `012`, `1:30`) is a problem, not a guess, and so is a key that stands twice.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from actors.errors import ConfigurationError

__all__ = ["parse_toml", "parse_yaml"]

_AT = re.compile(r"^(.*?) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)
_AMBIGUOUS = frozenset({"y", "n", "yes", "no", "on", "off"})
_CLOCK = re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.\d*)?")
_OCTAL = re.compile(r"[-+]?0\d+")
_DEEPEST = 20
"""Levels of tables and lists in each other: more than any policy has."""
_MOST = 10_000
"""Values: with `&` and `*` a page of text could have more of them than a machine has memory for."""
_UNREADABLE = "a number of thousands of digits, or thousands of levels; expected a file that a person can read"
_CORE = "tag:yaml.org,2002:"
_STR, _INT, _FLOAT, _BOOL, _NULL = (f"{_CORE}{name}" for name in ("str", "int", "float", "bool", "null"))


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigurationError: it is none; says in which line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = _AT.match(str(error))
        where = "" if said is None else f"line {said[2]}, column {said[3]}: " if said[2] else "end of the file: "
        raise ConfigurationError(source, [f"{where}{said[1] if said else error}; expected TOML"]) from None
    except (ValueError, RecursionError):
        raise ConfigurationError(source, [_UNREADABLE]) from None


def parse_yaml(text: str, source: str) -> dict[str, Any]:
    """The mapping of a YAML file.

    Raises:
        ConfigurationError: it is none, a key stands twice, a value is read differently by different readers, or the library
            that reads YAML is not installed; all of it at once, with lines.
    """
    try:
        from ruamel.yaml import YAML  # an extra
        from ruamel.yaml.error import MarkedYAMLError, YAMLError
    except ImportError:
        advice = "it is YAML, and ruamel.yaml is not installed; type: pip install 'oneforone[yaml]', or write it as TOML"
        raise ConfigurationError(source, [advice]) from None
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        raise ConfigurationError(source, [f"{where}{error.problem or error.context}; expected YAML"]) from None
    except (YAMLError, ValueError) as error:
        raise ConfigurationError(source, [f"{str(error).splitlines()[0]}; expected YAML"]) from None
    except RecursionError:
        raise ConfigurationError(source, [_UNREADABLE]) from None
    tree = _Tree()
    found = {} if node is None else tree.plain(node)
    if not tree.problems and not isinstance(found, Mapping):
        tree.problems.append("it is no mapping; expected sections such as `retry:`")
    if tree.problems:
        raise ConfigurationError(source, tree.problems)
    return dict(found)


class _Tree:
    """Nodes of YAML as plain data. Nodes are told apart by their form, so that nothing here needs the library's types."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._values = 0

    def plain(self, node: Any, depth: int = 0) -> Any:
        self._values += 1
        if depth > _DEEPEST or self._values > _MOST:
            if self._values <= _MOST + 1:
                self._report(node, f"more than {_DEEPEST} levels or {_MOST:,} values; expected a file that a person can read")
                self._values = _MOST + 1
            return None
        if node.id == "scalar":
            return self._scalar(node)
        if node.tag == f"{_CORE}map" and node.id == "mapping":
            return self._mapping(node, depth)
        if node.tag == f"{_CORE}seq" and node.id == "sequence":
            return [self.plain(item, depth + 1) for item in node.value]
        self._report(node, f"the tag {_tag(node)}; expected plain values")
        return None

    def _mapping(self, node: Any, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            name = key.value
            if key.tag == f"{_CORE}merge":
                self._report(key, "`<<` is not understood; expected the keys themselves, or [defaults]")
            elif not isinstance(name, str) or key.tag != _STR:
                self._report(key, f"the key {name if isinstance(name, str) else 'there'} is no text; expected it in quotes")
            elif name in found:
                self._report(key, f"{name} stands twice, in line {lines[name]} already; expected it once")
            else:
                lines[name] = key.start_mark.line + 1
                found[name] = self.plain(value, depth + 1)
        return found

    def _scalar(self, node: Any) -> Any:
        text: str = node.value
        if node.style is None and node.tag in (_STR, _BOOL) and text.lower() in _AMBIGUOUS:
            self._report(
                node, f"{text} is true or false to some readers of YAML and text to others; expected true, false or quotes"
            )
        elif node.style is None and node.tag in (_STR, _INT) and (_CLOCK.fullmatch(text) or _OCTAL.fullmatch(text)):
            self._report(
                node, f"{text} is read as different numbers by different readers of YAML; expected a plain number, or quotes"
            )
        elif node.tag == _STR:
            return text
        elif node.tag == _BOOL:
            return text.lower() == "true"
        elif node.tag == _NULL:
            return None
        elif node.tag in (_INT, _FLOAT):
            return self._number(node, text)
        else:
            self._report(node, f"the tag {_tag(node)}; expected text in quotes, a number, true or false")
        return None

    def _number(self, node: Any, text: str) -> int | float | None:
        if node.tag == _INT:
            try:
                return int(text.replace("_", ""), 0)
            except ValueError:
                pass
        try:
            # YAML writes .inf and .nan.
            return float(re.sub(r"\.(?=inf|nan)", "", text.lower()).replace("_", ""))
        except ValueError:
            self._report(node, "this is no number; expected one")
            return None

    def _report(self, node: Any, problem: str) -> None:
        self.problems.append(f"line {node.start_mark.line + 1}, column {node.start_mark.column + 1}: {problem}")


def _tag(node: Any) -> str:
    return str(node.tag).replace(_CORE, "!!")
