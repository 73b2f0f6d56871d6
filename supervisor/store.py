"""Where `remember` keeps state: the port, and the store in memory.

A store holds bytes by namespace and key. The namespace is a place in the tree; what is stored there survives its restarts, and,
in a durable store, the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

__all__ = ["MemoryStore", "Store"]


@runtime_checkable
class Store(Protocol):
    """Bytes by namespace and key. No method waits: a durable store writes behind."""

    def get(self, namespace: str, key: str) -> bytes | None:
        """What is stored there, or None."""
        ...

    def put(self, namespace: str, key: str, value: bytes) -> None:
        """Store, replacing what was there."""
        ...

    def delete(self, namespace: str, key: str) -> None:
        """Forget; nothing happens where nothing is stored."""
        ...

    def scan(self, namespace: str) -> Iterator[tuple[str, bytes]]:
        """All keys and values of a namespace, in order of keys."""
        ...

    async def flush(self) -> None:
        """Return when everything put so far is as durable as this store makes it.

        Cancellation: may have happened.
        """
        ...


class MemoryStore:
    """A store that lives as long as its tree."""

    def __init__(self) -> None:
        self._spaces: dict[str, dict[str, bytes]] = {}

    def get(self, namespace: str, key: str) -> bytes | None:
        return self._spaces.get(namespace, {}).get(key)

    def put(self, namespace: str, key: str, value: bytes) -> None:
        self._spaces.setdefault(namespace, {})[key] = value

    def delete(self, namespace: str, key: str) -> None:
        space = self._spaces.get(namespace)
        if space is not None:
            space.pop(key, None)
            if not space:
                del self._spaces[namespace]

    def scan(self, namespace: str) -> Iterator[tuple[str, bytes]]:
        return iter(sorted(self._spaces.get(namespace, {}).items()))

    def drop(self, namespace: str) -> None:
        """Forget a whole namespace: its place is gone."""
        self._spaces.pop(namespace, None)

    async def flush(self) -> None:
        """Nothing to wait for. Cancellation: atomic."""
