from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.errors import Category, Severity
from actors.resilience import AlertRule
from actors.resilience.monitoring.alerts import AlertBook
from actors.resilience.monitoring.counts import RateWindow, TopCounts
from actors.resilience.monitoring.ledger import NOWHERE, OTHER, ErrorLedger, Noted, record_of
from supervisor import SpecError


def noted(at: float = 0.0, **fields: Any) -> Noted:
    usual: dict[str, Any] = {
        "id": "1",
        "kind": "ConnectFailed",
        "code": "connect_failed",
        "category": Category.NETWORK,
        "severity": Severity.WARNING,
        "component": "orders",
        "operation": None,
        "text": "",
        "at_wall": 0.0,
        "handled": True,
    }
    return Noted(**{**usual, **fields, "at": at})


def ledger(**options: Any) -> ErrorLedger:
    return ErrorLedger(**{"window": 60.0, "history": 100, "names": 10, "labels": 10, **options})


def recorded(*entries: Noted, **options: Any) -> ErrorLedger:
    of = ledger(**options)
    for entry in entries:
        of.record(entry)
    return of


# Counting


def test_errors_are_counted_by_category_component_and_severity() -> None:
    of = recorded(
        noted(),
        noted(component="books"),
        noted(category=Category.ORDER, severity=Severity.CRITICAL),
        noted(component=None, handled=False),
    )
    seen = of.statistics(0.0, 10)
    assert {name: line.total for name, line in seen.by_category.items()} == {"network": 3, "order": 1}
    assert {name: line.by_category for name, line in seen.by_component.items()} == {
        "orders": {"network": 1, "order": 1},
        "books": {"network": 1},
        NOWHERE: {"network": 1},
    }
    assert (seen.by_severity, seen.total, seen.handled, seen.unhandled) == ({"warning": 3, "critical": 1}, 4, 3, 1)


def test_components_beyond_the_bound_share_a_line_and_are_counted() -> None:
    of = recorded(*[noted(component=f"c{number}") for number in range(6)], noted(component="c0"), labels=2)
    seen = of.statistics(0.0, 10)
    assert {name: line.total for name, line in seen.by_component.items()} == {"c0": 2, "c1": 1, OTHER: 4}
    assert seen.labels_dropped == 4


def test_a_name_without_end_is_cut() -> None:
    seen = recorded(noted(component="x" * 10_000)).statistics(0.0, 10)
    assert [len(name) for name in seen.by_component] == [80]


def test_a_repeat_is_in_no_other_count() -> None:
    of = recorded(noted())
    of.repeat(no_longer_handled=False)
    seen = of.statistics(0.0, 10)
    assert (seen.total, seen.repeats, seen.handled) == (1, 1, 1)


def test_an_error_that_turns_out_not_to_be_handled_changes_sides() -> None:
    of = recorded(noted())
    of.repeat(no_longer_handled=True)
    seen = of.statistics(0.0, 10)
    assert (seen.handled, seen.unhandled) == (0, 1)


def test_the_history_is_bounded_and_what_it_forgot_is_counted() -> None:
    of = recorded(*[noted(float(at)) for at in range(5)], history=3)
    assert ([entry.at for entry in of.recent()], of.statistics(5.0, 10).history_dropped) == ([2.0, 3.0, 4.0], 2)


@pytest.mark.parametrize(("most", "expected"), [(0, []), (2, [3.0, 4.0]), (9, [0.0, 1.0, 2.0, 3.0, 4.0])])
def test_the_last_errors_can_be_asked_for(most: int, expected: list[float]) -> None:
    assert [entry.at for entry in recorded(*[noted(float(at)) for at in range(5)]).recent(most)] == expected


def test_openings_are_counted_by_breaker_and_their_names_are_bounded() -> None:
    of = ledger(labels=1)
    for name in ("rest", "rest", "stream", "users"):
        of.trip(name)
    seen = of.statistics(0.0, 10)
    assert (seen.trips, seen.labels_dropped) == ({"rest": 2, OTHER: 2}, 2)


