"""What an error means for whoever has to decide what to do next: category, severity, action, and how long to wait.

How it is found, in this order; the first that knows decides:

1. The rules of the user (`Classifier(rules)`), the most specific one first.
2. A group of exceptions is judged by its leaves. The gravest says category and severity; what to do is what all of them need:
   a leaf that must not be sent again or must be corrected decides, then one whose outcome is unknown, then one that needs our
   view to be made right, then the longest wait. So a group is retried only if each of its leaves may be.
3. An error of `actors` says it itself, in its attributes, except `ExchangeRefused`.
4. What an exchange answered: its code, and its words where the code alone means several things (rules in `venues`; those of
   Binance are in binance.toml), then the HTTP status (`http_statuses`).
5. The type, or the nearest type above it (`foreign`, `ccxt_names`), together with its errno, close code or reason.
6. The error that caused it (`raise ... from error`), down to a few levels.
7. The words of the message (`wording`).
8. Nothing knows it: unknown, never.

`rules` says what "most specific" means among rules. Cancellation and the end of the program are no failures: system, never, and
nobody is woken. Whatever a request may have done without our knowing has the category UNKNOWN_OUTCOME.

Nothing here reads a clock. A delay that is named in seconds is `retry_after`; an instant (the end of a ban, an HTTP date) is
`until`, and becomes a delay, too, for whoever gives the time with `wall=`.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import RLock
from typing import Any

from attrs import evolve, frozen

from actors.errors import ccxt_names, foreign, http_statuses, venues, wording
from actors.errors.base import ActorsError
from actors.errors.envelopes import TEXT, body_of, of_mapping, of_text
from actors.errors.kinds import Action, Category, Severity
from actors.errors.readers import READERS, Reader, by_attributes, nothing
from actors.errors.rules import OfKind, Rule, Table
from actors.errors.signs import Signs, delay_of
from actors.errors.taxonomy import Banned, ExchangeRefused

__all__ = ["Classification", "Classifier", "built_in", "classify"]


@frozen
class Classification:
    """The judgement on one error."""

    category: Category
    severity: Severity
    action: Action
    retry_after: float | None = None
    """Seconds to wait before the same is tried again, where the other side said so."""
    rule: str = ""
    """The rule that decided, for people who ask why."""
    until: float | None = None
    """Wall-clock seconds since 1970 before which the same is not tried again, where the other side named an instant."""

    def retryable(self, *, idempotent: bool) -> bool:
        """Whether the same call may simply be made again.

        Args:
            idempotent: to do it twice is the same as to do it once. Without that, a call whose outcome is unknown may not.
        """
        if self.category is Category.UNKNOWN_OUTCOME:
            return idempotent and self.action in (Action.RECONCILE, Action.RETRY, Action.WAIT)
        return self.action in (Action.RETRY, Action.WAIT)


_NOBODY_KNOWS = Classification(Category.UNKNOWN, Severity.ERROR, Action.NEVER)
_ORDER = (Action.NEVER, Action.FIX, Action.RECONCILE, Action.RESYNC, Action.WAIT, Action.RETRY)
_LEAVES = 1_000
"""Of a group, this many members are looked at."""
_DEPTH = 8
"""Of a chain of causes, this many."""
_MANY = 1_024
"""Types that are remembered, and answers of exchanges."""
_SHORT = 256
"""Characters of an answer that is remembered."""

# Asked of the class `type` itself: a metaclass can have attributes of these names that do anything.
_mro = type.__dict__["__mro__"].__get__
_qualname = type.__dict__["__qualname__"].__get__
_module = type.__dict__["__module__"].__get__
_exceptions = BaseExceptionGroup.__dict__["exceptions"].__get__
_cause = BaseException.__dict__["__cause__"].__get__
_args = BaseException.__dict__["args"].__get__


def _verdict(rule: Rule) -> Classification:
    return Classification(rule.category, rule.gravity, rule.action, rule.retry_after, rule.name)


@frozen(eq=False)
class _BuiltIn:
    """Made once, when the first error is judged: a program that judges none does not wait for hundreds of rules."""

    rules: tuple[Rule, ...]
    table: Table
    verdicts: dict[int, Classification]
    """By identity, as `rules` holds them."""


_made: list[_BuiltIn] = []
_making = RLock()
_NOT_YET = Table(())


def _built_in() -> _BuiltIn:
    # Two threads must not have rules of their own, as verdicts are found by the identity of a rule.
    if not _made:
        with _making:
            if not _made:
                modules = (venues, http_statuses, foreign, ccxt_names, wording)
                found = tuple(rule for module in modules for rule in module.rules())
                _made.append(_BuiltIn(found, Table(found), {id(rule): _verdict(rule) for rule in found}))
    return _made[0]


def built_in() -> tuple[Rule, ...]:
    """The rules that come after the user's."""
    return _built_in().rules


