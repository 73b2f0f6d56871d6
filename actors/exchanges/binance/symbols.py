"""How Binance writes an instrument: `BTC/USDT` is `BTCUSDT` there.

Only the direction from ours to theirs is a rule. The other needs the exchange's list, because `BTCUSDT` does not say
where it is to be cut; we never need it, since every stream is one that we asked for.
"""

from __future__ import annotations

from actors.errors import UnknownInstrument
from actors.market import InstrumentId

__all__ = ["LONGEST_ASSET", "VENUE", "parse_canonical"]

VENUE = "binance"

LONGEST_ASSET = 20


def parse_canonical(canonical: str) -> InstrumentId:
    """The instrument that `BTC/USDT` names.

    Raises:
        UnknownInstrument: the text cannot name one of Binance's; whether there is one, only Binance knows.
    """
    if ":" in canonical:
        raise UnknownInstrument(canonical, "expected 'BASE/QUOTE' without a venue, for example 'BTC/USDT'")
    base, slash, quote = canonical.partition("/")
    if not slash:
        raise UnknownInstrument(canonical, "expected 'BASE/QUOTE', for example 'BTC/USDT'")
    if not (_is_asset(base) and _is_asset(quote)):
        raise UnknownInstrument(canonical, f"base and quote are 1 to {LONGEST_ASSET} letters or digits, for example 'BTC/USDT'")
    if canonical != canonical.upper():
        raise UnknownInstrument(canonical, f"symbols are in capitals: {canonical.upper()!r}")
    return InstrumentId(VENUE, base + quote, canonical)


def _is_asset(text: str) -> bool:
    # Not only ASCII: Binance lists assets with Chinese names.
    return text.isalnum() and len(text) <= LONGEST_ASSET
