"""Rules by which a foreign error is judged, and which of several rules is the most specific.

A rule names what it looks at; what it does not name may be anything. Of all rules that fit, the most specific one decides:

    venue, code and text        what this exchange means by this code when it says this
    venue and code              what this exchange means by this code
    type and code               what this library means by this code: an errno, a close code, SQLite's or TLS's name
    status and text
    type and text
    type and status
    status
    exact type
    base type                   the nearer in the order of resolution, the better
    class of statuses           a range of them
    text alone

Whatever else a rule names makes it more specific within its place. Of two that are equally specific the first decides. A user's
rules come before those that are built in, however specific either are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attrs import Attribute, field, frozen

from actors.errors.checks import refuse
from actors.errors.kinds import Action, Category, Severity
from supervisor import SpecError

if TYPE_CHECKING:
    from actors.errors.signs import Signs

__all__ = ["SEVERITIES", "OfKind", "Rule", "Table"]

SEVERITIES = {
    Category.NETWORK: Severity.WARNING,
    Category.RATE_LIMIT: Severity.WARNING,
    Category.EXCHANGE: Severity.WARNING,
    Category.DATA_FEED: Severity.WARNING,
    Category.RECOVERY: Severity.WARNING,
    Category.AUTHENTICATION: Severity.CRITICAL,
    Category.SECURITY: Severity.CRITICAL,
    Category.MEMORY: Severity.CRITICAL,
    Category.STORAGE: Severity.CRITICAL,
    Category.POSITION: Severity.CRITICAL,
}
"""How bad an error of a category usually is; ERROR where nothing is said."""


def _usual(rule: Rule) -> Severity:
    if rule.action is Action.RETRY:
        return Severity.WARNING
    if rule.category in (Category.EXCHANGE, Category.NETWORK) and rule.action is Action.NEVER:
        return Severity.ERROR
    return SEVERITIES.get(rule.category, Severity.ERROR)


def _written(code: int | str | None) -> str | None:
    return None if code is None else str(code)


def _kind_or_name(rule: Rule, attribute: Attribute[Any], value: object) -> None:
    if not (value is None or isinstance(value, type) or (isinstance(value, str) and "." in value)):
        refuse(rule, attribute, value, 'a type, or its full name, for example kind="httpx.ReadTimeout"')


def _status_or_range(rule: Rule, attribute: Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not (value is None or isinstance(value, int | range)):
        refuse(rule, attribute, value, "an HTTP status or a range of them, for example status=range(500, 600)")


def _literal_or_pattern(rule: Rule, attribute: Attribute[Any], value: object) -> None:
    if not (value is None or isinstance(value, re.Pattern) or (isinstance(value, str) and value.strip())):
        refuse(
            rule, attribute, value, "words to be found in the message, or a compiled pattern, for example text='insufficient'"
        )


@frozen
class Rule:
    """What an error is, that looks like this. At least one of `kind`, `venue`, `status`, `code` and `text` is given."""

    name: str
    """For people who ask why: it is the `rule` of a Classification."""
    category: Category = field(converter=Category)
    action: Action = field(converter=Action)
    severity: Severity | None = field(default=None)
    """None: what is usual for the category."""
    kind: type | str | None = field(default=None, kw_only=True, validator=_kind_or_name)
    """Type, or its name with that of its module: "httpx.ReadTimeout". Of the module, the first part is enough, so that a
    library may move its types. Errors of a type below are meant, too."""
    venue: str | None = field(default=None, kw_only=True)
    """Which exchange: "binance", "okx", "kraken", "coinbase", "bybit", or whatever `ExchangeRefused.venue` says."""
    status: int | range | None = field(default=None, kw_only=True, validator=_status_or_range)
    """HTTP status."""
    code: str | None = field(default=None, kw_only=True, converter=_written)
    """The exchange's code; or the name of an errno ("ECONNRESET"), a close code, TLS's or SQLite's name of the reason."""
    text: str | re.Pattern[str] | None = field(default=None, kw_only=True, validator=_literal_or_pattern)
    """Words in the message, in any case, or a pattern. A pattern sees small letters only."""
    retry_after: float | None = field(default=None, kw_only=True)
    """Seconds to wait where the other side named none."""

    def __attrs_post_init__(self) -> None:
        if self.unconditional and self.kind is None:
            raise SpecError(
                "Rule", self.name, "at least one of kind=, venue=, status=, code= and text=; else it fits every error"
            )

    @property
    def gravity(self) -> Severity:
        """The severity, be it named or usual."""
        return _usual(self) if self.severity is None else self.severity

    def fits(self, signs: Signs) -> bool:
        """Whether everything but the type fits."""
        if self.venue is not None and self.venue != signs.venue:
            return False
        if self.code is not None and self.code not in signs.codes:
            return False
        if self.status is not None:
            wanted = self.status
            if signs.status is None or (signs.status not in wanted if isinstance(wanted, range) else signs.status != wanted):
                return False
        if self.text is None:
            return True
        return (
            self.text.search(signs.text) is not None if isinstance(self.text, re.Pattern) else self.text.lower() in signs.text
        )

    @property
    def unconditional(self) -> bool:
        """It looks at nothing but the type."""
        return all(one is None for one in (self.venue, self.status, self.code, self.text))

    def specificity(self, distance: int = 0) -> int:
        """The higher, the more specific.

        Args:
            distance: steps from the type of the error to that of the rule, in the order of resolution.
        """
        alone = all(one is None for one in (self.kind, self.status, self.code))
        return (
            (1_000 if self.code is not None else 0)
            + (500 if self.code is not None and self.venue is not None else 0)
            + (0 if self.text is None else 1 if alone else 100)
            + (0 if self.status is None else 5 if isinstance(self.status, range) else 50)
            + (0 if self.kind is None else max(10, 40 - distance))
            + (3 if self.venue is not None else 0)
        )


