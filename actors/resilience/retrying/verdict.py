"""What a retry thinks of an error: whether it may be tried again at all, and what the other side asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from attrs import frozen

from actors.errors import Action, Category, Classification, classify
from actors.resilience.doubt import in_doubt
from actors.resilience.hints import asked_wait
from actors.resilience.hooks import complain
from actors.resilience.retrying.plan import Verdict, usable

__all__ = ["Judged", "On", "judge"]

On: TypeAlias = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool] | None
"""What may be tried again: what `classify` says (None), errors of a class, or what a predicate says."""

LEAVES = 100
"""Errors of one group that are looked at. A group of more is not tried again: nobody has seen what is in it."""


@frozen
class Judged:
    """An error, judged."""

    verdict: Verdict
    classification: Classification
    throttled: bool
    """The other side asked us to come back later."""


def judge(error: Exception, on: On, whose: str) -> Judged:
    """Judge an error; a group by each error in it.

    Args:
        error: what an attempt failed with.
        on: what may be tried again. A predicate that raises is logged, and its error is not tried again.
        whose: the policy's name, for the log.
    """
    classification = classify(error)
    if not isinstance(error, ExceptionGroup):
        return Judged(_verdict(error, classification, on, whose), classification, _throttled(classification))
    retryable, unknown, throttled, hint = True, in_doubt(error, classification), False, None
    for seen, leaf in enumerate(_leaves(error), 1):
        if seen > LEAVES:
            retryable = False
            break
        judged = classify(leaf)
        verdict = _verdict(leaf, judged, on, whose)
        retryable = retryable and verdict.retryable
        unknown = unknown or verdict.unknown_outcome
        throttled = throttled or _throttled(judged)
        hint = max((one for one in (hint, verdict.hint) if one is not None), default=None)
    return Judged(Verdict(retryable, unknown, hint), classification, throttled)


def _verdict(error: Exception, classification: Classification, on: On, whose: str) -> Verdict:
    unknown = in_doubt(error, classification)
    # Whether an unknown outcome may be tried again is the plan's to say, whatever `on` says.
    retryable = classification.retryable(idempotent=True) if on is None else _wanted(error, on, whose)
    return Verdict(retryable, unknown, usable(asked_wait(error, classification)))


def _wanted(
    error: Exception, on: type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool], whose: str
) -> bool:
    if isinstance(on, type | tuple):
        return isinstance(error, on)
    try:
        return bool(on(error))
    except Exception as failure:  # noqa: BLE001  # whoever called waits for the call's own error, not for the predicate's
        complain("the predicate `on` failed", failure, whose)
        return False


def _throttled(classification: Classification) -> bool:
    return classification.action is Action.WAIT or classification.category is Category.RATE_LIMIT


def _leaves(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    # A stack of our own: a group of groups of groups would exhaust Python's.
    waiting: list[Exception] = [group]
    while waiting:
        error = waiting.pop()
        if isinstance(error, ExceptionGroup):
            waiting.extend(error.exceptions)
        else:
            yield error
