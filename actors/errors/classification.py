"""What an error means for whoever has to decide what to do next."""

from __future__ import annotations

from attrs import frozen

from actors.errors.base import ActorsError
from actors.errors.kinds import Action, Category, Severity

__all__ = ["Classification", "classify"]


@frozen
class Classification:
    """The judgement on one error."""

    category: Category
    severity: Severity
    action: Action
    retry_after: float | None = None
    """Seconds to wait before the same is tried again, where the other side said so."""
    rule: str = ""
    """The rule that decided, for people who ask why."""

    def retryable(self, *, idempotent: bool) -> bool:
        """Whether the same call may simply be made again.

        Args:
            idempotent: to do it twice is the same as to do it once. Without that, a call whose outcome is unknown may not.
        """
        if self.category is Category.UNKNOWN_OUTCOME:
            return idempotent and self.action in (Action.RECONCILE, Action.RETRY, Action.WAIT)
        return self.action in (Action.RETRY, Action.WAIT)


def classify(error: object) -> Classification:
    """Judge an error. Never raises."""
    if isinstance(error, ActorsError):
        return Classification(error.category, error.severity, error.action, error.retry_after, type(error).__name__)
    return Classification(Category.UNKNOWN, Severity.ERROR, Action.NEVER)
