"""Several policies as one, in the order in which they are written: the first is outermost.

    rest = Pipeline(Fallback(cached=60.0), Retry(idempotent=True), CircuitBreaker("binance"), Timeout(5.0), name="rest")

    @rest                               async with rest as entered: ...         async for attempt in rest:
    async def fetch(symbol): ...        value = await rest.acall(fetch, "X")        async with attempt: ...

What the order means:

    Fallback, Retry         answers when all attempts failed. Inside of a retry it would hide every failure from it.
    Retry, Breaker          each attempt is asked for and judged by itself; an open breaker ends the retrying, or is waited for.
    Breaker, Retry          a call counts once, whatever its attempts were; its last error is the verdict.
    Retry, Timeout          seconds for each attempt.
    Timeout, Retry          seconds for all attempts and the waits between them, cut off in the middle. (`Retry(within=...)`
                            begins no attempt after that, and cuts none off.)
    Breaker, Timeout        a call that took too long is a failure of the other side. The other way round it was cancelled: no
                            verdict.
    Retry, Limiter          each attempt takes its part of the limit. The other way round, all of them together take one.
    Retry, Bulkhead         a call that waits for its next attempt leaves its place to others. The other way round it keeps it.
    Hedge, Breaker          each of the racing calls is judged. The other way round, the race is.
"""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ParamSpec, TypeVar, cast

from attrs import define, field

from actors.resilience.breaking.breaker import CircuitBreaker
from actors.resilience.composing.blocks import PipelineLoop, PipelinePassage
from actors.resilience.composing.passages import Entered
from actors.resilience.hedging.hedge import Hedge
from actors.resilience.naming import bear_name, name_of
from actors.resilience.policy import AnsweringPolicy, Async, Passage, Policy
from actors.resilience.retrying.retry import Retry
from actors.resilience.substituting.fallback import Fallback
from actors.resilience.timeout import Timeout
from supervisor import SpecError

__all__ = ["Pipeline", "PipelineWarning"]

P = ParamSpec("P")
R = TypeVar("R")


class PipelineWarning(UserWarning):
    """Policies are in an order in which one of them has nothing to do."""


@define(eq=False, init=False)
class Pipeline(AnsweringPolicy[Entered]):
    """Policies put into each other, the first outermost. `print` shows it.

    A pipeline among the policies stands for its own. A block cannot be run again by what guards it, so with a `Retry` write
    `for attempt in pipeline: with attempt: ...`; what is outside of the retry is entered once, what is inside for each attempt.
    If a policy refuses a block (an open breaker), the block cannot be skipped: the refusal is raised, and no fallback answers
    it. In a loop over attempts, and around a function, it does.

    Args:
        policies: outermost first.
        name: for people.

    Raises:
        SpecError: no policies, something else among them, or one of them twice: it would be asked twice for each call.
    """

    policies: tuple[Policy[Any], ...] = field()
    """Outermost first."""
    name: str = field()

    def __init__(self, *policies: Policy[Any], name: str = "pipeline") -> None:
        flat = tuple(_flat(policies))
        if not flat:
            raise SpecError("Pipeline", (), "policies, outermost first, for example Pipeline(Retry(), Timeout(5.0))")
        for at, policy in enumerate(flat):
            if any(policy is other for other in flat[:at]):
                raise SpecError("Pipeline", str(policy), "each policy once; it would be asked twice for each call")
        self.policies = flat
        self.name = name
        for warning in _surprises(flat):
            warnings.warn(f"{name}: {warning}", PipelineWarning, stacklevel=2)

    def statistics(self) -> dict[str, Any]:
        """{name of a policy: its statistics}, outermost first. A name that is there already gets a number."""
        found: dict[str, Any] = {}
        for policy in self.policies:
            name = policy.name
            free = next(
                one for one in (name, *(f"{name} {number}" for number in range(2, len(self.policies) + 1))) if one not in found
            )
            found[free] = policy.statistics()
        return found

    def __str__(self) -> str:
        width = len(str(len(self.policies)))
        return "\n".join([self.name, *(f"  {at:{width}} {policy}" for at, policy in enumerate(self.policies, 1))])

    def __iter__(self) -> PipelineLoop:
        return self._loop()

    def __aiter__(self) -> PipelineLoop:
        return self._loop()

    def _wrapped(self, function: Callable[P, R]) -> Callable[P, R]:
        self._refuse_abandoned_retry(name_of(function))
        for policy in reversed(self.policies):
            wrapper = policy._wrapped(function)
            bear_name(wrapper, function)
            function = wrapper
        return function

    def _awrapped(self, function: Callable[P, Awaitable[R]]) -> Async[P, R]:
        inner: Callable[P, Awaitable[R]] = function
        for policy in reversed(self.policies):
            wrapper = policy._awrapped(inner)
            bear_name(wrapper, inner)
            inner = wrapper
        return cast("Async[P, R]", inner)  # there is at least one policy

    def _passage(self) -> Passage[Entered]:
        if any(isinstance(policy, Retry) for policy in self.policies):
            raise TypeError(
                f"a `with` block cannot be run again by the retry in {self.name}; expected: for attempt in pipeline: "
                "with attempt: ... (or async for attempt in pipeline: async with attempt: ...)"
            )
        return PipelinePassage(self.policies)

    def _loop(self) -> PipelineLoop:
        at = [number for number, policy in enumerate(self.policies) if isinstance(policy, Retry)]
        if len(at) != 1:
            expected = "with pipeline: ..." if not at else "a pipeline with one, or a function that is decorated or called"
            raise TypeError(f"a loop over attempts needs one retry, and {self.name} has {len(at)}; expected: {expected}")
        retry = self.policies[at[0]]
        assert isinstance(retry, Retry)  # noqa: S101  # for the type checker
        return PipelineLoop(self.policies[: at[0]], retry, self.policies[at[0] + 1 :])

    def _refuse_abandoned_retry(self, what: str) -> None:
        outside: Policy[Any] | None = None
        for policy in self.policies:
            if isinstance(policy, Retry) and outside is not None:
                raise TypeError(
                    f"{what} is a sync function, which {outside} can only abandon in its thread, where the retry inside of it "
                    "would go on sending; expected Retry(within=...) for a time limit on all attempts, or an async function"
                )
            if isinstance(policy, Timeout | Hedge):
                outside = policy


def _flat(policies: Sequence[Any]) -> list[Policy[Any]]:
    flat: list[Policy[Any]] = []
    for policy in policies:
        if isinstance(policy, Pipeline):
            flat += policy.policies
        elif isinstance(policy, Policy):
            flat.append(policy)
        else:
            raise SpecError("Pipeline", policy, "policies, outermost first, for example Pipeline(Retry(), Timeout(5.0))")
    return flat


def _surprises(policies: Sequence[Policy[Any]]) -> list[str]:
    """What is allowed and cannot be meant."""
    found = []
    for at, policy in enumerate(policies):
        outside = policies[:at]
        if isinstance(policy, Fallback) and policy.on is None:
            blind = [one for one in outside if isinstance(one, Retry | CircuitBreaker | Hedge)]
            found += [
                f"({one}) sees no error, as ({policy}) inside of it answers them all; write the fallback first" for one in blind
            ]
        elif isinstance(policy, Retry):
            twice = [one for one in outside if isinstance(one, Retry)]
            found += [f"two retries make {one.attempts} x {policy.attempts} attempts; one is enough" for one in twice]
        elif isinstance(policy, Timeout):
            never = [one for one in outside if isinstance(one, Timeout) and one.within <= policy.within]
            found += [f"({policy}) never strikes, as ({one}) outside of it is no longer" for one in never]
    return found
