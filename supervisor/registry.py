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
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from attrs import field, frozen

from supervisor.errors import AlreadyRegistered, NotRegistered, SpecError
from supervisor.parking import Parker, current_coroutine
from supervisor.ref import Place, Ref
from supervisor.topics import Topic, Topics

__all__ = [
    "DuplicateRegistry",
    "KeyLock",
    "Owner",
    "Registered",
    "Registrar",
    "Registries",
    "Registry",
    "RegistryView",
    "Unregistered",
]

K = TypeVar("K")
V = TypeVar("V")


def _key(instance: object, _: object, value: object) -> None:
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
class Registry(Generic[K, V]):
    """A space of keys with one owner each: `WORKERS: Registry[str, Info] = Registry("workers")`. A constant, as a `Name` is."""

    key: str = field(validator=_key)

    @property
    def events(self) -> Topic[Registered[K, V] | Unregistered[K]]:
        """The topic that tells who registers and who no longer does; bounded by who subscribes."""
        return Topic(f"supervisor.registry/{self.key}")

    def __str__(self) -> str:
        return self.key


@frozen
class DuplicateRegistry(Generic[K, V]):
    """A space of keys that may have many owners each, and one owner several times."""

    key: str = field(validator=_key)

    @property
    def events(self) -> Topic[Registered[K, V] | Unregistered[K]]:
        """The topic that tells who registers and who no longer does; bounded by who subscribes."""
        return Topic(f"supervisor.registry/{self.key}")

    def __str__(self) -> str:
        return self.key


Declaration = Registry[K, V] | DuplicateRegistry[K, V]


class _Entry:
    """One key of one life. Its value can change, by its owner."""

    __slots__ = ("key", "owner", "value")

    def __init__(self, owner: Owner, key: Any, value: Any) -> None:
        self.owner = owner
        self.key = key
        self.value = value


class Owner:
    """What one life has registered, and which locks it holds: to be given up when it ends.

    Args:
        place: where it lives.
    """

    __slots__ = ("held", "locks", "over", "ref")

    def __init__(self, place: Place) -> None:
        self.ref: Ref[Any] = Ref(place)
        self.held: dict[_Space, dict[object, list[_Entry]]] = {}
        self.locks: dict[KeyLock, None] = {}
        self.over = False

    def release(self) -> None:
        """The life is over."""
        self.over = True
        for lock in list(self.locks):
            lock.release()
        for space, keys in list(self.held.items()):
            for strict in list(keys):
                space.remove(self, strict, lambda _: True)


class _Space:
    """The entries of one declaration, and the locks on its keys."""

    __slots__ = ("declaration", "entries", "events", "locks", "size", "topics")

    def __init__(self, declaration: Registry[Any, Any] | DuplicateRegistry[Any, Any], topics: Topics) -> None:
        self.declaration = declaration
        self.events: Topic[Any] = declaration.events
        self.topics = topics
        self.entries: dict[object, dict[_Entry, None]] = {}
        self.size = 0
        self.locks: dict[object, deque[KeyLock]] = {}
        """By key: who holds its lock, then who waits for it."""

    def of(self, key: object) -> dict[_Entry, None]:
        """The entries of a key, in order of registration."""
        return self.entries.get(self.strict(key), {})

    def add(self, owner: Owner, key: Any, value: Any) -> None:
        strict = self.strict(key)
        taken = self.entries.get(strict)
        if taken and isinstance(self.declaration, Registry):
            raise AlreadyRegistered(self.declaration.key, key, next(iter(taken)).owner.ref)
        entry = _Entry(owner, key, value)
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


class Registries:
    """All registries of one tree."""

    def __init__(self, topics: Topics, new_parker: Callable[[], Parker]) -> None:
        self._spaces: dict[str, _Space] = {}
        self._topics = topics
        self._new_parker = new_parker

    def __len__(self) -> int:
        """How many entries there are, in all of them."""
        return sum(space.size for space in self._spaces.values())

    def space(self, declaration: Declaration[Any, Any]) -> _Space:
        """The space of a declaration.

        Raises:
            TypeError: that is no declaration.
            SpecError: one key stands for a unique registry here and for a duplicate one there.
        """
        if not isinstance(declaration, Registry | DuplicateRegistry):
            raise TypeError(f"registry() got {declaration!r}; expected a declaration, such as Registry('workers')")
        space = self._spaces.get(declaration.key)
        if space is None:
            space = self._spaces[declaration.key] = _Space(declaration, self._topics)
        known = type(space.declaration)
        if known is not type(declaration):
            expected = f"a key of its own, or {known.__name__}({declaration.key!r}): as such this tree knows it"
            raise SpecError(f"{type(declaration).__name__}.key", declaration.key, expected)
        return space

    def view(self, declaration: Declaration[K, V]) -> RegistryView[K, V]:
        """A registry, to be read."""
        return RegistryView(self.space(declaration), self._new_parker)

    def registrar(self, declaration: Declaration[K, V], owner: Owner, listen: Callable[[Topic[Any]], None]) -> Registrar[K, V]:
        """A registry, as one life sees it."""
        return Registrar(self.space(declaration), self._new_parker, owner, listen)


