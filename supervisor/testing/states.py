"""Look into an actor from outside, and change it: for tests and for debugging, as OTP's sys:get_state and sys:replace_state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from supervisor.actor import Actor
from supervisor.actor_life import ActorLife
from supervisor.errors import NoSuchActor
from supervisor.ref import Ref

__all__ = ["replace_state", "state_of"]

A = TypeVar("A", bound=Actor[Any])

_OURS = {"_context", "__weakref__", "__dict__"}


def state_of(ref: Ref[Any], kind: type[A]) -> A:
    """The actor object of the present life, itself and not a copy. A later life has another one.

    Args:
        ref: an actor's.
        kind: the class that it is expected to be; `Actor` for any.

    Raises:
        NoSuchActor: there is no life, or it has not made its actor yet.
        TypeError: a task or a supervisor is there, or an actor of another class.
    """
    life = ref._place.life
    if life is None:
        raise NoSuchActor(ref.path)
    if not isinstance(life, ActorLife):
        raise TypeError(f"{ref.path} is no actor: a {type(life).__name__.removesuffix('Life').lower()} has no state to look at")
    if life.actor is None:
        raise NoSuchActor(ref.path)
    if not isinstance(life.actor, kind):
        raise TypeError(f"{ref.path} is of class {type(life.actor).__name__}; state_of(ref, kind) expected {kind.__name__}")
    return life.actor


def replace_state(ref: Ref[Any], kind: type[A], function: Callable[[A], A]) -> A:
    """Give the actor of the present life the attributes of another object: `replace_state(ref, Account, lambda account:
    attrs.evolve(account, balance=0))`.

    It happens at once, also while a handler of the actor waits for something.

    Args:
        ref: an actor's.
        kind: the class that it is expected to be.
        function: gets the actor and returns an object of the same class, whose attributes the actor gets. If it raises, the
            actor stays as it is, unless the function changed it itself.

    Returns:
        The actor.

    Raises:
        NoSuchActor: there is no life, or it has not made its actor yet.
        TypeError: it is of another class, or the function returned something else.
        Exception: what the function raised.
    """
    actor = state_of(ref, kind)
    new: Any = function(actor)
    if type(new) is not type(actor):
        raise TypeError(f"replace_state({ref.path}): the function returned {new!r}; expected a {type(actor).__name__}")
    if new is actor:
        return actor
    attributes = dict(_attributes(new))
    for name in dict(_attributes(actor)).keys() - attributes.keys():
        object.__delattr__(actor, name)
    for name, value in attributes.items():
        object.__setattr__(actor, name, value)  # past validators and frozen classes: half a state would be worse than any
    return actor


def _attributes(actor: Actor[Any]) -> Iterator[tuple[str, Any]]:
    """What it holds of its own, in slots and in its dictionary."""
    for base in type(actor).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot in _OURS:
                continue
            name = f"_{base.__name__.lstrip('_')}{slot}" if slot.startswith("__") and not slot.endswith("__") else slot
            if hasattr(actor, name):
                yield name, getattr(actor, name)
    for name, value in getattr(actor, "__dict__", {}).items():
        if name not in _OURS:
            yield name, value
