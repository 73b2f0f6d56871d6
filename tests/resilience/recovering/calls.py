"""Errors to recover from, actions that note their calls or fail, and recoveries in the background."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from actors.errors import ConnectFailed
from actors.resilience import AttemptRecord, Incident, Recovery, RecoveryAction, RecoveryKind
from supervisor import Backoff

RETRY, FALLBACK, DEGRADE, RESTART, IGNORE, ALERT = (
    RecoveryKind.RETRY,
    RecoveryKind.FALLBACK,
    RecoveryKind.DEGRADE,
    RecoveryKind.RESTART,
    RecoveryKind.IGNORE,
    RecoveryKind.ALERT,
)
AT_ONCE = Backoff(initial=1e-6, maximum=1e-6)
Run = Callable[[Incident], Awaitable[object] | object]


def lost(**fields: Any) -> ConnectFailed:
    return ConnectFailed("wss://x", "refused", **fields)


def restart(run: Run, **options: Any) -> RecoveryAction:
    return RecoveryAction(RESTART, run, **{"backoff": AT_ONCE, **options})


def action(kind: RecoveryKind = RESTART, name: str = "", **options: Any) -> RecoveryAction:
    return RecoveryAction(kind, name=name or kind.value, **options)


class Calls:
    """An action that notes its calls, takes its time, and fails as often as it is told."""

    def __init__(self, seconds: float = 0.0, failures: int = 0, value: object = None) -> None:
        self.seconds = seconds
        self.failures = failures
        self.value = value
        self.made = 0
        self.at_once = 0
        self.most_at_once = 0

    async def __call__(self, _: Incident) -> object:
        self.made += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await anyio.sleep(self.seconds)
        finally:
            self.at_once -= 1
        if self.made <= self.failures:
            raise OSError("still broken")
        return self.value


def fails(_: Incident) -> None:
    raise OSError("still broken")


def nothing(_: Incident) -> None:
    pass


def outcomes(records: tuple[AttemptRecord, ...]) -> list[tuple[str, str]]:
    return [(record.action, record.outcome.value) for record in records]


async def in_the_background(group: anyio.abc.TaskGroup, recovery: Recovery, error: Exception, results: list[Any]) -> None:
    """Start a recovery whose result, or error, goes to the list; it runs when this returns."""

    async def run() -> None:
        try:
            results.append(await recovery.recover(error))
        except Exception as refused:
            results.append(refused)

    group.start_soon(run)
    await anyio.wait_all_tasks_blocked()
