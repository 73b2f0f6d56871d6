"""The book of incidents: who recovers, who joins, and what is a loop or comes too often."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.resilience.recovering.incident_book import Again, Escalate, IncidentBook, Join, Lead, Loop


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
