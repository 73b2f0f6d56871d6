"""Whether a call is tried again, and when: no clock, no task, no randomness. The caller says what happened and what time it is.

One plan is one call. It is asked after each failed attempt, and answers with seconds to wait or with the reason why not. Where
several reasons hold, the first of this order is given, because it tells most about what to do next:

    NOT_RETRYABLE, UNKNOWN_OUTCOME    the failure itself forbids it
    STOPPED                           somebody said that it is not wanted any more
    ATTEMPTS                          they are used up
    HINT_TOO_LONG                     the server names a time that nobody wants to wait for
    DEADLINE                          the wait would end when the time is up, or after
    WOULD_BLOCK                       to wait here would stop an event loop
    BUDGET                            told to the plan by whoever asks the budget: last, because asking it costs
"""

from __future__ import annotations

import math
from enum import StrEnum

from attrs import define, field, frozen

from actors.resilience.retrying.delays import Delays

__all__ = ["RetryPlan", "RetryRules", "StopReason", "Verdict"]

HINT_JITTER = 0.1
"""A server's hint is lengthened by up to this share of it, so that not everybody comes at the very moment it names."""
HINT_JITTER_MAXIMUM = 1.0
"""And by no more than these seconds."""


class StopReason(StrEnum):
    """Why a call was not tried again."""

    NOT_RETRYABLE = "not_retryable"
    UNKNOWN_OUTCOME = "unknown_outcome"
    STOPPED = "stopped"
    ATTEMPTS = "attempts"
    HINT_TOO_LONG = "hint_too_long"
    DEADLINE = "deadline"
    WOULD_BLOCK = "would_block"
    BUDGET = "budget"


@frozen
class Verdict:
    """What a plan has to know about a failed attempt."""

    retryable: bool = True
    unknown_outcome: bool = False
    """It may have been carried out."""
    hint: float | None = None
    """Seconds that the other side asked to wait."""


@frozen(kw_only=True)
class RetryRules:
    """When a call is tried again. The fields are those of `Retry`, which checks and explains them."""

    attempts: int = 3
    within: float | None = None
    idempotent: bool = False
    delays: Delays = field(factory=Delays)
    hint_floor: float = 0.0
    hint_ceiling: float = 300.0


@define
class RetryPlan:
    """The attempts of one call."""

    rules: RetryRules
    failures: int = field(default=0, init=False)
    """Attempts that failed."""
    stopped: bool = field(default=False, init=False)
    """Set it, and nothing is tried again."""
    _previous: float | None = field(default=None, init=False)
    """The last delay of our own. A server's hint is not one: it would make a decorrelated delay start from there."""

    def after(self, elapsed: float, verdict: Verdict, random: float, *, blocked: bool = False) -> float | StopReason:
        """An attempt failed.

        Args:
            elapsed: seconds since the first attempt began.
            verdict: what to think of the failure.
            random: a number in [0, 1).
            blocked: waiting is not possible here.

        Returns:
            Seconds to wait before the next attempt, or why there is none.
        """
        self.failures += 1
        rules = self.rules
        if verdict.unknown_outcome and not rules.idempotent:
            return StopReason.UNKNOWN_OUTCOME
        if not verdict.retryable:
            return StopReason.NOT_RETRYABLE
        if self.stopped:
            return StopReason.STOPPED
        if self.failures >= rules.attempts:
            return StopReason.ATTEMPTS
        hint = verdict.hint
        if hint is not None and hint > rules.hint_ceiling:
            return StopReason.HINT_TOO_LONG
        delay = self._own(random) if hint is None else _hinted(max(hint, rules.hint_floor), random)
        if rules.within is not None and elapsed + delay >= rules.within:
            return StopReason.DEADLINE
        return StopReason.WOULD_BLOCK if blocked and delay else delay

    def _own(self, random: float) -> float:
        self._previous = self.rules.delays.delay(self.failures, self._previous, random)
        return self._previous


def _hinted(hint: float, random: float) -> float:
    """Never below the hint, whatever floating point and `delays.maximum` say: to come too early is to be told again."""
    return hint + min(hint * HINT_JITTER, HINT_JITTER_MAXIMUM) * random


def usable(hint: object) -> float | None:
    """A hint as seconds, or None where it is no number of 0 or more. `math.inf` is one: an operator must act."""
    if isinstance(hint, int | float) and not isinstance(hint, bool) and hint >= 0:
        return float(hint) if hint <= MOST else math.inf
    return None


MOST = 1e15
"""Seconds; more than that is for ever. A whole number past every float would raise otherwise."""
