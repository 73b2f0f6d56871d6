from __future__ import annotations

import threading
from typing import Any

import pytest
import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors.resilience import BudgetConfig, BudgetMachine, BudgetSuppressed, RetryBudget
from supervisor import SpecError


def machine(**options: Any) -> BudgetMachine:
    return BudgetMachine(BudgetConfig(**{"capacity": 20, "cost": 10, "throttled_cost": 3, "minimum": 0, **options}))


def test_a_retry_costs_tokens() -> None:
    one = machine()
    assert one.take(0.0) == 10
    assert one.tokens == 10


def test_a_throttled_retry_is_cheaper() -> None:
    assert machine().take(0.0, throttled=True) == 3


def test_an_empty_bucket_lets_nothing_through() -> None:
    one = machine()
    assert [one.take(0.0) for _ in range(3)] == [10, 10, None]


def test_time_alone_brings_no_tokens() -> None:
    one = machine()
    assert [one.take(at) for at in (0.0, 1.0, 1e6)] == [10, 10, None]


def test_what_is_given_back_can_be_spent_again() -> None:
    one = machine()
    one.take(0.0), one.take(0.0)
    one.add(10)
    assert one.take(0.0) == 10


def test_the_bucket_never_holds_more_than_its_capacity() -> None:
    one = machine()
    one.add(10)
    assert one.tokens == 20


def test_a_minimum_passes_an_empty_bucket_and_costs_nothing() -> None:
    one = machine(capacity=10, minimum=2, within=60.0)
    assert [one.take(0.0) for _ in range(3)] == [10, 0, None]


def test_the_minimum_is_there_again_once_a_retry_is_as_old_as_the_window() -> None:
    one = machine(capacity=10, minimum=2, within=60.0)
    one.take(0.0), one.take(30.0)
    assert [one.take(59.9), one.take(60.0), one.take(60.0)] == [None, 0, None]


def test_a_clock_that_was_read_before_another_but_comes_after_it_does_not_go_back() -> None:
    one = machine(capacity=20, minimum=1, within=10.0)
    assert [one.take(at) for at in (100.0, 50.0, 105.0, 110.0)] == [10, 10, None, 0]


