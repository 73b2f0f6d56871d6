"""A budget for tries beyond the first, shared by many calls: no clock, no lock.

When a server struggles, every call that fails is tried again, and the load that broke it doubles or triples. A retry therefore
costs tokens, and successes bring them back: one for a success at the first try, and for a success after retries what its last
retry had cost. A server that fails for good drains the bucket, and then calls fail at once instead of hammering it.

A bot with little traffic has few successes to earn from. So `minimum` retries in any `within` seconds are let through even
when the bucket is empty; they cost nothing then.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from attrs import Attribute, Factory, define, field, frozen

from actors.errors.checks import count, refuse, seconds
from supervisor.backoff import is_count

__all__ = ["BudgetConfig", "BudgetMachine", "BudgetStatistics"]


def _check_cost(config: BudgetConfig, attribute: Attribute[Any], value: Any) -> None:
    if not is_count(value) or value > config.capacity:
        # A retry that costs more than there can ever be would never be let through.
        expected = f"a count from 1 to capacity={config.capacity!r}, for example {attribute.name}={min(14, config.capacity)}"
        refuse(config, attribute, value, expected)


def _check_minimum(config: BudgetConfig, attribute: Attribute[Any], value: Any) -> None:
    if not is_count(value, 0):
        refuse(config, attribute, value, f"a count of 0 or more, for example {attribute.name}=3")


@frozen(kw_only=True)
class BudgetConfig:
    """What retries cost.

    Raises:
        SpecError: a field is out of its range; says what was given, what was expected and what to type.
    """

    capacity: int = field(default=500, validator=count(500))
    """Tokens of a full bucket. It starts full, and 500 are 35 retries at 14."""
    cost: int = field(default=14, validator=_check_cost)
    """Tokens for a retry after a failure."""
    throttled_cost: int = field(default=5, validator=_check_cost)
    """Tokens where the other side asked us to come back later: it waits for us, and has planned for it."""
    minimum: int = field(default=3, validator=_check_minimum)
    """This many retries in any `within` seconds pass even when the bucket is empty."""
    within: float = field(default=60.0, validator=seconds(60.0))
    """Seconds that the minimum is for."""


@frozen(kw_only=True)
class BudgetStatistics:
    """A budget at one moment. The counts are totals since it was made."""

    tokens: int
    capacity: int
    granted: int
    by_minimum: int
    """Of the granted ones: those that only the minimum let through."""
    suppressed: int
    """Retries that were asked for and not granted."""


@define
class BudgetMachine:
    """Decides whether one more try is let through.

    Args:
        config: what it costs.
    """

    config: BudgetConfig = Factory(BudgetConfig)
    tokens: int = field(init=False)
    """What is left."""
    _granted_at: deque[float] = field(init=False)
    """When the last `minimum` retries were granted."""
    _latest: float = field(default=-math.inf, init=False)
    _granted: int = field(default=0, init=False)
    _by_minimum: int = field(default=0, init=False)
    _suppressed: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.tokens = self.config.capacity
        self._granted_at = deque(maxlen=self.config.minimum)

    def take(self, now: float, *, throttled: bool = False) -> int | None:
        """Ask for one more try.

        Args:
            now: the time. Threads that read the clock before one another may come after one another: the latest counts.
            throttled: the other side asked to wait.

        Returns:
            What it cost, to be given back if the try succeeds; None if there is to be none.
        """
        now = self._latest = max(now, self._latest)
        cost = self.config.throttled_cost if throttled else self.config.cost
        if cost <= self.tokens:
            self.tokens -= cost
        elif self._below_minimum(now):
            cost = 0
            self._by_minimum += 1
        else:
            self._suppressed += 1
            return None
        self._granted += 1
        self._granted_at.append(now)
        return cost

    def add(self, tokens: int) -> None:
        """Bring tokens back: 1 for a success at the first try, the last cost for a success after retries."""
        self.tokens = min(self.tokens + tokens, self.config.capacity)

    def statistics(self) -> BudgetStatistics:
        """All that can be known of it."""
        return BudgetStatistics(
            tokens=self.tokens,
            capacity=self.config.capacity,
            granted=self._granted,
            by_minimum=self._by_minimum,
            suppressed=self._suppressed,
        )

    def _below_minimum(self, now: float) -> bool:
        minimum = self.config.minimum
        return len(self._granted_at) < minimum or bool(minimum and self._granted_at[0] <= now - self.config.within)
