"""What travels: messages, requests and their replies, and the signals an actor can receive about others.

An actor may accept any class. What is to cross a process must be a `Message`: a tagged msgspec Struct.

How both type checkers know the reply of `ask` and refuse a request that the actor does not accept: a `Request[R]` says by
`__asks__` that it, as a message, is paired with R; `ask` takes whatever is so paired with a message of the actor. `__asks__` is
never called.
"""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Generic, Protocol, Self, TypeVar, Union, get_args, get_origin, is_typeddict

from attrs import field, frozen
from msgspec import Struct

from supervisor.exits import ExitReason

if TYPE_CHECKING:
    from supervisor.ref import Ref

__all__ = [
    "Asks",
    "Down",
    "Exit",
    "Gone",
    "Message",
    "Pair",
    "Request",
    "Skipped",
    "Undelivered",
    "Up",
    "reply_fits",
    "reply_type",
]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
M_co = TypeVar("M_co", covariant=True)


class Message(Struct, frozen=True, tag=True):
    """Base of what can cross a process: frozen, tagged with its class name."""


class Pair(Generic[M_co, R_co]):
    """A message and the type of its reply; exists for the type checkers only."""


class Asks(Protocol[M_co, R_co]):
    """Whatever asks for an R as a message M."""

    def __asks__(self) -> Pair[M_co, R_co]: ...


class Request(Message, Generic[R], frozen=True):
    """A message that names the type of its reply: `class Balance(Request[int], frozen=True)`."""

    def __asks__(self) -> Pair[Self, R]:
        raise AssertionError("__asks__ is for the type checkers; nothing calls it")


@frozen
class Down:
    """The monitored life ended, or there was none (`reason` None). Comes once per monitor."""

    ref: Ref[Any]
    incarnation: int
    reason: ExitReason | None


@frozen
class Up:
    """A life began at the watched place."""

    ref: Ref[Any]
    incarnation: int


@frozen
class Gone:
    """The watched place was closed. Comes once, last."""

    ref: Ref[Any]


@frozen
class Exit:
    """A linked life ended, for whoever traps exits. Comes once per link."""

    ref: Ref[Any]
    reason: ExitReason


@frozen
class Undelivered:
    """A dead letter: a message that nobody will handle. The topic `DEAD_LETTERS` carries them."""

    path: str
    """Whom it was for."""
    message: object = field(repr=False)
    """The message itself. Left out of the text: it may hold what nobody should read."""
    reason: str
    at: float
    """When it was given up, in seconds of the loop's clock."""


@frozen
class Skipped:
    """A lossy subscription missed this many messages here."""

    count: int


_reply_types: dict[type, object] = {}


def reply_type(request: type) -> object:
    """The R of the `Request[R]` that a class derives from; `Any` where it does not say."""
    try:
        return _reply_types[request]
    except KeyError:
        found = _reply_types[request] = _find_reply_type(request)
        return found


def reply_fits(value: object, expected: object) -> bool:
    """Whether a value is of a type, as far as that can be told without looking inside containers."""
    if expected is Any:
        return True
    if expected is None:
        return value is None
    origin = get_origin(expected)
    if origin is Annotated:
        return reply_fits(value, get_args(expected)[0])
    if origin in (Union, UnionType):
        return any(reply_fits(value, part) for part in get_args(expected))
    kind = origin or expected
    if kind is float:
        return isinstance(value, float | int)
    if is_typeddict(kind):
        return isinstance(value, dict)
    try:
        return not isinstance(kind, type) or isinstance(value, kind)
    except TypeError:
        return True  # a protocol that cannot be checked at run time


def _find_reply_type(request: type) -> object:
    for cls in request.__mro__:
        for base in cls.__dict__.get("__orig_bases__", ()):
            if get_origin(base) is Request:
                (reply,) = get_args(base)
                return Any if isinstance(reply, TypeVar) else reply
    return Any
