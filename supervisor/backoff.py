"""How long to wait before trying again. Restarts, reconnections and retries all use this one schedule.

A schedule is a value: it holds no count and no clock. Whoever retries counts the failures in a row (the
first is 1) and hands in a random number in [0, 1).

    FIXED           1, 1, 1, 1, 1 ...       initial
    LINEAR          1, 2, 3, 4, 5 ...       initial x n
    EXPONENTIAL     1, 2, 4, 8, 16 ...      initial x factor^(n-1)
    FIBONACCI       1, 1, 2, 3, 5 ...       initial x fib(n)

The delay is capped at `maximum`, then spread by the jitter. What the jitter would push above the maximum is
folded back below it. A clamp would do for one caller, but half of a thousand callers would then try again in
the same instant.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from enum import Enum
from typing import Any, NoReturn

from attrs import Attribute, field, frozen

from supervisor.errors import SpecError

__all__ = ["Backoff", "BackoffKind", "is_count", "is_number"]


class BackoffKind(Enum):
    """How the delay grows from one failure to the next."""

    FIXED = "fixed"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"
    FIBONACCI = "fibonacci"


def _refuse(field: str, value: object, expected: str) -> NoReturn:
    raise SpecError(f"Backoff.{field}", value, expected)


def is_number(value: object) -> bool:
    """Whether it is a finite number that a clock's time can be added to: no bool, no NaN, no whole number past every float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def is_count(value: object, least: int = 1) -> bool:
    """Whether it is a whole number from `least` on, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(low: float, expected: str, high: float = math.inf) -> Callable[[Any, Attribute[Any], Any], None]:
    """A validator: a finite number from `low` to `high`, both included."""

    def check(_: object, attribute: Attribute[Any], value: Any) -> None:
        if not is_number(value) or not low <= value <= high:
            _refuse(attribute.name, value, expected)

    return check


def _check_maximum(backoff: Backoff, _: Attribute[Any], value: Any) -> None:
    if not is_number(value) or value < backoff.initial:
        example = f"for example maximum={30 * backoff.initial!r}"
        _refuse("maximum", value, f"seconds, no less than initial={backoff.initial!r}, {example}")


def _check_kind(_: Backoff, __: Attribute[Any], value: Any) -> None:
    if not isinstance(value, BackoffKind):
        names = ", ".join(kind.name for kind in BackoffKind)
        _refuse("kind", value, f"one of {names}, for example kind=BackoffKind.EXPONENTIAL")


def _check_reset_after(_: Backoff, __: Attribute[Any], value: Any) -> None:
    if value is not None and not (is_number(value) and value > 0):
        _refuse("reset_after", value, "seconds above 0, or None for the middle of initial and maximum")


def _check_give_up_after(_: Backoff, __: Attribute[Any], value: Any) -> None:
    if value is not None and not is_count(value):
        _refuse("give_up_after", value, "a count of 1 or more, or None to go on for ever")


# The smallest float above 0 as a bound says "above 0" with an inclusive comparison.
_ABOVE_ZERO = math.ulp(0.0)


@frozen
class Backoff:
    """A schedule of delays. All times are seconds.

    Args:
        initial: the delay after the first failure, above 0.
        maximum: no delay is longer, jitter included.
        factor: by how much an exponential delay grows, 1 or more. The other kinds do not use it.
        jitter: share of the delay, 0 to 1, by which it is spread to both sides.
        kind: how the delay grows.
        reset_after: a life of this length makes earlier failures forgotten; None takes the middle between
            `initial` and `maximum`.
        give_up_after: this many failures in a row exhaust the schedule; None never gives up.

    Raises:
        SpecError: a field is out of its range; says what was given, what was expected and what to type.
    """

    initial: float = field(default=1.0, validator=_number(_ABOVE_ZERO, "seconds above 0, for example initial=1.0"))
    maximum: float = field(default=30.0, validator=_check_maximum)
    factor: float = field(default=2.0, validator=_number(1.0, "a number of 1 or more, for example factor=2.0"))
    jitter: float = field(default=0.1, validator=_number(0.0, "a share from 0 to 1, for example jitter=0.1 for ±10 %", 1.0))
    kind: BackoffKind = field(default=BackoffKind.EXPONENTIAL, validator=_check_kind)
    reset_after: float | None = field(default=None, validator=_check_reset_after)
    give_up_after: int | None = field(default=None, validator=_check_give_up_after)

    @property
    def stable_after(self) -> float:
        """Seconds that a life must last for the failures before it to be forgotten."""
        return (self.initial + self.maximum) / 2 if self.reset_after is None else self.reset_after

    def delay(self, failures: int, random: float, *, scale: float = 1.0) -> float:
        """Seconds to wait after this many failures in a row: never above `maximum`, never below 0.

        Args:
            failures: failures in a row, from 1. Any size.
            random: a number in [0, 1); 0.5 gives the delay without jitter.
            scale: multiplies the delay before it is capped and spread.

        Raises:
            SpecError: fewer than 1 failure.
        """
        if failures < 1:
            _refuse("failures", failures, "a count of 1 or more: the first failure is 1")
        capped = min(self._grown(failures) * scale, self.maximum)
        spread = capped * (1.0 + self.jitter * (2.0 * random - 1.0))
        if spread > self.maximum:
            spread = self.maximum - (spread - self.maximum)
        return max(spread, 0.0)

    def exhausted(self, failures: int) -> bool:
        """True from the `give_up_after`-th failure in a row on."""
        return self.give_up_after is not None and failures >= self.give_up_after

    def _grown(self, failures: int) -> float:
        """The delay without cap and jitter; whatever no float can hold is the maximum."""
        try:
            match self.kind:
                case BackoffKind.FIXED:
                    return self.initial
                case BackoffKind.LINEAR:
                    return self.initial * failures
                case BackoffKind.EXPONENTIAL:
                    return self.initial * self.factor ** (failures - 1)
                case BackoffKind.FIBONACCI:
                    return self._fibonacci(failures)
        except OverflowError:
            return self.maximum

    def _fibonacci(self, failures: int) -> float:
        now, following = self.initial, self.initial
        for _ in range(failures - 1):
            # It grows without bound, so the loop ends here long before a huge count would end it.
            if now >= self.maximum:
                break
            now, following = following, now + following
        return now
