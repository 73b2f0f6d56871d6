"""Ready-made decorators for every day.

@resilient                              @resilient(name="rest", attempts=5, timeout=5.0, idempotent=True, fallback=None)
@retry_on_network_error                 @retry_on_network_error(attempts=5, idempotent=True)
@circuit_breaker("binance")             @handle_errors("place order", "router", fallback=None)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final, ParamSpec, Protocol, TypeVar, Unpack, overload
from weakref import WeakKeyDictionary

from actors.errors import Category, classify
from actors.resilience.breaking.breaker import CircuitBreaker
from actors.resilience.breaking.config import BreakerOptions
from actors.resilience.breaking.registry import default_breakers
from actors.resilience.breaking.verdict import Selector
from actors.resilience.composing.pipeline import Pipeline
from actors.resilience.naming import name_of
from actors.resilience.policy import Policy, is_async
from actors.resilience.retrying.budget import RetryBudget
from actors.resilience.retrying.delays import Delays
from actors.resilience.retrying.retry import Retry
from actors.resilience.retrying.verdict import On
from actors.resilience.substituting.fallback import Fallback
from actors.resilience.timeout import Timeout
from supervisor import SpecError

__all__ = ["Decorator", "circuit_breaker", "pipeline_of", "resilient", "retry_on_network_error"]

P = ParamSpec("P")
R = TypeVar("R")

TIMEOUT = 30.0
"""Seconds for one attempt of an async function, if nobody says anything else."""


class _Unset(Enum):
    UNSET = "unset"


UNSET: Final = _Unset.UNSET


class Decorator(Protocol):
    """Takes a function, sync or async, and returns one with the same signature."""

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Decorate it."""
        ...


_pipelines: WeakKeyDictionary[Callable[..., Any], Pipeline] = WeakKeyDictionary()


def pipeline_of(function: Callable[..., Any]) -> Pipeline:
    """The pipeline that `@resilient` has put around a function: to print it, for its statistics, for its breaker.

    Args:
        function: the decorated one, also as the method of an object, or with other decorators around it.

    Raises:
        LookupError: there is none.
    """
    found: Pipeline | None = None
    one: Any = function
    while found is None and one is not None:
        one = getattr(one, "__func__", one)  # of a bound method, which is made anew each time it is looked at
        found = _pipelines.get(one)
        one = getattr(one, "__wrapped__", None)
    if found is None:
        raise LookupError(f"{name_of(function)} is not decorated with @resilient")
    return found