def test_without_a_recovery_there_is_no_rate_of_them() -> None:
    assert ledger().statistics(0.0, 10).recovery_rate is None


def test_the_recovery_rate_is_the_share_of_those_that_mended_it() -> None:
    of = ledger()
    for recovered in (True, True, True, False):
        of.recovery(recovered=recovered)
    seen = of.statistics(0.0, 10)
    assert (seen.recoveries, seen.recovered, seen.recovery_rate) == (4, 3, 0.75)


def test_statistics_are_plain_data() -> None:
    of = recorded(noted(), noted(component=None))
    assert json.loads(json.dumps(of.statistics(0.0, 10).to_dict()))["by_component"]["orders"]["by_category"] == {"network": 1}


def test_a_record_is_plain_data_without_secrets() -> None:
    record = record_of(noted(text="GET /order?signature=abcdef failed; api_key=topsecret " + "x" * 1000))
    shown = json.dumps(record.to_dict()) + repr(record)
    assert "abcdef" not in shown
    assert "topsecret" not in shown
    assert len(record.message) == 200


# Rates


def test_a_rate_is_of_the_last_window() -> None:
    of = recorded(*[noted(float(at)) for at in range(30)], window=60.0)
    assert [of.statistics(now, 10).per_minute for now in (29.0, 60.0, 75.0, 90.0)] == [30.0, 29.0, 14.0, 0.0]


def test_a_rate_is_per_minute_whatever_the_window_is() -> None:
    of = recorded(*[noted(1.0) for _ in range(5)], window=10.0)
    assert of.statistics(1.0, 10).per_minute == 30.0


def test_components_and_categories_have_rates_of_their_own() -> None:
    of = recorded(noted(0.0), noted(50.0, component="books", category=Category.ORDER))
    seen = of.statistics(70.0, 10)
    assert [(name, line.per_minute) for name, line in [*seen.by_component.items(), *seen.by_category.items()]] == [
        ("orders", 0.0),
        ("books", 1.0),
        ("network", 0.0),
        ("order", 1.0),
    ]


