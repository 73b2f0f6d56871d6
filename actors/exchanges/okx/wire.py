"""What OKX writes, on its streams and over REST alike: numbers as text, levels as rows of four.

A row is price, quantity, "0" and the number of orders; more columns would not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal
from zlib import crc32

import msgspec
from msgspec import Raw, Struct, field

from actors.market import Level

__all__ = ["Answer", "Row", "WireBook", "WireTicker", "WireTrade", "checksum", "decimal", "levels"]

CHECKED = 25
"""Levels per side that the checksum covers."""


class Row(Struct, frozen=True, array_like=True, gc=False):
    price: Decimal
    quantity: Decimal


class WireTrade(Struct, frozen=True, gc=False, rename="camel"):
    trade_id: int
    px: Decimal
    sz: Decimal
    side: Literal["buy", "sell"]
    """The taker's."""
    ts: int


class WireBook(Struct, frozen=True, gc=False, rename="camel"):
    """A snapshot, what changed, or the best level of each side."""

    bids: list[Row]
    asks: list[Row]
    ts: int
    seq_id: int | None = None
    """None: a recording from before OKX numbered its books."""
    prev_seq_id: int | None = None
    """-1 in a snapshot."""
    checksum: int = 0
    """0: there is none. Since June 2026 it always is."""


class WireTicker(Struct, frozen=True, gc=False, rename="camel"):
    last: str
    open24h: str
    high24h: str
    low24h: str
    vol24h: str
    """In the base asset."""
    vol_ccy24h: str = field(name="volCcy24h")
    """In the quote asset."""
    bid_px: str
    bid_sz: str
    ask_px: str
    ask_sz: str
    ts: int


class Answer(Struct, frozen=True):
    """What REST answers, whatever the status."""

    code: str
    msg: str = ""
    data: Raw = Raw(b"[]")


def levels(rows: Sequence[Row]) -> list[Level]:
    return [(row.price, row.quantity) for row in rows]


def decimal(text: str) -> Decimal:
    """A number of a ticker, which is empty where there is none: no bid is 0 at 0.

    Raises:
        msgspec.ValidationError: it is no number.
    """
    return msgspec.convert(text or "0", Decimal, strict=False)


def checksum(bids: Sequence[Level], asks: Sequence[Level]) -> int:
    """CRC32 of the best 25 levels as OKX wrote them, bids and asks in turn: `bid:quantity:ask:quantity:bid:...`."""
    parts = []
    for place in range(CHECKED):
        for side in (bids, asks):
            if place < len(side):
                price, quantity = side[place]
                # Not str(): it writes 0.0000001 as 1E-7. The digits are those that came.
                parts.append(f"{price:f}:{quantity:f}")
    return crc32(":".join(parts).encode())
