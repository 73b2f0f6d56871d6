"""The messages of the programs. Each has a class of its own, because that is all a dead letter says of it."""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen

from supervisor.place import Place
from tests.programs.program import Word

__all__ = ["Idle", "Letter", "Mail", "News", "Tick", "key_of", "new_mail"]


class Mail:
    """One message: its number, and what its actor is to do."""

    __slots__ = ("letter", "word")

    def __init__(self, letter: Letter, word: Word) -> None:
        self.letter = letter
        self.word = word

    def __asks__(self) -> Any:
        raise AssertionError


@frozen
class Tick:
    """A timer's message: of which life, and which of its timers."""

    incarnation: int
    number: int
    repeats: bool


@frozen
class Idle:
    """What comes when nothing else does: of which life, and which of its wishes."""

    incarnation: int
    number: int


@frozen
class News:
    """What is published."""

    topic: str


@define(eq=False)
class Letter:
    """What became of one message."""

    number: int
    how: str
    """tell, send or ask"""
    sender: str
    place: Place
    sent_at: float
    timeout: float | None = None
    expires_at: float | None = None
    key: str | None = None
    accepted: bool | None = None
    """What the sender was told; None: it was cut off."""
    handled: bool = False
    finished: bool | None = None
    """Whether its handler ended as it wished; None while it runs."""
    dead: list[str] = field(factory=list)
    """The reasons of its dead letters."""
    outcome: str = ""
    """Of an ask: "answer", "cancelled" or the error's name; empty while it is open."""


_classes: list[type[Mail]] = []


def new_mail(letter: Letter, word: Word) -> Mail:
    """A message for a letter: of class `Mail17` for number 17. The classes are made once, not for each program."""
    while len(_classes) <= letter.number:
        _classes.append(type(f"Mail{len(_classes)}", (Mail,), {"__slots__": ()}))
    return _classes[letter.number](letter, word)


def key_of(message: object) -> object:
    """What mailboxes conflate by."""
    return message.letter.key if isinstance(message, Mail) else None
