"""Binance spot, public market data: the adapter that speaks for it. No I/O happens in here."""

from actors.exchanges.binance.exchange import LIMITS, Binance
from actors.exchanges.binance.session import BinanceSession

__all__ = ["LIMITS", "Binance", "BinanceSession"]

for _face in (Binance, BinanceSession):
    _face.__module__ = __name__
del _face
