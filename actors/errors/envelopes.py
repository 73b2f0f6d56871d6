"""What exchanges answer when they refuse: whose answer it is, the code, and the words.

Binance     {"code": -2010, "msg": "..."}; WebSocket API: {"status": 400, "error": {"code": -2010, "msg": "..."}}
OKX         {"code": "51008", "msg": "...", "data": [{"sCode": "51008", "sMsg": "..."}]}
Kraken      {"error": ["EOrder:Insufficient funds"]}; WebSocket: {"success": false, "error": "...", "method": "..."}
Coinbase    {"error": "INVALID_ARGUMENT", "message": "..."}; {"success": false, "error_response": {"error": "..."}}
Bybit       {"retCode": 10006, "retMsg": "..."}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from actors.errors.signs import LONGEST, Signs, number_of, text_of

__all__ = ["TEXT", "body_of", "of_mapping", "of_text", "venue_of"]

LARGEST = 65_536
"""Bytes of an answer that is parsed; of a longer one only the words are looked at."""
SHORTEST = 2
TEXT = (str, bytes, bytearray)
_MANY = 20
_OF_STREAMS = frozenset("01234")
"""Codes of the stream sockets of Binance."""
_PAGE_STATUS = re.compile(r"<title>[^<]{0,80}?\b([45]\d\d)\b[^<]{0,80}?</title>", re.IGNORECASE)
_KRAKEN = re.compile(r"\"?(E[A-Z][A-Za-z]{1,15}:[^\"\]\[{}]{2,120})")
_HOSTS = re.compile(r"(binance|okx|okex|kraken|coinbase|bybit|bytick)")
_OTHER_NAMES = {"okex": "okx", "bytick": "bybit"}
_UNSAID = {"", "UNKNOWN_FAILURE_REASON", "UNKNOWN_PREVIEW_FAILURE_REASON", "UNKNOWN_CREATE_ORDER_FAILURE_REASON"}


def venue_of(name: object, code: str | None = None) -> str | None:
    """Which exchange: by a name or an address in which it stands, or by the shape of its codes."""
    if name is not None and (found := _HOSTS.search(text_of(name)[:200].lower())):
        return _OTHER_NAMES.get(found[1], found[1])
    if name is not None and type(name) is str:
        return name
    if code is None:
        return None
    number = number_of(code)
    if number is not None:
        # 0 to 4 are codes of the stream socket, and of others: they say nothing by themselves.
        return "binance" if number < 0 else "okx" if 50_000 <= number < 70_000 else "bybit" if number >= 10_000 else None
    return "kraken" if _KRAKEN.match(code) else None


def body_of(body: Any) -> Mapping[Any, Any] | None:
    """An answer as a mapping, if it is one: parsed already, or JSON as text or bytes."""
    kind = type(body)
    if not issubclass(kind, TEXT):
        return body if kind is dict or isinstance(body, Mapping) else None
    if not SHORTEST <= len(body) <= LARGEST:
        return None
    try:
        body = msgspec.json.decode(body)
    except Exception:  # noqa: BLE001  # no JSON, too deep, no UTF-8: then only its words count
        return None
    if type(body) is list and body:
        body = body[0]
    return body if type(body) is dict else None


def of_text(text: object, venue: str | None = None, status: int | None = None) -> Signs:
    """The signs of an answer that is text or bytes: JSON, a page of HTML, or words."""
    body = body_of(text)
    if body is not None:
        return of_mapping(body, venue, status)
    shown = text_of(text)
    if status is None and (page := _PAGE_STATUS.search(shown)):
        status = int(page[1])
    if venue in {None, "kraken"} and (kraken := _KRAKEN.search(shown)):
        return Signs(venue="kraken", code=kraken[1].strip(" '"), status=status, text=shown)
    return Signs(venue=venue, status=status, text=shown)


def of_mapping(body: Mapping[Any, Any], venue: str | None = None, status: int | None = None) -> Signs:
    """The signs of an answer."""
    get = body.get
    error = get("error")
    if error is None:
        error = get("error_response")
    if get("retCode") is not None or get("ret_code") is not None or get("ret_msg") is not None:
        code = _written(number_of(_first(body, "retCode", "ret_code")))
        return Signs(venue="bybit", code=code, status=status, text=_text(_first(body, "retMsg", "ret_msg")))
    if isinstance(error, Mapping):
        return _nested(body, error, venue, status)
    if type(error) is list:
        words = [_text(one) for one in error[:_MANY]]
        code = next((one for one in words if one.startswith("E")), None)
        return Signs(venue=venue or "kraken", code=code, status=status, text=", ".join(words))
    if type(error) is str:
        kraken = "method" in body or _KRAKEN.match(error) is not None
        said = " ".join((error, _text(get("message")), _text(get("error_details"))))
        return Signs(venue=venue or ("kraken" if kraken else "coinbase"), code=error[:200], status=status, text=said)
    if type(get("errorMessage")) is str:
        return Signs(venue=venue or "kraken", code=body["errorMessage"][:200], status=status, text=body["errorMessage"])
    for name in ("results", "errors"):
        if type(get(name)) is list:
            return _listed(body[name], venue, status)
    if "code" in body:
        return _coded(body, venue, status)
    return Signs(
        venue=venue or ("coinbase" if "message" in body else None), status=status, text=_text(get("message") or get("msg"))
    )


def _nested(body: Mapping[Any, Any], error: Mapping[Any, Any], venue: str | None, status: int | None) -> Signs:
    if "code" in error:
        signs = _coded(error, venue, number_of(body.get("status")) or status)
        data = error.get("data")
        if isinstance(data, Mapping):
            signs.ends(data.get("retryAfter"))
        return signs
    reasons = [_text(error.get(name)) for name in ("error", "preview_failure_reason", "new_order_failure_reason")]
    code = next((one.removeprefix("PREVIEW_") for one in reasons if one not in _UNSAID), "UNKNOWN_FAILURE_REASON")
    said = " ".join((*reasons, _text(error.get("message")), _text(error.get("error_details"))))
    return Signs(venue=venue or "coinbase", code=code, status=status, text=said)


def _listed(rows: list[Any], venue: str | None, status: int | None) -> Signs:
    refused = [one for one in rows[:_MANY] if isinstance(one, Mapping) and one.get("success") is not True]
    first: Mapping[Any, Any] = refused[0] if refused else {}
    code = _text(_first(first, "failure_reason", "id")) or None
    return Signs(venue=venue or "coinbase", code=code, status=status, text=f"{code or ''} {_text(first.get('message'))}")


def _coded(body: Mapping[Any, Any], venue: str | None, status: int | None) -> Signs:
    code, words = body["code"], _text(_first(body, "msg", "message"))
    if type(code) is str:
        rows = body.get("data")
        if type(rows) is list and code in {"0", "1", "2"}:
            return _of_okx(rows, code, words, status)
        return Signs(venue=venue or _by_shape(code), code=code[:64], status=status, text=words)
    written = _written(number_of(code))
    return Signs(venue=venue or _by_shape(written), code=written, status=status, text=words)


def _by_shape(code: str | None) -> str | None:
    """Whose `code` it is. Never Bybit's, which calls it otherwise; and many others have numbers as large as Bybit's."""
    if code in _OF_STREAMS:
        return "binance"
    found = venue_of(None, code)
    return found if found in {"binance", "okx"} else None


def _of_okx(rows: list[Any], code: str, words: str, status: int | None) -> Signs:
    """An answer to several requests: where some were carried out and some not, nobody may send them all again."""
    each = [(_text(one.get("sCode")), _text(one.get("sMsg"))) for one in rows[:_MANY] if isinstance(one, Mapping)]
    refused = [one for one in each if one[0] not in {"", "0"}]
    if refused and len(refused) == len(each):
        code, words = refused[0]
    elif refused:
        code = "2"
    return Signs(venue="okx", code=code, status=status, text=words)


def _first(body: Mapping[Any, Any], *names: str) -> object:
    return next((body[name] for name in names if body.get(name) is not None), None)


def _text(value: object) -> str:
    return "" if value is None else text_of(value)[:LONGEST]


def _written(number: int | None) -> str | None:
    return None if number is None else str(number)