@frozen(eq=False)
class _Profile:
    """What a type alone says. Made once for each type."""

    verdict: Classification | None
    """All that there is to say."""
    own: bool
    group: bool
    reader: Reader | None
    users: OfKind
    known: OfKind


class Classifier:
    """Judges errors by a user's rules and those that are built in. Safe to share among threads.

    Args:
        rules: looked at before all others.
    """

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules: tuple[Rule, ...] = tuple(rules)
        self._users = Table(self.rules)
        self._verdicts = {id(rule): _verdict(rule) for rule in self.rules}
        self._built_in = _NOT_YET
        # Both are emptied when they are full; what a thread puts in is the same as what another one would.
        self._profiles: dict[type, _Profile] = {}
        self._seen: dict[tuple[object, ...], Classification] = {}

    def classify(self, error: object, *, wall: float | None = None) -> Classification:
        """Judge an error. Looks only at a bounded part of what it is given.

        Never raises, whatever the error does when it is looked at; only what interrupts the program (KeyboardInterrupt,
        SystemExit, cancellation) passes.

        Args:
            error: an exception; or what an exchange answered, as a mapping, or JSON or a page as text or bytes; or an HTTP
                status as an int.
            wall: the time, in seconds since 1970. With it, an `until` becomes a `retry_after`.
        """
        try:
            found = self._judge(error, 0)
            if wall is not None and found.until is not None:
                return evolve(found, retry_after=max(0.0, found.until - wall))
        except Exception:  # noqa: BLE001  # an object that defends itself against being looked at: nobody knows what it is
            return _NOBODY_KNOWS
        return found

    def _judge(self, error: object, depth: int) -> Classification:
        kind = type(error)
        # A metaclass may have a `__hash__` of its own, which may do anything.
        profile = self._profiles.get(kind) if type(kind) is type else None
        if profile is None:
            profile = self._profiled(kind)
        if profile.verdict is not None:
            return profile.verdict
        if profile.own:
            return self._of_ours(error, profile)
        if profile.group:
            return self._of_group(error, profile, depth)
        signs = (profile.reader or _seen_of)(error)
        return self._decide(signs, profile) or self._by_cause(error, depth) or self._by_words(signs)

    def _profiled(self, kind: type) -> _Profile:
        above = _mro(kind)
        plain = type(kind) is type
        names: list[tuple[int, type | str]] = [(at, name) for at, one in enumerate(above) for name in _names(one)]
        kinds = [*enumerate(above), *names] if plain else names
        reader = next((READERS[name] for _, name in names if name in READERS), None)
        if self._built_in is _NOT_YET:
            built = _built_in()
            self._verdicts = built.verdicts | self._verdicts
            self._built_in = built.table
        users, known = self._users.of_kind(kinds), self._built_in.of_kind(kinds)
        own = plain and ActorsError in above and ExchangeRefused not in above
        group = BaseExceptionGroup in above
        # What has codes or a status may fit a user's rule on those, which is more specific than one on the type.
        blind = own or group or (reader is None and known.anything)
        certain = users.certain if blind or not (self._users.by_code or self._users.by_status) else None
        if certain is None and not (self.rules and (users.anything or self._users.by_words)) and not (own or group or reader):
            certain = known.certain
        if reader is None and known.anything:
            reader = nothing
        verdict = None if certain is None else self._verdicts[id(certain)]
        profile = _Profile(verdict, own, group, reader, users, known)
        if plain:
            if len(self._profiles) >= _MANY:
                self._profiles.clear()
            self._profiles[kind] = profile
        return profile

    def _of_ours(self, error: Any, profile: _Profile) -> Classification:
        if self.rules and (rule := self._users.find(Signs(error), profile.users)):
            return self._verdicts[id(rule)]
        kind, retry_after = type(error), error.retry_after
        key = (kind, error.category, error.severity, error.action)
        found = self._seen.get(key)
        if found is None:
            found = Classification(Category(key[1]), Severity(key[2]), Action(key[3]), rule=kind.__name__)
            self._remember(key, found)
        if retry_after is None and not issubclass(kind, Banned):
            return found
        until = error.until if issubclass(kind, Banned) and type(error.until) in {int, float} else None
        return Classification(found.category, found.severity, found.action, delay_of(retry_after), found.rule, until)

    def _decide(self, signs: Signs, profile: _Profile) -> Classification | None:
        if self.rules and (rule := self._users.find(signs, profile.users)):
            return _with_time(self._verdicts[id(rule)], signs)
        if not signs.codes or signs.venue is None:
            rule = self._built_in.find_sure(signs, profile.known)
            return None if rule is None else _with_time(self._verdicts[id(rule)], signs)
        if profile.known.anything:
            found = self._of_answer(signs, profile)
            return None if found is None else _with_time(found, signs)
        # What an exchange says it says often; and here nothing but that decides.
        key = (signs.venue, signs.codes[0], signs.status, signs.words)
        found = self._seen.get(key)
        if found is None:
            found = self._of_answer(signs, profile)
            if found is None:
                return None
            if len(signs.words) <= _SHORT:
                self._remember(key, found)
        return _with_time(found, signs)

    def _of_answer(self, signs: Signs, profile: _Profile) -> Classification | None:
        rule = self._built_in.find_sure(signs, profile.known)
        if signs.venue == "binance" and (rule is None or rule.code is None or rule.text is None):
            from actors.errors.binance import lookup  # its tables are read when the first code is

            known = lookup(signs.codes[0], signs.words)
            if known is not None:
                banned = known.category is Category.RATE_LIMIT and Severity.CRITICAL in (known.severity, rule and rule.severity)
                return Classification(
                    known.category,
                    Severity.CRITICAL if banned else known.severity,
                    known.action,
                    # A ban that names no end: whoever goes on after the usual pause makes it longer.
                    http_statuses.BAN if banned else None,
                    f"binance {known.code} {known.name}",
                )
        return None if rule is None else self._verdicts[id(rule)]

    def _remember(self, key: tuple[object, ...], found: Classification) -> None:
        if len(self._seen) >= _MANY:
            self._seen.clear()
        self._seen[key] = found

    def _by_cause(self, error: object, depth: int) -> Classification | None:
        if depth >= _DEPTH or not issubclass(type(error), BaseException):
            return None
        cause = _cause(error)
        if cause is None:
            # httpcore, requests and urllib wrap the cause as an argument.
            args = _args(error)
            cause = args[0] if args and issubclass(type(args[0]), BaseException) else None
        if cause is None:
            return None
        found = self._judge(cause, depth + 1)
        return None if found.category is Category.UNKNOWN else found

    def _by_words(self, signs: Signs) -> Classification:
        rule = self._built_in.find_words(signs)
        return _NOBODY_KNOWS if rule is None else _with_time(self._verdicts[id(rule)], signs)

    def _of_group(self, group: object, profile: _Profile, depth: int) -> Classification:
        if self.rules and (rule := self._users.find(Signs(group), profile.users)):
            return self._verdicts[id(rule)]
        found: list[Classification] = []
        complete = True
        waiting: list[object] = [group]
        looked_at = 0
        while waiting:
            error = waiting.pop()
            looked_at += 1
            if looked_at > _LEAVES:
                complete = False
                break
            if issubclass(type(error), BaseExceptionGroup):
                below = _exceptions(error)
                complete = complete and len(below) <= _LEAVES
                waiting.extend(below[:_LEAVES])
            else:
                found.append(self._judge(error, depth))
        return _together(found, complete=complete)


