"""Registries: who has registered which key, with a value. Elixir's `Registry`, one per tree and declaration.

A declaration is typed and global, as a `Name` or a `Topic` is: `WORKERS: Registry[str, Info] = Registry("workers")`. An actor
registers itself by `self.registry(WORKERS)`, under as many keys as it likes; everybody looks up by `root.registry(WORKERS)`.

Entries belong to a life. They vanish when it ends, for whatever reason, before anybody hears `Down`: the next life registers
anew in its `on_start`, and who is found is never dead.

Keys are compared strictly: 1, 1.0 and True are three keys, also inside tuples and frozensets. They must be hashable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import Attribute, field, frozen

from supervisor.errors import AlreadyRegistered, SpecError
from supervisor.place import Place
from supervisor.ref import Ref
from supervisor.topics import Topic, Topics

if TYPE_CHECKING:
    from supervisor.registries.key_lock import KeyLock

__all__ = ["DuplicateRegistry", "Entry", "Owner", "Registered", "Registry", "Space", "Unregistered"]

K = TypeVar("K")
V = TypeVar("V")


def _key(instance: object, _: Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value:
        raise SpecError(f"{type(instance).__name__}.key", value, "a text that is not empty, such as 'workers'")


@frozen
class Registered(Generic[K, V]):
    """A life registered a key."""

    registry: str
    key: K
    ref: Ref[Any]
    value: V


@frozen
class Unregistered(Generic[K]):
    """A life gave up a key, or ended."""

    registry: str
    key: K
    ref: Ref[Any]


@frozen
class _Declaration(Generic[K, V]):
    """What both kinds have in common: a constant, as a `Name` is."""

    key: str = field(validator=_key)

    @property
    def events(self) -> Topic[Registered[K, V] | Unregistered[K]]:
        """The topic that tells who registers and who no longer does; bounded by who subscribes."""
        return Topic(f"supervisor.registry/{self.key}")

    def __str__(self) -> str:
        return self.key


@frozen
class Registry(_Declaration[K, V]):
    """A space of keys with one owner each: `WORKERS: Registry[str, Info] = Registry("workers")`."""


@frozen
class DuplicateRegistry(_Declaration[K, V]):
    """A space of keys that may have many owners each, and one owner several times."""


class Entry:
    """One key of one life. Its value can change, by its owner."""

    __slots__ = ("key", "owner", "value")

    def __init__(self, owner: Owner, key: Any, value: Any) -> None:
        self.owner: Owner = owner
        self.key: Any = key
        self.value: Any = value


class Owner:
    """What one life has registered, and which locks it holds: to be given up when it ends.

    Args:
        place: where it lives.
    """

    __slots__ = ("held", "locks", "over", "ref")

    def __init__(self, place: Place) -> None:
        self.ref: Ref[Any] = Ref(place)
        self.held: dict[Space, dict[object, list[Entry]]] = {}
        self.locks: dict[KeyLock, None] = {}
        self.over: bool = False

    def release(self) -> None:
        """The life is over."""
        self.over = True
        for lock in list(self.locks):
            lock.release()
        for space, keys in list(self.held.items()):
            for strict in list(keys):
                space.remove(self, strict, lambda _: True)


class Space:
    """The entries of one declaration, and the locks on its keys."""

    __slots__ = ("declaration", "entries", "events", "locks", "size", "topics")

    def __init__(self, declaration: Registry[Any, Any] | DuplicateRegistry[Any, Any], topics: Topics) -> None:
        self.declaration: Registry[Any, Any] | DuplicateRegistry[Any, Any] = declaration
        self.events: Topic[Any] = declaration.events
        self.topics: Topics = topics
        self.entries: dict[object, dict[Entry, None]] = {}
        self.size: int = 0
        self.locks: dict[object, deque[KeyLock]] = {}
        """By key: who holds its lock, then who waits for it."""

    def of(self, key: object) -> dict[Entry, None]:
        """The entries of a key, in order of registration."""
        return self.entries.get(self.strict(key), {})

    def add(self, owner: Owner, key: Any, value: Any) -> None:
        strict = self.strict(key)
        taken = self.entries.get(strict)
        if taken and isinstance(self.declaration, Registry):
            raise AlreadyRegistered(self.declaration.key, key, next(iter(taken)).owner.ref)
        entry = Entry(owner, key, value)
        self.entries.setdefault(strict, {})[entry] = None
        owner.held.setdefault(self, {}).setdefault(strict, []).append(entry)
        self.size += 1
        if self.topics.count(self.events):
            self.topics.publish(self.events, Registered(self.declaration.key, key, owner.ref, value))

    def remove(self, owner: Owner, strict: object, chosen: Callable[[Any], object]) -> int:
        """Take out an owner's entries of a key whose value is chosen. Returns how many."""
        mine = owner.held.get(self, {}).get(strict, [])
        gone = [entry for entry in mine if chosen(entry.value)]  # all are asked first: a predicate may raise
        for entry in gone:
            mine.remove(entry)
            del self.entries[strict][entry]
        self.size -= len(gone)
        if gone and not mine:
            del owner.held[self][strict]
            if not owner.held[self]:
                del owner.held[self]
        if gone and not self.entries[strict]:
            del self.entries[strict]
        if gone and self.topics.count(self.events):
            for entry in gone:
                self.topics.publish(self.events, Unregistered(self.declaration.key, entry.key, owner.ref))
        return len(gone)

    def strict(self, key: object) -> object:
        """What a key is found by.

        Raises:
            TypeError: it is not hashable.
        """
        found = _strict(key)
        try:
            hash(found)
        except TypeError:
            kind = type(key).__name__
            raise TypeError(
                f"a key of registry {self.declaration.key!r} is a {kind}; expected something hashable, such as a str or a tuple"
            ) from None
        return found


def _strict(key: object) -> object:
    """A key with its type, and those inside it."""
    if isinstance(key, tuple):
        return type(key), tuple(_strict(part) for part in key)
    if isinstance(key, frozenset):
        return type(key), frozenset(_strict(part) for part in key)
    return type(key), key
