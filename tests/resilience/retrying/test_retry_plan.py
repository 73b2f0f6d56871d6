from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors.resilience import Delays, Jitter, RetryPlan, RetryRules, StopReason, Verdict
from actors.resilience.retrying.plan import usable
from supervisor import BackoffKind

FIXED = Delays(initial=1.0, kind=BackoffKind.FIXED, jitter=Jitter.NONE)
FORBIDDEN = Verdict(retryable=False)
UNKNOWN = Verdict(unknown_outcome=True)


def plan(**options: Any) -> RetryPlan:
    return RetryPlan(RetryRules(**{"delays": FIXED, **options}))


def hint(seconds: float) -> Verdict:
    return Verdict(hint=seconds)


def test_a_failure_is_tried_again_after_its_delay() -> None:
    assert plan().after(0.0, Verdict(), 0.5) == 1.0


def test_all_calls_count_as_attempts() -> None:
    one = plan(attempts=3)
    assert [one.after(0.0, Verdict(), 0.5) for _ in range(3)] == [1.0, 1.0, StopReason.ATTEMPTS]


def test_a_single_attempt_is_never_tried_again() -> None:
    assert plan(attempts=1).after(0.0, Verdict(), 0.5) is StopReason.ATTEMPTS


def test_what_is_not_retryable_is_not_tried_again() -> None:
    assert plan().after(0.0, FORBIDDEN, 0.5) is StopReason.NOT_RETRYABLE


def test_an_unknown_outcome_is_not_tried_again() -> None:
    assert plan().after(0.0, UNKNOWN, 0.5) is StopReason.UNKNOWN_OUTCOME


def test_an_unknown_outcome_of_what_is_idempotent_is_tried_again() -> None:
    assert plan(idempotent=True).after(0.0, UNKNOWN, 0.5) == 1.0


def test_an_unknown_outcome_is_told_even_after_the_last_attempt() -> None:
    assert plan(attempts=1).after(0.0, UNKNOWN, 0.5) is StopReason.UNKNOWN_OUTCOME


def test_a_wait_that_would_end_at_the_deadline_is_not_begun() -> None:
    assert plan(within=5.0).after(4.0, Verdict(), 0.5) is StopReason.DEADLINE


def test_a_wait_that_ends_before_the_deadline_is() -> None:
    assert plan(within=5.0).after(3.999, Verdict(), 0.5) == 1.0


def test_a_hint_longer_than_the_maximum_delay_is_kept() -> None:
    # A hint cut to the longest delay of our own would come too early, and be told the same again.
    short = Delays(initial=1.0, maximum=2.0, jitter=Jitter.NONE)
    assert plan(delays=short).after(0.0, hint(60.0), 0.0) == 60.0


@pytest.mark.parametrize(("seconds", "random", "wait"), [(5.0, 0.0, 5.0), (5.0, 0.5, 5.25), (60.0, 0.5, 60.5), (0.0, 0.5, 0.0)])
def test_a_hint_is_lengthened_by_up_to_a_tenth_and_a_second(seconds: float, random: float, wait: float) -> None:
    assert plan().after(0.0, hint(seconds), random) == wait


def test_a_hint_below_the_floor_is_raised_to_it() -> None:
    assert plan(hint_floor=3.0).after(0.0, hint(0.5), 0.0) == 3.0


@pytest.mark.parametrize("seconds", [300.1, math.inf])
def test_a_hint_above_the_ceiling_is_not_waited_for(seconds: float) -> None:
    assert plan(hint_ceiling=300.0).after(0.0, hint(seconds), 0.0) is StopReason.HINT_TOO_LONG


def test_a_hint_at_the_ceiling_is() -> None:
    assert plan(hint_ceiling=300.0).after(0.0, hint(300.0), 0.0) == 300.0


def test_a_hint_past_the_deadline_is_not_waited_for() -> None:
    assert plan(within=10.0).after(1.0, hint(9.0), 0.0) is StopReason.DEADLINE


def test_a_hint_is_no_delay_for_a_decorrelated_one_to_grow_from() -> None:
    one = plan(attempts=9, delays=Delays(initial=1.0, jitter=Jitter.DECORRELATED))
    one.after(0.0, hint(100.0), 0.0)
    assert one.after(0.0, Verdict(), 0.999) < 3.0


