"""Faults on purpose: crash a life, kill it, wait for the next one. For tests of trees, and for drills."""

from __future__ import annotations

from typing import Any

from supervisor.errors import NoSuchActor
from supervisor.exits import ExitReason
from supervisor.parking import Parker
from supervisor.place import LifeHandle, Place
from supervisor.ref import Ref

__all__ = ["PoisonError", "await_restart", "crash", "kill"]


class PoisonError(Exception):
    """What a life is crashed with when no error is given."""


def crash(ref: Ref[Any], error: BaseException | None = None) -> int:
    """End the life at `ref` as if its handler had raised `error`: `on_stop` runs, and its supervisor takes it for a crash.

    Args:
        ref: an actor, a task or a supervisor; a supervisor stops its children in order, then fails.
        error: by default a `PoisonError`.

    Returns:
        The number of the life that ends, for `await_restart`.

    Raises:
        NoSuchActor: there is no life.
    """
    life = _life(ref)
    life.crash(PoisonError(f"{ref.path} was crashed on purpose") if error is None else error)
    return life.incarnation


def kill(ref: Ref[Any]) -> int:
    """End the life at `ref` without grace, `Killed`: `on_stop` does not run. With a supervisor, all below it are killed.

    Returns:
        The number of the life that ends, for `await_restart`.

    Raises:
        NoSuchActor: there is no life.
    """
    life = _life(ref)
    life.kill()
    return life.incarnation


async def await_restart(ref: Ref[Any], after_incarnation: int | None = None) -> int:
    """Wait until a newer life is ready there.

    Args:
        ref: the place.
        after_incarnation: newer than this one; None: newer than the one that is ready there now, if one is. Give what `crash`
            or `kill` returned where the next life may be there already: a supervisor without children restarts at once.

    Returns:
        The number of the new life.

    Raises:
        NoSuchActor: nobody lives there, and nobody will.

    Cancellation: atomic.
    """
    place = ref._place
    life = place.life
    if after_incarnation is None:
        after_incarnation = life.incarnation if life is not None and life.ready else 0
    if life is not None and life.ready and life.incarnation > after_incarnation:
        return life.incarnation
    if place.closed:
        raise NoSuchActor(place.path)
    awaited = _Awaited(after_incarnation, place.runtime.parker())
    place.watchers[awaited] = None
    try:
        while awaited.found is None and not awaited.closed:
            await awaited.parker.park()
    finally:
        place.watchers.pop(awaited, None)
    if awaited.found is None:
        raise NoSuchActor(place.path)
    return awaited.found


class _Awaited:
    """A watcher that wakes one task when a newer life is ready."""

    def __init__(self, after: int, parker: Parker) -> None:
        self.after = after
        self.parker = parker
        self.found: int | None = None
        self.closed = False

    def life_began(self, place: Place, incarnation: int) -> None:
        if incarnation > self.after and self.found is None:
            self.found = incarnation
            self.parker.unpark()

    def life_ended(self, place: Place, incarnation: int, reason: ExitReason) -> None: ...

    def place_closed(self, place: Place) -> None:
        self.closed = True
        self.parker.unpark()


def _life(ref: Ref[Any]) -> LifeHandle:
    life = ref._place.life
    if life is None:
        raise NoSuchActor(ref.path)
    return life
