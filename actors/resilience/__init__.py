"""What keeps calls to an unreliable world in bounds: pure machines, to which time and random numbers are arguments."""

from actors.resilience.breaker import BreakerConfig as BreakerConfig
from actors.resilience.breaker import BreakerState as BreakerState
from actors.resilience.breaker import BreakerStatistics as BreakerStatistics
from actors.resilience.breaker import CircuitBreaker as CircuitBreaker
from actors.resilience.breaker import Permit as Permit
from actors.resilience.breaker import Transition as Transition
from actors.resilience.limiter import RateLimiter as RateLimiter
from actors.resilience.limiter import Reservation as Reservation
from actors.resilience.limiter import RollingWindow as RollingWindow
from actors.resilience.limiter import seconds_until as seconds_until

__all__ = [
    "BreakerConfig",
    "BreakerState",
    "BreakerStatistics",
    "CircuitBreaker",
    "Permit",
    "RateLimiter",
    "Reservation",
    "RollingWindow",
    "Transition",
    "seconds_until",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
