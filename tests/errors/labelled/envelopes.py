"""What Binance, OKX, Kraken, Coinbase and Bybit answer, word for word, and what a bot has to do then.

They stand in envelopes.txt; a line there is: category, action, the answer. Every second one is parsed and the others are left
as text, since both arrive. What arrives with a status is here, as `ExchangeRefused`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from actors.errors import ExchangeRefused
from tests.errors.labelled.shape import Shape, same, shape

# As the transport of `actors` raises them: status, code, words, venue; and a few whose venue nobody named.
REFUSED = [
    shape(
        "order fix",
        "refused -2010",
        lambda: ExchangeRefused(400, -2010, "Account has insufficient balance for requested action.", venue="binance"),
    ),
    shape(
        "system resync",
        "refused -1021",
        lambda: ExchangeRefused(400, -1021, "Timestamp for this request is outside of the recvWindow.", venue="binance"),
    ),
    shape(
        "rate_limit wait",
        "refused -1003",
        lambda: ExchangeRefused(429, -1003, "Too many requests queued.", 12.0, venue="binance"),
        12.0,
    ),
    shape(
        "unknown_outcome reconcile",
        "refused -1007",
        lambda: ExchangeRefused(
            504,
            -1007,
            "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
            venue="binance",
        ),
    ),
    shape("order reconcile", "refused -2011, no venue", lambda: ExchangeRefused(400, -2011, "Unknown order sent.")),
    shape(
        "authentication never",
        "refused -2015, no venue",
        lambda: ExchangeRefused(401, -2015, "Invalid API-key, IP, or permissions for action."),
    ),
    shape(
        "unknown_outcome reconcile",
        "refused 50004",
        lambda: ExchangeRefused(400, "50004", "API endpoint request timeout", venue="okx"),
    ),
    shape(
        "rate_limit wait",
        "refused by Kraken",
        lambda: ExchangeRefused(200, "EAPI:Rate limit exceeded", "EAPI:Rate limit exceeded", venue="kraken"),
    ),
    shape("order fix", "refused by Bybit", lambda: ExchangeRefused(200, 170131, "Insufficient balance.", venue="bybit")),
    shape(
        "order fix",
        "refused by Coinbase",
        lambda: ExchangeRefused(200, "INSUFFICIENT_FUND", "Insufficient balance in source account", venue="coinbase"),
    ),
    shape("unknown_outcome reconcile", "refused 500", lambda: ExchangeRefused(500, 0, "", venue="bybit")),
    shape(
        "validation fix", "refused 400, code unknown", lambda: ExchangeRefused(400, -1198, "Something new.", venue="binance")
    ),
    shape(
        "order fix",
        "venue nobody knows",
        lambda: ExchangeRefused(400, "E17", "Insufficient balance for this order", venue="acme"),
    ),
    shape("unknown never", "venue and words nobody knows", lambda: ExchangeRefused(0, "E18", "Nope.", venue="acme")),
]


def read(venue: str, lines: str) -> list[Shape]:
    """One shape for each line."""
    found = []
    for number, line in enumerate(lines.strip().splitlines()):
        category, action, body = line.split(" ", 2)
        found.append(shape(f"{category} {action}", f"{venue} {body}", same(body if number % 2 else json.loads(body))))
    return found


def sections(name: str) -> Iterator[tuple[str, str]]:
    """The venues of a file of answers, and the lines of each."""
    text = Path(__file__).with_name(name).read_text("utf-8")
    for section in text.split("\n\n"):
        head, *lines = section.strip().splitlines()
        yield head.strip("[]"), "\n".join(line for line in lines if not line.startswith("#"))


SHAPES: list[Shape] = [*(one for venue, lines in sections("envelopes.txt") for one in read(venue, lines)), *REFUSED]
