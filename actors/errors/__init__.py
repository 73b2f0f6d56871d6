"""Errors of the actors: what can go wrong between a bot and an exchange."""

from actors.errors.taxonomy import (
    ActorsError as ActorsError,
    BadFrame as BadFrame,
    CircuitOpen as CircuitOpen,
    ConnectFailed as ConnectFailed,
    ConnectionLost as ConnectionLost,
    ExchangeRefused as ExchangeRefused,
    NetworkError as NetworkError,
    RecordingError as RecordingError,
    UnknownInstrument as UnknownInstrument,
)

__all__ = [
    "ActorsError",
    "BadFrame",
    "CircuitOpen",
    "ConnectFailed",
    "ConnectionLost",
    "ExchangeRefused",
    "NetworkError",
    "RecordingError",
    "UnknownInstrument",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
