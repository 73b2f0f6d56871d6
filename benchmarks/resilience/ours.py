"""Our own policies, each with its defaults but for what must be said."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import cycle

from actors.errors import ConnectionLost, classify
from actors.resilience import Bulkhead, CircuitBreaker, Limit, Pipeline, RateLimiter, Retry, Timeout
from benchmarks.resilience.harness import LONG, LOOPS, Guard, Table, main

__all__ = ["TABLE"]

NO_LOOP = ("",)


class HTTPStatusError(Exception):
    """As httpx's: known by its name and its status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status}")
        self.status_code = status


KNOWN: tuple[Exception, ...] = (
    TimeoutError("timed out"),
    ConnectionResetError(104, "Connection reset by peer"),
    ConnectionLost(clean=False, close_code=1006, reason="gone"),
    HTTPStatusError(503),
    KeyError("price"),
    ExceptionGroup("two", [ConnectionResetError(104, "reset"), TimeoutError("late")]),
)
"""By type, by class of ours, by status, a mistake in the program, and a group."""


def classifying() -> Guard:
    """Classify one error after another beside the call."""

    def guard(function: Callable[[int], int]) -> Callable[[int], int]:
        errors = cycle(KNOWN).__next__

        def classified(number: int) -> int:
            classify(errors())
            return function(number)

        return classified

    return guard


def composed() -> Guard:
    """The three of them, as one writes them."""
    return Pipeline(Timeout(within=LONG), CircuitBreaker("bench"), Retry())


TABLE: Table = {
    "breaker-sync": (partial(CircuitBreaker, "bench"), NO_LOOP),
    "breaker": (partial(CircuitBreaker, "bench"), LOOPS),
    "retry-sync": (Retry, NO_LOOP),
    "retry": (Retry, LOOPS),
    "timeout": (partial(Timeout, within=LONG), LOOPS),
    "limiter": (partial(RateLimiter, windows=(Limit(weight=10**9, within=1.0),)), LOOPS),
    "bulkhead": (partial(Bulkhead, limit=10), LOOPS),
    "pipeline": (composed, LOOPS),
    "classify": (classifying, NO_LOOP),
}


if __name__ == "__main__":
    main("benchmarks.resilience.ours", {"oneforone": TABLE})
