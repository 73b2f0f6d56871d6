from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec
import pytest

from supervisor.messages import Asks, Down, Gone, Message, Pair, Request, Skipped, Up, reply_type

T = TypeVar("T")


class Deposit(Message, frozen=True):
    amount: int


class Balance(Request[int], frozen=True):
    account: str = ""


class Names(Request[list[str]], frozen=True): ...


class Maybe(Request[int | None], frozen=True): ...


class Special(Balance, frozen=True): ...


class Page(Request[T], Generic[T], frozen=True): ...


class Raw(Request[Any], frozen=True): ...


@pytest.mark.parametrize(
    ("request_type", "reply"),
    [
        (Balance, int),
        (Names, list[str]),
        (Maybe, int | None),
        (Special, int),
        (Page, Any),
        (Raw, Any),
        (Deposit, Any),
        (int, Any),
    ],
)
def test_a_request_names_the_type_of_its_reply(request_type: type, reply: object) -> None:
    assert reply_type(request_type) == reply
    assert reply_type(request_type) == reply  # from memory


def test_a_message_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Deposit(5).amount = 6


def test_messages_are_values() -> None:
    assert Deposit(5) == Deposit(5) != Deposit(6)
    assert len({Deposit(5), Deposit(5)}) == 1


@pytest.mark.parametrize("message", [Deposit(5), Balance("mine"), Special("mine"), Names()], ids=repr)
def test_a_message_can_cross_a_wire(message: Message) -> None:
    wire = msgspec.msgpack.encode(message)
    assert msgspec.msgpack.decode(wire, type=Deposit | Balance | Special | Names) == message


def test_a_message_is_tagged_with_its_class() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Deposit(5))) == {"type": "Deposit", "amount": 5}


def test_what_the_type_checkers_read_is_never_called() -> None:
    with pytest.raises(AssertionError, match="nothing calls it"):
        Balance().__asks__()
    assert Pair.__doc__
    assert Asks.__doc__


def test_signals_are_values() -> None:
    ref: Any = object()
    assert Down(ref, 1, None) == Down(ref, 1, None) != Down(ref, 2, None)
    assert Up(ref, 1) == Up(ref, 1)
    assert Gone(ref) == Gone(ref)
    assert Skipped(3) == Skipped(3)
