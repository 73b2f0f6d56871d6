"""What an error says about the health of the other side.

    category                                            verdict     because
    network, rate limit, exchange, data feed,           FAILURE     the other side was not reached, did not answer, had
    unknown outcome, storage, notification, security,               enough of us, or sent what cannot be used
    unknown
    authentication, validation, order                   SUCCESS     it answered, and well: what was wrong was in our request
    configuration, strategy, position, memory, system,  IGNORED     it is our own trouble; the call may not even have been made
    recovery, bug

An error of the first kind that asks to correct the request (`Action.FIX`) counts as one of the second. Our own timeout
(`CallTimeout`) is an unknown outcome, so a failure. An open breaker or a full bulkhead further in is ignored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import StrEnum

from actors.errors import Action, Category, Classification, classify
from actors.resilience.hints import asked_wait
from supervisor.secrets import redact

__all__ = [
    "BY_CATEGORY",
    "CallVerdict",
    "Selector",
    "asked_for",
    "bounded",
    "default_verdict",
    "in_words",
    "selected",
    "words_of",
]

Selector = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]
"""Which errors: a class, several, or a function that says so."""

WORDS = 200
"""Characters of a failure that are kept for those who are refused because of it."""
_LOOKED_AT = 2_000
"""Characters of its text that are looked through for secrets: many more than are kept, so that none is cut out of its shape."""


class CallVerdict(StrEnum):
    """What the end of a call counts as."""

    SUCCESS = "success"
    FAILURE = "failure"
    IGNORED = "ignored"
    """Neither: the permit is given back, and that is all."""


_FAILURES = (
    Category.NETWORK,
    Category.RATE_LIMIT,
    Category.EXCHANGE,
    Category.DATA_FEED,
    Category.UNKNOWN_OUTCOME,
    Category.STORAGE,
    Category.NOTIFICATION,
    Category.SECURITY,
    Category.UNKNOWN,
)
_ANSWERS = (Category.AUTHENTICATION, Category.VALIDATION, Category.ORDER)
_OWN = (
    Category.CONFIGURATION,
    Category.STRATEGY,
    Category.POSITION,
    Category.MEMORY,
    Category.SYSTEM,
    Category.RECOVERY,
    Category.BUG,
)

BY_CATEGORY: Mapping[Category, CallVerdict] = {
    **dict.fromkeys(_FAILURES, CallVerdict.FAILURE),
    **dict.fromkeys(_ANSWERS, CallVerdict.SUCCESS),
    **dict.fromkeys(_OWN, CallVerdict.IGNORED),
}


def default_verdict(judged: Classification) -> CallVerdict:
    """By the table above."""
    verdict = BY_CATEGORY.get(judged.category, CallVerdict.FAILURE)
    return CallVerdict.SUCCESS if verdict is CallVerdict.FAILURE and judged.action is Action.FIX else verdict


def selected(selector: Selector, error: Exception, *, wholly: bool = False) -> bool:
    """Whether a selector means this error. Of a group it is enough if it means one leaf, or, with `wholly`, it takes all.

    A function is asked about the group itself first, then about what is in it. What it raises, this raises.
    """
    if isinstance(error, ExceptionGroup):
        # Not the function itself: what is called need not be a function, which is all that `split` takes.
        one_by_one = selector if isinstance(selector, type | tuple) else lambda one: bool(selector(one))
        meant, others = error.split(one_by_one)
        return meant is not None and (others is None or not wholly)
    return isinstance(error, selector) if isinstance(selector, type | tuple) else bool(selector(error))


def asked_for(error: Exception, at_most: float) -> float | None:
    """Seconds that the other side asked us to stay away, or None; `at_most` bounds what it may ask for."""
    return bounded(asked_wait(error, classify(error)), at_most)


def bounded(asked: float | None, at_most: float) -> float | None:
    """Seconds that may be waited, or None where nothing sensible was asked for."""
    return min(asked, at_most) if asked is not None and 0 < asked < math.inf else None


def in_words(error: Exception) -> str:
    """An error in one bounded line without secrets, of which nothing keeps its frames alive."""
    try:
        text = str(error)
    except Exception as broken:  # noqa: BLE001  # an error that cannot show itself is still the failure
        text = f"(it cannot be shown: {type(broken).__name__})"
    return words_of(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def words_of(text: str) -> str:
    """One bounded line without secrets."""
    line = " ".join(str(redact(text[:_LOOKED_AT])).split())
    return line if len(line) <= WORDS else line[: WORDS - 1] + "…"
