"""The loops that are measured, and each one's cheapest primitives: for the floors, which know one loop only."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Protocol, TypeVar, TypeVarTuple

import anyio
import trio
from attrs import field, frozen

__all__ = ["LOOPS", "Gate", "Loop", "installed"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Gate(Protocol):
    """Where one task waits for another."""

    async def wait(self) -> None:
        """Wait until it is opened. Cancellation: atomic."""
        ...

    def open(self) -> None:
        """Let who waits go on; somebody must wait."""
        ...


class _TrioGate:
    __slots__ = ("_task",)

    async def wait(self) -> None:
        """As above. Cancellation: atomic."""
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(_give_up)

    def open(self) -> None:
        trio.lowlevel.reschedule(self._task)


def _give_up(_: object) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.SUCCEEDED


class _AsyncioGate:
    __slots__ = ("_future",)

    async def wait(self) -> None:
        """As above. Cancellation: atomic."""
        self._future = asyncio.get_running_loop().create_future()
        await self._future

    def open(self) -> None:
        self._future.set_result(None)


def _start_on_trio(nursery: trio.Nursery, function: Callable[..., Awaitable[object]], *args: Any) -> None:
    nursery.start_soon(function, *args)


def _start_on_asyncio(group: asyncio.TaskGroup, function: Callable[..., Coroutine[Any, Any, object]], *args: Any) -> None:
    group.create_task(function(*args))


@frozen
class Loop:
    """One of them."""

    name: str
    backend: str
    pause: Callable[[], Awaitable[None]]
    """Let the others have a turn. Cancellation: a checkpoint."""
    gate: Callable[[], Gate]
    group: Callable[[], AbstractAsyncContextManager[Any]]
    """The loop's own nursery. An error of its block cancels the tasks, on either loop."""
    start: Callable[..., None]
    """Begin a task there: `start(group, function, *args)`."""
    options: Mapping[str, Any] = field(factory=dict)

    def run(self, function: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
        """Run an async function."""
        return anyio.run(function, *args, backend=self.backend, backend_options=dict(self.options))


_PAUSE = partial(asyncio.sleep, 0)

LOOPS: Mapping[str, Loop] = {
    "trio": Loop("trio", "trio", trio.lowlevel.checkpoint, _TrioGate, trio.open_nursery, _start_on_trio),
    "asyncio": Loop("asyncio", "asyncio", _PAUSE, _AsyncioGate, asyncio.TaskGroup, _start_on_asyncio),
    "uvloop": Loop("uvloop", "asyncio", _PAUSE, _AsyncioGate, asyncio.TaskGroup, _start_on_asyncio, {"use_uvloop": True}),
}


def installed(loop: str) -> bool:
    """Whether it can be measured here; uvloop is an extra."""
    return loop != "uvloop" or importlib.util.find_spec("uvloop") is not None
