"""What an HTTP status means, where neither the exchange's code nor its words say more.

5xx says that nobody knows what became of a request, except where it cannot have reached anybody: Cloudflare's 521, 523, 525,
526 and 530 are about the way from Cloudflare to the exchange. 4xx and 3xx say that it was not carried out, except 408 (of the
futures of Binance: their backend did not answer) and 409 (Binance: one half of a cancel-and-replace was). A refused handshake
of a WebSocket carried nothing, whatever the status.
"""

from __future__ import annotations

import re

from attrs import evolve

from actors.errors import wording
from actors.errors.kinds import Action, Category, Severity
from actors.errors.rules import Rule

__all__ = ["BAN", "rules"]

_BY_COUNTRY = re.compile(
    r"from your country|restricted location|restricted region|service unavailable from a|unavailable in your region"
)
_FIREWALL = re.compile(
    r"cloudfront|request blocked|too frequent|cloudflare|just a moment|rate limit|too many|>403 forbidden<|waf"
)
BAN = 120.0
"""Seconds: the shortest ban of Binance. Whoever knocks at a firewall after the usual half second is banned next."""
_BYBIT_BAN = 600.0


def _statuses() -> list[Rule]:
    meanings = {
        (Category.VALIDATION, Action.FIX): "400 404 405 406 411 412 413 414 415 416 417 422 428 431",
        (Category.AUTHENTICATION, Action.NEVER): "401 403",
        (Category.CONFIGURATION, Action.NEVER): "407 511",
        (Category.UNKNOWN_OUTCOME, Action.RECONCILE): "408 409",
        (Category.EXCHANGE, Action.NEVER): "410 451 501 505",
        (Category.RATE_LIMIT, Action.WAIT): "429",
        (Category.NETWORK, Action.RETRY): "421 425",
        (Category.EXCHANGE, Action.RETRY): "521 523 525 526 530",
    }
    return [
        Rule(f"HTTP {status}", category, action, status=int(status))
        for (category, action), statuses in meanings.items()
        for status in statuses.split()
    ]


def _handshakes(kind: str) -> list[Rule]:
    """A WebSocket that was refused: whatever was to be sent was not sent."""
    return [
        Rule("handshake refused: busy", "exchange", "retry", kind=kind, status=range(500, 600)),
        Rule("handshake refused by a firewall", "rate_limit", "wait", kind=kind, status=403, retry_after=BAN),
        Rule("handshake refused: by country", "exchange", "never", kind=kind, status=403, text=_BY_COUNTRY),
        Rule("handshake refused", "network", "retry", kind=kind),
    ]


_RESPONSES = ("urllib.HTTPError", "requests.HTTPError", "aiohttp.ClientResponseError", "builtins.OSError")
"""They have a base type that says something else: that no answer came. OSError is what clients raise as IOError."""


def _classes(kind: str) -> tuple[Rule, Rule]:
    return (
        Rule("HTTP 4xx", "validation", "fix", kind=kind, status=range(400, 500)),
        Rule("HTTP 5xx", "unknown_outcome", "reconcile", kind=kind, status=range(500, 600)),
    )


def rules() -> tuple[Rule, ...]:
    """In the order of precedence, where two are equally specific."""
    return (
        *_statuses(),
        Rule("HTTP 418: banned", "rate_limit", "wait", Severity.CRITICAL, status=418, retry_after=BAN),
        Rule("HTTP 403 by country", "exchange", "never", status=403, text=_BY_COUNTRY),
        Rule("HTTP 403 of a firewall", "rate_limit", "wait", status=403, text=_FIREWALL, retry_after=BAN),
        Rule("Binance's firewall", "rate_limit", "wait", venue="binance", status=403, retry_after=BAN),
        Rule(
            "Bybit: too many requests of this address", "rate_limit", "wait", venue="bybit", status=403, retry_after=_BYBIT_BAN
        ),
        Rule("HTTP 3xx: moved", "exchange", "never", status=range(300, 400)),
        Rule("HTTP 4xx", "validation", "fix", status=range(400, 500)),
        Rule("HTTP 5xx", "unknown_outcome", "reconcile", status=range(500, 600)),
        Rule(
            "answered, but it cannot be read",
            "unknown_outcome",
            "reconcile",
            kind="aiohttp.ContentTypeError",
            status=range(200, 300),
        ),
        Rule(
            "HTTP 403 with a page: a firewall's",
            "rate_limit",
            "wait",
            kind="aiohttp.ContentTypeError",
            status=403,
            retry_after=BAN,
        ),
        *_handshakes("websockets.InvalidStatus"),
        *_handshakes("aiohttp.WSServerHandshakeError"),
        *_handshakes("websocket.WebSocketBadStatusException"),
        *(rule for kind in _RESPONSES for rule in _classes(kind)),
        # These say little more than that it was refused; so the words count more than the status does.
        *(evolve(rule, status=status) for rule in wording.rules() for status in (400, 403, 404, 422)),
    )
