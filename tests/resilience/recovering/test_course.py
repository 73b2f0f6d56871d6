"""The course of one recovery: which attempt comes next, and which is not made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.resilience import AttemptOutcome, RecoveryAction
from actors.resilience.recovering.plan import Course, Skip, Try
from supervisor import Backoff
from tests.resilience.recovering.calls import ALERT, FALLBACK, RESTART, RETRY, action

SUCCEEDED, FAILED, TIMED_OUT, CANCELLED, LOOPED = (
    AttemptOutcome.SUCCEEDED,
    AttemptOutcome.FAILED,
    AttemptOutcome.TIMED_OUT,
    AttemptOutcome.CANCELLED,
    AttemptOutcome.LOOPED,
)


def course(*actions: RecoveryAction, most: int = 10, longest_wait: float = 60.0, **options: Any) -> Course:
    return Course(actions, most, longest_wait, **options)


def step(of: Course, left: float = 1e9, alerts: float = 2e9) -> tuple[Any, ...] | None:
    match of.next(0.5, left, alerts):
        case Try(what, number, wait, _):
            return what.name, number, wait
        case Skip(what, _, why):
            return what.name, why
        case _:
            return None


def walk(of: Course, *outcomes: AttemptOutcome, **report: Any) -> list[tuple[Any, ...] | None]:
    """The steps while attempts end like this, and the step after them."""
    steps = []
    for outcome in outcomes:
        steps.append(step(of))
        of.report(outcome, **report)
    return [*steps, step(of)]


def test_the_first_action_that_succeeds_ends_it() -> None:
    of = course(action(name="a"), action(name="b"))
    assert (walk(of, SUCCEEDED), of.by and of.by.name) == ([("a", 1, 0.0), None], "a")


def test_an_action_that_fails_has_its_attempts_before_the_next_has_its_turn() -> None:
    of = course(action(name="a", attempts=2, backoff=Backoff(initial=1.0, jitter=0.0)), action(name="b"))
    assert walk(of, FAILED, TIMED_OUT, FAILED) == [("a", 1, 0.0), ("a", 2, 1.0), ("b", 1, 0.0), None]


def test_the_waits_between_attempts_grow() -> None:
    of = course(action(attempts=4, delay=0.5, backoff=Backoff(initial=1.0, jitter=0.0)))
    assert [one and one[2] for one in walk(of, FAILED, FAILED, FAILED)] == [0.5, 1.0, 2.0, 4.0]


def test_an_alert_recovers_nothing() -> None:
    of = course(action(ALERT), action(RESTART))
    assert walk(of, SUCCEEDED, SUCCEEDED) == [("alert", 1, 0.0), ("restart", 1, 0.0), None]
    assert of.by is not None
    assert of.by.kind is RESTART


def test_a_cancelled_attempt_is_made_again() -> None:
    of = course(action(name="a"), action(name="b"))
    assert walk(of, CANCELLED, FAILED) == [("a", 1, 0.0), ("a", 2, 0.0), ("b", 1, 0.0)]


def test_cancelled_attempts_are_bounded_with_the_others() -> None:
    of = course(action(name="a"), most=3)
    assert walk(of, CANCELLED, CANCELLED, CANCELLED)[-1] == ("a", "3 attempts were made; expected 3 at most")


def test_an_attempt_that_met_itself_is_not_made_again() -> None:
    of = course(action(name="a", attempts=5), action(name="b"))
    assert walk(of, LOOPED) == [("a", 1, 0.0), ("b", 1, 0.0)]


def test_the_attempts_of_all_actions_are_bounded_but_for_alerts() -> None:
    of = course(action(name="a", attempts=5), action(name="b"), action(ALERT), most=2)
    walk(of, FAILED)
    of.report(FAILED)
    assert [step(of), step(of), step(of)] == [
        ("a", "2 attempts were made; expected 2 at most"),
        ("b", "2 attempts were made; expected 2 at most"),
        ("alert", 1, 0.0),
    ]


def test_no_attempt_is_begun_when_no_time_is_left_but_for_alerts() -> None:
    of = course(action(name="a"), action(ALERT))
    assert [step(of, 0.0, 5.0), step(of, 0.0, 5.0)] == [("a", "no time is left"), ("alert", 1, 0.0)]


def test_an_alert_has_an_end_too() -> None:
    of = course(action(ALERT))
    assert step(of, -5.0, 0.0) == ("alert", "no time is left")


def test_an_attempt_has_no_more_time_than_the_recovery_has_left() -> None:
    of = course(action(within=30.0, delay=1.0))
    next_step = of.next(0.5, 11.0, 100.0)
    assert isinstance(next_step, Try)
    assert next_step.within == 10.0


def test_a_retry_waits_as_long_as_the_other_side_said() -> None:
    of = course(action(RETRY, attempts=2), hint=7.0)
    assert walk(of, FAILED, hint=9.0) == [("retry", 1, 7.0), ("retry", 2, 9.0)]


def test_a_restart_does_not_wait_for_the_other_side() -> None:
    assert step(course(action(RESTART), hint=7.0)) == ("restart", 1, 0.0)


def test_a_retry_that_would_wait_too_long_is_not_made() -> None:
    of = course(action(RETRY), action(FALLBACK), hint=3600.0)
    assert step(of) == ("retry", "it would have to wait 3600.000 s; at most 60 s are waited")
    assert step(of) == ("fallback", 1, 0.0)


UNKNOWN = "it may have been carried out already, and the action is not idempotent"


def test_after_an_unknown_outcome_what_is_not_idempotent_is_not_retried() -> None:
    of = course(action(RETRY, name="send"), action(RETRY, name="ask", idempotent=True), unknown=True)
    assert [step(of), step(of)] == [("send", UNKNOWN), ("ask", 1, 0.0)]


@pytest.mark.parametrize("outcome", [TIMED_OUT, CANCELLED])
def test_a_retry_that_was_cut_off_may_have_been_carried_out(outcome: AttemptOutcome) -> None:
    of = course(action(RETRY, attempts=3), action(RETRY, name="other"))
    assert walk(of, outcome)[-1] == ("retry", UNKNOWN)
    assert step(of) == ("other", UNKNOWN)
    assert of.unknown


def test_a_retry_that_failed_with_an_unknown_outcome_is_not_made_again() -> None:
    of = course(action(RETRY, attempts=3))
    assert walk(of, FAILED, unknown=True)[-1] == ("retry", UNKNOWN)


def test_a_restart_that_was_cut_off_sent_nothing_and_is_made_again() -> None:
    of = course(action(RESTART, attempts=2), action(RETRY, name="send"))
    assert [one and one[:2] for one in walk(of, TIMED_OUT, FAILED)] == [("restart", 1), ("restart", 2), ("send", 1)]


class AnyCourse(RuleBasedStateMachine):
    """However attempts end: the way is bounded, and nothing is sent twice that must not be."""

    def __init__(self) -> None:
        super().__init__()
        self.actions = (
            action(RETRY, name="send", attempts=3, backoff=Backoff(initial=1.0, jitter=0.0)),
            action(ALERT, attempts=2, name="tell"),
            action(RESTART, attempts=2, name="restart"),
            action(RETRY, attempts=2, name="ask", idempotent=True),
        )
        self.course = course(*self.actions, most=6)
        self.pending: Try | None = None
        self.seen: list[tuple[str, AttemptOutcome]] = []
        self.cut = False

    @rule(left=st.sampled_from([0.0, 0.5, 100.0]))
    def go(self, left: float) -> None:
        while self.pending is None:
            found = self.course.next(0.5, left, left + 100.0)
            if found is None:
                return
            if isinstance(found, Try):
                self.pending = found
                assert not (self.cut and found.action.name == "send"), "sent again although it may have been carried out"

    @rule(outcome=st.sampled_from([SUCCEEDED, FAILED, TIMED_OUT, CANCELLED, LOOPED]), unknown=st.booleans())
    def end(self, outcome: AttemptOutcome, unknown: bool) -> None:
        if self.pending is None:
            return
        unknown = unknown and outcome is FAILED
        self.course.report(outcome, unknown=unknown)
        if self.pending.action.kind is RETRY and (unknown or outcome in (TIMED_OUT, CANCELLED)):
            self.cut = True
        self.seen.append((self.pending.action.name, outcome))
        self.pending = None

    @invariant()
    def it_agrees_with_what_was_seen(self) -> None:
        names = [name for name, _ in self.seen]
        order = [one.name for one in self.actions]
        assert names == sorted(names, key=order.index), "actions have their turn in order"
        assert sum(name != "tell" for name in names) <= 6
        for one in self.actions:
            verdicts = [outcome for name, outcome in self.seen if name == one.name and outcome is not CANCELLED]
            assert len(verdicts) <= one.attempts
        mended = [name for name, outcome in self.seen if outcome is SUCCEEDED and name != "tell"]
        assert (self.course.by and [self.course.by.name]) == (mended or None), "the first success ends it"
        assert self.course.unknown is self.cut
        assert self.course.made == len(self.seen)


TestAnyCourse = AnyCourse.TestCase
TestAnyCourse.settings = settings(max_examples=settings().max_examples * 40 // 100, stateful_step_count=20)
