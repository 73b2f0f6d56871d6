from __future__ import annotations

from functools import wraps
from typing import Any, Generic, TypeVar
from unittest.mock import AsyncMock

import pytest

from supervisor.accepts import accepted_types
from supervisor.actor import Actor
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


async def _handler(self: object, message: object) -> None: ...


@pytest.mark.parametrize(
    ("receive", "why"),
    [
        (lambda self: None, r"Wrong.receive\(self\) cannot take one message; write def receive\(self, message\)"),
        (lambda: None, r"Wrong.receive\(\) cannot take one message"),
        (lambda self, one, two: None, "cannot take one message"),
        (lambda self, *, message: None, "cannot take one message"),
        (staticmethod(lambda message: None), "Wrong.receive is a staticmethod; expected def receive"),
        ("not a function", "Wrong.receive is a str; expected def receive"),
    ],
    ids=["no message", "no self", "two messages", "by keyword", "static", "a text"],
)
def test_a_handler_that_cannot_take_a_message_is_refused_with_its_class(receive: object, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        type("Wrong", (Actor,), {"receive": receive, "__message_type__": int})


async def _no_arguments(self: object) -> None: ...


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("on_start", lambda self: None, r"Wrong.on_start is not async, and is awaited; write async def on_start\(self\)"),
        ("on_stop", lambda self, reason: None, r"Wrong.on_stop is not async, .* write async def on_stop\(self, reason\)"),
        ("on_start", _handler, r"Wrong.on_start\(self.*message.* cannot be called without arguments; write async def on_start"),
        ("on_stop", _no_arguments, r"Wrong.on_stop\(self.* cannot take the reason; write async def on_stop\(self, reason\)"),
        ("on_stop", staticmethod(_handler), r"Wrong.on_stop is a staticmethod; expected async def on_stop\(self, reason\)"),
    ],
    ids=["sync on_start", "sync on_stop", "on_start with an argument", "on_stop without a reason", "static"],
)
@pytest.mark.parametrize("mixin", [False, True], ids=["own", "of a mixin"])
def test_a_hook_that_could_not_run_is_refused_with_its_class(name: str, given: object, why: str, mixin: bool) -> None:
    with pytest.raises(TypeError, match=why):
        if mixin:
            type("Wrong", (type("Mixin", (), {name: given}), Actor), {"__message_type__": int})
        else:
            type("Wrong", (Actor,), {name: given, "__message_type__": int})


def test_hooks_with_defaults_and_under_decorators_are_welcome() -> None:
    @wraps(_no_arguments)
    def decorated(self: object) -> object:
        return _no_arguments(self)

    async def generous(self: object, reason: object, more: int = 1) -> None: ...

    type("Fine", (Actor,), {"on_start": decorated, "on_stop": generous, "__message_type__": int})
    type("Fine", (Actor,), {"on_start": AsyncMock(), "on_stop": AsyncMock(), "__message_type__": int})


def test_a_handler_with_a_yield_would_handle_nothing_and_is_refused() -> None:
    def generator(self: object, message: object) -> Any:
        yield message

    async def async_generator(self: object, message: object) -> Any:
        yield message

    for receive in (generator, async_generator):
        with pytest.raises(TypeError, match=r"Wrong.receive has a yield, so calling it handles nothing"):
            type("Wrong", (Actor,), {"receive": receive, "__message_type__": int})


@pytest.mark.parametrize(
    "receive", [_handler, lambda self, message: None, lambda self, message, more=None: None, lambda *args: None, print]
)
def test_a_handler_that_can_take_a_message_is_fine(receive: object) -> None:
    type("Right", (Actor,), {"receive": receive, "__message_type__": int})


def test_an_actor_that_names_no_messages_is_refused() -> None:
    with pytest.raises(TypeError, match=r"class Wrong\(Actor\) names no messages; write Actor\[Deposit \| Balance\]"):
        type("Wrong", (Actor,), {})
