"""EndpointRanking: the best first, what fails rests, and never more than half of them at once."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.fallbacks.endpoint_ranking import EndpointRanking, RankingRules, RememberedEndpoint
from supervisor import Backoff

NAMES = ("a", "b", "c", "d")
RULES = RankingRules()


def ranking(count: int = 4) -> EndpointRanking:
    return EndpointRanking(NAMES[:count])


def fail(ranked: EndpointRanking, name: str, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        ranked.note(name, False, None, now)


def test_without_evidence_the_order_is_that_of_preference() -> None:
    assert ranking().order(0.0) == NAMES


def test_one_failure_changes_nothing() -> None:
    ranked = ranking()
    fail(ranked, "a", 1)
    assert ranked.order(0.0) == NAMES


def test_what_fails_more_often_comes_later() -> None:
    ranked = ranking()
    fail(ranked, "a", 3)
    assert ranked.order(0.0) == ("b", "c", "d", "a")
    assert ranked.resting(0.0) == ()


def test_what_fails_in_most_of_its_uses_rests() -> None:
    ranked = ranking()
    fail(ranked, "a", 4)
    assert ranked.resting(0.0) == ("a",)
    assert ranked.order(0.0) == ("b", "c", "d")


def test_evidence_fades_and_the_preferred_one_is_first_again() -> None:
    ranked = ranking()
    fail(ranked, "a", 3)
    assert ranked.order(0.0)[0] == "b"
    assert ranked.order(600.0)[0] == "a"


def test_what_is_slow_beside_the_others_comes_later() -> None:
    ranked = ranking(2)
    for _ in range(5):
        ranked.note("a", True, 3.0, 0.0)
        ranked.note("b", True, 0.05, 0.0)
    assert ranked.order(0.0) == ("b", "a")


def test_small_differences_of_latency_do_not_matter() -> None:
    ranked = ranking(2)
    for _ in range(5):
        ranked.note("a", True, 0.12, 0.0)
        ranked.note("b", True, 0.05, 0.0)
    assert ranked.order(0.0) == ("a", "b")


def test_equals_do_not_change_places_with_each_outcome() -> None:
    """Two endpoints that fail by turns, about as often: once it has changed places, it stays there."""
    ranked = ranking(2)
    orders = []
    for second in range(400):
        name = "ab"[second % 2]
        ranked.note(name, second % 8 > 1, 0.1, float(second))
        orders.append(ranked.order(float(second)))
    changes = sum(one != other for one, other in itertools.pairwise(orders))
    assert changes <= 2


def test_a_grade_is_left_and_come_back_to_only_beyond_its_edge() -> None:
    """The edge is at 0.75; uses count with three good ones that everybody is credited with."""
    ranked = ranking(2)
    for ok in (True, True, True, True, True, False, False, False):
        ranked.note("a", ok, None, 0.0)
    assert ranked.score("a", 0.0) == pytest.approx(8 / 11)
    assert ranked.order(0.0) == ("a", "b")
    ranked.note("a", False, None, 0.0)
    assert ranked.order(0.0) == ("b", "a")
    for _ in range(5):
        ranked.note("a", True, None, 0.0)
    assert ranked.score("a", 0.0) == pytest.approx(13 / 17)
    assert ranked.order(0.0) == ("b", "a")
    for _ in range(5):
        ranked.note("a", True, None, 0.0)
    assert ranked.order(0.0) == ("a", "b")


@pytest.mark.parametrize("share", [0.7, 0.75])
def test_a_score_at_the_edge_of_a_grade_does_not_flap(share: float) -> None:
    """One failure and a few successes, so that the score swings around an edge."""
    ranked = ranking(2)
    changes, last = 0, ranked.order(0.0)
    good, bad = 0, 0
    for step in range(200):
        ok = good < share * (good + bad + 1)
        good, bad = good + ok, bad + (not ok)
        ranked.note("a", ok, None, step * 5.0)
        order = ranked.order(step * 5.0)
        changes, last = changes + (order != last), order
    assert changes <= 20


@pytest.mark.parametrize(
    ("rests", "seconds"), [(1, 30.0), (2, 60.0), (3, 120.0), (4, 240.0), (5, 480.0), (6, 900.0), (7, 900.0), (1000, 900.0)]
)
def test_each_rest_lasts_longer_up_to_a_quarter_of_an_hour(rests: int, seconds: float) -> None:
    ranked, now = ranking(), 0.0
    for _ in range(rests - 1):
        ranked.give_up("a", now)
        now = ranked.next_change(now)
    ranked.give_up("a", now)
    assert ranked.next_change(now) == now + seconds
    assert "a" not in ranked.order(now + seconds - 1e-3)
    assert ranked.order(now + seconds)[0] == "a"


def test_giving_up_what_rests_goes_on_with_that_rest() -> None:
    ranked = ranking()
    ranked.give_up("a", 0.0)
    ranked.give_up("a", 20.0)
    assert "a" in ranked.order(30.0)


def test_doing_well_for_long_makes_the_next_rest_a_first_one() -> None:
    ranked = ranking()
    ranked.give_up("a", 0.0)
    for second in range(40, 400, 20):
        ranked.note("a", True, 0.1, float(second))
    ranked.give_up("a", 400.0)
    assert ranked.next_change(400.0) == 430.0


def test_doing_well_for_a_short_time_does_not() -> None:
    ranked = ranking()
    ranked.give_up("a", 0.0)
    for second in (40.0, 200.0, 330.0):
        ranked.note("a", True, 0.1, second)
    ranked.give_up("a", 331.0)
    assert ranked.next_change(331.0) == 391.0


def test_a_failure_begins_the_run_of_good_uses_anew() -> None:
    ranked = ranking()
    ranked.give_up("a", 0.0)
    ranked.note("a", True, 0.1, 40.0)
    ranked.note("a", False, None, 200.0)
    ranked.note("a", True, 0.1, 210.0)
    ranked.note("a", True, 0.1, 345.0)
    ranked.give_up("a", 350.0)
    assert ranked.next_change(350.0) == 410.0


def test_what_is_broken_rests_until_it_is_forgiven() -> None:
    ranked = ranking()
    ranked.give_up("a", 0.0, broken=True)
    assert ranked.resting(899.0) == ("a",)
    ranked.forgive("a", 899.0)
    assert ranked.order(899.0) == NAMES


def test_what_is_broken_and_never_forgiven_is_tried_after_the_longest_rest() -> None:
    ranked = ranking()
    ranked.give_up("a", 0.0, broken=True)
    assert ranked.order(900.0) == NAMES


def test_an_end_of_a_rest_is_a_fresh_start() -> None:
    ranked = ranking()
    fail(ranked, "a", 10)
    assert ranked.order(31.0) == NAMES
    fail(ranked, "a", 1, 31.0)
    assert ranked.order(31.0) == NAMES


def test_forgiving_what_did_not_rest_leaves_the_evidence() -> None:
    ranked = ranking()
    fail(ranked, "a", 3)
    ranked.forgive("a", 0.0)
    assert ranked.order(0.0)[-1] == "a"


@pytest.mark.parametrize(("count", "most"), [(1, 0), (2, 1), (3, 1), (4, 2)])
def test_at_most_half_of_them_rest_at_once(count: int, most: int) -> None:
    ranked = ranking(count)
    for name in NAMES[:count]:
        ranked.give_up(name, 0.0)
    assert len(ranked.resting(0.0)) == most
    assert len(ranked.order(0.0)) == count - most


def test_when_all_are_bad_the_least_bad_is_used() -> None:
    ranked = ranking(2)
    ranked.give_up("a", 0.0)
    ranked.give_up("b", 10.0, broken=True)
    assert ranked.order(10.0) == ("a",)
    assert ranked.resting(10.0) == ("b",)


def test_those_that_should_rest_and_may_not_come_last() -> None:
    ranked = ranking(3)
    ranked.give_up("a", 0.0)
    ranked.give_up("b", 1.0)
    assert ranked.order(1.0) == ("c", "a")


def test_what_is_isolated_is_used_for_nothing() -> None:
    ranked = ranking(2)
    assert ranked.isolate("a")
    ranked.forgive("a", 0.0)
    assert ranked.order(0.0) == ("b",)
    ranked.give_up("b", 0.0)
    assert ranked.order(0.0) == ("b",)
    assert ranked.release("a")
    assert ranked.order(0.0) == ("a",)


def test_the_last_one_is_isolated_only_on_purpose() -> None:
    ranked = ranking(2)
    assert ranked.isolate("a")
    assert not ranked.isolate("b")
    assert ranked.order(0.0) == ("b",)
    assert ranked.isolate("b", even_the_last=True)
    assert ranked.order(0.0) == ()


def test_isolating_twice_is_fine_and_releasing_what_is_not_says_so() -> None:
    ranked = ranking(2)
    assert ranked.isolate("a")
    assert ranked.isolate("a")
    assert not ranked.release("b")
    assert not ranked.isolate("z")
    assert not ranked.release("z")


def test_unknown_names_change_nothing() -> None:
    ranked = ranking()
    ranked.note("z", False, 1.0, 0.0)
    ranked.give_up("z", 0.0)
    ranked.forgive("z", 0.0)
    ranked.recall([RememberedEndpoint("z", 3, 100.0)], 0.0)
    assert ranked.order(0.0) == NAMES


@pytest.mark.parametrize("names", [(), ("a", "a")])
def test_names_that_cannot_be_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="each once"):
        EndpointRanking(names)


def test_a_time_before_the_last_one_is_the_last_one() -> None:
    ranked = ranking()
    ranked.order(100.0)
    ranked.give_up("a", 0.0)
    assert ranked.resting(0.0) == ("a",)
    assert ranked.next_change(0.0) == 130.0


def test_what_is_remembered_goes_on_in_the_next_process() -> None:
    ranked = ranking()
    ranked.give_up("a", 0.0)
    ranked.order(30.0)
    ranked.give_up("a", 40.0)
    ranked.give_up("b", 50.0, broken=True)
    ranked.isolate("c")
    heir = ranking()
    heir.recall(ranked.remembered(), 60.0)
    assert heir.order(60.0) == ranked.order(60.0) == ("d", "a")
    assert heir.resting(60.0) == ranked.resting(60.0)
    heir.order(2_000.0)
    heir.give_up("a", 2_000.0)
    assert heir.next_change(2_000.0) == 2_120.0


def test_a_rest_that_a_wrong_clock_makes_endless_is_cut() -> None:
    ranked = ranking()
    ranked.recall([RememberedEndpoint("a", 1, 1e12)], 0.0)
    assert ranked.next_change(0.0) == 900.0


def test_who_has_nothing_to_remember_remembers_nothing() -> None:
    ranked = ranking()
    fail(ranked, "a", 2)
    assert ranked.remembered() == ()


def test_while_a_grade_is_bad_the_order_is_worth_a_look() -> None:
    ranked = ranking()
    assert ranked.next_change(0.0) == math.inf
    fail(ranked, "a", 3)
    assert ranked.next_change(0.0) == 10.0


class Ranked(RuleBasedStateMachine):
    """Whatever happens: the order is some of those in use, each once, and no more than half of them rest."""

    @initialize(count=st.integers(1, 4), jitter=st.sampled_from([0.0, 0.5]))
    def begin(self, count: int, jitter: float) -> None:
        self.names = NAMES[:count]
        self.ranked = EndpointRanking(self.names, RankingRules(rest=Backoff(initial=30.0, maximum=900.0, jitter=jitter)))
        self.now = 0.0
        self.isolated: set[str] = set()

    @rule(name=st.sampled_from((*NAMES, "z")), ok=st.booleans(), seconds=st.none() | st.floats(0, 100), times=st.integers(1, 6))
    def note(self, name: str, ok: bool, seconds: float | None, times: int) -> None:
        for _ in range(times):
            self.ranked.note(name, ok, seconds, self.now)

    @rule(name=st.sampled_from(NAMES), broken=st.booleans())
    def give_up(self, name: str, broken: bool) -> None:
        self.ranked.give_up(name, self.now, broken=broken)

    @rule(name=st.sampled_from(NAMES))
    def forgive(self, name: str) -> None:
        self.ranked.forgive(name, self.now)
        assert name not in self.ranked.resting(self.now)

    @rule(name=st.sampled_from(NAMES), last=st.booleans())
    def isolate(self, name: str, last: bool) -> None:
        if self.ranked.isolate(name, even_the_last=last):
            self.isolated.add(name)
        else:
            assert name not in self.names or (not last and {*self.names} - self.isolated == {name})

    @rule(name=st.sampled_from(NAMES))
    def release(self, name: str) -> None:
        assert self.ranked.release(name) is (name in self.isolated)
        self.isolated.discard(name)

    @rule(seconds=st.sampled_from([0.001, 1.0, 29.0, 31.0, 400.0, 5_000.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.ranked.next_change(self.now) < math.inf)
    @rule()
    def pass_to_the_next_change(self) -> None:
        self.now = self.ranked.next_change(self.now)

    @rule()
    def die(self) -> None:
        heir = EndpointRanking(self.names)
        heir.recall(self.ranked.remembered(), self.now)
        assert set(heir.resting(self.now)) == set(self.ranked.resting(self.now))
        self.ranked = heir

    @invariant()
    def the_order_is_of_those_in_use(self) -> None:
        used = {*self.names} - self.isolated
        order, resting = self.ranked.order(self.now), self.ranked.resting(self.now)
        assert sorted((*order, *resting)) == sorted(used)
        assert len(resting) <= len(used) // 2
        assert order or not used

    @invariant()
    def asking_changes_nothing(self) -> None:
        assert self.ranked.order(self.now) == self.ranked.order(self.now)
        assert self.ranked.next_change(self.now) > self.now
        assert all(0.0 <= self.ranked.score(name, self.now) <= 1.0 for name in self.names)

    @invariant()
    def time_heals(self) -> None:
        heir = EndpointRanking(self.names)
        heir.recall(self.ranked.remembered(), self.now)
        later = self.now + 1_000.0
        assert heir.order(later) == tuple(name for name in self.names if name not in self.isolated)


TestRanked = Ranked.TestCase
TestRanked.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
