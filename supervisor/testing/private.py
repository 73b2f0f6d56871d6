"""Every private piece of trio and asyncio that the kit leans on, and nothing else leans on: virtual and seeded runs.

trio     `trio._core._run._r`, the random numbers by which it orders a batch of tasks, and
         `trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING`, which has it sort the batch first
asyncio  a loop's `_ready`, the queue of what is to run in this round, `Handle._callback`, and a loop's `_clock_resolution`

Each use checks first that the piece is there and of the kind we know, and says so if it is not.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

import trio

from supervisor.errors import SupervisorError

__all__ = ["CannotSeed", "TrioScheduler", "check_loop", "order_steps", "set_clock_resolution"]

TRIO_KNOWN = "0.32 to 0.35"
ASYNCIO_KNOWN = "Python 3.11 to 3.14"


class CannotSeed(SupervisorError, RuntimeError):
    """A private piece that virtual or seeded runs need is gone.

    Args:
        library: trio or asyncio.
        version: of the one that is installed.
        missing: the piece.
        known: the versions that are known to have it.
    """

    def __init__(self, library: str, version: str, missing: str, known: str) -> None:
        self.library = library
        self.version = version
        self.missing = missing
        super().__init__(
            f"{library} {version} has no {missing} as this kit knows it; known are {known}: "
            f"install one of these, or a newer oneforone, or run without a seed"
        )


class TrioScheduler:
    """Puts other random numbers into trio's scheduler, for one run.

    The numbers are the process's: of two trio runs at the same time, in two threads, at most one should be seeded.

    Raises:
        CannotSeed: trio has changed.
    """

    def __init__(self) -> None:
        # Said here and not in `seize`: trio logs what an instrument raises, and goes on without it.
        for name, kind in (("_r", Random), ("_ALLOW_DETERMINISTIC_SCHEDULING", bool)):
            if not isinstance(getattr(sys.modules.get("trio._core._run"), name, None), kind):
                raise CannotSeed("trio", trio.__version__, f"trio._core._run.{name}", TRIO_KNOWN)
        self._before: tuple[Any, Any] | None = None

    def seize(self, numbers: Random) -> None:
        """From now on tasks are ordered by these numbers."""
        module = sys.modules["trio._core._run"]
        self._before = vars(module)["_r"], vars(module)["_ALLOW_DETERMINISTIC_SCHEDULING"]
        vars(module).update(_r=numbers, _ALLOW_DETERMINISTIC_SCHEDULING=True)

    def give_back(self) -> None:
        """Everything is as it was. Twice is once."""
        if self._before is not None:
            numbers, deterministic = self._before
            self._before = None
            vars(sys.modules["trio._core._run"]).update(_r=numbers, _ALLOW_DETERMINISTIC_SCHEDULING=deterministic)


def check_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Check that the steps of a loop's tasks can be ordered.

    Raises:
        CannotSeed: asyncio has changed.
    """
    for missing, there in (
        ("BaseEventLoop._ready", isinstance(getattr(loop, "_ready", None), deque)),
        ("Handle._callback", hasattr(asyncio.Handle, "_callback")),
    ):
        if not there:
            raise CannotSeed("asyncio", sys.version.split()[0], missing, ASYNCIO_KNOWN)


def order_steps(loop: asyncio.AbstractEventLoop, order: Callable[[list[asyncio.Task[Any]]], list[int]]) -> None:
    """Rearrange the steps of tasks that are to run in this round.

    Only neighbours change places: a plain callback keeps its place, before and after the same steps, because asyncio promises
    that callbacks are called in the order in which they were given. In which order tasks go on it does not promise.

    Args:
        loop: its round has not begun. `check_loop` was content with it.
        order: of a list of tasks it gives the order of their indices.
    """
    ready: deque[asyncio.Handle] = loop._ready  # type: ignore[attr-defined]  # the stubs leave private names out
    handles = [ready.popleft() for _ in range(len(ready))]  # another thread may append meanwhile: that stays behind
    ordered: list[Any] = []
    steps: list[tuple[Any, asyncio.Task[Any]]] = []
    for handle in [*handles, None]:
        task = None if handle is None else _task_of(handle)
        if task is not None:
            steps.append((handle, task))
            continue
        if steps:
            ordered.extend(steps[index][0] for index in order([one for _, one in steps]))
            steps = []
        if handle is not None:
            ordered.append(handle)
    ready.extendleft(reversed(ordered))


def _task_of(handle: asyncio.Handle) -> asyncio.Task[Any] | None:
    """Whose step this is, if it is one."""
    owner = getattr(handle._callback, "__self__", None)  # type: ignore[attr-defined]  # the stubs leave private names out
    return owner if isinstance(owner, asyncio.Task) else None


def set_clock_resolution(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """Have timers that are due within so many seconds be due now.

    Raises:
        CannotSeed: asyncio has changed.
    """
    if not hasattr(loop, "_clock_resolution"):
        raise CannotSeed("asyncio", sys.version.split()[0], "BaseEventLoop._clock_resolution", ASYNCIO_KNOWN)
    vars(loop)["_clock_resolution"] = seconds
