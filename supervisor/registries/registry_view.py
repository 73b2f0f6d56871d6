"""How registries are seen: by everybody, to be read; by one life, which registers itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from supervisor.errors import NotRegistered, SpecError
from supervisor.parking import Parker
from supervisor.ref import Ref
from supervisor.registries.key_lock import KeyLock
from supervisor.registries.registry import DuplicateRegistry, Entry, Owner, Registry, Space
from supervisor.topics import Topic, Topics

__all__ = ["Registrar", "Registries", "RegistryView"]

K = TypeVar("K")
V = TypeVar("V")

Declaration = Registry[K, V] | DuplicateRegistry[K, V]


class RegistryView(Generic[K, V]):
    """A registry, to be read. What it answers is true now; the next moment an owner may be gone."""

    def __init__(self, space: Space, new_parker: Callable[[], Parker]) -> None:
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
        self, space: Space, new_parker: Callable[[], Parker], owner: Owner, listen: Callable[[Topic[Any]], None]
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

    def _mine(self, key: K) -> list[Entry]:
        mine = self._owner.held.get(self._space, {}).get(self._space.strict(key), [])
        if not mine:
            raise NotRegistered(self._space.declaration.key, key, self._owner.ref.path)
        return mine


class Registries:
    """All registries of one tree."""

    def __init__(self, topics: Topics, new_parker: Callable[[], Parker]) -> None:
        self._spaces: dict[str, Space] = {}
        self._topics = topics
        self._new_parker = new_parker

    def __len__(self) -> int:
        """How many entries there are, in all of them."""
        return sum(space.size for space in self._spaces.values())

    def space(self, declaration: Declaration[Any, Any]) -> Space:
        """The space of a declaration.

        Raises:
            TypeError: that is no declaration.
            SpecError: one key stands for a unique registry here and for a duplicate one there.
        """
        if not isinstance(declaration, Registry | DuplicateRegistry):
            raise TypeError(f"registry() got {declaration!r}; expected a declaration, such as Registry('workers')")
        space = self._spaces.get(declaration.key)
        if space is None:
            space = self._spaces[declaration.key] = Space(declaration, self._topics)
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
