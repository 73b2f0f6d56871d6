"""Policies that the tests compose: a quick retry, one that writes down what it sees, and a whole pipeline."""

from __future__ import annotations

from typing import Any

from actors.errors import ConnectFailed
from actors.resilience import CircuitBreaker, Delays, Fallback, Pipeline, Retry, Timeout
from actors.resilience.limiting.bulkhead import Bulkhead
from actors.resilience.limiting.limit import Limit
from actors.resilience.limiting.limiter import RateLimiter
from actors.resilience.policy import Policy


def lost(reason: str = "gone") -> ConnectFailed:
    return ConnectFailed("wss://example.org", reason)


async def _one() -> int:
    return 1


def retry(**options: Any) -> Retry:
    options.setdefault("delays", Delays(initial=1.0, factor=1.0, maximum=1.0))
    return Retry(idempotent=True, random=lambda: 1.0, **options)


def whole() -> Pipeline:
    return Pipeline(
        Fallback(cached=60.0, on=ConnectFailed),
        retry(),
        RateLimiter(windows=(Limit(1000, 1.0),)),
        Bulkhead(limit=2),
        CircuitBreaker("whole"),
        Timeout(within=90.0),
    )


class Log(Policy[str]):
    """Writes down what it sees."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self.name = name
        self.lines = lines

    def __str__(self) -> str:
        return self.name

    def statistics(self) -> int:
        return len(self.lines)

    def _wrapped(self, function: Any) -> Any:
        def logged(*args: Any, **kwargs: Any) -> Any:
            self.lines.append(f"{self.name} in")
            try:
                return function(*args, **kwargs)
            finally:
                self.lines.append(f"{self.name} out")

        return logged

    def _awrapped(self, function: Any) -> Any:
        async def logged(*args: Any, **kwargs: Any) -> Any:
            self.lines.append(f"{self.name} in")
            try:
                return await function(*args, **kwargs)
            finally:
                self.lines.append(f"{self.name} out")

        return logged

    def _passage(self) -> Any:
        return _LogPassage(self)


class _LogPassage:
    def __init__(self, log: Log) -> None:
        self.log = log

    def enter(self) -> str:
        self.log.lines.append(f"{self.log.name} in")
        return self.log.name

    def leave(self, error: BaseException | None) -> bool:
        self.log.lines.append(f"{self.log.name} out {type(error).__name__}")
        return False

    async def aenter(self) -> str:
        return self.enter()

    async def aleave(self, error: BaseException | None) -> bool:
        return self.leave(error)
