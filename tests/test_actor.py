from __future__ import annotations

from typing import Any, Generic, TypeVar

import pytest

from supervisor.actor import Actor, accepted_types
from supervisor.messages import Message

T = TypeVar("T")
U = TypeVar("U")


class Ping(Message, frozen=True):
    pass


class Pong(Message, frozen=True):
    pass


class Fixed(Actor[Ping], Generic[T]):
    """Its argument is not its message."""


class Named(Actor["Ping"], Generic[T]):
    """The same, with its message as a text."""


class Open(Actor[T]):
    """Its argument is its message."""


class Either(Actor[Ping | T], Generic[T]):
    """Its argument is one of its messages."""


class Second(Generic[U, T], Actor[T]):  # noqa: PYI059  # either order is legal
    """Its second argument is its message."""


class FixedOfInt(Fixed[int]):
    pass


class NamedOfInt(Named[int]):
    pass


class OpenOfPong(Open[Pong]):
    pass


class OpenOfEither(Open[Ping | Pong]):
    pass


class EitherOfPong(Either[Pong]):
    pass


class StillOpen(Either[U], Generic[T, U]):
    pass


class StillOpenOfIntAndPong(StillOpen[int, Pong]):
    pass


class SecondOfStrAndPong(Second[str, Pong]):
    pass


class BelowSecond(SecondOfStrAndPong):
    pass


@pytest.mark.parametrize(
    ("cls", "accepted"),
    [
        (Fixed, (Ping,)),
        (FixedOfInt, (Ping,)),
        (Named, (Ping,)),
        (NamedOfInt, (Ping,)),
        (Open, None),
        (OpenOfPong, (Pong,)),
        (OpenOfEither, (Ping, Pong)),
        (Either, None),
        (EitherOfPong, (Ping, Pong)),
        (StillOpen, None),
        (StillOpenOfIntAndPong, (Ping, Pong)),
        (Second, None),
        (SecondOfStrAndPong, (Pong,)),
        (BelowSecond, (Pong,)),
    ],
)
def test_an_actor_accepts_what_its_class_says_through_any_generic_base(
    cls: type[Actor[Any]], accepted: tuple[type, ...] | None
) -> None:
    assert accepted_types(cls) == accepted