def test_a_decorrelated_delay_grows_from_the_last_one() -> None:
    one = plan(attempts=9, delays=Delays(initial=1.0, maximum=100.0, jitter=Jitter.DECORRELATED))
    assert [one.after(0.0, Verdict(), 0.5) for _ in range(3)] == [2.0, 3.5, 5.75]


def test_where_waiting_would_block_nothing_that_waits_is_tried_again() -> None:
    assert plan().after(0.0, Verdict(), 0.5, blocked=True) is StopReason.WOULD_BLOCK


def test_where_waiting_would_block_what_need_not_wait_is_tried_again() -> None:
    assert plan(delays=Delays(initial=0.0)).after(0.0, Verdict(), 0.5, blocked=True) == 0.0


def test_a_stopped_plan_tries_nothing_again() -> None:
    one = plan()
    one.stopped = True
    assert one.after(0.0, Verdict(), 0.5) is StopReason.STOPPED


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(3, 3.0), (0, 0.0), (2.5, 2.5), (math.inf, math.inf), (10**400, math.inf)]
    + [(given, None) for given in (None, -1, math.nan, -math.inf, True, "5")],
    ids=lambda value: str(value)[:8],
)
def test_only_a_number_of_seconds_is_a_hint(given: object, seconds: float | None) -> None:
    assert usable(given) == seconds


class Naive:
    """The same as a table of what was said, asked from scratch each time."""

    def __init__(self, rules: RetryRules) -> None:
        self.rules = rules
        self.said: list[tuple[Verdict, float]] = []
        self.stopped = False

    def after(self, elapsed: float, verdict: Verdict, random: float, blocked: bool) -> float | StopReason:
        rules = self.rules
        self.said.append((verdict, random))
        if verdict.hint is None:
            wait = rules.delays.delay(len(self.said), None, random)
        else:
            least = max(verdict.hint, rules.hint_floor)
            wait = least + min(least / 10, 1.0) * random
        reasons = [
            (StopReason.UNKNOWN_OUTCOME, verdict.unknown_outcome and not rules.idempotent),
            (StopReason.NOT_RETRYABLE, not verdict.retryable),
            (StopReason.STOPPED, self.stopped),
            (StopReason.ATTEMPTS, len(self.said) >= rules.attempts),
            (StopReason.HINT_TOO_LONG, (verdict.hint or 0.0) > rules.hint_ceiling),
            (StopReason.DEADLINE, rules.within is not None and elapsed + wait >= rules.within),
            (StopReason.WOULD_BLOCK, blocked and wait > 0),
        ]
        return next((reason for reason, holds in reasons if holds), wait)


class PlanMachine(RuleBasedStateMachine):
    @initialize(
        attempts=st.integers(1, 8),
        within=st.none() | st.floats(0.1, 60),
        idempotent=st.booleans(),
        hints=st.tuples(st.floats(0, 20), st.floats(0, 20)).map(sorted),
        initial=st.sampled_from([0.0, 0.5]),
        jitter=st.sampled_from([one for one in Jitter if one is not Jitter.DECORRELATED]),
    )
    def begin(self, hints: list[float], initial: float, jitter: Jitter, **options: Any) -> None:
        delays = Delays(initial=initial, jitter=jitter)
        rules = RetryRules(delays=delays, hint_floor=hints[0], hint_ceiling=hints[1], **options)
        self.plan, self.naive, self.now, self.over = RetryPlan(rules), Naive(rules), 0.0, False

    @rule(
        took=st.floats(0, 5),
        verdict=st.builds(Verdict, st.booleans() | st.just(True), st.booleans(), st.none() | st.floats(0, 25)),
        random=st.floats(0, 1, exclude_max=True),
        blocked=st.booleans(),
    )
    def fail(self, took: float, verdict: Verdict, random: float, blocked: bool) -> None:
        self.now += took
        answer = self.plan.after(self.now, verdict, random, blocked=blocked)
        assert answer == pytest.approx(self.naive.after(self.now, verdict, random, blocked))
        if not isinstance(answer, StopReason):
            self.now += answer
            assert self.plan.rules.within is None or self.now < self.plan.rules.within
            assert self.plan.failures < self.plan.rules.attempts

    @rule()
    def stop(self) -> None:
        self.plan.stopped = self.naive.stopped = True

    @invariant()
    def counts(self) -> None:
        if hasattr(self, "plan"):
            assert self.plan.failures == len(self.naive.said)


TestPlanMachine = PlanMachine.TestCase
TestPlanMachine.settings = settings(max_examples=settings().max_examples * 60 // 100, stateful_step_count=12)
