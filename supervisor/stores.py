"""The durable stores of one tree: opened before what needs them, closed after all lives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from supervisor.errors import StoreError, StoreInUse
from supervisor.store import DurableStore, MemoryStore

__all__ = ["Stores"]


class Stores:
    """Each is opened once, however often it is named."""

    def __init__(self) -> None:
        self.report: Callable[[DurableStore, StoreError | None], object] = lambda store, error: None
        """Told when a store begins to fail, and, with None, when that is over."""
        self._open: dict[int, DurableStore] = {}

    def open_all(self, spec: object) -> None:
        """Open what a spec, or one below it, names.

        Raises:
            StoreError: one cannot be used. Those before it are open, until `close`.
        """
        for store in _named(spec):
            self.use(store)

    def use(self, store: object) -> None:
        """See that it is open.

        Raises:
            StoreError: it cannot be used.
        """
        if type(store) is MemoryStore:
            return  # each life asks; to look whether a class fits a protocol costs more than all else that a start does
        if id(store) not in self._open and isinstance(store, DurableStore):
            try:
                store.open(partial(self._tell, store))
            except StoreInUse as error:
                if not any(other is error.by for other in self._open.values()):
                    raise
                # Another tree to be stopped there is none: it is this one.
                advice = f"make one {type(store).__name__} and give it to both"
                raise StoreInUse(error.store, f"{error.by!r} of this tree", advice, by=error.by) from None
            self._open[id(store)] = store

    async def close(self) -> list[BaseException]:
        """Close all of them, the last first.

        Returns:
            What went wrong, and what tried to cut it: to be raised when everything is closed.

        Cancellation: shielded, as each store's `close` is.
        """
        errors: list[BaseException] = []
        while self._open:
            _, store = self._open.popitem()
            try:
                await store.close()
            except BaseException as error:  # noqa: BLE001  # the others must be closed too; it is raised by the caller
                errors.append(error)
        return errors

    def _tell(self, store: DurableStore, error: StoreError | None) -> None:
        self.report(store, error)


def _named(spec: object) -> Iterator[object]:
    """The stores of a spec and of all below it, in order. Without recursion: a tree may be deep."""
    todo: list[Any] = [spec]
    while todo:
        current = todo.pop()
        store = getattr(current, "store", None)
        if store is not None:
            yield store
        todo.extend(reversed(getattr(current, "children", ())))
