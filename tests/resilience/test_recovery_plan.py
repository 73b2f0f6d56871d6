from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.errors import Action, Category, CircuitOpen, Classification, ConnectFailed, ExchangeRefused, Severity, classify
from actors.resilience import AttemptOutcome, Incident, RecoveryAction, RecoveryKind, When
from actors.resilience.error_text import code_of
from actors.resilience.recovering.incident_book import Again, Escalate, IncidentBook, Join, Lead, Loop
from actors.resilience.recovering.plan import Course, Skip, Try, choose
from supervisor import Backoff, SpecError

RETRY, FALLBACK, DEGRADE, RESTART, IGNORE, ALERT = (
    RecoveryKind.RETRY,
    RecoveryKind.FALLBACK,
    RecoveryKind.DEGRADE,
    RecoveryKind.RESTART,
    RecoveryKind.IGNORE,
    RecoveryKind.ALERT,
)
SUCCEEDED, FAILED, TIMED_OUT, CANCELLED, LOOPED = (
    AttemptOutcome.SUCCEEDED,
    AttemptOutcome.FAILED,
    AttemptOutcome.TIMED_OUT,
    AttemptOutcome.CANCELLED,
    AttemptOutcome.LOOPED,
)


def lost() -> ConnectFailed:
    return ConnectFailed("wss://x", "refused")


def incident(error: Exception | None = None, **fields: Any) -> Incident:
    error = lost() if error is None else error
    return Incident(error, classify(error), **fields)


def action(kind: RecoveryKind = RESTART, name: str = "", **options: Any) -> RecoveryAction:
    return RecoveryAction(kind, name=name or kind.value, **options)


def chosen(own: list[RecoveryAction], common: list[RecoveryAction], what: Incident | None = None) -> list[str]:
    return [one.name for one in choose(own, common, what or incident(), lambda *_: None)]


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


# Conditions


@pytest.mark.parametrize(
    ("when", "fits"),
    [
        (When(), True),
        (When(category=Category.NETWORK), True),
        (When(category=(Category.ORDER, Category.NETWORK)), True),
        (When(category=Category.ORDER), False),
        (When(severity=Severity.WARNING), True),
        (When(severity=Severity.ERROR), False),
        (When(action=Action.RETRY), True),
        (When(action=Action.NEVER), False),
        (When(component="orders"), True),
        (When(component=["users", "books"]), False),
        (When(operation="place"), True),
        (When(operation="cancel"), False),
        (When(code="connect_failed"), True),
        (When(code="circuit_open"), False),
        (When(predicate=lambda found: found.times == 2), True),
        (When(predicate=lambda found: found.times == 3), False),
        (When(category=Category.NETWORK, component="books"), False),
    ],
)
def test_an_action_fits_if_all_of_its_conditions_hold(when: When, fits: bool) -> None:
    assert when.fits(incident(component="orders", operation="place", times=2)) is fits


def test_the_code_of_a_foreign_error_is_the_name_of_its_type() -> None:
    assert When(code="KeyError").fits(incident(KeyError("x")))


def test_conditions_are_read_from_their_texts() -> None:
    assert When(category="network", action=["retry", "wait"]) == When(  # as a file has them
        category=(Category.NETWORK,), action=(Action.RETRY, Action.WAIT)
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("category", "networks"), ("category", 3), ("severity", 40.5), ("action", "RETRYING"), ("component", 7), ("predicate", 7)],
)
def test_a_wrong_condition_is_refused(name: str, value: Any) -> None:
    with pytest.raises(SpecError) as caught:
        When(**{name: value})
    assert caught.value.field == f"When.{name}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "retrying"),
        ("run", "reconnect"),
        ("priority", 1.5),
        ("attempts", 0),
        ("within", 0),
        ("delay", -1),
        ("backoff", 1.0),
        ("when", "always"),
        ("idempotent", 1),
    ],
)
def test_a_wrong_action_is_refused(name: str, value: Any) -> None:
    with pytest.raises(SpecError) as caught:
        RecoveryAction(**{"kind": RETRY, name: value})
    assert caught.value.field == f"RecoveryAction.{name}"


