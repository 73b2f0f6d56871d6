"""OKX v5, as the simulator speaks it: public channels and REST, in the form of 2026."""

from actors.simulator.okx.dialect import OkxDialect as OkxDialect

__all__ = ["OkxDialect"]
