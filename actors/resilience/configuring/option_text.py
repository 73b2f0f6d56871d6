"""How a file's own words stand in a problem: a path, a value that is no secret, the name that was probably meant."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from supervisor.secrets import HIDDEN, redact

__all__ = ["did_you_mean", "path_of", "shown"]

CLOSE = 0.65
"""How alike two names are when one was probably meant for the other: `rset` and `rest`, not `orders` and `rest`."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_RANDOM = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9+/=_-]{20,}")
"""A long word of letters and digits: a key, more likely than anything that belongs here."""
_LONGEST = 60
"""Characters of a value that are shown."""


def path_of(path: str, key: object) -> str:
    """`retry.rest`; a key that is no plain word is quoted."""
    text = str(key)
    told = text if _BARE.fullmatch(text) else json.dumps(redact(text), ensure_ascii=False)
    return f"{path}.{told}" if path else told


def shown(key: object, value: object) -> str:
    """A value as a file has it, unless it may be a secret."""
    if redact({str(key): value})[str(key)] == HIDDEN:
        return HIDDEN
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)[:_LONGEST]
    if _RANDOM.search(str(value)):
        return HIDDEN
    text = str(redact(str(value)))
    return json.dumps(text if len(text) <= _LONGEST else text[:_LONGEST] + "…", ensure_ascii=False)


def did_you_mean(given: object, known: Sequence[str], *, quoted: bool = False) -> str:
    """`; did you mean attempts?` where one of the known comes close to it, otherwise nothing."""
    if not isinstance(given, str):
        return ""
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(given.lower(), by_lower, 1, CLOSE)
    if not close:
        return ""
    name = by_lower[close[0]]
    return f'; did you mean "{name}"?' if quoted else f"; did you mean {name}?"
