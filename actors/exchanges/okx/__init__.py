"""OKX v5 spot, public market data: the adapter that speaks for it. No I/O happens in here."""

from actors.exchanges.okx.exchange import LIMITS, Okx
from actors.exchanges.okx.session import OkxSession

__all__ = ["LIMITS", "Okx", "OkxSession"]

for _face in (Okx, OkxSession):
    _face.__module__ = __name__
del _face
