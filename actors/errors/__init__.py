"""Errors of the actors: what can go wrong between a bot and an exchange."""

from actors.errors.taxonomy import (
    ActorsError as ActorsError,
)
from actors.errors.taxonomy import (
    BadFrame as BadFrame,
)
from actors.errors.taxonomy import (
    CircuitOpen as CircuitOpen,
)
from actors.errors.taxonomy import (
    ConnectFailed as ConnectFailed,
)
from actors.errors.taxonomy import (
    ConnectionLost as ConnectionLost,
)
from actors.errors.taxonomy import (
    ExchangeRefused as ExchangeRefused,
)
from actors.errors.taxonomy import (
    NetworkError as NetworkError,
)
from actors.errors.taxonomy import (
    RecordingError as RecordingError,
)
from actors.errors.taxonomy import (
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


def _repair_modules() -> None:
    """Let tracebacks and pickles name the public place, so that files can move."""
    for name in __all__:
        globals()[name].__module__ = __name__


_repair_modules()