Fit = tuple[int, Rule]
"""A rule, and how specific it is for a certain type."""


@frozen(eq=False)
class OfKind:
    """The rules that concern one type of error, the most specific first."""

    coded: dict[str, tuple[Fit, ...]]
    """By the code that they name."""
    others: tuple[Fit, ...]

    @property
    def anything(self) -> bool:
        """Whether there are any."""
        return bool(self.coded or self.others)

    @property
    def certain(self) -> Rule | None:
        """The rule that decides by the type alone, whatever else is seen."""
        first = self.others[0][1] if self.others and not self.coded else None
        return first if first is not None and first.unconditional else None


class Table:
    """Rules, so laid out that few have to be looked at for one error."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.by_kind: dict[type | str, list[Rule]] = {}
        self.by_code: dict[str, list[Fit]] = {}
        self.by_status: dict[int, list[Fit]] = {}
        self.by_range: list[Fit] = []
        self.by_words: list[Fit] = []
        for rule in rules:
            fit = (rule.specificity(), rule)
            if rule.kind is not None:
                self.by_kind.setdefault(rule.kind, []).append(rule)
            elif rule.code is not None:
                self.by_code.setdefault(rule.code, []).append(fit)
            elif isinstance(rule.status, int):
                self.by_status.setdefault(rule.status, []).append(fit)
            elif rule.status is not None:
                self.by_range.append(fit)
            else:
                self.by_words.append(fit)
        for fits in (*self.by_code.values(), *self.by_status.values(), self.by_range, self.by_words):
            fits.sort(key=_first)

    def of_kind(self, kinds: Iterable[tuple[int, type | str]]) -> OfKind:
        """The rules for a type and what is above it.

        Args:
            kinds: the types and their names, each with its distance.
        """
        found = [(rule.specificity(at), rule) for at, kind in kinds for rule in self.by_kind.get(kind, ())]
        found.sort(key=_first)
        codes = {rule.code for _, rule in found if rule.code is not None}
        coded = {code: tuple(fit for fit in found if fit[1].code == code) for code in codes}
        return OfKind(coded, tuple(fit for fit in found if fit[1].code is None))

    def find(self, signs: Signs, of_kind: OfKind) -> Rule | None:
        """The most specific rule that fits; words alone count last."""
        return self.find_sure(signs, of_kind) or self.find_words(signs)

    def find_sure(self, signs: Signs, of_kind: OfKind) -> Rule | None:
        """As `find`, without the rules that look at nothing but words and venue."""
        for code in signs.codes:
            # Any rule that names the code is more specific than any that does not.
            found = _better(_best(signs, self.by_code.get(code, ())), _best(signs, of_kind.coded.get(code, ())))
            if found is not None:
                return found[1]
        found = _best(signs, of_kind.others)
        if signs.status is not None:
            found = _better(found, _best(signs, self.by_status.get(signs.status, ())))
            found = _better(found, _best(signs, self.by_range))
        return None if found is None else found[1]

    def find_words(self, signs: Signs) -> Rule | None:
        """The first rule whose words are there."""
        found = _best(signs, self.by_words)
        return None if found is None else found[1]


def _first(fit: Fit) -> int:
    return -fit[0]


def _best(signs: Signs, fits: Iterable[Fit]) -> Fit | None:
    """Of rules in their order."""
    for fit in fits:
        if fit[1].fits(signs):
            return fit
    return None


def _better(one: Fit | None, other: Fit | None) -> Fit | None:
    """The first, unless the second is more specific."""
    return other if one is None or (other is not None and other[0] > one[0]) else one
