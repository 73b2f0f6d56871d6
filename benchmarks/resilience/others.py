"""Other libraries, each as its documentation says, with what it does when nothing else is said. Only what works is here.

Not here, because it does not work: hyx's retry, timeout and bulkhead on trio (they wait with asyncio); pybreaker around an
`async def`, other than as a context manager (its decorator never sees the outcome, its `call_async` needs tornado).
"""
# mypy: disable-error-code="import-not-found,import-untyped,misc"
# pyright: reportMissingImports=false
# (this runs in an environment of its own, which the type checkers do not see)

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import aiobreaker
import purgatory
import pybreaker
import stamina
import tenacity
from hyx.bulkhead import bulkhead
from hyx.circuitbreaker import consecutive_breaker
from hyx.ratelimit import tokenbucket
from hyx.retry import retry
from hyx.timeout import timeout

from benchmarks.resilience.harness import LONG, LOOPS, Guard, Table, main

ON_ASYNCIO = ("asyncio", "uvloop")
NO_LOOP = ("",)


def in_a_block() -> Guard:
    """pybreaker's context manager around an async call."""
    breaker = pybreaker.CircuitBreaker()

    def guard(function: Any) -> Any:
        async def guarded(number: int) -> int:
            with breaker.calling():
                result: int = await function(number)
                return result

        return guarded

    return guard


def composed() -> Guard:
    """hyx's three, as they are written above a function."""
    return lambda function: timeout(LONG)(consecutive_breaker()(retry(attempts=3)(function)))


TABLES: dict[str, Table] = {
    "tenacity": {
        "retry-sync": (partial(tenacity.retry, stop=tenacity.stop_after_attempt(3)), NO_LOOP),
        "retry": (partial(tenacity.retry, stop=tenacity.stop_after_attempt(3)), LOOPS),
    },
    "stamina": {
        "retry-sync": (partial(stamina.retry, on=Exception, attempts=3), NO_LOOP),
        "retry": (partial(stamina.retry, on=Exception, attempts=3), LOOPS),
    },
    "pybreaker": {
        "breaker-sync": (pybreaker.CircuitBreaker, NO_LOOP),
        "breaker": (in_a_block, LOOPS),
    },
    "purgatory": {
        "breaker-sync": (lambda: purgatory.SyncCircuitBreakerFactory()("one"), NO_LOOP),
        "breaker": (lambda: purgatory.AsyncCircuitBreakerFactory()("one"), LOOPS),
    },
    "aiobreaker": {
        "breaker-sync": (aiobreaker.CircuitBreaker, NO_LOOP),
        "breaker": (aiobreaker.CircuitBreaker, LOOPS),
    },
    "hyx": {
        "breaker": (consecutive_breaker, LOOPS),
        "retry": (partial(retry, attempts=3), ON_ASYNCIO),
        "timeout": (partial(timeout, LONG), ON_ASYNCIO),
        "limiter": (partial(tokenbucket, max_executions=1e9, per_time_secs=1.0), ON_ASYNCIO),
        "bulkhead": (partial(bulkhead, max_concurrency=10, max_capacity=20), ON_ASYNCIO),
        "pipeline": (composed, ON_ASYNCIO),
    },
}


if __name__ == "__main__":
    logging.getLogger().addHandler(logging.NullHandler())
    main("benchmarks.resilience.others", TABLES)
