"""How long the other side asks to be left alone: in seconds, or until an instant of the calendar."""

from __future__ import annotations

import time

from actors.errors import ActorsError, Classification

__all__ = ["LONGEST_BAN", "asked_wait"]

LONGEST_BAN = 259_200.0
"""Seconds; three days is the longest ban that is known of an exchange."""


def asked_wait(error: BaseException, judged: Classification) -> float | None:
    """Seconds that the other side asks to wait; None if it does not say.

    An instant, such as the end of a ban, is one of the wall clock. So that is looked at, once, and for nothing else; for our
    own errors it is what it showed when they were made. Of seconds and an instant the later end counts.

    Args:
        error: what a call failed with.
        judged: what `classify` says of it.
    """
    asked, until = judged.retry_after, judged.until
    if until is None:
        return asked
    left = max(0.0, until - (error.at_wall if isinstance(error, ActorsError) else time.time()))
    return left if asked is None else max(asked, left)
