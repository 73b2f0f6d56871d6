"""Breakers and their machines, made and brought into any state, for the tests beside this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from actors.errors import ConnectionLost
from actors.resilience import BreakerConfig, BreakerMachine, BreakerState, CircuitBreaker

CLOSED, OPEN, HALF_OPEN, ISOLATED, DISABLED, METRICS_ONLY = BreakerState


class Lost(ConnectionLost):
    """A failure."""

    def __init__(self) -> None:
        super().__init__(clean=False, close_code=1006, reason="")


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def breaks(error: BaseException) -> None:
    raise error


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(Lost):
            breaker.call(breaks, Lost())


def answer(value: int = 42) -> int:
    return value


async def aanswer(value: int = 42) -> int:
    return value


def made(hand: Callable[[], float] | None = None, **options: Any) -> CircuitBreaker:
    return CircuitBreaker("rest", clock=hand, **options)


def fail_machine(breaker: BreakerMachine, now: float, times: int = 1) -> None:
    for _ in range(times):
        breaker.record_failure(breaker.acquire(now), now)


def succeed(breaker: BreakerMachine, now: float, times: int = 1) -> None:
    for _ in range(times):
        breaker.record_success(breaker.acquire(now), now)


def opened(at: float = 0.0, **config: Any) -> BreakerMachine:
    """A breaker that five failures opened."""
    breaker = BreakerMachine("rest", BreakerConfig(**config))
    fail_machine(breaker, at, breaker.config.failures)
    return breaker


def call(breaker: BreakerMachine, began: float, seconds: float, *, failed: bool = False) -> None:
    permit = breaker.acquire(began)
    (breaker.record_failure if failed else breaker.record_success)(permit, began + seconds)


def brought_to(state: BreakerState) -> BreakerMachine:
    """A breaker in this state at 100 s, which it has just entered."""
    breaker = BreakerMachine("rest", BreakerConfig(failures=1, successes=1))
    match state:
        case BreakerState.OPEN:
            fail_machine(breaker, 100.0)
        case BreakerState.HALF_OPEN:
            fail_machine(breaker, 70.0)
        case BreakerState.ISOLATED:
            breaker.isolate(100.0)
        case BreakerState.DISABLED:
            breaker.disable(100.0)
        case BreakerState.METRICS_ONLY:
            breaker.observe_only(100.0)
    assert breaker.state(100.0) is state
    return breaker
