"""Where the signs of an error stand, by its type: an attribute here, a response there, JSON in a message elsewhere.

A reader is found by the name of a type, as rules are. What no reader and no rule knows is looked at for the attributes that
clients of exchanges usually give their errors.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from typing import Any

from actors.errors.envelopes import of_text, venue_of
from actors.errors.signs import Signs, attribute, number_of, text_of

__all__ = ["READERS", "Reader", "by_attributes"]

Reader = Callable[[Any], Signs]

_LONGEST_BODY = 65_536
_REASON = re.compile(r"\[SSL: ([A-Z0-9_]+)\]")
_OF_CCXT = re.compile(r"^(\w{2,30})\b[^{\[]*")
_NAMED_BY_CCXT = re.compile(r"[a-z][a-z0-9]{1,29} (?:[{\[]|[A-Z]{3,7} https?://)")
"""ccxt's id of the exchange, and its answer or the request: then the codes are that exchange's, and never to be guessed at."""
_STATUS_IN_WORDS = re.compile(r"\b(?:HTTP )?status(?: code)?(?: is|:| =|=)? ?([1-5]\d\d)\b", re.IGNORECASE)
_ON_WINDOWS = {
    64: "ECONNRESET",
    121: "ETIMEDOUT",
    1225: "ECONNREFUSED",
    1231: "ENETUNREACH",
    1232: "EHOSTUNREACH",
    1236: "ECONNABORTED",
}
"""Windows' own codes of a network; Python has no errno for them and says EINVAL."""
_HAS_ADDRESS = re.compile(r"https?://")
_STATUS_IN_CCXT = re.compile(r"(?:^\w+ |https?://\S+ )([1-5]\d\d)\b")
_VENUE_OF_PACKAGE = {
    "binance": "binance",
    "binance_common": "binance",
    "pybit": "bybit",
    "okx": "okx",
    "kraken": "kraken",
    "coinbase": "coinbase",
}
_ABNORMAL = 1006


def refused(error: Any) -> Signs:
    """Of our own ExchangeRefused. Venue, code and words are what its transport has read."""
    code, message, venue = error.exchange_code, error.message, error.venue
    status = number_of(error.status)
    if type(code) is int:
        code = str(code) if code else None
    elif type(code) is str:
        code = code[:200] or None
    else:
        code = None
    if venue is None:
        venue = venue_of(None, code)
    if code is None and type(message) is str and message[:1] in {"{", "["}:
        signs = of_text(message, venue, status)
    else:
        signs = Signs(venue=venue, code=code, status=status, text=text_of(message))
    signs.asked(error.retry_after)
    return signs


def os_error(error: Any) -> Signs:
    """The name of an errno. Without one it may be a client's own IOError, with status and answer in its words."""
    number = error.errno
    if number is None and (said := _STATUS_IN_WORDS.search(text := text_of(error))):
        at = text.find("{")
        host = venue_of(text) if _HAS_ADDRESS.search(text) else None
        venue = host if host in _VENUES else None
        return of_text(text[at:] if at >= 0 else text, venue, int(said[1]))
    windows = attribute(error, "winerror")
    if type(windows) is int and windows in _ON_WINDOWS:
        return Signs(error, code=_ON_WINDOWS[windows])
    return Signs(error, code=errno.errorcode.get(number) if type(number) is int else None)


def ssl_error(error: Any) -> Signs:
    """OpenSSL's name of the reason."""
    reason = attribute(error, "reason")
    if type(reason) is not str and (found := _REASON.search(text_of(error))):
        reason = found[1]
    return Signs(error, code=reason if type(reason) is str else None)


def nothing(error: Any) -> Signs:
    """Of a type that says all."""
    return Signs(error)


def sqlite_error(error: Any) -> Signs:
    """SQLite's name of the result code."""
    name = attribute(error, "sqlite_errorname")
    return Signs(error, code=name if type(name) is str else None)


