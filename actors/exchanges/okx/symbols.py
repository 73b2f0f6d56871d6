"""How OKX writes an instrument: `BTC/USDT` is `BTC-USDT` there, on the spot market.

Swaps, futures and options (`BTC-USDT-SWAP`, `BTC-USD-261225`) count in contracts, whose worth differs from one to the next: a
quantity of theirs is no quantity of the base asset. They are refused.
"""

from __future__ import annotations

from actors.errors import UnknownInstrument
from actors.market import InstrumentId

__all__ = ["LONGEST_ASSET", "VENUE", "parse_canonical"]

VENUE = "okx"

LONGEST_ASSET = 20


def parse_canonical(canonical: str) -> InstrumentId:
    """The instrument that `BTC/USDT` names.

    Raises:
        UnknownInstrument: the text cannot name one of OKX's spot market; whether there is one, only OKX knows.
    """
    base, slash, quote = canonical.partition("/")
    if ":" in canonical:
        raise UnknownInstrument(canonical, "expected 'BASE/QUOTE' without a venue, for example 'BTC/USDT'")
    if not slash:
        raise UnknownInstrument(canonical, "expected 'BASE/QUOTE', for example 'BTC/USDT', not OKX's own 'BTC-USDT'")
    if "-" in canonical:
        raise UnknownInstrument(canonical, "only spot pairs are offered, no swaps, futures or options: 'BASE/QUOTE'")
    if not (_is_asset(base) and _is_asset(quote)):
        raise UnknownInstrument(canonical, f"base and quote are 1 to {LONGEST_ASSET} letters or digits, for example 'BTC/USDT'")
    if canonical != canonical.upper():
        raise UnknownInstrument(canonical, f"symbols are in capitals: {canonical.upper()!r}")
    return InstrumentId(VENUE, f"{base}-{quote}", canonical)


def _is_asset(text: str) -> bool:
    return text.isalnum() and len(text) <= LONGEST_ASSET
