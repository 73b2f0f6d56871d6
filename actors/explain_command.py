"""The command `oneforone explain`: what an exchange's error means, for people. supervisor/commands has its exit codes."""

from __future__ import annotations

import io
import re
import sys
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from actors.errors import Severity, ValidationError
from actors.errors.explanations import VENUES, Explanation, explain
from supervisor.commands import BROKEN, GOOD, WRONG
from supervisor.commands.drawing import printable

__all__ = ["explain_error"]

MOST = 1_000_000
"""Characters of standard input that are read."""
USAGE = 'give what the exchange said, such as: oneforone explain binance -2010 "Market is closed."; - reads it from the input'
_STYLES = {
    Severity.DEBUG: "dim",
    Severity.INFO: "green",
    Severity.WARNING: "yellow",
    Severity.ERROR: "red",
    Severity.CRITICAL: "red",
}


def explain_error(
    *error: Annotated[str, Parameter(allow_leading_hyphen=True)],
    plain: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Say what an exchange's error means for an order or a stream, and what to do now.

    Ends with 1 when nobody knows what it is, and with 2 when nothing is known of that exchange.

    Args:
        error: the exchange, then a code, a message, both, or anything pasted (JSON, a log line, headers, a page), such as
            binance -2010 "Market is closed."; - reads it from the input.
        plain: print lines, also in a terminal.

    Returns:
        The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows ASCII only gets escapes, and no traceback
    words = [word for word in error if word.strip()]
    if words and words[0].lower() in _KINDS:
        words = [" ".join(words)]  # HTTP 418 and WS close 1008 are codes, be they quoted or not
    venue = words.pop(0) if _names_a_venue(words) else VENUES[0]
    if words and words[0].lower() in _KINDS:
        words = [" ".join(words)]
    if words and _OPTION.fullmatch(words[0]):
        return _complain(f"there is no option {words[0]}; try --help")
    if words == ["-"]:
        words = [_decoded(sys.stdin.buffer.read(MOST)).strip()]
    if not any(words) and venue.lower() in VENUES:
        return _complain(USAGE)
    try:
        explanation = explain("".join(words[:1]), " ".join(words[1:]), venue=venue)
    except ValidationError as wrong:
        return _complain(str(wrong))
    console = Console(highlight=False)
    if plain or not console.is_terminal:
        print("\n".join(map(printable, str(explanation).splitlines())))
    else:
        console.print(_coloured(explanation))
    return GOOD if explanation.known else BROKEN


_KINDS = ("http", "ws")
_OPTION = re.compile(r"--[a-z][a-z-]*")
_VENUE = re.compile(r"[A-Za-z]{2,20}")


def _names_a_venue(words: list[str]) -> bool:
    """Whether the first word can only be an exchange: a code can stand without one, and so can the name of a code, TIMEOUT."""
    if not words or _VENUE.fullmatch(words[0]) is None:
        return False
    return len(words) > 1 or words[0].lower() in VENUES or not words[0].isupper()


def _decoded(given: bytes) -> str:
    """UTF-8; or UTF-16, as PowerShell writes files."""
    wide = given.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\0" in given
    return given.decode("utf-16" if wide else "utf-8", "replace")


def _coloured(explanation: Explanation) -> Text:
    text = Text().append(printable(explanation.title), style=f"bold {_STYLES[explanation.severity]}")
    for sentence in explanation.sentences():
        text.append(f"\n{printable(sentence)}")
    return text.append(f"\n{explanation.judgement()}", style="dim")


def _complain(sentence: str) -> int:
    print(f"oneforone explain: {printable(sentence)}", file=sys.stderr)
    return WRONG
