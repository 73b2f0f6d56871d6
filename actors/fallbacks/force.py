"""Force: an operator's word over a switch. While it is given, the evidence is looked at and changes nothing."""

from __future__ import annotations

import math

from attrs import define, field, frozen

from actors.fallbacks.switch import Switch

__all__ = ["FallbackChange", "Force"]

WORDS = {True: "an operator has put it in force", False: "an operator has lifted it"}


@frozen
class FallbackChange:
    """A fallback was put in force, or lifted."""

    on: bool
    reason: str
    at: float


@define
class Force:
    """A switch and the word over it.

    Args:
        switch: what the evidence says.
    """

    switch: Switch
    word: bool | None = field(default=None, init=False)
    """None: the evidence decides."""
    reason: str = field(default="", init=False)
    """Why it is in force, or why it was lifted last."""
    since: float = field(default=-math.inf, init=False)
    """Since when it is as it is."""
    in_force: bool = field(default=False, init=False)

    @property
    def idle(self) -> bool:
        """There is nothing to remember of it: neither in force, nor forced."""
        return not self.in_force and self.word is None

    def feed(self, bad: bool, reason: str, now: float) -> FallbackChange | None:
        """Look at the evidence.

        Args:
            bad: whether it is.
            reason: the evidence in plain words, be it good or bad.
            now: the time.
        """
        self.switch.feed(bad, now)
        return self._settle(reason, now)

    def say(self, word: bool | None, now: float) -> FallbackChange | None:
        """An operator's word; None takes it back."""
        self.word = word
        return self._settle("the operator's word was taken back", now)

    def recall(self, word: bool | None, reason: str, since: float) -> None:
        """It was in force before a restart, by the evidence or by this word, and is again."""
        self.word, self.reason, self.since = word, reason, since
        self.in_force = word is not False
        if word is None:
            self.switch.put()

    def _settle(self, reason: str, now: float) -> FallbackChange | None:
        on = self.switch.in_force if self.word is None else self.word
        if on == self.in_force:
            return None
        self.in_force, self.since = on, now
        self.reason = reason if self.word is None else WORDS[self.word]
        return FallbackChange(on, self.reason, now)