def test_what_is_ignored_has_nothing_to_run() -> None:
    with pytest.raises(SpecError, match=r"RecoveryAction\.run"):
        RecoveryAction(IGNORE, print)


def test_an_action_is_called_by_its_kind_unless_it_has_a_name() -> None:
    # A text is what a file has.
    assert (RecoveryAction("restart").name, RecoveryAction(RESTART, name="reconnect").name) == ("restart", "reconnect")


# Choosing


def test_the_higher_priority_comes_first_and_of_equals_the_one_written_first() -> None:
    actions = [action(name="a"), action(name="b", priority=5), action(name="c", priority=5), action(name="d", priority=-1)]
    assert chosen([], actions) == ["b", "c", "a", "d"]


def test_a_component_s_own_actions_come_before_the_common_ones_whatever_their_priority() -> None:
    assert chosen([action(name="own")], [action(name="common", priority=100)]) == ["own", "common"]


def test_an_action_that_does_not_fit_is_not_chosen() -> None:
    assert chosen([], [action(when=When(category=Category.ORDER)), action(name="fits")]) == ["fits"]


def test_a_condition_that_raises_does_not_fit_and_is_told() -> None:
    told: list[str] = []

    def broken(_: Incident) -> bool:
        raise KeyError("oops")

    actions = [action(name="bad", when=When(predicate=broken)), action(name="good")]
    left = choose([], actions, incident(), lambda one, error: told.append(f"{one.name} {type(error).__name__}"))
    assert ([one.name for one in left], told) == (["good"], ["bad KeyError"])