@overload
def resilient(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def resilient(
    *,
    name: str | None = None,
    attempts: int = 3,
    timeout: float | _Unset | None = UNSET,
    breaker: CircuitBreaker | str | bool = True,
    limit: Policy[Any] | Sequence[Policy[Any]] = (),
    fallback: Any = UNSET,
    idempotent: bool = False,
    on: On = None,
    delays: Delays | None = None,
    budget: RetryBudget | None = None,
) -> Decorator: ...
def resilient(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    attempts: int = 3,
    timeout: float | _Unset | None = UNSET,
    breaker: CircuitBreaker | str | bool = True,
    limit: Policy[Any] | Sequence[Policy[Any]] = (),
    fallback: Any = UNSET,
    idempotent: bool = False,
    on: On = None,
    delays: Delays | None = None,
    budget: RetryBudget | None = None,
) -> Any:
    """A decorator that retries, breaks, limits and times a function out, in this order, outermost first:

        fallback        answers when nothing else helped
        retry           what is inside happens for each attempt
        limit           each attempt takes its part, and its wait is not part of its timeout
        breaker         each attempt is judged; what took too long is a failure
        timeout         seconds for one attempt

    Each function that is decorated has a pipeline of its own, and a breaker of its own unless one is given or named:
    `pipeline_of(function)`. An attempt that timed out, or whose outcome is unknown for another reason, is not made again unless
    the function is `idempotent`.

    Args:
        function: for use without parentheses.
        name: what people are told; None: the function's.
        attempts: at most, the first included; 1: nothing is tried again.
        timeout: seconds for one attempt, None for no limit. If nothing is said: 30 s for an async function, none for a sync
            one, as its calls would have to run in worker threads.
        breaker: True for one of its own, False for none, one that is shared, or the name of one of `circuit_breaker`'s.
        limit: rate limiters and bulkheads, the outermost first.
        fallback: a `Fallback`, or the value that stands in for a result.
        idempotent: to call it twice is the same as to call it once.
        on: what may be tried again, as for `Retry`.
        delays: waits between attempts.
        budget: for retries, shared with others.

    Raises:
        SpecError: an option is out of its range; says what was given, what was expected and what to type.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        called = name or name_of(function)
        policies: list[Policy[Any]] = []
        if fallback is not UNSET:
            stands_in = Fallback[Any](value=fallback, name=f"{called} fallback")
            policies.append(fallback if isinstance(fallback, Fallback) else stands_in)
        if attempts != 1:
            policies.append(
                Retry(
                    attempts=attempts,
                    delays=delays or Delays(),
                    on=on,
                    idempotent=idempotent,
                    budget=budget,
                    name=f"{called} retry",
                )
            )
        policies += limit if isinstance(limit, Sequence) else [limit]
        if breaker is not False:
            policies.append(_breaker(breaker, called))
        within = (TIMEOUT if is_async(function) else None) if timeout is UNSET else timeout
        if within is not None:
            policies.append(Timeout(within=within, name=f"{called} timeout"))
        pipeline = Pipeline(*policies, name=called)
        decorated = pipeline(function)
        _pipelines[decorated] = pipeline
        return decorated

    return decorate if function is None else decorate(function)


def _breaker(breaker: CircuitBreaker | str | bool, name: str) -> CircuitBreaker:
    if isinstance(breaker, str):
        return default_breakers.get(breaker)
    if breaker is True:
        return CircuitBreaker(name)
    if not isinstance(breaker, CircuitBreaker):
        raise SpecError("resilient.breaker", breaker, 'True, False, a CircuitBreaker or a name, for example breaker="binance"')
    return breaker


@overload
def retry_on_network_error(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def retry_on_network_error(
    *,
    attempts: int = 3,
    idempotent: bool = False,
    within: float | None = None,
    delays: Delays | None = None,
    budget: RetryBudget | None = None,
    name: str = "retry on network error",
) -> Retry: ...
def retry_on_network_error(
    function: Callable[..., Any] | None = None,
    /,
    *,
    attempts: int = 3,
    idempotent: bool = False,
    within: float | None = None,
    delays: Delays | None = None,
    budget: RetryBudget | None = None,
    name: str = "retry on network error",
) -> Any:
    """A retry for what the way to the exchange does: no connection, a lost one, too many requests. Nothing else is tried again.

    Args:
        function: for use without parentheses.
        attempts: at most, the first included.
        idempotent: to call it twice is the same as to call it once. Without that, nothing is tried again that may have been
            carried out: a connection lost or a time that was up after the request was sent.
        within: seconds for all of it, as for `Retry`.
        delays: waits between attempts.
        budget: for retries, shared with others.
        name: what people are told.

    Raises:
        SpecError: an option is out of its range; says what was given, what was expected and what to type.
    """
    retry = Retry(
        attempts=attempts,
        idempotent=idempotent,
        within=within,
        delays=delays or Delays(),
        budget=budget,
        on=_concerns_the_network,
        name=name,
    )
    return retry if function is None else retry(function)


_NETWORK = frozenset({Category.NETWORK, Category.RATE_LIMIT, Category.UNKNOWN_OUTCOME})


def _concerns_the_network(error: Exception) -> bool:
    judged = classify(error)
    # Whether an unknown outcome may be tried again is for the retry to say, by `idempotent`.
    return judged.category in _NETWORK and judged.retryable(idempotent=True)


def circuit_breaker(
    name: str,
    *,
    failure_on: Selector | None = None,
    ignore: Selector | None = None,
    failed_result: Callable[[Any], bool] | None = None,
    **options: Unpack[BreakerOptions],
) -> CircuitBreaker:
    """The breaker of this name, as a decorator or for a `with` block. Whoever names it again gets the same one.

    Args:
        name: what it guards: an exchange, an endpoint.
        failure_on: as for `CircuitBreaker`.
        ignore: as for `CircuitBreaker`.
        failed_result: as for `CircuitBreaker`.
        options: fields of `BreakerConfig`, `failures=3`, where it is named first.

    Raises:
        SpecError: an option is out of its range, or not the one that the breaker was made with.
    """
    return default_breakers.get(name, failure_on=failure_on, ignore=ignore, failed_result=failed_result, **options)
