"""Blocking reader: what is read with `async for` in the loop of a tree, read with `for` in another thread."""

from __future__ import annotations

from collections import deque
from typing import Generic, Self, TypeVar

from supervisor.errors import NoSuchActor
from supervisor.reader import Reader
from supervisor.threads.bridge import Bridge

__all__ = ["BlockingReader"]

T_co = TypeVar("T_co", covariant=True)


class BlockingReader(Generic[T_co]):
    """Events, or what a topic carries: a `for` loop that waits for the next. Ends with the tree, or with `close`.

    It is bounded, and holds items from when it is made; a slow reader is told how many it missed, once. What was queued when
    the tree ended can still be read, also when the block of `background` was left. One thread reads it at a time; any may
    close it.

    Args:
        bridge: into the loop.
        path: whose it is, for the errors.
        reader: what it reads. Made in the loop, and so is this.
    """

    def __init__(self, bridge: Bridge, path: str, reader: Reader[T_co]) -> None:
        self._bridge = bridge
        self._path = path
        self._reader = reader
        self._left: deque[T_co] = deque()
        bridge.readers.add(self)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T_co:
        """The next item.

        Raises:
            RuntimeError: another thread is reading, and each needs a reader of its own; or this is the loop's own thread.
        """
        try:
            item = self._bridge.wait_for(self._path, self._next)
        except NoSuchActor:  # the loop itself has ended
            item = None
        if item is not None:
            return item[0]
        try:
            return self._left.popleft()
        except IndexError:
            raise StopIteration from None

    async def _next(self) -> tuple[T_co] | None:
        """The next item, or None at the end. Cancellation: atomic."""
        try:
            return (await self._reader.__anext__(),)
        except StopAsyncIteration:
            return None

    async def gather(self) -> None:
        """The loop is about to end: take out of it what is left to read. Cancellation: does not come; nothing waits here."""
        self._reader.close()
        async for item in self._reader:
            self._left.append(item)

    def __len__(self) -> int:
        """How many items wait to be read."""
        return len(self._reader) + len(self._left)

    def close(self) -> None:
        """Take no more; what is queued can still be read. A thread that waits for the next item is released."""
        self._bridge.post(self._reader.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # The reader closes itself when it is dropped, but must not do so in a thread that is not its loop's.
        self.close()
