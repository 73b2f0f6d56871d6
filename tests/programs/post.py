"""Sending messages, with a letter for each that says what became of it."""

from __future__ import annotations

from typing import Any

import anyio
from attrs import define

from supervisor import (
    AskedSelf,
    AskTimeout,
    ChildNotFound,
    Draining,
    MailboxFull,
    NoSuchActor,
    Ref,
    Supervisor,
    SupervisorError,
)
from tests.programs.journal import Journal
from tests.programs.mail import Letter, new_mail
from tests.programs.program import Word

__all__ = ["Post"]


@define(eq=False)
class Post:
    """Finds and writes to whoever is there."""

    journal: Journal
    root: Supervisor | None = None
    outside: Any = None
    """The nursery of those outside the tree."""

    def find(self, path: str, near: Supervisor | None = None) -> Ref[Any] | None:
        """Who is at a path; while the tree is not started yet, only among the children of `near`."""
        above, _, id = path.rpartition("/")
        try:
            if self.root is None or (near is not None and near.path == above):
                return near.child(id) if near is not None and near.path == above else None
            return self.supervisor(above).child(id)
        except ChildNotFound:
            return None

    def supervisor(self, path: str) -> Supervisor:
        """The handle of a supervisor. Raises ChildNotFound."""
        handle = self.root
        assert handle is not None
        for id in path.split("/")[1:]:
            handle = handle.supervisor(id)
        return handle

    def letter(self, how: str, sender: str, ref: Ref[Any], **fields: Any) -> Letter:
        place = ref._place
        letter = Letter(len(self.journal.letters), how, sender, place, self.journal.now(), **fields)
        if place.inbox is not None and hasattr(place.inbox.spec.overflow, "key"):
            letter.key = "xy"[letter.number % 2]
        self.journal.letters.append(letter)
        return letter

    def tell(self, sender: str, ref: Ref[Any], word: Word, expires: float | None = None) -> None:
        letter = self.letter("tell", sender, ref)
        if expires is not None:
            letter.expires_at = letter.sent_at + expires
        mail = new_mail(letter, word)
        if not _takes_mail(ref):
            return
        draining = self.journal.drains.draining(ref._place)
        taken = ref.tell(mail, expires)
        if taken and draining:
            self.journal.problem(f"message {letter.number} was taken by {ref.path}, which is draining")
        letter.accepted = taken
        if not taken and not letter.dead:
            self.journal.problem(f"message {letter.number} was refused, and is no dead letter")

    async def send(self, sender: str, ref: Ref[Any], word: Word) -> None:
        letter = self.letter("send", sender, ref)
        if not _takes_mail(ref):
            return
        letter.accepted = False
        try:
            await ref.send(new_mail(letter, word))
            letter.accepted = True
            if self.journal.drains.draining(ref._place):
                self.journal.problem(f"message {letter.number} was sent to {ref.path}, which is draining")
        except (NoSuchActor, Draining, AskedSelf) as error:
            letter.outcome = type(error).__name__

    async def ask(self, sender: str, ref: Ref[Any], word: Word, timeout: float | None) -> None:
        letter = self.letter("ask", sender, ref, timeout=timeout)
        if not _takes_mail(ref):
            return
        letter.accepted = True
        draining = self.journal.drains.draining(ref._place)
        try:
            answer = await ref.ask(new_mail(letter, word), timeout)
        except SupervisorError as error:
            letter.outcome = type(error).__name__
            self._failed(letter, error)
            if isinstance(error, Draining) is not draining and not isinstance(error, AskedSelf):
                self.journal.problem(f"ask {letter.number} of {ref.path}, draining: {draining}, failed with {error!r}")
        except anyio.get_cancelled_exc_class():
            letter.outcome = "cancelled"
            raise
        else:
            letter.outcome = "answer"
            if answer != letter.number or not letter.handled:
                self.journal.problem(f"ask {letter.number} is answered with {answer!r}; handled: {letter.handled}")
        finally:
            if timeout is not None and self.journal.now() > letter.sent_at + timeout + 1e-6:
                self.journal.problem(
                    f"ask {letter.number} took {self.journal.now() - letter.sent_at}, its timeout is {timeout}"
                )

    def _failed(self, letter: Letter, error: SupervisorError) -> None:
        """An ask failed: is it true what the error says?"""
        what = f"ask {letter.number} of {letter.place.path} failed with {error!r}"
        if isinstance(error, AskTimeout) and error.started is not letter.handled:
            self.journal.problem(f"{what}; started: {error.started}, handled: {letter.handled}")
        if isinstance(error, NoSuchActor | MailboxFull | AskedSelf | Draining) and letter.handled:
            self.journal.problem(f"{what}, but was handled")


def _takes_mail(ref: Ref[Any]) -> bool:
    """Tasks and supervisors take none: that is a TypeError at the sender, and another test's business."""
    return ref._place.inbox is not None
