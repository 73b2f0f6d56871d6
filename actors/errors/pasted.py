"""What a person pastes when something went wrong: find the code, the words and the status in it.

It may be the exchange's JSON, a frame of the WebSocket API, the repr of a dict, what ccxt or python-binance print, a log line,
curl's output with headers, or the HTML page of a firewall. Nothing in it is trusted, and nothing in it is kept but these facts.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from attrs import evolve, frozen

__all__ = ["Pasted", "read_pasted"]

LONGEST = 100_000
"""Characters that are looked at."""
_OBJECTS = 50
_OBJECT = 10_000
_DEPTH = 6
_OTHERS = 5


@frozen
class Pasted:
    """What was found; empty or 0 is what was not."""

    code: str = ""
    """The exchange's code, as it was written."""
    message: str = ""
    """The exchange's words; the whole text, where it does not say which of it they are."""
    quoted: bool = False
    """Whether the message is the exchange's words alone."""
    status: int = 0
    """The HTTP status."""
    close_code: int = 0
    """The WebSocket close code."""
    wait: str = ""
    """How long to wait, as it was written: seconds, or milliseconds since 1970."""
    others: tuple[str, ...] = ()
    """Further codes: of several errors in one text, the first is read."""


def read_pasted(text: str) -> Pasted:
    """Find out what a text says. Never raises."""
    text = text[:LONGEST].strip()
    wait = _first(_WAITS, text)
    for found in _objects(text):
        pasted = _in_object(found, _DEPTH)
        if pasted is not None:
            return evolve(pasted, status=pasted.status or _status(text), wait=wait, others=_others(pasted.code, text))
    code = _first(_CODES, text)
    # What stands behind a second code belongs to that one.
    second = next((found.start() for found in _CODES[0].finditer(text) if found[1] != code), len(text))
    return Pasted(
        code,
        text[:second],
        status=_status(text),
        close_code=0 if code else _close_code(text),
        wait=wait,
        others=_others(code, text),
    )


def _others(code: str, text: str) -> tuple[str, ...]:
    named = dict.fromkeys(found[1] for found in _CODES[0].finditer(text))
    return tuple(one for one in named if one != code)[:_OTHERS]


# --------------------------------------------------------------------------------------------------------- what has a shape


def _objects(text: str) -> Iterator[object]:
    # A log line in JSON has the exchange's JSON inside of a text, with its quotes escaped.
    for candidate in dict.fromkeys((text, text.replace('\\"', '"'))):
        start = candidate.find("{")
        for _ in range(_OBJECTS):
            if start < 0:
                break
            found, end = _object_at(candidate, start)
            if found is not None:
                yield found
            start = candidate.find("{", end)


def _object_at(text: str, start: int) -> tuple[object, int]:
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        pass
    end = _end_of(text, start)
    if "\\" in text[start:end]:
        return None, start + 1  # an escape that Python does not know would be a warning on the screen
    try:
        return ast.literal_eval(text[start:end]), end  # the repr of a dict, as Python programs log it
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None, start + 1


def _end_of(text: str, start: int) -> int:
    depth = 0
    for at in range(start, min(len(text), start + _OBJECT)):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return at + 1
    return start + 1


def _in_object(value: object, depth: int) -> Pasted | None:
    """The first code in it, outermost first."""
    if depth == 0 or not isinstance(value, dict | list | tuple):
        return None
    words, status = "", 0
    if isinstance(value, dict):
        words, status = _as_text(value.get("msg") or value.get("message")), _as_status(value)
        code = value.get("code")
        if isinstance(code, int | str) and not isinstance(code, bool) and _NUMBER.fullmatch(str(code)):
            return Pasted(str(code), words, quoted=True, status=status)
    for item in list(value.values() if isinstance(value, dict) else value)[:_OBJECTS]:
        found = _in_object(item, depth - 1)
        if found is not None:
            return evolve(found, status=found.status or status)
    return Pasted("", words, quoted=True, status=status) if status else None


def _as_status(value: dict[Any, Any]) -> int:
    for name in ("status", "status_code", "statusCode", "http_status", "httpStatus"):
        status = value.get(name)
        if isinstance(status, int) and 400 <= status <= 599:
            return status
    return 0


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else ""


_DECODER = json.JSONDecoder()
_NUMBER = re.compile(r"-?\d{1,6}", re.ASCII)


# ------------------------------------------------------------------------------------------------------- what has no shape


def _first(patterns: tuple[re.Pattern[str], ...], text: str) -> str:
    return next((found[1] for pattern in patterns if (found := pattern.search(text))), "")


def _status(text: str) -> int:
    answers = _ANSWER.findall(text)  # of several answers the last one counts: a proxy's or a redirection comes before it
    if answers and int(answers[-1]) >= 400:
        return int(answers[-1])
    return int(_first(_STATUSES, text) or (403 if _FIREWALL.search(text) else 0))


def _close_code(text: str) -> int:
    return int(_first(_CLOSINGS, text) or (1006 if _NO_GOODBYE.search(text) else 0))


def _patterns(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE | re.ASCII) for pattern in patterns)


_REASONS = (
    "bad request|unauthorized|forbidden|not found|conflict|gone|i.?m a teapot|too many requests|unavailable for legal|"
    "client error|server error|internal server error|bad gateway|service (?:temporarily )?unavailable|gateway time"
)
_CODES = _patterns(r"code\W{0,5}(-\d{3,6})\b", r"(?<![\w.-])(-\d{4,5})(?![\w.-])")
_ANSWER = re.compile(r"\bHTTP/[\d.]+\"?\s+(\d{3})\b", re.ASCII)
_STATUSES = _patterns(
    r"\bhttp(?:[ _-]?(?:status|error|code))*\W{0,3}([45]\d\d)\b",
    r"\bstatus(?:[ _-]?code)?\W{0,3}([45]\d\d)\b",
    r"<(?:title|h1)[^>]{0,80}>\s*(?:error\W*)?([45]\d\d)\b",
    rf"\b([45]\d\d)\W{{1,3}}(?:{_REASONS})",
)
_FIREWALL = re.compile(r"request could not be satisfied|request blocked|web application firewall", re.IGNORECASE)
_CLOSINGS = _patterns(r"\b(?:received|close(?:d)?(?:[ _]?code)?|code|sent)\W{0,12}(1\d{3})\b")
_NO_GOODBYE = re.compile(r"no close frame received", re.IGNORECASE)
_WAITS = _patterns(r"banned until\W{0,2}(\d{13})\b", r"retry-?after\W{0,4}(\d{1,13})\b")
