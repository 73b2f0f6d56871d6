"""Where `remember` keeps state: the port, and the store in memory.

A store holds bytes by namespace and key. The namespace is a place in the tree; what is stored there survives its restarts, and,
in a durable store, the process.

Instants. A loop's clock means nothing to a later process: it begins anywhere. What is to be remembered across processes is a
wall-clock instant; `self.context.wall_clock(at)` makes one of an instant of the loop's clock, `self.context.loop_clock(wall)`
turns it back after a recall.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

from supervisor.errors import StoreError
from supervisor.poison import ROOMS

__all__ = ["DurableStore", "MemoryStore", "Report", "Store"]

Report = Callable[[StoreError | None], object]
"""Told in the tree's loop that a store cannot write, once, and None when it can again."""


@runtime_checkable
class Store(Protocol):
    """Bytes by namespace and key.

    All but `flush` are called in the loop of the tree, by one task at a time, and must not wait: a durable store writes behind.
    What is put is seen by every later `get` and `scan`, also while it is not durable yet. Namespaces and keys are any text, a
    null character and slashes included; values are any bytes, empty ones too. A store never looks into them. It is given no
    more than the tree's places remember, so what waits to be written is bounded by what is stored, if a later put of a key
    replaces an earlier one. What is put or deleted without an `await` in between belongs together: after a crash of the process
    a durable store shows all of it or nothing.

    A store that has to be opened and closed is a `DurableStore` too.
    """

    def get(self, namespace: str, key: str) -> bytes | None:
        """What is stored there, or None.

        Raises:
            StoreError: it cannot be read. Never for what was not stored.
        """
        ...

    def put(self, namespace: str, key: str, value: bytes) -> None:
        """Store, replacing what was there. What the caller does to the value later changes nothing."""
        ...

    def delete(self, namespace: str, key: str) -> None:
        """Forget; nothing happens where nothing is stored."""
        ...

    def scan(self, namespace: str) -> Iterator[tuple[str, bytes]]:
        """All keys and values of a namespace and of no other, in order of keys (by code point), as they are at this moment:
        the store may be changed while the result is read.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    async def flush(self) -> None:
        """Return when everything put before the call is as durable as this store makes it.

        Raises:
            StoreError: it could not be made durable now. It is not lost: the store goes on trying.

        Cancellation: may have happened.
        """
        ...


@runtime_checkable
class DurableStore(Store, Protocol):
    """A store that a tree opens before its first life begins, or before that of the child that came with it, and closes after
    its last.

    Building one opens nothing: it stands in a spec, and a spec may be used again.
    """

    def open(self, report: Report) -> None:
        """Make ready, quickly. Called once for each tree; after `close` it may be called again.

        Raises:
            StoreError: it cannot be used; nothing is left open.
        """
        ...

    async def close(self) -> None:
        """Make everything durable, then let go of it. Bounded in time.

        Raises:
            StoreError: something could not be made durable, and is lost. The store is closed nevertheless.

        Cancellation: shielded; what it holds is let go of in any case.
        """
        ...


class MemoryStore:
    """A store that lives as long as its tree."""

    def __init__(self) -> None:
        self._spaces: dict[str, dict[str, bytes]] = {}

    def get(self, namespace: str, key: str) -> bytes | None:
        space = self._spaces.get(namespace)
        return None if space is None else space.get(key)

    def put(self, namespace: str, key: str, value: bytes) -> None:
        self._spaces.setdefault(namespace, {})[key] = bytes(value)

    def delete(self, namespace: str, key: str) -> None:
        space = self._spaces.get(namespace)
        if space is not None:
            space.pop(key, None)
            if not space:
                del self._spaces[namespace]

    def scan(self, namespace: str) -> Iterator[tuple[str, bytes]]:
        return iter(sorted(self._spaces.get(namespace, {}).items()))

    def drop(self, namespace: str) -> None:
        """Forget a whole namespace: its place is gone. What was set aside of it goes too."""
        for room in ("", *ROOMS):
            self._spaces.pop(namespace + room, None)

    async def flush(self) -> None:
        """Nothing to wait for. Cancellation: atomic."""