class RegistryView(Generic[K, V]):
    """A registry, to be read. What it answers is true now; the next moment an owner may be gone."""

    def __init__(self, space: _Space, new_parker: Callable[[], Parker]) -> None:
        self._space = space
        self._new_parker = new_parker

    def whereis(self, key: K) -> Ref[Any] | None:
        """Who has the key of a unique registry.

        Raises:
            TypeError: many may have it.
        """
        if isinstance(self._space.declaration, DuplicateRegistry):
            raise TypeError(f"whereis() got a key of {self._space.declaration!r}, which many may have; lookup(key) lists them")
        return next((entry.owner.ref for entry in self._space.of(key)), None)

    def lookup(self, key: K) -> list[tuple[Ref[Any], V]]:
        """Who has the key, with what value, in order of registration."""
        return [(entry.owner.ref, entry.value) for entry in self._space.of(key)]

    def values(self, key: K) -> list[V]:
        """The values of a key, in order of registration."""
        return [entry.value for entry in self._space.of(key)]

    def count(self) -> int:
        """How many entries there are, of all keys."""
        return self._space.size

    def match(self, key: K, predicate: Callable[[V], object]) -> list[tuple[Ref[Any], V]]:
        """The entries of a key whose value the predicate holds for."""
        return [(ref, value) for ref, value in self.lookup(key) if predicate(value)]

    def select(self, predicate: Callable[[K, V], object]) -> list[tuple[K, Ref[Any], V]]:
        """The entries that the predicate holds for, of all keys. Looks at every one."""
        found = [(one.key, one.owner.ref, one.value) for entries in self._space.entries.values() for one in entries]
        return [(key, ref, value) for key, ref, value in found if predicate(key, value)]

    def dispatch(self, key: K, function: Callable[[list[tuple[Ref[Any], V]]], object]) -> int:
        """Call a function once with all entries of a key; not at all if there is none. Returns how many there were."""
        entries = self.lookup(key)
        if entries:
            function(entries)
        return len(entries)

    def lock(self, key: K) -> KeyLock:
        """`async with registry.lock(key):` one at a time per key, first come, first served; whether it is registered or not.

        It is free again when the block is left, however, and at the latest when the life that took it ends. No watch is
        kept on how long it is held.
        """
        return KeyLock(self._space, key, self._new_parker())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._space.declaration!r}>"


class Registrar(RegistryView[K, V]):
    """A registry as one life sees it: what it registers is its own, and ends with it.

    When the life is over it does nothing more: what a kept one registers then is not heeded.
    """

    def __init__(
        self, space: _Space, new_parker: Callable[[], Parker], owner: Owner, listen: Callable[[Topic[Any]], None]
    ) -> None:
        super().__init__(space, new_parker)
        self._owner = owner
        self._listen = listen

    def register(self, key: K, value: V) -> None:
        """Register this life under a key.

        Raises:
            AlreadyRegistered: of a unique registry; somebody has the key, maybe this very life. The value there is unchanged.
            TypeError: the key is not hashable.
        """
        if not self._owner.over:
            self._space.add(self._owner, key, value)

    def unregister(self, key: K) -> int:
        """Give up a key, as often as this life has it. Others' entries stay. Returns how many there were, 0 too."""
        return self._space.remove(self._owner, self._space.strict(key), lambda _: True)

    def unregister_match(self, key: K, predicate: Callable[[V], object]) -> int:
        """Give up this life's entries of a key whose value the predicate holds for. Returns how many there were."""
        return self._space.remove(self._owner, self._space.strict(key), predicate)

    def update(self, key: K, function: Callable[[V], V]) -> V:
        """Replace this life's value under a key, or each of them, by what the function makes of it. Returns the last one.

        Raises:
            NotRegistered: this life does not have the key; others' values are theirs.
        """
        mine = self._mine(key)
        new = [function(entry.value) for entry in mine]  # if the function raises, all stays as it is
        for entry, value in zip(mine, new, strict=True):
            entry.value = value
        return new[-1]

    def keys(self) -> list[K]:
        """The keys of this life, in order of registration; of a duplicate registry, as often as it has them."""
        return [entry.key for entries in self._owner.held.get(self._space, {}).values() for entry in entries]

    def listen(self) -> None:
        """Receive `Registered` and `Unregistered` in the mailbox from now on, within its bound, until this life ends.

        Raises:
            TypeError: the actor does not accept them.
        """
        self._listen(self._space.events)

    def lock(self, key: K) -> KeyLock:
        """As for everybody; and given back when this life ends, even if the block was never left."""
        return KeyLock(self._space, key, self._new_parker(), self._owner)

    def _mine(self, key: K) -> list[_Entry]:
        mine = self._owner.held.get(self._space, {}).get(self._space.strict(key), [])
        if not mine:
            raise NotRegistered(self._space.declaration.key, key, self._owner.ref.path)
        return mine


class KeyLock:
    """One turn at the lock of one key; used once, with `async with`."""

    __slots__ = ("_left", "_owner", "_parker", "_space", "_strict", "_task")

    def __init__(self, space: _Space, key: object, parker: Parker, owner: Owner | None = None) -> None:
        self._space = space
        self._strict = space.strict(key)
        self._parker = parker
        self._owner = owner
        self._task: Any = None
        self._left = False

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
        task = current_coroutine()
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


def _strict(key: object) -> object:
    """A key with its type, and those inside it."""
    if isinstance(key, tuple):
        return type(key), tuple(_strict(part) for part in key)
    if isinstance(key, frozenset):
        return type(key), frozenset(_strict(part) for part in key)
    return type(key), key
