"""Whether a call may have been carried out although it failed: what its error says, and what that error came from.

    except ReadTimeout:                         the order may be there ...
        await reconnect()                       ... and what leaves the call is a ConnectFailed, which alone may be tried again

Rules
    1. An error whose own outcome is unknown leaves doubt; so does a group with one such error in it.
    2. Of an error that was raised `from` another, or wraps it, the word counts if it is one that can know: no connection, a
       refusal, a guard of our own. Otherwise what it came from counts too.
    3. An error that was raised while another was dealt with comes on top of that one: both count. What was being dealt with may
       be a cancellation: then the call was cut off in the middle, and its clean-up failed. `raise ... from None` says that
       what came before is of no importance.
    4. What the caller was dealing with when he made the call has nothing to do with it.
"""

from __future__ import annotations

from types import FrameType

from actors.errors import (
    ActorsError,
    BulkheadFull,
    Category,
    CircuitOpen,
    Classification,
    ConnectFailed,
    ExchangeRefused,
    ExchangeUnavailable,
    LimitReached,
    NetworkTimeout,
    NotificationError,
    classify,
)

__all__ = ["in_doubt"]

DEPTH = 32
"""Errors of one chain that are looked at. Of more, nobody has seen what is in it."""
LEAVES = 1_000
"""Errors of one group that are looked at."""

# Not the error's own attribute, which may do anything.
_args = BaseException.__dict__["args"].__get__
_REFUSALS = frozenset({Category.RATE_LIMIT, Category.AUTHENTICATION, Category.VALIDATION, Category.ORDER})
_SURE = (ConnectFailed, NetworkTimeout, ExchangeUnavailable, CircuitOpen, BulkheadFull, LimitReached, NotificationError)


def in_doubt(error: Exception, judged: Classification | None = None) -> bool:
    """Whether the call that ended with this error may have been carried out.

    Args:
        error: as it was caught.
        judged: what `classify` says of it, where that is known already.
    """
    # The frame that caught it; what is above it on the stack is the caller's.
    caught = None if error.__traceback__ is None else error.__traceback__.tb_frame.f_back
    one: BaseException = error
    known = False
    for _ in range(DEPTH):
        judged = judged or classify(one)
        if not known and _unknown(one, judged):
            return True
        wrapped = _argument(one) if one.__cause__ is None else one.__cause__
        if wrapped is not None:
            known = known or _can_know(one, judged)
        else:
            wrapped = None if one.__suppress_context__ else one.__context__
            if wrapped is None or _is_the_callers(wrapped, caught):
                return False
            known = False
        one, judged = wrapped, None
    return True


def _unknown(error: BaseException, judged: Classification) -> bool:
    if not isinstance(error, BaseExceptionGroup):
        return judged.category is Category.UNKNOWN_OUTCOME or not isinstance(error, Exception)
    waiting: list[BaseException] = [error]
    for _ in range(LEAVES):
        if not waiting:
            return False
        one = waiting.pop()
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(one.exceptions)
        elif classify(one).category is Category.UNKNOWN_OUTCOME:
            return True
    return bool(waiting)


def _can_know(error: BaseException, judged: Classification) -> bool:
    """Whether it is an error of a kind that says that nothing was carried out."""
    if judged.category in _REFUSALS or isinstance(error, _SURE):
        return True
    ours = isinstance(error, ActorsError) and not isinstance(error, ExchangeRefused)
    return judged.retryable(idempotent=False) and not ours


def _argument(error: BaseException) -> BaseException | None:
    """requests and httpcore wrap what they caught as an argument."""
    args = _args(error)
    first = args[0] if args else None
    return first if isinstance(first, BaseException) and first is error.__context__ else None


def _is_the_callers(error: BaseException, frame: FrameType | None) -> bool:
    handled = error.__traceback__
    while handled is not None and frame is not None:
        if frame is handled.tb_frame:
            return True
        frame = frame.f_back
    return False
