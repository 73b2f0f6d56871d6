"""What one place remembers, as one life of it sees it; and the end of a state that kills every life that recalls it."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Final, TypeVar, Union, get_origin

import msgspec

from supervisor.checks import check_kind
from supervisor.errors import BadState
from supervisor.events import HookFailed, StateDiscarded, StateRestored
from supervisor.exits import ExitReason, Failed, Ignore, is_fatal
from supervisor.poison import FAILS_AT_ONCE, SET_ASIDE, SUSPICION, Ending, Stage, Suspicion, after_life, aside
from supervisor.store import MemoryStore, Store

if TYPE_CHECKING:
    from supervisor.runtime import Runtime

__all__ = ["Shelf", "begins_with_shelf"]

T = TypeVar("T")

NAMED = 20
"""Keys that `StateDiscarded` names, at most."""


class Shelf:
    """One life's access to what its place remembers.

    Args:
        store: where it is kept.
        path: the place: the namespace in the store.
        runtime: the tree's.
    """

    __slots__ = ("_began", "_own", "_path", "_recalled", "_runtime", "_suspicion", "store")

    def __init__(self, store: Store, path: str, runtime: Runtime) -> None:
        self.store: Store = store
        self._path = path
        self._runtime = runtime
        self._began: float | None = None
        self._suspicion = _NONE
        self._recalled = False
        """It has seen what an earlier life left."""
        self._own: set[str] | None = None
        """What it has stored itself, while that matters."""

    # ---- what an actor may do

    def remember(self, value: object, key: str) -> None:
        stored = self._stored_key(type(value), key, "remember")
        try:
            encoded = msgspec.msgpack.encode(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise TypeError(
                f"{self._path}: remember() got a {type(value).__name__} that cannot be encoded ({error}); give numbers, texts, "
                "lists, mappings, or a msgspec Struct, a dataclass or an attrs class of them"
            ) from error
        self.store.put(self._path, stored, encoded)
        if not self._recalled and self._young():
            self._own = {stored} if self._own is None else self._own | {stored}

    def recall(self, kind: type[T], key: str) -> T | None:
        stored = self._stored_key(kind, key, "recall")
        value = self.store.get(self._path, stored)
        return None if value is None else self._decode(kind, key, stored, value)

    def recall_all(self, kind: type[T]) -> dict[str, T]:
        prefix = self._stored_key(kind, "", "recall_all")
        found = ((stored, value) for stored, value in self.store.scan(self._path) if stored.startswith(prefix))
        keys = ((stored.removeprefix(prefix), stored, value) for stored, value in found)
        return {key: self._decode(kind, key, stored, value) for key, stored, value in keys}

    def forget(self, key: str) -> None:
        self._check_key(key, "forget")
        for stored, _ in list(self.store.scan(self._path)):
            if stored.partition("\x00")[2] == key:
                self.store.delete(self._path, stored)

    def _stored_key(self, kind: type, key: str, verb: str) -> str:
        if not _names_a_class(kind):
            expected = f"the class of what was remembered, such as {verb}(Balance)"
            raise TypeError(f"{self._path}: {verb}() got {kind!r}; expected {expected}")
        self._check_key(key, verb)
        return f"{kind.__module__}.{kind.__qualname__}\x00{key}"

    def _check_key(self, key: object, verb: str) -> None:
        check_kind(key, str, f"{self._path}: {verb}(key=)", "a text, such as 'BTCUSDT'")

    def _decode(self, kind: type[T], key: str, stored: str, value: bytes) -> T:
        if not self._recalled and stored not in (self._own or ()):
            self._recalled, self._own = True, None
        try:
            return msgspec.msgpack.decode(value, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:  # a ValidationError is a DecodeError
            raise BadState(self._path, kind, key, str(error)) from error

    # ---- the life's own

    def begin(self, began: float) -> None:
        """The life begins: open its store, and set aside what killed the lives before it.

        Args:
            began: when, in seconds of the loop's clock.

        Raises:
            StoreError: the store cannot be used.
        """
        self._runtime.stores.use(self.store)
        self._began = began
        kept = self.store.get(self._path + SUSPICION, "")
        if kept is not None:
            self._suspicion = _read(kept)
            if self._suspicion.due:
                self._set_aside()

    def end(self, reason: ExitReason) -> None:
        """The life is over: was it the state? Never raises: a store that fails must not hide the end of a life."""
        if self._began is None or (self._suspicion is _NONE and not self._recalled):
            return  # no life before it is suspected, and it has seen nothing of what they left
        self._own = None
        before, after = self._suspicion, after_life(self._suspicion, self._ending(reason))
        if after == before:
            return  # the usual case, and no write
        try:
            if after.stage is Stage.CLEARED:
                self._put_back()
            self._write_suspicion(after)
        except Exception as error:  # noqa: BLE001  # said, and the life ends nevertheless
            at, hook = self._runtime.now(), "what it remembers"
            self._runtime.emit(HookFailed(path=self._path, at=at, hook=hook, error=repr(error)))

    def _young(self) -> bool:
        return self._began is not None and self._runtime.now() - self._began <= FAILS_AT_ONCE

    def _ending(self, reason: ExitReason) -> Ending:
        if not isinstance(reason, Failed) or is_fatal(reason) or isinstance(reason.error, Ignore) or not self._young():
            return Ending.LIVED
        return Ending.FAILED_ON_STATE if self._recalled else Ending.FAILED

    # ---- everything here happens without an `await`, so that a durable store has all of it or nothing

    def _set_aside(self) -> None:
        entries = list(self.store.scan(self._path))
        if not entries:  # they have forgotten it themselves
            self._suspicion = Suspicion()
            self._write_suspicion(self._suspicion)
            return
        room = self._path + SET_ASIDE
        for stored, _ in list(self.store.scan(room)):
            self.store.delete(room, stored)
        for stored, value in entries:
            self.store.put(room, stored, value)
            self.store.delete(self._path, stored)
        lives, self._suspicion = self._suspicion.lives, aside(self._suspicion)
        self._write_suspicion(self._suspicion)
        keys = tuple(stored.replace("\x00", " ", 1).rstrip() for stored, _ in entries[:NAMED])
        at = self._runtime.now()
        self._runtime.emit(StateDiscarded(path=self._path, at=at, keys=keys, count=len(entries), lives=lives))

    def _put_back(self) -> None:
        """What was set aside is there again; what the life without it has stored elsewhere stays."""
        room = self._path + SET_ASIDE
        entries = list(self.store.scan(room))
        for stored, value in entries:
            self.store.put(self._path, stored, value)
            self.store.delete(room, stored)
        self._runtime.emit(StateRestored(path=self._path, at=self._runtime.now(), count=len(entries)))

    def _write_suspicion(self, suspicion: Suspicion) -> None:
        if suspicion == Suspicion():
            self.store.delete(self._path + SUSPICION, "")
        else:
            self.store.put(self._path + SUSPICION, "", msgspec.msgpack.encode(suspicion))


_NONE: Final = Suspicion()


def _read(kept: bytes) -> Suspicion:
    try:
        return msgspec.msgpack.decode(kept, type=Suspicion)
    except msgspec.DecodeError:
        return Suspicion()  # a later version's: begin to count anew


def begins_with_shelf(store: Store, path: str) -> bool:
    """Whether a life must look at what it remembers when it begins: there is a store to open, or a suspicion.

    Args:
        store: where it is kept.
        path: its place.
    """
    return type(store) is not MemoryStore or store.get(path + SUSPICION, "") is not None


def _names_a_class(kind: object) -> bool:
    """Whether it is a class, or one with parameters: `list[int]`."""
    origin = get_origin(kind)
    return isinstance(kind, type) or (isinstance(origin, type) and origin not in (Union, UnionType))
