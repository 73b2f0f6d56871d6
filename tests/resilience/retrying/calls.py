"""What the tests of retrying have in common: a policy to retry with, and the calls that are made through it."""

from __future__ import annotations

from typing import Any

import anyio

from actors.errors import ConnectFailed
from actors.resilience import Delays, Jitter, Retry
from supervisor import BackoffKind

SECOND = Delays(initial=1.0, kind=BackoffKind.FIXED, jitter=Jitter.NONE)
AT_ONCE = Delays(initial=0.0)


def retry(**options: Any) -> Retry:
    return Retry(**{"delays": SECOND, **options})


def lost(what: str = "rest") -> ConnectFailed:
    return ConnectFailed(what, "refused")


class Script:
    """A function that does what it is told, call by call: raises an error, returns anything else. The last step is for ever."""

    def __init__(self, *steps: object) -> None:
        self.steps = steps
        self.calls = 0

    def __call__(self) -> Any:
        step = self.steps[min(self.calls, len(self.steps) - 1)]
        self.calls += 1
        if isinstance(step, BaseException):
            raise step
        return step

    async def later(self) -> Any:
        return self()


def notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", []))


def why(error: BaseException) -> str:
    return notes(error)[-1].partition("not tried again: ")[2]


async def hang() -> None:
    await anyio.sleep_forever()
