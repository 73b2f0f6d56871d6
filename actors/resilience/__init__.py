"""What keeps calls to an unreliable world in bounds: pure machines, to which time and random numbers are arguments."""

from actors.resilience.breaker_machine import BreakerConfig as BreakerConfig
from actors.resilience.breaker_machine import BreakerMachine as BreakerMachine
from actors.resilience.breaker_machine import BreakerState as BreakerState
from actors.resilience.breaker_machine import BreakerStatistics as BreakerStatistics
from actors.resilience.breaker_machine import Permit as Permit
from actors.resilience.breaker_machine import Transition as Transition
from actors.resilience.limiter_machine import LimiterMachine as LimiterMachine
from actors.resilience.limiter_machine import Reservation as Reservation
from actors.resilience.limiter_machine import RollingWindow as RollingWindow
from actors.resilience.limiter_machine import seconds_until as seconds_until

__all__ = [
    "BreakerConfig",
    "BreakerMachine",
    "BreakerState",
    "BreakerStatistics",
    "LimiterMachine",
    "Permit",
    "Reservation",
    "RollingWindow",
    "Transition",
    "seconds_until",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
