"""Nothing secret is ever printed: `Secret[T]` hides one value, `redact` cleans what is on its way out.

`redact` goes by names (a key that looks like a secret's) and by shape (credentials in URLs, bearer tokens, PEM blocks). It
cannot know a secret that has neither; hold those in a `Secret`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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


_SECRET_KEYS = re.compile(
    r"api[-_ ]?key|secret|passphrase|password|passwd|signature|token|authorization|cookie|private[-_ ]?key|mnemonic"
    r"|listen[-_ ]?key|x-mbx-apikey",
    re.IGNORECASE,
)
_IN_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(\w+://)[^/@\s]+@"), rf"\1{HIDDEN}@"),
    (
        re.compile(
            r"((?:api_?key|secret|passphrase|password|signature|token|listen_?key)[\"']?\s*[=:]\s*[\"']?)[^&\s\"',;]+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL), HIDDEN),
)
_MAX_DEPTH = 8
_MAX_ITEMS = 100
_MAX_TEXT = 10_000


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
        value = bytes(value[:_MAX_TEXT]).decode("utf-8", "replace")
    if isinstance(value, str):
        return _redact_text(value)
    if _depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        items = list(value.items())[:_MAX_ITEMS]
        return {key: HIDDEN if _SECRET_KEYS.search(str(key)) else redact(item, _depth + 1) for key, item in items}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, _depth + 1) for item in list(value)[:_MAX_ITEMS]]
    return _redact_text(str(value) if isinstance(value, BaseException) else repr(value))


def _redact_text(text: str) -> str:
    text = text[:_MAX_TEXT]
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text
