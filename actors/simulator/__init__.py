"""The embedded exchange: a server on this machine that speaks Binance spot's public protocols and can be hurt on purpose.

Its market is synthetic and seeded, or a recording. It runs inside a program (`serve`), or in a process of its own
(`running_simulator`, `oneforone simulate`); faults are injected through `Control`.
"""

from actors.simulator.config import SimulatorConfig, SimulatorError, Started, WrongConfig
from actors.simulator.control import Control
from actors.simulator.process import running_simulator
from actors.simulator.server import serve
from actors.simulator.status import Status

__all__ = [
    "Control",
    "SimulatorConfig",
    "SimulatorError",
    "Started",
    "Status",
    "WrongConfig",
    "running_simulator",
    "serve",
]

# Not the structs: msgspec looks their annotations up in the module that they name.
for _face in (Control, SimulatorError, WrongConfig, running_simulator, serve):
    _face.__module__ = __name__
del _face
