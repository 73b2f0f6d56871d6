"""The lock of one key of a registry: one holder at a time, first come, first served; other keys do not wait for it."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from supervisor.parking import Parker, task_finder, uninterrupted

if TYPE_CHECKING:
    from supervisor.registries.registry import Owner, Space

__all__ = ["KeyLock"]


class KeyLock:
    """One turn at the lock of one key; used once, with `async with`."""

    __slots__ = ("_left", "_owner", "_parker", "_space", "_strict", "_task")

    def __init__(self, space: Space, key: object, parker: Parker, owner: Owner | None = None) -> None:
        self._space = space
        self._strict = space.strict(key)
        self._parker = parker
        self._owner = owner
        self._task: Any = None
        self._left = False

    @uninterrupted
    async def __aenter__(self) -> Self:
        """Wait for the turn.

        Raises:
            RuntimeError: this task holds the lock already, and would wait for itself.

        Cancellation: atomic; the turn passes to the next.
        """
        if self._task is not None:
            raise RuntimeError("this lock was taken before; ask registry.lock(key) for a new one each time")
        if self._owner is not None and self._owner.over:
            raise self._over()
        task = task_finder()()
        queue = self._space.locks.setdefault(self._strict, deque())
        if queue and queue[0]._task is task:
            raise RuntimeError(f"this task holds the lock of that key of {self._space.declaration!r} and would wait for itself")
        self._task = task
        queue.append(self)
        if self._owner is not None:
            self._owner.locks[self] = None
        try:
            while not self._left and queue[0] is not self:
                await self._parker.park()
        except BaseException:
            self.release()
            raise
        if self._left:  # it was given back for its life, which ended while another's task waited here
            raise self._over()
        return self

    @uninterrupted
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give it back. Cancellation: no checkpoint."""
        self.release()

    def release(self) -> None:
        """Leave the queue, from wherever in it, and wake who is first then. Twice is once."""
        if self._owner is not None:
            self._owner.locks.pop(self, None)
        queue = self._space.locks.get(self._strict)
        if self._left or queue is None or self not in queue:
            return
        self._left = True
        self._parker.unpark()
        queue.remove(self)
        if queue:
            queue[0]._parker.unpark()
        else:
            del self._space.locks[self._strict]

    def _over(self) -> RuntimeError:
        path = "" if self._owner is None else self._owner.ref.path
        return RuntimeError(f"the life of {path} that wanted the lock of a key of {self._space.declaration!r} is over")
