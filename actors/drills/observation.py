"""What a client in its own process says to the one that hurts it: JSON, one observation a line."""

from __future__ import annotations

import msgspec
from msgspec import Struct

__all__ = ["Observation", "Pauses", "Ready", "Seen", "Settings", "Trouble", "decode", "stream_name", "symbol_of"]


class Settings(Struct, frozen=True, kw_only=True):
    """What a client is told."""

    stream_urls: tuple[str, ...]
    rest_urls: tuple[str, ...]
    symbols: tuple[str, ...]
    """Canonical, `BTC/USDT`."""
    backend: str
    """`trio` or `asyncio`; a client that others wrote has asyncio alone."""


class Ready(Struct, frozen=True, array_like=True, tag="ready"):
    """It has begun."""

    version: str
    streams: tuple[str, ...]
    """What it subscribes to, `trades:BTC/USDT`."""


class Seen(Struct, frozen=True, array_like=True, tag="seen"):
    """One event was handed to the program that uses the client."""

    at: float
    """`time.monotonic`, which all processes of a machine share: the clocks of two loops begin anywhere."""
    stream: str
    id: int
    """Of the trade, or of the last update of the book."""


class Trouble(Struct, frozen=True, array_like=True, tag="trouble"):
    """The client said that there is no data: an exception, or a marker in the stream."""

    at: float
    stream: str
    """Empty: all."""
    what: str


class Pauses(Struct, frozen=True, array_like=True, tag="pauses"):
    """What the client has learned of how long each stream is usually quiet."""

    seconds: dict[str, float]


Observation = Ready | Seen | Trouble | Pauses
_DECODER: msgspec.json.Decoder[Observation] = msgspec.json.Decoder(Observation)


def decode(line: bytes) -> Observation:
    """Read a line.

    Raises:
        msgspec.MsgspecError: it is none.
    """
    return _DECODER.decode(line)


def stream_name(feed: str, symbol: str) -> str:
    """`trades:BTC/USDT`."""
    return f"{feed}:{symbol}"


def symbol_of(stream: str) -> str:
    """The symbol of a stream."""
    return stream.partition(":")[2]
