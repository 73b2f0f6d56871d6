"""What a retried call tells on the error that it ends with: one note for each attempt, and why there is no other.

The notes are bounded in number and length, hold no secrets, and replace those that the same policy has put on the same error
before: a program that raises one error object again and again would otherwise grow it for ever.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from attrs import define, field

from supervisor.secrets import redact

__all__ = ["RetryNotes", "put_notes", "words"]

LINES = 10
"""Attempts that are told. Of more, the last ones."""
SHORTEST = 0.001
"""Seconds; what is shorter is not told, as 4.87e-06 s tells people nothing."""
LENGTH = 200
"""Characters of an error's words in a note."""


def words(error: Exception | None) -> str:
    """An error in one short line without secrets; None is a result that was not wanted."""
    if error is None:
        return "its result was not wanted"
    # What is cut is clean already: a secret that the cut went through might not look like one any more.
    text = " ".join(str(redact(error)).split())
    return f"{type(error).__name__}: {text[:LENGTH]}{'…' if len(text) > LENGTH else ''}"


def put_notes(error: Exception, owner: str, lines: list[str]) -> None:
    """Put notes on an error, in the place of those that `owner` put there before."""
    mark = f"[{owner}] "
    with suppress(Exception):  # an error that takes no notes must still be the one that is raised
        before = getattr(error, "__notes__", [])
        if not isinstance(before, list):
            return
        kept = [note for note in before if not (isinstance(note, str) and note.startswith(mark))]
        # A new list, in one step: the same error may be raised in several threads.
        error.__notes__ = kept + [mark + line for line in lines]


@define
class RetryNotes:
    """The attempts of one call, in words.

    Args:
        attempts: how many there may be.
    """

    attempts: int
    _lines: deque[str] = field(factory=lambda: deque(maxlen=LINES), init=False)
    _told: int = field(default=0, init=False)

    def failed(self, number: int, elapsed: float, error: Exception | None) -> None:
        """An attempt failed, so long after the start."""
        after = f" after {elapsed:.3g} s" if elapsed >= SHORTEST else ""
        self._lines.append(f"attempt {number} of {self.attempts}{after}: {words(error)}")
        self._told += 1

    def waited(self, seconds: float) -> None:
        """And so long was waited after it."""
        if self._lines and seconds >= SHORTEST:
            self._lines[-1] += f"; waited {seconds:.3g} s"

    def lines(self, why: str) -> list[str]:
        """All of it, and why there is no other attempt."""
        missing = self._told - len(self._lines)
        before = [f"{missing} attempts before these are not shown"] if missing else []
        return [*before, *self._lines, f"not tried again: {why}"]
