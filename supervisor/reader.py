"""Reader: a bounded stream that code outside the tree reads with `async for`. Topics and events are read through it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

from supervisor.overflow import FAIL, NOTHING, REFUSED, BoundedQueue
from supervisor.parking import Parker

__all__ = ["Buffer", "Reader"]

T_co = TypeVar("T_co", covariant=True)


class Buffer:
    """What the source knows of a reader, whose handle may be dropped at any time.

    Args:
        queue: what waits to be read, and what goes when it is full.
        parker: where the reader sleeps.
    """

    def __init__(self, queue: BoundedQueue, parker: Parker) -> None:
        self.queue = queue
        self.parker = parker
        self.skipped: int = 0
        """How many items were lost since the reader was told last."""
        self.closed: bool = False
        self.on_close: Callable[[], None] = lambda: None

    def push(self, item: Any) -> bool:
        """Take one item; False if it was dropped. Never waits, never raises."""
        self.parker.unpark()  # first: in another thread it raises, and must not have changed anything
        outcome = self.queue.offer(item)
        if outcome is NOTHING:
            return True
        self.skipped += 1
        return outcome is not REFUSED and outcome is not FAIL

    def close(self) -> None:
        """Take no more."""
        if not self.closed:
            self.parker.unpark()
            self.closed = True
            self.on_close()


class Reader(ABC, Generic[T_co]):
    """One reader of one source. `async for` ends with the tree, or with `close()`.

    It holds items from when it is made. A slow reader is told how many it missed, once, then gets what came after.

    Args:
        buffer: what the source fills.
    """

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T_co:
        """The next item.

        Raises:
            RuntimeError: another task is reading; each needs a reader of its own.

        Cancellation: atomic.
        """
        buffer = self._buffer
        while True:
            if buffer.skipped:
                count, buffer.skipped = buffer.skipped, 0
                return self._missed(count)
            if len(buffer.queue):
                item: T_co = buffer.queue.take()
                return item
            if buffer.closed:
                raise StopAsyncIteration
            if buffer.parker.parked:
                raise RuntimeError("another task is reading this already; open one reader for each")
            await buffer.parker.park()

    def __len__(self) -> int:
        """How many items wait to be read."""
        return len(self._buffer.queue)

    def close(self) -> None:
        """Take no more; what is queued can still be read."""
        self._buffer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # A reader that left its loop and dropped the handle would otherwise fill a queue for the rest of the tree's life.
        buffer = getattr(self, "_buffer", None)  # a constructor that raised leaves a reader without one
        if buffer is not None:
            buffer.close()

    @abstractmethod
    def _missed(self, count: int) -> T_co:
        """What tells the reader that it missed `count` items."""
