"""A budget for tries beyond the first that many policies share: retries and hedges alike."""

from __future__ import annotations

from collections.abc import Callable

from attrs import Factory, field, frozen

from actors.resilience.clock import Clock
from actors.resilience.hooks import plain_function, tell
from actors.resilience.locking import Lock, new_lock
from actors.resilience.retrying.budget_machine import BudgetConfig, BudgetMachine, BudgetStatistics

__all__ = ["BudgetSuppressed", "RetryBudget"]


@frozen(kw_only=True)
class BudgetSuppressed:
    """A try that the budget did not let through."""

    name: str
    """The budget's name."""
    caller: str
    """Which policy asked."""
    throttled: bool
    tokens: int
    """What was left."""


@frozen(kw_only=True, eq=False)
class RetryBudget(BudgetConfig):
    """Lets tries beyond the first through as long as calls succeed, and stops them when they do not.

    Give one to all policies that call the same server: `Retry(budget=shared)`, `Hedge(budget=shared)`. A policy asks `take`
    before each further try, gives its cost back with `give_back` when that try succeeds, and reports a success at the first
    try with `succeeded`. A refusal is never silent: it is counted, and `on_suppressed` is told.
    Safe to use from any thread.

    Raises:
        SpecError: a field is out of its range; says what was given, what was expected and what to type.
        TypeError: `on_suppressed` is an `async def`.
    """

    on_suppressed: Callable[[BudgetSuppressed], object] | None = field(default=None, validator=plain_function)
    """Called after each refusal, in the thread or task that was refused. What it raises is logged."""
    clock: Callable[[], float] | None = field(default=None, validator=plain_function)
    """For tests; None for the clock of the loop that runs, or `time.monotonic`."""
    name: str = "retry budget"
    _machine: BudgetMachine = field(init=False, repr=False)
    _clock: Clock = field(default=Factory(lambda self: Clock(self.clock), takes_self=True), init=False, repr=False)
    _lock: Lock = field(factory=new_lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # Here, and not by a factory: the options have been checked by now.
        object.__setattr__(self, "_machine", BudgetMachine(self))

    def take(self, caller: str, *, throttled: bool = False) -> int | None:
        """Ask for one more try.

        Args:
            caller: the name of the policy that asks.
            throttled: the other side asked to wait, which costs less.

        Returns:
            What it cost; None if there is to be none.
        """
        now = self._clock.now()
        with self._lock:
            cost = self._machine.take(now, throttled=throttled)
            tokens = self._machine.tokens
        if cost is None and self.on_suppressed is not None:
            told = BudgetSuppressed(name=self.name, caller=caller, throttled=throttled, tokens=tokens)
            tell(self.on_suppressed, told, self.name)
        return cost

    def give_back(self, cost: int) -> None:
        """The try that cost this succeeded."""
        if cost:
            with self._lock:
                self._machine.add(cost)

    def succeeded(self) -> None:
        """A call succeeded at the first try. Costs next to nothing while the bucket is full."""
        # Without the lock: a try that is granted at this very moment makes the success come too early to count, as it may.
        if self._machine.tokens < self.capacity:
            with self._lock:
                self._machine.add(1)

    def statistics(self) -> BudgetStatistics:
        """All that can be known of it, at this moment."""
        with self._lock:
            return self._machine.statistics()

    def __str__(self) -> str:
        return f"{self.name}: {self.capacity} tokens, a retry costs {self.cost}, or {self.throttled_cost} when throttled"