def test_a_time_that_is_a_little_older_than_the_last_is_taken_for_that() -> None:
    window = RateWindow()
    window.add(10)
    window.add(9)
    assert (window.count(69), len(window._buckets), window.count(70)) == (2, 1, 0)


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(0, 100))
@settings(max_examples=settings().max_examples * 40 // 100)
def test_the_window_counts_as_one_that_forgets_nothing(steps: list[int], later: int) -> None:
    window, number, numbers = RateWindow(), 0, []
    for step in steps:
        number += step
        window.add(number)
        numbers.append(number)
        assert window.count(number) == sum(number - 60 < one for one in numbers)
        assert len(window._buckets) <= 60
    number += later
    assert window.count(number) == sum(number - 60 < one for one in numbers)


# The most common


def test_the_most_common_errors_come_first() -> None:
    top = TopCounts(10)
    for name in "abcbcc":
        top.add(name)
    assert [(one.name, one.count, one.over) for one in top.top(2)] == [("c", 3, 0), ("b", 2, 0)]


def test_an_error_that_becomes_common_late_is_found_although_rare_ones_came_first() -> None:
    top = TopCounts(3)
    for number in range(1000):
        top.add(f"rare {number}")
        if number > 500:
            top.add("common")
    assert top.top(1)[0].name == "common"
    assert top.dropped > 900


@given(st.lists(st.sampled_from("abcdefghij"), max_size=80), st.integers(1, 5))
@settings(max_examples=settings().max_examples * 40 // 100)
def test_counts_of_the_most_common_are_too_high_by_no_more_than_they_say(names: list[str], kept: int) -> None:
    top, true = TopCounts(kept), Counter(names)
    for name in names:
        top.add(name)
    seen = {one.name: one for one in top.top(kept)}
    assert len(seen) <= kept
    assert sum(one.count for one in seen.values()) == len(names)
    for one in seen.values():
        assert one.count - one.over <= true[one.name] <= one.count
    for name, count in true.items():
        assert count <= len(names) / kept or name in seen


# The whole ledger beside one that keeps every error


class AnyErrors(RuleBasedStateMachine):
    WINDOW, HISTORY, LABELS = 30.0, 5, 2

    def __init__(self) -> None:
        super().__init__()
        self.ledger = ledger(window=self.WINDOW, history=self.HISTORY, labels=self.LABELS, names=20)
        self.now = 0.0
        self.all: list[Noted] = []
        self.recoveries: list[bool] = []

    @rule(seconds=st.sampled_from([0.0, 0.3, 1.0, 7.0, 29.5, 30.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        component=st.sampled_from([None, "a", "b", "c", "d"]),
        category=st.sampled_from([Category.NETWORK, Category.ORDER, Category.BUG]),
        code=st.sampled_from(["x", "y", "z"]),
        handled=st.booleans(),
    )
    def record(self, component: str | None, category: Category, code: str, handled: bool) -> None:
        entry = noted(self.now, component=component, category=category, code=code, handled=handled)
        self.all.append(entry)
        self.ledger.record(entry)

    @rule(recovered=st.booleans())
    def recovery(self, recovered: bool) -> None:
        self.recoveries.append(recovered)
        self.ledger.recovery(recovered=recovered)

    def rate(self, entries: list[Noted]) -> float:
        step = self.WINDOW / 60
        lately = sum(int(self.now // step) - int(entry.at // step) < 60 for entry in entries)
        return lately * 60.0 / self.WINDOW

    @invariant()
    def it_counts_as_one_that_forgets_nothing(self) -> None:
        seen = self.ledger.statistics(self.now, 20)
        assert (seen.total, seen.handled) == (len(self.all), sum(entry.handled for entry in self.all))
        assert seen.per_minute == pytest.approx(self.rate(self.all))
        assert Counter({one.name: one.count for one in seen.most_common}) == Counter(entry.code for entry in self.all)
        named = [one for one in dict.fromkeys(entry.component for entry in self.all) if one is not None][: self.LABELS]
        lines: dict[str, list[Noted]] = {}
        for entry in self.all:
            name = NOWHERE if entry.component is None else entry.component if entry.component in named else OTHER
            lines.setdefault(name, []).append(entry)
        assert {name: line.total for name, line in seen.by_component.items()} == {name: len(of) for name, of in lines.items()}
        for name, of in lines.items():
            line = seen.by_component[name]
            assert line.per_minute == pytest.approx(self.rate(of))
            assert line.by_category == Counter(entry.category.value for entry in of)
        assert seen.labels_dropped == len(lines.get(OTHER, ()))
        for category, line in seen.by_category.items():
            of = [entry for entry in self.all if entry.category.value == category]
            assert (line.total, line.per_minute) == (len(of), pytest.approx(self.rate(of)))
        assert self.ledger.recent() == self.all[-self.HISTORY :]
        assert seen.history_dropped == max(len(self.all) - self.HISTORY, 0)
        assert (seen.recoveries, seen.recovered) == (len(self.recoveries), sum(self.recoveries))


TestAnyErrors = AnyErrors.TestCase
TestAnyErrors.settings = settings(max_examples=settings().max_examples * 25 // 100, stateful_step_count=20)


# Alerts


def fired(rule: AlertRule, *entries: Noted) -> list[tuple[float, int, int]]:
    """When the rule fires, for how many errors, and how often it was held back before."""
    book = AlertBook([rule])
    return [(entry.at, due.count, due.suppressed) for entry in entries for due in book.judge(entry)]


def test_a_rule_without_a_number_fires_at_the_first_error_that_fits() -> None:
    rule = AlertRule("critical", severity=Severity.CRITICAL)
    assert fired(rule, noted(0.0), noted(1.0, severity=Severity.CRITICAL)) == [(1.0, 1, 0)]


def test_a_rule_fires_at_its_count_in_the_window() -> None:
    assert fired(AlertRule("many", count=3, window=60.0), *[noted(at) for at in (0.0, 1.0, 2.0)]) == [(2.0, 3, 0)]


def test_errors_that_left_the_window_do_not_count() -> None:
    assert fired(AlertRule("many", count=2, window=60.0), noted(0.0), noted(60.0), noted(119.0)) == [(119.0, 2, 0)]


def test_a_rule_fires_at_its_rate() -> None:
    rule = AlertRule("fast", rate=30.0, window=10.0)
    assert fired(rule, *[noted(float(at)) for at in range(5)]) == [(4.0, 5, 0)]


def test_a_rule_with_a_rate_and_a_count_needs_both() -> None:
    rule = AlertRule("both", rate=1.0, count=3)
    assert fired(rule, noted(0.0), noted(1.0), noted(2.0)) == [(2.0, 3, 0)]


@pytest.mark.parametrize(
    ("conditions", "fits"),
    [
        ({"category": Category.NETWORK}, True),
        ({"category": "network"}, True),
        ({"category": (Category.ORDER, Category.BUG)}, False),
        ({"component": "orders"}, True),
        ({"component": ["books"]}, False),
        ({"severity": Severity.WARNING}, True),
        ({"severity": Severity.ERROR}, False),
    ],
)
def test_a_rule_looks_only_at_errors_that_fit(conditions: dict[str, Any], fits: bool) -> None:
    assert bool(fired(AlertRule("any", **conditions), noted())) is fits


def test_after_an_alert_there_is_none_before_the_cooldown_is_over_and_what_was_held_back_is_told() -> None:
    entries = [noted(float(at)) for at in (0, 1, 2, 100, 299, 300, 301)]
    assert fired(AlertRule("any", cooldown=300.0), *entries) == [(0.0, 1, 0), (300.0, 2, 4)]


def test_without_a_cooldown_every_error_is_told() -> None:
    assert len(fired(AlertRule("any", cooldown=0.0), noted(0.0), noted(0.0))) == 2


def test_each_rule_has_a_cooldown_of_its_own() -> None:
    book = AlertBook([AlertRule("a"), AlertRule("b", severity=Severity.CRITICAL)])
    names = [[due.rule.name for due in book.judge(noted(severity=one))] for one in (Severity.WARNING, Severity.CRITICAL)]
    assert (names, book.fired, book.suppressed) == ([["a"], ["b"]], 2, 1)


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 3.0, 10.0, 40.0]), st.booleans()), max_size=50),
    st.integers(1, 4),
    st.sampled_from([0.0, 5.0, 50.0]),
)
@settings(max_examples=settings().max_examples * 40 // 100)
def test_alerts_are_those_of_a_rule_that_keeps_all(steps: list[tuple[float, bool]], count: int, cooldown: float) -> None:
    rule = AlertRule("any", count=count, window=30.0, cooldown=cooldown, category=Category.NETWORK)
    now, last, held = 0.0, -1e9, 0
    entries: list[Noted] = []
    fitting: list[float] = []
    expected: list[tuple[float, int, int]] = []
    for pause, fits in steps:
        now += pause
        entries.append(noted(now, category=Category.NETWORK if fits else Category.BUG))
        if fits:
            fitting.append(now)
            lately = sum(int(now * 2) - int(at * 2) < 60 for at in fitting)
            if lately >= count:
                if now - last >= cooldown:
                    expected.append((now, lately, held))
                    last, held = now, 0
                else:
                    held += 1
    assert fired(rule, *entries) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", ""),
        ("rate", 0),
        ("count", 0),
        ("window", 0),
        ("severity", "bad"),
        ("category", "networks"),
        ("component", 7),
        ("cooldown", -1),
    ],
)
def test_a_wrong_rule_is_refused(name: str, value: Any) -> None:
    with pytest.raises(SpecError) as caught:
        AlertRule(**{"name": "any", name: value})
    assert caught.value.field == f"AlertRule.{name}"