def _seen_of(error: Any) -> Signs:
    """Of a type that no rule and no reader knows."""
    kind = type(error)
    if issubclass(kind, BaseException):
        return by_attributes(error)
    if issubclass(kind, int) and kind is not bool:
        number = int.__int__(error)
        return Signs(status=number, text="") if number > 0 else of_mapping({"code": number})
    if issubclass(kind, TEXT):
        return of_text(error)
    body = body_of(error)
    return Signs(error) if body is None else of_mapping(body)


def _together(found: Sequence[Classification], *, complete: bool) -> Classification:
    """What leaves mean together. Where not all of them were looked at, nobody can say that all may be tried again."""
    if not found:
        return _NOBODY_KNOWS
    gravest = max(found, key=lambda one: (one.severity, -_ORDER.index(one.action)))
    action = min((one.action for one in found), key=_ORDER.index)
    if not complete and action in (Action.WAIT, Action.RETRY):
        action = Action.NEVER
    waits = [one.retry_after for one in found if one.retry_after is not None]
    ends = [one.until for one in found if one.until is not None]
    return Classification(
        gravest.category, gravest.severity, action, max(waits, default=None), f"group: {gravest.rule}", max(ends, default=None)
    )


def _names(kind: type) -> tuple[str, ...]:
    """A type as rules name it: with its module, and with the first part of that."""
    module, name = _module(kind), _qualname(kind)
    if type(module) is not str or type(name) is not str:
        return ()
    full, short = f"{module}.{name}", f"{module.partition('.')[0]}.{name}"
    return (full,) if full == short else (full, short)


def _with_time(found: Classification, signs: Signs) -> Classification:
    if found.category is Category.RATE_LIMIT and signs.until is None:
        signs.look_for_a_ban()
    if signs.retry_after is None and signs.until is None:
        return found
    retry_after = found.retry_after if signs.retry_after is None else signs.retry_after
    return Classification(found.category, found.severity, found.action, retry_after, found.rule, signs.until)


_default = Classifier()


def classify(error: object, *, rules: Sequence[Rule] = (), wall: float | None = None) -> Classification:
    """Judge an error, as `Classifier.classify` does. Never raises.

    Args:
        error: an exception, an exchange's answer, or an HTTP status.
        rules: looked at before those that are built in. Whoever has rules for many errors makes one Classifier of them.
        wall: the time, in seconds since 1970; see `Classification.until`.
    """
    return (Classifier(rules) if rules else _default).classify(error, wall=wall)
