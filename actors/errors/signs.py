"""What can be seen of an error: venue, code, HTTP status, words, and the time it names.

Nothing here trusts the error. Only its type is asked what it is, and never with `isinstance`, which would ask the object; what
is read of it may raise, be of another type, or be huge. All that is looked at is bounded.
"""

from __future__ import annotations

import math
import re
from email.utils import parsedate_to_datetime
from typing import Any

__all__ = ["LONGEST", "Signs", "attribute", "delay_of", "headers_of", "number_of", "text_of"]

LONGEST = 2_000
"""Characters of a message that are looked at."""
_LARGEST = 10**9
_BYTES = (bytes, bytearray)
_HEADERS = 100
_TOO_MANY = 429
_FARTHEST = 30 * 86_400.0
_BANNED_UNTIL = re.compile(r"banned until (\d{13})\b")


class Signs:
    """What is seen of one error. The words are read when a rule asks for them."""

    __slots__ = ("_error", "_text", "_words", "codes", "retry_after", "status", "until", "venue")

    def __init__(
        self,
        error: object = None,
        *,
        venue: str | None = None,
        code: str | None = None,
        status: int | None = None,
        text: str | None = None,
    ) -> None:
        self._error = error
        self._words = text
        self._text: str | None = None
        self.venue: str | None = venue
        self.codes: tuple[str, ...] = () if code is None else (code,)
        self.status: int | None = status if status is None or 100 <= status <= 599 else None
        self.retry_after: float | None = None
        """Seconds."""
        self.until: float | None = None
        """Wall-clock seconds since 1970."""
        if venue == "kraken" and code is not None and ":" in code:
            # "EGeneral:Invalid arguments:volume" is also an "EGeneral:Invalid arguments" and an "EGeneral".
            parts = code.split(":", 3)
            self.codes = tuple(dict.fromkeys((code, ":".join(parts[:2]), parts[0])))

    @property
    def text(self) -> str:
        """The beginning of the message, in small letters."""
        if self._text is None:
            self._text = self.words.lower()
        return self._text

    @property
    def words(self) -> str:
        """The beginning of the message, as it is."""
        if self._words is None or len(self._words) > LONGEST:
            self._words = text_of(self._error if self._words is None else self._words)
        return self._words

    def heed(self, headers: object) -> None:
        """Read how long a response asks to wait: Retry-After, as seconds or as a date; Bybit's end of a limit."""
        found = headers_of(headers, "retry-after")
        if found is not None:
            if _SECONDS.fullmatch(found):
                self.asked(float(found))
            elif self.until is None:
                self.until = _instant(found)
        if self.status == _TOO_MANY and (reset := headers_of(headers, "x-bapi-limit-reset-timestamp")):
            self.until = int(reset) / 1_000 if _MILLISECONDS.fullmatch(reset) else self.until

    def asked(self, seconds: object) -> None:
        """Take a delay that the other side named, unless it cannot be one."""
        if seconds is not None:
            self.retry_after = delay_of(seconds)

    def ends(self, milliseconds: object) -> None:
        """Take the instant at which a ban or a limit ends, in milliseconds since 1970."""
        if type(milliseconds) is int and 10**12 <= milliseconds < 10**13:
            self.until = milliseconds / 1_000

    def look_for_a_ban(self) -> None:
        """Read the end of a ban out of the words."""
        if "banned until" in self.words and (found := _BANNED_UNTIL.search(self.words)):
            self.until = int(found[1]) / 1_000


def delay_of(seconds: object) -> float | None:
    """A delay that can be one: a number from 0 on, and a month at most."""
    if type(seconds) is not int and type(seconds) is not float:
        return None
    return min(float(seconds), _FARTHEST) if 0 <= seconds < math.inf else None


_SECONDS = re.compile(r"\d{1,7}(\.\d{1,6})?")
_MILLISECONDS = re.compile(r"\d{13}")


def _instant(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def attribute(error: object, *names: str) -> Any:
    """The first of these attributes that is there and is not None."""
    for name in names:
        try:
            value = getattr(error, name, None)
        except Exception:  # noqa: BLE001  # a property of a foreign object
            value = None
        if value is not None:
            return value
    return None


def number_of(value: Any) -> int | None:
    """An int, be it an enum's or written as text; None for anything else, and for what no code is as large as."""
    kind = type(value)
    if kind is int:
        return value if -_LARGEST < value < _LARGEST else None
    if kind is str and _NUMBER.fullmatch(value):
        return int(value)
    if kind is bool or not issubclass(kind, int):
        return None
    number = int.__int__(value)  # whatever its own `__int__` would say
    return number if -_LARGEST < number < _LARGEST else None


_NUMBER = re.compile(r"-?\d{1,9}", re.ASCII)


def text_of(value: Any) -> str:
    """The beginning of what an object says of itself; "" where it cannot."""
    kind = type(value)
    try:
        if issubclass(kind, str):
            shown = value
        elif issubclass(kind, _BYTES):
            return bytes(memoryview(value)[:LONGEST]).decode("utf-8", "replace")
        else:
            shown = str(value)
        # Of a str that overrides its methods, too: this makes a plain one.
        return str.__getitem__(shown, slice(LONGEST))
    except Exception:  # noqa: BLE001  # an object that cannot show itself says nothing
        return ""


def headers_of(headers: Any, name: str) -> str | None:
    """A header, from whatever holds headers: a mapping of any spelling, or what has a `get`."""
    if headers is None:
        return None
    try:
        get = headers.get
        found = get(name)
        # Other holders of headers do not mind the case.
        if found is None and issubclass(type(headers), dict) and len(headers) <= _HEADERS:
            found = next((value for key, value in headers.items() if str(key).lower() == name), None)
    except Exception:  # noqa: BLE001  # a foreign object
        return None
    return None if found is None else text_of(found)[:64].strip()
