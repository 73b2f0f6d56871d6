"""What Binance's codes and words mean: one `Known` for each code, HTTP status, close code and reject message.

The facts and the sentences stand in binance.toml, beside this file. They are read once, when somebody asks for the first time.
A reject message says more than its code (-2010 is anything that the matching engine refuses), so it is looked for first.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any

from attrs import frozen

from actors.errors.kinds import Action, Category, Severity

__all__ = ["Known", "all_known", "lookup", "normalised", "reference_of", "wordings"]

LONGEST = 2_000
"""Characters of a message that are looked at."""


@frozen
class Known:
    """One thing that Binance may say, and what it means."""

    code: str
    """`-2010`, `HTTP 418`, `WS 2` (an answer of a stream socket), `WS close 1008`."""
    name: str
    """Binance's name of the code; for a reject message its exact words."""
    category: Category
    severity: Severity
    action: Action
    happened: str
    """What happened."""
    means: str
    """What it means for an order or a stream."""
    advice: str
    """What to do now."""


@frozen
class _Tables:
    codes: dict[int | str, Known]
    """By the code as it is written here, and API codes by their number, too: the usual look-up is one step."""
    messages: dict[str, tuple[Known, ...]]
    """By the words as Binance writes them, and normalised; one for each code that comes with them."""
    parts: tuple[tuple[str, tuple[Known, ...]], ...]
    """All the words, normalised: messages before what is said with codes, longest first, as one may be a part of another."""
    wordy: frozenset[str]
    """The codes that come with words that say more."""


def lookup(code: int | str, message: str = "") -> Known | None:
    """What is known of a code, or, where the message is a known one, of that.

    Args:
        code: -2010, "-2010", "HTTP 418", "WS 2", "WS close 1008"; a number above 0 is an HTTP status, a code of the stream
            socket or a close code. 0 and "" say nothing: then the message alone decides.
        message: in any case, with or without its final dot; other text may stand around it.
    """
    tables = _tables()
    found = tables.codes.get(code) or tables.codes.get(reference_of(code))
    if message and (found is None or found.code in tables.wordy):
        rows = tables.messages.get(message) or _by_words(tables, message)
        if rows is not None:
            return next((one for one in rows if found is not None and one.code == found.code), rows[0])
    return found


def all_known() -> tuple[Known, ...]:
    """All of it: the codes, then the messages (once for each code with which they come)."""
    tables = _tables()
    return tuple(dict.fromkeys((*tables.codes.values(), *(one for rows in tables.messages.values() for one in rows))))


def wordings() -> dict[str, Known]:
    """The words by which something is recognised, normalised, and what it is."""
    return {words: rows[0] for words, rows in _tables().parts}


def normalised(message: str) -> str:
    """A message as it is compared: without case, quotes, doubled spaces and final dot."""
    return " ".join(message[:LONGEST].casefold().translate(_NO_QUOTES).split()).rstrip(". ")


def reference_of(code: int | str) -> str:
    """A code as it is written here: 418 as `HTTP 418`. Empty where it says nothing."""
    if isinstance(code, int) and abs(code) >= _IMPOSSIBLE:
        return ""  # also because Python refuses to write a number of thousands of digits
    written = _WRITTEN.fullmatch(str(code).strip())
    if written is None:
        return ""
    kind, digits = written[1].casefold().strip(" :_"), written[2].casefold()
    if digits.startswith("-"):
        return "" if kind else f"-{digits[1:].lstrip('0')}"
    return _positive(kind, int(digits.replace("x", "0")))


_IMPOSSIBLE = 10**6
_NO_QUOTES = str.maketrans("", "", "`'\"")
_WRITTEN = re.compile(r"((?:http(?:/[\d.]+)?|ws close|close|ws)?[ :_]*)(-\d{1,6}|\d{1,4}|[45]xx)", re.IGNORECASE | re.ASCII)
_CARRIERS = {"-1010", "-2021", "-2022"}
"""Codes around which no message of their own is documented, but those of others."""


def _positive(kind: str, number: int) -> str:
    if kind.endswith("close") or (number >= 1000 and not kind.startswith("http")):
        return f"WS close {number}"
    if kind.startswith("http") or 100 <= number <= 599:
        return "HTTP 5XX" if 500 <= number <= 599 else f"HTTP {number}"
    return f"WS {number}" if number or kind else ""


def _by_words(tables: _Tables, message: str) -> tuple[Known, ...] | None:
    words = normalised(message)
    return tables.messages.get(words) or next((rows for part, rows in tables.parts if part in words), None)


@cache
def _tables() -> _Tables:
    source = tomllib.loads(resources.files("actors.errors").joinpath("binance.toml").read_text("utf-8"))
    codes: dict[int | str, Known] = {}
    said: dict[str, tuple[Known, ...]] = {}
    for row in source["codes"]:
        code = str(row["code"])
        codes[code] = one = _known(code, row["name"], row)
        if code.startswith("-"):
            codes[int(code)] = one
        said |= dict.fromkeys(map(normalised, row.get("says", ())), (one,))
    messages: dict[str, tuple[Known, ...]] = {}
    parts: dict[str, tuple[Known, ...]] = {}
    for row in source["messages"]:
        rows = tuple(_known(code, row["message"], row) for code in row["codes"])
        messages |= dict.fromkeys((row["message"], normalised(row["message"])), rows)
        parts |= dict.fromkeys(map(normalised, (row["message"], *row.get("says", ()))), rows)
    wordy = _CARRIERS | {one.code for rows in messages.values() for one in rows}
    return _Tables(codes, messages, (*_longest_first(parts), *_longest_first(said)), frozenset(wordy))


def _longest_first(words: dict[str, tuple[Known, ...]]) -> list[tuple[str, tuple[Known, ...]]]:
    return sorted(words.items(), key=lambda item: len(item[0]), reverse=True)


def _known(code: str, name: str, row: dict[str, Any]) -> Known:
    category, severity, action = Category(row["category"]), Severity[row["severity"].upper()], Action(row["action"])
    return Known(code, name, category, severity, action, row["happened"], row["means"], row["advice"])
