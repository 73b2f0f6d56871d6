"""What the tests of supervised tasks have in common."""

from __future__ import annotations

from typing import Any

import anyio

from supervisor import (
    Supervisor,
)
from tests.semantics.actors import LOOSE, BoomError, many, tree


async def double(number: int) -> int:
    return 2 * number


async def nap(seconds: float) -> str:
    await anyio.sleep(seconds)
    return f"slept {seconds:g}"


async def fail(text: str) -> int:
    await anyio.sleep(1)
    raise BoomError(text)


async def stubborn(seconds: float) -> str:
    with anyio.CancelScope(shield=True):
        await anyio.sleep(seconds)
    return "late"


def jobs(**kwargs: Any) -> Any:
    return tree(many("jobs", **kwargs), intensity=LOOSE)


def at_work(root: Supervisor) -> int:
    return len(root.supervisor("jobs").which_children())


def timers(root: Supervisor) -> int:
    return len(root._runtime.timekeeper)