def test_it_counts_what_it_granted_and_what_it_did_not() -> None:
    one = machine(capacity=10, minimum=2)
    for _ in range(5):
        one.take(0.0)
    found = one.statistics()
    assert (found.tokens, found.capacity, found.granted, found.by_minimum, found.suppressed) == (0, 10, 2, 1, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capacity": 0}, "BudgetConfig.capacity is 0; expected a count of 1 or more"),
        ({"cost": 21}, "BudgetConfig.cost is 21; expected a count from 1 to capacity=20, for example cost=14"),
        ({"throttled_cost": 0}, "BudgetConfig.throttled_cost is 0"),
        ({"minimum": -1}, "BudgetConfig.minimum is -1; expected a count of 0 or more"),
        ({"within": 0}, "BudgetConfig.within is 0; expected seconds above 0"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_option_is_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        machine(**options)


class Naive:
    """The same from the whole history."""

    def __init__(self, config: BudgetConfig) -> None:
        self.config = config
        self.tokens = config.capacity
        self.granted: list[tuple[float, int]] = []
        self.refused = 0

    def take(self, now: float, throttled: bool) -> int | None:
        price = self.config.throttled_cost if throttled else self.config.cost
        recent = [at for at, _ in self.granted if at > now - self.config.within]
        if price > self.tokens and len(recent) >= self.config.minimum:
            self.refused += 1
            return None
        paid = price if price <= self.tokens else 0
        self.tokens -= paid
        self.granted.append((now, paid))
        return paid

    def add(self, tokens: int) -> None:
        self.tokens = min(self.config.capacity, self.tokens + tokens)


class BudgetModel(RuleBasedStateMachine):
    @initialize(capacity=st.integers(3, 40), cost=st.integers(1, 40), throttled=st.integers(1, 40), minimum=st.integers(0, 4))
    def begin(self, capacity: int, cost: int, throttled: int, minimum: int) -> None:
        config = BudgetConfig(
            capacity=capacity, cost=min(cost, capacity), throttled_cost=min(throttled, capacity), minimum=minimum, within=10.0
        )
        self.real, self.naive, self.now = BudgetMachine(config), Naive(config), 0.0
        self.costs: list[int] = []

    @rule(passed=st.sampled_from([0.0, 0.5, 3.0, 10.0, 11.0]), throttled=st.booleans())
    def take(self, passed: float, throttled: bool) -> None:
        self.now += passed
        cost = self.real.take(self.now, throttled=throttled)
        assert cost == self.naive.take(self.now, throttled)
        if cost is not None:
            self.costs.append(cost)

    @rule()
    def succeed_at_once(self) -> None:
        self.real.add(1)
        self.naive.add(1)

    @rule()
    def succeed_later(self) -> None:
        if self.costs:
            cost = self.costs.pop()
            self.real.add(cost)
            self.naive.add(cost)

    @invariant()
    def agrees(self) -> None:
        if hasattr(self, "real"):
            found = self.real.statistics()
            assert found.tokens == self.naive.tokens
            assert 0 <= found.tokens <= found.capacity
            assert (found.granted, found.suppressed) == (len(self.naive.granted), self.naive.refused)
            assert found.by_minimum == sum(paid == 0 for _, paid in self.naive.granted)


TestBudgetModel = BudgetModel.TestCase
TestBudgetModel.settings = settings(max_examples=settings().max_examples * 60 // 100, stateful_step_count=30)


# RetryBudget


def budget(**options: Any) -> RetryBudget:
    return RetryBudget(**{"capacity": 10, "cost": 10, "throttled_cost": 5, "minimum": 0, "clock": lambda: 0.0, **options})


def test_a_success_at_the_first_try_earns_one_token() -> None:
    one = budget()
    one.take("a")
    one.succeeded()
    assert one.statistics().tokens == 1


def test_a_success_leaves_a_full_bucket_as_it_is() -> None:
    one = budget()
    one.succeeded()
    assert one.statistics().tokens == 10


def test_what_a_try_cost_is_given_back() -> None:
    one = budget()
    cost = one.take("a")
    assert cost is not None
    one.give_back(cost)
    assert one.statistics().tokens == 10


def test_a_refusal_is_told_and_counted() -> None:
    told: list[BudgetSuppressed] = []
    one = budget(on_suppressed=told.append, name="rest")
    one.take("a")
    one.take("orders", throttled=True)
    assert told == [BudgetSuppressed(name="rest", caller="orders", throttled=True, tokens=0)]
    assert one.statistics().suppressed == 1


def test_a_grant_is_not_told() -> None:
    told: list[BudgetSuppressed] = []
    budget(on_suppressed=told.append).take("a")
    assert told == []


def test_a_hook_may_use_the_budget_it_hears_of() -> None:
    one = budget(on_suppressed=lambda _: one.statistics())
    one.take("a")
    assert one.take("a") is None


def test_a_hook_that_fails_is_logged_without_its_secrets() -> None:
    def fail(_: BudgetSuppressed) -> None:
        raise ValueError("api_key=abcdef")

    one = budget(on_suppressed=fail)
    with structlog.testing.capture_logs() as logs:
        assert [one.take("a"), one.take("a")] == [10, None]
    assert [(log["error"], log["text"]) for log in logs] == [("ValueError", "api_key=***")]


def test_an_async_hook_is_refused() -> None:
    async def hook(_: BudgetSuppressed) -> None: ...

    with pytest.raises(TypeError, match=r"RetryBudget.on_suppressed is .*an `async def`"):
        budget(on_suppressed=hook)


def test_an_option_is_refused_in_its_own_name() -> None:
    with pytest.raises(SpecError, match=r"RetryBudget.cost is 11; expected a count from 1 to capacity=10"):
        budget(cost=11)


def test_it_shows_itself_in_a_line() -> None:
    assert str(budget(name="rest")) == "rest: 10 tokens, a retry costs 10, or 5 when throttled"


@pytest.mark.real_time
def test_eight_threads_spend_what_one_would() -> None:
    one = RetryBudget(capacity=800, cost=1, throttled_cost=1, minimum=0)
    granted: list[int] = []
    start = threading.Barrier(8)

    def spend() -> None:
        start.wait()
        granted.append(sum(one.take("thread") is not None for _ in range(200)))

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = one.statistics()
    assert sum(granted) == 800
    assert (found.tokens, found.granted, found.suppressed) == (0, 800, 800)