def closed(error: Any) -> Signs:
    """The close code of a WebSocket: the one that came, else the one that went, else 1006."""
    frame = attribute(error, "rcvd", "sent")
    code = number_of(attribute(frame, "code"))
    return Signs(error, code=str(_ABNORMAL if code is None else code))


def asked(error: Any) -> Signs:
    """Whether the actor that was asked had begun."""
    return Signs(error, code="queued" if attribute(error, "started") is False else "begun")


def responded(error: Any) -> Signs:
    """An error with a response: of httpx, requests, websockets. Its body may say more than its status."""
    response = attribute(error, "response")
    status = number_of(attribute(response, "status_code", "status", "code"))
    if response is None or status is None:
        return Signs(error)
    url = attribute(response, "url") if attribute(error, "request") is None else attribute(attribute(error, "request"), "url")
    venue = None if url is None else venue_of(text_of(url).partition("?")[0])
    body = attribute(response, "text", "body", "content")
    size = len(body) if type(body) in {str, bytes} else 0
    signs = (
        of_text(body, venue if venue in _VENUES else None, status)
        if 0 < size <= _LONGEST_BODY
        else Signs(error, venue=venue, status=status)
    )
    signs.status = status
    signs.heed(attribute(response, "headers"))
    return signs


_VENUES = frozenset(_VENUE_OF_PACKAGE.values())


def with_status(error: Any) -> Signs:
    """aiohttp's and urllib's errors are responses themselves."""
    signs = Signs(error, status=number_of(attribute(error, "status", "code")))
    signs.heed(attribute(error, "headers"))
    return signs


def of_ccxt(error: Any) -> Signs:
    """ccxt writes the exchange, the request, the status and the answer into the message."""
    text = text_of(error)
    name = _OF_CCXT.match(text)
    venue = venue_of(name[1]) if name else None
    status = _STATUS_IN_CCXT.search(text)
    number = int(status[1]) if status else None
    at = text.find("{")
    if at < 0:
        return Signs(error, venue=venue, status=number)
    signs = of_text(text[at:], venue if venue in _VENUES or _NAMED_BY_CCXT.match(text) else None, number)
    signs.look_for_a_ban()
    return signs


def by_attributes(error: Any) -> Signs:
    """What clients of exchanges usually give their errors: status, code, message, headers, response."""
    if attribute(error, "response") is not None and attribute(error, "code", "error_code") is None:
        return responded(error)
    package = type(error).__module__.partition(".")[0]
    venue = _VENUE_OF_PACKAGE.get(package)
    code = attribute(error, "error_code", "code", "ret_code")
    status = number_of(attribute(error, "status_code", "status", "http_status"))
    words = attribute(error, "error_message", "message", "msg")
    shown = words if type(words) is str else None
    number = number_of(code)
    written = str(number) if number else code[:64] if type(code) is str and number is None else None
    if written is None and status is not None and status >= 600:  # pybit calls the code of the answer a status
        written = str(status)
    signs = (
        of_text(shown, venue, status)
        if shown is not None and written is None
        else Signs(error, venue=venue, code=written, status=status, text=shown)
    )
    signs.heed(attribute(error, "headers", "header"))
    signs.asked(attribute(error, "retry_after"))
    return signs


READERS: dict[str, Reader] = {
    "actors.ExchangeRefused": refused,
    "aiohttp.ClientResponseError": with_status,
    "builtins.BlockingIOError": nothing,
    "builtins.OSError": os_error,
    "ccxt.BaseError": of_ccxt,
    "httpx.HTTPStatusError": responded,
    "requests.RequestException": responded,
    "socket.gaierror": nothing,
    "socket.herror": nothing,
    "sqlite3.Error": sqlite_error,
    "ssl.SSLError": ssl_error,
    "supervisor.AskTimeout": asked,
    "telegram.RetryAfter": by_attributes,
    "urllib.HTTPError": with_status,
    "urllib.URLError": nothing,
    "websocket.WebSocketBadStatusException": by_attributes,
    "websockets.ConnectionClosed": closed,
    "websockets.InvalidStatus": responded,
}
