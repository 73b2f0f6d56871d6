"""What is known of one life."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from supervisor.place import Place

__all__ = ["Doom", "Interest", "LifeRecord"]


@define(eq=False)
class Interest:
    """One monitor or watch of one life, and what it was told."""

    handle: Any
    place: Place
    forever: bool
    incarnation: int
    """The life that was there."""
    since: int
    """How many ends had happened at that path."""
    heard: list[Any] = field(factory=list)
    cancelled: bool = False


@define(eq=False)
class Doom:
    """Whom a life was linked with has ended, so it ends too."""

    path: str
    reason: str
    undisturbed: bool
    """It did nothing at that moment that could have ended it otherwise."""


@define(eq=False)
class LifeRecord:
    """One life, as its own code saw it."""

    path: str
    incarnation: int
    context: Any
    first: bool
    """The first at its path in this life of its supervisor."""
    active: int = 0
    """Pieces of its code that run now."""
    starting: bool = True
    handling: bool = False
    stopping: bool = False
    by_hand: bool = False
    """Somebody outside asked for its end."""
    idle_since: float = 0.0
    interests: dict[Place, Interest] = field(factory=dict)
    cancelled_ticks: set[int] = field(factory=set)
    ticks: set[int] = field(factory=set)
    to_resume: BaseException | None = None
    """What its handler has raised, and what its rules say to go on after."""
    may_resume: BaseException | None = None
    """The same; also if it is asked to stop meanwhile, and need not."""
    request: str = ""
    """What it asked the end of the tree for."""
    traps: bool = False
    exits_due: dict[str, list[str]] = field(factory=dict)
    """The ends of linked lives, by path, that it must yet be told of."""
    trapped: list[BaseException] = field(factory=list)
    """The errors that it must not end with."""
    doomed: Doom | None = None
    quiet_disturbed: bool = False
    """Something came that was too late to be handled: whether it still is quiet is not said."""
    quiet_until: tuple[int, float] | None = None
    """The number of its idle message, and when it is due if nothing else comes."""
    keys: set[tuple[str, str]] = field(factory=set)
    """What it has registered: kind of registry and key."""

    @property
    def over(self) -> bool:
        """Whether the life has ended; of a task's that is what its code says."""
        return bool(getattr(self.context, "over", not self.active))
