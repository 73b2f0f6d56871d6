"""Nothing secret is ever printed: `Secret[T]` hides one value, `redact` cleans what is on its way out.

`redact` goes by names (a key that looks like a secret's) and by shape (credentials in URLs, bearer tokens, PEM blocks). It
cannot know a secret that has neither; hold those in a `Secret`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, Generic, TypeVar

__all__ = ["HIDDEN", "Secret", "redact"]

HIDDEN = "***"

T = TypeVar("T")


class Secret(Generic[T]):
    """A value that does not show itself: not in `repr`, `str`, a format, a pickle or an encoder. `reveal()` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value. Use it where it is needed, and keep it nowhere."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> Any:
        raise TypeError("a Secret is not pickled: reveal() it where it is needed")


_WORDS = (
    r"api[-_ ]?key|secret|passphrase|password|passwd|signature|token|authorization|cookie"
    r"|private[-_ ]?key|listen[-_ ]?key|access[-_ ]?key|(?<![a-z])sign(?![a-z])|mnemonic"
)
_SECRET_KEYS = re.compile(_WORDS, re.IGNORECASE)
_QUOTED = r"""(\\*["'])(?s:\\.|[^\\])*?(?:\2|\Z)"""
_IN_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL), HIDDEN),
    (re.compile(r"\b(\w+://)[^/\s]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (
        # The rest of the line, because a header's value has spaces in it: `Authorization: Token abc`, `Cookie: a=b; c=d`.
        re.compile(rf"""((?:authorization|cookie)[\w-]{{0,64}}[\\"']*\s*[=:]\s*)(?:{_QUOTED}|[^\r\n"']+)""", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    (re.compile(rf"""((?:{_WORDS})[\w-]{{0,64}}[\\"']*\s*[=:]\s*)(?:{_QUOTED}|[^&\s"',;]+)""", re.IGNORECASE), rf"\1{HIDDEN}"),
)
_MAX_DEPTH = 8
_MAX_ITEMS = 100
_MAX_TEXT = 10_000
_MAX_SECRET = 512


def redact(value: object, _depth: int = 0) -> Any:
    """A copy fit to be shown: secrets replaced by `***`, depth and size bounded.

    Args:
        value: mappings, sequences, text, bytes and exceptions are looked into; anything else is shown by its `repr`,
            which is searched like text.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Secret):
        return HIDDEN
    if isinstance(value, bytes | bytearray):
        value = bytes(value[: _MAX_TEXT + 1]).decode("utf-8", "replace")
    if isinstance(value, str):
        return _redact_text(value)
    if _depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        shown = ((_redact_key(key), item) for key, item in islice(value.items(), _MAX_ITEMS))
        return {key: HIDDEN if _SECRET_KEYS.search(str(key)) else redact(item, _depth + 1) for key, item in shown}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, _depth + 1) for item in islice(value, _MAX_ITEMS)]
    return _redact_text(_shown(value))


def _redact_key(key: object) -> Any:
    if key is None or isinstance(key, bool | int | float):
        return key
    return redact(key) if isinstance(key, str | bytes | Secret) else _redact_text(_shown(key))


def _shown(value: object) -> str:
    try:
        return str(value) if isinstance(value, BaseException) else repr(value)
    except Exception as error:  # noqa: BLE001  # what cannot show itself must not silence what is said about it
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


def _redact_text(text: str) -> str:
    head = text[:_MAX_TEXT]
    for pattern, replacement in _IN_TEXT:
        head = pattern.sub(replacement, head)
    # A secret that the cut went through may no longer look like one, so nothing is shown that is close to the cut.
    return head if len(text) <= _MAX_TEXT else head[:-_MAX_SECRET] + "…"
