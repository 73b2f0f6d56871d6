"""A block that a breaker guards, and what it may say of how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.resilience.breaking.config import Permit
from actors.resilience.breaking.verdict import CallVerdict, bounded, words_of
from actors.resilience.policy import Passage

if TYPE_CHECKING:
    from actors.resilience.breaking.breaker import CircuitBreaker

__all__ = ["BreakerCall"]


class BreakerCall(Passage["BreakerCall"]):
    """One `with` block that a breaker guards: an error that leaves it is judged as that of a function.

    `fail` and `ignore` say what no error says; the last of them holds.
    """

    __slots__ = ("_breaker", "_permit", "_retry_after", "_verdict", "_words")

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._permit: Permit | None = None
        self._verdict: CallVerdict | None = None
        self._words: str | None = None
        self._retry_after: float | None = None

    def fail(self, reason: str, retry_after: float | None = None) -> None:
        """This call failed, though it raises nothing: the answer was an error, or too old.

        Args:
            reason: in words, for those who are refused because of it.
            retry_after: seconds that the other side asked us to stay away, or None.
        """
        self._verdict = CallVerdict.FAILURE
        self._words = words_of(reason)
        self._retry_after = retry_after

    def ignore(self) -> None:
        """This call says nothing about the other side."""
        self._verdict = CallVerdict.IGNORED

    def enter(self) -> BreakerCall:
        self._permit = self._breaker._machine.door or self._breaker._ask()
        return self

    def leave(self, error: BaseException | None) -> bool:
        permit, self._permit = self._permit, None
        if permit is None:
            return False  # it was left before
        breaker = self._breaker
        if error is not None and not isinstance(error, Exception):
            breaker._release(permit)
        elif self._verdict is not None:
            breaker._settle(permit, self._verdict, bounded(self._retry_after, breaker.config.hint_maximum), self._words)
        elif error is not None:
            breaker._ended_badly(permit, error)
        elif breaker._machine.calm is permit:
            breaker._calm_successes.add()
        else:
            breaker._settle(permit, CallVerdict.SUCCESS)
        return False
