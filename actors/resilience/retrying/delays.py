"""How long a retry waits: a growth, a maximum, and a jitter that keeps many callers from coming back in the same instant.

    NONE            the delay itself
    PROPORTIONAL    the delay, spread by a share of it to both sides
    FULL            anything from 0 to the delay
    EQUAL           half of the delay, and anything up to the other half
    DECORRELATED    anything from `initial` to three times the wait before; the growth is in the waits themselves

The growth is `supervisor.backoff`'s. A value without state, clock and randomness: who waits hands in a random number.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from attrs import Attribute, field, frozen

from actors.errors.checks import number, refuse
from supervisor.backoff import Backoff, BackoffKind, is_number

__all__ = ["Delays", "Jitter"]

DECORRELATED_GROWTH = 3.0
"""A decorrelated wait is at most this many times the one before."""


class Jitter(StrEnum):
    """How a delay is spread."""

    NONE = "none"
    PROPORTIONAL = "proportional"
    FULL = "full"
    EQUAL = "equal"
    DECORRELATED = "decorrelated"


def _kind(value: Any) -> Any:
    return next((kind for kind in BackoffKind if value == kind.value), value)


def _jitter(value: Any) -> Any:
    return next((jitter for jitter in Jitter if value == jitter.value), value)


def _check_maximum(delays: Delays, attribute: Attribute[Any], value: Any) -> None:
    if not is_number(value) or value < delays.initial:
        example = f"for example maximum={30 * delays.initial or 30.0!r}"
        refuse(delays, attribute, value, f"seconds, no less than initial={delays.initial!r}, {example}")


def _check_kind(delays: Delays, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, BackoffKind):
        names = ", ".join(kind.value for kind in BackoffKind)
        refuse(delays, attribute, value, f"one of {names}, for example kind=BackoffKind.EXPONENTIAL")


def _check_jitter(delays: Delays, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, Jitter):
        names = ", ".join(jitter.value for jitter in Jitter)
        refuse(delays, attribute, value, f"one of {names}, for example jitter=Jitter.EQUAL")


@frozen(kw_only=True)
class Delays:
    """The waits between attempts. All times are seconds.

    Raises:
        SpecError: a field is out of its range; says what was given, what was expected and what to type.
    """

    initial: float = field(default=0.5, validator=number(lambda value: value >= 0, "seconds of 0 or more", "0.5"))
    """The delay after the first failure. 0: never wait."""
    maximum: float = field(default=30.0, validator=_check_maximum)
    """No delay is longer, jitter included."""
    factor: float = field(default=2.0, validator=number(lambda value: value >= 1, "a number of 1 or more", "2.0"))
    """By how much an exponential delay grows. The other kinds do not use it."""
    kind: BackoffKind = field(default=BackoffKind.EXPONENTIAL, converter=_kind, validator=_check_kind)
    """How the delay grows, or its text: "linear". A decorrelated one does not use it."""
    jitter: Jitter = field(default=Jitter.EQUAL, converter=_jitter, validator=_check_jitter)
    """How the delay is spread, or its text: "full". EQUAL always leaves the other side some peace, which FULL does not."""
    share: float = field(default=0.1, validator=number(lambda value: 0 <= value <= 1, "a share from 0 to 1", "0.1"))
    """Of a PROPORTIONAL jitter: 0.1 is ±10 %. The other jitters do not use it."""
    _backoff: Backoff | None = field(default=None, init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        # Here, and not by a factory: the options have been checked by now.
        if self.initial:
            share = self.share if self.jitter is Jitter.PROPORTIONAL else 0.0
            backoff = Backoff(self.initial, self.maximum, self.factor, share, self.kind)
            object.__setattr__(self, "_backoff", backoff)

    def delay(self, failures: int, previous: float | None, random: float) -> float:
        """Seconds to wait after this many failures in a row: never above `maximum`, never below 0.

        Args:
            failures: failures in a row, from 1. Any size.
            previous: what this returned after the failure before; None after the first. Only a decorrelated jitter looks at it.
            random: a number in [0, 1).
        """
        backoff = self._backoff
        if backoff is None:
            return 0.0
        match self.jitter:
            case Jitter.NONE:
                return backoff.delay(failures, 0.5)
            case Jitter.PROPORTIONAL:
                return backoff.delay(failures, random)
            case Jitter.FULL:
                return _between(0.0, backoff.delay(failures, 0.5), random)
            case Jitter.EQUAL:
                grown = backoff.delay(failures, 0.5)
                return _between(grown / 2, grown, random)
            case Jitter.DECORRELATED:
                # Capped before it is spread: capped after, most callers of a long outage would wait exactly the maximum.
                before = self.initial if previous is None else max(previous, self.initial)
                return _between(self.initial, min(self.maximum, DECORRELATED_GROWTH * before), random)

    def __str__(self) -> str:
        if not self.initial:
            return "no delay"
        span = f"{self.initial:g} s" if self.kind is BackoffKind.FIXED else f"{self.initial:g} to {self.maximum:g} s"
        if self.jitter is Jitter.DECORRELATED:
            return f"decorrelated {self.initial:g} to {self.maximum:g} s"
        spread = f" ±{self.share:.0%}" if self.jitter is Jitter.PROPORTIONAL else f", {self.jitter} jitter"
        return f"{self.kind.value} {span}{'' if self.jitter is Jitter.NONE else spread}"


def _between(low: float, high: float, random: float) -> float:
    # Never rounded above `high`: the largest number below 1 takes more off the difference than rounding had added.
    return low + (high - low) * random
