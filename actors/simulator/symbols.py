"""Names of instruments on the simulated exchange."""

from __future__ import annotations

import re

from msgspec import Struct

__all__ = ["Symbol", "parse_symbol", "symbol_of_stream"]

# Longest first, so that BTCFDUSD is not cut before USD. A recording names symbols without saying where to cut.
_QUOTES = ("FDUSD", "USDT", "USDC", "TUSD", "USD1", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY", "DAI", "USD")
_ASSET = "[0-9A-Z]{1,20}"


class Symbol(Struct, frozen=True):
    native: str
    """`BTCUSDT`."""
    base: str
    quote: str

    @property
    def canonical(self) -> str:
        """`BTC/USDT`."""
        return f"{self.base}/{self.quote}"

    @property
    def stream(self) -> str:
        """What its streams' names begin with, `btcusdt`."""
        return self.native.lower()


def parse_symbol(text: str) -> Symbol | None:
    """Read `BTC/USDT` or `BTCUSDT`; None where it is neither. A native symbol is cut before a known quote asset."""
    if match := re.fullmatch(f"({_ASSET})/({_ASSET})", text):
        return Symbol(match[1] + match[2], match[1], match[2])
    if not re.fullmatch(_ASSET, text):
        return None
    quote = next((q for q in _QUOTES if text.endswith(q) and len(text) > len(q)), None)
    return Symbol(text, text.removesuffix(quote), quote) if quote else None


def symbol_of_stream(stream: str) -> Symbol | None:
    """The symbol whose stream this is; None for one of all symbols (`!miniTicker@arr`) or no stream at all."""
    name, at, kind = stream.partition("@")
    return parse_symbol(name.upper()) if at and kind else None
