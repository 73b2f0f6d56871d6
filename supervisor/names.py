"""Who has which name. Names are scoped: a scope sees its own and those of the scopes around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supervisor.errors import NameTaken, NoSuchActor
from supervisor.spec import Name

if TYPE_CHECKING:
    from supervisor.place import Place
    from supervisor.pool import Pool

__all__ = ["Name", "Names"]


class Names:
    """One scope of names.

    Args:
        outer: the scope around it, or None.
    """

    __slots__ = ("_outer", "_places")

    def __init__(self, outer: Names | None = None) -> None:
        self._outer = outer
        self._places: dict[str, Place] = {}

    def __len__(self) -> int:
        return len(self._places)

    def register(self, name: Name[Any], place: Place) -> None:
        """Give a place its name.

        Raises:
            NameTaken: another place has it in this scope.
        """
        owner = self._places.setdefault(name.key, place)
        if owner is not place:
            raise NameTaken(name.key, owner.path)

    def release(self, name: Name[Any], place: Place) -> None:
        """Take the name back; nothing happens if the place does not have it."""
        if self._places.get(name.key) is place:
            del self._places[name.key]

    def find(self, name: Name[Any] | Pool[Any]) -> Place:
        """Who has the name, in this scope or the nearest around it.

        Raises:
            NoSuchActor: nobody has.
        """
        scope: Names | None = self
        while scope is not None:
            place = scope._places.get(name.key)
            if place is not None:
                return place
            scope = scope._outer
        raise NoSuchActor(f"the name {name.key!r}")
