"""What a retry tells of what it does: an event for each further attempt, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from attrs import frozen

from actors.errors import Classification
from actors.resilience.locking import new_lock
from actors.resilience.retrying.plan import StopReason

__all__ = ["RetryCounts", "RetryEvent", "RetryStatistics"]


@frozen(kw_only=True)
class RetryEvent:
    """A call is tried again, after a delay."""

    name: str
    """The policy's."""
    attempt: int
    """The number of the attempt that failed, from 1."""
    delay: float
    """Seconds until the next."""
    error: Exception | None
    """What it failed with, as it is: whoever writes it down hides its secrets. None: its result was not wanted."""
    classification: Classification | None
    reason: str
    """Why it is tried again, in words."""
    elapsed: float
    """Seconds since the first attempt began, if the policy has a deadline; since it failed, if not."""


@frozen(kw_only=True)
class RetryStatistics:
    """A retry at one moment. The counts are totals since it was made."""

    calls: int
    """Calls and blocks of which at least one attempt has ended."""
    attempts: int
    """Attempts that ended. One that was cancelled has no verdict, and is not among them."""
    retries: int
    """Attempts beyond the first that began."""
    first_try: int
    """Calls that succeeded at the first try."""
    after_retries: int
    """Calls that succeeded later."""
    exhausted: Mapping[StopReason, int]
    """Calls that were not tried again, by why not."""
    slept: float
    """Seconds that calls have waited between attempts, together."""
    suppressed: int
    """Calls that only the budget did not let try again."""
    hook_failures: int
    """How often `on_retry` raised."""


class RetryCounts:
    """What is counted from the first failure on. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._failed = 0
        self._troubled = 0
        self._retries = 0
        self._after_retries = 0
        self._slept = 0.0
        self._hook_failures = 0
        self._ended: Counter[StopReason] = Counter()

    def failed(self, *, first: bool) -> None:
        with self._lock:
            self._failed += 1
            self._troubled += first

    def retried(self) -> None:
        with self._lock:
            self._retries += 1

    def recovered(self) -> None:
        with self._lock:
            self._after_retries += 1

    def ended(self, reason: StopReason) -> None:
        with self._lock:
            self._ended[reason] += 1

    def woke(self, slept: float) -> None:
        with self._lock:
            self._slept += slept

    def hook_failed(self) -> None:
        with self._lock:
            self._hook_failures += 1

    def statistics(self, first_try: int) -> RetryStatistics:
        with self._lock:
            return RetryStatistics(
                calls=first_try + self._troubled,
                attempts=first_try + self._failed + self._after_retries,
                retries=self._retries,
                first_try=first_try,
                after_retries=self._after_retries,
                exhausted=dict(self._ended),
                slept=self._slept,
                suppressed=self._ended[StopReason.BUDGET],
                hook_failures=self._hook_failures,
            )
