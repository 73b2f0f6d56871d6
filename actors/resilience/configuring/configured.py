"""What a configuration file makes: named policies, looked up by their kind and name.

    [defaults.retry]          # every default can be set
    attempts = 5
    [retry.rest]
    within = 10.0
    [retry.rest.delays]
    kind = "exponential"
    [breaker.binance]
    failures = 5
    [pipeline.rest]
    policies = ["retry.rest", "breaker.binance"]

Each section is a kind of policy, and each table in it a policy, which errors call by its path, `retry.rest`; a breaker by its
name alone, as a registry does. The options are the fields of the class. A policy that others share (a budget, those of a
pipeline) is named: `budget = "budget.rest"`. What is a function in code (a hook, a predicate, a clock) a file cannot say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import indent
from typing import Any, TypeVar

from attrs import define, field

from actors.errors import ConfigurationError
from actors.resilience.breaking.breaker import CircuitBreaker
from actors.resilience.breaking.registry import BreakerRegistry
from actors.resilience.composing.pipeline import Pipeline
from actors.resilience.configuring.configuration import WRONG, Layer, Reader
from actors.resilience.configuring.documents import parse_toml, parse_yaml
from actors.resilience.configuring.option_shapes import Mismatch
from actors.resilience.configuring.option_text import did_you_mean, path_of, shown
from actors.resilience.hedging.hedge import Hedge
from actors.resilience.limiting.bulkhead import Bulkhead
from actors.resilience.limiting.limiter import RateLimiter
from actors.resilience.monitoring.monitor import ErrorMonitor
from actors.resilience.recovering.recovery import Recovery
from actors.resilience.retrying.budget import RetryBudget
from actors.resilience.retrying.retry import Retry
from actors.resilience.substituting.fallback import Fallback
from actors.resilience.timeout import Timeout
from supervisor import SpecError

__all__ = ["SECTIONS", "Resilience", "load_resilience", "read_resilience"]

T = TypeVar("T")

DEFAULTS = "defaults"
SECTIONS: Mapping[str, type] = {
    "retry": Retry,
    "budget": RetryBudget,
    "breaker": CircuitBreaker,
    "timeout": Timeout,
    "bulkhead": Bulkhead,
    "limiter": RateLimiter,
    "fallback": Fallback,
    "hedge": Hedge,
    "pipeline": Pipeline,
    "recovery": Recovery,
    "monitor": ErrorMonitor,
}
"""{section: what each of its tables makes}"""
YAML = frozenset({".yaml", ".yml"})


@define(eq=False)
class Resilience:
    """The policies of one file. Made by `load_resilience` and `read_resilience`.

    Each policy is one object: who asks for the breaker `binance` twice gets the same breaker, and so do the pipelines that
    name it.

    Args:
        source: the file, or what else they were read from.
        policies: by section and name.
    """

    source: str
    _policies: Mapping[str, Mapping[str, object]] = field(repr=False)

    def retry(self, name: str) -> Retry:
        """`[retry.name]`. Raises LookupError where there is none."""
        return self._find("retry", name, Retry)

    def budget(self, name: str) -> RetryBudget:
        """`[budget.name]`. Raises LookupError where there is none."""
        return self._find("budget", name, RetryBudget)

    def breaker(self, name: str) -> CircuitBreaker:
        """`[breaker.name]`. Raises LookupError where there is none."""
        return self._find("breaker", name, CircuitBreaker)

    def timeout(self, name: str) -> Timeout:
        """`[timeout.name]`. Raises LookupError where there is none."""
        return self._find("timeout", name, Timeout)

    def bulkhead(self, name: str) -> Bulkhead:
        """`[bulkhead.name]`. Raises LookupError where there is none."""
        return self._find("bulkhead", name, Bulkhead)

    def limiter(self, name: str) -> RateLimiter:
        """`[limiter.name]`. Raises LookupError where there is none."""
        return self._find("limiter", name, RateLimiter)

    def fallback(self, name: str) -> Fallback[Any]:
        """`[fallback.name]`. Raises LookupError where there is none."""
        return self._find("fallback", name, Fallback)

    def hedge(self, name: str) -> Hedge:
        """`[hedge.name]`. Raises LookupError where there is none."""
        return self._find("hedge", name, Hedge)

    def pipeline(self, name: str) -> Pipeline:
        """`[pipeline.name]`. Raises LookupError where there is none."""
        return self._find("pipeline", name, Pipeline)

    def recovery(self, name: str) -> Recovery:
        """`[recovery.name]`. Raises LookupError where there is none."""
        return self._find("recovery", name, Recovery)

    def monitor(self, name: str) -> ErrorMonitor:
        """`[monitor.name]`. Raises LookupError where there is none."""
        return self._find("monitor", name, ErrorMonitor)

    def names(self, section: str) -> tuple[str, ...]:
        """The names in a section, in the order of the file.

        Raises:
            LookupError: there is no such section.
        """
        if section not in SECTIONS:
            raise LookupError(f"no section {section!r}{did_you_mean(section, [*SECTIONS])}; there are {', '.join(SECTIONS)}")
        return tuple(self._policies.get(section, ()))

    def __iter__(self) -> Iterator[tuple[str, object]]:
        """Every policy with its path: `("retry.rest", Retry(...))`."""
        return ((path_of(section, name), one) for section, found in self._policies.items() for name, one in found.items())

    def __str__(self) -> str:
        return "\n".join([self.source, *(indent(str(one), "  ") for _, one in self)])

    def _find(self, section: str, name: str, kind: type[T]) -> T:
        found = self._policies.get(section, {})
        if name not in found:
            there = f"there are {', '.join(found)}" if found else f"{self.source} has no section [{section}.…]"
            raise LookupError(f"no {section} {name!r} in {self.source}{did_you_mean(name, [*found])}; {there}")
        one = found[name]
        assert isinstance(one, kind)  # noqa: S101  # it was made by this section
        return one


def load_resilience(path: str | Path, *, breakers: BreakerRegistry | None = None) -> Resilience:
    """Read a file: YAML if its name ends with .yaml or .yml, otherwise TOML.

    Args:
        path: the file.
        breakers: where its breakers are kept, so that whoever asks there for the name gets the same one; None: nowhere else.

    Raises:
        ConfigurationError: everything that is wrong with it, all at once: each with its full path, what was given, what is
            allowed and, for a misspelt name, the one that was probably meant. Values that may be secrets are not shown.
    """
    file = Path(path)
    source = str(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(source, [f"it cannot be read: {reason}"]) from error
    parse = parse_yaml if file.suffix.lower() in YAML else parse_toml
    return read_resilience(parse(text, source), source=source, breakers=breakers)


def read_resilience(
    given: str | Mapping[str, object], *, source: str = "the configuration", breakers: BreakerRegistry | None = None
) -> Resilience:
    """Make policies of TOML, or of a table of a bigger file that was read already.

    Args:
        given: the text of a TOML file, or plain data: `read_resilience(config["resilience"], source="bot.toml")`.
        source: what errors call it.
        breakers: as for `load_resilience`.

    Raises:
        ConfigurationError: as `load_resilience`.
    """
    data = parse_toml(given, source) if isinstance(given, str) else given
    if not isinstance(data, Mapping):
        raise ConfigurationError(source, [f"it is {shown('', data)}; expected a table with sections such as [retry.rest]"])
    policies = _policies(data, source, None)
    # The registry sees nothing of a file with problems, so it comes in only when there are none.
    return Resilience(source, policies if breakers is None else _policies(data, source, breakers))


def _policies(data: Mapping[str, object], source: str, breakers: BreakerRegistry | None) -> dict[str, dict[str, object]]:
    file = _File(data, breakers)
    policies = file.policies()
    if file.reader.problems:
        raise ConfigurationError(source, file.reader.problems)
    return policies


@define
class _File:
    """Makes the policies of one file. One that others name is made before them, once."""

    data: Mapping[str, object]
    breakers: BreakerRegistry | None = None
    reader: Reader = field(init=False)
    _tables: dict[str, Mapping[str, object]] = field(factory=dict, init=False)
    """{section: its tables}"""
    _defaults: dict[str, Layer] = field(factory=dict, init=False)
    _made: dict[tuple[str, str], object] = field(factory=dict, init=False)
    _making: list[tuple[str, str]] = field(factory=list, init=False)
    """What is being made, each because the one before names it."""

    def __attrs_post_init__(self) -> None:
        self.reader = Reader(self._named, self._construct)

    def policies(self) -> dict[str, dict[str, object]]:
        self._sections()
        for section, layer in self._defaults.items():
            self.reader.check(SECTIONS[section], layer, "name")
        return {section: {name: self._make(section, name) for name in found} for section, found in self._tables.items()}

    def _sections(self) -> None:
        known = [DEFAULTS, *SECTIONS]
        for key, tables in self.data.items():
            if key not in known:
                self.reader.report(f"{path_of('', key)} is no section{did_you_mean(key, known)}; there are {', '.join(known)}")
            elif not isinstance(tables, Mapping):
                self.reader.report(
                    f"{key} is {shown(key, tables)}; expected tables, such as [{key}.{'retry' if key == DEFAULTS else 'rest'}]"
                )
            elif key == DEFAULTS:
                self._read_defaults(tables)
            else:
                self._tables[key] = tables

    def _read_defaults(self, tables: Mapping[str, object]) -> None:
        for key, table in tables.items():
            path = path_of(DEFAULTS, key)
            if key not in SECTIONS:
                self.reader.report(f"{path} is no section{did_you_mean(key, [*SECTIONS])}; there are {', '.join(SECTIONS)}")
            elif not isinstance(table, Mapping):
                self.reader.report(f"{path} is {shown(key, table)}; expected a table of options")
            else:
                self._defaults[key] = Layer(path, table)

    def _make(self, section: str, name: str) -> object:
        key = section, name
        if key not in self._made:
            self._making.append(key)
            self._made[key] = self._read(section, name)
            self._making.pop()
        return self._made[key]

    def _read(self, section: str, name: str) -> object:
        path, table = path_of(section, name), self._tables[section][name]
        if not isinstance(table, Mapping):
            self.reader.report(f"{path} is {shown(name, table)}; expected a table of options, such as [{section}.rest]")
            return WRONG
        if not isinstance(name, str) or not name.strip():
            self.reader.report(f"{path} has no name; expected one, such as [{section}.rest]")
            return WRONG
        kind = SECTIONS[section]
        layers = [self._defaults[section]] if section in self._defaults else []
        # In errors and statistics the path says more than the name, which several may share; a breaker is known by its name.
        return self.reader.read(kind, [*layers, Layer(path, table)], name=name if kind is CircuitBreaker else path)

    def _construct(self, kind: type, options: dict[str, Any]) -> Any:
        if kind is Pipeline:
            if not options["policies"]:
                raise SpecError(
                    "Pipeline.policies", [], 'names, outermost first, for example policies=["retry.rest", "timeout.rest"]'
                )
            return Pipeline(*options.pop("policies"), **options)
        if kind is CircuitBreaker and self.breakers is not None:
            return self.breakers.get(**options)
        return kind(**options)

    def _named(self, kinds: tuple[type, ...], text: str, path: str) -> object:
        """What a text stands for where one of these classes is expected."""
        fitting = [section for section, kind in SECTIONS.items() if issubclass(kind, kinds)]
        if not fitting:
            return Mismatch(" or ".join(f"a table with the options of {kind.__name__}" for kind in kinds))
        there = [(section, name) for section in fitting for name in self._tables.get(section, ())]
        # Where only one section fits, its name need not be said.
        wanted = [key for key in there if text == ".".join(key) or (len(fitting) == 1 and text == key[1])]
        if not wanted:
            names = [".".join(key) for key in there]
            said = (
                f"the name of one that is in this file: {', '.join(names)}"
                if names
                else f"a name, such as {fitting[0]}.rest, of one that is in this file"
            )
            return Mismatch(said, did_you_mean(text, names, quoted=True))
        if wanted[0] in self._making:
            round_ = " -> ".join(".".join(key) for key in [*self._making[self._making.index(wanted[0]) :], wanted[0]])
            self.reader.report(f"{path} leads back to itself: {round_}; expected none that contains itself")
            return WRONG
        return self._make(*wanted[0])