@given(
    *[
        st.lists(st.tuples(st.integers(-2, 2), st.sampled_from([Category.NETWORK, Category.ORDER, None])), max_size=6)
        for _ in range(2)
    ]
)
@settings(max_examples=settings().max_examples * 40 // 100)
def test_the_choice_is_that_of_a_naive_selection_sort(own: list[Any], common: list[Any]) -> None:
    def build(group: list[Any], label: str) -> list[RecoveryAction]:
        return [
            action(name=f"{label}{at}", priority=priority, when=When() if category is None else When(category=category))
            for at, (priority, category) in enumerate(group)
        ]

    def naive(group: list[RecoveryAction]) -> list[str]:
        left = [one for one in group if one.when.category in ((), (Category.NETWORK,))]
        ordered = []
        while left:
            best = left[0]
            for one in left:
                if one.priority > best.priority:
                    best = one
            left.remove(best)
            ordered.append(best.name)
        return ordered

    mine, everyones = build(own, "own"), build(common, "common")
    assert chosen(mine, everyones) == naive(mine) + naive(everyones)


# The course


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


# The book


def book(limit: int = 2, window: float = 60.0, quiet: float = 60.0, depth: int = 3, known: int = 100) -> IncidentBook:
    return IncidentBook(limit, window, quiet, depth, known)


def come(to: IncidentBook, key: str, now: float = 0.0, *chain: str) -> object:
    return to.arrive(key, now, chain, len(chain))


def pass_by(to: IncidentBook, key: str, now: float) -> object:
    """It comes, and its recovery ends at once."""
    arrival = come(to, key, now)
    to.end(key)
    return arrival


def test_who_comes_first_recovers_and_who_comes_then_joins() -> None:
    of = book()
    assert [come(of, "a"), come(of, "a"), come(of, "b")] == [Lead(1), Join(), Lead(1)]


def test_after_the_end_it_is_recovered_from_again() -> None:
    of = book()
    assert [pass_by(of, "a", 0.0), come(of, "a", 1.0)] == [Lead(1), Lead(2)]


def test_an_incident_that_comes_too_often_is_escalated_once_and_then_refused() -> None:
    of = book(limit=2)
    assert [pass_by(of, "a", at) for at in (0.0, 1.0, 2.0, 3.0)] == [Lead(1), Lead(2), Escalate(3), Again()]


def test_times_that_have_left_the_window_do_not_count() -> None:
    of = book(limit=2, window=10.0)
    assert [pass_by(of, "a", at) for at in (0.0, 5.0, 10.0)] == [Lead(1), Lead(2), Lead(2)]


def test_an_escalated_incident_is_recovered_from_again_when_it_was_quiet() -> None:
    of = book(limit=1, quiet=60.0)
    seen = [pass_by(of, "a", at) for at in (0.0, 1.0, 60.0, 119.9, 179.9)]
    assert seen == [Lead(1), Escalate(2), Again(), Again(), Lead(1)]


def test_who_joins_does_not_make_it_come_back_more_often() -> None:
    of = book(limit=1)
    come(of, "a")
    for _ in range(5):
        come(of, "a")
    of.end("a")
    assert come(of, "a") == Escalate(2)


def test_what_is_ignored_does_not_count() -> None:
    of = book(limit=1)
    for _ in range(5):
        assert come(of, "a") == Lead(1)
        of.end("a", ignored=True)


def test_alerts_that_were_not_made_are_due_when_it_comes_again() -> None:
    of = book(limit=1)
    pass_by(of, "a", 0.0)
    come(of, "a", 1.0)
    of.abandon("a", alerted=False)
    assert come(of, "a", 2.0) == Escalate(2)


def test_a_recovery_inside_itself_is_a_loop() -> None:
    of = book()
    come(of, "a")
    assert come(of, "a", 0.0, "a") == Loop(("a",))


def test_a_chain_that_comes_back_is_a_loop() -> None:
    of = book()
    come(of, "a")
    come(of, "b", 0.0, "a")
    assert come(of, "a", 0.0, "a", "b") == Loop(("a", "b"))


def test_recoveries_inside_each_other_are_bounded() -> None:
    of = book(depth=2)
    come(of, "a")
    come(of, "b", 0.0, "a")
    assert come(of, "c", 0.0, "a", "b") == Loop(("a", "b"))


def test_two_recoveries_that_would_wait_for_each_other_are_a_loop() -> None:
    of = book()
    come(of, "a")
    come(of, "b")
    assert come(of, "b", 0.0, "a") == Join()
    assert come(of, "a", 0.0, "b") == Loop(("b", "a"))


def test_a_circle_that_was_left_is_none() -> None:
    of = book()
    come(of, "a")
    come(of, "b")
    come(of, "b", 0.0, "a")
    of.depart("b", ("a",))
    assert come(of, "a", 0.0, "b") == Join()


def test_a_circle_through_a_third_is_found() -> None:
    of = book()
    for key in "abc":
        come(of, key)
    come(of, "b", 0.0, "a")
    come(of, "c", 0.0, "b")
    assert come(of, "a", 0.0, "c") == Loop(("c", "a", "b"))


def test_incidents_that_are_remembered_are_bounded_and_what_is_forgotten_is_counted() -> None:
    of = book(known=2)
    for key in "abc":
        pass_by(of, key, 0.0)
    assert (of.forgotten, pass_by(of, "a", 1.0)) == (1, Lead(1))


def test_incidents_that_no_longer_count_are_forgotten_without_a_word() -> None:
    of = book(known=1, window=10.0)
    pass_by(of, "a", 0.0)
    pass_by(of, "b", 10.0)
    assert of.forgotten == 0


def test_an_incident_that_is_being_recovered_from_is_not_forgotten() -> None:
    of = book(known=1)
    come(of, "a")
    pass_by(of, "b", 0.0)
    assert come(of, "a") == Join()


class AnyBook(RuleBasedStateMachine):
    """The book beside a naive one that remembers every report."""

    LIMIT, WINDOW, QUIET = 2, 10.0, 15.0

    def __init__(self) -> None:
        super().__init__()
        self.book = book(self.LIMIT, self.WINDOW, self.QUIET, depth=3)
        self.now = 0.0
        self.visits: list[tuple[str, tuple[str, ...], bool]] = []
        """(key, chain, whether it leads) of all who have not departed"""
        self.counted: dict[str, list[float]] = {}
        self.last: dict[str, float] = {}
        self.escalated: set[str] = set()

    @rule(seconds=st.sampled_from([0.0, 1.0, 5.0, 10.0, 20.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    def waits_for_itself(self, key: str, chain: tuple[str, ...]) -> bool:
        edges = {(inside[-1], waited) for waited, inside, _ in self.visits if inside}
        reached = {key}
        for _ in self.visits:
            reached |= {after for before, after in edges if before in reached}
        return bool(reached & set(chain))

    def expected(self, key: str, chain: tuple[str, ...]) -> object:
        if key in chain or len(chain) >= 3:
            return Loop
        if any(leads and of == key for of, _, leads in self.visits):
            return Loop if self.waits_for_itself(key, chain) else Join
        if key in self.escalated and self.now - self.last[key] >= self.QUIET:
            self.escalated.discard(key)
            self.counted[key] = []
        times = self.counted.setdefault(key, [])
        times.append(self.now)
        self.last[key] = self.now
        if key in self.escalated:
            return Again
        if sum(self.now - at < self.WINDOW for at in times) > self.LIMIT:
            self.escalated.add(key)
            return Escalate
        return Lead

    @rule(key=st.sampled_from("abcd"), at=st.integers(0, 9))
    def arrive(self, key: str, at: int) -> None:
        inside = [(*chain, of) for of, chain, leads in self.visits if leads]
        chain = [(), *inside][at % (len(inside) + 1)]
        arrival = come(self.book, key, self.now, *chain)
        assert type(arrival) is self.expected(key, chain)
        if isinstance(arrival, Join):
            self.last[key] = self.now
        if isinstance(arrival, Lead | Join | Escalate):
            self.visits.append((key, chain, not isinstance(arrival, Join)))

    @rule(at=st.integers(0, 9))
    def leave(self, at: int) -> None:
        # Who is inside of a recovery leaves before it ends, as blocks do.
        free = [
            visit
            for visit in self.visits
            if not (visit[2] and any(visit[0] in chain or (key == visit[0] and not leads) for key, chain, leads in self.visits))
        ]
        if free:
            key, chain, leads = visit = free[at % len(free)]
            self.visits.remove(visit)
            self.book.depart(key, chain)
            if leads:
                self.book.end(key)

    @invariant()
    def nobody_waits_in_a_circle(self) -> None:
        edges = {(inside[-1], waited) for waited, inside, _ in self.visits if inside}
        for start in "abcd":
            reached = {after for before, after in edges if before == start}
            for _ in edges:
                reached |= {after for before, after in edges if before in reached}
            assert start not in reached


TestAnyBook = AnyBook.TestCase
TestAnyBook.settings = settings(max_examples=settings().max_examples * 40 // 100, stateful_step_count=25)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ExchangeRefused(400, -2010, ""), "exchange_refused -2010"),
        (ExchangeRefused(502, 0, ""), "exchange_refused"),
        (CircuitOpen("x", 1.0), "circuit_open"),
        (KeyError(), "KeyError"),
    ],
    ids=["with the exchange's own code", "without one", "of ours", "foreign"],
)
def test_an_error_s_code_tells_it_from_others(error: Exception, code: str) -> None:
    assert code_of(error) == code


def test_equal_priorities_keep_their_order_for_every_permutation() -> None:
    for order in itertools.permutations("abc"):
        assert chosen([], [action(name=name) for name in order]) == list(order)


def test_a_classification_of_a_user_is_what_conditions_look_at() -> None:
    mine = Incident(KeyError(), Classification(Category.ORDER, Severity.CRITICAL, Action.NEVER))
    assert When(category=Category.ORDER, severity=Severity.CRITICAL).fits(mine)
