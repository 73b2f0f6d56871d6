"""IncidentBook against a naive model: whatever comes in whatever order, one per key, a bounded number at work, nothing lost."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.incidents import BookLimits, Incident, IncidentKind, RecoveryStrategy
from actors.incidents.book import IncidentBook
from supervisor import Backoff

LIMITS = BookLimits(
    most_running=2,
    most_waiting=4,
    history=1_000,
    known=3,
    returns_within=30.0,
    after_cure=Backoff(initial=1.0, maximum=8.0),
    after_failure=Backoff(initial=2.0, maximum=16.0),
    for_a_person=40.0,
    manual_within=200.0,
    grace=5.0,
    longest_hold=50.0,
)
WITHIN = 20.0
KEYS = [(kind, name) for kind in (IncidentKind.BOOK, IncidentKind.TRADES, IncidentKind.STREAM) for name in "ab"]


class Books(RuleBasedStateMachine):
    """The model: each report is counted by hand, and every incident that was opened is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.book = IncidentBook(LIMITS)
        self.now = 0.0
        self.opened: dict[str, Incident] = {}
        self.ended: dict[str, float] = {}
        self.reports: Counter[str] = Counter()
        self.alarmed: set[Any] = set()

    # ---- what happens

    @rule(
        key=st.sampled_from(KEYS),
        strategy=st.sampled_from(RecoveryStrategy),
        wait=st.sampled_from([0.0, 0.0, 3.0, 25.0]),
    )
    def report(self, key: Any, strategy: RecoveryStrategy, wait: float) -> None:
        known, before = self.book.get(key), self.book.refused
        incident = self.book.report(key, strategy, "why", self.now, within=WITHIN, wait=wait)
        refused = self.book.refused > before
        assert refused == (known is None and incident is None)
        if refused:
            assert len(self.book.waiting()) == LIMITS.most_waiting
        elif known is not None:
            self.reports[known.id] += 1
        elif incident is not None:
            self.opened[incident.id] = incident
            self.reports[incident.id] = 1
            if incident.escalated:
                self.alarmed.add(key)

    @rule(key=st.sampled_from(KEYS))
    def trigger(self, key: Any) -> None:
        incident = self.book.trigger(key, self.now, within=WITHIN)
        assert incident.begun is not None or self.book.waiting()[0] is incident
        if incident.id not in self.opened:
            self.opened[incident.id] = incident
            self.reports[incident.id] = 1

    @rule()
    def start(self) -> None:
        waiting = [one for one in self.book.waiting() if one.not_before <= self.now]
        room = LIMITS.most_running - len(self.book.running())
        assert self.book.due(self.now) == waiting[:room]

    @precondition(lambda self: self.book.running())
    @rule(ok=st.booleans(), person=st.booleans(), vain=st.integers(0, 5), which=st.integers(0, 1))
    def finish(self, ok: bool, person: bool, vain: int, which: int) -> None:
        running = self.book.running()
        self._end(running[which % len(running)], ok=ok, person=person, vain=vain == 0)

    @precondition(lambda self: self.book.running())
    @rule(later=st.sampled_from([1.0, 30.0, 1e6]))
    def hold(self, later: float) -> None:
        incident = self.book.running()[0]
        self.book.attempted(incident.id, incident.attempts + 1, self.now + later)

    @rule(seconds=st.sampled_from([0.5, 5.0, 40.0]))
    def wait(self, seconds: float) -> None:
        """Time passes, and who keeps the book looks when it says so."""
        until = self.now + seconds
        while True:
            at = self.book.next_at()
            self.now = until if at is None else min(max(at, self.now), until)
            for incident in self.book.overdue(self.now):
                self._end(incident, ok=False, person=incident.begun is None, vain=False)
            self.book.due(self.now)
            self._calm()
            if self.now >= until:
                return

    @rule()
    def restart(self) -> None:
        """The next life of who keeps the book: half of the workers are still there."""
        kept, self.book = self.book.remembered(lambda at: at + 1e6), IncidentBook(LIMITS)
        for number, record in enumerate(self.book.recall(kept, lambda wall: wall - 1e6)):
            before = self.opened.pop(record.id)
            if before.begun is not None and number % 2:
                self.opened[record.id] = self.book.adopt(record, self.now, within=WITHIN)
            else:
                self.ended[record.id] = self.now
                self.book.interrupted(record, self.now)
        self._calm()

    def _end(self, incident: Incident, *, ok: bool, person: bool, vain: bool) -> None:
        if vain:
            self.book.lapse(incident, self.now, "vain")
        else:
            self.book.end(incident, self.now, ok=ok, reason="no", person=person)
            if not ok:
                self.alarmed.add(incident.key)
        self.ended[incident.id] = self.now
        del self.opened[incident.id]
        self._calm()

    def _calm(self) -> None:
        for key in self.book.calm(self.now):
            known = self.book.get(key)
            assert known is None or not known.escalated
            self.alarmed.discard(key)

    def teardown(self) -> None:
        """Whatever happened: nobody reports anything any more, and in the end nothing is open and nothing alarmed."""
        self.wait(10_000.0)
        assert (self.opened, self.alarmed) == ({}, set())

    # ---- what always holds

    @invariant()
    def one_is_open_per_key_and_each_is_somewhere(self) -> None:
        shown = [(one.kind, one.subject) for one in self.book.records() if one.ended is None]
        assert sorted(shown) == sorted({incident.key for incident in self.opened.values()})
        assert {one.id for one in self.book.records() if one.ended is not None} == self.ended.keys()

    @invariant()
    def no_more_are_at_work_than_may_be(self) -> None:
        assert len(self.book.running()) <= LIMITS.most_running

    @invariant()
    def no_report_is_lost(self) -> None:
        assert {one.id: one.reports for one in self.book.records()} == self.reports

    @invariant()
    def what_runs_ends_within_its_time(self) -> None:
        for incident in self.book.running():
            assert incident.begun is not None
            assert self.now <= incident.begun + WITHIN + LIMITS.longest_hold + LIMITS.grace


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=25, stateful_step_count=40)
